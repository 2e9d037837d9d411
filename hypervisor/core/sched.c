/* SPDX-License-Identifier: MIT */
/*
 * The mechanism: states of units, one run queue a CPU, the switch. Who runs next is
 * sched_credit.c's business. All of a unit's scheduling state is under the lock of the queue that
 * u->cpu names (RANK_SCHED, interrupts off); unit_lock() finds it although units move. A unit moves
 * with both queues locked. The switch itself happens outside the lock: is_on_cpu keeps the next CPU
 * from entering a unit that is still being put away. No callback runs here but account().
 */
#include "core/console.h"
#include "core/frame.h"
#include "core/sched_policy.h"
#include "core/sched_stack.h"
#include "core/work.h"
#include "hw/time.h"
#include "lib/errno.h"

PERCPU(struct runq, sched_runq);
cpuset_t sched_ready, sched_idlers, sched_waiting;

static void state_set(struct unit *u, u8 state, u64 now)
{
    if (u->state == state)
        return;
    u->state = state;
    u->ops->account(u, state, now);
}

static struct runq *unit_lock(const struct unit *u, u64 *flags)
{
    for (;;) {
        u32 cpu = READ_ONCE(u->cpu);
        struct runq *q = cpu_var(sched_runq, cpu);
        *flags = lock_take_irq(&q->lock);
        if (likely(cpu == u->cpu))
            return q;
        lock_drop_irq(&q->lock, *flags);
    }
}

/* Have one of the idle CPUs look for something to do; false if there is none left. A CPU is called
 * once: it takes its bit back when it finds nothing. */
static bool call_idler(cpuset_t cpus)
{
    cpuset_t idlers = READ_ONCE(sched_idlers) & cpus;

    for (; idlers; idlers &= idlers - 1) {
        u32 cpu = bit_lowest(idlers);
        if (atomic_test_clear(&sched_idlers, cpu)) {
            WRITE_ONCE(cpu_var(sched_runq, cpu)->is_called, true);
            work_raise_on(cpu, WORK_SCHED);
            return true;
        }
    }
    return false;
}

/* u has just been linked into q: see that some CPU looks at it. The barrier in the first line pairs
 * with the one in choose_next(), where a CPU says that it is idle before it looks for something to
 * steal. */
static void call_cpu(struct runq *q, const struct unit *u, u64 now)
{
    bool is_idle = atomic_test_clear(&sched_idlers, u->cpu), is_right = map_test(&u->affinity, u->cpu);

    if (is_idle && !is_right)
        atomic_or(&sched_idlers, BIT(u->cpu));
    if ((is_idle && is_right) ||
        (!call_idler(u->affinity) && (q->current->is_idle || sched_credit_preempts(q, u, now))))
        work_raise_on(u->cpu, WORK_SCHED);
}

static void make_runnable(struct runq *q, struct unit *u)
{
    u64 now = time_now();

    if (u->pause_count) {
        state_set(u, UNIT_OFFLINE, now);
        return;
    }
    sched_credit_woken(q, u, now);
    state_set(u, UNIT_RUNNABLE, now);
    sched_credit_link(q, u);
    call_cpu(q, u, now);
}

void sched_wake(struct unit *u)
{
    u64 flags;
    struct runq *q = unit_lock(u, &flags);

    u->is_blocking = false;
    if (u->state == UNIT_BLOCKED)
        make_runnable(q, u);
    lock_drop_irq(&q->lock, flags);
}

void sched_block(void)
{
    sched_current()->is_blocking = true;
    work_raise(WORK_SCHED);
}

void sched_yield(void)
{
    struct unit *u = sched_current();
    u64 flags;
    struct runq *q = unit_lock(u, &flags);

    sched_credit_charge(q, time_now());
    sched_credit_yield(q, u);
    lock_drop_irq(&q->lock, flags);
    work_raise(WORK_SCHED);
}

/* The running unit stops or is at least a candidate; returns it if it may go on. */
static struct unit *put_prev(struct runq *q, u64 now)
{
    struct unit *prev = q->current;

