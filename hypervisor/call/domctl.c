/* SPDX-License-Identifier: MIT */
/*
 * domctl: the toolstack makes, shapes and ends domains, one at a time. A row of the table for each command: its class
 * in dom/policy.c, and whether it may find the domain dying. What takes long (teardown, waiting for a CPU to let go) is
 * continued. Commands without a row are -ENOSYS.
 */
#include "call/cpu.h"

#include "core/work.h"
#include "dom/policy.h"
#include "hvm/hvm.h"
#include "hw/time.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lib/string.h"
#include "public/wirt.h"
#include "pv/pv.h"

#define VCPU_MOST     32u /* of a domain of the tools: vcpu_infos of shared_info */
#define GRANT_FRAMES  64u /* if the tools leave it to us */
#define MAPTRACK      64u
#define FRAMEINFO_MAX 1024u
#define TSC_MODES     4u /* 0 and 2: the guest reads the counter itself, which is what Wirt does */
#define KEPT_FLAGS    XEN_DOMCTL_CDF_xs_domain
#define ASSISTED      (XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap)

static void info_of_vcpus(const struct domain *d, struct xen_domctl_getdomaininfo *info)
{
    bool is_running = false, is_blocked = true;

    info->max_vcpu_id = XEN_INVALID_MAX_VCPU_ID;
    for (u32 i = 0; i < d->vcpu_limit; i++) {
        const struct vcpu *v = d->vcpu[i];
        if (!v)
            continue;
        info->max_vcpu_id = i;
        info->cpu_time += sched_run_ns(&v->unit);
        if (!v->is_up)
            continue;
        info->nr_online_vcpus++;
        is_running |= sched_is_running(&v->unit);
        is_blocked &= v->unit.state == UNIT_BLOCKED;
    }
    info->flags |= (is_running ? XEN_DOMINF_running : 0) | (is_blocked ? XEN_DOMINF_blocked : 0);
}

bool call_domctl_info(u32 first, struct xen_domctl_getdomaininfo *info)
{
    struct domain *d = domain_next(first);

    if (!d)
        return false;
    memset(info, 0, sizeof(*info));
    info_of_vcpus(d, info);
    info->domain = d->id;
    info->flags |= (domain_is_dying(d) ? XEN_DOMINF_dying : 0) | (d->pause_count ? XEN_DOMINF_paused : 0);
    if (atomic_load(&d->is_shut_down))
        info->flags |= XEN_DOMINF_shutdown | (u32)d->shutdown_reason << XEN_DOMINF_shutdownshift;
    info->tot_pages = domain_is_dying(d) ? READ_ONCE(d->page_held) : d->page_count; /* a dead one: what others keep */
    info->max_pages = d->page_max;
    info->outstanding_pages = READ_ONCE(d->claim);
    info->shared_info_frame = d->shared_mfn.n;
    memcpy(info->handle, d->handle, sizeof(info->handle));
    info->flags |= d->hvm ? XEN_DOMINF_hvm_guest | XEN_DOMINF_hap : 0;
    info->gpaddr_bits = d->hvm ? 40 : 52;
    domain_put(d);
    return true;
}

/* PV, or assisted with no device but the local APIC; false: not offered, or not by this machine. */
static bool kind_of(const struct xen_domctl_createdomain *c, enum domain_kind *kind)
{
    u32 assisted = c->flags & ASSISTED;

    *kind = assisted ? DOMAIN_HVM : DOMAIN_PV;
    if (c->flags & ~(KEPT_FLAGS | ASSISTED) || c->iommu_opts || c->vmtrace_size || !domain_kind[*kind])
        return false;
    return assisted ? assisted == ASSISTED && c->arch.emulation_flags == XEN_X86_EMU_LAPIC : !c->arch.emulation_flags;
}

static s64 create(struct xen_domctl *op)
{
    const struct xen_domctl_createdomain *c = &op->u.createdomain;
    struct domain_config config = {.id = op->domain && op->domain < DOMID_FIRST_RESERVED ? op->domain : DOMAIN_ANY,
                                   .vcpu_limit = c->max_vcpus,
                                   .port_limit = min(c->max_evtchn_port, EVTCHN_PORTS - 1) + 1,
                                   .grant_frames = c->max_grant_frames < 0 ? GRANT_FRAMES : (u32)c->max_grant_frames,
                                   .grant_maptrack =
                                       c->max_maptrack_frames < 0 ? MAPTRACK : (u32)c->max_maptrack_frames};
    struct domain *d;
    s64 rc;

    if (!kind_of(c, &config.kind))
        return -EOPNOTSUPP;
    if (!c->max_vcpus || c->max_vcpus > VCPU_MOST || c->cpupool_id)
        return -EINVAL;
    memcpy(config.handle, c->handle, sizeof(config.handle));
    rc = domain_create(&config, &d);
    if (rc) {
        log_warn("no domain created: %s", rc == -ENOMEM   ? "out of memory"
                                          : rc == -EEXIST ? "its number is taken"
                                                          : "all numbers are taken");
        return rc;
    }
    op->domain = d->id;
    log_info("domain %u: created, up to %u vCPUs", d->id, d->vcpu_limit);
    domain_put(d);
    return 0;
}

