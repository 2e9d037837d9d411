/* SPDX-License-Identifier: MIT */
/*
 * Domains: creation, look-up, the one way to die. A number is an index into the table, and is given out again as late
 * as possible; list_lock (RANK_DOMAIN_LIST) makes finding a domain and taking a reference to it one step. Reference
 * 0 frees it. A domain that breaks its contract is crashed: its vCPUs stop, and for dom0 that ends the machine, with
 * the reason as the last line. Others are then torn down by the toolstack, step after step (domain_destroy).
 */
#include "dom/domain.h"

#include "core/slab.h"
#include "core/work.h"
#include "dom/dump.h"
#include "dom/shared.h"
#include "hw/power.h"
#include "hw/smp.h"
#include "hw/time.h"
#include "lib/fmt.h"
#include "lib/log.h"
#include "lib/string.h"
#include "public/sched.h"

#define REBOOT_SECONDS 5u
#define NSEC_PER_SEC   1000000000ull
#define RIGHTS_ROOM    16u /* ranges in each of a domain's sets of rights */
static struct domain *table[DOMID_FIRST_RESERVED];
static u64 taken[DOMID_FIRST_RESERVED / 64 + 1]; /* bit = that slot is; changes under list_lock */
static struct lock list_lock = LOCK_INIT(RANK_DOMAIN_LIST);
static u32 next_id = 1;
static u64 births;                                     /* under list_lock */
static struct shared_info nobody __aligned(PAGE_SIZE); /* what is written for the dead goes here */
__sealed const struct domain_ops *domain_kind[DOMAIN_KINDS];
struct domain *domain_zero;
bool domain_does_reboot = true;

/* A slot of the table for d, which has no reference yet: nobody finds it. */
static int table_add(struct domain *d, u32 id)
{
    u64 flags = lock_take_irq(&list_lock);
    int rc = 0;

    if (id == DOMAIN_ANY) {
        u32 tries = 0;
        while (table[next_id] && ++tries < DOMID_FIRST_RESERVED)
            next_id = next_id % (DOMID_FIRST_RESERVED - 1) + 1;
        rc = table[next_id] ? -ENOSPC : 0;
        id = next_id;
    } else if (id >= DOMID_FIRST_RESERVED) {
        rc = -EINVAL;
    } else if (table[id]) {
        rc = -EEXIST;
    }
    if (rc == 0) {
        d->id = (domid_t)id;
        d->serial = ++births;
        table[id] = d;
        map_set(taken, id);
        next_id = id % (DOMID_FIRST_RESERVED - 1) + 1;
    }
    lock_drop_irq(&list_lock, flags);
    return rc;
}

/* Nobody can find it any more, and it has no frames. */
static void domain_free(struct domain *d)
{
    u64 flags = lock_take_irq(&list_lock);
    table[d->id] = NULL;
    map_clear(taken, d->id);
    lock_drop_irq(&list_lock, flags);
    for (u32 i = 0; i < d->vcpu_limit; i++)
        if (d->vcpu[i])
            vcpu_destroy(d->vcpu[i]);
    slab_free(d->ports.item, RIGHTS_ROOM * sizeof(struct range));
    slab_free(d->iomem.item, RIGHTS_ROOM * sizeof(struct range));
    slab_free(d->irqs.item, RIGHTS_ROOM * sizeof(struct range));
    if (d->ops->destroy)
        d->ops->destroy(d);
    stat_destroy(d->stat);
    evtchn_free(d);
    pirq_free(d);
    slab_free(d, sizeof(*d));
}

static void watchdog_fired(void *arg)
{
    struct domain *d = arg;

    log_warn("domain %u: its watchdog was not set again in time", d->id);
    domain_shutdown(d, SHUTDOWN_watchdog);
}

/* The first reference is its frame's: from now on it can be found. */
static int make_shared(struct domain *d)
{
    mfn_t shared = page_share(d);
    struct shared_info *s;

    if (shared.n == MFN_NONE)
        return -ENOMEM;
    atomic_add(&d->refs, 2u); /* its life's, and the creator's */
    d->shared_mfn = shared;
    s = frame_va(shared);
    for (u32 i = 0; i < ARRAY_COUNT(s->vcpu_info); i++)
        s->vcpu_info[i].evtchn_upcall_mask = 1;
    d->shared = s;
    domain_update_wallclock(d);
    return 0;
}