    sched_credit_charge(q, now);
    if (prev->is_idle)
        return NULL;
    if (prev->is_attached && !prev->is_blocking && !prev->pause_count)
        return prev;
    state_set(prev, prev->is_attached && prev->is_blocking ? UNIT_BLOCKED : UNIT_OFFLINE, now);
    prev->is_blocking = false;
    return NULL;
}

static struct unit *choose_next(struct runq *q, struct unit *prev, u64 now)
{
    u32 cpu = cpu_id();
    struct unit *next = sched_credit_pick(q, prev, cpu, now);
    bool is_unsure = false;

    if (likely(next))
        return next;
    if (!(sched_idlers & BIT(cpu)))
        atomic_or(&sched_idlers, BIT(cpu)); /* pairs with call_cpu() */
    if (READ_ONCE(sched_waiting) & ~BIT(cpu))
        next = sched_credit_steal(q, cpu, now, &is_unsure);
    if (!next && is_unsure)
        work_raise(WORK_SCHED);
    return next ? next : &q->idle;
}

static cpuset_t unit_cpus(const struct unit *u)
{
    return u->affinity & sched_ready;
}

/* u is where it may not run, and not running: move it to the least busy CPU that is allowed. */
static void unit_migrate(struct unit *u)
{
    u32 from = READ_ONCE(u->cpu), to = from, least = ~0u;
    struct runq *a = cpu_var(sched_runq, from), *b;
    u64 flags, now = time_now();

    for (cpuset_t c = unit_cpus(u); c; c &= c - 1) {
        u32 cpu = bit_lowest(c), busy = READ_ONCE(cpu_var(sched_runq, cpu)->count) * 2;
        busy += !(sched_idlers & BIT(cpu));
        if (busy < least) {
            least = busy;
            to = cpu;
        }
    }
    b = cpu_var(sched_runq, to);
    if (to == from)
        return;
    flags = lock_take_irq(a < b ? &a->lock : &b->lock);
    lock_take(a < b ? &b->lock : &a->lock);
    if (u->cpu == from && !map_test(&u->affinity, from) && u->state != UNIT_RUNNING) {
        if (u->state == UNIT_RUNNABLE)
            sched_credit_unlink(a, u);
        sched_credit_rebase(u, a, b);
        WRITE_ONCE(u->cpu, to);
        if (u->state == UNIT_RUNNABLE) {
            sched_credit_link(b, u);
            call_cpu(b, u, now);
        }
    }
    lock_drop(a < b ? &b->lock : &a->lock);
    lock_drop_irq(a < b ? &a->lock : &b->lock, flags);
}

static __noreturn void switch_to(struct unit *prev, struct unit *next)
{
    prev->ops->leave(prev);
    if (unlikely(!map_test(&prev->affinity, cpu_id())))
        unit_migrate(prev);
    atomic_store(&prev->is_on_cpu, false);          /* from here on prev may run elsewhere, or be freed */
    while (unlikely(atomic_load(&next->is_on_cpu))) /* being put away by the CPU it came from */
        cpu_relax();
    next->is_on_cpu = true;
    cpu_info()->unit = next;
    next->ops->enter(next);
}

/* This CPU is busy now. Whoever waits here, or wherever it was called from, may run on one that idles. Where nobody
 * does, those who called relied on us and have no tick: they look again, and set one. */
static void offer_waiting(struct runq *q)
{
    cpuset_t waiting = q->is_called ? READ_ONCE(sched_waiting) & ~BIT(cpu_id()) : 0;
    cpuset_t idlers = waiting ? READ_ONCE(sched_idlers) : 0;

    q->is_called = false;
    for (; waiting && !idlers; waiting &= waiting - 1)
        work_raise_on(bit_lowest(waiting), WORK_SCHED);
    for (; idlers; idlers &= idlers - 1) /* a copy: they may be back before we are through */
        (void)call_idler(idlers & -idlers);
    if (READ_ONCE(sched_idlers))
        list_for_each(at, &q->queue)(void) call_idler(list_item(at, struct unit, node)->affinity);
}

