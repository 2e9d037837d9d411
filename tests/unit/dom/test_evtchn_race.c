/* SPDX-License-Identifier: MIT */
/*
 * Event channels against time: a thread that sends while another closes, or takes the domain apart, and bindings that
 * come in the moment of death. Behind a death nothing is tied to the domain, and nobody touches its shared page.
 */
#define sched_yield host_sched_yield /* ours is another one */
#include <pthread.h>
#undef sched_yield
#include "evtchn_toy.h"

static volatile bool is_over;
static u64 sent;
static void *sender(void *arg)
{
    (void)arg;
    fake_cpu = 1;
    while (!is_over)
        for (u32 port = 1; port < 8; port++)
            atomic_add(&sent, (u64)(evtchn_send(&dom[0], port) == 0));
    return NULL;
}

static void test_race(void)
{
    pthread_t thread;

    start();
    is_over = false;
    sent = 0;
    CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, sender, NULL), 0);
    for (u32 i = 0; i < 30000 || atomic_load(&sent) < 100; i++) {
        u32 far = (u32)evtchn_alloc_unbound(&dom[1], 0);
        int near = evtchn_bind_interdomain(&dom[0], 1, far);
        CU_ASSERT_FATAL(near > 0);
        CU_ASSERT_EQUAL_FATAL(i % 2 ? evtchn_close(&dom[0], (u32)near) : evtchn_close(&dom[1], far), 0);
        CU_ASSERT_EQUAL_FATAL(i % 2 ? evtchn_close(&dom[1], far) : evtchn_close(&dom[0], (u32)near), 0);
    }
    is_over = true;
    pthread_join(thread, NULL);
    check_all();
    stop();
}

/* What a sender may meet whom a close and the next binding overtook between its looks at `state` and at the peer: the
 * race above, which that takes an age to hit. */
static void test_overtaken(void)
{
    struct evtchn *c;
    u32 port;

    start();
    port = (u32)evtchn_bind_ipi(&dom[0], 0);
    c = &dom[0].evtchn.bucket[0][port];
    c->state = EVTCHN_INTERDOMAIN;
    CU_ASSERT_PTR_NULL(c->peer);
    CU_ASSERT_EQUAL(evtchn_send(&dom[0], port), 0);
    c->state = EVTCHN_IPI;
    stop();
}

/* Nothing is tied to a dying domain any more, whoever asks; what was tied to it falls back. */
static void test_death(void)
{
    u32 far, near;

    start();
    far = (u32)evtchn_alloc_unbound(&dom[1], 0);
    near = (u32)evtchn_alloc_unbound(&dom[0], 1);
    CU_ASSERT(evtchn_bind_interdomain(&dom[1], 0, near) > 0);
    dom[1].life = DOMAIN_DYING;
    CU_ASSERT_EQUAL(evtchn_alloc_unbound(&dom[1], 0), -ESRCH);
    CU_ASSERT_EQUAL(evtchn_bind_interdomain(&dom[1], 0, (u32)evtchn_alloc_unbound(&dom[0], 1)), -ESRCH);
    CU_ASSERT_EQUAL(evtchn_destroy_all(&dom[1]), 0);
    CU_ASSERT_EQUAL(evtchn_bind_interdomain(&dom[0], 1, far), -EINVAL);
    CU_ASSERT_EQUAL(status_of(0, near), EVTCHNSTAT_unbound);
    CU_ASSERT_EQUAL(evtchn_send(&dom[0], near), 0);
    CU_ASSERT(shared[1].evtchn_pending[0] == 0);
    CU_ASSERT(dom[0].refs == 1 && dom[1].refs == 1);
    stop();
}

/* Whoever had looked whether the domain is dying before it was is waited for: another CPU takes the domain apart in the
 * middle of an allocation, which looks done to it, or waits for a lock. */
