/* SPDX-License-Identifier: MIT */
/*
 * Hypercalls: the table, the dispatcher and the handlers' shape. A handler gets its arguments as the guest's registers
 * had them, copies in, checks, then acts. It returns 0 or more, -errno, or -ERESTART after storing a
 * cursor in vcpu_current()->cont: the dispatcher runs it again with the same arguments before the guest continues.
 */
#ifndef WIRT_CALL_CALL_H
#define WIRT_CALL_CALL_H

#include "dom/domain.h"
#include "dom/guest.h"
#include "hw/regs.h"

typedef s64 call_fn(const struct call_args *args);

#define CALL_ANY        1u /* every domain */
#define CALL_PRIVILEGED 2u /* the control domain only: others get -EPERM */
struct call_entry {
    call_fn *fn; /* NULL: -ENOSYS */
    const char *name;
    u8 who; /* CALL_* : coarse; sub-operations ask dom/policy.c */
    u8 arg_count;
};
#define CALL_TABLE_SIZE 64u
extern const struct call_entry call_table[CALL_TABLE_SIZE];

void call_dispatch(struct regs *r); /* from pv/entry.S through vcpu's door; runs to the end or sets cont.is_active */
void call_init(void);               /* boot, once domain_zero exists: pv_call_door and the console's input door */
bool call_should_stop(void);        /* budget: work is pending on this CPU and the call has run long enough */

void call_console_input(void); /* core/console.h's door: bytes wait for dom0 */

call_fn call_memory_op, call_event_channel_op, call_sched_op, call_sched_op_compat, call_vcpu_op, call_physdev_op,
    call_platform_op, call_xen_version, call_console_io, call_set_timer_op, call_sysctl, call_domctl,
    call_grant_table_op, call_vm_assist, call_multicall, call_hvm_op, call_mca, call_xenpmu_op;

#endif
