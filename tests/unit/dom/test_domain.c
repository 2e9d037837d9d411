/* SPDX-License-Identifier: MIT */
/*
 * Domain life: dom/domain.c, dom/page.c and dom/policy.c over recorded steps of the other files of dom/ and of pv/.
 * Each allocation and each step of a teardown fails, or is interrupted, once; afterwards nothing may be left. The table
 * of rights is compared with one written in another way.
 */
#include "../suite.h"
#define sched_yield host_sched_yield /* ours is another one */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#undef sched_yield
#include "core/slab.h"
#include "core/work.h"
#include "dom/domain.h"
#include "dom/dump.h"
#include "hw/power.h"
#include "lib/errno.h"
#include "public/sched.h"

#define FRAMES 4096u

_Thread_local u32 fake_cpu;
_Thread_local bool fake_irq_is_off;
u8 *percpu_stack[CPU_MAX];
u64 frame_limit = FRAMES;
cpuset_t cpu_online = 1;
u32 tlb_clock = 1;
static u64 slab_objects, frames_out, now, alive_vcpus;
static int fails_at; /* the n-th allocation from now on fails; 0: none */
static bool is_running;
static u32 virqs;

void cpu_relax(void)
{
}
void cpu_halt_forever(void)
{
    exit(3);
}
static bool fails(void)
{
    return fails_at && --fails_at == 0;
}
void *slab_alloc(size_t size)
{
    if (fails())
        return NULL;
    slab_objects++;
    return calloc(1, size);
}
void slab_free(void *p, size_t size)
{
    (void)size;
    slab_objects -= p != NULL;
    free(p);
}
struct wirt_stat *stat_create(u8 kind, domid_t domain, u32 id)
{
    struct wirt_stat *s = slab_alloc(sizeof(*s));
    if (s)
        *s = (struct wirt_stat){.kind = kind, .domain = domain, .id = id};
    return s;
}
void stat_destroy(struct wirt_stat *s)
{
    slab_free(s, sizeof(*s));
}
mfn_t frame_alloc(u32 order, u32 flags, u32 address_bits)
{
    static u64 next;
    (void)order, (void)flags, (void)address_bits;
    if (fails())
        return mfn(MFN_NONE);
    do
        next = next % (FRAMES - 1) + 1;
    while (frame_page_raw(mfn(next))->owner);
    frames_out++;
    frame_page_raw(mfn(next))->owner = PAGE_OWNER_HV;
    memset(frame_va(mfn(next)), 0, PAGE_SIZE);
    return mfn(next);
}
void frame_free(mfn_t m, u32 order)
{
    (void)order;
    frames_out--;
    frame_page_raw(m)->owner = 0;
}
void tlb_settle(u32 stamp, cpuset_t cpus)
{
    (void)stamp, (void)cpus;
}
u64 time_now(void)
{
    return now;
}
void time_wall_get(u64 *sec, u32 *nsec)
{
    *sec = 1000, *nsec = 0;
}
void time_udelay(u32 us)
{
    (void)us;
}
bool console_rate_ok(struct rate_limit *r, u32 burst, u32 per_second)
{
    (void)r, (void)burst, (void)per_second;
    return true;
}
void console_screen_lend(bool is_lent)
{
    (void)is_lent;
}
void dump_guest(const struct vcpu *v)
{
    (void)v;
}
void smp_stop_others(void)
{
}
void power_off_or_halt(void)
{
    exit(3);
}
void power_reboot(void)
{
    exit(3);
}
void work_raise(enum work kind)
{
    (void)kind;
}

/* Units and timers. */
static void (*pause_hook)(void); /* what another CPU does right before a unit is paused; once */
void sched_pause(struct unit *u)
{
    void (*hook)(void) = pause_hook;
    pause_hook = NULL;
    if (hook)
        hook();
    u->pause_count++;
}
void sched_unpause(struct unit *u)
{
    CU_ASSERT(u->pause_count);
    u->pause_count--;
}
bool sched_is_running(const struct unit *u)
{
    (void)u;
    return is_running;
}
void timer_init(struct timer *t, void (*fn)(void *), void *arg, u32 cpu)
{
    *t = (struct timer){.fn = fn, .arg = arg, .cpu = cpu};
}
void timer_set(struct timer *t, u64 at_ns)
{
    t->node.key = at_ns;
}
void timer_stop(struct timer *t)
{
    t->node.key = 0;
}

