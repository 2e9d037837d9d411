/* SPDX-License-Identifier: MIT */
/*
 * Domains with hardware assistance: the CPU itself switches between guest and Wirt and walks two page tables, the
 * guest's own and ours (p2m.c). hvm.c owns a vCPU's way in and out, exit.c what guests leave for, copy.c their memory
 * by virtual address, msr.c its registers by number, vlapic.c its interrupts and mmio.c their page; svm*.c are AMD's
 * side of it and vmx*.c Intel's, behind struct hvm_backend.
 * A guest has no devices but these: ports and memory that are not there read as all ones, and writes are lost.
 */
#ifndef WIRT_HVM_HVM_H
#define WIRT_HVM_HVM_H

#include "dom/domain.h"
#include "hw/trap.h"
#include "public/hvm.h"

#define HVM_GFN_LIMIT  (1ull << 28) /* 1 TiB of guest-physical addresses */
#define HVM_APIC_PAGE  0xfee00ull   /* where no frame is ever shown */
#define HVM_PORT_PRINT 0xe9u
#define HVM_LINE       120u
#define HVM_NO_VECTOR  0u
#define HVM_WIDE       48u

/* An event to be injected: vector, type, error code in the upper half. Both makes of processor have it so. */
#define HVM_EVENT_VALID   BIT(31)
#define HVM_EVENT_ERROR   BIT(11)
#define HVM_EVENT_TYPE(t) ((u64)(t) << 8)
enum { HVM_EVENT_INTR, HVM_EVENT_NMI = 2, HVM_EVENT_EXCEPTION, HVM_EVENT_SOFT };

struct hvm_domain {
    struct lock lock; /* RANK_P2M: every change of p2m's entries and tables, and these two counts */
    pte_t *root;      /* level 4 of the nested tables */
    u32 tables;       /* frames spent on them */
    u32 larges;       /* leaves of 2 MiB */
    u64 gfn_end;      /* behind the highest number that was ever used; grows only, under lock */
    u64 param[HVM_NR_PARAMS];
    char line[HVM_LINE]; /* printed so far; under lock */
    u32 line_length;
    u8 callback_vector; /* HVM_PARAM_CALLBACK_IRQ of type vector; 0: none */
};

#define VLAPIC_WORDS 4u
struct vlapic {
    u64 base; /* MSR 0x1b */
    u32 spurious, lvt[6], esr, errors, ldr, dfr;
    u32 tpr; /* CR8 is its upper half: the back ends keep the two the same */
    u32 divide, timer_count;
    u64 icr;
    u64 irr[VLAPIC_WORDS], isr[VLAPIC_WORDS];
    struct timer timer;
    u64 timer_start, timer_ns; /* counting since then, for so long; 0: it stands */
};

struct hvm_vcpu {
    void *control;      /* the processor's control block, one frame */
    paddr_t control_at; /* where that is */
    u32 tlb_seen;       /* tlb_flushed_at of the CPU when it last went in there */
    u32 ran_on;         /* that CPU */
    u64 event;          /* HVM_EVENT_*: to be injected at the next entry; 0: none */
    bool is_in_nmi;     /* until IRET */
    bool has_init;      /* INIT came, and is not yet seen; under domain.lock */
    u16 sipi;           /* and behind it SIPI: page + 0x100, 0: none; the same */
    bool has_debug;     /* its debug registers are in the CPU */
    u64 dr[4];
    u64 wide[HVM_WIDE / 8]; /* call/compat.c: what a 32-bit caller's structure became, */
    u32 list;               /* where the list lies that it names, */
    bool is_wide;           /* and that both wait for the call to go on */
    struct vlapic apic;
};

/* What of a guest's registers the others need to know: how addresses become physical, and what code it runs. */
struct hvm_mode {
    u64 cr0, cr3, cr4, efer;
};
struct hvm_code {
    u64 at; /* where its segment begins; 0 for 64-bit code */
    u32 cpl;
    u32 wide; /* bytes of an address: 8, 4, 2 */
};
/* A segment as the processor keeps it: attributes are bits 8-15 and 20-23 of a descriptor, packed. */
struct hvm_segment {
    u16 selector, attributes;
    u32 limit;
    u64 base;
};
/* The two makes of processor. */
struct hvm_backend {
    u8 call[3];                     /* its instruction for hypercalls */
    u64 table_flags, leaf_flags;    /* of p2m's entries, beside PTE_P, PTE_RW and PTE_US (here: may execute) */
    void (*start)(void);            /* boot, each CPU */
    void (*enter)(void) __noreturn; /* assembly: the frame is in place */
    int (*create)(struct vcpu *v);  /* control block; 0, -ENOMEM */
    void (*destroy)(struct vcpu *v);
    void (*mode)(const struct vcpu *v, struct hvm_mode *out);
    struct hvm_code (*code)(const struct vcpu *v);
    void (*set_context)(struct vcpu *v, const struct hvm_hw_cpu *c); /* v is on no CPU */
    void (*get_context)(const struct vcpu *v, struct hvm_hw_cpu *c);
    void (*start_real)(struct vcpu *v, u8 page);                   /* as after SIPI */
    bool (*msr)(struct vcpu *v, u32 msr, bool writes, u64 *value); /* those that live in the control block */
    void (*load)(struct vcpu *v);
    void (*unload)(struct vcpu *v);
};
extern const struct hvm_backend *hvm_backend; /* sealed; NULL: the machine has no assistance that Wirt can use */
#define HVM_ASSIST 96u
extern char hvm_assist[HVM_ASSIST]; /* sealed: what is used of it, or why nothing is; part of a sentence */