static s64 info(struct xen_domctl *op)
{
    struct xen_domctl_getdomaininfo found;

    if (!call_domctl_info(op->domain, &found))
        return -ESRCH;
    op->domain = found.domain;
    op->u.getdomaininfo = found;
    return 0;
}

static s64 destroy(struct domain *d, struct xen_domctl *op)
{
    (void)op;
    return domain_destroy(d);
}

/* Done when none of its vCPUs runs any more. */
static s64 pause(struct domain *d, struct xen_domctl *op)
{
    struct vcpu_cont *cont = &vcpu_current()->cont;

    (void)op;
    if (!cont->cursor)
        domain_pause(d);
    if (!domain_is_running(d))
        return 0;
    cont->cursor = 1;
    return -ERESTART;
}

static s64 unpause(struct domain *d, struct xen_domctl *op)
{
    (void)op;
    return domain_unpause(d);
}

static s64 resume(struct domain *d, struct xen_domctl *op)
{
    (void)op;
    return domain_resume(d);
}

static s64 max_mem(struct domain *d, struct xen_domctl *op)
{
    WRITE_ONCE(d->page_max, min(op->u.max_mem.max_memkb, UINT32_MAX * 4ull) >> (PAGE_SHIFT - 10));
    return 0;
}

static s64 set_handle(struct domain *d, struct xen_domctl *op)
{
    memcpy(d->handle, op->u.setdomainhandle.handle, sizeof(d->handle));
    return 0;
}

static s64 set_time_offset(struct domain *d, struct xen_domctl *op)
{
    if (op->u.settimeoffset.time_offset_seconds > INT32_MAX || op->u.settimeoffset.time_offset_seconds < INT32_MIN)
        return -EINVAL;
    lock_take(&d->lock);
    d->clock_offset = op->u.settimeoffset.time_offset_seconds;
    domain_update_wallclock(d);
    lock_drop(&d->lock);
    return 0;
}

static s64 set_address_size(struct domain *d, struct xen_domctl *op)
{
    (void)d;
    return op->u.address_size.size == 64 ? 0 : -EOPNOTSUPP;
}

static s64 get_address_size(struct domain *d, struct xen_domctl *op)
{
    (void)d;
    op->u.address_size.size = 64;
    return 0;
}

static s64 set_tsc(struct domain *d, struct xen_domctl *op)
{
    (void)d;
    if (op->u.tsc_info.tsc_mode >= TSC_MODES)
        return -EINVAL;
    return op->u.tsc_info.tsc_mode & 1 ? -EOPNOTSUPP : 0;
}

static s64 get_tsc(struct domain *d, struct xen_domctl *op)
{
    (void)d;
    op->u.tsc_info =
        (struct xen_domctl_tsc_info){.tsc_mode = 2, .gtsc_khz = (u32)time_tsc_khz(), .elapsed_nsec = time_now()};
    return 0;
}

/* p2m's tables come out of the machine's memory, as many as the domain's memory needs; nothing is set aside. */
static s64 tables_set(struct domain *d, struct xen_domctl *op)
{
    (void)op;
    return d->hvm ? 0 : -EOPNOTSUPP;
}

static s64 tables_get(struct domain *d, struct xen_domctl *op)
{
    if (!d->hvm)
        return -EOPNOTSUPP;
    op->u.paging_mempool.size = READ_ONCE(d->hvm->tables) * PAGE_SIZE;
    return 0;
}

/* One node. */
static s64 set_nodes(struct domain *d, struct xen_domctl *op)
{
    u64 nodes;

    (void)d;
    if (!domctl_vcpu_read_bits(&op->u.nodeaffinity.nodemap, &nodes))
        return -EFAULT;
    return nodes & 1 ? 0 : -EINVAL;
}

static s64 get_nodes(struct domain *d, struct xen_domctl *op)
{
    (void)d;
    return domctl_vcpu_write_bits(&op->u.nodeaffinity.nodemap, 1) ? 0 : -EFAULT;
}

/* Rights to the machine's own, which the giver must have. Only while the domain is paused: it looks without a lock. */
static s64 permit(struct domain *d, struct range_set *set, const struct range_set *givers, u64 first, u64 count)
{
    if (!count || first + count - 1 < first)
        return -EINVAL;
    if (givers && !range_has(givers, first, first + count - 1))
        return -EPERM;
    return domain_permit(d, set, first, first + count - 1, givers != NULL);
}

