/* SPDX-License-Identifier: MIT */
/*
 * The other CPUs: function calls across CPUs (one at a time, acknowledged per CPU), the kick, the stop. boot/ap.c
 * brings them up. No lock: a flag taken by an exchange.
 */
#include "hw/smp.h"

#include "hw/irq.h"
#include "hw/lapic.h"
#include "hw/percpu.h"
#include "hw/time.h"
#include "hw/tlb.h"

#define STOP_MS 100u

static struct {
    u32 is_taken;
    void (*fn)(void *);
    void *arg;
    cpuset_t pending; /* published last: pairs with call_serve */
} request;
static u32 is_stopping;
static cpuset_t stopped;

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

__init void smp_init(void)
{
    irq_bind(VEC_IPI_CALL, call_vector, NULL);
    irq_bind(VEC_IPI_WORK, work_vector, NULL);
}
