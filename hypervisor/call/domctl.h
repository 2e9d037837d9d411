/* SPDX-License-Identifier: MIT */
/* The commands of domctl that act on one domain, spread over call/domctl*.c; the table is in domctl.c. */
#ifndef WIRT_CALL_DOMCTL_H
#define WIRT_CALL_DOMCTL_H

#include "call/call.h"
#include "public/domctl.h"

/* d comes with a reference and was alive a moment ago; what must not happen to a dying one is done under d->lock, after
 * another look. The structure goes back to the caller unless the answer is an error. */
typedef s64 domctl_fn(struct domain *d, struct xen_domctl *op);

/* --- domctl_vcpu.c --- */
domctl_fn domctl_vcpu_make_all, domctl_vcpu_set_context, domctl_vcpu_get_context, domctl_vcpu_info,
    domctl_vcpu_set_affinity, domctl_vcpu_get_affinity, domctl_vcpu_share, domctl_vcpu_trigger;
/* --- domctl_hvm.c --- */
domctl_fn domctl_hvm_set_context, domctl_hvm_get_context;
/* v stands still and is on no CPU; `out` is zeroed. 0, -ENOMEM. */
s64 domctl_hvm_vcpu(const struct vcpu *v, struct vcpu_guest_context *out) __must_use;
/* A bitmap of the tools: its first 64 bits; false: not readable. */
bool domctl_vcpu_read_bits(const struct xenctl_bitmap *map, u64 *bits) __must_use;
bool domctl_vcpu_write_bits(const struct xenctl_bitmap *map, u64 bits) __must_use;

#endif
