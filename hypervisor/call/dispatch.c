/* SPDX-License-Identifier: MIT */
/*
 * From the guest's registers to a handler and back, for single calls and for batches. A handler that runs
 * out of budget answers -ERESTART with its cursor in vcpu.cont; we call it again with the same arguments as soon as
 * no deferred work waits, at the latest on the way out to the guest. The entry of a batch that was interrupted
 * is kept with the cursor, so that a guest cannot change it in between. No lock is held here.
 */
#include "call/call.h"
#include "core/work.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "hvm/hvm.h"
#include "pv/pv.h"

struct multicall {
    u64 op, result;
    struct call_args args;
};
_Static_assert(sizeof(struct multicall) == sizeof(struct multicall_entry), "guests' layout");
_Static_assert(sizeof(struct multicall) == sizeof(((struct vcpu_cont *)0)->mc_entry), "kept whole");

s64 call_sub(const struct call_sub *table, u64 count, u64 number, guest_ptr arg)
{
    struct domain *d = domain_current();
    const struct call_sub *s = &table[number];
    enum policy policy;
    u64 op[32]; /* UINT8_MAX bytes */
    s64 rc;

    if (number >= count || !s->flags)
        return -ENOSYS;
    policy = call_policy(s->flags);
    if (!policy_may(d->is_privileged, policy))
        return -EPERM;
    if (!guest_read(op, arg, s->bytes) || (s->flags & CALL_REPLIES && !guest_write(arg, op, s->bytes)))
        return -EFAULT;
    rc = policy_is_aimed(policy) ? policy_target((domid_t)op[0], policy, &d) : 0;
    if (rc)
        return rc;
    rc = s->fn ? s->fn(d, op) : 0;
    if (policy_is_aimed(policy))
        domain_put(d);
    if (s->flags & CALL_REPLIES && rc != -ERESTART && !guest_write(arg, op, s->bytes) && rc == 0)
        rc = -EFAULT;
    return rc;
}

s64 call_tool(guest_ptr arg, void *op, u64 bytes, u32 version, s64 (*fn)(void *op))
{
    const u32 *head = op; /* command, version */
    s64 rc;

    if (!guest_read(op, arg, bytes))
        return -EFAULT;
    if (head[1] != version)
        return -EACCES;
    rc = fn(op);
    return rc == 0 && !guest_write(arg, op, bytes) ? -EFAULT : rc;
}

_Static_assert(WIRT_STAT_CALLS == CALL_TABLE_SIZE, "each call is counted");

static inline s64 call_one(const struct vcpu *v, u64 nr, const struct call_args *args)
{
    const struct call_entry *e;
    s64 rc;

    if (unlikely(nr >= CALL_TABLE_SIZE))
        return -ENOSYS;
    v->stat->u.vcpu.call[nr]++;
    e = &call_table[nr];
    if (unlikely(!e->fn || (v->hvm && e->is_pv)))
        return -ENOSYS;
    if (unlikely(!v->domain->is_privileged && !policy_may(false, call_policy(e->who))))
        rc = -EPERM;
    else
        rc = e->fn(args);
    if (unlikely(rc == -EPERM))
        domain_log(v->domain, "hypercall %lu (first argument 0x%lx) is not its right", nr, args->a[0]);
    return rc;
}

s64 call_any(const struct vcpu *v, u64 nr, const struct call_args *args)
{
    return call_one(v, nr, args);
}

static inline void run(struct regs *r, u64 nr, const struct call_args *args, bool is_compat)
{
    struct vcpu *v = vcpu_current();

    do {
        s64 rc = is_compat ? call_compat(v, nr, args) : call_one(v, nr, args);
        if (likely(rc != -ERESTART)) {
            r->rax = is_compat ? (u32)rc : (u64)rc;
            if (unlikely(v->cont.is_active))
                v->cont = (struct vcpu_cont){0};
            return;
        }
        v->cont.is_active = true;
        v->pv.must_look = 1;
        if (v->pv.retired.n)
            pv_types_drain(v); /* what we wait for may be our own tables */
    } while (!work_is_pending());
}

void call_dispatch(struct regs *r)
{
    const struct call_args args = {{r->rdi, r->rsi, r->rdx, r->r10, r->r8, r->r9}};

    run(r, r->rax, &args, false);
}

static void dispatch_compat(struct regs *r)
{
    const struct call_args args = {{(u32)r->rbx, (u32)r->rcx, (u32)r->rdx, (u32)r->rsi, (u32)r->rdi, (u32)r->rbp}};

    run(r, (u32)r->rax, &args, true);
}

/* Remember an unfinished entry, or none, and where to go on. */
static s64 multicall_stop(struct vcpu_cont *cont, u64 index, const struct multicall *entry)
{
    cont->mc_index = index;
    cont->in_multicall = entry != NULL;
    if (entry)
        memcpy(cont->mc_entry, entry, sizeof(*entry));
    return -ERESTART;
}

s64 call_multicall(const struct call_args *args)
{
    struct vcpu *v = vcpu_current();
    struct vcpu_cont *cont = &v->cont;
    guest_ptr at = guest_offset(guest_at(args->a[0]), cont->mc_index * sizeof(struct multicall));
    u64 count = args->a[1];
    struct multicall e;

    if (cont->in_multicall)
        memcpy(&e, cont->mc_entry, sizeof(e));
    for (u64 i = cont->mc_index; i < count; i++) {
        s64 rc;

        if (likely(!cont->in_multicall) && unlikely(!guest_get(&e, at)))
            return -EFAULT;
        if (unlikely(e.op == __HYPERVISOR_multicall || e.op == __HYPERVISOR_iret))
            rc = -EINVAL;
        else
            rc = call_one(v, e.op, &e.args);
        if (unlikely(rc == -ERESTART))
            return multicall_stop(cont, i, &e);
        if (unlikely(cont->in_multicall)) {
            cont->in_multicall = false;
            cont->cursor = 0;
            cont->waits = 0;
        }
        if (unlikely(!guest_write(guest_offset(at, offsetof(struct multicall, result)), &rc, sizeof(rc))))
            return -EFAULT;
        at = guest_offset(at, sizeof(e));
        if (unlikely(work_is_pending()) && i + 1 < count)
            return multicall_stop(cont, i + 1, NULL);
    }
    return 0;
}

void call_init(void)
{
    pv_call_door = call_dispatch;
    hvm_call_door = call_dispatch;
    hvm_compat_door = dispatch_compat;
    console_input_door = call_console_input;
}
