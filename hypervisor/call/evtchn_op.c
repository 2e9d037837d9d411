/* SPDX-License-Identifier: MIT */
/*
 * event_channel_op: one call to dom/evtchn.c for each command; send, the commonest, goes past the table. FIFO commands
 * are -ENOSYS: Linux then takes the 2-level ABI.
 */
#include "call/call.h"
#include "lib/errno.h"
#include "public/event_channel.h"

/* rc: the new port, or -errno. */
static s64 reply_port(evtchn_port_t *port, int rc)
{
    if (rc < 0)
        return rc;
    *port = (evtchn_port_t)rc;
    return 0;
}

static domid_t number_of(domid_t id)
{
    return id == DOMID_SELF ? domain_current()->id : id;
}

static s64 alloc_unbound(struct domain *d, void *arg)
{
    struct evtchn_alloc_unbound *op = arg;

    return reply_port(&op->port, evtchn_alloc_unbound(d, number_of(op->remote_dom)));
}

static s64 bind_interdomain(struct domain *d, void *arg)
{
    struct evtchn_bind_interdomain *op = arg;

    return reply_port(&op->local_port, evtchn_bind_interdomain(d, number_of(op->remote_dom), op->remote_port));
}

static s64 bind_virq(struct domain *d, void *arg)
{
    struct evtchn_bind_virq *op = arg;

    return reply_port(&op->port, evtchn_bind_virq(d, op->virq, op->vcpu));
}

static s64 bind_ipi(struct domain *d, void *arg)
{
    struct evtchn_bind_ipi *op = arg;

    return reply_port(&op->port, evtchn_bind_ipi(d, op->vcpu));
}

static s64 bind_pirq(struct domain *d, void *arg)
{
    struct evtchn_bind_pirq *op = arg;

    return reply_port(&op->port, evtchn_bind_pirq(d, op->pirq, op->flags & BIND_PIRQ__WILL_SHARE));
}

static s64 bind_vcpu(struct domain *d, void *arg)
{
    const struct evtchn_bind_vcpu *op = arg;

    return evtchn_bind_vcpu(d, op->port, op->vcpu);
}

static s64 close_port(struct domain *d, void *arg)
{
    const struct evtchn_close *op = arg;

    return evtchn_close(d, op->port);
}

static s64 unmask(struct domain *d, void *arg)
{
    const struct evtchn_unmask *op = arg;

    return evtchn_unmask(d, op->port);
}

static s64 status(struct domain *d, void *arg)
{
    struct evtchn_status *op = arg;

    *op = (struct evtchn_status){.dom = op->dom, .port = op->port};
    return evtchn_status(d, op->port, op);
}

static s64 reset(struct domain *d, void *arg)
{
    (void)arg;
    return evtchn_reset(d, &vcpu_current()->cont.cursor);
}

static const struct call_sub command[] = {
    CALL_SUB(EVTCHNOP_bind_interdomain, bind_interdomain, struct evtchn_bind_interdomain, CALL_OWN | CALL_REPLIES),
    CALL_SUB(EVTCHNOP_bind_virq, bind_virq, struct evtchn_bind_virq, CALL_OWN | CALL_REPLIES),
    CALL_SUB(EVTCHNOP_bind_pirq, bind_pirq, struct evtchn_bind_pirq, CALL_OWN | CALL_REPLIES),
    CALL_SUB(EVTCHNOP_close, close_port, struct evtchn_close, CALL_OWN),
    CALL_SUB(EVTCHNOP_status, status, struct evtchn_status, CALL_SERVE | CALL_REPLIES),
    CALL_SUB(EVTCHNOP_alloc_unbound, alloc_unbound, struct evtchn_alloc_unbound, CALL_SERVE | CALL_REPLIES),
    CALL_SUB(EVTCHNOP_bind_ipi, bind_ipi, struct evtchn_bind_ipi, CALL_OWN | CALL_REPLIES),
    CALL_SUB(EVTCHNOP_bind_vcpu, bind_vcpu, struct evtchn_bind_vcpu, CALL_OWN),
    CALL_SUB(EVTCHNOP_unmask, unmask, struct evtchn_unmask, CALL_OWN),
    CALL_SUB(EVTCHNOP_reset, reset, struct evtchn_reset, CALL_SERVE),
};

s64 call_event_channel_op(const struct call_args *args)
{
    guest_ptr arg = guest_at(args->a[1]);
    evtchn_port_t port;

    if (likely(args->a[0] == EVTCHNOP_send))
        return guest_get(&port, arg) ? evtchn_send(domain_current(), port) : -EFAULT;
    return call_sub(command, ARRAY_COUNT(command), args->a[0], arg);
}