/* The steps of a teardown: each answers -ERESTART once. */
static char trail[64];
static u32 interrupted;
static int step(char letter)
{
    size_t n = strlen(trail);
    if (n < sizeof(trail) - 1 && (!n || trail[n - 1] != letter))
        trail[n] = letter;
    if (interrupted & 1u << (letter - 'a'))
        return 0;
    interrupted |= 1u << (letter - 'a');
    return -ERESTART;
}
void vcpu_stop(struct vcpu *v)
{
    CU_ASSERT(v->unit.pause_count);
    (void)step('v');
}
void vcpu_drop_info(struct vcpu *v, struct shared_info *instead)
{
    v->info = &instead->vcpu_info[v->id];
}
void vcpu_destroy(struct vcpu *v)
{
    alive_vcpus--;
    free(v);
}
void evtchn_init(struct domain *d)
{
    (void)d;
}
int evtchn_destroy_all(struct domain *d)
{
    CU_ASSERT(domain_is_dying(d));
    return step('e');
}
void evtchn_free(struct domain *d)
{
    (void)d;
}
void evtchn_raise_global(struct domain *d, u32 virq)
{
    (void)d;
    virqs += virq == VIRQ_DOM_EXC;
}
void pirq_init(struct domain *d)
{
    (void)d;
}
int pirq_destroy_all(struct domain *d)
{
    (void)d;
    return step('p');
}
void pirq_free(struct domain *d)
{
    (void)d;
}
int grant_init(struct domain *d, u32 max_frames, u32 max_maptrack)
{
    (void)max_frames, (void)max_maptrack;
    d->grant.pins = slab_alloc(8);
    return d->grant.pins ? 0 : -ENOMEM;
}
int grant_destroy(struct domain *d)
{
    slab_free(d->grant.pins, 8);
    d->grant.pins = NULL;
    return step('g');
}
static int relinquish(struct domain *d)
{
    CU_ASSERT(lock_is_mine(&d->lock));
    while (d->pages.n)
        CU_ASSERT(page_release(d, frame_page_raw(d->pages)));
    return step('r');
}
static const struct domain_ops ops = {.relinquish = relinquish};

static struct domain *make(u32 id)
{
    struct domain_config c = {.id = id, .vcpu_limit = 1, .port_limit = 64};
    struct domain *d = NULL;
    CU_ASSERT_EQUAL_FATAL(domain_create(&c, &d), 0);
    d->vcpu[0] = calloc(1, sizeof(struct vcpu));
    d->vcpu[0]->unit.pause_count = 2;
    alive_vcpus++;
    return d;
}

/* To the end, and the caller's reference as well. */
static void unmake(struct domain *d)
{
    int rc;
    while ((rc = domain_destroy(d)) == -ERESTART)
        ;
    CU_ASSERT_EQUAL(rc, 0);
    domain_put(d);
}

static bool exists(u32 id)
{
    struct domain *d = domain_get((domid_t)id);
    if (d)
        domain_put(d);
    return d != NULL;
}

static void nothing_left(void)
{
    CU_ASSERT_EQUAL(slab_objects, 2); /* domain 0 and its grants' one */
    CU_ASSERT_EQUAL(frames_out, 1);
    CU_ASSERT_EQUAL(alive_vcpus, 0);
    struct domain *next = domain_next(1);
    CU_ASSERT(!next);
}

