/* SPDX-License-Identifier: MIT */
/*
 * Event channels and PIRQs, each kind of port by itself: dom/evtchn.c and dom/pirq.c over a toy machine. Then a random
 * walk over all kinds, checked against what evtchn_status says of every port.
 */
#include "evtchn_toy.h"
#include "dom/shared.h"
#include <time.h>

#define RANDOM_PORTS 280u

static void test_ports(void)
{
    start();
    for (u32 port = 1; port < EVTCHN_PORTS; port++)
        CU_ASSERT_EQUAL_FATAL(evtchn_alloc_unbound(&dom[1], 0), (int)port);
    CU_ASSERT_EQUAL(named_count, 0);
    CU_ASSERT_EQUAL(evtchn_bind_ipi(&dom[1], 0), -ENOSPC);
    CU_ASSERT_PTR_EQUAL(named, &dom[1]); /* whose ports are used up stands in the log */
    CU_ASSERT_EQUAL(named_count, 1);
    CU_ASSERT_EQUAL(evtchn_close(&dom[1], 4000), 0);
    CU_ASSERT_EQUAL(evtchn_close(&dom[1], 17), 0);
    CU_ASSERT_EQUAL(evtchn_close(&dom[1], 17), -EINVAL);
    CU_ASSERT_EQUAL(evtchn_bind_ipi(&dom[1], 0), 17);
    CU_ASSERT_EQUAL(evtchn_bind_ipi(&dom[1], 0), 4000);
    CU_ASSERT_EQUAL(evtchn_close(&dom[1], 0), -EINVAL);
    CU_ASSERT_EQUAL(evtchn_close(&dom[1], EVTCHN_PORTS), -EINVAL);
    CU_ASSERT_EQUAL(evtchn_close(&dom[1], ~0u), -EINVAL);
    CU_ASSERT_EQUAL(evtchn_send(&dom[1], ~0u), -EINVAL);
    CU_ASSERT_EQUAL(evtchn_unmask(&dom[1], EVTCHN_PORTS), -EINVAL);
    CU_ASSERT_EQUAL(evtchn_send(&dom[2], 5), -EINVAL);
    stop();
}

static void test_ipi(void)
{
    int port;

    start();
    CU_ASSERT_EQUAL(evtchn_bind_ipi(&dom[1], VCPUS), -ENOENT);
    for (u32 i = 0; i < 70; i++)
        CU_ASSERT(evtchn_bind_ipi(&dom[1], 0) > 0);
    port = evtchn_bind_ipi(&dom[1], 2);
    CU_ASSERT_EQUAL_FATAL(port, 71);
    CU_ASSERT_EQUAL(evtchn_send(&dom[1], 71), 0);
    CU_ASSERT(is_pending(1, 71));
    CU_ASSERT_EQUAL(shared[1].vcpu_info[2].evtchn_pending_sel, 2);
    CU_ASSERT_EQUAL(shared[1].vcpu_info[2].evtchn_upcall_pending, 1);
    CU_ASSERT_EQUAL(kicks[1][2], 1);
    CU_ASSERT_EQUAL(evtchn_send(&dom[1], 71), 0);
    CU_ASSERT_EQUAL(kicks[1][2], 1);
    guest_takes_all(1);
    map_set(shared[1].evtchn_mask, 71);
    CU_ASSERT_EQUAL(evtchn_send(&dom[1], 71), 0);
    CU_ASSERT(is_pending(1, 71));
    CU_ASSERT_EQUAL(kicks[1][2], 0);
    CU_ASSERT_EQUAL(shared[1].vcpu_info[2].evtchn_upcall_pending, 0);
    CU_ASSERT_EQUAL(evtchn_unmask(&dom[1], 71), 0);
    CU_ASSERT(!map_test(shared[1].evtchn_mask, 71));
    CU_ASSERT_EQUAL(kicks[1][2], 1);
    guest_takes_all(1);
    map_set(shared[1].evtchn_mask, 71);
    CU_ASSERT_EQUAL(evtchn_unmask(&dom[1], 71), 0);
    CU_ASSERT_EQUAL(kicks[1][2], 0);
    CU_ASSERT_EQUAL(evtchn_bind_vcpu(&dom[1], 71, 1), -EINVAL);
    CU_ASSERT_EQUAL(evtchn_send(&dom[1], 71), 0);
    CU_ASSERT_EQUAL(evtchn_close(&dom[1], 71), 0);
    CU_ASSERT(!is_pending(1, 71));
    stop();
}

