/* SPDX-License-Identifier: MIT */
/*
 * The scheduler with real concurrency: each thread plays one CPU and runs whatever unit it is
 * given, which wakes, blocks, pauses and moves others at random. A unit must never be entered
 * before its leave() on another CPU is over; leave() takes its time to make that likely to show. At
 * the end everybody can be removed.
 */
#include "test.h"
#include <string.h>
#include "core/sched.h"
#include "core/work.h"

/* <pthread.h> would declare the C library's sched_yield(). */
#define ROUNDS 30000u
#define UNITS  9u

static struct smp_unit {
    struct unit u;
    u32 on; /* CPU + 1, from enter to the end of leave */
    u32 entered;
    u32 pauses; /* under the test's lock */
} unit[UNITS];
static u32 wrong, stop_now, running_threads;
static struct lock pause_lock = LOCK_INIT(RANK_DOMAIN);

static struct smp_unit *of(struct unit *u)
{
    return container_of(u, struct smp_unit, u);
}

static void op_leave(struct unit *u)
{
    for (int i = 0; i < 20; i++)
        cpu_relax();
    if (atomic_xchg(&of(u)->on, 0) != fake_cpu + 1)
        atomic_add(&wrong, 1u);
}

static __noreturn void op_enter(struct unit *u)
{
    if (atomic_xchg(&of(u)->on, fake_cpu + 1) != 0)
        atomic_add(&wrong, 1u);
    of(u)->entered++;
    fake_entered(u);
}

static void op_account(struct unit *u, u32 state, u64 now)
{
}

static const struct unit_ops ops = {op_leave, op_enter, op_account};

static u32 next_random(u32 *state)
{
    return (*state = *state * 1664525 + 1013904223) >> 8;
}

/* It is paused, so once it does not run it has been put away, and stays so. */
static void see_it_go(const struct smp_unit *o)
{
    u32 patience = 1000;

    if (&o->u == sched_current())
        return;
    while (patience && sched_is_running(&o->u))
        patience--;
    if (patience && atomic_load(&o->on))
        atomic_add(&wrong, 1u);
}

static void act(u32 *state)
{
    struct smp_unit *o = &unit[next_random(state) % UNITS];

    switch (next_random(state) % 8) {
    case 0:
    case 1:
        sched_block();
        sched_wake(&o->u);
        break;
    case 2:
        sched_yield();
        break;
    case 3:
        lock_take(&pause_lock);
        if (o->pauses) {
            o->pauses--;
            sched_unpause(&o->u);
        } else {
            o->pauses++;
            sched_pause(&o->u);
            see_it_go(o);
        }
        lock_drop(&pause_lock);
        break;
    case 4:
        if (sched_set_affinity(&o->u, 1 + next_random(state) % 15))
            atomic_add(&wrong, 1u);
        break;
    default:
        sched_wake(&o->u);
    }
}

void test_sched_smp_cpu(u32 cpu)
{
    u32 state = cpu + 12345;

    fake_cpu_set(cpu);
    atomic_add(&running_threads, 1u);
    while (running_threads < TEST_CPUS) /* they shall run at the same time */
        cpu_relax();
    for (volatile u32 i = 0; i < ROUNDS || !stop_now; i++) {
        test_work_run(cpu);
        if (i < ROUNDS)
            act(&state); /* as the unit that runs here, or as an interrupt of the idle loop */
        else if (i == ROUNDS)
            atomic_sub(&running_threads, 1u);
        else
            cpu_relax();
        if (sched_current()->is_idle)
            sched_current()->is_blocking = false;
        if (cpu == 0 && i > ROUNDS && running_threads == 0)
            stop_now = 1;
    }
    test_work_run(cpu);
}

static void units_on_threads(void)
{
    u32 entered = 0;

    for (u32 i = 0; i < UNITS; i++) {
        unit[i] = (struct smp_unit){.u = {.ops = &ops, .state = UNIT_OFFLINE, .name = "smp"}};
        sched_add(&unit[i].u, i % TEST_CPUS);
        sched_wake(&unit[i].u);
    }
    test_threads(test_sched_smp_cpu);
    for (u32 i = 0; i < UNITS; i++) {
        sched_pause(&unit[i].u);
        for (u32 c = 0; c < TEST_CPUS; c++)
            test_work_run(c);
        sched_remove(&unit[i].u);
        for (u32 c = 0; c < TEST_CPUS; c++)
            test_work_run(c);
        wrong += unit[i].on != 0 || unit[i].u.state != UNIT_OFFLINE;
        entered += unit[i].entered;
    }
    CU_ASSERT_EQUAL(wrong, 0);
    CU_ASSERT(entered > ROUNDS / 10);
}

CU_TestInfo test_sched_smp[] = {{"units on threads", units_on_threads}, CU_TEST_INFO_NULL};
