/* SPDX-License-Identifier: MIT */
/*
 * The local APICs are set up: the mode, the local interrupts, the timer's frequency. The old interrupt controllers are
 * silenced on the way. What is found goes into `lapic` of hw/lapic.h.
 */
#include "boot/bringup.h"
#include "hw/irq.h"
#include "hw/lapic.h"
#include "hw/percpu.h"
#include "hw/pgtab.h"
#include "hw/time.h"
#include "lib/log.h"

#define LAPIC_ID           0x20u
#define LAPIC_VERSION      0x30u
#define LAPIC_TPR          0x80u
#define LAPIC_SVR          0xf0u
#define LAPIC_LVT_TIMER    0x320u
#define LAPIC_LVT_PERF     0x340u
#define LAPIC_LVT_LINT0    0x350u
#define LAPIC_LVT_LINT1    0x360u
#define LAPIC_LVT_ERROR    0x370u
#define LAPIC_TIMER_NOW    0x390u
#define LAPIC_TIMER_DIVIDE 0x3e0u
#define LAPIC_MASKED       0x10000u
#define LAPIC_NMI          0x400u
#define LAPIC_DEADLINE     0x40000u
#define BASE_X2            BIT(10)
#define BASE_ENABLE        BIT(11)
#define CALIBRATE_NS       20000000u

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

static __init u32 id_here(void)
{
    u32 v = lapic_read(LAPIC_ID);
    return lapic.is_x2 ? v : v >> 24;
}

__init void lapic_init(void)
{
    u64 msr = cpu_rdmsr(MSR_APIC_BASE);
    pic_silence();
    lapic.base = msr & 0xffffffffff000ull;
    lapic.is_x2 = (msr & BASE_X2) || cpu_has(CPU_F_X2APIC);
    lapic.has_deadline = cpu_has(CPU_F_TSC_DL);
    if (!lapic.is_x2)
        lapic.mmio = pgtab_ioremap(paddr(lapic.base), PAGE_SIZE, HV_UC);
    if (!lapic.is_x2 && !lapic.mmio)
        panic("local APIC: no room to map its page at 0x%llx", (unsigned long long)lapic.base);
    irq_bind(VEC_ERROR, lapic_error, NULL);
    irq_bind(VEC_SPURIOUS, lapic_spurious, NULL);
}

__init void lapic_init_this(void)
{
    u64 msr = cpu_rdmsr(MSR_APIC_BASE) | BASE_ENABLE;
    cpu_wrmsr(MSR_APIC_BASE, msr); /* x2APIC may only be entered from the enabled xAPIC */
    if (lapic.is_x2)
        cpu_wrmsr(MSR_APIC_BASE, msr | BASE_X2);
    lapic_write(LAPIC_SVR, 0x100u | VEC_SPURIOUS); /* first: a disabled APIC keeps its LVTs masked */
    lapic_write(LAPIC_TPR, 0);
    lapic_write(LAPIC_LVT_LINT0, LAPIC_MASKED);
    lapic_write(LAPIC_LVT_LINT1, LAPIC_NMI);
    if ((lapic_read(LAPIC_VERSION) >> 16 & 0xff) >= 4)
        lapic_write(LAPIC_LVT_PERF, LAPIC_MASKED);
    lapic_write(LAPIC_LVT_ERROR, VEC_ERROR);
    lapic_write(LAPIC_TIMER_INITIAL, 0);
    lapic_write(LAPIC_TIMER_DIVIDE, 0xb); /* by 1 */
    lapic_write(LAPIC_LVT_TIMER, VEC_TIMER | (lapic.has_deadline ? LAPIC_DEADLINE : 0));
    __asm__ volatile("mfence" ::: "memory"); /* deadline mode in force before its MSR is written */
    for (u32 i = 0; i < 256 && lapic_read(LAPIC_ISR + 0x10 * (i / 32)); i++)
        lapic_eoi(); /* left over from firmware */
    lapic_id_of[cpu_id()] = id_here();
}

__init void lapic_init_timer(void)
{
    if (lapic.has_deadline) {
        log_info("local APIC: %s, TSC deadline timer", lapic.is_x2 ? "x2APIC" : "xAPIC");
        return;
    }
    u64 flags = cpu_irq_save();
    lapic_write(LAPIC_LVT_TIMER, VEC_TIMER | LAPIC_MASKED);
    lapic_write(LAPIC_TIMER_INITIAL, ~0u);
    u64 start = time_now();
    u32 first = lapic_read(LAPIC_TIMER_NOW), last;
    u64 now;
    do {
        cpu_relax();
        now = time_now();
        last = lapic_read(LAPIC_TIMER_NOW);
    } while (now - start < CALIBRATE_NS && last);
    lapic_write(LAPIC_TIMER_INITIAL, 0);
    lapic_write(LAPIC_LVT_TIMER, VEC_TIMER);
    cpu_irq_restore(flags);
    lapic.ticks_per_ns = ((u64)(first - last) << 32) / (now - start);
    if (!lapic.ticks_per_ns || !last)
        panic("local APIC: its timer does not count, or too fast (%u ticks in 20 ms)", first - last);
    log_info("local APIC: %s, timer %llu kHz", lapic.is_x2 ? "x2APIC" : "xAPIC",
             (unsigned long long)((lapic.ticks_per_ns * 1000000) >> 32));
}