static void test_numbers(void)
{
    static struct domain *all[2000];
    struct domain_config c = {.id = 77, .vcpu_limit = 1};
    struct domain *d = make(77), *e;
    u32 first, last;
    u64 serial = d->serial;

    CU_ASSERT_EQUAL(d->id, 77);
    CU_ASSERT_EQUAL(domain_create(&c, &e), -EEXIST);
    c.id = DOMID_FIRST_RESERVED;
    CU_ASSERT_EQUAL(domain_create(&c, &e), -EINVAL);
    c.id = DOMID_SELF;
    CU_ASSERT_EQUAL(domain_create(&c, &e), -EINVAL);
    unmake(d);
    CU_ASSERT(!exists(77));
    d = make(77); /* the number comes again, the serial does not: its branches are not its namesake's */
    CU_ASSERT(d->serial > serial);
    unmake(d);
    for (u32 i = 0; i < 2000; i++)
        all[i] = make(DOMAIN_ANY);
    for (u32 i = 0; i < 2000; i++) {
        d = domain_next(all[i]->id);
        CU_ASSERT_PTR_EQUAL(d, all[i]);
        CU_ASSERT_PTR_EQUAL(domain_of(domain_owner(d)), d);
        domain_put(d);
    }
    for (u32 i = 0; i < 2000; i++)
        unmake(all[i]);
    d = make(DOMAIN_ANY); /* no number comes again before all others were in use */
    first = d->id;
    unmake(d);
    for (u32 i = 0; i < DOMID_FIRST_RESERVED - 2; i++) {
        d = make(DOMAIN_ANY);
        last = d->id;
        CU_ASSERT_NOT_EQUAL_FATAL(last, first);
        unmake(d);
    }
    d = make(DOMAIN_ANY);
    CU_ASSERT_EQUAL(d->id, first);
    unmake(d);
    nothing_left();
}

static void test_memory(void)
{
    struct domain_config c = {.id = 9, .vcpu_limit = 1};
    struct domain *d;
    int n = 1;

    for (;; n++) {
        fails_at = n;
        int rc = domain_create(&c, &d);
        if (rc == 0)
            break;
        CU_ASSERT_EQUAL(rc, -ENOMEM);
        CU_ASSERT(!exists(9));
        nothing_left();
    }
    CU_ASSERT(n > 3);
    fails_at = 0;
    unmake(d);
    nothing_left();
}

static void test_teardown(void)
{
    struct domain *d = make(5);
    mfn_t m = frame_alloc(0, 0, 0);
    u32 rounds = 0;
    int rc;

    memset(trail, 0, sizeof(trail));
    interrupted = 0;
    CU_ASSERT_EQUAL(domain_destroy(domain_zero), -EINVAL);
    page_assign(d, m, 1);
    is_running = true;
    CU_ASSERT_EQUAL(domain_destroy(d), -ERESTART);
    CU_ASSERT(domain_is_dying(d) && exists(5));
    CU_ASSERT_STRING_EQUAL(trail, "");
    CU_ASSERT_EQUAL(domain_unpause(d), -EINVAL);
    is_running = false;
    cpu_info()->work = 1; /* one step a call */
    virqs = 0;
    while ((rc = domain_destroy(d)) == -ERESTART)
        rounds++;
    cpu_info()->work = 0;
    CU_ASSERT_EQUAL(rc, 0);
    CU_ASSERT(rounds >= 8);
    CU_ASSERT_STRING_EQUAL(trail, "vepgr");
    CU_ASSERT_EQUAL(virqs, 1);
    CU_ASSERT_EQUAL(d->life, DOMAIN_DEAD);
    CU_ASSERT_EQUAL(domain_destroy(d), 0); /* again: nothing */
    CU_ASSERT_EQUAL(virqs, 1);
    CU_ASSERT(exists(5)); /* our reference */
    domain_put(d);
    CU_ASSERT(!exists(5));
    nothing_left();
}

static void test_extent(void)
{
    struct domain *d = make(7);
    mfn_t one = frame_alloc(0, 0, 0), many = frame_alloc(0, 0, 0);
    u64 count = 0, last = 0;

    for (u64 i = 1; i < 8; i++)
        CU_ASSERT_EQUAL_FATAL(frame_alloc(0, 0, 0).n, many.n + i); /* as the fake one gives them */
    page_assign(d, one, 1);
    page_assign(d, many, 8);
    CU_ASSERT(d->page_count == 9 && d->page_held == 9 + 1); /* and shared_info */
    for (u64 n = d->pages.n; n && count < 10; last = n, n = frame_page_raw(mfn(n))->next, count++) {
        const struct page *p = frame_page_raw(mfn(n));
        CU_ASSERT(n == one.n || (n >= many.n && n < many.n + 8));
        CU_ASSERT(p->prev == last && p->owner == domain_owner(d) && p->refs == (PAGE_ALLOCATED | 1) && p->type == 0);
    }
    CU_ASSERT_EQUAL(count, 9);
    CU_ASSERT_EQUAL(last, one.n);
    CU_ASSERT(page_release(d, frame_page_raw(mfn(many.n + 3))));
    CU_ASSERT(d->page_count == 8 && d->page_held == 8 + 1);
    unmake(d);
    nothing_left();
}

