/* SPDX-License-Identifier: MIT */
/*
 * domctl on vCPUs of a domain: making them, their registers, where and how much they run. Registers are read and
 * written while the vCPU is on no CPU; that is waited for in one go, as the tools may change what they asked for before
 * a continued call reads it again. A domain's share is one number for all its vCPUs: the weight is each one's, the cap
 * is divided among them.
 */
#include "call/domctl.h"
#include "core/slab.h"
#include "hw/smp.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lib/string.h"
#include "pv/pv.h"

#define BITS_ROOM 1024u /* bytes of a bitmap of the tools that we fill in; nobody has more CPUs than that */

bool domctl_vcpu_read_bits(const struct xenctl_bitmap *map, u64 *bits)
{
    u64 bytes = min((map->nr_bits + 7ull) / 8, sizeof(*bits));

    *bits = 0;
    if (!guest_read(bits, guest_at(map->bitmap), bytes))
        return false;
    if (map->nr_bits < 64)
        *bits &= BIT(map->nr_bits) - 1;
    return true;
}

bool domctl_vcpu_write_bits(const struct xenctl_bitmap *map, u64 bits)
{
    u64 bytes = min((map->nr_bits + 7ull) / 8, BITS_ROOM), zero = 0;

    if (map->nr_bits < 64)
        bits &= BIT(map->nr_bits) - 1;
    if (!guest_write(guest_at(map->bitmap), &bits, min(bytes, sizeof(bits))))
        return false;
    for (u64 at = sizeof(bits); at < bytes; at += sizeof(zero))
        if (!guest_write(guest_at(map->bitmap + at), &zero, min(bytes - at, sizeof(zero))))
            return false;
    return true;
}

/* The lock is held. */
static void set_share(struct domain *d)
{
    u32 count = 0;

    for (u32 i = 0; i < d->vcpu_limit; i++)
        count += d->vcpu[i] != NULL;
    for (u32 i = 0; i < d->vcpu_limit; i++)
        if (d->vcpu[i])
            sched_set_share(&d->vcpu[i]->unit, d->weight, (d->cap + count - 1) / count);
}

s64 domctl_vcpu_make_all(struct domain *d, struct xen_domctl *op)
{
    static u32 next_cpu; /* where the next one starts; it moves when it has to wait there */
    s64 rc = op->u.max_vcpus.max == d->vcpu_limit ? 0 : -EINVAL;

    lock_take(&d->lock);
    if (domain_is_dying(d))
        rc = -ESRCH;
    for (u32 i = 0; i < d->vcpu_limit && rc == 0; i++)
        if (!d->vcpu[i] && !vcpu_create(d, i, atomic_add(&next_cpu, 1u) % cpu_count))
            rc = -ENOMEM; /* the others go with the domain */
    set_share(d);
    lock_drop(&d->lock);
    if (rc == -ENOMEM)
        log_warn("domain %u: out of memory for its %u vCPUs", d->id, d->vcpu_limit);
    return rc;
}

static s64 context_set(struct vcpu *v, const struct vcpu_guest_context *context)
{
    s64 rc;

    lock_take(&v->domain->lock);
    if (domain_is_dying(v->domain))
        rc = -ESRCH;
    else
        rc = v->is_initialised ? -EEXIST : pv_vcpu_initialise(v, context);
    if (rc == 0 && context->flags & VGCF_online)
        vcpu_up(v);
    lock_drop(&v->domain->lock);
    return rc;
}

s64 domctl_vcpu_set_context(struct domain *d, struct xen_domctl *op)
{
    struct vcpu *v = domain_vcpu(d, op->u.vcpucontext.vcpu);
    struct vcpu_guest_context *context;
    s64 rc;

    if (!v)
        return -ENOENT;
    if (!op->u.vcpucontext.ctxt)
        return -EOPNOTSUPP; /* back to the state before the first one */
    context = slab_alloc(sizeof(*context));
    if (!context)
        return -ENOMEM;
    rc = guest_get(context, guest_at(op->u.vcpucontext.ctxt)) ? context_set(v, context) : -EFAULT;
    slab_free(context, sizeof(*context));
    return rc;
}

