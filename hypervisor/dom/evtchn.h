/* SPDX-License-Identifier: MIT */
/*
 * Event channels of the 2-level ABI: 4096 ports a domain, pending and mask bits in the shared info page,
 * selector in each vcpu_info. Port states change under the table's lock (RANK_EVTCHN), an interdomain pair also under
 * RANK_EVTCHN_PAIR; raising a port takes no lock (interrupt context may do it): it reads `state`, then the rest, with
 * interrupts off.
 */
#ifndef WIRT_DOM_EVTCHN_H
#define WIRT_DOM_EVTCHN_H

#include "core/lock.h"
#include "lib/types.h"

struct domain;
struct vcpu;

#define EVTCHN_PORTS      4096u
#define EVTCHN_PER_BUCKET 128u
/* The numbers are EVTCHNSTAT_* of public/event_channel.h. */
enum evtchn_state { EVTCHN_FREE, EVTCHN_UNBOUND, EVTCHN_INTERDOMAIN, EVTCHN_PIRQ, EVTCHN_VIRQ, EVTCHN_IPI };

struct evtchn {
    u8 state;
    u16 vcpu;   /* notified vCPU */
    u16 number; /* UNBOUND: of the domain that may bind; INTERDOMAIN: of the peer; of the PIRQ or VIRQ */
    u16 remote_port;
    struct domain *peer; /* INTERDOMAIN, referenced */
};
struct evtchn_table {
    struct lock lock;
    u32 limit;      /* ports that may be used: 1 to limit - 1 */
    u32 limit_most; /* as its builder wanted; the layout of its shared page may allow less */
    u32 next_hint;  /* every port below is in use */
    u64 pollers;    /* vCPUs in SCHEDOP_poll; atomic */
    struct evtchn *bucket[EVTCHN_PORTS / EVTCHN_PER_BUCKET];
};

void evtchn_init(struct domain *d);
int evtchn_reset(struct domain *d, u64 *cursor); /* close every port from *cursor on; 0, -ERESTART with *cursor */
/* d is dying: close every port; afterwards nothing is raised on it. 0, -ERESTART. */
int evtchn_destroy_all(struct domain *d);
void evtchn_free(struct domain *d); /* its memory */
/* Each returns the port (>= 1) or -errno as the ABI has it: -ENOSPC no port, -ENOENT vCPU, -EINVAL, -EEXIST, -ESRCH. */
int evtchn_alloc_unbound(struct domain *d, domid_t remote);
int evtchn_bind_interdomain(struct domain *d, domid_t remote, u32 remote_port);
int evtchn_bind_virq(struct domain *d, u32 virq, u32 vcpu);
int evtchn_bind_ipi(struct domain *d, u32 vcpu);
int evtchn_bind_pirq(struct domain *d, u32 pirq, bool will_share);
int evtchn_close(struct domain *d, u32 port);
int evtchn_send(struct domain *d, u32 port);
int evtchn_unmask(struct domain *d, u32 port);
int evtchn_bind_vcpu(struct domain *d, u32 port, u32 vcpu);
struct evtchn_status;
int evtchn_status(struct domain *d, u32 port, struct evtchn_status *out); /* public/event_channel.h; zeroed before */
/* Raise from anywhere, interrupt context included. */
void evtchn_raise_virq(struct vcpu *v, u32 virq);     /* per-vCPU VIRQ; nothing if unbound */
void evtchn_raise_global(struct domain *d, u32 virq); /* global VIRQ: goes to the vCPU it is bound to */
void evtchn_raise_pirq(struct domain *d, u32 port);
/* SCHEDOP_poll: from begin on, raising `port` (0: any port) also wakes v; call before looking at the pending bits. */
void evtchn_poll_begin(struct vcpu *v, u32 port);
void evtchn_poll_end(struct vcpu *v);
bool evtchn_is_pending(const struct domain *d, u32 port);

#endif
