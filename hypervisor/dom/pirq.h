/* SPDX-License-Identifier: MIT */
/*
 * Physical interrupts as a domain sees them: pirq number -> hw line -> event-channel port. Level lines stay masked
 * from the moment they fire until the guest's EOI. Lock: RANK_PIRQ for binding; the interrupt path reads
 * `port` only.
 */
#ifndef WIRT_DOM_PIRQ_H
#define WIRT_DOM_PIRQ_H

#include "core/lock.h"
#include "lib/types.h"

struct domain;
#define PIRQ_MAX 512u
struct pirq {
    struct domain *owner;
    u16 line; /* hw/irq.h line */
    u16 port; /* 0 = not bound */
    bool is_mapped, is_msi, is_shared;
    bool is_level; /* known once it is bound: wants an EOI */
};
struct pirq_table {
    struct lock lock;
    struct pirq *item; /* PIRQ_MAX of them; NULL until the first is mapped */
    u64 *eoi_map;      /* guest's page (bit per pirq: needs EOI), NULL = none */
    u64 eoi_mfn;
};
void pirq_init(struct domain *d);
int pirq_destroy_all(struct domain *d); /* d is dying and its ports are closed; 0 */
void pirq_free(struct domain *d);       /* its memory */
/* Map a GSI or an MSI; *pirq < 0 asks for any free number. 0 or -errno (public/physdev.h). */
int pirq_map_gsi(struct domain *d, u32 gsi, s32 *pirq);
int pirq_map_msi(struct domain *d, u32 sbdf, u32 entry, u64 table_base, s32 *pirq);
int pirq_unmap(struct domain *d, u32 pirq);
int pirq_bind(struct domain *d, u32 pirq, u32 port, bool will_share); /* called by evtchn.c */
void pirq_unbind(struct domain *d, u32 pirq);
void pirq_set_vcpu(struct domain *d, u32 pirq, u32 vcpu);
int pirq_eoi(struct domain *d, u32 pirq);
int pirq_status(struct domain *d, u32 pirq, u32 *flags); /* XENIRQSTAT_* */
int pirq_set_eoi_map(struct domain *d, mfn_t frame);     /* PHYSDEVOP_pirq_eoi_gmfn */
int pirq_setup_gsi(struct domain *d, u32 gsi, bool is_level, bool is_active_low);

#endif
