/* SPDX-License-Identifier: MIT */
/*
 * domctl: so far the one command that looks, getdomaininfo; making and ending of domains comes with its issue. Control
 * domain only (call/table.c). Numbers are read without stopping the domain: they are a moment's picture.
 */
#include "call/domctl.h"
#include "call/call.h"
#include "lib/errno.h"
#include "lib/string.h"

void domctl_info(struct domain *d, struct xen_domctl_getdomaininfo *info)
{
    bool is_running = false, is_paused = true, is_blocked = true;

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
    info->flags = (d->is_dying ? XEN_DOMINF_dying : 0) | (d->is_shut_down ? XEN_DOMINF_shutdown : 0) |
                  (is_running ? XEN_DOMINF_running : 0) | (is_paused ? XEN_DOMINF_paused : 0) |
                  (is_blocked ? XEN_DOMINF_blocked : 0) | (u32)d->shutdown_reason << XEN_DOMINF_shutdownshift;
    info->tot_pages = d->page_count;
    info->max_pages = d->page_max;
    info->shared_info_frame = d->shared_mfn.n;
    info->gpaddr_bits = 52;
}

struct search {
    u32 first;
    domid_t best;
    bool is_found;
};

static void look_at(struct domain *d, void *arg)
{
    struct search *s = arg;

    if (d->id >= s->first && (!s->is_found || d->id < s->best)) {
        s->best = d->id;
        s->is_found = true;
    }
}

struct domain *domctl_next(u32 first)
{
    struct search s = {.first = first};

    domain_for_each(look_at, &s);
    return s.is_found ? domain_get(s.best) : NULL;
}

s64 call_domctl(const struct call_args *args)
{
    guest_ptr arg = guest_at(args->a[0]);
    struct xen_domctl op;
    struct domain *d;

    if (!guest_get(&op, arg))
        return -EFAULT;
    if (op.interface_version != XEN_DOMCTL_INTERFACE_VERSION)
        return -EACCES;
    if (op.cmd != XEN_DOMCTL_getdomaininfo)
        return -ENOSYS;
    d = domctl_next(op.domain);
    if (!d)
        return -ESRCH;
    memset(&op.u, 0, sizeof(op.u));
    domctl_info(d, &op.u.getdomaininfo);
    op.domain = d->id;
    domain_put(d);
    return guest_put(arg, &op) ? 0 : -EFAULT;
}
