/* SPDX-License-Identifier: MIT */
/*
 * TLB flushes and the clock that counts them. A flush takes its number first and does its
 * work afterwards, so a debt stamped in between counts as not yet paid. One request to
 * other CPUs at a time, with a vector of its own; who waits for the request lock or for
 * answers keeps answering, so that two CPUs with interrupts off can flush each other.
 */
#include "hw/tlb.h"

#include "hw/irq.h"
#include "hw/lapic.h"
#include "hw/percpu.h"

#define FLUSH_ALL     (~0ull)
#define CPU_F_INVPCID CPU_F(CPU_7B, 10)

u32 tlb_clock = 1;
u32 tlb_flushed_at[CPU_MAX];

static struct {
    u32 is_taken;
    u64 va; /* or FLUSH_ALL; written before `pending`, which publishes it */
    cpuset_t pending;
} request;

/* The clock comes round after four billion flushes. Numbers of before would then look new, so they are forgotten in
 * time: from ZONE_1 on a flush notes 0, which counts as late for ever, and everybody's number is dropped at ZONE_1 and
 * ZONE_2; a CPU that was held up between taking and noting its number sees how far the clock has gone. */
#define ZONE_1 0xfff00000u
#define ZONE_2 0xfff80000u

static u32 clock_tick(void)
{
    u32 c = atomic_add(&tlb_clock, 1);
    if (unlikely(c == ZONE_1 || c == ZONE_2))
        for (u32 i = 0; i < CPU_MAX; i++)
            (void)atomic_xchg(&tlb_flushed_at[i], 0);
    return c;
}

static void clock_note(u32 c)
{
    u32 *mine = &tlb_flushed_at[cpu_id()];
    WRITE_ONCE(*mine, c < ZONE_1 ? c : 0);
    barrier();
    if (unlikely(READ_ONCE(tlb_clock) - c > (ZONE_2 - ZONE_1) / 2))
        WRITE_ONCE(*mine, 0);
}

static inline void invpcid_all(void)
{
    struct {
        u64 pcid, address;
    } none = {0, 0};
    __asm__ volatile("invpcid %0, %1" : : "m"(none), "r"(2ul) : "memory");
}

/* Global entries go by INVPCID or, where there is none, by taking CR4.PGE away for a moment. */
static inline void flush_all(bool is_loading, u64 cr3)
{
    u64 flags = cpu_irq_save(), cr4 = 0;
    u32 c = clock_tick();
    bool has_invpcid = cpu_has(CPU_F_INVPCID);
    if (!has_invpcid) {
        cr4 = cpu_read_cr4();
        cpu_write_cr4(cr4 & ~CR4_PGE);
    }
    if (is_loading)
        cpu_write_cr3(cr3);
    if (has_invpcid)
        invpcid_all();
    else
        cpu_write_cr4(cr4);
    clock_note(c);
    cpu_irq_restore(flags);
}

void tlb_load_cr3(u64 cr3)
{
    flush_all(true, cr3);
}

void tlb_flush_local(void)
{
    flush_all(false, 0);
}

static void flush_here(u64 va)
{
    if (va == FLUSH_ALL)
        tlb_flush_local();
    else
        cpu_invlpg(va);
}

void tlb_ipi(void)
{
    u64 flags = cpu_irq_save();
    if (atomic_load(&request.pending) & BIT(cpu_id())) {
        flush_here(request.va);
        (void)atomic_and(&request.pending, ~BIT(cpu_id()));
    }
    cpu_irq_restore(flags);
}

static void tlb_vector(struct regs *r, void *arg)
{
    (void)r, (void)arg;
    lapic_eoi();
    tlb_ipi();
}

static void flush_on(cpuset_t cpus, u64 va)
{
    cpuset_t others = cpus & atomic_load(&cpu_online) & ~BIT(cpu_id());
    if (others) {
        while (atomic_xchg(&request.is_taken, 1)) {
            cpu_relax();
            tlb_ipi();
        }
        request.va = va;
        atomic_store(&request.pending, others);
        for (cpuset_t left = others; left; left &= left - 1)
            lapic_ipi(bit_lowest(left), VEC_IPI_TLB);
    }
    if (cpus & BIT(cpu_id()))
        flush_here(va);
    if (others) {
        while (atomic_load(&request.pending))
            cpu_relax();
        atomic_store(&request.is_taken, 0);
    }
}

void tlb_flush_cpus(cpuset_t cpus)
{
    flush_on(cpus, FLUSH_ALL);
}

void tlb_invlpg_cpus(cpuset_t cpus, u64 va)
{
    flush_on(cpus, va);
}

void tlb_settle(u32 stamp, cpuset_t cpus)
{
    cpuset_t late = 0;
    if (!stamp)
        return;
    for (cpuset_t left = cpus; left; left &= left - 1) {
        u32 cpu = bit_lowest(left);
        if (READ_ONCE(tlb_flushed_at[cpu]) <= stamp)
            late |= BIT(cpu);
    }
    if (late)
        tlb_flush_cpus(late);
}

void tlb_init_this(void)
{
    irq_bind(VEC_IPI_TLB, tlb_vector, NULL);
    tlb_flush_local();
}
