/* SPDX-License-Identifier: MIT */
/*
 * Ticket spinlocks that know their place. Each lock has a rank (docs/LOCKS.md lists
 * them); debug builds panic when a CPU takes a lock whose rank is not below the one it
 * holds. A lock that interrupt handlers take is always taken with the _irq pair.
 */
#ifndef WIRT_CORE_LOCK_H
#define WIRT_CORE_LOCK_H

#include "lib/types.h"

/* Ranks, outermost first: storey * 16 + place. Taking goes strictly downwards in number; two locks
 * of one rank (two run queues) are taken in the order of their addresses. */
enum lock_rank {
    RANK_DOMAIN = 0x3e, /* struct domain.lock: life, memory list */
    RANK_P2M = 0x3d,    /* struct hvm_domain.lock: tables of guest-physical addresses */
    RANK_PAGE_LIST = 0x3c,
    RANK_EVTCHN_PAIR = 0x3b, /* dom/evtchn.c: both ends of an interdomain channel */
    RANK_EVTCHN = 0x3a,      /* struct evtchn_table.lock */
    RANK_PIRQ = 0x39,
    RANK_GRANT = 0x38,
    RANK_STAT = 0x36,        /* dom/stat.c */
    RANK_DOMAIN_LIST = 0x30, /* dom/domain.c: number to domain; _irq */
    RANK_SCHED = 0x2e,       /* per-CPU run queue; _irq */
    RANK_TIMER = 0x2c,       /* per-CPU timer heap; _irq */
    RANK_SLAB = 0x28,        /* _irq */
    RANK_FRAME = 0x26,       /* _irq */
    RANK_CONSOLE = 0x02,     /* _irq; everything may log */
};

struct lock {
    u32 next, serving; /* tickets */
    u16 rank;
    u16 cpu; /* holder + 1, 0 = free; for diagnosis */
};
#define LOCK_INIT(r)                                                                                                   \
    {                                                                                                                  \
        0, 0, (r), 0                                                                                                   \
    }

void lock_init(struct lock *l, enum lock_rank rank);
void lock_take(struct lock *l);
void lock_drop(struct lock *l);
bool lock_try(struct lock *l) __must_use;
u64 lock_take_irq(struct lock *l) __must_use; /* interrupts off; returns what lock_drop_irq wants */
void lock_drop_irq(struct lock *l, u64 flags);
bool lock_is_mine(const struct lock *l);
void lock_break_all(void); /* panic path: from now on locks are not waited for */

#endif
