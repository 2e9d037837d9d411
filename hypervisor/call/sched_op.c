/* SPDX-License-Identifier: MIT */
/*
 * sched_op: giving up the CPU, waiting, ending a domain. Nothing sleeps in here: block and poll mark the vCPU, the way
 * out to the guest does the rest. A poll comes back as a continuation when the vCPU runs again, and takes its traces
 * away.
 */
#include "call/call.h"
#include "lib/errno.h"
#include "public/sched.h"

#define POLL_PORTS_MAX 128u

/* 1: nothing to wait for; 0: every port is quiet. */
static s64 poll_look(const struct vcpu *v, const u32 *port, u32 count)
{
    for (u32 i = 0; i < count; i++) {
        if (port[i] >= v->domain->evtchn.limit)
            return -EINVAL;
        if (evtchn_is_pending(v->domain, port[i]))
            return 1;
    }
    return READ_ONCE(v->info->evtchn_upcall_pending) && !v->info->evtchn_upcall_mask;
}

static s64 poll(struct vcpu *v, guest_ptr arg)
{
    struct sched_poll poll;
    u32 port[POLL_PORTS_MAX];
    s64 rc;

    if (v->cont.cursor) { /* it slept */
        evtchn_poll_end(v);
        timer_stop(&v->poll);
        return 0;
    }
    if (!guest_get(&poll, arg))
        return -EFAULT;
    if (poll.nr_ports > POLL_PORTS_MAX)
        return -EINVAL;
    if (!guest_read(port, guest_at(poll.ports), poll.nr_ports * sizeof(port[0])))
        return -EFAULT;
    evtchn_poll_begin(v, poll.nr_ports == 1 ? port[0] : 0);
    sched_block();
    __atomic_thread_fence(
        __ATOMIC_SEQ_CST); /* as in vcpu_block: either the sender sees us waiting, or we see the event */
    rc = poll_look(v, port, poll.nr_ports);
    if (rc) {
        sched_wake(&v->unit);
        evtchn_poll_end(v);
        return min(rc, 0);
    }
    if (poll.timeout)
        timer_set(&v->poll, poll.timeout);
    v->cont.cursor = 1;
    return -ERESTART;
}

static s64 shutdown(struct domain *d, void *arg)
{
    const struct sched_shutdown *op = arg;

    if (op->reason > SHUTDOWN_MAX)
        return -EINVAL;
    domain_shutdown(d, (u8)op->reason);
    return 0;
}

static s64 remote_shutdown(struct domain *d, void *arg)
{
    const struct sched_remote_shutdown *op = arg;

    if (op->reason > SHUTDOWN_MAX)
        return -EINVAL;
    lock_take(&d->lock); /* no vCPU is made meanwhile */
    domain_shutdown(d, (u8)op->reason);
    lock_drop(&d->lock);
    return 0;
}

/* The guest says why, should it shut down later without saying it. */
static s64 shutdown_code(struct domain *d, void *arg)
{
    const struct sched_shutdown *op = arg;

    if (op->reason > SHUTDOWN_MAX)
        return -EINVAL;
    d->shutdown_code = (u8)(op->reason + 1);
    return 0;
}

static s64 watchdog(struct domain *d, void *arg)
{
    const struct sched_watchdog *op = arg;

    return domain_watchdog(d, op->id, op->timeout);
}

static const struct call_sub command[] = {
    CALL_SUB(SCHEDOP_shutdown, shutdown, struct sched_shutdown, CALL_OWN),
    CALL_SUB(SCHEDOP_remote_shutdown, remote_shutdown, struct sched_remote_shutdown, CALL_LIFE),
    CALL_SUB(SCHEDOP_shutdown_code, shutdown_code, struct sched_shutdown, CALL_OWN),
    CALL_SUB(SCHEDOP_watchdog, watchdog, struct sched_watchdog, CALL_OWN),
};

s64 call_sched_op(const struct call_args *args)
{
    guest_ptr arg = guest_at(args->a[1]);

    if (unlikely(vcpu_current()->pv.retired.n)) /* nobody sleeps on tables that others may wait for */
        return -ERESTART;
    switch (args->a[0]) {
    case SCHEDOP_yield:
        sched_yield();
        return 0;
    case SCHEDOP_block:
        vcpu_block();
        return 0;
    case SCHEDOP_poll:
        return poll(vcpu_current(), arg);
    default:
        return call_sub(command, ARRAY_COUNT(command), args->a[0], arg);
    }
}