static void test_interdomain(void)
{
    struct evtchn_status s;
    int far, near;

    start();
    far = evtchn_alloc_unbound(&dom[1], 0);
    CU_ASSERT_EQUAL(evtchn_send(&dom[1], (u32)far), 0); /* nobody listens */
    CU_ASSERT_EQUAL(evtchn_bind_interdomain(&dom[2], 1, (u32)far), -EINVAL);
    CU_ASSERT_EQUAL(evtchn_bind_interdomain(&dom[0], 1, 99), -EINVAL);
    CU_ASSERT_EQUAL(evtchn_bind_interdomain(&dom[0], 1, ~0u), -EINVAL);
    CU_ASSERT_EQUAL(evtchn_bind_interdomain(&dom[0], 77, 1), -ESRCH);
    near = evtchn_bind_interdomain(&dom[0], 1, (u32)far);
    CU_ASSERT_EQUAL_FATAL(near, 1);
    CU_ASSERT(is_pending(0, 1));
    CU_ASSERT_EQUAL(dom[0].refs, 2);
    CU_ASSERT_EQUAL(dom[1].refs, 2);
    CU_ASSERT_EQUAL(evtchn_bind_interdomain(&dom[0], 1, (u32)far), -EINVAL);
    CU_ASSERT_EQUAL(evtchn_bind_vcpu(&dom[1], (u32)far, 3), 0);
    CU_ASSERT_EQUAL(evtchn_bind_vcpu(&dom[1], (u32)far, VCPUS), -ENOENT);
    CU_ASSERT_EQUAL(evtchn_send(&dom[0], 1), 0);
    CU_ASSERT(is_pending(1, (u32)far));
    CU_ASSERT_EQUAL(kicks[1][3], 1);
    memset(&s, 0, sizeof(s));
    CU_ASSERT_EQUAL(evtchn_status(&dom[1], (u32)far, &s), 0);
    CU_ASSERT_EQUAL(s.status, EVTCHNSTAT_interdomain);
    CU_ASSERT_EQUAL(s.u.interdomain.dom, 0);
    CU_ASSERT_EQUAL(s.u.interdomain.port, 1);
    CU_ASSERT_EQUAL(s.vcpu, 3);
    CU_ASSERT_EQUAL(evtchn_close(&dom[0], 1), 0);
    CU_ASSERT_EQUAL(status_of(1, (u32)far), EVTCHNSTAT_unbound);
    CU_ASSERT_EQUAL(dom[0].refs, 1);
    CU_ASSERT_EQUAL(dom[1].refs, 1);
    CU_ASSERT_EQUAL(evtchn_bind_interdomain(&dom[0], 1, (u32)far), 1); /* may connect again */
    /* to itself */
    far = evtchn_alloc_unbound(&dom[2], 2);
    near = evtchn_bind_interdomain(&dom[2], 2, (u32)far);
    CU_ASSERT_EQUAL(near, 2);
    guest_takes_all(2);
    CU_ASSERT_EQUAL(evtchn_send(&dom[2], 2), 0);
    CU_ASSERT(is_pending(2, 1) && !is_pending(2, 2));
    CU_ASSERT_EQUAL(dom[2].refs, 3);
    stop();
}

