/* SPDX-License-Identifier: MIT */
/*
 * A machine for the scheduler's tests: on four fake CPUs units compute for a burst and sleep, timers fire, work is done
 * at once. Every enter() checks that the unit may run there and runs nowhere else; what was not right counts in
 * `wrong`.
 */
#ifndef WIRT_TEST_SCHED_PLAY_H
#define WIRT_TEST_SCHED_PLAY_H

#include "test.h"
#include "core/sched.h"

#define MS       1000000ull
#define LOAD_MAX 24u

struct load {
    struct unit u;
    u64 burst, sleep;  /* ns; burst 0 = for ever */
    u64 left, wake_at; /* of this burst; 0 = not asleep */
    u64 acct[4], since;
    u32 acct_state;
    u64 woken_at, latency_max, entered;
    u32 on;    /* CPU + 1 */
    u32 waker; /* the CPU that its wake-up comes from */
    char name[8];
};
extern struct load load[LOAD_MAX];
extern u32 load_count;
extern int wrong;

struct load *load_add(u32 cpu, cpuset_t affinity, u32 weight, u64 burst, u64 sleep);
struct load *running(u32 cpu); /* NULL: it idles */
void work_everywhere(void);
void simulate(u64 ns);
void clean(void); /* all units go; the machine is idle again and no memory of the test is left in it */
double ms_of(struct load *l);
bool is_near(double value, double expected, double percent);

#endif
