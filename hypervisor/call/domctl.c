/* SPDX-License-Identifier: MIT */
/*
 * domctl: so far the one command that looks, getdomaininfo; making and ending of domains comes with its issue. Control
 * domain only (call/table.c). Numbers are read without stopping the domain: they are a moment's picture.
 */
#include "call/call.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "public/domctl.h"

bool call_domctl_info(u32 first, struct xen_domctl_getdomaininfo *info)
{
    struct domain *d = domain_next(first);
    bool is_running = false, is_paused = true, is_blocked = true;

    if (!d)
        return false;
    memset(info, 0, sizeof(*info));
    for (u32 i = 0; i < d->vcpu_limit; i++) {
        struct vcpu *v = d->vcpu[i];
        if (!v)
            continue;
        info->max_vcpu_id = i;
        info->cpu_time += sched_run_ns(&v->unit);
        if (!v->is_up)
            continue;
        info->nr_online_vcpus++;
        is_running |= sched_is_running(&v->unit);
        is_paused &= v->unit.pause_count != 0;
        is_blocked &= v->unit.state == UNIT_BLOCKED;
    }
    info->domain = d->id;
    info->flags = (d->is_shut_down ? XEN_DOMINF_shutdown : 0) | (is_running ? XEN_DOMINF_running : 0) |
                  (is_paused ? XEN_DOMINF_paused : 0) | (is_blocked ? XEN_DOMINF_blocked : 0) |
                  (u32)d->shutdown_reason << XEN_DOMINF_shutdownshift;
    info->tot_pages = d->page_count;
    info->max_pages = d->page_max;
    info->shared_info_frame = d->shared_mfn.n;
    info->gpaddr_bits = 52;
    domain_put(d);
    return true;
}

static s64 domctl_do(void *arg)
{
    struct xen_domctl *op = arg;
    struct xen_domctl_getdomaininfo info;

    if (op->cmd != XEN_DOMCTL_getdomaininfo)
        return -ENOSYS;
    if (!call_domctl_info(op->domain, &info))
        return -ESRCH;
    op->domain = info.domain;
    op->u.getdomaininfo = info;
    return 0;
}

s64 call_domctl(const struct call_args *args)
{
    struct xen_domctl op;

    return call_tool(guest_at(args->a[0]), &op, sizeof(op), XEN_DOMCTL_INTERFACE_VERSION, domctl_do);
}
