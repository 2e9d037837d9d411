/* SPDX-License-Identifier: MIT */
/*
 * event_channel_op: copy in, resolve domain numbers, one call to dom/evtchn.c, copy the port out. When that
 * copy fails the new port is closed again. FIFO commands are -ENOSYS: Linux then takes the 2-level ABI.
 */
#include "call/call.h"
#include "dom/policy.h"
#include "lib/errno.h"
#include "public/event_channel.h"

/* Tell the guest the port it got at `to`, or take it away again. rc: port or -errno. */
static s64 put_port(struct domain *d, guest_ptr to, int rc)
{
    u32 port = (u32)rc;

    if (rc < 0)
        return rc;
    if (guest_put(to, &port))
        return 0;
    rc = evtchn_close(d, port);
    return rc ? rc : -EFAULT;
}
#define PUT_PORT(d, arg, type, field, rc) put_port((d), guest_offset((arg), offsetof(type, field)), (rc))

static s64 alloc_unbound(guest_ptr arg)
{
    struct evtchn_alloc_unbound op;
    struct domain *d;
    s64 rc;

    if (!guest_get(&op, arg))
        return -EFAULT;
    rc = policy_target(op.dom, &d);
    if (rc)
        return rc;
    if (op.remote_dom == DOMID_SELF)
        op.remote_dom = domain_current()->id;
    rc = PUT_PORT(d, arg, struct evtchn_alloc_unbound, port, evtchn_alloc_unbound(d, op.remote_dom));
    domain_put(d);
    return rc;
}

static s64 bind_interdomain(struct domain *d, guest_ptr arg)
{
    struct evtchn_bind_interdomain op;

    if (!guest_get(&op, arg))
        return -EFAULT;
    if (op.remote_dom == DOMID_SELF)
        op.remote_dom = d->id;
    return PUT_PORT(d, arg, struct evtchn_bind_interdomain, local_port,
                    evtchn_bind_interdomain(d, op.remote_dom, op.remote_port));
}

static s64 bind_local(struct domain *d, u64 cmd, guest_ptr arg)
{
    struct evtchn_bind_virq virq;
    struct evtchn_bind_ipi ipi;
    struct evtchn_bind_pirq pirq;

    switch (cmd) {
    case EVTCHNOP_bind_virq:
        if (!guest_get(&virq, arg))
            return -EFAULT;
        return PUT_PORT(d, arg, struct evtchn_bind_virq, port, evtchn_bind_virq(d, virq.virq, virq.vcpu));
    case EVTCHNOP_bind_ipi:
        if (!guest_get(&ipi, arg))
            return -EFAULT;
        return PUT_PORT(d, arg, struct evtchn_bind_ipi, port, evtchn_bind_ipi(d, ipi.vcpu));
    default:
        if (!guest_get(&pirq, arg))
            return -EFAULT;
        return PUT_PORT(d, arg, struct evtchn_bind_pirq, port,
                        evtchn_bind_pirq(d, pirq.pirq, pirq.flags & BIND_PIRQ__WILL_SHARE));
    }
}

static s64 status(guest_ptr arg)
{
    struct evtchn_status in, out = {0};
    struct domain *d;
    s64 rc;

    if (!guest_get(&in, arg))
        return -EFAULT;
    rc = policy_target(in.dom, &d);
    if (rc)
        return rc;
    out.dom = in.dom;
    out.port = in.port;
    rc = evtchn_status(d, in.port, &out);
    domain_put(d);
    if (rc == 0 && !guest_put(arg, &out))
        rc = -EFAULT;
    return rc;
}

static s64 reset(guest_ptr arg)
{
    struct evtchn_reset op;
    struct domain *d;
    s64 rc;

    if (!guest_get(&op, arg))
        return -EFAULT;
    rc = policy_target(op.dom, &d);
    if (rc)
        return rc;
    rc = evtchn_reset(d);
    domain_put(d);
    return rc;
}

s64 call_event_channel_op(const struct call_args *args)
{
    struct domain *d = domain_current();
    guest_ptr arg = guest_at(args->a[1]);
    struct evtchn_bind_vcpu move;
    u32 port;

    switch (args->a[0]) {
    case EVTCHNOP_send: /* these three structures are one port */
        return guest_get(&port, arg) ? evtchn_send(d, port) : -EFAULT;
    case EVTCHNOP_unmask:
        return guest_get(&port, arg) ? evtchn_unmask(d, port) : -EFAULT;
    case EVTCHNOP_close:
        return guest_get(&port, arg) ? evtchn_close(d, port) : -EFAULT;
    case EVTCHNOP_bind_virq:
    case EVTCHNOP_bind_ipi:
    case EVTCHNOP_bind_pirq:
        return bind_local(d, args->a[0], arg);
    case EVTCHNOP_bind_interdomain:
        return bind_interdomain(d, arg);
    case EVTCHNOP_alloc_unbound:
        return alloc_unbound(arg);
    case EVTCHNOP_bind_vcpu:
        return guest_get(&move, arg) ? evtchn_bind_vcpu(d, move.port, move.vcpu) : -EFAULT;
    case EVTCHNOP_status:
        return status(arg);
    case EVTCHNOP_reset:
        return reset(arg);
    default:
        return -ENOSYS;
    }
}
