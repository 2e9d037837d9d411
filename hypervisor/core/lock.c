/* SPDX-License-Identifier: MIT */
/*
 * Ticket spinlocks and the check of their order. Under WIRT_DEBUG each CPU keeps the locks that it
 * holds; taking one whose rank is not below that of the last one (or, at equal rank, whose address
 * is not above) panics with both names. Locks held with interrupts on do not count for an interrupt
 * handler, which must not take those anyway: the check for recursion finds it. After
 * lock_break_all() (panic) nothing waits and nothing is checked.
 */
#include "core/lock.h"
#include "hw/cpu.h"
#include "hw/percpu.h"
#include "lib/log.h"

static bool is_broken;

#ifdef WIRT_DEBUG
#define IS_CHECKED true
#else
#define IS_CHECKED false
#endif
#define HELD_MAX 14u
#define IRQ_ON   1ul /* in an entry: taken with interrupts on */

struct lock_held {
    u32 count;
    u64 item[HELD_MAX + 1]; /* address | IRQ_ON, from item[1] on; the last taken has the least rank */
};
static PERCPU(struct lock_held, lock_held);

static struct lock *held_lock(u64 item)
{
    return (struct lock *)(item & ~IRQ_ON);
}

/* l does not rank below the last one taken. */
static void check_order(const struct lock *l, const struct lock_held *h, bool is_irq_on)
{
    u64 last = h->item[h->count];
    const struct lock *o = held_lock(last);

    if (lock_is_mine(l))
        panic("lock: rank 0x%x (%p) taken twice by CPU %u", l->rank, (const void *)l, cpu_id());
    if (!is_irq_on && (last & IRQ_ON))
        return; /* we may be in a handler that interrupted its holder */
    if (l->rank > o->rank || l < o)
        panic("lock: rank 0x%x (%p) taken while 0x%x (%p) is held on CPU %u", l->rank, (const void *)l, o->rank,
              (const void *)o, cpu_id());
}

static inline void check_take(const struct lock *l, bool is_irq_on)
{
    const struct lock_held *h = this_cpu(lock_held);

    if (IS_CHECKED && h->count && unlikely(l->rank >= held_lock(h->item[h->count])->rank))
        check_order(l, h, is_irq_on);
}

static inline void held_push(const struct lock *l, bool is_irq_on)
{
    struct lock_held *h = this_cpu(lock_held);

    if (!IS_CHECKED)
        return;
    if (unlikely(h->count == HELD_MAX))
        panic("lock: CPU %u holds %u locks, the last of rank 0x%x", cpu_id(), h->count, l->rank);
    h->item[++h->count] = (u64)l | (is_irq_on ? IRQ_ON : 0);
}

static void held_pop_inner(const struct lock *l, struct lock_held *h)
{
    u32 i = h->count;

    while (i > 0 && held_lock(h->item[i]) != l)
        i--;
    if (i == 0)
        panic("lock: rank 0x%x (%p) dropped by CPU %u, which does not hold it", l->rank, (const void *)l, cpu_id());
    for (h->count--; i <= h->count; i++) /* dropped out of order: close the gap */
        h->item[i] = h->item[i + 1];
}

static inline void held_pop(const struct lock *l)
{
    struct lock_held *h = this_cpu(lock_held);

    if (!IS_CHECKED)
        return;
    if (likely(h->count && held_lock(h->item[h->count]) == l))
        h->count--;
    else
        held_pop_inner(l, h);
}

void lock_init(struct lock *l, enum lock_rank rank)
{
    *l = (struct lock)LOCK_INIT((u16)rank);
}

/* was: interrupts before the call, is: while the lock is held. */
static inline void take(struct lock *l, bool was_irq_on, bool is_irq_on)
{
    u32 ticket;

    if (unlikely(is_broken))
        return;
    check_take(l, was_irq_on);
    ticket = __atomic_fetch_add(&l->next, 1u, __ATOMIC_ACQUIRE);
    while (unlikely(atomic_load(&l->serving) != ticket)) { /* pairs with the release in drop() */
        if (is_broken)
            return;
        cpu_relax();
    }
    l->cpu = (u16)(cpu_id() + 1);
    held_push(l, is_irq_on);
}

static inline void drop(struct lock *l)
{
    if (unlikely(is_broken))
        return;
    held_pop(l);
    l->cpu = 0;
    atomic_store(&l->serving, l->serving + 1);
}

void lock_take(struct lock *l)
{
    bool is_irq_on = IS_CHECKED && cpu_irq_is_enabled();

    take(l, is_irq_on, is_irq_on);
}

void lock_drop(struct lock *l)
{
    drop(l);
}

bool lock_try(struct lock *l)
{
    u32 ticket = atomic_load(&l->serving);

    if (is_broken)
        return true;
    if (READ_ONCE(l->next) != ticket ||
        !__atomic_compare_exchange_n(&l->next, &ticket, ticket + 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
        return false;
    l->cpu = (u16)(cpu_id() + 1);
    held_push(l, IS_CHECKED && cpu_irq_is_enabled());
    return true;
}

u64 lock_take_irq(struct lock *l)
{
    u64 flags = cpu_irq_save();

    take(l, flags & RFLAGS_IF, false);
    return flags;
}

void lock_drop_irq(struct lock *l, u64 flags)
{
    drop(l);
    cpu_irq_restore(flags);
}

bool lock_is_mine(const struct lock *l)
{
    return READ_ONCE(l->cpu) == cpu_id() + 1;
}

void lock_break_all(void)
{
    is_broken = true;
}
