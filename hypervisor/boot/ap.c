/* SPDX-License-Identifier: MIT */
/*
 * The other CPUs are brought up one by one through the trampoline of ap_start.S. An AP takes its stack out of the
 * trampoline's mailbox with one exchange: whoever gets it, the AP or CPU 0 giving up, decides whether this CPU runs.
 * On its way each AP compares its TSC with CPU 0's, which answers while it waits.
 */
#include "boot/acpi.h"
#include "boot/ap.h"
#include "boot/bringup.h"
#include "core/sched.h"
#include "hw/lapic.h"
#include "hw/pgtab.h"
#include "hw/smp.h"
#include "hw/spec.h"
#include "hw/tlb.h"
#include "lib/log.h"
#include "lib/string.h"
#include "hvm/hvm.h"
#include "pv/pv.h"

#define ICR_INIT       0x4500u
#define ICR_SIPI       0x4600u
#define ANSWER_MS      200u           /* INIT to the first sign of life */
#define ANSWER_SLOW_MS 3000u          /* the same where a busy host may not let the AP run */
#define READY_NS       10000000000ull /* from there to its place in cpu_online */
#define TSC_SKEW_US    10

static struct {
    u32 ping, pong;
    u64 tsc; /* written before pong */
} compare;

/* CPU 0's half of the comparison: each ping is answered with a TSC value read after it was seen. */
static __init void tsc_answer(void)
{
    u32 n = atomic_load(&compare.ping);
    if (n != compare.pong) {
        compare.tsc = cpu_tsc_ordered();
        atomic_store(&compare.pong, n);
    }
    cpu_relax();
}

/* An answer lies between question and receipt, so each round bounds the distance from both sides.
 * Delays widen the bounds and never give a false alarm. */
static __init void tsc_compare(void)
{
    s64 least = INT64_MIN, most = INT64_MAX, limit = (s64)(TSC_SKEW_US * (time_tsc_khz()) / 1000);
    u64 give_up = cpu_tsc() + time_tsc_khz() * 500;
    for (u32 i = 0; i < 64 && cpu_tsc() < give_up; i++) {
        s64 asked = (s64)cpu_tsc_ordered();
        u32 n = atomic_add(&compare.ping, 1);
        while (atomic_load(&compare.pong) != n && cpu_tsc() < give_up)
            cpu_relax();
        if (atomic_load(&compare.pong) != n)
            break;
        s64 answered = (s64)compare.tsc;
        least = max(least, asked - answered);
        most = min(most, (s64)cpu_tsc_ordered() - answered);
        if (least >= -limit && most <= limit)
            return;
    }
    if (least > limit || most < -limit)
        log_warn("CPU%u: its TSC is %lld to %lld ticks ahead of CPU0's; time will differ between CPUs", cpu_id(),
                 (long long)least, (long long)most);
}

/* Not in .init, which CPU 0 frees when the last AP has barely come to sched_idle(). */
static void ap_main(u32 cpu)
{
    cpu_init_this();
    desc_init_this();
    desc_init_idt_this();
    lapic_init_this();
    tlb_init_this();
    spec_init_this();
    tsc_compare();
    pv_vcpu_init_this();
    hvm_init_this();
    timer_init_this();
    sched_init_this();
    (void)atomic_or(&cpu_online, BIT(cpu));
    sched_idle();
}

static __init bool ap_wait(u32 cpu)
{
    u64 end = time_now() + READY_NS;
    while (!(atomic_load(&cpu_online) & BIT(cpu)) && time_now() < end)
        tsc_answer();
    return atomic_load(&cpu_online) & BIT(cpu);
}

/* False: this CPU did not answer; its index and stack are free for the next. */
static __init bool start_one(struct ap_mailbox *box, mfn_t page, u32 cpu, u32 apic_id, void *stack)
{
    lapic_id_of[cpu] = apic_id;
    box->cpu = cpu;
    atomic_store(&box->stack, (u64)stack);
    lapic_command(apic_id, ICR_INIT);
    time_udelay(10000); /* these delays are the manual's */
    lapic_command(apic_id, ICR_SIPI | (u32)page.n);
    time_udelay(200);
    lapic_command(apic_id, ICR_SIPI | (u32)page.n);
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

static __init struct ap_mailbox *trampoline_place(mfn_t page)
{
    u8 *at = frame_va(page);
    u32 base = (u32)page.n << PAGE_SHIFT;
    memcpy(at, ap_start, (size_t)(ap_start_end - ap_start));
    struct ap_mailbox *box = (void *)(at + (ap_start_box - ap_start));
    box->cr3 = (u32)mfn_paddr(pgtab_hv_l4()).a;
    box->gdt_base = base + (u32)(ap_start_gdt - ap_start);
    box->jump = base + (u32)(ap_start_64 - ap_start);
    box->entry = (u64)ap_main;
    return box;
}

static __init void low_identity(bool on)
{
    static pte_t *l3;
    if (!l3) {
        l3 = frame_va(pgtab_alloc());
        pte_t *l2 = frame_va(pgtab_alloc());
        l3[0] = pte_make(paddr_mfn(pgtab_paddr(l2)).n, PTE_UPPER);
        l2[0] = PTE_UPPER | PTE_PS;
    }
    pgtab_l4[0] = on ? pte_make(paddr_mfn(pgtab_paddr(l3)).n, PTE_UPPER) : 0;
    pgtab_activate();
}

__init void ap_init(u32 limit, mfn_t low_page)
{
    u32 listed = min(acpi_info.cpu_count, (u32)CPU_MAX);
    smp_init();
    for (u32 i = 0; i < listed; i++)
        if (acpi_info.cpu[i].apic_id == lapic_id_of[0])
            lapic_acpi_id_of[0] = acpi_info.cpu[i].acpi_id;
    if (listed < 2 || limit < 2)
        return;
    if (low_page.n >= 0x100 || mfn_paddr(pgtab_hv_l4()).a >> 32) {
        log_error("other CPUs not started: trampoline page or page table is not in low memory");
        return;
    }
    struct ap_mailbox *box = trampoline_place(low_page);
    void *stack = NULL;
    low_identity(true);
    for (u32 i = 0; i < listed && cpu_count < min(limit, (u32)CPU_MAX); i++) {
        if (acpi_info.cpu[i].apic_id == lapic_id_of[0] || (acpi_info.cpu[i].apic_id > 0xfe && !lapic.is_x2))
            continue;
        if (!stack)
            stack = percpu_create(cpu_count);
        if (!stack) {
            log_error("CPU%u not started: no memory for its stack", cpu_count);
            break;
        }
        lapic_acpi_id_of[cpu_count] = acpi_info.cpu[i].acpi_id;
        if (start_one(box, low_page, cpu_count, acpi_info.cpu[i].apic_id, stack))
            stack = NULL;
    }
    low_identity(false);
    tlb_flush_cpus(cpu_online);
}