static void test_zombie(void)
{
    struct domain *d = make(6);
    mfn_t m = frame_alloc(0, 0, 0), shared = d->shared_mfn;
    struct page *p = frame_page_raw(m);

    page_assign(d, m, 1);
    d->page_max = 1;
    CU_ASSERT_EQUAL(domain_page_room(d), 0); /* shared_info does not count */
    CU_ASSERT(page_get(p, domain_owner(d)));
    CU_ASSERT(page_get(frame_page_raw(shared), domain_owner(d)));
    unmake(d);
    CU_ASSERT(exists(6));
    CU_ASSERT_PTR_EQUAL(domain_of(p->owner), d);
    CU_ASSERT_EQUAL(d->page_held, 2);
    page_put(p);
    CU_ASSERT(exists(6));
    page_put(frame_page_raw(shared));
    CU_ASSERT(!exists(6));
    nothing_left();
}

static void test_pause(void)
{
    struct domain *d = make(7);
    struct unit *u = &d->vcpu[0]->unit;

    CU_ASSERT_EQUAL(d->pause_count, 1);
    domain_pause(d);
    CU_ASSERT_EQUAL(u->pause_count, 2);
    CU_ASSERT_EQUAL(domain_unpause(d), 0);
    CU_ASSERT_EQUAL(domain_permit(d, &d->ports, 0x3f8, 0x3ff, true), 0);
    CU_ASSERT(range_has(&d->ports, 0x3f9, 0x3f9));
    CU_ASSERT_EQUAL(domain_permit(d, &d->ports, 0x3f8, 0x3ff, false), 0);
    CU_ASSERT(!range_has(&d->ports, 0x3f9, 0x3f9));
    CU_ASSERT_EQUAL(domain_unpause(d), 0);
    CU_ASSERT_EQUAL(u->pause_count, 1);
    CU_ASSERT_EQUAL(domain_unpause(d), -EINVAL);
    CU_ASSERT_EQUAL(domain_permit(d, &d->ports, 1, 2, true), -EBUSY);
    domain_shutdown(d, SHUTDOWN_suspend);
    domain_shutdown(d, SHUTDOWN_crash); /* the first one counts */
    CU_ASSERT_EQUAL(d->shutdown_reason, SHUTDOWN_suspend);
    CU_ASSERT_EQUAL(u->pause_count, 2);
    CU_ASSERT_EQUAL(domain_resume(d), 0);
    CU_ASSERT_EQUAL(u->pause_count, 1);
    CU_ASSERT_EQUAL(domain_resume(d), -EINVAL);
    domain_crash(d, "test");
    CU_ASSERT_EQUAL(d->shutdown_reason, SHUTDOWN_crash);
    CU_ASSERT_EQUAL(domain_resume(d), -EINVAL);
    unmake(d);
    nothing_left();
}

/* A tool that looks all the time, and resumes the domain as soon as it may. */
static struct domain *watched;
static void look_and_resume(void)
{
    CU_ASSERT(!watched->is_shut_down);
    CU_ASSERT_EQUAL(domain_resume(watched), -EINVAL);
}

static void test_resume(void)
{
    struct domain *d = watched = make(9);
    struct unit *u = &d->vcpu[0]->unit;

    CU_ASSERT_EQUAL(u->pause_count, 2);
    pause_hook = look_and_resume;
    domain_shutdown(d, SHUTDOWN_suspend);
    CU_ASSERT(!pause_hook && d->is_shut_down && d->shutdown_reason == SHUTDOWN_suspend);
    CU_ASSERT_EQUAL(u->pause_count, 3);
    CU_ASSERT_EQUAL(domain_resume(d), 0);
    CU_ASSERT_EQUAL(u->pause_count, 2);
    domain_shutdown(d, SHUTDOWN_reboot); /* and again */
    CU_ASSERT(d->is_shut_down && d->shutdown_reason == SHUTDOWN_reboot);
    CU_ASSERT_EQUAL(u->pause_count, 3);
    CU_ASSERT_EQUAL(domain_resume(d), -EINVAL);
    unmake(d);
    nothing_left();
}