int domain_create(const struct domain_config *c, struct domain **out)
{
    struct domain *d = slab_alloc(sizeof(*d));
    int rc = d ? 0 : -ENOMEM;

    if (rc)
        return rc;
    d->is_privileged = c->is_privileged;
    d->ops = domain_kind[c->kind];
    d->pause_count = c->is_privileged ? 0 : 1;
    d->vcpu_limit = min(c->vcpu_limit, DOMAIN_VCPU_MAX);
    d->weight = DOMAIN_WEIGHT;
    memcpy(d->handle, c->handle, sizeof(d->handle));
    d->shared = &nobody;
    d->shared_mfn = mfn(MFN_NONE);
    lock_init(&d->lock, RANK_DOMAIN);
    lock_init(&d->page_lock, RANK_PAGE_LIST);
    evtchn_init(d);
    d->evtchn.limit = d->evtchn.limit_most = min(c->port_limit, EVTCHN_PORTS);
    pirq_init(d);
    for (u32 n = 0; n < DOMAIN_WATCHDOGS; n++)
        timer_init(&d->watchdog[n], watchdog_fired, d, cpu_id());
    rc = table_add(d, c->id);
    if (rc) {
        slab_free(d, sizeof(*d));
        return rc;
    }
    d->stat = stat_create(WIRT_STAT_DOMAIN, d->id, 0);
    rc = !d->stat ? -ENOMEM : d->ops->create ? d->ops->create(d) : 0;
    if (rc == 0)
        rc = grant_init(d, c->grant_frames, c->grant_maptrack);
    if (rc == 0 && (rc = make_shared(d)) != 0)
        while (grant_destroy(d)) /* there is nothing in it that could take long */
            ;
    if (rc == 0)
        *out = d;
    else
        domain_free(d);
    return rc;
}

struct domain *domain_of(u32 owner)
{
    return table[owner - PAGE_OWNER_DOMAIN];
}

struct domain *domain_get(domid_t id)
{
    u64 flags = lock_take_irq(&list_lock);
    struct domain *d = id < DOMID_FIRST_RESERVED ? table[id] : NULL;

    if (d && atomic_add(&d->refs, 1u) == 1) { /* being freed, or not ready yet */
        atomic_sub(&d->refs, 1u);
        d = NULL;
    }
    lock_drop_irq(&list_lock, flags);
    return d;
}

struct domain *domain_next(u32 first)
{
    u64 mask = ~0ull << first % 64;

    for (u32 at = first / 64; at < ARRAY_COUNT(taken); at++, mask = ~0ull)
        for (u64 bits = READ_ONCE(taken[at]) & mask; bits; bits &= bits - 1) {
            struct domain *d = domain_get((domid_t)(at * 64 + bit_lowest(bits)));
            if (d)
                return d;
        }
    return NULL;
}

void domain_put(struct domain *d)
{
    if (atomic_sub(&d->refs, 1u) == 0)
        domain_free(d);
}

void domain_for_each(void (*fn)(struct domain *d, void *arg), void *arg)
{
    struct domain *d = domain_next(0);

    while (d) {
        u32 next = d->id + 1u;
        fn(d, arg);
        domain_put(d);
        d = domain_next(next);
    }
}

void domain_update_wallclock(struct domain *d)
{
    u32 *wc = d->is_narrow ? shared_narrow(d)->wc : &d->shared->wc_version;
    u32 *sec_hi = d->is_narrow ? &shared_narrow(d)->wc_sec_hi : &d->shared->wc_sec_hi;
    u64 sec;
    u32 nsec;
    time_wall_get(&sec, &nsec);
    sec += (u64)d->clock_offset;
    u32 version = wc[0] & ~1u;
    WRITE_ONCE(wc[0], version + 1);
    barrier();
    wc[1] = (u32)sec;
    *sec_hi = (u32)(sec >> 32);
    wc[2] = nsec;
    barrier();
    WRITE_ONCE(wc[0], version + 2);
}

