/* SPDX-License-Identifier: MIT */
/*
 * The local APIC of each CPU. One register access for both modes: MMIO page (xAPIC) or
 * MSRs (x2APIC, taken when the CPU has it or firmware left it on). The two halves of an
 * xAPIC command are written with interrupts off; otherwise everything is this CPU's own
 * and needs no lock. Intel SDM vol. 3, chapter "APIC".
 */
#include "hw/lapic.h"

#include "hw/acpi.h"
#include "hw/irq.h"
#include "hw/percpu.h"
#include "hw/pgtab.h"
#include "hw/time.h"
#include "lib/log.h"

#define REG_ID            0x20u
#define REG_VERSION       0x30u
#define REG_TPR           0x80u
#define REG_EOI           0xb0u
#define REG_SVR           0xf0u
#define REG_ISR           0x100u
#define REG_ESR           0x280u
#define REG_ICR           0x300u
#define REG_ICR_HIGH      0x310u
#define REG_LVT_TIMER     0x320u
#define REG_LVT_PERF      0x340u
#define REG_LVT_LINT0     0x350u
#define REG_LVT_LINT1     0x360u
#define REG_LVT_ERROR     0x370u
#define REG_TIMER_INITIAL 0x380u
#define REG_TIMER_NOW     0x390u
#define REG_TIMER_DIVIDE  0x3e0u
#define LVT_MASKED        0x10000u
#define LVT_NMI           0x400u
#define LVT_DEADLINE      0x40000u
#define ICR_NMI           0x4400u
#define ICR_INIT          0x4500u
#define ICR_SIPI          0x4600u
#define ICR_FIXED         0x4000u
#define ICR_BUSY          0x1000u
#define BASE_X2           BIT(10)
#define BASE_ENABLE       BIT(11)
#define CALIBRATE_NS      20000000u

static volatile u32 *mmio;
static bool is_x2, has_deadline;
static u64 base;
static u64 ticks_per_ns; /* timer frequency in ticks per ns, 32.32 */
static u32 id_of[CPU_MAX];

static u32 lapic_read(u32 reg)
{
    return is_x2 ? (u32)cpu_rdmsr(MSR_X2APIC_BASE + (reg >> 4)) : mmio[reg / 4];
}
static void lapic_write(u32 reg, u32 v)
{
    if (is_x2)
        cpu_wrmsr(MSR_X2APIC_BASE + (reg >> 4), v);
    else
        mmio[reg / 4] = v;
}

void lapic_eoi(void)
{
    lapic_write(REG_EOI, 0);
}

bool lapic_is_serving(u8 vector)
{
    return (lapic_read(REG_ISR + 0x10u * (vector / 32u)) >> (vector % 32)) & 1;
}

static void lapic_error(struct regs *r, void *arg)
{
    static u32 count;
    (void)r, (void)arg;
    lapic_write(REG_ESR, 0);
    u32 v = lapic_read(REG_ESR);
    lapic_eoi();
    if (atomic_add(&count, 1) <= 4)
        log_warn("CPU%u: local APIC reports error 0x%x", cpu_id(), v);
}

static void lapic_spurious(struct regs *r, void *arg)
{
    (void)r, (void)arg; /* no EOI belongs to it; irq_handle has counted it */
}

/* Before LINT0 is masked: behind a masked pin its request would hang in the CPU for ever (QEMU's
 * emulator then delivers an interrupt without a number). */
static __init void pic_silence(void)
{
    static const struct {
        u8 port, v;
    } seq[] = {{0x20, 0x11}, {0xa0, 0x11}, {0x21, 0x20}, {0xa1, 0x28}, {0x21, 0x04},
               {0xa1, 0x02}, {0x21, 0x01}, {0xa1, 0x01}, {0x21, 0xff}, {0xa1, 0xff}};
    for (u32 i = 0; i < ARRAY_COUNT(seq); i++) {
        cpu_out8(seq[i].port, seq[i].v);
        cpu_out8(0x80, 0); /* old chips want a moment */
    }
}

__init void lapic_init(void)
{
    u64 msr = cpu_rdmsr(MSR_APIC_BASE);
    pic_silence();
    base = msr & 0xffffffffff000ull;
    is_x2 = (msr & BASE_X2) || cpu_has(CPU_F_X2APIC);
    has_deadline = cpu_has(CPU_F_TSC_DL);
    if (!is_x2)
        mmio = pgtab_ioremap(paddr(base), PAGE_SIZE, HV_UC);
    if (!is_x2 && !mmio)
        panic("local APIC: no room to map its page at 0x%llx", (unsigned long long)base);
    irq_bind(VEC_ERROR, lapic_error, NULL);
    irq_bind(VEC_SPURIOUS, lapic_spurious, NULL);
}

