/* SPDX-License-Identifier: MIT */
/*
 * core/sched.c and sched_credit.c on the machine of sched_play.c: shares of time are compared with what the weights and
 * caps promise, and who is woken, stolen, moved, paused or yields is where it has to be. The last test does random
 * things to many units.
 */
#include "sched_play.h"
#include "lib/errno.h"

static void weights_share_fairly(void)
{
    struct load *a = load_add(1, BIT(1), 256, 0, 0), *b = load_add(1, BIT(1), 512, 0, 0),
                *c = load_add(1, BIT(1), 1024, 0, 0), *late;

    simulate(10000 * MS);
    CU_ASSERT_TRUE(is_near(ms_of(a), 10000. * 1 / 7, 2));
    CU_ASSERT_TRUE(is_near(ms_of(b), 10000. * 2 / 7, 2));
    CU_ASSERT_TRUE(is_near(ms_of(c), 10000. * 4 / 7, 2));
    late = load_add(1, BIT(1), 256, 0, 0); /* a newcomer has no claim on the past */
    simulate(8000 * MS);
    CU_ASSERT_TRUE(is_near(ms_of(late), 1000, 3));
    clean();
}

static void sleepers_do_not_hoard(void)
{
    struct load *hog = load_add(1, BIT(1), 256, 0, 0), *sleeper = load_add(1, BIT(1), 256, 0, 0);

    simulate(20 * MS);
    sched_pause(&sleeper->u);
    simulate(10000 * MS);
    sched_unpause(&sleeper->u);
    CU_ASSERT_TRUE(ms_of(sleeper) < 20);
    simulate(1000 * MS);
    CU_ASSERT_TRUE(is_near(ms_of(sleeper), 510, 3));
    CU_ASSERT_TRUE(is_near(ms_of(hog), 10510, 1));
    clean();
}

static void woken_units_run_soon(void)
{
    struct load *io = load_add(1, BIT(1), 256, MS / 5, 7 * MS);

    for (int i = 0; i < 3; i++)
        load_add(1, BIT(1), 256, 0, 0);
    simulate(200 * MS); /* newcomers that never ran go first for once */
    io->latency_max = 0;
    simulate(5000 * MS);
    CU_ASSERT(io->entered > 600);
    CU_ASSERT(io->latency_max <= MS);
    clean();
}

static void alone_means_no_tick(void)
{
    struct load *l = load_add(1, BIT(1), 256, 0, 0);
    u32 programmed;

    simulate(50 * MS);
    CU_ASSERT_EQUAL(fake_deadline[1], 0);
    programmed = fake_timer_programmed;
    simulate(900 * MS);
    CU_ASSERT(fake_timer_programmed <= programmed + 1); /* CPU 0's housekeeping */
    CU_ASSERT_EQUAL(l->entered, 1);
    clean();
}

static void caps_hold(void)
{
    struct load *a = load_add(1, BIT(1), 256, 0, 0), *b, *burst;

    a->u.cap = 30;
    simulate(10000 * MS);
    CU_ASSERT_TRUE(is_near(ms_of(a), 3000, 1.5)); /* alone: the CPU idles the rest */
    b = load_add(1, BIT(1), 256, 0, 0);
    simulate(10000 * MS);
    CU_ASSERT_TRUE(is_near(ms_of(a), 6000, 1.5));
    CU_ASSERT_TRUE(is_near(ms_of(b), 7000, 1.5));
    sched_pause(&b->u);
    sched_pause(&a->u);
    burst = load_add(1, BIT(1), 256, 3 * MS, MS / 2);
    burst->u.cap = 20;
    simulate(10000 * MS);
    CU_ASSERT_TRUE(is_near(ms_of(burst), 2000, 2));
    clean();
}

static void idle_cpus_steal(void)
{
    struct load *l[4];

    for (u32 i = 0; i < 4; i++)
        l[i] = load_add(0, 0, 256, 0, 0); /* all on CPU 0's queue */
    simulate(1000 * MS);
    for (u32 i = 0; i < 4; i++)
        CU_ASSERT_TRUE(is_near(ms_of(l[i]), 1000, 2));
    clean();
    for (u32 i = 0; i < 4; i++)
        l[i] = load_add(0, i < 2 ? 0 : BIT(0), 256, 0, 0); /* two must stay */
    simulate(1000 * MS);
    CU_ASSERT_TRUE(is_near(ms_of(l[0]), 1000, 3));
    CU_ASSERT_TRUE(is_near(ms_of(l[1]), 1000, 3));
    CU_ASSERT_TRUE(is_near(ms_of(l[2]), 500, 3));
    CU_ASSERT_TRUE(is_near(ms_of(l[3]), 500, 3));
    clean();
}