static void test_watchdog(void)
{
    struct domain *d = make(8);

    now = 5;
    CU_ASSERT_EQUAL(domain_watchdog(d, 0, 0), -EINVAL);
    CU_ASSERT_EQUAL(domain_watchdog(d, 1, 10), -EINVAL);
    CU_ASSERT_EQUAL(domain_watchdog(d, 0, 10), 1);
    CU_ASSERT_EQUAL(domain_watchdog(d, 0, ~0u), 2);
    CU_ASSERT_EQUAL(domain_watchdog(d, 0, 10), -ENOSPC);
    CU_ASSERT_EQUAL(domain_watchdog(d, 3, 10), -EINVAL);
    CU_ASSERT_EQUAL(domain_watchdog(d, ~0u, 10), -EINVAL);
    CU_ASSERT_EQUAL(d->watchdog[0].node.key, 10000000005ull);
    CU_ASSERT_EQUAL(d->watchdog[1].node.key, 4294967295000000005ull);
    CU_ASSERT_EQUAL(domain_watchdog(d, 2, 0), 0);
    CU_ASSERT_EQUAL(d->watchdog[1].node.key, 0);
    d->watchdog[0].fn(d->watchdog[0].arg);
    CU_ASSERT(d->is_shut_down && d->shutdown_reason == SHUTDOWN_watchdog);
    unmake(d);
    nothing_left();
}

/* One letter for each of: to itself, to another; by a plain domain, then by the control domain. */
static void test_policy(void)
{
    static const char *const want[] = {[POLICY_OWN] = "yn yn",  [POLICY_OFFERED] = "yy yy", [POLICY_SERVE] = "yn yy",
                                       [POLICY_TUNE] = "nn yy", [POLICY_LIFE] = "nn ny",    [POLICY_MACHINE] = "nn yn"};
    struct vcpu v = {.unit.is_idle = false};
    struct domain *plain = make(30), *other = make(31), *found;

    cpu_info()->unit = &v;
    for (enum policy p = 0; p < POLICY_COUNT; p++) {
        for (u32 is_control = 0; is_control < 2; is_control++) {
            const char *row = want[p] + 3 * is_control;
            v.domain = is_control ? domain_zero : plain;
            CU_ASSERT_EQUAL(policy_allows(is_control, true, p), row[0] == 'y');
            CU_ASSERT_EQUAL(policy_allows(is_control, false, p), row[1] == 'y');
            CU_ASSERT_EQUAL(policy_may(is_control, p), row[0] == 'y' || row[1] == 'y');
            for (u32 i = 0; i < 4; i++) { /* itself in two ways, another, one that there is not */
                domid_t id = i == 0 ? DOMID_SELF : i == 1 ? v.domain->id : i == 2 ? 31 : 32;
                bool may = row[i >= 2] == 'y';
                int rc = policy_target(id, p, &found);
                CU_ASSERT_EQUAL(rc, !may ? -EPERM : i == 3 ? -ESRCH : 0);
                if (rc == 0)
                    domain_put(found);
            }
        }
    }
    v.domain = domain_zero;
    unmake(plain);
    unmake(other);
    nothing_left();
}

static struct vcpu caller;

static void begin(void)
{
    static const struct domain_config zero = {.is_privileged = true, .vcpu_limit = 1};
    fake_cpu = 0;
    percpu_stack[0] = aligned_alloc(STACK_SIZE, STACK_SIZE);
    *cpu_info() = (struct cpu_info){.unit = &caller};
    mmap((void *)FRAMES_START, FRAMES * sizeof(struct page), PROT_READ | PROT_WRITE,
         MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    mmap((void *)DIRECT_START, FRAMES * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
         0);
    caller.unit.is_idle = true; /* nobody's: domain_zero comes from boot */
    domain_kind[DOMAIN_PV] = &ops;
    if (domain_create(&zero, &domain_zero))
        exit(2);
    slab_objects--; /* struct domain; its grants' object stays in the count */
    caller.domain = domain_zero;
    caller.unit.is_idle = false;
}

int main(void)
{
    CU_TestInfo tests[] = {{"numbers", test_numbers},   {"out of memory at each allocation", test_memory},
                           {"teardown", test_teardown}, {"frames side by side", test_extent},
                           {"zombie", test_zombie},     {"pause", test_pause},
                           {"resume", test_resume},     {"watchdog", test_watchdog},
                           {"policy", test_policy},     CU_TEST_INFO_NULL};

    begin();
    return suite_run("domain", tests);
}