static void for_each_unit(struct domain *d, void (*fn)(struct unit *u))
{
    for (u32 i = 0; i < d->vcpu_limit; i++)
        if (d->vcpu[i])
            fn(&d->vcpu[i]->unit);
}

static __noreturn void end_of_machine(u8 reason)
{
    static const char *const what[SHUTDOWN_MAX + 1] = {
        "powered the machine off",     "asked for a reboot",    "suspended itself", "crashed",
        "was stopped by its watchdog", "asked for a soft reset"};
    log_info("domain 0 %s", what[reason]);
    smp_stop_others();
    if (reason == SHUTDOWN_poweroff)
        power_off_or_halt();
    if (reason != SHUTDOWN_reboot && domain_does_reboot) { /* somebody may be reading */
        log_error("Reboot in %u seconds (noreboot on the command line stays here).", REBOOT_SECONDS);
        for (u32 ms = 0; ms < REBOOT_SECONDS * 1000; ms++)
            time_udelay(1000);
    }
    if (reason == SHUTDOWN_reboot || domain_does_reboot)
        power_reboot();
    log_error("halted, as noreboot asks: switch the machine off or reset it");
    cpu_halt_forever();
}

void domain_shutdown(struct domain *d, u8 reason)
{
    /* No lock: it may be held by somebody who waits for this CPU to flush, which it will not with interrupts off. */
    if (atomic_xchg(&d->is_stopping, true))
        return;
    if (d->shutdown_code)
        reason = d->shutdown_code - 1;
    d->shutdown_reason = reason;
    if (d == domain_zero)
        end_of_machine(reason);
    for_each_unit(d, sched_pause);
    atomic_store(&d->is_shut_down, true); /* last: who sees it may resume */
    evtchn_raise_global(domain_zero, VIRQ_DOM_EXC);
}

int domain_watchdog(struct domain *d, u32 id, u32 seconds)
{
    u32 n = id - 1;
    int rc = 0;

    lock_take(&d->lock);
    if (id == 0) {
        for (n = 0; n < DOMAIN_WATCHDOGS && d->watchdogs & BIT(n);)
            n++;
        rc = !seconds ? -EINVAL : n == DOMAIN_WATCHDOGS ? -ENOSPC : (int)n + 1;
    } else if (n >= DOMAIN_WATCHDOGS || !(d->watchdogs & BIT(n))) {
        rc = -EINVAL;
    }
    if (rc >= 0 && seconds) {
        d->watchdogs |= (u8)BIT(n);
        timer_set(&d->watchdog[n], time_now() + seconds * NSEC_PER_SEC);
    } else if (rc >= 0) {
        d->watchdogs &= (u8)~BIT(n);
        timer_stop(&d->watchdog[n]);
    }
    lock_drop(&d->lock);
    return rc;
}

void domain_log(struct domain *d, const char *format, ...)
{
    char line[200];
    va_list args;
    if (!console_rate_ok(&d->log_rate, 20, 5))
        return;
    va_start(args, format);
    fmt_v(line, sizeof(line), format, args);
    va_end(args);
    log_warn("domain %u: %s", d->id, line);
}

void domain_crash(struct domain *d, const char *format, ...)
{
    char line[200];
    va_list args;
    va_start(args, format);
    fmt_v(line, sizeof(line), format, args);
    va_end(args);
    if (vcpu_current_any() && domain_current() == d) { /* whatever becomes of the others: this one does not go on */
        sched_pause(&vcpu_current()->unit);
        work_raise(WORK_SCHED);
    }
    if (READ_ONCE(d->is_stopping))
        return;
    if (d == domain_zero)
        console_screen_lend(false);
    log_error("domain %u crashed: %s", d->id, line);
    if (vcpu_current_any() && domain_current() == d)
        dump_guest(vcpu_current());
    domain_shutdown(d, SHUTDOWN_crash);
}

bool domain_is_running(const struct domain *d)
{
    for (u32 i = 0; i < d->vcpu_limit; i++)
        if (d->vcpu[i] && sched_is_running(&d->vcpu[i]->unit))
            return true;
    return false;
}

