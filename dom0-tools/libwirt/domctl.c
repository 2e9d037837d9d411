/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor's operations on domains, as functions. Which scheduler the hypervisor has is asked when a weight is
 * wanted, as credit and credit2 take the same two numbers under different names.
 */
#include "domctl.h"

#include <errno.h>
#include <string.h>

#define SHUTDOWN_CRASHED  3 /* SHUTDOWN_crash, SHUTDOWN_watchdog of xen/sched.h */
#define SHUTDOWN_WATCHDOG 4

#define TSC_NEVER_EMULATE 2
#define EVENT_PORT_MAX    1023

int domctl_plain(struct wirt *w, uint32_t cmd, uint32_t domid, const char *object, const char *step)
{
    struct xen_domctl op = {0};
    int code = need_call(w), result;

    if (code)
        return code;
    result = hyper_domctl(w, cmd, domid, &op);
    return result < 0 ? hyper_fail(w, result, object, step, "") : 0;
}

enum wirt_state domctl_state(const struct xen_domctl_getdomaininfo *i)
{
    uint32_t reason = i->flags >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask;

    if (i->flags & XEN_DOMINF_dying)
        return WIRT_DYING;
    if (i->flags & XEN_DOMINF_shutdown)
        return reason == SHUTDOWN_CRASHED || reason == SHUTDOWN_WATCHDOG ? WIRT_CRASHED : WIRT_SHUTDOWN;
    if (i->flags & XEN_DOMINF_paused)
        return WIRT_PAUSED;
    return i->flags & XEN_DOMINF_blocked ? WIRT_BLOCKED : WIRT_RUNNING;
}

int domctl_info(struct wirt *w, uint32_t domid, const char *object, struct xen_domctl_getdomaininfo *out)
{
    struct xen_domctl op = {0};
    int code = need_call(w), result;

    if (code)
        return code;
    result = hyper_domctl(w, XEN_DOMCTL_getdomaininfo, domid, &op);
    if (result == -ESRCH || (result >= 0 && op.u.getdomaininfo.domain != domid))
        return wirt_fail(w, WIRT_NOT_FOUND, object, "look it up", "see wirt list", "there is no such domain");
    if (result < 0)
        return hyper_fail(w, result, object, "look it up", "");
    *out = op.u.getdomaininfo;
    return 0;
}

int domctl_list(struct wirt *w, uint32_t first, struct xen_domctl_getdomaininfo **list, uint32_t *count)
{
    struct xen_sysctl op = {0};
    int code = need_call(w), result;

    if (code)
        return code;
    *list = hyper_data(w);
    op.u.getdomaininfolist.first_domain = (domid_t)first;
    op.u.getdomaininfolist.max_domains = HYPER_DATA_SIZE / sizeof(**list);
    set_xen_guest_handle(op.u.getdomaininfolist.buffer, *list);
    result = hyper_sysctl(w, XEN_SYSCTL_getdomaininfolist, &op);
    *count = op.u.getdomaininfolist.num_domains;
    return result < 0 ? hyper_fail(w, result, "hypervisor", "list domains", "") : 0;
}

/* The hypervisor knows why. */
static int no_assist(struct wirt *w, const char *object)
{
    struct wirt_host host;
    const char *why = wirt_host_info(w, &host) ? "none" : host.assist;

    return wirt_fail(w, WIRT_REFUSED, object, "create the domain", "take machine='xenpv'; see wirt info",
                     "a PVH guest needs hardware assist (SVM or VT-x with nested paging), and here is %s", why);
}

