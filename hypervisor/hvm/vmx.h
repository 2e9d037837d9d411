/* SPDX-License-Identifier: MIT */
/*
 * Intel's virtual machine control structure and the numbers around it: fields are named, not laid out, and are read and
 * written by instructions, of the one structure that is current on this CPU. Intel SDM volume 3, chapters 25 to 29,
 * appendices A (capabilities), B (fields), C (exit reasons).
 */
#ifndef WIRT_HVM_VMX_H
#define WIRT_HVM_VMX_H

#include "hvm/hvm.h"

#define CPU_F_VMX       CPU_F(CPU_1C, 5)
#define CPU_F_L1D_FLUSH CPU_F(CPU_7D, 28)
#define CR0_NW          BIT(29)
#define CR0_CD          BIT(30)
#define CR4_VMXE        BIT(13)

#define MSR_FEATURE_CONTROL 0x3au
#define FEATURE_LOCKED      BIT(0)
#define FEATURE_VMX         BIT(2)
#define MSR_FLUSH_CMD       0x10bu
#define MSR_VMX_BASIC       0x480u
#define VMX_BASIC_TRUE      BIT(55)
#define MSR_VMX_MISC        0x485u
#define MSR_VMX_PROC        0x482u
#define MSR_VMX_PROC2       0x48bu
#define MSR_VMX_EPT         0x48cu
#define MSR_VMX_TRUE_PIN    0x48du
#define MSR_VMX_TRUE_PROC   0x48eu
#define MSR_VMX_TRUE_EXIT   0x48fu
#define MSR_VMX_TRUE_ENTRY  0x490u
#define EPT_NEEDED          (BIT(6) | BIT(14) | BIT(16) | BIT(20) | BIT(26)) /* 4 levels, WB, 2 MiB, INVEPT of all */

#define PIN_INTR           BIT(0)
#define PIN_NMI            BIT(3)
#define PIN_VIRTUAL_NMI    BIT(5)
#define PIN_TIMER          BIT(6)
#define PROC_INTR_WINDOW   BIT(2)
#define PROC_HLT           BIT(7)
#define PROC_MWAIT         BIT(10)
#define PROC_RDPMC         BIT(11)
#define PROC_CR8           (BIT(19) | BIT(20))
#define PROC_NMI_WINDOW    BIT(22)
#define PROC_DR            BIT(23)
#define PROC_PORTS         BIT(24)
#define PROC_MSR_MAP       BIT(28)
#define PROC_MONITOR       BIT(29)
#define PROC_2             BIT(31)
#define PROC2_EPT          BIT(1)
#define PROC2_VPID         BIT(5)
#define PROC2_WBINVD       BIT(6)
#define PROC2_UNRESTRICTED BIT(7)
#define PROC2_ENCLS        BIT(15)
#define VMEXIT_SAVE_DEBUG  BIT(2)
#define VMEXIT_LONG        BIT(9)
#define VMEXIT_PAT         (BIT(18) | BIT(19))
#define VMEXIT_EFER        (BIT(20) | BIT(21))
#define VMENTRY_LOAD_DEBUG BIT(2)
#define VMENTRY_LONG       BIT(9)
#define VMENTRY_PAT        BIT(14)
#define VMENTRY_EFER       BIT(15)

#define SHADOW_STI    BIT(0) /* interruptibility */
#define SHADOW_MOV_SS BIT(1)
#define SHADOW_NMI    BIT(3)
#define PENDING_STEP  BIT(14)

/* Segments: ES CS SS DS FS GS LDTR TR, then GDTR and IDTR without selector and rights. */
#define GUEST_SELECTOR(i) (0x800u + 2 * (i))
#define GUEST_LIMIT(i)    (0x4800u + 2 * (i))
#define GUEST_RIGHTS(i)   (0x4814u + 2 * (i))
#define GUEST_BASE(i)     (0x6806u + 2 * (i))
enum { SEG_ES, SEG_CS, SEG_SS, SEG_DS, SEG_FS, SEG_GS, SEG_LDTR, SEG_TR, SEG_GDTR, SEG_IDTR };
#define RIGHTS_PRESENT  BIT(7)
#define RIGHTS_LONG     BIT(13)
#define RIGHTS_32       BIT(14)
#define RIGHTS_UNUSABLE BIT(16)

