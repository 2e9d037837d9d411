/* SPDX-License-Identifier: MIT */
/*
 * The table behind policy.h: sub-operations that an ordinary domain may use. What a row does not list is the
 * control domain's; a call without a row has no such line in it (its table entry decides alone).
 */
#include "dom/policy.h"
#include "lib/bits.h"
#include "lib/errno.h"
#include "public/memory.h"
#include "public/physdev.h"
#include "public/sched.h"
#include "public/version.h"

static const struct policy_row {
    u32 call;
    u64 allowed; /* bit = sub-operation; those from 64 on are refused */
} policy_table[] = {
    {__HYPERVISOR_memory_op, BIT(XENMEM_increase_reservation) | BIT(XENMEM_decrease_reservation) |
                                 BIT(XENMEM_populate_physmap) | BIT(XENMEM_maximum_ram_page) |
                                 BIT(XENMEM_current_reservation) | BIT(XENMEM_maximum_reservation) |
                                 BIT(XENMEM_memory_map) | BIT(XENMEM_machphys_mapping) | BIT(XENMEM_machphys_mfn_list)},
    {__HYPERVISOR_physdev_op, BIT(PHYSDEVOP_set_iopl) | BIT(PHYSDEVOP_set_iobitmap) | BIT(PHYSDEVOP_eoi) |
                                  BIT(PHYSDEVOP_irq_status_query) | BIT(PHYSDEVOP_pirq_eoi_gmfn_v2)},
    {__HYPERVISOR_sched_op, BIT(SCHEDOP_yield) | BIT(SCHEDOP_block) | BIT(SCHEDOP_shutdown) | BIT(SCHEDOP_poll)},
    {__HYPERVISOR_xen_version, BIT(XENVER_version) | BIT(XENVER_extraversion) | BIT(XENVER_compile_info) |
                                   BIT(XENVER_capabilities) | BIT(XENVER_changeset) | BIT(XENVER_platform_parameters) |
                                   BIT(XENVER_get_features) | BIT(XENVER_pagesize) | BIT(XENVER_guest_handle)},
    {__HYPERVISOR_console_io, 0},
};

int policy_check(const struct domain *d, u32 call, u64 sub)
{
    if (likely(d->is_privileged))
        return 0;
    for (u32 i = 0; i < ARRAY_COUNT(policy_table); i++)
        if (policy_table[i].call == call)
            return sub < 64 && (policy_table[i].allowed & BIT(sub)) ? 0 : -EPERM;
    return 0;
}

int policy_target(domid_t id, struct domain **target)
{
    struct domain *self = domain_current();

    if (id == DOMID_SELF)
        id = self->id;
    if (id != self->id && !self->is_privileged)
        return -EPERM;
    *target = domain_get(id);
    return *target ? 0 : -ESRCH;
}