void domain_pause(struct domain *d)
{
    lock_take(&d->lock);
    if (d->pause_count++ == 0)
        for_each_unit(d, sched_pause);
    lock_drop(&d->lock);
}

int domain_unpause(struct domain *d)
{
    int rc = -EINVAL;

    lock_take(&d->lock);
    if (d->pause_count && !domain_is_dying(d)) {
        rc = 0;
        if (--d->pause_count == 0)
            for_each_unit(d, sched_unpause);
    }
    lock_drop(&d->lock);
    return rc;
}

int domain_resume(struct domain *d)
{
    int rc = -EINVAL;

    lock_take(&d->lock);
    if (atomic_load(&d->is_shut_down) && d->shutdown_reason == SHUTDOWN_suspend && !domain_is_dying(d)) {
        rc = 0;
        d->shutdown_code = 0;
        d->is_shut_down = false;
        atomic_store(&d->is_stopping, false); /* from here on it can shut down again: each pause has its own end */
        for_each_unit(d, sched_unpause);
    }
    lock_drop(&d->lock);
    return rc;
}

int domain_permit(struct domain *d, struct range_set *set, u64 first, u64 last, bool allow)
{
    int rc = 0;

    lock_take(&d->lock);
    if (!d->pause_count || domain_is_running(d))
        rc = -EBUSY;
    else if (!set->item && allow)
        range_init(set, slab_alloc(RIGHTS_ROOM * sizeof(struct range)), RIGHTS_ROOM);
    if (rc == 0 && !set->item)
        rc = allow ? -ENOMEM : 0;
    else if (rc == 0)
        rc = allow ? range_add(set, first, last) : range_remove(set, first, last);
    lock_drop(&d->lock);
    return rc;
}

/* Teardown. Each step is done when it answers 0, and begins again where it was when it answers -ERESTART. */
static int stop_vcpus(struct domain *d)
{
    if (domain_is_running(d)) /* not waited for here: its CPU may wait for us */
        return -ERESTART;
    for (u32 i = 0; i < d->vcpu_limit; i++)
        if (d->vcpu[i])
            vcpu_stop(d->vcpu[i]);
    for (u32 n = 0; n < DOMAIN_WATCHDOGS; n++)
        timer_stop(&d->watchdog[n]);
    return 0;
}

static int relinquish(struct domain *d)
{
    return d->ops->relinquish(d);
}

/* Frames of its own that Wirt writes to. */
static int drop_shared(struct domain *d)
{
    for (u32 i = 0; i < d->vcpu_limit; i++)
        if (d->vcpu[i])
            vcpu_drop_info(d->vcpu[i], &nobody);
    d->shared = &nobody;
    page_put_as(frame_page_raw(d->shared_mfn));
    d->shared_mfn = mfn(MFN_NONE);
    atomic_sub(&d->page_shared, 1);
    return 0;
}

static int (*const teardown[])(struct domain *d) = {stop_vcpus,    evtchn_destroy_all, pirq_destroy_all,
                                                    grant_destroy, relinquish,         drop_shared};

static void begin_teardown(struct domain *d)
{
    WRITE_ONCE(d->life, DOMAIN_DYING);
    for_each_unit(d, sched_pause);
}

int domain_destroy(struct domain *d)
{
    bool is_new_death = false;
    int rc = 0;

    if (d == domain_zero || d == domain_current())
        return -EINVAL;
    lock_take(&d->lock);
    if (d->life == DOMAIN_ALIVE)
        begin_teardown(d);
    while (d->life == DOMAIN_DYING && rc == 0) {
        rc = teardown[d->teardown](d);
        if (rc == 0 && ++d->teardown == ARRAY_COUNT(teardown)) {
            WRITE_ONCE(d->life, DOMAIN_DEAD);
            is_new_death = true;
        } else if (rc == 0 && work_is_pending()) {
            rc = -ERESTART;
        }
    }
    lock_drop(&d->lock);
    if (!is_new_death)
        return rc;
    if (READ_ONCE(d->page_held))
        log_info("domain %u is dead; others still hold %lu of its frames", d->id, d->page_held);
    evtchn_raise_global(domain_zero, VIRQ_DOM_EXC);
    domain_put(d); /* its life's */
    return 0;
}
