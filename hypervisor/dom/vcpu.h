/* SPDX-License-Identifier: MIT */
/*
 * A virtual CPU: a schedulable unit, the guest-visible vcpu_info, timers, runstate, and the saved state of
 * the way it runs (pv: below). Fields say who writes them; "own" = only code running on the CPU where
 * the vCPU is current, or anybody while the unit is paused.
 */
#ifndef WIRT_DOM_VCPU_H
#define WIRT_DOM_VCPU_H

#include "core/sched.h"
#include "core/timer.h"
#include "dom/page.h"
#include "dom/stat.h"
#include "hw/regs.h"
#include "lib/string.h"
#include "public/arch.h"
#include "public/vcpu.h"
#include "public/xen.h"

struct domain;
struct hvm_vcpu;

/* A hypercall that ran out of budget: run again on the way out, before the guest sees anything (upcalls wait). */
struct vcpu_cont {
    bool is_active, in_multicall;
    u16 waits;       /* how often it came again for a frame of another domain that somebody is at */
    u64 cursor;      /* owned by the handler; zero when a call starts */
    u64 mc_index;    /* multicall entry to go on with */
    u64 mc_entry[8]; /* that entry as it was read: the guest may have changed it since */
};

#define VCPU_TRAPS 256
struct pv_trap {
    u64 rip;
    u16 cs;
    u8 flags; /* TI_*: DPL, mask events */
};
/* State of a PV vCPU; pv/ owns it. entry.S knows the first fields. */
struct pv_vcpu {
    u64 kernel_cr3, user_cr3; /* ready for CR3; user 0 = none set */
    u64 kernel_sp;            /* checked by stack_switch: outside Wirt's range, canonical, 16-byte aligned */
    u64 syscall_sp;           /* kernel_sp less the 56 bytes of a syscall's bounce frame */
    u64 syscall_rip;          /* CALLBACKTYPE_syscall, 0 = none */
    u64 event_rip, failsafe_rip;
    u8 must_look;                     /* the way out has more to do: cont, retired or nmi_pending is set */
    bool nmi_masked;                  /* entry.S looks at both as one word */
    u8 in_kernel;                     /* guest-kernel mode: the guest's first L4 and GS are in use */
    u8 syscall_masks, failsafe_masks; /* callback flag: deliver with events masked */
    u8 iopl;                          /* virtual, 0..3 */
    u32 kernel_ss;
    u64 ctrl0_ts; /* guest set TS: CR0.TS is on while it runs */
    u64 cr4;      /* the guest's view */
    mfn_t kernel_l4, user_l4;
    u64 gs_base_kernel, gs_base_user, fs_base; /* saved when not loaded */
    u16 ds, es, fs, gs;
    u32 gdt_count; /* frames, 0..14 */
    mfn_t gdt[14];
    u64 ldt_base;
    u32 ldt_entries;
    u32 ldt_mapped; /* bitmap of pages that hold a PAGE_SEG use */
    mfn_t ldt[16];
    u64 debugreg[8];
    u32 pci_cf8;
    u8 cmos_index;
    bool nmi_pending, failsafe_due;
    u64 iobitmap_va;    /* PHYSDEVOP_set_iobitmap: guest address, */
    u32 iobitmap_ports; /* and how many ports it covers */
    mfn_t retired;      /* stack of tables being dismantled (pv/types.c), linked by page.stamp */
    struct pv_trap trap[VCPU_TRAPS];
};

struct vcpu {
    struct unit unit; /* first: a unit pointer is a vCPU pointer */
    struct domain *domain;
    struct vcpu_info *info; /* direct-map address of the guest's structure, never NULL after creation */
    u32 id;
    u32 loaded_on; /* CPU whose registers hold our lazily kept state, VCPU_NOWHERE otherwise */
    bool is_initialised, is_up;
    struct regs regs; /* while not running */
    struct pv_vcpu pv;
    struct hvm_vcpu *hvm; /* of a domain of kind DOMAIN_HVM; hvm/ owns it */
    struct vcpu_cont cont;
    void *fpu; /* fpu_size() bytes */
    u64 xcr0;
    mfn_t info_mfn;      /* page behind info if registered (VCPUOP_register_vcpu_info), else MFN_NONE */
    struct timer single; /* VIRQ_TIMER */
    struct timer poll;
    u64 periodic_ns; /* 0 = off; under domain.lock, but for its timer's look */
    struct timer periodic;
    u32 time_generation; /* of the pvclock last published */
    u16 virq_port[NR_VIRQS];
    u64 polling;            /* SCHEDOP_poll: port + 1, ~0 = any of several, 0 = not polling */
    struct wirt_stat *stat; /* runstate: written under the queue's lock; counts: where it runs */
    u64 runstate_va;        /* guest kernel address, 0 = not registered */
    char name[12];          /* "d0v1", for the console */
};
#define VCPU_NOWHERE 0xffffffffu