static void test_virq(void)
{
    int timer, console;

    start();
    CU_ASSERT_EQUAL(evtchn_bind_virq(&dom[0], NR_VIRQS, 0), -EINVAL);
    CU_ASSERT_EQUAL(evtchn_bind_virq(&dom[0], VIRQ_TIMER, VCPUS), -ENOENT);
    CU_ASSERT_EQUAL(evtchn_bind_virq(&dom[0], VIRQ_CONSOLE, 1), -EINVAL);
    CU_ASSERT_EQUAL(evtchn_bind_virq(&dom[1], VIRQ_CONSOLE, 0), -EPERM);
    evtchn_raise_virq(&vcpus[1][1], VIRQ_TIMER); /* unbound: nothing */
    evtchn_raise_global(&dom[0], VIRQ_CONSOLE);
    evtchn_raise_global(NULL, VIRQ_CONSOLE);
    CU_ASSERT(shared[0].evtchn_pending[0] == 0 && shared[1].evtchn_pending[0] == 0);
    timer = evtchn_bind_virq(&dom[1], VIRQ_TIMER, 1);
    CU_ASSERT(timer > 0);
    CU_ASSERT_EQUAL(evtchn_bind_virq(&dom[1], VIRQ_TIMER, 1), -EEXIST);
    CU_ASSERT(evtchn_bind_virq(&dom[1], VIRQ_TIMER, 2) > 0);
    evtchn_raise_virq(&vcpus[1][1], VIRQ_TIMER);
    CU_ASSERT(is_pending(1, (u32)timer));
    CU_ASSERT_EQUAL(kicks[1][1], 1);
    CU_ASSERT_EQUAL(evtchn_bind_vcpu(&dom[1], (u32)timer, 0), -EINVAL);
    CU_ASSERT_EQUAL(evtchn_send(&dom[1], (u32)timer), -EINVAL);
    console = evtchn_bind_virq(&dom[0], VIRQ_CONSOLE, 0);
    CU_ASSERT_EQUAL(evtchn_bind_vcpu(&dom[0], (u32)console, 3), 0);
    evtchn_raise_global(&dom[0], VIRQ_CONSOLE);
    CU_ASSERT_EQUAL(kicks[0][3], 1);
    CU_ASSERT_EQUAL(evtchn_close(&dom[0], (u32)console), 0);
    evtchn_raise_global(&dom[0], VIRQ_CONSOLE);
    CU_ASSERT(!is_pending(0, (u32)console));
    CU_ASSERT(evtchn_bind_virq(&dom[0], VIRQ_CONSOLE, 0) > 0);
    stop();
}

