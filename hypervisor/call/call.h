/* SPDX-License-Identifier: MIT */
/*
 * Hypercalls: the table, the dispatcher and the handlers' shape. A handler gets its arguments as the guest's registers
 * had them, copies in, checks, then acts. It returns 0 or more, -errno, or -ERESTART after storing a
 * cursor in vcpu_current()->cont: the dispatcher runs it again with the same arguments before the guest continues.
 * Sub-operations that take one structure stand in tables of their own: copying and permission are call_sub's work.
 */
#ifndef WIRT_CALL_CALL_H
#define WIRT_CALL_CALL_H

#include "dom/domain.h"
#include "dom/guest.h"
#include "hw/regs.h"

typedef s64 call_fn(const struct call_args *args);

/* Who may call, and on whom: a class of dom/policy.h, as the tables have it. */
#define CALL_OWN     (1u + POLICY_OWN)
#define CALL_OFFERED (1u + POLICY_OFFERED)
#define CALL_SERVE   (1u + POLICY_SERVE)
#define CALL_TUNE    (1u + POLICY_TUNE)
#define CALL_LIFE    (1u + POLICY_LIFE)
#define CALL_MACHINE (1u + POLICY_MACHINE)
#define CALL_CLASS   7u
static inline enum policy call_policy(u32 flags)
{
    return (enum policy)((flags & CALL_CLASS) - 1);
}

struct call_entry {
    call_fn *fn; /* NULL: -ENOSYS */
    u8 who;      /* its class; -EPERM for who may do such things to nobody */
    bool is_pv;  /* -ENOSYS for a domain with hardware assistance */
};
#define CALL_TABLE_SIZE 64u
extern const struct call_entry call_table[CALL_TABLE_SIZE];

#define CALL_REPLIES 8u /* the structure goes back, but for -ERESTART; before fn runs it is known to be writable */
/* d: the caller, or the domain whose number the structure begins with, if the class names one. op: the structure. */
typedef s64 call_sub_fn(struct domain *d, void *op);
struct call_sub {
    call_sub_fn *fn; /* NULL: there is nothing to do, 0 */
    u8 bytes;        /* of the structure */
    u8 flags;        /* class | CALL_REPLIES; 0: -ENOSYS */
};
#define CALL_SUB(number, fn, type, flags) [number] = {fn, sizeof(type), flags}
#define CALL_ACCEPT(number)               [number] = {NULL, 0, CALL_MACHINE}
s64 call_sub(const struct call_sub *table, u64 count, u64 number, guest_ptr arg);
/* An operation of the tools: a structure that begins with its command and the version of its interface. */
s64 call_tool(guest_ptr arg, void *op, u64 bytes, u32 version, s64 (*fn)(void *op));

void call_dispatch(struct regs *r); /* from pv/entry.S through vcpu's door; runs to the end or sets cont.is_active */
s64 call_any(const struct vcpu *v, u64 nr, const struct call_args *args); /* one call, of whichever number */
s64 call_compat(struct vcpu *v, u64 nr, const struct call_args *args);    /* the same for 32-bit code */
void call_init(void); /* boot, once domain_zero exists: pv_call_door and the console's input door */

void call_console_input(void); /* core/console.h's door: bytes wait for dom0 */
struct xen_domctl_getdomaininfo;
/* What there is to say of the domain with the lowest number >= first; false: there is none. */
bool call_domctl_info(u32 first, struct xen_domctl_getdomaininfo *info);

call_fn call_memory_op, call_event_channel_op, call_grant_table_op, call_sched_op, call_vcpu_op, call_physdev_op,
    call_platform_op, call_xen_version, call_console_io, call_set_timer_op, call_sysctl, call_domctl, call_vm_assist,
    call_multicall, call_hvm_op;

#endif