static inline struct vcpu *vcpu_current(void) /* only where a guest's vCPU is known to be current */
{
    return (struct vcpu *)sched_current();
}
/* NULL in the idle loop and during boot. */
static inline struct vcpu *vcpu_current_any(void)
{
    struct unit *u = sched_current();
    return u && !u->is_idle ? (struct vcpu *)u : NULL;
}
struct vcpu *vcpu_create(struct domain *d, u32 id, u32 cpu); /* NULL without memory */
void vcpu_destroy(struct vcpu *v);                           /* its memory; nobody can find it any more */
/* The domain is dying and v is on no CPU: no timer, no trace of the vCPU on any CPU; it never runs again. */
void vcpu_stop(struct vcpu *v);
void vcpu_drop_info(struct vcpu *v,
                    struct shared_info *instead); /* the guest's frame goes; Wirt writes there instead */
/* Scheduling hooks are in vcpu.c. Make sure no CPU keeps v's state in its registers (v is not running). */
void vcpu_sync(struct vcpu *v);
void vcpu_up(struct vcpu *v);
void vcpu_down(struct vcpu *v); /* self or paused */
/* pvclock: publish time info if stale; called on the way into the vCPU. */
void vcpu_update_time(struct vcpu *v);
/* Replace the vcpu_info (frame checked and referenced by the caller): nothing pending is lost. */
void vcpu_set_info(struct vcpu *v, struct vcpu_info *info, mfn_t frame);
/* Something is pending for it: make it run / leave the guest to look. Any context. */
void vcpu_kick(struct vcpu *v);
void vcpu_send_nmi(struct vcpu *v);
void vcpu_block(void);                                              /* SCHEDOP_block for the current vCPU */
void vcpu_runstate(struct vcpu *v, struct vcpu_runstate_info *out); /* consistent copy including now */
/* v is current: nobody writes. The record begins as the ABI's structure, and its padding is zero: guests read that. */
_Static_assert(offsetof(struct vcpu_runstate_info, state_entry_time) == offsetof(struct wirt_stat_vcpu, since) &&
                   offsetof(struct vcpu_runstate_info, time) == offsetof(struct wirt_stat_vcpu, time),
               "as the ABI has it");
static inline void vcpu_runstate_here(const struct vcpu *v, struct vcpu_runstate_info *out)
{
    memcpy(out, &v->stat->u.vcpu, sizeof(*out));
}
static inline void vcpu_count(struct vcpu *v, u32 event) /* WIRT_EVENT_*; v is current */
{
    v->stat->u.vcpu.event[event]++;
}
void vcpu_set_single(struct vcpu *v, u64 at_ns);       /* 0 = stop */
void vcpu_set_periodic(struct vcpu *v, u64 period_ns); /* 0 = stop; under domain.lock */

/* The doors to the ways a vCPU can run (filled by pv/ and hvm/, found through domain.ops). */
struct vcpu_ops {
    int (*create)(struct vcpu *v);            /* 0, -ENOMEM */
    void (*destroy)(struct vcpu *v);          /* NULL: nothing to do */
    void (*load)(struct vcpu *v);             /* state into this CPU's registers (not GPRs) */
    void (*unload)(struct vcpu *v);           /* and back */
    void (*enter)(struct vcpu *v) __noreturn; /* stack is fresh, frame in place: go */
    void (*write_runstate)(struct vcpu *v);   /* to runstate_va; v is current and loaded */
};
#endif
