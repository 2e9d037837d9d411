/* SPDX-License-Identifier: MIT */
/*
 * Who may do what. Calls that only the control domain may make are marked in call/table.c; here are the
 * calls that everybody may make in part: one row each, one bit a sub-operation. And who may act on
 * whom. Constant tables, no lock.
 */
#ifndef WIRT_DOM_POLICY_H
#define WIRT_DOM_POLICY_H

#include "dom/domain.h"

/* 0, or -EPERM: sub-operation `sub` of hypercall `call` (numbers of public/xen.h) is not for d. */
int policy_check(const struct domain *d, u32 call, u64 sub) __must_use;
/* The domain that a call names: the caller itself (DOMID_SELF or its own number) or, for a control domain,
 * another one. 0 with a reference in *target (domain_put), -EPERM, -ESRCH. */
int policy_target(domid_t id, struct domain **target) __must_use;

#endif
