/* SPDX-License-Identifier: MIT */
/*
 * The control domain's hypercalls (control.h), one step each and nothing checked but what cannot fail: the tests are
 * about the answers.
 */
#include "control.h"
#include "public/sysctl.h"

s64 domctl(u32 cmd, u32 id, struct xen_domctl *op)
{
    op->cmd = cmd;
    op->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    op->domain = (domid_t)id;
    return call1(__HYPERVISOR_domctl, op);
}

u32 state_of(u32 id)
{
    struct xen_domctl op = {0};
    return domctl(XEN_DOMCTL_getdomaininfo, id, &op) || op.domain != id ? ~0u : op.u.getdomaininfo.flags;
}

u64 free_now(void)
{
    struct xen_sysctl op = {XEN_SYSCTL_physinfo, XEN_SYSCTL_INTERFACE_VERSION};
    EQ(call1(__HYPERVISOR_sysctl, &op), 0);
    return op.u.physinfo.free_pages;
}

s64 memory(u32 cmd, u32 id, u64 *frames, u64 count)
{
    struct xen_memory_reservation r = {.extent_start = (u64)frames, .nr_extents = count, .domid = (domid_t)id};
    return call2(__HYPERVISOR_memory_op, cmd, &r);
}

s64 show(void *at, u64 entry, u32 id)
{
    const u64 *l1 = pte_of((u64)at, 1);
    struct mmu_update u = {(*pte_of((u64)l1, 1) & PTE_ADDR) | ((u64)l1 & 0xfff), entry};
    s64 rc = call4(__HYPERVISOR_mmu_update, &u, 1, 0, id);
    ext(MMUEXT_INVLPG_LOCAL, (u64)at, 0);
    return rc;
}
