/* SPDX-License-Identifier: MIT */
/*
 * vcpu_op: a domain starts, stops and times its own vCPUs, says where it wants to be told about them; and the
 * older set_timer_op. Bringing up and registering happen under the domain's lock, once each.
 */
#include "call/call.h"
#include "core/slab.h"
#include "lib/errno.h"
#include "public/sched.h"
#include "public/vcpu.h"
#include "pv/pv.h"

#define PERIOD_MIN_NS 1000000u

static s64 initialise(struct vcpu *v, guest_ptr arg)
{
    struct vcpu_guest_context *context;
    s64 rc = -EFAULT;

    context = slab_alloc(sizeof(*context));
    if (!context)
        return -ENOMEM;
    if (guest_get(context, arg)) {
        lock_take(&v->domain->lock);
        rc = v->is_initialised ? -EEXIST : pv_vcpu_initialise(v, context);
        lock_drop(&v->domain->lock);
    }
    slab_free(context, sizeof(*context));
    return rc;
}

/* Only by itself: stopping another one would mean to wait for it here. The last one down ends the domain. */
static s64 down(struct vcpu *v)
{
    struct domain *d = v->domain;
    bool is_last = true;

    if (v != vcpu_current())
        return v->is_up ? -EOPNOTSUPP : 0;
    if (v->pv.retired.n) /* as in sched_op */
        return -ERESTART;
    lock_take(&d->lock);
    for (u32 i = 0; i < d->vcpu_limit; i++)
        is_last &= !d->vcpu[i] || d->vcpu[i] == v || !d->vcpu[i]->is_up;
    if (!is_last)
        vcpu_down(v);
    lock_drop(&d->lock);
    if (is_last)
        domain_shutdown(d, SHUTDOWN_poweroff);
    return 0;
}

/* In the narrow layout the times begin where the padding is in the other. */
static s64 put_runstate(struct vcpu *v, guest_ptr at, bool is_narrow)
{
    guest_ptr times = guest_offset(at, is_narrow ? sizeof(int) : sizeof(u64));
    struct vcpu_runstate_info info;

    vcpu_runstate(v, &info);
    return guest_write(at, &info, times.va - at.va) &&
                   guest_write(times, &info.state_entry_time, sizeof(u64) + sizeof(info.time))
               ? 0
               : -EFAULT;
}

static s64 register_runstate(struct vcpu *v, guest_ptr arg)
{
    struct vcpu_register_runstate_memory_area area;

    if (!guest_get(&area, arg) || (area.addr.v && put_runstate(v, guest_at(area.addr.v), v->domain->is_narrow)))
        return -EFAULT;
    WRITE_ONCE(v->runstate_va, area.addr.v);
    return 0;
}

static s64 periodic(struct vcpu *v, u64 period_ns)
{
    lock_take(&v->domain->lock);
    vcpu_set_periodic(v, period_ns);
    lock_drop(&v->domain->lock);
    return 0;
}

static s64 set_periodic(struct vcpu *v, guest_ptr arg)
{
    struct vcpu_set_periodic_timer t;

    if (!guest_get(&t, arg))
        return -EFAULT;
    if (t.period_ns < PERIOD_MIN_NS || t.period_ns > INT64_MAX)
        return -EINVAL;
    return periodic(v, t.period_ns);
}

static s64 set_single(struct vcpu *v, guest_ptr arg)
{
    struct vcpu_set_singleshot_timer t;

    if (v != vcpu_current())
        return -EINVAL;
    if (!guest_get(&t, arg))
        return -EFAULT;
    if (unlikely(t.flags & VCPU_SSHOTTMR_future) && t.timeout_abs_ns < time_now())
        return -ETIME;
    vcpu_set_single(v, max(t.timeout_abs_ns, 1));
    return 0;
}

static s64 register_info(struct vcpu *v, guest_ptr arg)
{
    struct vcpu_register_vcpu_info r;
    struct domain *d = v->domain;
    struct page *p;
    s64 rc = -EINVAL;

    if (!guest_get(&r, arg))
        return -EFAULT;
    if (r.offset > PAGE_SIZE - sizeof(struct vcpu_info) || r.offset % 8)
        return -ENXIO;
    r.mfn = domain_frame(d, r.mfn).n;
    p = frame_page(mfn(r.mfn));
    lock_take(&d->lock);
    if (p && v->info_mfn.n == MFN_NONE && (v == vcpu_current() || !v->is_up)) {
        rc = page_get_as(p, domain_owner(d), PAGE_WRITABLE);
        if (rc == 0)
            vcpu_set_info(v, (struct vcpu_info *)((u8 *)frame_va(mfn(r.mfn)) + r.offset), mfn(r.mfn));
    }
    lock_drop(&d->lock);
    return rc;
}

s64 call_vcpu_op(const struct call_args *args)
{
    struct vcpu *v = domain_vcpu(domain_current(), args->a[1]);
    guest_ptr arg = guest_at(args->a[2]);

    if (unlikely(!v))
        return -ENOENT;
    if (unlikely(v->hvm) && args->a[0] <= VCPUOP_is_up) /* its own APIC starts and stops it */
        return -ENOSYS;
    switch (args->a[0]) {
    case VCPUOP_set_singleshot_timer:
        return set_single(v, arg);
    case VCPUOP_stop_singleshot_timer:
        if (v != vcpu_current())
            return -EINVAL;
        vcpu_set_single(v, 0);
        return 0;
    case VCPUOP_initialise:
        return initialise(v, arg);
    case VCPUOP_up:
        if (!v->is_initialised)
            return -EINVAL;
        lock_take(&v->domain->lock);
        vcpu_up(v);
        lock_drop(&v->domain->lock);
        return 0;
    case VCPUOP_down:
        return down(v);
    case VCPUOP_is_up:
        return v->is_up;
    case VCPUOP_get_runstate_info:
        return put_runstate(v, arg, false);
    case VCPUOP_register_runstate_memory_area:
        return register_runstate(v, arg);
    case VCPUOP_set_periodic_timer:
        return set_periodic(v, arg);
    case VCPUOP_stop_periodic_timer:
        return periodic(v, 0);
    case VCPUOP_register_vcpu_info:
        return register_info(v, arg);
    case VCPUOP_send_nmi:
        vcpu_send_nmi(v);
        return 0;
    default: /* register_vcpu_time_memory_area: no stable TSC is promised; get_physid: none is bound for life */
        return -ENOSYS;
    }
}

s64 call_set_timer_op(const struct call_args *args)
{
    vcpu_set_single(vcpu_current(), args->a[0]);
    return 0;
}