static void affinity_moves_units(void)
{
    struct load *l = load_add(1, BIT(1), 256, 0, 0), *s = load_add(1, BIT(1), 256, MS, 100 * MS), *q;

    simulate(5 * MS);
    CU_ASSERT_EQUAL(l->on, 2);
    CU_ASSERT_EQUAL(sched_set_affinity(&l->u, BIT(2) | BIT(40)), 0); /* running */
    CU_ASSERT_EQUAL(sched_set_affinity(&s->u, BIT(3)), 0);           /* asleep */
    simulate(MS);
    CU_ASSERT_EQUAL(l->on, 3);
    CU_ASSERT_EQUAL(l->u.cpu, 2);
    simulate(1000 * MS);
    CU_ASSERT(s->u.cpu == 3 && s->entered > 8);
    q = load_add(2, BIT(2), 256, 0, 0); /* runnable in l's queue, not running */
    CU_ASSERT_PTR_EQUAL(running(2), l);
    CU_ASSERT_EQUAL(sched_set_affinity(&q->u, BIT(0)), 0);
    simulate(MS);
    CU_ASSERT_EQUAL(q->on, 1);
    CU_ASSERT_EQUAL(sched_set_affinity(&q->u, BIT(40)), -EINVAL);
    CU_ASSERT_EQUAL(sched_set_affinity(&q->u, 0), -EINVAL);
    CU_ASSERT_EQUAL(q->u.affinity, BIT(0));
    /* Running, then asleep on a CPU that it may not use any more: wakes where it may. */
    simulate(s->wake_at ? s->wake_at - fake_now + MS / 2 : 0);
    CU_ASSERT_EQUAL(s->on, 4);
    CU_ASSERT_EQUAL(sched_set_affinity(&s->u, BIT(1)), 0);
    fake_cpu_set(3);
    sched_block();
    s->left = s->burst;
    s->wake_at = fake_now + 5 * MS;
    simulate(5 * MS + MS / 2);
    CU_ASSERT_EQUAL(s->on, 2);
    clean();
}

static void called_cpus_pass_it_on(void)
{
    struct load *hog = load_add(0, BIT(0), 256, 0, 0), *u, *y;

    simulate(MS);
    CU_ASSERT_EQUAL(hog->on, 1);
    u = load_add(0, BIT(0) | BIT(1) | BIT(2), 256, 0, 0); /* CPU 1 is called to steal it ... */
    y = load_add(1, BIT(1), 256, 0, 0);                   /* ... and gets one of its own */
    work_everywhere();
    CU_ASSERT_EQUAL(y->on, 2);
    CU_ASSERT_EQUAL(u->on, 3);
    clean();
}

static void stolen_units_take_no_advantage(void)
{
    struct load *old = load_add(1, BIT(1), 256, 0, 0), *pinned, *young;
    double before;

    simulate(5000 * MS);
    sched_pause(&old->u);
    pinned = load_add(0, BIT(0), 256, 0, 0);
    young = load_add(0, BIT(0) | BIT(1), 256, 0, 0);
    simulate(20 * MS);
    CU_ASSERT_EQUAL(young->on, 2);
    sched_unpause(&old->u);
    before = ms_of(young);
    simulate(1000 * MS); /* CPU 1 is shared, although one of them ran for 5 s there before */
    CU_ASSERT_TRUE(is_near(ms_of(young) - before, 500, 4));
    CU_ASSERT_TRUE(is_near(ms_of(pinned), 1020, 1));
    clean();
}

static struct load *relax_for;
static void relax(void)
{
    u32 was = fake_cpu;
    bool was_off = fake_irq_is_off;

    wrong += was_off; /* a busy wait with interrupts off could hang the machine */
    test_work_run(relax_for->u.cpu);
    fake_cpu_set(was);
    fake_irq_is_off = was_off;
}

