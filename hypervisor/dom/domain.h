/* SPDX-License-Identifier: MIT */
/*
 * A domain: memory, vCPUs, event channels, rights. The pointer stays valid while a reference is held (domain_get);
 * all the frames that it has, given back or not, hold one together. Life goes one way: a domain that shut down or
 * crashed stands still until domain_destroy() takes it apart, in steps that can be interrupted. What others still hold
 * of a dead domain keeps it in the table as a zombie. dom0 is never torn down: its end is the machine's.
 */
#ifndef WIRT_DOM_DOMAIN_H
#define WIRT_DOM_DOMAIN_H

#include "core/console.h"
#include "core/lock.h"
#include "dom/evtchn.h"
#include "dom/grant.h"
#include "dom/pirq.h"
#include "dom/policy.h"
#include "dom/stat.h"
#include "dom/vcpu.h"
#include "lib/range.h"

#define DOMAIN_VCPU_MAX  64u
#define DOMAIN_WEIGHT    256u
#define DOMAIN_WATCHDOGS 2u
#define DOMAIN_ANY       0xffffu /* domain_create: a number that was not in use for as long as possible */

enum domain_kind { DOMAIN_PV, DOMAIN_HVM, DOMAIN_KINDS };

enum domain_life {
    DOMAIN_ALIVE,
    DOMAIN_DYING, /* being torn down: gets nothing any more */
    DOMAIN_DEAD   /* has nothing any more; others hold frames of it, or references */
};

struct domain_ops;
struct hvm_domain;

struct domain {
    domid_t id;
    u8 handle[16];      /* the toolstack's name for it */
    bool is_privileged; /* dom0: a control domain, as call/'s tables have it */
    const struct domain_ops *ops;
    struct hvm_domain *hvm; /* kind DOMAIN_HVM; hvm/ owns it */
    u8 life;                /* enum domain_life; forward only, under lock */
    u8 teardown;            /* steps of domain_destroy that are done; under lock */
    bool is_stopping;       /* somebody shuts it down, or has; atomic */
    bool is_shut_down;      /* and is done: the reason is there, and its vCPUs are paused once for it; atomic */
    u32 pause_count;        /* of the toolstack; its vCPUs are paused once while it is not 0; under lock */
    u8 shutdown_reason;
    u8 shutdown_code; /* reason + 1 that the guest announced, 0: none */
    u8 watchdogs;     /* bit: in use; under lock */
    struct timer watchdog[DOMAIN_WATCHDOGS];
    u32 refs;         /* atomic */
    u64 serial;       /* no other domain since boot has it, whatever its id */
    struct lock lock; /* RANK_DOMAIN */
    u32 vcpu_limit;
    struct vcpu *vcpu[DOMAIN_VCPU_MAX];
    cpuset_t loaded_cpus; /* CPUs that may hold translations of it; set before load, never lazily cleared without a
                             flush; atomic */
    /* memory; list and counts under page_lock (RANK_PAGE_LIST) */
    struct lock page_lock;
    mfn_t pages; /* list by page.next/prev; n == 0: empty */
    u64 page_count, page_max;
    u64 page_refused; /* page_count + 1 when the log last said that it was refused more; under lock */
    u64 page_held;    /* frames that are still its own in any way, given back or not, those of page_shared as well;
                         atomic; changed by domain_hold_frames and domain_drop_frame only */
    u64 page_shared;  /* frames that Wirt gave it besides page_max: shared_info, grant table; atomic */
    u32 tables[4];    /* frames in use as page tables, by level; atomic */
    u64 audit_held;   /* what the self-audit finds of page_held */
    u64 claim;        /* frames that nobody else gets (core/frame.h) */
    void *e820;       /* memory map that its builder gave it, NULL = none; under lock */
    u32 e820_bytes;
    struct shared_info *shared; /* direct-map address; of a dead domain: one for all of them */
    mfn_t shared_mfn;           /* MFN_NONE: gone */
    bool is_narrow;             /* that page has the layout for 32-bit guests (shared.h); under evtchn.lock */
    struct evtchn_table evtchn;
    struct pirq_table pirq;
    struct grant_table grant;
    struct range_set ports, iomem, irqs; /* what it may touch: ports, frames, PIRQs */
    struct range_set iomem_ro;           /* frames of iomem that it may only read */
    u32 vm_assist;
    struct wirt_stat *stat;
    u32 weight, cap;  /* of the domain's share of the CPUs, as the tools gave it; under lock */
    s64 clock_offset; /* seconds that its wall clock is ahead */
    struct rate_limit log_rate;
};

extern struct domain *domain_zero;
struct domain_config {
    u32 id; /* or DOMAIN_ANY */
    enum domain_kind kind;
    bool is_privileged;
    u32 vcpu_limit, port_limit;       /* port_limit: numbers are below */
    u32 grant_frames, grant_maptrack; /* as grant_init has them */
    u8 handle[16];
};
/* 0 with a reference in *out; -EEXIST: the number is taken, -ENOSPC: all are, -ENOMEM. Paused, unless it is privileged,
 * and without vCPUs and memory. */
