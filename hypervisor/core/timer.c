/* SPDX-License-Identifier: MIT */
/*
 * One-shot timers. Each CPU has a heap of them and one deadline in its local APIC, which is never
 * later than the heap's first key; it may be earlier after a timer_stop(), as an early interrupt is
 * cheaper than programming the APIC again for each timer that a guest sets and takes back. The
 * interrupt only raises WORK_TIMER. Lock: timer_queue.lock (RANK_TIMER, interrupts off); never held
 * while a callback runs.
 */
#include "core/lock.h"
#include "core/panic.h"
#include "core/timer.h"
#include "core/work.h"
#include "hw/irq.h"
#include "hw/lapic.h"
#include "lib/log.h"

#define DEADLINE_NONE   (~0ull)
#define HOUSEKEEPING_NS 1000000000ull
#define DUMP_MAX        16u /* timers of a CPU that are printed one by one */

struct timer_queue {
    struct lock lock;
    struct heap heap;
    struct timer *running; /* its callback is on this CPU right now */
    u64 deadline;          /* what the APIC is set to */
};
static PERCPU(struct timer_queue, timer_queue);
static struct timer housekeeping;

/* The APIC belongs to this CPU; others ask it to look. Under the queue's lock. */
static void deadline_check(struct timer_queue *q, u32 cpu)
{
    struct heap_node *first = q->heap.root;

    if (!first || first->key >= READ_ONCE(q->deadline))
        return;
    if (cpu == cpu_id()) {
        q->deadline = first->key;
        lapic_timer_set(first->key);
    } else {
        work_raise_on(cpu, WORK_TIMER);
    }
}

/* The queue of a timer that another CPU may move meanwhile. */
static struct timer_queue *queue_lock(const struct timer *t, u64 *flags)
{
    for (;;) {
        u32 cpu = READ_ONCE(t->cpu);
        struct timer_queue *q = cpu_var(timer_queue, cpu);
        *flags = lock_take_irq(&q->lock);
        if (likely(cpu == t->cpu))
            return q;
        lock_drop_irq(&q->lock, *flags);
    }
}

static void add(struct timer_queue *q, struct timer *t)
{
    heap_add(&q->heap, &t->node);
    deadline_check(q, t->cpu);
}

void timer_init(struct timer *t, void (*fn)(void *), void *arg, u32 cpu)
{
    *t = (struct timer){.fn = fn, .arg = arg, .cpu = cpu};
}

void timer_set(struct timer *t, u64 at_ns)
{
    u64 flags;
    struct timer_queue *q = queue_lock(t, &flags);

    heap_del(&q->heap, &t->node);
    t->node.key = at_ns;
    add(q, t);
    lock_drop_irq(&q->lock, flags);
}

void timer_stop(struct timer *t)
{
    for (;;) {
        u64 flags;
        struct timer_queue *q = queue_lock(t, &flags);
        bool is_busy = q->running == t && t->cpu != cpu_id();
        heap_del(&q->heap, &t->node);
        lock_drop_irq(&q->lock, flags);
        if (!is_busy)
            return;
        cpu_relax();
    }
}

void timer_move(struct timer *t, u32 cpu)
{
    struct timer_queue *q, *to = cpu_var(timer_queue, cpu);
    bool was_set;
    u64 flags;

    if (t->cpu == cpu)
        return;
    /* Never both locks at once: between them the timer is in no heap and already named by `to`. */
    q = queue_lock(t, &flags);
    was_set = timer_is_set(t);
    heap_del(&q->heap, &t->node);
    t->cpu = cpu;
    lock_drop_irq(&q->lock, flags);
    flags = lock_take_irq(&to->lock);
    if (was_set && t->cpu == cpu && !timer_is_set(t))
        add(to, t);
    lock_drop_irq(&to->lock, flags);
}

static void timer_work(void)
{
    struct timer_queue *q = this_cpu(timer_queue);
    u64 flags = lock_take_irq(&q->lock), now = time_now();
    struct heap_node *first;

    if (now >= q->deadline)
        q->deadline = DEADLINE_NONE; /* its interrupt, if still to come, finds nothing new */
    while ((first = q->heap.root) != NULL && first->key <= now) {
        struct timer *t = container_of(first, struct timer, node);
        heap_del(&q->heap, first);
        q->running = t;
        lock_drop_irq(&q->lock, flags);
        t->fn(t->arg);
        flags = lock_take_irq(&q->lock);
        q->running = NULL;
        now = time_now();
    }
    deadline_check(q, cpu_id());
    lock_drop_irq(&q->lock, flags);
}

static void timer_interrupt(struct regs *r, void *arg)
{
    (void)r;
    (void)arg;
    lapic_eoi();
    /* A little early counts as fired too, or the work below would wait for an interrupt that is
     * over. */
    WRITE_ONCE(this_cpu(timer_queue)->deadline, DEADLINE_NONE);
    work_raise(WORK_TIMER);
}

static void keep_house(void *arg)
{
    (void)arg;
    time_adjust();
    timer_set(&housekeeping, time_now() + HOUSEKEEPING_NS);
}

void timer_init_this(void)
{
    struct timer_queue *q = this_cpu(timer_queue);

    lock_init(&q->lock, RANK_TIMER);
    q->deadline = DEADLINE_NONE;
    if (cpu_id() == 0) {
        work_bind(WORK_TIMER, timer_work);
        irq_bind(VEC_TIMER, timer_interrupt, NULL);
        timer_init(&housekeeping, keep_house, NULL, 0);
        timer_set(&housekeeping, time_now() + HOUSEKEEPING_NS);
    }
}

static s64 us_until(u64 at, u64 now)
{
    return (s64)(at - now) / 1000;
}

static void queue_dump(u32 cpu, u64 now)
{
    struct timer_queue *q = cpu_var(timer_queue, cpu);
    struct timer copy[DUMP_MAX];
    u64 flags = lock_take_irq(&q->lock), deadline = q->deadline, offset;
    u32 count = q->heap.count, shown = 0;

    /* the next one, and the first few of those right below it */
    for (struct heap_node *n = q->heap.root; n && shown < DUMP_MAX; n = shown == 1 ? q->heap.root->child : n->next)
        copy[shown++] = *container_of(n, struct timer, node);
    lock_drop_irq(&q->lock, flags);
    if (deadline == DEADLINE_NONE)
        log_error("CPU %u: %u timers, APIC off", cpu, count);
    else
        log_error("CPU %u: %u timers, APIC due in %ld us", cpu, count, us_until(deadline, now));
    for (u32 i = 0; i < shown; i++) {
        const char *name = panic_symbol((u64)copy[i].fn, &offset);
        log_error("  in %ld us: %s(%lx)", us_until(copy[i].node.key, now), name, (u64)copy[i].arg);
    }
    if (count > shown)
        log_error("  and %u more", count - shown);
}

void timer_dump(void)
{
    u64 now = time_now();

    log_error("timers at %lu us", now / 1000);
    for (u32 cpu = 0; cpu < cpu_count; cpu++)
        queue_dump(cpu, now);
}