void sched_run(void)
{
    struct runq *q = this_cpu(sched_runq);
    u64 flags = lock_take_irq(&q->lock), now = time_now();
    struct unit *prev = q->current, *able = put_prev(q, now), *next = choose_next(q, able, now);

    if (able && next != prev) {
        state_set(prev, UNIT_RUNNABLE, now);
        sched_credit_link(q, prev);
    }
    sched_credit_tick(q, next, now);
    if (!next->is_idle) {
        if (sched_idlers & BIT(cpu_id()))
            atomic_and(&sched_idlers, ~BIT(cpu_id()));
        if (unlikely(q->is_called || q->count))
            offer_waiting(q);
    }
    if (next == prev) {
        lock_drop_irq(&q->lock, flags);
        return;
    }
    q->current = next;
    next->entered_at = now;
    if (!next->is_idle)
        state_set(next, UNIT_RUNNING, now);
    lock_drop(&q->lock);
    switch_to(prev, next);
}

void sched_add(struct unit *u, u32 cpu)
{
    struct runq *q = cpu_var(sched_runq, cpu);
    u64 flags = lock_take_irq(&q->lock);

    ASSERT(!u->is_attached && u->state == UNIT_OFFLINE);
    u->cpu = cpu;
    u->is_attached = true;
    u->is_blocking = false;
    u->weight = u->weight ? u->weight : 256;
    u->affinity = u->affinity ? u->affinity : ~0ull;
    u->vtime = q->min_vtime;
    list_init(&u->node);
    state_set(u, UNIT_BLOCKED, time_now());
    lock_drop_irq(&q->lock, flags);
    if (!map_test(&u->affinity, cpu))
        unit_migrate(u);
}

/* It runs no more from now on: at once, or after the next sched_run there. */
static void stop(struct runq *q, struct unit *u)
{
    if (u->state == UNIT_RUNNABLE) {
        sched_credit_unlink(q, u);
        state_set(u, UNIT_OFFLINE, time_now());
    } else if (u->state == UNIT_RUNNING) {
        work_raise_on(u->cpu, WORK_SCHED);
    }
}

static void wait_off_cpu(const struct unit *u)
{
    while (u != sched_current() && sched_is_running(u))
        cpu_relax();
}

void sched_remove(struct unit *u)
{
    u64 flags;
    struct runq *q = unit_lock(u, &flags);

    u->is_attached = false;
    stop(q, u);
    if (u->state == UNIT_BLOCKED)
        state_set(u, UNIT_OFFLINE, time_now());
    lock_drop_irq(&q->lock, flags);
    wait_off_cpu(u);
}

void sched_pause(struct unit *u)
{
    u64 flags;
    struct runq *q = unit_lock(u, &flags);

    u->pause_count++;
    stop(q, u);
    lock_drop_irq(&q->lock, flags);
}

void sched_pause_sync(struct unit *u)
{
    sched_pause(u);
    wait_off_cpu(u);
}

void sched_unpause(struct unit *u)
{
    u64 flags;
    struct runq *q = unit_lock(u, &flags);

    ASSERT(u->pause_count);
    if (--u->pause_count == 0 && u->is_attached && u->state == UNIT_OFFLINE)
        make_runnable(q, u);
    lock_drop_irq(&q->lock, flags);
}

int sched_set_affinity(struct unit *u, cpuset_t cpus)
{
    struct runq *q;
    bool is_wrong, is_running;
    u64 flags;

    if (!(cpus & sched_ready))
        return -EINVAL;
    q = unit_lock(u, &flags);
    u->affinity = cpus;
    is_wrong = !map_test(&u->affinity, u->cpu);
    is_running = u->state == UNIT_RUNNING;
    if (is_wrong && is_running) /* sched_run there sends it away */
        work_raise_on(u->cpu, WORK_SCHED);
    else if (u->state == UNIT_RUNNABLE) /* an idle CPU may have become good enough */
        call_cpu(q, u, time_now());
    lock_drop_irq(&q->lock, flags);
    if (is_wrong && !is_running)
        unit_migrate(u);
    return 0;
}

