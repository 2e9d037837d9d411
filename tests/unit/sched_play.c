/* SPDX-License-Identifier: MIT */
/*
 * The machine of sched_play.h. Time goes from one event to the next: a timer's deadline, the end of a burst, the end of
 * a sleep; each runs on its own CPU, and then whatever work it raised anywhere, before the next.
 */
#include "sched_play.h"
#include "core/work.h"
#include "hw/irq.h"

struct load load[LOAD_MAX];
u32 load_count;
int wrong;

static struct load *load_of(struct unit *u)
{
    return container_of(u, struct load, u);
}

static void op_leave(struct unit *u)
{
    struct load *l = load_of(u);

    wrong += l->on != fake_cpu + 1 || !fake_irq_is_off || u->state == UNIT_RUNNING;
    l->on = 0;
}

static __noreturn void op_enter(struct unit *u)
{
    struct load *l = load_of(u);

    wrong += l->on != 0 || !fake_irq_is_off;
    wrong += !(u->affinity & BIT(fake_cpu)) || u->pause_count || !u->is_attached;
    wrong += u->state != UNIT_RUNNING || u->cpu != fake_cpu || sched_current() != u;
    l->on = fake_cpu + 1;
    l->entered++;
    if (l->woken_at) {
        l->latency_max = max(l->latency_max, fake_now - l->woken_at);
        l->woken_at = 0;
    }
    fake_entered(u);
}

static void op_account(struct unit *u, u32 state, u64 now)
{
    struct load *l = load_of(u);

    wrong += state == l->acct_state || now < l->since;
    l->acct[l->acct_state] += now - l->since;
    l->acct_state = state;
    l->since = now;
}

static const struct unit_ops ops = {op_leave, op_enter, op_account};

struct load *load_add(u32 cpu, cpuset_t affinity, u32 weight, u64 burst, u64 sleep)
{
    struct load *l = &load[load_count++];

    *l = (struct load){.burst = burst, .sleep = sleep, .acct_state = UNIT_OFFLINE, .since = fake_now};
    l->u = (struct unit){.ops = &ops, .state = UNIT_OFFLINE, .affinity = affinity, .weight = weight, .name = l->name};
    snprintf(l->name, sizeof(l->name), "u%u", load_count);
    l->left = burst;
    sched_add(&l->u, cpu);
    sched_wake(&l->u);
    return l;
}

struct load *running(u32 cpu)
{
    u32 was = fake_cpu;
    struct unit *u;

    fake_cpu_set(cpu);
    u = sched_current();
    fake_cpu_set(was);
    return u->is_idle ? NULL : load_of(u);
}

void work_everywhere(void)
{
    for (bool again = true; again;) {
        again = false;
        for (u32 c = 0; c < TEST_CPUS; c++) {
            u32 was = fake_cpu;
            fake_cpu_set(c);
            again |= cpu_info()->work != 0;
            fake_cpu_set(was);
            test_work_run(c);
        }
    }
}

static u64 next_event(u64 until)
{
    u64 next = until;

    for (u32 c = 0; c < TEST_CPUS; c++) {
        struct load *l = running(c);
        if (fake_deadline[c])
            next = min(next, max(fake_deadline[c], fake_now));
        if (l && l->burst)
            next = min(next, fake_now + l->left);
    }
    for (u32 i = 0; i < load_count; i++)
        if (load[i].wake_at)
            next = min(next, max(load[i].wake_at, fake_now));
    return next;
}

static void advance(u64 to)
{
    u64 dt = to - fake_now;

    for (u32 c = 0; c < TEST_CPUS; c++) {
        struct load *l = running(c);
        if (l && l->burst)
            l->left -= min(dt, l->left);
    }
    fake_now = to;
}

static void events(void)
{
    for (u32 c = 0; c < TEST_CPUS; c++) {
        struct load *l = running(c);
        if (fake_deadline[c] && fake_deadline[c] <= fake_now) {
            fake_deadline[c] = 0;
            fake_interrupt(c, VEC_TIMER);
        }
        if (l && l->burst && !l->left) {
            fake_cpu_set(c);
            sched_block();
            l->left = l->burst;
            l->wake_at = fake_now + l->sleep;
        }
    }
    work_everywhere();
    for (u32 i = 0; i < load_count; i++)
        if (load[i].wake_at && load[i].wake_at <= fake_now) {
            load[i].wake_at = 0;
            load[i].woken_at = fake_now;
            fake_cpu_set(load[i].waker);
            sched_wake(&load[i].u);
        }
    work_everywhere();
}

void simulate(u64 ns)
{
    u64 until = fake_now + ns;

    work_everywhere();
    while (fake_now < until) {
        advance(next_event(until));
        events();
    }
    fake_cpu_set(0);
}

void clean(void)
{
    for (u32 i = 0; i < load_count; i++) {
        while (load[i].u.pause_count)
            sched_unpause(&load[i].u);
        load[i].wake_at = 0;
        sched_pause(&load[i].u);
    }
    work_everywhere();
    for (u32 i = 0; i < load_count; i++) {
        sched_remove(&load[i].u);
        wrong += load[i].on != 0 || load[i].u.state != UNIT_OFFLINE;
    }
    simulate(20 * MS);
    for (u32 c = 0; c < TEST_CPUS; c++)
        wrong += running(c) != NULL;
    CU_ASSERT_EQUAL(wrong, 0);
    wrong = 0;
    load_count = 0;
}

double ms_of(struct load *l)
{
    return (double)sched_run_ns(&l->u) / (double)MS;
}

bool is_near(double value, double expected, double percent)
{
    if (value >= expected * (1 - percent / 100) && value <= expected * (1 + percent / 100))
        return true;
    printf("     %.2f instead of %.2f\n", value, expected);
    return false;
}
