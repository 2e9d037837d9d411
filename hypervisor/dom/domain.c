/* SPDX-License-Identifier: MIT */
/*
 * Domains: creation, look-up, the one way to die. The table of domains is under list_lock (RANK_DOMAIN_LIST); a found
 * domain comes with a reference. A domain that breaks its contract is crashed: its vCPUs stop, and for dom0 that
 * ends the machine, with the reason as the last line.
 */
#include "dom/domain.h"

#include "core/slab.h"
#include "core/work.h"
#include "dom/dump.h"
#include "hw/power.h"
#include "hw/smp.h"
#include "hw/time.h"
#include "lib/fmt.h"
#include "lib/log.h"
#include "lib/string.h"
#include "public/sched.h"

#define REBOOT_SECONDS 5u
#define DOMAIN_TABLE   64u
static struct domain *table[DOMAIN_TABLE];
static struct lock list_lock = LOCK_INIT(RANK_DOMAIN_LIST);
struct domain *domain_zero;
bool domain_does_reboot = true;

static int make_shared(struct domain *d)
{
    mfn_t m = frame_alloc(0, FRAME_ZERO, 0);
    if (m.n == MFN_NONE)
        return -ENOMEM;
    struct page *p = frame_page_raw(m);
    p->owner = domain_owner(d);
    p->type = PAGE_KIND_OF(PAGE_WRITABLE) | PAGE_VALID | 1; /* Wirt writes it: it can never become a table */
    atomic_store(&p->refs, 1);
    d->shared_mfn = m; /* not counted in page_held: the guest did not ask for it */
    d->shared = frame_va(m);
    for (u32 i = 0; i < ARRAY_COUNT(d->shared->vcpu_info); i++)
        d->shared->vcpu_info[i].evtchn_upcall_mask = 1;
    return 0;
}

struct domain *domain_create(domid_t id, bool is_privileged, u32 vcpu_limit)
{
    struct domain *d = slab_alloc(sizeof(*d));
    if (!d)
        goto fail;
    d->id = id;
    d->is_privileged = is_privileged;
    d->refs = 1;
    d->vcpu_limit = min(vcpu_limit, DOMAIN_VCPU_MAX);
    lock_init(&d->lock, RANK_DOMAIN);
    lock_init(&d->page_lock, RANK_PAGE_LIST);
    evtchn_init(d);
    pirq_init(d);
    if (make_shared(d))
        goto fail;
    domain_update_wallclock(d);
    lock_take(&list_lock);
    table[id % DOMAIN_TABLE] = d;
    lock_drop(&list_lock);
    return d;
fail:
    log_error("domain %u: cannot create it: out of memory", id);
    return NULL; /* boot only, until domains can be torn down */
}

struct domain *domain_of(u32 owner)
{
    return table[(owner - PAGE_OWNER_DOMAIN) % DOMAIN_TABLE];
}

struct domain *domain_next(u32 first)
{
    struct domain *d = NULL;

    lock_take(&list_lock);
    for (u32 i = 0; i < DOMAIN_TABLE; i++)
        if (table[i] && table[i]->id >= first && (!d || table[i]->id < d->id))
            d = table[i];
    if (d)
        atomic_add(&d->refs, 1u);
    lock_drop(&list_lock);
    return d;
}

struct domain *domain_get(domid_t id)
{
    lock_take(&list_lock);
    struct domain *d = table[id % DOMAIN_TABLE];
    if (d && d->id != id)
        d = NULL;
    if (d)
        atomic_add(&d->refs, 1u);
    lock_drop(&list_lock);
    return d;
}

int domain_target(domid_t id, struct domain **target)
{
    struct domain *self = domain_current();

    if (id == DOMID_SELF)
        id = self->id;
    if (id != self->id && !self->is_privileged)
        return -EPERM;
    *target = domain_get(id);
    return *target ? 0 : -ESRCH;
}

void domain_put(struct domain *d)
{
    atomic_sub(&d->refs, 1u);
}

void domain_for_each(void (*fn)(struct domain *d, void *arg), void *arg)
{
    lock_take(&list_lock);
    for (u32 i = 0; i < DOMAIN_TABLE; i++)
        if (table[i])
            fn(table[i], arg);
    lock_drop(&list_lock);
}

void domain_update_wallclock(struct domain *d)
{
    struct shared_info *s = d->shared;
    u64 sec;
    u32 nsec;
    time_wall_get(&sec, &nsec);
    u32 version = s->wc_version & ~1u;
    WRITE_ONCE(s->wc_version, version + 1);
    barrier();
    s->wc_sec = (u32)sec;
    s->wc_sec_hi = (u32)(sec >> 32);
    s->wc_nsec = nsec;
    barrier();
    WRITE_ONCE(s->wc_version, version + 2);
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
    if (atomic_xchg(&d->is_shut_down, true))
        return;
    d->shutdown_reason = reason;
    if (d == domain_zero)
        end_of_machine(reason);
    for (u32 i = 0; i < d->vcpu_limit; i++)
        if (d->vcpu[i])
            sched_pause(&d->vcpu[i]->unit);
    evtchn_raise_global(domain_zero, VIRQ_DOM_EXC);
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
    if (d->is_shut_down)
        return;
    if (d == domain_zero)
        console_screen_lend(false);
    log_error("domain %u crashed: %s", d->id, line);
    if (vcpu_current_any() && domain_current() == d)
        dump_guest(vcpu_current());
    domain_shutdown(d, SHUTDOWN_crash);
}
