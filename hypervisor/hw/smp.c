/* SPDX-License-Identifier: MIT */
/*
 * The other CPUs: bring-up one by one through the trampoline of smp_ap.S, function calls
 * across CPUs (one at a time, acknowledged per CPU), the kick, the stop. An AP takes
 * its stack out of the trampoline's mailbox with one exchange: whoever gets it, the AP or
 * CPU 0 giving up, decides whether this CPU runs. cpu_online changes only here.
 */
#include "hw/smp.h"

#include "hw/acpi.h"
#include "hw/desc.h"
#include "hw/irq.h"
#include "hw/lapic.h"
#include "hw/percpu.h"
#include "hw/pgtab.h"
#include "hw/smp_ap.h"
#include "hw/spec.h"
#include "hw/time.h"
#include "hw/tlb.h"
#include "hw/trap.h"
#include "lib/log.h"
#include "lib/string.h"

#define ANSWER_MS      200u           /* INIT to the first sign of life */
#define ANSWER_SLOW_MS 3000u          /* the same where a busy host may not let the AP run */
#define READY_NS       10000000000ull /* from there to smp_ap_ready() */
#define STOP_MS        100u

static struct {
    u32 is_taken;
    void (*fn)(void *);
    void *arg;
    cpuset_t pending; /* published last: pairs with call_serve */
} request;
static u32 is_stopping;
static cpuset_t stopped;
static void (*ap_entry)(u32 cpu) __noreturn;

static void call_serve(void)
{
    cpuset_t me = BIT(cpu_id());
    if (atomic_load(&is_stopping)) {
        (void)atomic_or(&stopped, me);
        cpu_halt_forever();
    }
    if (atomic_load(&request.pending) & me) {
        request.fn(request.arg);
        (void)atomic_and(&request.pending, ~me);
    }
}

static void call_vector(struct regs *r, void *arg)
{
    (void)r, (void)arg;
    lapic_eoi();
    call_serve();
}

static void work_vector(struct regs *r, void *arg)
{
    (void)r, (void)arg;
    lapic_eoi(); /* being here is all that was wanted */
}

/* While waiting with interrupts off, do what their handlers would. */
static void smp_wait(void)
{
    cpu_relax();
    if (cpu_irq_is_enabled())
        return;
    tlb_ipi();
    call_serve();
}

void smp_call(cpuset_t cpus, void (*fn)(void *), void *arg)
{
    cpuset_t others = cpus & atomic_load(&cpu_online) & ~BIT(cpu_id());
    if (others) {
        while (atomic_xchg(&request.is_taken, 1))
            smp_wait();
        request.fn = fn;
        request.arg = arg;
        atomic_store(&request.pending, others);
        for (cpuset_t left = others; left; left &= left - 1)
            lapic_ipi(bit_lowest(left), VEC_IPI_CALL);
    }
    if (cpus & BIT(cpu_id())) {
        u64 flags = cpu_irq_save();
        fn(arg);
        cpu_irq_restore(flags);
    }
    if (others) {
        while (atomic_load(&request.pending))
            smp_wait();
        atomic_store(&request.is_taken, 0);
    }
}

void smp_kick(u32 cpu)
{
    lapic_ipi(cpu, VEC_IPI_WORK);
}

void smp_stop_others(void)
{
    cpuset_t others = atomic_load(&cpu_online) & ~BIT(cpu_id());
    if (!others || atomic_xchg(&is_stopping, 1))
        return;
    for (cpuset_t left = others; left; left &= left - 1)
        lapic_ipi(bit_lowest(left), VEC_IPI_CALL);
    for (u32 ms = 0; ms < STOP_MS && (atomic_load(&stopped) & others) != others; ms++)
        time_udelay(1000);
}

void smp_ap_main(u32 cpu)
{
    cpu_init_this();
    desc_init_this(percpu_stack[cpu]);
    trap_init_this();
    lapic_init_this();
    tlb_init_this();
    spec_init_this();
    time_init_this();
    ap_entry(cpu);
}

void smp_ap_ready(void)
{
    (void)atomic_or(&cpu_online, BIT(cpu_id()));
}

static __init bool ap_wait(u32 cpu)
{
    u64 end = time_now() + READY_NS;
    while (!(atomic_load(&cpu_online) & BIT(cpu)) && time_now() < end)
        time_beacon();
    return atomic_load(&cpu_online) & BIT(cpu);
}

/* False: this CPU did not answer; its index and stack are free for the next. */
static __init bool ap_start(struct smp_mailbox *box, mfn_t page, u32 cpu, u32 apic_id, void *stack)
{
    lapic_set_id_of(cpu, apic_id);
    box->cpu = cpu;
    atomic_store(&box->stack, (u64)stack);
    lapic_start_ap(apic_id, (u32)page.n);
    u32 patience = cpu_desc.is_tcg ? ANSWER_SLOW_MS : ANSWER_MS;
    u64 end = time_now() + patience * 1000000ull;
    while (atomic_load(&box->stack) && time_now() < end)
        cpu_relax();
    if (atomic_xchg(&box->stack, 0)) {
        log_error("CPU with APIC id %u did not start within %u ms, going on without it", apic_id, patience);
        return false;
    }
    if (!ap_wait(cpu))
        panic("CPU%u (APIC id %u) started and then hung while it set itself up", cpu, apic_id);
    cpu_count = cpu + 1;
    return true;
}

static __init struct smp_mailbox *trampoline_place(mfn_t page)
{
    u8 *at = frame_va(page);
    u32 base = (u32)page.n << PAGE_SHIFT;
    memcpy(at, smp_trampoline, (size_t)(smp_trampoline_end - smp_trampoline));
    struct smp_mailbox *box = (void *)(at + (smp_trampoline_box - smp_trampoline));
    box->cr3 = (u32)mfn_paddr(pgtab_hv_l4()).a;
    box->gdt_base = base + (u32)(smp_trampoline_gdt - smp_trampoline);
    box->jump = base + (u32)(smp_trampoline_64 - smp_trampoline);
    box->entry = (u64)smp_ap_main;
    return box;
}

__init void smp_start(u32 limit, mfn_t low_page, void (*entry)(u32 cpu) __noreturn)
{
    u32 listed = min(acpi_info.cpu_count, (u32)CPU_MAX);
    irq_bind(VEC_IPI_CALL, call_vector, NULL);
    irq_bind(VEC_IPI_WORK, work_vector, NULL);
    if (listed < 2 || limit < 2)
        return;
    if (low_page.n >= 0x100 || mfn_paddr(pgtab_hv_l4()).a >> 32) {
        log_error("other CPUs not started: trampoline page or page table is not in low memory");
        return;
    }
    ap_entry = entry;
    struct smp_mailbox *box = trampoline_place(low_page);
    void *stack = NULL;
    pgtab_low_identity(true);
    for (u32 i = 0; i < listed && cpu_count < min(limit, (u32)CPU_MAX); i++) {
        if (acpi_info.cpu[i].apic_id == lapic_id() || (acpi_info.cpu[i].apic_id > 0xfe && !lapic_is_x2()))
            continue;
        if (!stack)
            stack = percpu_create(cpu_count);
        if (!stack) {
            log_error("CPU%u not started: no memory for its stack", cpu_count);
            break;
        }
        if (ap_start(box, low_page, cpu_count, acpi_info.cpu[i].apic_id, stack))
            stack = NULL;
    }
    pgtab_low_identity(false);
    tlb_flush_cpus(cpu_online);
}
