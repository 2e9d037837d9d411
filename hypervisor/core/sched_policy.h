/* SPDX-License-Identifier: MIT */
/*
 * Between sched.c (states, locks, switching) and sched_credit.c (who is next, for how long): the
 * run queue and the policy's functions, all called with the queue's lock held. Private to these two
 * files.
 */
#ifndef WIRT_CORE_SCHED_POLICY_H
#define WIRT_CORE_SCHED_POLICY_H

#include "core/sched.h"

struct runq {
    struct lock lock;     /* RANK_SCHED, interrupts off */
    struct list queue;    /* RUNNABLE units, least vtime first */
    u32 count;            /* of queue; others peek without the lock */
    bool is_called;       /* another CPU wants this idle one to steal; set without the lock */
    struct unit *current; /* this CPU's RUNNING unit or &idle */
    u64 min_vtime;        /* of those that run or wait here; never falls; where sleepers and newcomers
                             start */
    struct timer tick;
    struct unit idle;
};
PERCPU_DECLARE(struct runq, sched_runq);
extern cpuset_t sched_ready;   /* CPUs with a queue */
extern cpuset_t sched_idlers;  /* those that idle and were not called yet */
extern cpuset_t sched_waiting; /* those with somebody in the queue; changes under the queue's lock */

void sched_credit_charge(struct runq *q, u64 now);      /* account what current ran until now */
void sched_credit_link(struct runq *q, struct unit *u); /* into the queue */
void sched_credit_unlink(struct runq *q, struct unit *u);
void sched_credit_woken(struct runq *q, struct unit *u, u64 now); /* bound what a sleeper has saved up */
void sched_credit_yield(const struct runq *q, struct unit *u);
void sched_credit_rebase(struct unit *u, const struct runq *from, const struct runq *to);
/* The unit that shall run on `cpu`: prev (NULL: it cannot go on) or one taken off the queue; NULL:
 * none. */
struct unit *sched_credit_pick(struct runq *q, struct unit *prev, u32 cpu, u64 now);
/* A unit taken off another queue for this CPU, NULL if there is none; *is_unsure: a queue was busy,
 * look again. */
struct unit *sched_credit_steal(struct runq *q, u32 cpu, u64 now, bool *is_unsure);
/* Shall u, just linked, replace the running unit at once? If not, the tick is set that looks again.
 */
bool sched_credit_preempts(struct runq *q, const struct unit *u, u64 now);
void sched_credit_tick(struct runq *q, struct unit *next, u64 now); /* set or stop the tick for next */

#endif