static s64 permit_irq(struct domain *d, struct xen_domctl *op)
{
    const struct xen_domctl_irq_permission *p = &op->u.irq_permission;

    return permit(d, &d->irqs, p->allow_access ? &domain_current()->irqs : NULL, p->pirq, 1);
}

static s64 permit_memory(struct domain *d, struct xen_domctl *op)
{
    const struct xen_domctl_iomem_permission *p = &op->u.iomem_permission;

    return permit(d, &d->iomem, p->allow_access ? &domain_current()->iomem : NULL, p->first_mfn, p->nr_mfns);
}

static s64 permit_ports(struct domain *d, struct xen_domctl *op)
{
    const struct xen_domctl_ioport_permission *p = &op->u.ioport_permission;

    return permit(d, &d->ports, p->allow_access ? &domain_current()->ports : NULL, p->first_port, p->nr_ports);
}

static s64 hypercall_page(struct domain *d, struct xen_domctl *op)
{
    mfn_t m = mfn(op->u.hypercall_init.gmfn);
    struct page *p = frame_page(m);
    s64 rc = p ? page_get_as(p, domain_owner(d), PAGE_WRITABLE) : -EINVAL;

    if (rc)
        return rc;
    pv_msr_fill_hypercall_page(frame_va(m));
    page_put_as(p);
    return 0;
}

/* What a saver must know of each frame: which level of table it is, pinned or not. */
static u64 frame_info(const struct domain *d, u64 n)
{
    const struct page *p = frame_page(mfn(n));
    u64 type = p && READ_ONCE(p->owner) == domain_owner(d) ? READ_ONCE(p->type) : 0;

    if (!p || p->owner != domain_owner(d))
        return XEN_DOMCTL_PFINFO_XTAB;
    if (!(type & PAGE_COUNT) || page_kind(type) < PAGE_L1 || page_kind(type) > PAGE_L4)
        return XEN_DOMCTL_PFINFO_NOTAB;
    return (u64)page_kind(type) << XEN_DOMCTL_PFINFO_LTAB_SHIFT | (type & PAGE_PINNED ? XEN_DOMCTL_PFINFO_LPINTAB : 0);
}

static s64 frames_info(struct domain *d, struct xen_domctl *op)
{
    const struct xen_domctl_getpageframeinfo3 *i = &op->u.getpageframeinfo3;
    u64 n;

    if (i->num > FRAMEINFO_MAX)
        return -E2BIG;
    for (u64 at = 0; at < i->num; at++) {
        if (!guest_get_at(&n, guest_at(i->array), at))
            return -EFAULT;
        n = frame_info(d, n);
        if (!guest_put_at(guest_at(i->array), at, &n))
            return -EFAULT;
    }
    return 0;
}

/* The cursor holds how far it got and how many it found. */
static s64 uses(struct domain *d, struct xen_domctl *op)
{
    struct wirt_domctl_uses *u = (struct wirt_domctl_uses *)(void *)&op->u;
    struct vcpu_cont *cont = &vcpu_current()->cont;
    struct domain *user = domain_get(u->user);
    u32 from = (u32)(cont->cursor >> 32), count = (u32)cont->cursor;

    if (!user)
        return -ESRCH;
    do {
        count += grant_uses(user, d, &from);
    } while (from && !work_is_pending());
    domain_put(user);
    if (from) {
        cont->cursor = (u64)from << 32 | count;
        return -ERESTART;
    }
    *u = (struct wirt_domctl_uses){.user = u->user, .mappings = count, .frames = READ_ONCE(d->page_held)};
    return 0;
}

/* The cursor is the caller's: it may ask again whenever it likes. */
static s64 mappings(struct domain *d, struct xen_domctl *op)
{
    struct wirt_domctl_mappings *l = (struct wirt_domctl_mappings *)(void *)&op->u;
    struct wirt_mapping m;
    u32 count = 0;

    do {
        if (count == l->room)
            break;
        if (!grant_mapping(d, &l->next, &m))
            continue;
        if (!guest_put_at(guest_at(l->list), count, &m))
            return -EFAULT;
        count++;
    } while (l->next && !work_is_pending());
    l->room = count;
    return 0;
}

