/* SPDX-License-Identifier: MIT */
/*
 * Domain life: dom/domain.c, dom/page.c and dom/policy.c over recorded steps of the other files of dom/ and of pv/.
 * Each allocation and each step of a teardown fails, or is interrupted, once; afterwards nothing may be left. The table
 * of rights is compared with one written in another way.
 */
#include "domain_world.h"

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