enum {
    VMCS_VPID = 0,
    HOST_ES_SELECTOR = 0xc00,
    HOST_CS_SELECTOR = 0xc02,
    HOST_SS_SELECTOR = 0xc04,
    HOST_DS_SELECTOR = 0xc06,
    HOST_FS_SELECTOR = 0xc08,
    HOST_GS_SELECTOR = 0xc0a,
    HOST_TR_SELECTOR = 0xc0c,
    VMCS_MSR_MAP = 0x2004,
    VMCS_EPT_ROOT = 0x201a,
    VMCS_ENCLS_MAP = 0x202e,
    VMCS_PHYSICAL = 0x2400,
    GUEST_LINK = 0x2800,
    GUEST_DEBUGCTL = 0x2802,
    GUEST_PAT = 0x2804,
    GUEST_EFER = 0x2806,
    GUEST_PDPTE = 0x280a,
    HOST_PAT = 0x2c00,
    HOST_EFER = 0x2c02,
    VMCS_PIN = 0x4000,
    VMCS_PROC = 0x4002,
    VMCS_EXCEPTIONS = 0x4004,
    VMCS_PF_MASK = 0x4006,
    VMCS_PF_MATCH = 0x4008,
    VMCS_CR3_TARGETS = 0x400a,
    VMCS_EXIT = 0x400c,
    VMCS_EXIT_MSRS_SAVED = 0x400e,
    VMCS_EXIT_MSRS = 0x4010,
    VMCS_ENTRY = 0x4012,
    VMCS_ENTRY_MSRS = 0x4014,
    VMCS_ENTRY_EVENT = 0x4016,
    VMCS_ENTRY_ERROR = 0x4018,
    VMCS_PROC2 = 0x401e,
    VMCS_INSTRUCTION_ERROR = 0x4400,
    VMCS_REASON = 0x4402,
    VMCS_EXIT_EVENT = 0x4404,
    VMCS_EXIT_ERROR = 0x4406,
    VMCS_VECTORING = 0x4408,
    VMCS_VECTORING_ERROR = 0x440a,
    VMCS_LENGTH = 0x440c,
    GUEST_SHADOW = 0x4824,
    GUEST_ACTIVITY = 0x4826,
    GUEST_SYSENTER_CS = 0x482a,
    GUEST_TIMER = 0x482e,
    HOST_SYSENTER_CS = 0x4c00,
    VMCS_CR0_MASK = 0x6000,
    VMCS_CR4_MASK = 0x6002,
    VMCS_CR0_SHOWN = 0x6004,
    VMCS_CR4_SHOWN = 0x6006,
    VMCS_QUALIFICATION = 0x6400,
    GUEST_CR0 = 0x6800,
    GUEST_CR3 = 0x6802,
    GUEST_CR4 = 0x6804,
    GUEST_DR7 = 0x681a,
    GUEST_RSP = 0x681c,
    GUEST_RIP = 0x681e,
    GUEST_RFLAGS = 0x6820,
    GUEST_PENDING = 0x6822,
    GUEST_SYSENTER_ESP = 0x6824,
    GUEST_SYSENTER_EIP = 0x6826,
    HOST_CR0 = 0x6c00,
    HOST_CR3 = 0x6c02,
    HOST_CR4 = 0x6c04,
    HOST_FS_BASE = 0x6c06,
    HOST_GS_BASE = 0x6c08,
    HOST_TR_BASE = 0x6c0a,
    HOST_GDTR_BASE = 0x6c0c,
    HOST_IDTR_BASE = 0x6c0e,
    HOST_SYSENTER_ESP = 0x6c10,
    HOST_SYSENTER_EIP = 0x6c12,
    HOST_RSP = 0x6c14,
    HOST_RIP = 0x6c16
};

