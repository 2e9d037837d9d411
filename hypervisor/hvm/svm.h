/* SPDX-License-Identifier: MIT */
/*
 * AMD's virtual machine control block and the numbers around it. AMD64 Architecture Programmer's Manual, volume 2,
 * appendix B (layout) and C (exit codes).
 */
#ifndef WIRT_HVM_SVM_H
#define WIRT_HVM_SVM_H

#include "hvm/hvm.h"

#define MSR_VM_CR       0xc0010114u
#define MSR_VM_HSAVE_PA 0xc0010117u
#define VM_CR_SVMDIS    BIT(4)
#define EFER_SVME       BIT(12)

#define CPU_F_SVM CPU_F(CPU_E1C, 2)

/* Attributes of a code segment. */
#define SEGMENT_LONG BIT(9)
#define SEGMENT_32   BIT(10)

struct vmcb {
    u16 cr_read, cr_write, dr_read, dr_write;
    u32 exceptions;
    u32 intercept[3];
    u8 pad0[0x3c - 0x18];
    u16 pause_threshold, pause_count;
    u64 iopm, msrpm, tsc_offset;
    u32 asid;
    u8 tlb_control, pad1[3];
    u64 interrupt; /* V_TPR, V_IRQ and their like */
    u64 shadow;    /* bit 0: interrupts wait for one instruction */
    u64 exit_code, exit_info1, exit_info2, exit_int_info;
    u64 nested; /* bit 0: nested paging */
    u8 pad2[0xa8 - 0x98];
    u64 event; /* EVENTINJ */
    u64 nested_cr3, lbr;
    u32 clean, pad3;
    u64 next_rip;
    u8 bytes[16], pad4[0x400 - 0xe0];
    struct hvm_segment es, cs, ss, ds, fs, gs, gdtr, ldtr, idtr, tr; /* 0x400 */
    u8 pad5[0x4cb - 0x4a0], cpl, pad6[4];
    u64 efer;
    u8 pad7[0x548 - 0x4d8];
    u64 cr4, cr3, cr0, dr7, dr6, rflags, rip;
    u8 pad8[0x5d8 - 0x580];
    u64 rsp;
    u8 pad9[0x5f8 - 0x5e0];
    u64 rax, star, lstar, cstar, sfmask, kernel_gs, sysenter_cs, sysenter_esp, sysenter_eip, cr2;
    u8 pad10[0x668 - 0x648];
    u64 pat;
    u8 pad11[0x1000 - 0x670];
};
_Static_assert(offsetof(struct vmcb, iopm) == 0x40 && offsetof(struct vmcb, exit_code) == 0x70 &&
                   offsetof(struct vmcb, event) == 0xa8 && offsetof(struct vmcb, next_rip) == 0xc8 &&
                   offsetof(struct vmcb, es) == 0x400 && offsetof(struct vmcb, efer) == 0x4d0 &&
                   offsetof(struct vmcb, cr4) == 0x548 && offsetof(struct vmcb, rsp) == 0x5d8 &&
                   offsetof(struct vmcb, rax) == 0x5f8 && offsetof(struct vmcb, pat) == 0x668 &&
                   sizeof(struct vmcb) == PAGE_SIZE,
               "as the processor has it");

/* Words and bits of `intercept`. */
#define SVM_INTR          BIT(0) /* word 0 */
#define SVM_NMI           BIT(1)
#define SVM_INIT          BIT(3)
#define SVM_VINTR         BIT(4)
#define SVM_RDPMC         BIT(15)
#define SVM_CPUID         BIT(18)
#define SVM_IRET          BIT(20)
#define SVM_INVD          BIT(22)
#define SVM_HLT           BIT(24)
#define SVM_INVLPGA       BIT(26)
#define SVM_IOIO          BIT(27)
#define SVM_MSR           BIT(28)
#define SVM_TASK          BIT(29)
#define SVM_FERR          BIT(30)
#define SVM_SHUTDOWN      BIT(31)
#define SVM_ALL_SVM       0x7f /* word 1: VMRUN VMMCALL VMLOAD VMSAVE STGI CLGI SKINIT */
#define SVM_ICEBP         BIT(8)
#define SVM_WBINVD        BIT(9)
#define SVM_MONITOR_MWAIT (7 << 10)
#define SVM_XSETBV        BIT(13)

#define VINTR_IRQ             BIT(8)
#define VINTR_PRIORITY(class) ((u64)(class) << 16)
#define VINTR_TPR             15u
#define VINTR_IGN_TPR         BIT(20)
#define VINTR_MASKING         BIT(24)

enum {
    EXIT_DR_READ = 0x20,
    EXIT_DR_WRITE = 0x30,
    EXIT_EXCEPTION = 0x40,
    EXIT_INTR = 0x60,
    EXIT_NMI,
    EXIT_SMI,
    EXIT_INIT,
    EXIT_VINTR,
    EXIT_RDPMC = 0x6f,
    EXIT_CPUID = 0x72,
    EXIT_IRET = 0x74,
    EXIT_INVD = 0x76,
    EXIT_HLT = 0x78,
    EXIT_INVLPGA = 0x7a,
    EXIT_IOIO,
    EXIT_MSR,
    EXIT_TASK,
    EXIT_FERR,
    EXIT_SHUTDOWN,
    EXIT_VMRUN,
    EXIT_VMMCALL,
    EXIT_VMLOAD,
    EXIT_SKINIT = 0x86,
    EXIT_ICEBP = 0x88,
    EXIT_WBINVD,
    EXIT_MONITOR,
    EXIT_MWAIT_ARMED = 0x8c,
    EXIT_XSETBV,
    EXIT_NPF = 0x400
};
#define EXIT_INVALID 0xffffffffu /* as some emulators have only its lower half */

static inline struct vmcb *svm_vmcb(const struct vcpu *v)
{
    return v->hvm->control;
}
static inline struct hvm_code svm_code(const struct vcpu *v)
{
    const struct vmcb *c = svm_vmcb(v);

    if (c->efer & EFER_LMA && c->cs.attributes & SEGMENT_LONG)
        return (struct hvm_code){0, c->cpl, 8};
    return (struct hvm_code){c->cs.base, c->cpl, c->cs.attributes & SEGMENT_32 ? 4 : 2};
}

extern const struct hvm_backend svm_backend;

/* --- svm.c --- */
const char *svm_init(void);      /* boot; why not, NULL: it can be used */
void svm_enter(void) __noreturn; /* svm_entry.S */

void svm_debug_load(struct vcpu *v); /* its debug registers into the CPU, until unload */

/* --- svm_exit.c --- */
void svm_exit(struct regs *r);   /* from svm_entry.S: the guest left */
u64 svm_prepare(struct regs *r); /* from svm_entry.S: control block to go in with, 0: look at deferred work first */

#endif
