/* SPDX-License-Identifier: MIT */
/*
 * Every hypercall that Wirt answers: handler, its class in dom/policy.c, number of arguments. docs/ABI.md is made from
 * this table and the comment behind each row; a number without a row, or with a NULL handler, is -ENOSYS.
 */
#include "call/call.h"
#include "pv/pv.h"
#include "public/wirt.h"
#include "public/xen.h"

#define CALL(nr, fn, who, arguments)    [__HYPERVISOR_##nr] = {fn, who, false}
#define CALL_PV(nr, fn, who, arguments) [__HYPERVISOR_##nr] = {fn, who, true}

const struct call_entry call_table[CALL_TABLE_SIZE] = {
    CALL_PV(set_trap_table, pv_set_trap_table, CALL_OWN, 1),       /* virtual IDT of this vCPU */
    CALL_PV(mmu_update, pv_mmu_update, CALL_SERVE, 4),             /* checked writes to page tables and to the M2P */
    CALL_PV(set_gdt, pv_set_gdt, CALL_OWN, 2),                     /* frames of the guest's GDT */
    CALL_PV(stack_switch, pv_stack_switch, CALL_OWN, 2),           /* kernel stack for entries from user mode */
    CALL_PV(set_callbacks, pv_set_callbacks, CALL_OWN, 3),         /* old form of callback_op */
    CALL_PV(fpu_taskswitch, pv_fpu_taskswitch, CALL_OWN, 1),       /* virtual CR0.TS */
    CALL_PV(platform_op, call_platform_op, CALL_MACHINE, 1),       /* wall clock, firmware data, power states */
    CALL_PV(set_debugreg, pv_set_debugreg, CALL_OWN, 2),           /* DR0-3, 6, 7; never in Wirt's range */
    CALL_PV(get_debugreg, pv_get_debugreg, CALL_OWN, 1),           /* the same, read */
    CALL_PV(update_descriptor, pv_update_descriptor, CALL_OWN, 2), /* one checked GDT or LDT entry */
    CALL(memory_op, call_memory_op, CALL_SERVE, 2),                /* reservations and memory maps */
    CALL(multicall, call_multicall, CALL_OWN, 2),                  /* a batch of calls; not nested, no iret */
    CALL_PV(update_va_mapping, pv_update_va_mapping, CALL_OWN, 3), /* one L1 entry by virtual address */
    CALL(set_timer_op, call_set_timer_op, CALL_OWN, 1),            /* one-shot VIRQ_TIMER; 0 stops it */
    CALL(xen_version, call_xen_version, CALL_OWN, 2),              /* version, texts, features */
    CALL_PV(console_io, call_console_io, CALL_MACHINE, 3),         /* dom0's console on Wirt's wires */
    CALL_PV(vm_assist, call_vm_assist, CALL_OWN, 2),               /* switches of the guest's habits */
    CALL_PV(update_va_mapping_otherdomain, pv_update_va_mapping_otherdomain, CALL_SERVE,
            4),                                                   /* the same, frame of another domain */
    CALL_PV(iret, NULL, CALL_OWN, 0),                             /* return to user mode: entry.S takes it, never we */
    CALL(grant_table_op, call_grant_table_op, CALL_OFFERED, 3),   /* frames lent, mapped and copied between domains */
    CALL(vcpu_op, call_vcpu_op, CALL_OWN, 3),                     /* start, stop, timers and areas of vCPUs */
    CALL_PV(set_segment_base, pv_set_segment_base, CALL_OWN, 2),  /* FS and GS bases, user GS selector */
    CALL_PV(mmuext_op, pv_mmuext_op, CALL_SERVE, 4),              /* pins, base pointers, flushes, LDT */
    CALL(sched_op, call_sched_op, CALL_OWN, 2),                   /* yield, block, poll, shutdown */
    CALL_PV(callback_op, pv_callback_op, CALL_OWN, 2),            /* entry points for events and system calls */
    CALL(event_channel_op, call_event_channel_op, CALL_SERVE, 2), /* event channels, 2-level ABI */
    CALL_PV(physdev_op, call_physdev_op, CALL_OWN, 2),            /* interrupt lines, I/O rights, PCI devices */
    CALL(hvm_op, call_hvm_op, CALL_SERVE, 2),                     /* parameters and interrupts of assisted domains */
    CALL_PV(sysctl, call_sysctl, CALL_MACHINE, 1),                /* the whole machine, for the tools */
    CALL_PV(domctl, call_domctl, CALL_TUNE, 1),                   /* one domain, for the tools */
    CALL_PV(wirt_switch, pv_mmuext_switch, CALL_OWN, 5), /* Wirt's own: a whole switch of threads, see wirt.h */
    CALL_PV(wirt_return, NULL, CALL_OWN, 0),             /* likewise: return to a program; entry.S takes it, never we */
};
