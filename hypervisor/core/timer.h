/* SPDX-License-Identifier: MIT */
/*
 * One-shot timers in a heap per CPU, driven by the local APIC. Callbacks run as WORK_TIMER with
 * interrupts on. A timer fires on the CPU it was set for. Lock: RANK_TIMER of that CPU.
 */
#ifndef WIRT_CORE_TIMER_H
#define WIRT_CORE_TIMER_H

#include "hw/time.h"
#include "lib/heap.h"

struct timer {
    struct heap_node node; /* key = ns of system time */
    void (*fn)(void *arg);
    void *arg;
    u32 cpu;
};
void timer_init_this(void); /* per CPU */
void timer_init(struct timer *t, void (*fn)(void *), void *arg, u32 cpu);
void timer_set(struct timer *t, u64 at_ns); /* replaces; the past fires at once */
void timer_stop(struct timer *t);           /* afterwards fn is not running elsewhere either */
void timer_move(struct timer *t, u32 cpu);  /* keep the deadline */
void timer_dump(void);                      /* console key 'a' */
static inline bool timer_is_set(const struct timer *t)
{
    return t->node.link;
}

#endif
