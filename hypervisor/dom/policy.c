/* SPDX-License-Identifier: MIT */
/*
 * The table of rights. Nothing here has a state: a domain is a control domain or a plain one from its first moment to
 * its last, and the control domain is dom0. Whoever may not do a thing to a domain does not learn whether it exists.
 */
#include "dom/policy.h"

#include "dom/domain.h"
#include "lib/errno.h"

const struct policy_row policy_table[POLICY_COUNT] = {
    /*                  a plain domain          the control domain
     *                  to itself, to another   to itself, to another */
    [POLICY_OWN] = {true, false, true, false},   [POLICY_OFFERED] = {true, true, true, true},
    [POLICY_SERVE] = {true, false, true, true},  [POLICY_TUNE] = {false, false, true, true},
    [POLICY_LIFE] = {false, false, false, true}, [POLICY_MACHINE] = {false, false, true, false},
};

int policy_target(domid_t id, enum policy what, struct domain **target)
{
    const struct domain *self = domain_current();

    if (id == DOMID_SELF)
        id = self->id;
    if (!policy_allows(self->is_privileged, id == self->id, what))
        return -EPERM;
    *target = domain_get(id);
    return *target ? 0 : -ESRCH;
}
