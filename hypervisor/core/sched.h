/* SPDX-License-Identifier: MIT */
/*
 * The scheduler runs units and has never heard of a vCPU, which embeds one. Each CPU has a run
 * queue (lock: RANK_SCHED); policy is behind sched_policy (sched_credit.c: weighted fair, with
 * caps). Hypervisor code is not preemptible: switching happens only in sched_run(), on the way out
 * to a guest or in the idle loop, and the stack of the CPU is started afresh.
 */
#ifndef WIRT_CORE_SCHED_H
#define WIRT_CORE_SCHED_H

#include "core/lock.h"
#include "core/timer.h"
#include "hw/cpu.h"
#include "hw/percpu.h"
#include "lib/list.h"

struct unit;
struct unit_ops {
    /* Both with interrupts off and no lock held; between them nothing of u is on another CPU. */
    void (*leave)(struct unit *u);            /* u stops running here: copy its frame off the stack */
    void (*enter)(struct unit *u) __noreturn; /* run it: fresh stack, load what is not loaded, go */
    /* u changes state (for runstate accounting); now in ns; called with the queue lock held */
    void (*account)(struct unit *u, u32 new_state, u64 now);
};
/* The numbers are RUNSTATE_* of public/vcpu.h. */
enum { UNIT_RUNNING, UNIT_RUNNABLE, UNIT_BLOCKED, UNIT_OFFLINE };

struct unit {
    const struct unit_ops *ops;
    struct list node;          /* in the run queue when RUNNABLE */
    u32 cpu;                   /* whose queue; changes under both locks */
    u8 state;                  /* UNIT_*; under the queue's lock */
    bool is_idle, is_blocking; /* is_blocking: wants to sleep unless woken before sched_run */
    bool is_attached;          /* between sched_add and sched_remove */
    bool is_on_cpu;            /* from before enter until leave has returned */
    u32 pause_count;           /* >0: may not run (OFFLINE if it wants to); under the queue's lock */
    cpuset_t affinity;         /* hard; 0 = all */
    /* policy */
    u64 vtime;       /* weighted ns consumed */
    u64 entered_at;  /* ns: while it runs, accounted up to here */
    u64 run_ns;      /* total */
    u32 weight, cap; /* weight 256 = normal; cap in percent of a CPU, 0 = none */
    u64 cap_window, cap_used;
    const char *name; /* for the console, owned by the embedding structure */
};

void sched_init(void);            /* CPU 0 */
void sched_init_this(void);       /* per CPU: queue and idle unit; the CPU runs its idle unit afterwards */
__noreturn void sched_idle(void); /* the idle loop on a fresh stack */
/* OFFLINE unit (ops, affinity, weight, name filled in, the rest zero) becomes BLOCKED at that CPU.
 */
void sched_add(struct unit *u, u32 cpu);
void sched_remove(struct unit *u); /* not running, not runnable any more; waits unless it is current */
void sched_wake(struct unit *u);   /* BLOCKED -> RUNNABLE; kicks the CPU if it should run at once. Any context. */
void sched_block(void);            /* current unit: sleep at the next sched_run unless woken meanwhile */
void sched_yield(void);
void sched_pause(struct unit *u); /* counted; asynchronous */
/* Returns when it runs nowhere (at once for the current unit). Interrupts on; two CPUs that do this
 * to each other's units wait for ever, so callers hold one lock that all of them take. */
void sched_pause_sync(struct unit *u);
void sched_unpause(struct unit *u);
void sched_run(void); /* the WORK_SCHED function; returns only if the same unit goes on */
int sched_set_affinity(struct unit *u, cpuset_t cpus) __must_use; /* -EINVAL: no online CPU in it */
void sched_set_share(struct unit *u, u32 weight, u32 cap);        /* weight > 0, cap in percent of one CPU, 0 = none */
static inline struct unit *sched_current(void)
{
    return (struct unit *)cpu_info()->unit;
}
bool sched_is_running(const struct unit *u); /* on some CPU right now */
u64 sched_run_ns(const struct unit *u);      /* total incl. the current slice */
u64 sched_idle_ns(u32 cpu);                  /* that CPU idled so long */
void sched_dump(void);                       /* console key 'r' */

#endif
