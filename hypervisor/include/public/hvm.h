/*
 * SPDX-License-Identifier: MIT
 *
 * Hypercall 34 (hvm_op), the parameters of a domain with hardware assistance, and the record of a
 * vCPU's registers that the toolstack reads and writes (domctl's hvmcontext: descriptors, each
 * followed by its record). Facts of the Xen 4.17 ABI; tests/abi is the referee.
 */
#ifndef WIRT_PUBLIC_HVM_H
#define WIRT_PUBLIC_HVM_H

#include <stdint.h>

#define HVMOP_set_param                0
#define HVMOP_get_param                1
#define HVMOP_pagetable_dying          9
#define HVMOP_set_evtchn_upcall_vector 23

struct xen_hvm_param {
    uint16_t domid;
    uint16_t pad;
    uint32_t index; /* HVM_PARAM_* */
    uint64_t value;
};
struct xen_hvm_evtchn_upcall_vector {
    uint32_t vcpu;
    uint8_t vector;
};

#define HVM_PARAM_CALLBACK_IRQ         0 /* type in bits 56-63; type vector: the vector in bits 0-7 */
#define HVM_PARAM_CALLBACK_TYPE_VECTOR 2
#define HVM_PARAM_STORE_PFN            1
#define HVM_PARAM_STORE_EVTCHN         2
#define HVM_PARAM_PAE_ENABLED          4
#define HVM_PARAM_IDENT_PT             12
#define HVM_PARAM_CONSOLE_PFN          17
#define HVM_PARAM_CONSOLE_EVTCHN       18
#define HVM_NR_PARAMS                  39

struct hvm_save_descriptor {
    uint16_t typecode;
    uint16_t instance; /* vCPU */
    uint32_t length;   /* of the record behind it */
};
struct hvm_save_header { /* typecode 1 */
    uint32_t magic, version;
    uint64_t changeset;
    uint32_t cpuid, gtsc_khz;
};
#define HVM_FILE_MAGIC   0x54381286
#define HVM_FILE_VERSION 1

struct hvm_hw_cpu { /* typecode 2 */
    uint8_t fpu_regs[512];
    uint64_t rax, rbx, rcx, rdx, rbp, rsi, rdi, rsp, r8, r9, r10, r11, r12, r13, r14, r15;
    uint64_t rip, rflags;
    uint64_t cr0, cr2, cr3, cr4;
    uint64_t dr0, dr1, dr2, dr3, dr6, dr7;
    uint32_t cs_sel, ds_sel, es_sel, fs_sel, gs_sel, ss_sel, tr_sel, ldtr_sel;
    uint32_t cs_limit, ds_limit, es_limit, fs_limit, gs_limit, ss_limit, tr_limit, ldtr_limit, idtr_limit, gdtr_limit;
    uint64_t cs_base, ds_base, es_base, fs_base, gs_base, ss_base, tr_base, ldtr_base, idtr_base, gdtr_base;
    uint32_t cs_arbytes, ds_arbytes, es_arbytes, fs_arbytes, gs_arbytes, ss_arbytes, tr_arbytes, ldtr_arbytes;
    uint64_t sysenter_cs, sysenter_esp, sysenter_eip;
    uint64_t shadow_gs;
    uint64_t msr_flags, msr_lstar, msr_star, msr_cstar, msr_syscall_mask, msr_efer, msr_tsc_aux;
    uint64_t tsc;
    uint32_t pending_event;
    uint32_t error_code;
    uint32_t flags; /* XEN_X86_FPU_INITIALISED */
    uint32_t pad0;
};
#define XEN_X86_FPU_INITIALISED (1u << 0)

#endif
