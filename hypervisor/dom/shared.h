/* SPDX-License-Identifier: MIT */
/*
 * The page that a domain shares with Wirt, in its two layouts: the ABI's for 64-bit guests, which public/xen.h has, and
 * that for 32-bit ones, of which only what differs stands here. Which it is was latched when the guest last mapped its
 * page (shared_latch). In both the page begins with as many vcpu_infos of the same size, in which only the selector
 * lies elsewhere, and the pending bits come next; so a port's pending bit never moves.
 */
#ifndef WIRT_DOM_SHARED_H
#define WIRT_DOM_SHARED_H

#include "dom/domain.h"

#define SHARED_NARROW_PORTS 1024u
struct shared_narrow { /* behind the vcpu_infos */
    u64 pending[SHARED_NARROW_PORTS / 64], mask[SHARED_NARROW_PORTS / 64];
    u32 wc[3]; /* version, seconds, nanoseconds */
    u32 arch[6], wc_sec_hi;
};

static inline struct shared_narrow *shared_narrow(const struct domain *d)
{
    return (struct shared_narrow *)(void *)d->shared->evtchn_pending;
}
static inline u64 *shared_mask(const struct domain *d) /* of ports */
{
    return unlikely(d->is_narrow) ? shared_narrow(d)->mask : d->shared->evtchn_mask;
}
/* The selector's bit for this port; returns the old one. */
static inline bool shared_select(const struct domain *d, struct vcpu_info *info, u32 port)
{
    u64 *words = (u64 *)(void *)info;
    return atomic_test_set(words, unlikely(d->is_narrow) ? 32 + port / 32 : 64 + port / 64);
}
/* Whatever is pending, the guest looks for it. */
static inline void shared_select_all(const struct domain *d, struct vcpu_info *info)
{
    if (d->is_narrow)
        (void)atomic_or((u64 *)(void *)info, ~0ull << 32);
    else
        WRITE_ONCE(info->evtchn_pending_sel, ~0ull);
    WRITE_ONCE(info->evtchn_upcall_pending, 1);
}
/* The guest maps its page, and so says which layout it wants. Nothing pending or masked is lost. -EBUSY: there are
 * ports that a 32-bit guest cannot have. */
int shared_latch(struct domain *d, bool is_narrow) __must_use;

#endif