static void test_pirq(void)
{
    s32 pirq = 9, any = -1;
    u32 flags, port;
    int rc;

    start();
    CU_ASSERT_EQUAL(evtchn_bind_pirq(&dom[0], 9, false), -EINVAL); /* not mapped */
    CU_ASSERT_EQUAL(evtchn_bind_pirq(&dom[0], PIRQ_MAX, false), -EINVAL);
    CU_ASSERT_EQUAL(pirq_map_gsi(&dom[1], 9, &pirq), -EPERM);
    CU_ASSERT_EQUAL(pirq_map_gsi(&dom[0], 24, &pirq), -EINVAL);
    CU_ASSERT_EQUAL(pirq_map_gsi(&dom[0], 9, &pirq), 0);
    CU_ASSERT_EQUAL(pirq_map_gsi(&dom[0], 9, &pirq), 0);        /* twice is fine */
    CU_ASSERT_EQUAL(pirq_map_gsi(&dom[0], 10, &pirq), -EINVAL); /* another line is not */
    CU_ASSERT_EQUAL(pirq_setup_gsi(&dom[0], 9, true, true), 0);
    rc = evtchn_bind_pirq(&dom[0], 9, true);
    CU_ASSERT_FATAL(rc > 0);
    port = (u32)rc;
    CU_ASSERT_EQUAL(pirq_setup_gsi(&dom[0], 9, false, true), -EEXIST);
    CU_ASSERT_EQUAL(evtchn_bind_pirq(&dom[0], 9, true), -EEXIST);
    CU_ASSERT_EQUAL(pirq_status(&dom[0], 9, &flags), 0);
    CU_ASSERT_EQUAL(flags, XENIRQSTAT_needs_eoi | XENIRQSTAT_shared);
    CU_ASSERT(!line[9].is_masked && line[9].cpu == 0);
    fire(9);
    CU_ASSERT(is_pending(0, port) && line[9].is_masked && kicks[0][0] == 1);
    CU_ASSERT_EQUAL(pirq_eoi(&dom[0], 9), 0);
    CU_ASSERT(!line[9].is_masked);
    CU_ASSERT_EQUAL(evtchn_bind_vcpu(&dom[0], port, 2), 0);
    CU_ASSERT_EQUAL(line[9].cpu, 2);
    guest_takes_all(0);
    fire(9);
    CU_ASSERT_EQUAL(kicks[0][2], 1);
    CU_ASSERT_EQUAL(pirq_unmap(&dom[0], 9), -EBUSY);
    CU_ASSERT_EQUAL(evtchn_close(&dom[0], port), 0);
    CU_ASSERT_PTR_NULL(line[9].fn);
    CU_ASSERT_EQUAL(pirq_unmap(&dom[0], 9), 0);
    CU_ASSERT_EQUAL(pirq_unmap(&dom[0], 9), -EINVAL);
    /* an MSI: any number, no EOI */
    CU_ASSERT_EQUAL(pirq_map_msi(&dom[0], 0xdead, 0, 0, &any), -ENODEV);
    any = -1;
    CU_ASSERT_EQUAL(pirq_map_msi(&dom[0], 8, 0, 0, &any), 0);
    CU_ASSERT_EQUAL(any, (int)PIRQ_MAX - 1);
    rc = evtchn_bind_pirq(&dom[0], (u32)any, false);
    CU_ASSERT_FATAL(rc > 0);
    CU_ASSERT_EQUAL(pirq_status(&dom[0], (u32)any, &flags), 0);
    CU_ASSERT_EQUAL(flags, 0);
    CU_ASSERT_EQUAL(line[next_msi - 1].unmasks, 1);
    CU_ASSERT_EQUAL(pirq_eoi(&dom[0], (u32)any), 0);
    CU_ASSERT_EQUAL(line[next_msi - 1].unmasks, 1);
    for (u32 i = 0; i < 2; i++) {
        s32 next = -1;
        CU_ASSERT_EQUAL(pirq_map_msi(&dom[0], 8, i, 0, &next), 0);
        CU_ASSERT_EQUAL(next, (int)(PIRQ_MAX - 2 - i));
    }
    CU_ASSERT_EQUAL(pirq_map_msi(&dom[0], 8, 0, 0, &any), -EINVAL); /* that number is taken */
    stop();
    CU_ASSERT_PTR_NULL(line[next_msi - 3].fn); /* stop() unbound it */
}

static void test_poll(void)
{
    struct vcpu *v = &vcpus[1][1];
    u32 a, b;

    start();
    a = (u32)evtchn_bind_ipi(&dom[1], 1);
    b = (u32)evtchn_bind_ipi(&dom[1], 0);
    map_set(shared[1].evtchn_mask, a);
    wakes = 0;
    evtchn_poll_begin(v, a);
    CU_ASSERT_EQUAL(evtchn_send(&dom[1], b), 0);
    CU_ASSERT_EQUAL(wakes, 0);
    CU_ASSERT_EQUAL(evtchn_send(&dom[1], a), 0);
    CU_ASSERT_EQUAL(wakes, 1); /* though it is masked */
    CU_ASSERT_EQUAL(kicks[1][1], 0);
    evtchn_poll_end(v);
    guest_takes_all(1);
    CU_ASSERT_EQUAL(evtchn_send(&dom[1], a), 0);
    CU_ASSERT_EQUAL(wakes, 1);
    guest_takes_all(1);
    evtchn_poll_begin(v, 0);
    CU_ASSERT_EQUAL(evtchn_send(&dom[1], b), 0);
    CU_ASSERT_EQUAL(wakes, 2);
    evtchn_poll_end(v);
    CU_ASSERT_EQUAL(dom[1].evtchn.pollers, 0);
    stop();
}

