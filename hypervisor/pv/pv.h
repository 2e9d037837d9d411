/* SPDX-License-Identifier: MIT */
/*
 * The PV way to run: everything that the rooms above (call, boot) and the files of this room
 * use of one another. Rules of the room: a guest kernel runs in ring 3; nothing that it supplies is used
 * before it was checked here; what it broke itself is -Exxx or its own exception, never ours.
 */
#ifndef WIRT_PV_PV_H
#define WIRT_PV_PV_H

#include "dom/domain.h"
#include "dom/guest.h"
#include "hw/desc.h"
#include "hw/trap.h"

/* --- hypercalls (call/table.c lists them); semantics: abi.md 3.3 and 3.4, public/xen.h --- */
s64 pv_mmu_update(const struct call_args *a);
s64 pv_update_va_mapping(const struct call_args *a);
s64 pv_update_va_mapping_otherdomain(const struct call_args *a);
s64 pv_mmuext_op(const struct call_args *a);
s64 pv_set_trap_table(const struct call_args *a);
s64 pv_set_gdt(const struct call_args *a);
s64 pv_update_descriptor(const struct call_args *a);
s64 pv_stack_switch(const struct call_args *a);
s64 pv_set_segment_base(const struct call_args *a);
s64 pv_callback_op(const struct call_args *a);
s64 pv_set_callbacks(const struct call_args *a);
s64 pv_fpu_taskswitch(const struct call_args *a);
s64 pv_set_debugreg(const struct call_args *a);
s64 pv_get_debugreg(const struct call_args *a);
s64 pv_mmuext_switch(const struct call_args *a); /* public/wirt.h */

/* A typed reference to a frame that shall be an L4 table of v's. 0, -EINVAL: it cannot be one, -ERESTART. */
int pv_mmuext_take_l4(const struct vcpu *v, u64 frame, mfn_t *l4) __must_use;
/* CPUs that have one of these vCPUs (bit = id) loaded (mmuext.c). */
cpuset_t pv_mmuext_cpus(const struct domain *d, u64 vcpus);
/* The domain whose frames a call is about, as domain_target(); -ESRCH as well if it is dying. */
int pv_mmuext_target(domid_t id, struct domain **target) __must_use;
/* Of an answer about another domain's frames: -ERESTART becomes -EBUSY when that has been going on for too long. */
int pv_mmuext_wait(struct vcpu *v, int rc);

static inline bool pv_is_canonical(u64 va)
{
    return va + 0x0000800000000000ull < 0x0001000000000000ull;
}

/* --- pv/vcpu.c --- */
void pv_vcpu_init(void);                     /* fill vcpu_ops, page_type_ops, trap_hooks; boot */
void pv_vcpu_init_this(void);                /* SYSCALL stubs of this CPU */
extern void (*pv_call_door)(struct regs *r); /* the hypercall dispatcher, set by boot */
/* Initial state of a new vCPU from the ABI's context (VCPUOP_initialise, domctl). Takes references to its L4 and GDT
 * frames. 0, -EINVAL: something in it is not acceptable (logged), -ERESTART. */
int pv_vcpu_initialise(struct vcpu *v, const struct vcpu_guest_context *c);
/* The same of a vCPU that stands still and is on no CPU. */
void pv_vcpu_context(const struct vcpu *v, struct vcpu_guest_context *c);
void pv_vcpu_to_kernel(struct vcpu *v); /* current and loaded: CR3, GS, in_kernel */
void pv_vcpu_to_user(struct vcpu *v);
/* Replace the kernel's or user's L4: takes over a typed reference to `l4`, drops the old one's. */
void pv_vcpu_set_kernel_l4(struct vcpu *v, mfn_t l4);
void pv_vcpu_set_user_l4(struct vcpu *v, mfn_t l4); /* .n == 0: none */

/* --- pv/types.c: what L1..L4 are --- */
void pv_types_drain(struct vcpu *v); /* dismantle what is retired; stops when work is pending */
int pv_types_pin(struct domain *d, struct page *p, enum page_kind kind); /* 0, -EINVAL, -ERESTART */
int pv_types_unpin(struct domain *d, struct page *p);                    /* 0, -EPERM, -EINVAL: it is not pinned */
bool pv_types_unpin_own(struct page *p);                                 /* the same; the caller holds a reference */

void pv_types_init(void);

/* --- pv/teardown.c: domain_ops.relinquish --- */
int pv_teardown(struct domain *d);