static void pause_stops_units(void)
{
    struct load *l = load_add(1, BIT(1), 256, 0, 0), *s = load_add(2, BIT(2), 256, MS, MS);
    double before;

    simulate(10 * MS);
    relax_for = l;
    fake_relax_hook = relax;
    CU_ASSERT_TRUE(sched_is_running(&l->u));
    sched_pause_sync(&l->u);
    CU_ASSERT_FALSE(sched_is_running(&l->u));
    fake_relax_hook = NULL;
    CU_ASSERT_EQUAL(l->u.state, UNIT_OFFLINE);
    sched_pause(&l->u);
    before = ms_of(l);
    sched_wake(&l->u); /* does not undo a pause */
    simulate(100 * MS);
    sched_unpause(&l->u);
    simulate(100 * MS);
    CU_ASSERT_EQUAL(ms_of(l), before);
    sched_unpause(&l->u);
    simulate(100 * MS);
    CU_ASSERT_TRUE(is_near(ms_of(l), before + 100, 1));
    simulate(s->wake_at ? 0 : s->left); /* a sleeper paused, woken, unpaused: runs; not woken: sleeps on */
    CU_ASSERT_EQUAL(s->u.state, UNIT_BLOCKED);
    s->wake_at = 0;
    sched_pause(&s->u);
    sched_unpause(&s->u);
    simulate(MS / 10);
    CU_ASSERT_EQUAL(s->u.state, UNIT_BLOCKED);
    sched_pause(&s->u);
    sched_wake(&s->u);
    simulate(MS / 10);
    CU_ASSERT_EQUAL(s->u.state, UNIT_OFFLINE);
    sched_unpause(&s->u);
    simulate(MS / 10);
    CU_ASSERT_EQUAL(s->u.state, UNIT_RUNNING);
    clean();
}

static void wake_before_sleep_counts(void)
{
    struct load *l = load_add(1, BIT(1), 256, 0, 0);

    simulate(MS);
    fake_cpu_set(1);
    sched_block();
    fake_cpu_set(0);
    sched_wake(&l->u); /* the event came between the decision and sched_run */
    simulate(MS);
    CU_ASSERT_EQUAL(l->on, 2);
    CU_ASSERT_EQUAL(l->entered, 1);
    fake_cpu_set(1);
    sched_block();
    simulate(MS);
    CU_ASSERT_EQUAL(l->on, 0);
    CU_ASSERT_EQUAL(l->u.state, UNIT_BLOCKED);
    clean();
}

static void yield_lets_others_go_first(void)
{
    struct load *a = load_add(1, BIT(1), 256, 0, 0), *b = load_add(1, BIT(1), 256, 0, 0);

    simulate(2 * MS);
    for (int i = 0; i < 10; i++) {
        struct load *before = running(1);
        fake_cpu_set(1);
        sched_yield();
        work_everywhere();
        CU_ASSERT_PTR_NOT_EQUAL(running(1), before);
        simulate(MS / 10);
    }
    sched_pause(&b->u);
    work_everywhere();
    fake_cpu_set(1);
    sched_yield(); /* nobody else: goes on */
    work_everywhere();
    CU_ASSERT_PTR_EQUAL(running(1), a);
    clean();
}

static void runstates_add_up(void)
{
    struct load *hog = load_add(1, BIT(1), 256, 0, 0), *io = load_add(1, BIT(1), 256, 2 * MS, 8 * MS);
    u64 start = fake_now;

    simulate(1000 * MS);
    sched_pause(&hog->u);
    simulate(500 * MS);
    sched_unpause(&hog->u);
    simulate(100 * MS);
    for (u32 i = 0; i < 2; i++) {
        struct load *l = i ? io : hog;
        u64 sum = fake_now - l->since;
        for (int s = 0; s < 4; s++)
            sum += l->acct[s];
        CU_ASSERT_EQUAL(sum, fake_now - start);
        CU_ASSERT_EQUAL(l->acct[UNIT_RUNNING] + (l->on ? fake_now - l->since : 0), sched_run_ns(&l->u));
    }
    CU_ASSERT_EQUAL(hog->acct[UNIT_OFFLINE], 500 * MS);
    CU_ASSERT_EQUAL(hog->acct[UNIT_BLOCKED], 0);
    CU_ASSERT(io->acct[UNIT_BLOCKED] > 1000 * MS);
    clean();
}

/* Nobody who may run waits while a CPU that could run it idles. */
static u32 starving(void)
{
    u32 n = 0;

    for (u32 i = 0; i < load_count; i++)
        for (u32 c = 0; c < TEST_CPUS; c++)
            n += load[i].u.state == UNIT_RUNNABLE && !load[i].u.cap && (load[i].u.affinity & BIT(c)) && !running(c);
    return n;
}

static void random_operation(struct load *l)
{
    fake_cpu_set((u32)fake_random(TEST_CPUS));
    switch (fake_random(7)) {
    case 0:
        sched_wake(&l->u);
        l->wake_at = 0;
        break;
    case 1:
        sched_pause(&l->u);
        break;
    case 2:
    case 3:
        if (l->u.pause_count)
            sched_unpause(&l->u);
        break;
    case 4:
        wrong += sched_set_affinity(&l->u, 1 + fake_random(15)) != 0;
        break;
    case 5:
        if (l->on) {
            fake_cpu_set(l->on - 1);
            sched_yield();
        }
        break;
    default:
        l->waker = (u32)fake_random(TEST_CPUS);
        l->u.weight = 64u << fake_random(5);
    }
}