int domctl_create(struct wirt *w, const struct wirt_config *c, const char *object, uint32_t *domid)
{
    struct xen_domctl op = {.u.createdomain = {.max_vcpus = c->max_vcpus,
                                               .max_evtchn_port = EVENT_PORT_MAX,
                                               .max_grant_frames = -1,
                                               .max_maptrack_frames = -1,
                                               .grant_opts = XEN_DOMCTL_GRANT_version(1)}};
    int code = need_call(w), result;

    if (code)
        return code;
    if (c->is_pvh) {
        op.u.createdomain.flags = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap;
        op.u.createdomain.arch.emulation_flags = XEN_X86_EMU_LAPIC;
    }
    memcpy(op.u.createdomain.handle, c->uuid, sizeof(c->uuid));
    result = hyper_domctl(w, XEN_DOMCTL_createdomain, 0, &op);
    if (result == -EOPNOTSUPP && c->is_pvh)
        return no_assist(w, object);
    if (result < 0)
        return hyper_fail(w, result, object, "create the domain", "%u vCPUs", c->max_vcpus);
    *domid = op.domain;
    memset(&op, 0, sizeof(op));
    op.u.max_vcpus.max = c->max_vcpus;
    result = hyper_domctl(w, XEN_DOMCTL_max_vcpus, *domid, &op);
    if (result < 0)
        return hyper_fail(w, result, object, "create its vCPUs", "%u of them", c->max_vcpus);
    /* The guest reads the CPU's own counter; a hypervisor without the choice does so anyway. */
    memset(&op, 0, sizeof(op));
    op.u.tsc_info.tsc_mode = TSC_NEVER_EMULATE;
    hyper_domctl(w, XEN_DOMCTL_settscinfo, *domid, &op);
    return domctl_set_max_memory(w, *domid, object, c->max_memory_kib);
}

int domctl_set_max_memory(struct wirt *w, uint32_t domid, const char *object, uint64_t kib)
{
    struct xen_domctl op = {.u.max_mem.max_memkb = kib};
    int code = need_call(w), result;

    if (code)
        return code;
    result = hyper_domctl(w, XEN_DOMCTL_max_mem, domid, &op);
    return result < 0 ? hyper_fail(w, result, object, "set its most memory", "%lu KiB", kib) : 0;
}

int domctl_claim(struct wirt *w, uint32_t domid, uint64_t pages)
{
    struct xen_memory_reservation r = {.nr_extents = pages, .domid = (domid_t)domid};

    return (int)hyper_memory(w, XENMEM_claim_pages, &r, sizeof(r));
}

int domctl_pin(struct wirt *w, uint32_t domid, const char *object, uint32_t vcpu, uint64_t cpus)
{
    struct xen_domctl op = {.u.vcpuaffinity = {.vcpu = vcpu, .flags = XEN_VCPUAFFINITY_HARD}};
    int code = need_call(w), result;
    uint64_t *map;

    if (code)
        return code;
    map = hyper_data(w);
    *map = cpus ? cpus : ~0ul;
    op.u.vcpuaffinity.cpumap_hard.nr_bits = 64;
    set_xen_guest_handle(op.u.vcpuaffinity.cpumap_hard.bitmap, (uint8_t *)map);
    result = hyper_domctl(w, XEN_DOMCTL_setvcpuaffinity, domid, &op);
    if (result == -EINVAL)
        return wirt_fail(w, WIRT_REFUSED, object, "pin a vCPU", "see wirt info",
                         "there is no vCPU %u, or none of the CPUs 0x%lx exists", vcpu, cpus);
    return result < 0 ? hyper_fail(w, result, object, "pin a vCPU", "vCPU %u", vcpu) : 0;
}

int domctl_sched(struct wirt *w, uint32_t domid, const char *object, uint32_t *weight, uint32_t *cap, bool is_set)
{
    struct xen_domctl op = {0};
    struct xen_domctl_scheduler_op *s = &op.u.scheduler_op;
    struct xen_sysctl id = {0};
    int code = need_call(w), result;

    if (code)
        return code;
    result = hyper_sysctl(w, XEN_SYSCTL_sched_id, &id);
    if (result < 0)
        return hyper_fail(w, result, "hypervisor", "ask for its scheduler", "");
    s->sched_id = id.u.sched_id.sched_id;
    s->cmd = is_set ? XEN_DOMCTL_SCHEDOP_putinfo : XEN_DOMCTL_SCHEDOP_getinfo;
    if (s->sched_id == XEN_SCHEDULER_CREDIT2)
        s->u.credit2 = (struct xen_domctl_sched_credit2){(uint16_t)*weight, (uint16_t)*cap};
    else
        s->u.credit = (struct xen_domctl_sched_credit){(uint16_t)*weight, (uint16_t)*cap};
    result = hyper_domctl(w, XEN_DOMCTL_scheduler_op, domid, &op);
    if (result < 0)
        return hyper_fail(w, result, object, "its share of the CPUs", "weight %u, cap %u", *weight, *cap);
    *weight = s->sched_id == XEN_SCHEDULER_CREDIT2 ? s->u.credit2.weight : s->u.credit.weight;
    *cap = s->sched_id == XEN_SCHEDULER_CREDIT2 ? s->u.credit2.cap : s->u.credit.cap;
    return 0;
}
