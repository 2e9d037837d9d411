/* SPDX-License-Identifier: MIT */
/*
 * The policy: weighted fair. A unit's vtime is the time that it ran, scaled by 256 / weight; the
 * least goes first. A sleeper comes back at most SLEEP_CREDIT behind the queue, which is its head
 * start and all that it can save up. A unit alone on its CPU has no tick. A cap bounds run time in
 * each window of 100 ms; a unit that used it up stays in the queue and is passed over until the
 * window ends. Everything here runs under the lock of the queue it is given.
 */
#include "core/sched_policy.h"
#include "hw/time.h"

#define MS           1000000ull
#define SLICE        (10 * MS)
#define GRANULARITY  (1 * MS) /* least lead that makes a woken unit preempt */
#define SLEEP_CREDIT (5 * MS)
#define CAP_WINDOW   (100 * MS)

static inline u64 weighted(const struct unit *u, u64 ns)
{
    return likely(u->weight == 256) ? ns : ns * 256 / u->weight;
}

/* Also the moment when min_vtime moves on: a unit alone runs for long without any sched_run. */
void sched_credit_charge(struct runq *q, u64 now)
{
    struct unit *u = q->current;
    u64 ran = now > u->entered_at ? now - u->entered_at : 0, least; /* not, if another CPU's clock was ahead */

    u->entered_at = max(u->entered_at, now);
    u->run_ns += ran;
    if (u->is_idle)
        return;
    u->vtime += weighted(u, ran);
    if (u->cap) {
        u64 window = now - now % CAP_WINDOW;
        u->cap_used = u->cap_window == window ? u->cap_used + ran : min(ran, now - window);
        u->cap_window = window;
    }
    least = u->vtime;
    if (q->count)
        least = min(least, list_item(q->queue.next, struct unit, node)->vtime);
    q->min_vtime = max(q->min_vtime, least);
}

/* ns that u may still run in this window; 0 = throttled. */
static u64 budget(const struct unit *u, u64 now)
{
    u64 all = u->cap * (CAP_WINDOW / 100);

    if (!u->cap || u->cap_window != now - now % CAP_WINDOW)
        return u->cap ? all : SLICE;
    return all > u->cap_used ? all - u->cap_used : 0;
}

static bool may_run(const struct unit *u, u32 cpu, u64 now)
{
    return map_test(&u->affinity, cpu) && (likely(!u->cap) || budget(u, now));
}

void sched_credit_link(struct runq *q, struct unit *u)
{
    struct list *at = &q->queue;

    while (at->prev != &q->queue && list_item(at->prev, struct unit, node)->vtime > u->vtime)
        at = at->prev;
    list_add(&u->node, at);
    if (q->count++ == 0)
        atomic_or(&sched_waiting, BIT(u->cpu));
}

void sched_credit_unlink(struct runq *q, struct unit *u)
{
    list_del(&u->node);
    if (--q->count == 0)
        atomic_and(&sched_waiting, ~BIT(u->cpu));
}

void sched_credit_woken(struct runq *q, struct unit *u, u64 now)
{
    u64 floor;

    sched_credit_charge(q, now);
    floor = q->min_vtime > SLEEP_CREDIT ? q->min_vtime - SLEEP_CREDIT : 0;
    u->vtime = max(u->vtime, floor);
}

void sched_credit_yield(const struct runq *q, struct unit *u)
{
    if (q->count)
        u->vtime = max(u->vtime, list_item(q->queue.next, struct unit, node)->vtime);
}

void sched_credit_rebase(struct unit *u, const struct runq *from, const struct runq *to)
{
    s64 lead = (s64)(u->vtime - from->min_vtime) + (s64)to->min_vtime;

    u->vtime = lead > 0 ? (u64)lead : 0;
}

struct unit *sched_credit_pick(struct runq *q, struct unit *prev, u32 cpu, u64 now)
{
    struct unit *best = NULL;

    if (prev && !may_run(prev, cpu, now))
        prev = NULL;
    list_for_each(at, &q->queue)
    {
        struct unit *u = list_item(at, struct unit, node);
        if (may_run(u, cpu, now)) {
            best = u;
            break;
        }
    }
    if (prev && (!best || prev->vtime < best->vtime))
        best = prev;
    else if (best)
        sched_credit_unlink(q, best);
    if (best)
        q->min_vtime = max(q->min_vtime, best->vtime);
    return best;
}

struct unit *sched_credit_steal(struct runq *q, u32 cpu, u64 now, bool *is_unsure)
{
    for (cpuset_t c = READ_ONCE(sched_waiting) & ~BIT(cpu); c; c &= c - 1) {
        struct runq *from = cpu_var(sched_runq, bit_lowest(c));
        if (!lock_try(&from->lock)) { /* in no order with ours, so no waiting */
            *is_unsure = true;
            continue;
        }
        list_for_each(at, &from->queue)
        {
            struct unit *u = list_item(at, struct unit, node);
            if (!may_run(u, cpu, now))
                continue;
            sched_credit_unlink(from, u);
            sched_credit_rebase(u, from, q);
            WRITE_ONCE(u->cpu, cpu);
            lock_drop(&from->lock);
            return u;
        }
        lock_drop(&from->lock);
    }
    return NULL;
}

bool sched_credit_preempts(struct runq *q, const struct unit *u, u64 now)
{
    const struct unit *c = q->current;
    u64 vtime = c->vtime + weighted(c, now - c->entered_at);

    if (u->vtime + GRANULARITY < vtime)
        return true;
    if (!timer_is_set(&q->tick) || q->tick.node.key > now + SLICE)
        timer_set(&q->tick, now + (u->vtime < vtime ? GRANULARITY : SLICE));
    return false;
}

void sched_credit_tick(struct runq *q, struct unit *next, u64 now)
{
    u64 at = ~0ull;

    if (likely(!q->count && !next->cap && !timer_is_set(&q->tick)))
        return;
    if (q->count) {
        at = next->is_idle ? at : now + SLICE;
        list_for_each(n, &q->queue) /* whoever is throttled becomes eligible at the window's end */
            if (!budget(list_item(n, struct unit, node), now)) at = min(at, now - now % CAP_WINDOW + CAP_WINDOW);
    }
    if (next->cap)
        at = min(at, now + budget(next, now));
    if (at != ~0ull)
        timer_set(&q->tick, at);
    else if (timer_is_set(&q->tick))
        timer_stop(&q->tick);
}
