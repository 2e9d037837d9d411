/* SPDX-License-Identifier: MIT */
/*
 * sched_op and its old form: giving up the CPU, waiting, ending a domain. Nothing sleeps in here: block and
 * poll mark the vCPU, the way out to the guest does the rest. A poll comes back as a continuation when the
 * vCPU runs again, and takes its traces away.
 */
#include "call/call.h"
#include "dom/policy.h"
#include "lib/errno.h"
#include "public/sched.h"

#define POLL_PORTS_MAX 128u

static s64 poll_begin(struct vcpu *v, const struct sched_poll *poll)
{
    const struct domain *d = v->domain;
    u32 port[POLL_PORTS_MAX];

    if (poll->nr_ports > POLL_PORTS_MAX)
        return -EINVAL;
    if (!guest_read(port, guest_at(poll->ports), poll->nr_ports * sizeof(port[0])))
        return -EFAULT;
    evtchn_poll_begin(v, poll->nr_ports == 1 ? port[0] : 0);
    for (u32 i = 0; i < poll->nr_ports; i++) {
        bool is_port = port[i] < d->evtchn.limit;
        if (is_port && !evtchn_is_pending(d, port[i]))
            continue;
        evtchn_poll_end(v);
        return is_port ? 0 : -EINVAL;
    }
    if (vcpu_wants_upcall(v)) {
        evtchn_poll_end(v);
        return 0;
    }
    if (poll->timeout)
        timer_set(&v->poll, poll->timeout);
    v->cont.cursor = 1;
    sched_block();
    return -ERESTART;
}

static s64 poll(guest_ptr arg)
{
    struct vcpu *v = vcpu_current();
    struct sched_poll p;

    if (v->cont.cursor) {
        evtchn_poll_end(v);
        timer_stop(&v->poll);
        return 0;
    }
    return guest_get(&p, arg) ? poll_begin(v, &p) : -EFAULT;
}

static s64 shutdown(struct domain *d, u32 reason)
{
    if (reason > SHUTDOWN_MAX)
        return -EINVAL;
    domain_shutdown(d, (u8)reason);
    return 0;
}

static s64 remote_shutdown(guest_ptr arg)
{
    struct sched_remote_shutdown s;
    struct domain *d;
    s64 rc;

    if (!guest_get(&s, arg))
        return -EFAULT;
    rc = policy_target(s.domain_id, &d);
    if (rc)
        return rc;
    rc = d == domain_current() ? -EPERM : shutdown(d, s.reason);
    domain_put(d);
    return rc;
}

s64 call_sched_op(const struct call_args *args)
{
    guest_ptr arg = guest_at(args->a[1]);
    struct sched_shutdown s;
    int rc;

    switch (args->a[0]) {
    case SCHEDOP_yield:
        sched_yield();
        return 0;
    case SCHEDOP_block:
        vcpu_block();
        return 0;
    case SCHEDOP_poll:
        return poll(arg);
    case SCHEDOP_shutdown:
        return guest_get(&s, arg) ? shutdown(domain_current(), s.reason) : -EFAULT;
    case SCHEDOP_remote_shutdown:
        rc = policy_check(domain_current(), __HYPERVISOR_sched_op, args->a[0]);
        return rc ? rc : remote_shutdown(arg);
    default: /* shutdown_code, watchdog, pin_override: nobody needs them enough */
        return -ENOSYS;
    }
}

s64 call_sched_op_compat(const struct call_args *args)
{
    switch (args->a[0]) {
    case SCHEDOP_yield:
        sched_yield();
        return 0;
    case SCHEDOP_block:
        vcpu_block();
        return 0;
    case SCHEDOP_shutdown:
        return shutdown(domain_current(), (u32)args->a[1]);
    default:
        return -ENOSYS;
    }
}
