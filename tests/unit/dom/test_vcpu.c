/* SPDX-License-Identifier: MIT */
/*
 * dom/vcpu.c as shipped, on two fake CPUs: when a CPU changes address spaces, the vCPU that it leaves is said to be
 * nowhere only behind the change, and nobody touches it afterwards. Who reads VCPU_NOWHERE dismantles tables without
 * asking; a CPU that still stood on them would end the machine without a word.
 */
#pragma GCC diagnostic ignored "-Wunused-parameter" /* of what only has to be there */
#include "../suite.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dom/vcpu.c"

_Thread_local u32 fake_cpu;
_Thread_local bool fake_irq_is_off;
u8 *percpu_stack[CPU_MAX];
static struct domain domain[2];
static struct vcpu vcpu[2];
static const void *space; /* whose address space this CPU walks; NULL: Wirt's own */
static u32 wrong, changes;

/* Each vCPU that is nowhere is not walked on: asked at every step that the others could see. */
static void look(void)
{
    for (u32 i = 0; i < 2; i++)
        wrong += vcpu[i].loaded_on == VCPU_NOWHERE && space == &vcpu[i];
}

static void change(const void *next)
{
    look();
    space = next;
    look();
    changes++;
}

static void op_load(struct vcpu *v)
{
    change(v);
}

static void op_unload(struct vcpu *v)
{
    look();
    wrong += space != v;
}

static const struct vcpu_ops ops = {.load = op_load, .unload = op_unload};
static const struct domain_ops kind = {.vcpu = &ops};

/* What vcpu.c asks of the rest. */
void fpu_load(void *area, u64 xcr0)
{
    (void)area;
    (void)xcr0;
    look();
}
void fpu_save(void *area)
{
    (void)area;
    look();
}
void pgtab_activate(void)
{
    change(NULL);
}
void tlb_flush_local(void)
{
    look();
}
void smp_call(cpuset_t cpus, void (*fn)(void *), void *arg)
{
    u32 me = fake_cpu;
    fake_cpu = bit_lowest(cpus);
    fn(arg);
    fake_cpu = me;
}

#define UNUSED(type, name, ...)                                                                                        \
    type name(__VA_ARGS__)                                                                                             \
    {                                                                                                                  \
        abort();                                                                                                       \
    }
UNUSED(void, evtchn_raise_virq, struct vcpu *v, u32 virq)
UNUSED(int, fmt, char *buffer, size_t size, const char *format, ...)
UNUSED(void, fpu_reset, void *area)
UNUSED(u32, fpu_size, void)
UNUSED(u64, fpu_xcr0_allowed, void)
UNUSED(void, page_put_slow, struct page *p)
UNUSED(void, sched_add, struct unit *u, u32 cpu)
UNUSED(void, sched_block, void)
UNUSED(bool, sched_is_running, const struct unit *u)
UNUSED(void, sched_pause, struct unit *u)
UNUSED(void, sched_remove, struct unit *u)
UNUSED(void, sched_unpause, struct unit *u)
UNUSED(void, sched_wake, struct unit *u)
UNUSED(void *, slab_alloc, size_t size)
UNUSED(void, slab_free, void *p, size_t size)
UNUSED(void, smp_kick, u32 cpu)
UNUSED(u32, time_generation, void)
UNUSED(struct wirt_stat *, stat_create, u8 of, domid_t whose, u32 id)
UNUSED(void, stat_destroy, struct wirt_stat *s)
UNUSED(void, time_scale_get, struct time_scale *out)
UNUSED(void, timer_init, struct timer *t, void (*fn)(void *), void *arg, u32 cpu)
UNUSED(void, timer_move, struct timer *t, u32 cpu)
UNUSED(void, timer_set, struct timer *t, u64 at_ns)
UNUSED(void, timer_stop, struct timer *t)

static u64 now;
u64 time_now(void)
{
    return now;
}

static void run(struct vcpu *v)
{
    cpu_info()->unit = &v->unit;
    load_here(v);
}

static void begin(void)
{
    memset(vcpu, 0, sizeof(vcpu));
    memset(domain, 0, sizeof(domain));
    domain[0].ops = domain[1].ops = &kind;
    space = NULL;
    wrong = changes = 0;
    fake_cpu = 0;
    *this_cpu(vcpu_loaded) = NULL;
    for (u32 i = 0; i < 2; i++)
        vcpu[i] = (struct vcpu){.domain = &domain[i], .loaded_on = VCPU_NOWHERE};
}