void sched_set_share(struct unit *u, u32 weight, u32 cap)
{
    u64 flags;
    struct runq *q = unit_lock(u, &flags);

    sched_credit_charge(q, time_now()); /* what ran so far counts by the old weight */
    u->weight = weight;
    u->cap = cap;
    if (u->state == UNIT_RUNNING || u->state == UNIT_RUNNABLE) /* the tick may have to come earlier, or again */
        work_raise_on(u->cpu, WORK_SCHED);
    lock_drop_irq(&q->lock, flags);
}

/* In this order: on its CPU a unit is RUNNING first, then on it; and at the end no longer RUNNING, then off. */
bool sched_is_running(const struct unit *u)
{
    return atomic_load(&u->state) == UNIT_RUNNING || READ_ONCE(u->is_on_cpu);
}

u64 sched_run_ns(const struct unit *u)
{
    u64 flags, ns;
    struct runq *q = unit_lock(u, &flags);

    ns = u->run_ns + (q->current == u ? time_now() - u->entered_at : 0);
    lock_drop_irq(&q->lock, flags);
    return ns;
}

u64 sched_idle_ns(u32 cpu)
{
    return sched_run_ns(&cpu_var(sched_runq, cpu)->idle);
}

__noreturn void sched_idle(void)
{
    for (;;) {
        cpu_irq_enable();
        work_run();
        frame_scrub();
        cpu_irq_disable();
        if (!work_is_pending())
            cpu_sti_hlt();
    }
}

static void idle_leave(struct unit *u)
{
    (void)u;
}

static __noreturn void idle_enter(struct unit *u)
{
    (void)u;
    sched_stack_restart(sched_idle);
}

static const struct unit_ops idle_ops = {.leave = idle_leave, .enter = idle_enter};

static void tick(void *arg)
{
    (void)arg;
    work_raise(WORK_SCHED);
}

void sched_init_this(void)
{
    struct runq *q = this_cpu(sched_runq);

    lock_init(&q->lock, RANK_SCHED);
    list_init(&q->queue);
    timer_init(&q->tick, tick, NULL, cpu_id());
    q->idle = (struct unit){.ops = &idle_ops,
                            .cpu = cpu_id(),
                            .is_idle = true,
                            .is_on_cpu = true,
                            .affinity = BIT(cpu_id()),
                            .weight = 256,
                            .entered_at = time_now(),
                            .name = "idle"};
    q->current = &q->idle;
    cpu_info()->unit = &q->idle;
    atomic_or(&sched_idlers, BIT(cpu_id()));
    atomic_or(&sched_ready, BIT(cpu_id()));
}

void __init sched_init(void)
{
    work_bind(WORK_SCHED, sched_run);
    console_key_bind('r', "run queues", sched_dump);
}

static void unit_dump(const struct unit *u, const char *what)
{
    log_error("  %-7s %s: vtime %lu ms, ran %lu ms, weight %u, cap %u%%", what, u->name, u->vtime / 1000000,
              u->run_ns / 1000000, u->weight, u->cap);
}

void sched_dump(void)
{
    log_error("run queues at %lu ms", time_now() / 1000000);
    for (cpuset_t c = sched_ready; c; c &= c - 1) {
        u32 cpu = bit_lowest(c);
        struct runq *q = cpu_var(sched_runq, cpu);
        u64 flags = lock_take_irq(&q->lock);
        u64 idle_ns = q->idle.run_ns + (q->current->is_idle ? time_now() - q->idle.entered_at : 0);
        log_error("CPU %u: %u waiting, idle for %lu ms in all", cpu, q->count, idle_ns / 1000000);
        unit_dump(q->current, "running");
        list_for_each(at, &q->queue) unit_dump(list_item(at, struct unit, node), "waiting");
        lock_drop_irq(&q->lock, flags);
    }
}
