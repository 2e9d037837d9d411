/* SPDX-License-Identifier: MIT */
/*
 * Event channels and PIRQs: dom/evtchn.c and dom/pirq.c with three toy domains of four vCPUs and
 * recorded kicks and interrupt lines. The last tests are a random walk that is checked against what evtchn_status
 * says of every port, and two threads that send and close against each other.
 */
#define sched_yield host_sched_yield /* ours is another one */
#include <pthread.h>
#undef sched_yield
#include "../suite.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "dom/domain.h"
#include "core/slab.h"
#include "hw/irq.h"
#include "lib/errno.h"
#include "public/event_channel.h"
#include "public/physdev.h"

#define DOMAINS      3u
#define VCPUS        4u
#define RANDOM_PORTS 280u

static struct domain dom[DOMAINS];
static struct vcpu vcpus[DOMAINS][VCPUS];
static struct shared_info shared[DOMAINS];
static u32 kicks[DOMAINS][VCPUS], wakes;
static struct {
    irq_line_fn *fn;
    void *arg;
    bool is_level, is_masked;
    u32 cpu, unmasks;
} line[IRQ_LINE_MAX];
static int next_msi = 300;

/* What evtchn.c, pirq.c and lock.c call. */
_Thread_local u32 fake_cpu;
_Thread_local bool fake_irq_is_off;
u8 *percpu_stack[CPU_MAX];
u64 frame_limit;
static u64 slab_objects;
static const struct domain *named; /* by the last line of the log, and how many there were */
static u32 named_count;
static void (*slab_hook)(void); /* once, in the middle of an allocation */
void domain_log(struct domain *d, const char *format, ...)
{
    named = d;
    named_count++;
    (void)format;
}
void cpu_relax(void)
{
    usleep(0);
}
void *slab_alloc(size_t size)
{
    void (*hook)(void) = slab_hook;
    slab_hook = NULL;
    if (hook)
        hook();
    slab_objects++;
    return calloc(1, size);
}
void slab_free(void *p, size_t size)
{
    (void)size;
    slab_objects -= p != NULL;
    free(p);
}
int page_get_slow(struct page *p, u32 owner, enum page_kind kind)
{
    (void)p;
    (void)owner;
    (void)kind;
    return -EINVAL;
}
void page_put_slow(struct page *p)
{
    (void)p;
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

struct domain *domain_zero = &dom[0];
struct domain *domain_get(domid_t id)
{
    if (id >= DOMAINS)
        return NULL;
    atomic_add(&dom[id].refs, 1u);
    return &dom[id];
}
cpuset_t cpu_online = 1;
static bool has_sender; /* another CPU, in whatever it does with interrupts off */
static u64 sender_steps;
void smp_call(cpuset_t cpus, void (*fn)(void *arg), void *arg)
{
    (void)cpus, (void)fn, (void)arg;
    for (u64 now = atomic_load(&sender_steps); has_sender && atomic_load(&sender_steps) < now + 2;)
        usleep(0);
}
void domain_put(struct domain *d)
{
    atomic_sub(&d->refs, 1u);
}
void domain_for_each(void (*fn)(struct domain *d, void *arg), void *arg)
{
    for (u32 i = 0; i < DOMAINS; i++)
        fn(&dom[i], arg);
}
void vcpu_kick(struct vcpu *v)
{
    atomic_add(&kicks[v->domain->id][v->id], 1u);
}
void sched_wake(struct unit *u)
{
    (void)u;
    wakes++;
}
bool irq_line_info(u32 n, struct irq_line_info *out)
{
    if (n >= IRQ_LINE_MAX || (n >= 24 && n < 256))
        return false;
    *out = (struct irq_line_info){.is_level = line[n].is_level, .is_msi = n >= 256};
    return true;
}
int irq_line_bind(u32 n, u32 cpu, irq_line_fn *fn, void *arg)
{
    if (line[n].fn)
        return -EBUSY;
    line[n].fn = fn;
    line[n].arg = arg;
    line[n].cpu = cpu;
    line[n].is_masked = true;
    return 0;
}
void irq_line_unbind(u32 n)
{
    line[n].fn = NULL;
}
void irq_line_unmask(u32 n)
{
    line[n].is_masked = false;
    line[n].unmasks++;
}
void irq_line_set_cpu(u32 n, u32 cpu)
{
    line[n].cpu = cpu;
}
int irq_gsi_setup(u32 gsi, bool is_level, bool is_active_low)
{
    (void)is_active_low;
    if (gsi >= 24)
        return -ENOENT;
    if (line[gsi].fn && line[gsi].is_level != is_level)
        return -EBUSY;
    line[gsi].is_level = is_level;
    return 0;
}
int irq_msi_create(u32 sbdf, u32 entry, u64 table_base)
{
    (void)entry;
    (void)table_base;
    return sbdf == 0xdead ? -ENODEV : next_msi++;
}
void irq_msi_destroy(u32 n)
{
    CU_ASSERT(n >= 300 && !line[n].fn);
}

static void fire(u32 n)
{
    if (line[n].is_level)
        line[n].is_masked = true;
    line[n].fn(n, line[n].arg);
}

static void start(void)
{
    memset(dom, 0, sizeof(dom));
    memset(vcpus, 0, sizeof(vcpus));
    memset(shared, 0, sizeof(shared));
    memset(kicks, 0, sizeof(kicks));
    memset(line, 0, sizeof(line));
    for (u32 i = 0; i < DOMAINS; i++) {
        dom[i].id = (domid_t)i;
        dom[i].is_privileged = i == 0;
        dom[i].refs = 1;
        dom[i].vcpu_limit = VCPUS;
        dom[i].shared = &shared[i];
        for (u32 n = 0; n < VCPUS; n++) {
            struct vcpu *v = &vcpus[i][n];
            v->domain = &dom[i];
            v->id = n;
            v->unit.cpu = n;
            v->info = &shared[i].vcpu_info[n];
            dom[i].vcpu[n] = v;
        }
        evtchn_init(&dom[i]);
        pirq_init(&dom[i]);
    }
}

static void stop(void)
{
    for (u32 i = 0; i < DOMAINS; i++)
        for (u32 port = 1; port < dom[i].evtchn.limit; port++)
            (void)evtchn_close(&dom[i], port);
    for (u32 i = 0; i < DOMAINS; i++) {
        CU_ASSERT_EQUAL(dom[i].refs, 1);
        evtchn_free(&dom[i]);
        for (u32 n = 0; dom[i].pirq.item && n < PIRQ_MAX; n++)
            CU_ASSERT_EQUAL(dom[i].pirq.item[n].port, 0);
        pirq_free(&dom[i]);
    }
    CU_ASSERT_EQUAL(slab_objects, 0);
}

static bool is_pending(u32 d, u32 port)
{
    return evtchn_is_pending(&dom[d], port);
}

static void guest_takes_all(u32 d) /* as a guest's upcall handler does */
{
    memset(shared[d].evtchn_pending, 0, sizeof(shared[d].evtchn_pending));
    for (u32 n = 0; n < VCPUS; n++) {
        shared[d].vcpu_info[n].evtchn_upcall_pending = 0;
        shared[d].vcpu_info[n].evtchn_pending_sel = 0;
        kicks[d][n] = 0;
    }
}

static u32 status_of(u32 d, u32 port)
{
    struct evtchn_status s = {0};
    return evtchn_status(&dom[d], port, &s) ? ~0u : s.status;
}

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

/* Every pair points at each other; references are the domain's own and one for each end that points at it. */
static void check_all(void)
{
    u32 want[DOMAINS] = {1, 1, 1};

    for (u32 d = 0; d < DOMAINS; d++)
        for (u32 port = 1; port < dom[d].evtchn.limit; port++) {
            struct evtchn_status s = {0}, r = {0};
            CU_ASSERT_EQUAL_FATAL(evtchn_status(&dom[d], port, &s), 0);
            if (s.status == EVTCHNSTAT_closed)
                CU_ASSERT_FATAL(!is_pending(d, port));
            if (s.status != EVTCHNSTAT_interdomain)
                continue;
            want[s.u.interdomain.dom]++;
            CU_ASSERT_EQUAL_FATAL(evtchn_status(&dom[s.u.interdomain.dom], s.u.interdomain.port, &r), 0);
            CU_ASSERT_FATAL(r.status == EVTCHNSTAT_interdomain && r.u.interdomain.dom == d &&
                            r.u.interdomain.port == port);
        }
    for (u32 d = 0; d < DOMAINS; d++)
        CU_ASSERT_EQUAL_FATAL(dom[d].refs, want[d]);
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
    CU_TestInfo tests[] = {{"ports", test_ports},
                           {"IPI, mask, unmask", test_ipi},
                           {"interdomain", test_interdomain},
                           {"VIRQ", test_virq},
                           {"PIRQ", test_pirq},
                           {"poll", test_poll},
                           {"random walk", test_random},
                           {"send against close", test_race},
                           {"send overtaken by a close and a binding", test_overtaken},
                           {"reset", test_reset},
                           {"death", test_death},
                           {"ties in the moment of death", test_late_tie},
                           {"send against death", test_death_race},
                           CU_TEST_INFO_NULL};

    for (u32 c = 0; c < 2; c++) {
        fake_cpu = c;
        percpu_stack[c] = aligned_alloc(STACK_SIZE, STACK_SIZE);
        *cpu_info() = (struct cpu_info){.cpu = c};
    }
    fake_cpu = 0;
    return suite_run("evtchn", tests);
}