static void switch_leaves_behind_the_change(void)
{
    begin();
    run(&vcpu[0]);
    CU_ASSERT(space == &vcpu[0] && vcpu[0].loaded_on == 0 && domain[0].loaded_cpus == 1);
    run(&vcpu[1]);
    CU_ASSERT(space == &vcpu[1] && vcpu[0].loaded_on == VCPU_NOWHERE && vcpu[1].loaded_on == 0);
    CU_ASSERT(domain[0].loaded_cpus == 0 && domain[1].loaded_cpus == 1);
    CU_ASSERT_EQUAL(changes, 2);
    CU_ASSERT_EQUAL(wrong, 0);
}

static void sync_leaves_behind_the_change(void)
{
    begin();
    run(&vcpu[0]);
    cpu_info()->unit = NULL; /* idle, the vCPU is kept */
    fake_cpu = 1;
    vcpu_sync(&vcpu[0]);
    CU_ASSERT(space == NULL && vcpu[0].loaded_on == VCPU_NOWHERE && domain[0].loaded_cpus == 0);
    vcpu_sync(&vcpu[0]); /* nobody has it any more */
    CU_ASSERT_EQUAL(changes, 2);
    CU_ASSERT_EQUAL(wrong, 0);
}

/* The runstate that the guest reads and the record that the tools read are one. */
static void states_are_counted_in_the_record(void)
{
    struct wirt_stat s = {.kind = WIRT_STAT_VCPU, .u.vcpu.state = RUNSTATE_offline};
    struct vcpu_runstate_info r;

    begin();
    vcpu[0].stat = &s;
    vcpu[0].unit.cpu = 3;
    vcpu[0].unit.affinity = 0xf;
    account(&vcpu[0].unit, RUNSTATE_runnable, 100);
    CU_ASSERT(s.cpu == 3 && s.u.vcpu.affinity == 0xf);
    account(&vcpu[0].unit, RUNSTATE_running, 100 + 1023); /* less than 1024 ns: the first bucket */
    account(&vcpu[0].unit, RUNSTATE_runnable, 5000);
    account(&vcpu[0].unit, RUNSTATE_running, 5000 + 1024);
    account(&vcpu[0].unit, RUNSTATE_blocked, 9000);
    account(&vcpu[0].unit, RUNSTATE_running, 9500); /* from sleep: nothing was waited for */
    account(&vcpu[0].unit, RUNSTATE_runnable, 9600);
    account(&vcpu[0].unit, RUNSTATE_offline, 20000); /* not run in the end */
    CU_ASSERT(s.u.vcpu.latency[0] == 1 && s.u.vcpu.latency[1] == 1 && s.u.vcpu.latency[4] == 0);
    CU_ASSERT_EQUAL(s.u.vcpu.time[RUNSTATE_running], (5000 - 1123) + (9000 - 6024) + 100);
    CU_ASSERT_EQUAL(s.u.vcpu.time[RUNSTATE_runnable], 1023 + 1024 + 10400);
    CU_ASSERT_EQUAL(s.u.vcpu.time[RUNSTATE_blocked], 500);
    CU_ASSERT_EQUAL(s.u.vcpu.time[RUNSTATE_offline], 100);
    CU_ASSERT(s.version % 2 == 0 && s.version == 16);
    now = 20700;
    vcpu_runstate(&vcpu[0], &r);
    CU_ASSERT(r.state == RUNSTATE_offline && r.state_entry_time == 20000 && r.time[RUNSTATE_offline] == 800);
    CU_ASSERT_EQUAL(r.time[RUNSTATE_blocked], 500);
    CU_ASSERT_EQUAL(s.u.vcpu.time[RUNSTATE_offline], 100); /* the reader adds what has not ended */
}

int main(void)
{
    CU_TestInfo tests[] = {{"a switch leaves behind the change", switch_leaves_behind_the_change},
                           {"a sync leaves behind the change", sync_leaves_behind_the_change},
                           {"states are counted in the record", states_are_counted_in_the_record},
                           CU_TEST_INFO_NULL};
    int status;

    for (u32 i = 0; i < 2; i++)
        percpu_stack[i] = aligned_alloc(STACK_SIZE, STACK_SIZE);
    status = suite_run("vcpu", tests);
    for (u32 i = 0; i < 2; i++)
        free(percpu_stack[i]);
    return status;
}
