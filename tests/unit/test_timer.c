/* SPDX-License-Identifier: MIT */
/* core/work.c and core/timer.c: order, kicks, deadlines, and that the APIC is programmed no more
 * than needed. */
#include "test.h"
#include <string.h>
#include "core/slab.h"
#include "core/timer.h"
#include "core/work.h"
#include "hw/irq.h"

static u32 ran[8], ran_count;
static void work_a(void)
{
    ran[ran_count++ % 8] = WORK_CALLBACK;
}
static void work_b(void)
{
    ran[ran_count++ % 8] = WORK_EXIT;
    if (ran_count < 3)
        work_raise(WORK_CALLBACK); /* lower than us: still runs */
}

static void lowest_bit_first(void)
{
    work_bind(WORK_CALLBACK, work_a);
    work_bind(WORK_EXIT, work_b);
    ran_count = 0;
    work_raise(WORK_EXIT);
    work_raise(WORK_CALLBACK);
    CU_ASSERT_TRUE(work_is_pending());
    work_run();
    CU_ASSERT_FALSE(work_is_pending());
    CU_ASSERT_EQUAL(ran_count, 3);
    CU_ASSERT(ran[0] == WORK_CALLBACK && ran[1] == WORK_EXIT && ran[2] == WORK_CALLBACK);
}

static void one_kick_is_enough(void)
{
    u32 kicks = fake_kicks[1];

    work_raise_on(1, WORK_CALLBACK);
    work_raise_on(1, WORK_EXIT);
    CU_ASSERT_EQUAL(fake_kicks[1], kicks + 1);
    test_work_run(1);
    work_raise_on(1, WORK_CALLBACK);
    CU_ASSERT_EQUAL(fake_kicks[1], kicks + 2);
    test_work_run(1);
    kicks = fake_kicks[0];
    work_raise_on(0, WORK_CALLBACK);
    CU_ASSERT_EQUAL(fake_kicks[0], kicks);
    test_work_run(0);
}

/* Let time pass up to `until`, with the interrupts and work of all CPUs. */
static void pass(u64 until)
{
    for (;;) {
        u64 next = until;
        for (u32 c = 0; c < TEST_CPUS; c++) {
            test_work_run(c);
            if (fake_deadline[c])
                next = min(next, max(fake_deadline[c], fake_now));
        }
        fake_now = max(fake_now, next);
        for (u32 c = 0; c < TEST_CPUS; c++)
            if (fake_deadline[c] && fake_deadline[c] <= fake_now) {
                fake_deadline[c] = 0;
                fake_interrupt(c, VEC_TIMER);
                test_work_run(c);
            }
        if (fake_now >= until)
            return;
    }
}

#define MANY 200
static struct sample {
    struct timer t;
    u64 due; /* what the model expects; 0 = not set */
    u32 cpu, fired;
} sample[MANY];
static int wrong;

static void fire(void *arg)
{
    struct sample *s = arg;

    wrong += s->due == 0 || fake_now < s->due || fake_now > s->due + 1; /* neither early nor late */
    wrong += fake_cpu != s->cpu || fake_irq_is_off || timer_is_set(&s->t);
    s->fired++;
    s->due = 0;
    if (fake_random(8) == 0) {
        s->due = fake_now + fake_random(5000) + 1;
        timer_set(&s->t, s->due);
    }
}

static void random_against_model(void)
{
    u32 fired = 0;

    wrong = 0;
    for (u32 i = 0; i < MANY; i++) {
        sample[i] = (struct sample){.cpu = i % TEST_CPUS};
        timer_init(&sample[i].t, fire, &sample[i], sample[i].cpu);
    }
    for (int round = 0; round < 20000; round++) {
        struct sample *s = &sample[fake_random(MANY)];
        fake_cpu_set((u32)fake_random(TEST_CPUS));
        switch (fake_random(5)) {
        case 0:
        case 1:
            s->due = fake_now + fake_random(20000);
            s->due += s->due == 0;
            timer_set(&s->t, s->due);
            break;
        case 2:
            timer_stop(&s->t);
            s->due = 0;
            break;
        case 3:
            s->cpu = (u32)fake_random(TEST_CPUS);
            timer_move(&s->t, s->cpu);
            break;
        default:
            wrong += timer_is_set(&s->t) != (s->due != 0);
            pass(fake_now + fake_random(2000));
        }
    }
    pass(fake_now + 10000000);
    for (u32 i = 0; i < MANY; i++) {
        fired += sample[i].fired;
        timer_stop(&sample[i].t);
    }
    fake_cpu_set(0);
    CU_ASSERT_EQUAL(wrong, 0);
    CU_ASSERT(fired > 2000);
}