/* --- pv/pte.c: one entry --- */
void pv_pte_init(void);
void pv_pte_init_l1tf(void); /* when the speculation policy and the end of RAM are known */
/* pv_pte_get, _put, _write for L1 entries are in line, in pv/pte.h */
int pv_pte_get_upper(struct domain *d, enum page_kind table, pte_t *e); /* for an L2..L4 table */
void pv_pte_put_upper(pte_t e);
int pv_pte_write_upper(struct domain *d, enum page_kind table, u32 index, pte_t *slot, pte_t e, bool keeps_ad);
/* The L1 slot that maps va in the current vCPU's kernel (or user) address space; NULL: not mapped down to L1.
 * *table: the frame of that L1, no reference taken. */
pte_t *pv_pte_find(struct vcpu *v, u64 va, struct page **table);
#define PV_OWNER_IO PAGE_OWNER_IO

/* --- pv/trap.c --- */
void pv_trap(struct regs *r);
/* Make the frame of an exception, callback or upcall on the guest kernel's stack and point r at `rip`. */
void pv_trap_bounce(struct vcpu *v, struct regs *r, u64 rip, bool masks, const u32 *error);
void pv_trap_inject(struct vcpu *v, struct regs *r, u32 vector, const u32 *error);
static inline void pv_trap_gp(struct vcpu *v, struct regs *r, u32 error)
{
    pv_trap_inject(v, r, TRAP_GP, &error);
}
void pv_trap_failsafe(struct vcpu *v, struct regs *r);
bool pv_trap_rip_ok(u64 rip); /* acceptable as a handler's address */

/* --- pv/ptwr.c, pv/priv.c, pv/msr.c: emulation --- */
bool pv_ptwr(struct vcpu *v, struct regs *r, u64 address); /* true: done, or the guest shall retry */
bool pv_priv(struct vcpu *v, struct regs *r);              /* #GP; true: emulated */
bool pv_priv_forced(struct vcpu *v, struct regs *r);       /* #UD with the forced-emulation prefix */
bool pv_msr_read(struct vcpu *v, u32 msr, u64 *value);
bool pv_msr_write(struct vcpu *v, u32 msr, u64 value);

void pv_msr_fill_hypercall_page(u8 *page);

/* --- pv/audit.c --- */
void pv_audit_init(void); /* boot: console key '0' */
/* Count all references and uses of every domain's frames again; no vCPU runs meanwhile. How many frames were looked at,
 * how many have wrong counters (logged, the first of them one by one). */
u64 pv_audit_recount(u64 *checked);

/* --- pv/grant.c --- */
extern const struct grant_ops pv_grant_ops; /* of grant.c */

/* --- pv/desc.c --- */
bool pv_desc_check(u64 *descriptor);                 /* adjusts; false: not for guests */
int pv_desc_build(struct page *p);                   /* a PAGE_SEG frame */
bool pv_desc_ldt_fault(struct vcpu *v, u64 address); /* true: LDT page is there now */
void pv_desc_map_ldt(struct vcpu *v);                /* what can be mapped of a new one */
void pv_desc_drop_ldt(struct vcpu *v);
int pv_desc_set_gdt(struct vcpu *v, const u64 *frames, u32 entries);

/* --- pv/misc.c --- */
static inline bool pv_misc_stack_ok(u64 sp) /* for entries from programs: a page below it is the guest's */
{
    return sp >= PAGE_SIZE && guest_range_ok(sp - PAGE_SIZE, PAGE_SIZE);
}
void pv_misc_set_stack(struct vcpu *v, u64 ss, u64 sp);
void pv_misc_load_debug(struct vcpu *v);
s64 pv_misc_set_debug(struct vcpu *v, u64 n, u64 value); /* 0, -EPERM, -EINVAL */

/* --- entry.S --- */
void pv_syscall_entry(void);
void pv_syscall32_entry(void);
void pv_trap_entry(void);
void pv_exit(void);
void pv_enter_guest(void) __noreturn;
/* called from entry.S */
#define PV_MMU_UPDATE_LONG (-0x7fffffff)
s64 pv_mmu_update_quick(u64 reqs, u64 count, u64 done, u64 foreign);
void pv_page_fault_entry(void);
void pv_iret(struct regs *r);
void pv_iret_return(struct regs *r);
void pv_iret_spoilt(struct vcpu *v);
void pv_bad_stack(struct regs *r);
void pv_syscall_slow(struct regs *r);
void pv_exit_look(struct regs *r);
void pv_exit_upcall(struct regs *r);

#endif