static pthread_t killer;
static int killed;
static bool is_killed;
static void *kill_channels(void *arg)
{
    (void)arg;
    fake_cpu = 1;
    killed = evtchn_destroy_all(&dom[1]);
    atomic_store(&is_killed, true);
    return NULL;
}
static void *kill_pirqs(void *arg)
{
    (void)arg;
    fake_cpu = 1;
    killed = pirq_destroy_all(&dom[1]);
    atomic_store(&is_killed, true);
    return NULL;
}
static void begin_death(void *(*how)(void *arg), const struct lock *l)
{
    killed = -1;
    is_killed = false;
    dom[1].life = DOMAIN_DYING;
    CU_ASSERT_EQUAL_FATAL(pthread_create(&killer, NULL, how, NULL), 0);
    while (!atomic_load(&is_killed) && READ_ONCE(l->next) - READ_ONCE(l->serving) < 2)
        usleep(0);
}
static void death_of_channels(void)
{
    begin_death(kill_channels, &dom[1].evtchn.lock);
}
static void death_of_pirqs(void)
{
    begin_death(kill_pirqs, &dom[1].pirq.lock);
}

static void test_late_tie(void)
{
    s32 pirq = -1;
    int port;

    start();
    slab_hook = death_of_channels;
    port = evtchn_alloc_unbound(&dom[1], 0);
    pthread_join(killer, NULL);
    CU_ASSERT(port > 0);
    CU_ASSERT_EQUAL(killed, 0);
    CU_ASSERT_EQUAL(status_of(1, (u32)port), EVTCHNSTAT_closed);
    dom[1].life = DOMAIN_ALIVE;
    slab_hook = death_of_pirqs;
    CU_ASSERT_EQUAL(pirq_map_msi(&dom[1], 8, 0, 0, &pirq), 0);
    pthread_join(killer, NULL);
    CU_ASSERT_EQUAL(killed, 0);
    CU_ASSERT(dom[1].pirq.item && !dom[1].pirq.item[pirq].is_mapped);
    pirq = -1;
    CU_ASSERT(pirq_map_msi(&dom[1], 8, 0, 0, &pirq) < 0); /* it is dying */
    stop();
}

static void *death_sender(void *arg)
{
    (void)arg;
    fake_cpu = 1;
    while (!is_over) {
        for (u32 port = 1; port < 8; port++) {
            (void)evtchn_send(&dom[0], port);
            atomic_add(&sender_steps, 1ull);
        }
    }
    return NULL;
}

/* Behind evtchn_destroy_all nobody touches the dead domain's shared page. */
static void test_death_race(void)
{
    static struct shared_info gone; /* a new page for each life */
    pthread_t thread;
    u64 seen = 0;

    start();
    is_over = false;
    has_sender = true;
    CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, death_sender, NULL), 0);
    for (u32 i = 0; i < 3000; i++) {
        dom[1].life = DOMAIN_ALIVE;
        dom[1].shared = &shared[1];
        for (u32 n = 0; n < 3; n++)
            CU_ASSERT_FATAL(evtchn_bind_interdomain(&dom[0], 1, (u32)evtchn_alloc_unbound(&dom[1], 0)) > 0);
        for (u64 until = atomic_load(&sender_steps) + 9; i % 2 && atomic_load(&sender_steps) < until;)
            usleep(0);
        seen |= shared[1].evtchn_pending[0];
        dom[1].life = DOMAIN_DYING;
        CU_ASSERT_EQUAL_FATAL(evtchn_destroy_all(&dom[1]), 0);
        dom[1].shared = &gone;
        memset(&shared[1], 0, sizeof(shared[1]));
        usleep(1);
        for (u32 w = 0; w < 64; w++)
            CU_ASSERT_EQUAL_FATAL(shared[1].evtchn_pending[w], 0);
        CU_ASSERT_EQUAL_FATAL(dom[1].refs, 1);
        for (u32 port = 1; port < 8; port++)
            (void)evtchn_close(&dom[0], port);
    }
    CU_ASSERT(seen != 0); /* it did send */
    is_over = true;
    pthread_join(thread, NULL);
    has_sender = false;
    dom[1].shared = &shared[1];
    stop();
}

int main(void)
{
    CU_TestInfo tests[] = {{"send against close", test_race},
                           {"send overtaken by a close and a binding", test_overtaken},
                           {"death", test_death},
                           {"ties in the moment of death", test_late_tie},
                           {"send against death", test_death_race},
                           CU_TEST_INFO_NULL};

    return toy_run("evtchn_race", tests);
}