static void random_operations(void)
{
    u32 starved = 0;

    for (u32 i = 0; i < 12; i++)
        load_add((u32)fake_random(TEST_CPUS), 1 + fake_random(15), 256, fake_random(3) ? MS + fake_random(20 * MS) : 0,
                 MS / 10 + fake_random(20 * MS));
    load[0].u.cap = 25;
    for (int round = 0; round < 20000; round++) {
        random_operation(&load[fake_random(load_count)]);
        if (fake_random(3) == 0) {
            simulate(fake_random(3 * MS));
            if (starving() && !starved++) {
                fake_wire_clear();
                sched_dump();
                fputs(fake_wire[0], stdout);
            }
        }
    }
    CU_ASSERT_EQUAL(starved, 0);
    for (u32 i = 0; i < load_count; i++)
        CU_ASSERT(load[i].entered > 100);
    clean();
}

/* As before, but the called CPU was the last idle one: the queue that called gets its tick all the same. */
static void callers_do_not_rely_in_vain(void)
{
    struct load *hog = load_add(0, BIT(0), 256, 0, 0), *u;

    (void)load_add(2, BIT(2), 256, 0, 0);
    (void)load_add(3, BIT(3), 256, 0, 0);
    simulate(MS);
    u = load_add(0, BIT(0) | BIT(1), 256, 0, 0);
    (void)load_add(1, BIT(1), 256, 0, 0);
    simulate(100 * MS);
    CU_ASSERT(u->entered > 0 && hog->entered > 1);
    CU_ASSERT_TRUE(is_near(ms_of(u), 50, 20));
    clean();
}

static void shares_change(void)
{
    struct load *a = load_add(1, BIT(1), 256, 0, 0), *b = load_add(1, BIT(1), 256, 0, 0);
    u64 before;

    simulate(1000 * MS);
    CU_ASSERT_TRUE(is_near(ms_of(a), 500, 5));
    before = ms_of(a);
    sched_set_share(&a->u, 768, 0);
    simulate(4000 * MS);
    CU_ASSERT_TRUE(is_near(ms_of(a) - before, 3000, 2));
    sched_pause(&b->u);
    before = ms_of(a);
    sched_set_share(&a->u, 256, 25); /* it runs alone, and no tick is set: the cap holds at once */
    simulate(4000 * MS);
    CU_ASSERT_TRUE(is_near(ms_of(a) - before, 1000, 4));
    sched_set_share(&a->u, 256, 0);
    before = ms_of(a);
    simulate(1000 * MS);
    CU_ASSERT_TRUE(is_near(ms_of(a) - before, 1000, 11));
    clean();
}

/* A CPU's clock may be a little behind that of the one which accounted last: nothing ran meanwhile, not all of time. */
static void clocks_differ(void)
{
    struct load *a = load_add(1, BIT(1), 512, 0, 0), *b = load_add(1, BIT(1), 512, 0, 0);

    simulate(100 * MS);
    fake_now -= 1000;
    sched_set_share(&running(1)->u, 512, 0);
    fake_now += 1000;
    simulate(1000 * MS);
    CU_ASSERT_TRUE(is_near(ms_of(a), 550, 3));
    CU_ASSERT_TRUE(is_near(ms_of(b), 550, 3));
    clean();
}

CU_TestInfo test_sched[] = {{"weights", weights_share_fairly},
                            {"sleepers do not hoard", sleepers_do_not_hoard},
                            {"woken units run soon", woken_units_run_soon},
                            {"alone: no tick", alone_means_no_tick},
                            {"caps", caps_hold},
                            {"stealing", idle_cpus_steal},
                            {"called CPUs pass it on", called_cpus_pass_it_on},
                            {"callers do not rely in vain", callers_do_not_rely_in_vain},
                            {"shares change", shares_change},
                            {"stolen units", stolen_units_take_no_advantage},
                            {"affinity", affinity_moves_units},
                            {"pause", pause_stops_units},
                            {"wake before sleep", wake_before_sleep_counts},
                            {"yield", yield_lets_others_go_first},
                            {"runstates add up", runstates_add_up},
                            {"clocks differ", clocks_differ},
                            {"random operations", random_operations},
                            CU_TEST_INFO_NULL};