static u64 fake_random(u64 below)
{
    static u64 state;
    if (!state) {
        const char *s = getenv("FAKE_SEED");
        state = s ? strtoull(s, NULL, 0) : (u64)time(NULL);
        printf("FAKE_SEED=%llu\n", (unsigned long long)state);
        state |= 1ull << 40;
    }
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state % below;
}

static void random_step(void)
{
    struct domain *d = &dom[fake_random(DOMAINS)];
    domid_t other = (domid_t)fake_random(DOMAINS + 1);
    u32 port = (u32)fake_random(RANDOM_PORTS + 4), vcpu = (u32)fake_random(VCPUS + 1);
    s32 pirq = (s32)fake_random(16);

    switch (fake_random(12)) {
    case 0:
        (void)evtchn_alloc_unbound(d, other);
        break;
    case 1:
    case 2:
        (void)evtchn_bind_interdomain(d, other, port);
        break;
    case 3:
        (void)evtchn_bind_virq(d, (u32)fake_random(NR_VIRQS + 1), vcpu);
        break;
    case 4:
        (void)evtchn_bind_ipi(d, vcpu);
        break;
    case 5:
        (void)pirq_map_gsi(d, (u32)pirq, &pirq);
        (void)evtchn_bind_pirq(d, (u32)pirq, false);
        break;
    case 6:
        (void)evtchn_send(d, port);
        break;
    case 7:
        (void)evtchn_unmask(d, port);
        break;
    case 8:
        (void)evtchn_bind_vcpu(d, port, vcpu);
        break;
    case 9:
        if (line[pirq].fn)
            fire((u32)pirq);
        break;
    default:
        (void)evtchn_close(d, port);
        break;
    }
}

static void test_random(void)
{
    start();
    for (u32 d = 0; d < DOMAINS; d++)
        dom[d].evtchn.limit = RANDOM_PORTS; /* to run out of them now and then */
    for (u32 i = 0; i < 400000; i++) {
        random_step();
        if (i % 1000 == 0)
            check_all();
    }
    check_all();
    stop();
}

static void test_reset(void)
{
    u64 cursor = 0;
    u32 far;

    start();
    CU_ASSERT(evtchn_bind_virq(&dom[1], VIRQ_TIMER, 2) > 0);
    for (u32 i = 0; i < 200; i++)
        CU_ASSERT(evtchn_bind_ipi(&dom[1], i % VCPUS) > 0);
    far = (u32)evtchn_alloc_unbound(&dom[1], 0);
    CU_ASSERT_EQUAL(evtchn_bind_interdomain(&dom[0], 1, far), 1);
    far = (u32)evtchn_alloc_unbound(&dom[2], 1);
    CU_ASSERT(evtchn_bind_interdomain(&dom[1], 2, far) > 0);
    CU_ASSERT_EQUAL(evtchn_reset(&dom[1], &cursor), 0);
    for (u32 port = 1; port < dom[1].evtchn.limit; port++)
        CU_ASSERT_EQUAL(status_of(1, port), EVTCHNSTAT_closed);
    CU_ASSERT_EQUAL(status_of(0, 1), EVTCHNSTAT_unbound);
    CU_ASSERT_EQUAL(status_of(2, far), EVTCHNSTAT_unbound);
    CU_ASSERT_EQUAL(vcpus[1][2].virq_port[VIRQ_TIMER], 0);
    CU_ASSERT(dom[0].refs == 1 && dom[1].refs == 1 && dom[2].refs == 1);
    CU_ASSERT_EQUAL(evtchn_bind_ipi(&dom[1], 0), 1);
    cursor = 2; /* from there on */
    CU_ASSERT_EQUAL(evtchn_reset(&dom[1], &cursor), 0);
    CU_ASSERT_EQUAL(status_of(1, 1), EVTCHNSTAT_ipi);
    stop();
}