void lapic_init_this(void)
{
    u64 msr = cpu_rdmsr(MSR_APIC_BASE) | BASE_ENABLE;
    cpu_wrmsr(MSR_APIC_BASE, msr); /* x2APIC may only be entered from the enabled xAPIC */
    if (is_x2)
        cpu_wrmsr(MSR_APIC_BASE, msr | BASE_X2);
    lapic_write(REG_SVR, 0x100u | VEC_SPURIOUS); /* first: a disabled APIC keeps its LVTs masked */
    lapic_write(REG_TPR, 0);
    lapic_write(REG_LVT_LINT0, LVT_MASKED);
    lapic_write(REG_LVT_LINT1, LVT_NMI);
    if ((lapic_read(REG_VERSION) >> 16 & 0xff) >= 4)
        lapic_write(REG_LVT_PERF, LVT_MASKED);
    lapic_write(REG_LVT_ERROR, VEC_ERROR);
    lapic_write(REG_TIMER_INITIAL, 0);
    lapic_write(REG_TIMER_DIVIDE, 0xb); /* by 1 */
    lapic_write(REG_LVT_TIMER, VEC_TIMER | (has_deadline ? LVT_DEADLINE : 0));
    __asm__ volatile("mfence" ::: "memory"); /* deadline mode in force before its MSR is written */
    for (u32 i = 0; i < 256 && lapic_read(REG_ISR + 0x10 * (i / 32)); i++)
        lapic_eoi(); /* left over from firmware */
    lapic_set_id_of(cpu_id(), lapic_id());
}

u32 lapic_id(void)
{
    u32 v = lapic_read(REG_ID);
    return is_x2 ? v : v >> 24;
}
u32 lapic_id_of(u32 cpu)
{
    return id_of[cpu];
}
void lapic_set_id_of(u32 cpu, u32 apic_id)
{
    id_of[cpu] = apic_id;
}

static void lapic_wait(void)
{
    for (u32 i = 0; i < 1000000 && (lapic_read(REG_ICR) & ICR_BUSY); i++)
        cpu_relax();
}

static void lapic_command(u32 apic_id, u32 command)
{
    if (is_x2) {
        __asm__ volatile("mfence; lfence" ::: "memory"); /* the MSR write would overtake stores */
        cpu_wrmsr(MSR_X2APIC_BASE + (REG_ICR >> 4), (u64)apic_id << 32 | command);
        return;
    }
    u64 flags = cpu_irq_save();
    lapic_wait();
    lapic_write(REG_ICR_HIGH, apic_id << 24);
    lapic_write(REG_ICR, command);
    lapic_wait();
    cpu_irq_restore(flags);
}

void lapic_ipi(u32 cpu, u8 vector)
{
    lapic_command(id_of[cpu], ICR_FIXED | vector);
}
void lapic_ipi_nmi(u32 cpu)
{
    lapic_command(id_of[cpu], ICR_NMI);
}

void lapic_start_ap(u32 apic_id, u32 start_page)
{
    lapic_command(apic_id, ICR_INIT);
    time_udelay(10000);
    lapic_command(apic_id, ICR_SIPI | start_page);
    time_udelay(200);
    lapic_command(apic_id, ICR_SIPI | start_page);
}

__init void lapic_timer_calibrate(void)
{
    if (has_deadline) {
        log_info("local APIC: %s, TSC deadline timer", is_x2 ? "x2APIC" : "xAPIC");
        return;
    }
    u64 flags = cpu_irq_save();
    lapic_write(REG_LVT_TIMER, VEC_TIMER | LVT_MASKED);
    lapic_write(REG_TIMER_INITIAL, ~0u);
    u64 start = time_now();
    u32 first = lapic_read(REG_TIMER_NOW), last;
    u64 now;
    do {
        cpu_relax();
        now = time_now();
        last = lapic_read(REG_TIMER_NOW);
    } while (now - start < CALIBRATE_NS && last);
    lapic_write(REG_TIMER_INITIAL, 0);
    lapic_write(REG_LVT_TIMER, VEC_TIMER);
    cpu_irq_restore(flags);
    ticks_per_ns = ((u64)(first - last) << 32) / (now - start);
    if (!ticks_per_ns || !last)
        panic("local APIC: its timer does not count, or too fast (%u ticks in 20 ms)", first - last);
    log_info("local APIC: %s, timer %llu kHz", is_x2 ? "x2APIC" : "xAPIC",
             (unsigned long long)((ticks_per_ns * 1000000) >> 32));
}

void lapic_timer_set(u64 deadline_ns)
{
    if (has_deadline) {
        cpu_wrmsr(MSR_TSC_DEADLINE, deadline_ns ? time_to_tsc(deadline_ns) : 0);
        return;
    }
    u32 count = 0;
    if (deadline_ns) {
        u64 now = time_now();
        u64 d = deadline_ns > now ? min(deadline_ns - now, 1ull << 31) : 0;
        u64 ticks = (u64)(((u128)d * ticks_per_ns) >> 32) + 1;
        count = (u32)min(ticks, 0xffffffffull);
    }
    lapic_write(REG_TIMER_INITIAL, count);
}

bool lapic_is_x2(void)
{
    return is_x2;
}
u64 lapic_base(void)
{
    return base;
}