int domain_create(const struct domain_config *c, struct domain **out) __must_use;
bool domain_is_running(const struct domain *d); /* one of its vCPUs is on a CPU */
/* Counted; asynchronous. */
void domain_pause(struct domain *d);
int domain_unpause(struct domain *d); /* -EINVAL: it is not paused */
int domain_resume(struct domain *d);  /* after SHUTDOWN_suspend; -EINVAL otherwise */
/* [first, last] into or out of one of its sets of rights. -EBUSY unless it is paused, -ENOSPC, -ENOMEM. */
int domain_permit(struct domain *d, struct range_set *set, u64 first, u64 last, bool allow);
/* Tear it down; the caller holds a reference. 0: dead, -ERESTART: call again, -EINVAL: not this one. */
int domain_destroy(struct domain *d) __must_use;
/* Nothing new may be tied to it. Look under the lock under which the tie is made: domain_destroy says it under
 * domain.lock and takes each of the others afterwards. */
static inline bool domain_is_dying(const struct domain *d)
{
    return READ_ONCE(d->life) != DOMAIN_ALIVE;
}
/* The doors to a kind of domain (filled by pv/ and hvm/). */
struct domain_ops {
    const struct vcpu_ops *vcpu;
    const struct grant_ops *grant;
    int (*create)(struct domain *d); /* NULL: nothing to do; 0, -ENOMEM */
    /* Of a domain that nobody can find any more: what create made and relinquish left. NULL: nothing. */
    void (*destroy)(struct domain *d);
    /* The frame behind one of its own numbers, MFN_NONE: nothing there; NULL: it counts in frames of the machine. */
    mfn_t (*frame)(struct domain *d, u64 gfn);
    /* Frame m of d's appears under that number, instead of what did; and what is there appears no more: which, or
     * MFN_NONE. NULL: as above. 0, -EINVAL: no such number, -ENOMEM. */
    int (*show)(struct domain *d, u64 gfn, mfn_t m);
    mfn_t (*hide)(struct domain *d, u64 gfn);
    /* The self-audit: each use (PAGE_WRITABLE) and reference (PAGE_NONE) that these numbers hold. NULL: as above. */
    void (*note)(struct domain *d, void (*note)(u64 m, enum page_kind kind));
    /* All its vCPUs stand still and are on no CPU, and domain.lock is held. Give up address spaces, descriptor tables,
     * pins and all pages. 0; -ERESTART: work is pending, call again. */
    int (*relinquish)(struct domain *d);
};
extern const struct domain_ops *domain_kind[DOMAIN_KINDS]; /* sealed; NULL: the machine cannot run such */
/* The machine's frame that d calls n. */
static inline mfn_t domain_frame(struct domain *d, u64 n)
{
    return likely(!d->ops->frame) ? mfn(n) : d->ops->frame(d, n);
}
struct domain *domain_get(domid_t id); /* with a reference; NULL: no such domain */
struct domain *domain_next(u32 first); /* the same for the lowest number >= first */
void domain_put(struct domain *d);     /* any context, but not under a lock of RANK_DOMAIN_LIST or less */
/* Frames more, or one less, are d's: all of them hold one reference together. */
static inline void domain_hold_frames(struct domain *d, u64 count)
{
    if (atomic_add(&d->page_held, count) == count)
        atomic_add(&d->refs, 1u);
}
static inline void domain_drop_frame(struct domain *d)
{
    if (atomic_sub(&d->page_held, 1) == 0)
        domain_put(d);
}
/* Frames that it may still be given. */
static inline u64 domain_page_room(const struct domain *d)
{
    u64 most = d->page_max + READ_ONCE(d->page_shared), held = READ_ONCE(d->page_held);
    return most > held ? most - held : 0;
}
/* Of a frame that the caller holds a reference to, or the last one of: it stays as long as the frame is its own. No
 * reference. */
struct domain *domain_of(u32 owner);
/* policy_target() for what is done in a domain's name (POLICY_SERVE): the caller itself or, for a control domain,
 * another one. */
static inline __must_use int domain_target(domid_t id, struct domain **target)
{
    return policy_target(id, POLICY_SERVE, target);
}
/* The guest broke its own contract: log why, stop all its vCPUs; dom0's crash reboots or halts the machine. */
void domain_crash(struct domain *d, const char *format, ...) __printf(2, 3);
void domain_shutdown(struct domain *d, u8 reason); /* SHUTDOWN_* of public/sched.h */
/* SCHEDOP_watchdog: unless it is set again within so many seconds, d has shut down. id 0: a new one. Its id (new), 0,
 * -EINVAL: no such one, -ENOSPC. */
int domain_watchdog(struct domain *d, u32 id, u32 seconds);
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
/* All existing domains, zombies included; no lock is held, new ones may be missed. */
void domain_for_each(void (*fn)(struct domain *d, void *arg), void *arg);

extern bool domain_does_reboot; /* false: noreboot, halt when dom0 crashes */
/* Publish hw/time.c's wall clock in the shared info page; under lock. */
void domain_update_wallclock(struct domain *d);

#endif
