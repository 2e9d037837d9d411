/* SPDX-License-Identifier: MIT */
/*
 * Who may do what to whom: one table (policy.c), asked by call/ for every hypercall and sub-operation. Each of those
 * belongs to one class; dom/ and pv/ do what they are told and ask nobody.
 */
#ifndef WIRT_DOM_POLICY_H
#define WIRT_DOM_POLICY_H

#include "lib/types.h"

enum policy {
    POLICY_OWN,     /* its own affairs: address spaces, traps, vCPUs, ports */
    POLICY_OFFERED, /* what the other side offered by itself: grants, ports left open for the caller */
    POLICY_SERVE,   /* memory and ports in a domain's name: its own, or what builders and backends do for it */
    POLICY_TUNE,    /* limits, shares, rights, settings; looking */
    POLICY_LIFE,    /* pausing, ending, states of vCPUs */
    POLICY_MACHINE, /* no domain in particular: time, power, log, devices */
    POLICY_COUNT
};

struct domain;
struct policy_row {
    bool plain_self, plain_other, control_self, control_other;
};
extern const struct policy_row policy_table[POLICY_COUNT];

static inline bool policy_allows(bool is_control, bool is_self, enum policy what)
{
    const struct policy_row *r = &policy_table[what];
    if (is_control)
        return is_self ? r->control_self : r->control_other;
    return is_self ? r->plain_self : r->plain_other;
}
static inline bool policy_may(bool is_control, enum policy what) /* to itself or to another */
{
    return policy_allows(is_control, true, what) || policy_allows(is_control, false, what);
}
static inline bool policy_is_aimed(enum policy what) /* at a domain that the caller names */
{
    return what == POLICY_SERVE || what == POLICY_TUNE || what == POLICY_LIFE;
}
/* The domain that the caller names, DOMID_SELF for itself. 0 with a reference in *target (domain_put); -EPERM, whether
 * there is one or not; -ESRCH. */
int policy_target(domid_t id, enum policy what, struct domain **target) __must_use;

#endif