enum {
    VMEXIT_EXCEPTION,
    VMEXIT_INTR,
    VMEXIT_TRIPLE_FAULT,
    VMEXIT_INIT,
    VMEXIT_SIPI,
    VMEXIT_INTR_WINDOW = 7,
    VMEXIT_NMI_WINDOW,
    VMEXIT_TASK,
    VMEXIT_CPUID,
    VMEXIT_GETSEC,
    VMEXIT_HLT,
    VMEXIT_INVD,
    VMEXIT_RDPMC = 15,
    VMEXIT_VMCALL = 18,
    VMEXIT_VMCLEAR,
    VMEXIT_VMXON = 27,
    VMEXIT_CR,
    VMEXIT_DR,
    VMEXIT_PORT,
    VMEXIT_RDMSR,
    VMEXIT_WRMSR,
    VMEXIT_BAD_STATE,
    VMEXIT_MWAIT = 36,
    VMEXIT_MONITOR = 39,
    VMEXIT_MC = 41,
    VMEXIT_EPT_VIOLATION = 48,
    VMEXIT_EPT_BROKEN,
    VMEXIT_INVEPT,
    VMEXIT_TIMER = 52,
    VMEXIT_INVVPID,
    VMEXIT_WBINVD,
    VMEXIT_XSETBV,
    VMEXIT_ENCLS = 60
};
#define VMEXIT_REFUSED BIT(31)

/* What hangs off hvm_vcpu.control. Fields as there: own. */
struct vmx {
    paddr_t vmcs;
    bool has_launched; /* since it became current on this CPU */
    bool is_new;       /* starts in real mode at start_page */
    u8 start_page;
    u32 proc; /* VMCS_PROC as it stands */
    u64 rip;  /* where it left */
    u64 cr2, dr6;
    u64 msr[5]; /* vmx_msr[]: what the structure has no fields for */
};
static inline struct vmx *vmx_of(const struct vcpu *v)
{
    return v->hvm->control;
}

/* Controls: what must be on, what may, by what the capability MSR says can be off and on. False: something must be on
 * and cannot. */
static inline bool vmx_adjust(u64 capability, u32 must, u32 may, u32 *out)
{
    u32 on = (u32)capability, can = (u32)(capability >> 32);

    *out = must | (may & can) | on;
    return !(must & ~can);
}
/* A segment's rights in the ABI's record (bits 40 to 47 and 52 to 55 of a descriptor, together) and here. */
static inline u32 vmx_rights(u32 access)
{
    return (access & 0xff) | (access & 0xf00) << 4 | (access & RIGHTS_PRESENT ? 0 : (u32)RIGHTS_UNUSABLE);
}
static inline u32 vmx_access(u32 rights)
{
    u32 access = (rights & 0xff) | (rights >> 4 & 0xf00);

    return rights & RIGHTS_UNUSABLE ? access & ~(u32)RIGHTS_PRESENT : access;
}

extern const struct hvm_backend vmx_backend;
extern u32 vmx_proc; /* VMCS_PROC at the start; sealed */
#define VMX_CR0_OWN (CR0_NE | CR0_CD | CR0_NW)
extern u64 vmx_cr4_own; /* what guests do not change in CR4; sealed */

/* --- vmx.c --- */
const char *vmx_init(void); /* boot; why not, NULL: it can be used */
void vmx_debug_load(struct vcpu *v);
struct hvm_code vmx_code(const struct vcpu *v);
void vmx_real(struct vcpu *v);  /* v is current: as after SIPI */
void vmx_ready(struct vcpu *v); /* last before it goes in: TLB, caches */

/* --- vmcs.c --- */
u64 vmcs_read(u32 field);
void vmcs_write(u32 field, u64 value);
void vmcs_load(paddr_t at);           /* current on this CPU from now on */
void vmcs_clear(paddr_t at);          /* current nowhere, all of it in memory */
void vmcs_dump(const struct vcpu *v); /* by name */

/* --- vmx_exit.c --- */
void vmx_exit(struct regs *r);    /* from vmx_entry.S: the guest left */
void vmx_refused(struct regs *r); /* it could not be entered */
u64 vmx_prepare(struct regs *r);  /* 0: look at deferred work first, 1: VMLAUNCH, 2: VMRESUME */

/* --- vmx_entry.S --- */
void vmx_enter(void) __noreturn;
void vmx_left(void);

#endif
