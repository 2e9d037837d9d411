/* SPDX-License-Identifier: MIT */
/*
 * A domain: memory, vCPUs, event channels, rights. Domains live in a small table; the pointer stays valid
 * while a reference is held (domain_get). Dying is one way: domain_crash or shutdown stops the vCPUs, teardown
 * is resumable (issue of the tools; dom0 is never torn down: its end is the machine's).
 */
#ifndef WIRT_DOM_DOMAIN_H
#define WIRT_DOM_DOMAIN_H

#include "core/console.h"
#include "core/lock.h"
#include "dom/evtchn.h"
#include "dom/grant.h"
#include "dom/pirq.h"
#include "dom/vcpu.h"
#include "lib/range.h"

#define DOMAIN_VCPU_MAX 64u

struct domain {
    domid_t id;
    bool is_privileged; /* dom0: a control domain, as call/'s tables have it */
    bool is_shut_down;
    u8 shutdown_reason;
    u32 refs;         /* atomic */
    struct lock lock; /* RANK_DOMAIN */
    u32 vcpu_limit;
    struct vcpu *vcpu[DOMAIN_VCPU_MAX];
    cpuset_t loaded_cpus; /* CPUs that may hold translations of it; set before load, never lazily cleared without a
                             flush; atomic */
    /* memory; list and counts under page_lock (RANK_PAGE_LIST) */
    struct lock page_lock;
    mfn_t pages; /* list by page.next/prev; n == 0: empty */
    u64 page_count, page_max;
    u64 page_held; /* frames that are still its own in any way, given back or not; atomic; never over page_max */
    struct shared_info *shared; /* direct-map address */
    mfn_t shared_mfn;
    struct evtchn_table evtchn;
    struct pirq_table pirq;
    struct grant_table grant;
    struct range_set ports, iomem, irqs; /* what it may touch: ports, frames, PIRQs */
    struct range_set iomem_ro;           /* frames of iomem that it may only read */
    u32 vm_assist;
    struct rate_limit log_rate;
};

extern struct domain *domain_zero;
struct domain *domain_create(domid_t id, bool is_privileged, u32 vcpu_limit); /* NULL: logged why */
struct domain *domain_get(domid_t id); /* with a reference; NULL: no such domain */
struct domain *domain_next(u32 first); /* the same for the lowest number >= first */
void domain_put(struct domain *d);
/* Of a frame that the caller holds a reference to, or the last one of: it stays as long as the frame is its own. No
 * reference. */
struct domain *domain_of(u32 owner);
/* The domain that a call names: the caller itself (DOMID_SELF or its own number) or, for a control domain,
 * another one. 0 with a reference in *target (domain_put), -EPERM, -ESRCH. */
int domain_target(domid_t id, struct domain **target) __must_use;
/* The guest broke its own contract: log why, stop all its vCPUs; dom0's crash reboots or halts the machine. */
void domain_crash(struct domain *d, const char *format, ...) __printf(2, 3);
void domain_shutdown(struct domain *d, u8 reason); /* SHUTDOWN_* of public/sched.h */
static inline struct domain *domain_current(void)
{
    return vcpu_current()->domain;
}
static inline u32 domain_owner(const struct domain *d) /* value of page.owner */
{
    return d->id + PAGE_OWNER_DOMAIN;
}
/* Guest log lines: rate-limited per domain. */
void domain_log(struct domain *d, const char *format, ...) __printf(2, 3);
/* vCPU by number, NULL if there is none. */
static inline struct vcpu *domain_vcpu(const struct domain *d, u64 id)
{
    return id < d->vcpu_limit ? d->vcpu[id] : NULL;
}
/* All existing domains, for consoles: fn under the list lock. */
void domain_for_each(void (*fn)(struct domain *d, void *arg), void *arg);

extern bool domain_does_reboot; /* false: noreboot, halt when dom0 crashes */
/* Publish hw/time.c's wall clock in the shared info page. */
void domain_update_wallclock(struct domain *d);

#endif