s64 domctl_vcpu_get_context(struct domain *d, struct xen_domctl *op)
{
    struct vcpu *v = domain_vcpu(d, op->u.vcpucontext.vcpu);
    struct vcpu_guest_context *context;
    s64 rc = -ENOMEM;

    if (!v || !v->is_initialised)
        return v ? -ENODATA : -ENOENT;
    sched_pause_sync(&v->unit); /* a control domain waits for others' vCPUs, and they for nobody's */
    vcpu_sync(v);
    context = slab_alloc(sizeof(*context));
    if (context && !v->hvm)
        pv_vcpu_context(v, context);
    if (context)
        rc = v->hvm ? domctl_hvm_vcpu(v, context) : 0;
    if (rc == 0)
        rc = guest_put(guest_at(op->u.vcpucontext.ctxt), context) ? 0 : -EFAULT;
    slab_free(context, sizeof(*context));
    sched_unpause(&v->unit);
    return rc;
}

s64 domctl_vcpu_info(struct domain *d, struct xen_domctl *op)
{
    struct xen_domctl_getvcpuinfo *i = &op->u.getvcpuinfo;
    const struct vcpu *v = domain_vcpu(d, i->vcpu);

    if (!v)
        return -ESRCH;
    *i = (struct xen_domctl_getvcpuinfo){.vcpu = i->vcpu,
                                         .online = v->is_up,
                                         .blocked = v->unit.state == UNIT_BLOCKED,
                                         .running = sched_is_running(&v->unit),
                                         .cpu_time = sched_run_ns(&v->unit),
                                         .cpu = v->unit.cpu};
    return 0;
}

/* A preference (soft) among the CPUs that it may run on is refused: nothing would follow it. */
s64 domctl_vcpu_set_affinity(struct domain *d, struct xen_domctl *op)
{
    struct xen_domctl_vcpuaffinity *a = &op->u.vcpuaffinity;
    struct vcpu *v = domain_vcpu(d, a->vcpu);
    bool is_soft = a->flags & XEN_VCPUAFFINITY_SOFT, is_hard = a->flags & XEN_VCPUAFFINITY_HARD;
    u64 hard = v ? READ_ONCE(v->unit.affinity) : 0, soft = ~0ull;

    if (!v)
        return -ESRCH;
    if (a->flags & ~(XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT) || !a->flags)
        return -EINVAL;
    if ((is_soft && !domctl_vcpu_read_bits(&a->cpumap_soft, &soft)) ||
        (is_hard && !domctl_vcpu_read_bits(&a->cpumap_hard, &hard)))
        return -EFAULT;
    if (hard & cpu_online & ~soft) {
        log_warn("%s: there is no soft affinity; pin it to CPUs (hard affinity)", v->name);
        return -EOPNOTSUPP;
    }
    return is_hard && sched_set_affinity(&v->unit, hard) ? -EINVAL : domctl_vcpu_get_affinity(d, op);
}

s64 domctl_vcpu_get_affinity(struct domain *d, struct xen_domctl *op)
{
    const struct xen_domctl_vcpuaffinity *a = &op->u.vcpuaffinity;
    const struct vcpu *v = domain_vcpu(d, a->vcpu);
    u64 hard;

    if (!v)
        return -ESRCH;
    hard = READ_ONCE(v->unit.affinity);
    if (a->flags & XEN_VCPUAFFINITY_HARD && !domctl_vcpu_write_bits(&a->cpumap_hard, hard))
        return -EFAULT;
    return a->flags & XEN_VCPUAFFINITY_SOFT && !domctl_vcpu_write_bits(&a->cpumap_soft, ~0ull) ? -EFAULT : 0;
}

s64 domctl_vcpu_share(struct domain *d, struct xen_domctl *op)
{
    struct xen_domctl_scheduler_op *s = &op->u.scheduler_op;
    struct xen_domctl_sched_credit *c = &s->u.credit; /* credit2's is the same */

    if (s->sched_id != XEN_SCHEDULER_CREDIT && s->sched_id != XEN_SCHEDULER_CREDIT2)
        return -EINVAL;
    if (s->cmd == XEN_DOMCTL_SCHEDOP_getinfo) {
        c->weight = (u16)d->weight;
        c->cap = (u16)d->cap;
        return 0;
    }
    if (s->cmd != XEN_DOMCTL_SCHEDOP_putinfo)
        return -EOPNOTSUPP;
    lock_take(&d->lock);
    if (c->weight)
        d->weight = c->weight;
    if (c->cap != UINT16_MAX)
        d->cap = c->cap;
    set_share(d);
    lock_drop(&d->lock);
    return 0;
}

s64 domctl_vcpu_trigger(struct domain *d, struct xen_domctl *op)
{
    struct vcpu *v = domain_vcpu(d, op->u.sendtrigger.vcpu);

    if (!v)
        return -ESRCH;
    if (op->u.sendtrigger.trigger != XEN_DOMCTL_SENDTRIGGER_NMI)
        return -EOPNOTSUPP;
    vcpu_send_nmi(v);
    return 0;
}