/* Commands that make or find a domain; the others are given one. */
static const struct {
    domctl_fn *fn;
    u8 policy;
    bool takes_dying, is_pv; /* is_pv: not of a domain with hardware assistance */
} command[] = {
    [XEN_DOMCTL_destroydomain] = {destroy, POLICY_LIFE, true},
    [XEN_DOMCTL_pausedomain] = {pause, POLICY_LIFE},
    [XEN_DOMCTL_unpausedomain] = {unpause, POLICY_LIFE},
    [XEN_DOMCTL_resumedomain] = {resume, POLICY_LIFE},
    [XEN_DOMCTL_setvcpucontext] = {domctl_vcpu_set_context, POLICY_LIFE, .is_pv = true},
    [XEN_DOMCTL_getvcpucontext] = {domctl_vcpu_get_context, POLICY_LIFE},
    [XEN_DOMCTL_max_vcpus] = {domctl_vcpu_make_all, POLICY_LIFE},
    [XEN_DOMCTL_hypercall_init] = {hypercall_page, POLICY_LIFE, .is_pv = true},
    [XEN_DOMCTL_sethvmcontext] = {domctl_hvm_set_context, POLICY_LIFE},
    [XEN_DOMCTL_gethvmcontext] = {domctl_hvm_get_context, POLICY_LIFE},
    [XEN_DOMCTL_sendtrigger] = {domctl_vcpu_trigger, POLICY_TUNE},
    [XEN_DOMCTL_getvcpuinfo] = {domctl_vcpu_info, POLICY_TUNE, true},
    [XEN_DOMCTL_setvcpuaffinity] = {domctl_vcpu_set_affinity, POLICY_TUNE},
    [XEN_DOMCTL_getvcpuaffinity] = {domctl_vcpu_get_affinity, POLICY_TUNE},
    [XEN_DOMCTL_scheduler_op] = {domctl_vcpu_share, POLICY_TUNE},
    [XEN_DOMCTL_setnodeaffinity] = {set_nodes, POLICY_TUNE},
    [XEN_DOMCTL_getnodeaffinity] = {get_nodes, POLICY_TUNE},
    [XEN_DOMCTL_max_mem] = {max_mem, POLICY_TUNE},
    [XEN_DOMCTL_setdomainhandle] = {set_handle, POLICY_TUNE},
    [XEN_DOMCTL_settimeoffset] = {set_time_offset, POLICY_TUNE},
    [XEN_DOMCTL_set_address_size] = {set_address_size, POLICY_TUNE},
    [XEN_DOMCTL_get_address_size] = {get_address_size, POLICY_TUNE},
    [XEN_DOMCTL_settscinfo] = {set_tsc, POLICY_TUNE},
    [XEN_DOMCTL_gettscinfo] = {get_tsc, POLICY_TUNE},
    [XEN_DOMCTL_irq_permission] = {permit_irq, POLICY_TUNE},
    [XEN_DOMCTL_iomem_permission] = {permit_memory, POLICY_TUNE},
    [XEN_DOMCTL_ioport_permission] = {permit_ports, POLICY_TUNE},
    [XEN_DOMCTL_set_cpu_policy] = {cpu_policy_set, POLICY_TUNE},
    [XEN_DOMCTL_get_cpu_policy] = {cpu_policy_get, POLICY_TUNE},
    [XEN_DOMCTL_set_paging_mempool_size] = {tables_set, POLICY_TUNE},
    [XEN_DOMCTL_get_paging_mempool_size] = {tables_get, POLICY_TUNE},
    [XEN_DOMCTL_getpageframeinfo3] = {frames_info, POLICY_TUNE, .is_pv = true},
    [WIRT_DOMCTL_uses] = {uses, POLICY_TUNE, true},         /* besides Xen's: public/wirt.h */
    [WIRT_DOMCTL_mappings] = {mappings, POLICY_TUNE, true}, /* likewise */
};

static s64 domctl_do(void *arg)
{
    struct xen_domctl *op = arg;
    struct domain *d;
    s64 rc;

    if (op->cmd == XEN_DOMCTL_createdomain)
        return create(op);
    if (op->cmd == XEN_DOMCTL_getdomaininfo)
        return info(op);
    if (op->cmd >= ARRAY_COUNT(command) || !command[op->cmd].fn) {
        domain_log(domain_current(), "its tools asked for domctl %u, which Wirt does not offer", op->cmd);
        return -ENOSYS;
    }
    rc = policy_target(op->domain, (enum policy)command[op->cmd].policy, &d);
    if (rc)
        return rc;
    rc = domain_is_dying(d) && !command[op->cmd].takes_dying ? -ESRCH
         : command[op->cmd].is_pv && d->hvm                  ? -EOPNOTSUPP
                                                             : command[op->cmd].fn(d, op);
    domain_put(d);
    return rc;
}

s64 call_domctl(const struct call_args *args)
{
    struct xen_domctl op;

    return call_tool(guest_at(args->a[0]), &op, sizeof(op), XEN_DOMCTL_INTERFACE_VERSION, domctl_do);
}