/* Offsets in bytes are those of the 32-bit ABI: pending bits from 2048 on, masks from 2176, the selector at 4. */
static void test_layouts(void)
{
    u8 *page = (u8 *)&shared[1];
    u32 *words = (u32 *)(void *)page;

    start();
    lock_init(&dom[1].lock, RANK_DOMAIN);
    wallclocks = 0;
    for (u32 i = 0; i < 80; i++)
        CU_ASSERT(evtchn_bind_ipi(&dom[1], 1) > 0);
    map_set(shared[1].evtchn_mask, 77);
    CU_ASSERT(evtchn_send(&dom[1], 3) == 0 && evtchn_send(&dom[1], 77) == 0);
    CU_ASSERT(shared_latch(&dom[1], false) == 0 && wallclocks == 0);
    CU_ASSERT(shared_latch(&dom[1], true) == 0 && wallclocks == 1 && dom[1].evtchn.limit == SHARED_NARROW_PORTS);
    CU_ASSERT(words[2048 / 4] == 1u << 3 && words[2048 / 4 + 2] == 1u << 13);
    CU_ASSERT(words[2176 / 4 + 2] == 1u << 13 && words[2560 / 4 + 2] == 0);
    CU_ASSERT(words[16 + 1] == ~0u && page[64] == 1); /* whatever is pending, it looks */
    CU_ASSERT_EQUAL(offsetof(struct shared_narrow, wc) + 2048, 2304);
    CU_ASSERT_EQUAL(offsetof(struct shared_narrow, wc_sec_hi) + 2048, 2340);
    words[16 + 2] = words[16 + 1] = words[16] = 0;
    CU_ASSERT_EQUAL(evtchn_send(&dom[1], 70), 0);
    CU_ASSERT(words[16 + 1] == 1u << 2 && words[16 + 2] == 0 && page[64] == 1);
    CU_ASSERT(evtchn_unmask(&dom[1], 77) == 0 && words[2176 / 4 + 2] == 0);
    for (u32 port = 81; port < SHARED_NARROW_PORTS; port++)
        CU_ASSERT_EQUAL_FATAL(evtchn_alloc_unbound(&dom[1], 0), (int)port);
    CU_ASSERT_EQUAL(evtchn_alloc_unbound(&dom[1], 0), -ENOSPC);
    words[2176 / 4 + 1] = 1u << 31;
    CU_ASSERT(shared_latch(&dom[1], false) == 0 && dom[1].evtchn.limit == EVTCHN_PORTS);
    CU_ASSERT(is_pending(1, 70) && is_pending(1, 77) && map_test(shared[1].evtchn_mask, 63));
    CU_ASSERT(words[2176 / 4 + 1] == 0 && shared[1].vcpu_info[1].evtchn_pending_sel == ~0ull);
    CU_ASSERT_EQUAL(evtchn_alloc_unbound(&dom[1], 0), SHARED_NARROW_PORTS);
    CU_ASSERT(shared_latch(&dom[1], true) == -EBUSY && !dom[1].is_narrow); /* it has a port that is not in there */
    stop();
}

int main(void)
{
    CU_TestInfo tests[] = {{"ports", test_ports},
                           {"IPI, mask, unmask", test_ipi},
                           {"interdomain", test_interdomain},
                           {"VIRQ", test_virq},
                           {"PIRQ", test_pirq},
                           {"poll", test_poll},
                           {"random walk", test_random},
                           {"reset", test_reset},
                           {"two layouts", test_layouts},
                           CU_TEST_INFO_NULL};

    return toy_run("evtchn", tests);
}