/* --- hvm.c --- */
void hvm_init(void);      /* boot: what the machine has */
void hvm_init_this(void); /* boot, each CPU */
/* The hypercall dispatchers, of 64-bit code and of 32-bit code, set by boot. */
extern void (*hvm_call_door)(struct regs *r), (*hvm_compat_door)(struct regs *r);
void hvm_look(struct regs *r);           /* must_look was set: what there is to do before the guest goes on */
void hvm_halt(struct vcpu *v);           /* HLT */
void hvm_down(struct vcpu *v);           /* HLT with interrupts off, by itself: until it is started again */
void hvm_stop(struct vcpu *v);           /* INIT came */
void hvm_start(struct vcpu *v, u8 page); /* SIPI came: it runs from there on, in real mode */
void hvm_set_context(struct vcpu *v, const struct hvm_hw_cpu *c); /* v is on no CPU, here and below */
void hvm_get_context(const struct vcpu *v, struct hvm_hw_cpu *c);
void hvm_print(struct domain *d, char c);                               /* to Wirt's log, line by line */
void hvm_call(struct regs *r, struct hvm_code code);                    /* VMMCALL, VMCALL */
void hvm_inject(struct vcpu *v, u32 vector, bool has_error, u32 error); /* an exception, at the next entry */
void hvm_retry(struct vcpu *v, u64 event);                              /* it was on its way when the guest left */
/* What of that which waits goes in now, as the guest can take it. What still waits: so that it leaves as soon as it
 * can take that. */
enum { HVM_WAITS_NMI = 1, HVM_WAITS_INTR = 2 };
u32 hvm_choose(struct vcpu *v, bool takes_nmi, bool takes_intr);
/* True: what the TLB of this CPU holds of the guest's may be stale. */
bool hvm_is_stale(struct vcpu *v);
void hvm_debug_load(struct vcpu *v); /* its own come into the processor with the first access, and leave with it */
void hvm_debug_save(struct vcpu *v);

/* --- exit.c: what guests leave for; `next`: behind the instruction --- */
void exit_fault(struct vcpu *v, u32 vector);
void exit_cpuid(struct vcpu *v, struct regs *r, u64 next);
void exit_msr(struct vcpu *v, struct regs *r, u64 next, bool is_write);
struct exit_port {
    u32 port, bytes;
    bool is_in, is_string, is_repeated;
};
void exit_port(struct vcpu *v, struct regs *r, u64 next, struct exit_port p);
struct exit_memory {
    u64 address;            /* guest-physical */
    bool is_write, is_walk; /* is_walk: of the processor's, through the guest's tables */
};
void exit_nested_fault(struct vcpu *v, struct regs *r, struct exit_memory x);
void exit_halt(struct vcpu *v, struct regs *r, u64 next);
void exit_xsetbv(struct vcpu *v, struct regs *r, u64 next);

/* --- p2m.c --- */
void p2m_init(void);              /* boot */
int p2m_create(struct domain *d); /* 0, -ENOMEM */
void p2m_destroy(struct domain *d);
/* Show frame m at gfn, instead of what was there: takes over the caller's use of it (writable) or reference (not).
 * 0, -EINVAL, -ENOMEM: the caller keeps it. */
int p2m_set(struct domain *d, u64 gfn, mfn_t m, bool is_writable) __must_use;
int p2m_add(struct domain *d, u64 gfn, mfn_t m, bool is_writable) __must_use; /* -EEXIST, unless nothing is there */
mfn_t p2m_find(struct domain *d, u64 gfn, bool *is_writable);
bool p2m_clear(struct domain *d, u64 gfn, mfn_t m); /* false: there is something else, or nothing */
/* Reads of gfn, where nothing is, find all ones; for all others there is still nothing. false: no room for a table. */
bool p2m_show_hole(struct domain *d, u64 gfn) __must_use;
void p2m_report(void); /* key n */
/* domain_ops.frame, .show, .hide, .note */
mfn_t p2m_frame(struct domain *d, u64 gfn);
int p2m_show(struct domain *d, u64 gfn, mfn_t m);
mfn_t p2m_hide(struct domain *d, u64 gfn);
void p2m_note(struct domain *d, void (*note)(u64 m, enum page_kind kind));
/* All entries given up, budget-wise; 0, -ERESTART. */
int p2m_drain(struct domain *d);

/* --- grant.c --- */
extern const struct grant_ops hvm_grant_ops;

/* --- copy.c --- */
bool hvm_copy(void *host, u64 va, u64 n, bool is_write); /* cpu_info.copier */

/* --- mmio.c --- */
void hvm_mmio(struct vcpu *v, struct regs *r, u64 address); /* the access is done, or the domain crashed */

/* --- msr.c, vlapic.c --- */
bool hvm_msr_read(struct vcpu *v, u32 msr, u64 *value);
bool hvm_msr_write(struct vcpu *v, u32 msr, u64 value);
void vlapic_create(struct vcpu *v);
void vlapic_reset(struct vcpu *v);                                 /* as after INIT */
void vlapic_stop(struct vcpu *v);                                  /* its timer */
bool vlapic_set_base(struct vcpu *v, u64 value);                   /* false: #GP */
bool vlapic_msr(struct vcpu *v, u32 msr, bool writes, u64 *value); /* 0x800-0x83f; false: #GP */
bool vlapic_has_page(const struct vcpu *v);                        /* at HVM_APIC_PAGE */
void vlapic_page(struct vcpu *v, u32 offset, bool writes, u32 *value);
void vlapic_raise(struct vcpu *v, u32 vector);  /* any context */
u32 vlapic_due(const struct vcpu *v);           /* highest vector above the priority, 0: none */
u32 vlapic_held(const struct vcpu *v);          /* that only TPR holds back, 0: none */
void vlapic_accept(struct vcpu *v, u32 vector); /* IRR to ISR */

#endif