static u32 simple_fired;
static void simple(void *arg)
{
    simple_fired++;
}

static void early_interrupt_is_not_lost(void)
{
    struct timer t;

    pass(fake_now + 1000);
    fake_cpu_set(1);
    timer_init(&t, simple, NULL, 1);
    simple_fired = 0;
    timer_set(&t, fake_now + 5000);
    CU_ASSERT_EQUAL(fake_deadline[1], fake_now + 5000);
    fake_now += 4990; /* the APIC's clock runs a little fast */
    fake_deadline[1] = 0;
    fake_interrupt(1, VEC_TIMER);
    test_work_run(1);
    CU_ASSERT_EQUAL(simple_fired, 0);
    CU_ASSERT_EQUAL(fake_deadline[1], fake_now + 10);
    fake_cpu_set(0);
    pass(fake_now + 20);
    CU_ASSERT_EQUAL(simple_fired, 1);
}

static void apic_is_programmed_lazily(void)
{
    struct timer t, u;
    u32 programmed;

    fake_cpu_set(1);
    timer_init(&t, simple, NULL, 1);
    timer_init(&u, simple, NULL, 1);
    timer_set(&t, fake_now + 1000);
    programmed = fake_timer_programmed;
    timer_set(&u, fake_now + 2000); /* later than what is set */
    timer_stop(&t);
    timer_set(&t, fake_now + 1500); /* later than what the APIC still has */
    CU_ASSERT_EQUAL(fake_timer_programmed, programmed);
    timer_set(&t, fake_now + 500);
    CU_ASSERT_EQUAL(fake_timer_programmed, programmed + 1);
    timer_stop(&t);
    timer_stop(&u);
    fake_cpu_set(0);
    timer_set(&u, fake_now + 100); /* another CPU's: it is asked to look */
    CU_ASSERT_EQUAL(fake_timer_programmed, programmed + 1);
    simple_fired = 0;
    pass(fake_now + 200);
    CU_ASSERT_EQUAL(simple_fired, 1);
    timer_set(&t, 1); /* the past */
    pass(fake_now + 1);
    CU_ASSERT_EQUAL(simple_fired, 2);
}

static struct timer waited_for;
static u32 relaxed;
static void relax(void)
{
    /* CPU 1's callback comes to its end while CPU 0 waits in timer_stop(). */
    relaxed++;
    longjmp(fake_panic_back, 1);
}
static void slow(void *arg)
{
    u32 was = fake_cpu;
    bool did_wait;

    timer_stop(&waited_for); /* from inside: no waiting for oneself */
    fake_relax_hook = relax;
    fake_cpu_set(0);
    did_wait = FAKE_PANICS(timer_stop(&waited_for)); /* left by relax() */
    fake_relax_hook = NULL;
    fake_cpu_set(was);
    simple_fired += did_wait;
}

static void stop_waits_for_the_callback(void)
{
    timer_init(&waited_for, slow, NULL, 1);
    timer_set(&waited_for, fake_now + 10);
    simple_fired = relaxed = 0;
    pass(fake_now + 100);
    CU_ASSERT_EQUAL(simple_fired, 1);
    CU_ASSERT_EQUAL(relaxed, 1);
}

static void time_is_adjusted_each_second(void)
{
    u32 before = fake_adjust_count;

    pass(fake_now + 10500000000ull);
    CU_ASSERT(fake_adjust_count - before == 10 || fake_adjust_count - before == 11);
}

static void count_up(void *arg)
{
    ++*(u32 *)arg;
}

/* A hostile guest's vCPUs crowd one CPU: every timer fires all the same. */
static void thousands_fire(void)
{
    enum { COUNT = 5000 };
    struct timer *t = calloc(COUNT, sizeof(*t));
    u32 fired = 0;

    for (u32 i = 0; i < COUNT; i++) {
        timer_init(&t[i], count_up, &fired, 0);
        timer_set(&t[i], fake_now + 1000000 + fake_random(1000));
    }
    pass(fake_now + 2000000);
    CU_ASSERT_EQUAL(fired, COUNT);
    free(t);
}

CU_TestInfo test_work[] = {
    {"lowest bit first", lowest_bit_first}, {"one kick is enough", one_kick_is_enough}, CU_TEST_INFO_NULL};
CU_TestInfo test_timer[] = {{"random against a model", random_against_model},
                            {"early interrupt", early_interrupt_is_not_lost},
                            {"lazy programming", apic_is_programmed_lazily},
                            {"stop waits for the callback", stop_waits_for_the_callback},
                            {"time is adjusted each second", time_is_adjusted_each_second},
                            {"thousands on one CPU", thousands_fire},
                            CU_TEST_INFO_NULL};
