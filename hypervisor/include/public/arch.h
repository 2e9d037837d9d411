/*
 * SPDX-License-Identifier: MIT
 *
 * The x86-64 half of the guest ABI: register frames, trap tables, the state a
 * vCPU starts from, flat segment selectors and the reserved part of the
 * address space. Facts of the Xen 4.17 ABI in our own words; tests/abi holds
 * every size, offset and value against libxen-dev. Guest pointers are plain
 * 64-bit addresses here, so nothing in this file can be dereferenced by mistake.
 */
#ifndef WIRT_PUBLIC_ARCH_H
#define WIRT_PUBLIC_ARCH_H

#include <stdint.h>

typedef uint64_t xen_guest_va_t; /* address in the caller's address space */
typedef uint64_t xen_pfn_t;      /* frame number: machine or guest, as the field says */
typedef uint64_t xen_ulong_t;
typedef uint64_t xen_callback_t; /* guest code address */

/* Guest GDT pages below this one belong to the guest, the rest to the hypervisor. */
#define FIRST_RESERVED_GDT_PAGE  14
#define FIRST_RESERVED_GDT_BYTE  (FIRST_RESERVED_GDT_PAGE * 4096)
#define FIRST_RESERVED_GDT_ENTRY (FIRST_RESERVED_GDT_BYTE / 8)

/* vCPUs that have a vcpu_info slot in the shared_info page. */
#define XEN_LEGACY_MAX_VCPUS 32

/* Flat selectors that every PV guest finds in its GDT. Ring 3 is the only ring it has. */
#define FLAT_RING3_CS32 0xe023
#define FLAT_RING3_CS64 0xe033
#define FLAT_RING3_DS32 0xe02b
#define FLAT_RING3_DS64 0x0000
#define FLAT_RING3_SS32 0xe02b
#define FLAT_RING3_SS64 0xe02b

#define FLAT_KERNEL_CS64 FLAT_RING3_CS64
#define FLAT_KERNEL_CS32 FLAT_RING3_CS32
#define FLAT_KERNEL_CS   FLAT_KERNEL_CS64
#define FLAT_KERNEL_DS64 FLAT_RING3_DS64
#define FLAT_KERNEL_DS32 FLAT_RING3_DS32
#define FLAT_KERNEL_DS   FLAT_KERNEL_DS64
#define FLAT_KERNEL_SS64 FLAT_RING3_SS64
#define FLAT_KERNEL_SS32 FLAT_RING3_SS32
#define FLAT_KERNEL_SS   FLAT_KERNEL_SS64

#define FLAT_USER_CS64 FLAT_RING3_CS64
#define FLAT_USER_CS32 FLAT_RING3_CS32
#define FLAT_USER_CS   FLAT_USER_CS64
#define FLAT_USER_DS64 FLAT_RING3_DS64
#define FLAT_USER_DS32 FLAT_RING3_DS32
#define FLAT_USER_DS   FLAT_USER_DS64
#define FLAT_USER_SS64 FLAT_RING3_SS64
#define FLAT_USER_SS32 FLAT_RING3_SS32
#define FLAT_USER_SS   FLAT_USER_SS64

/* Top-level slots 256..271: never the guest's. The M2P table sits at their start. */
#define HYPERVISOR_VIRT_START 0xffff800000000000ul
#define HYPERVISOR_VIRT_END   0xffff880000000000ul
#define MACH2PHYS_VIRT_START  0xffff800000000000ul
#define MACH2PHYS_VIRT_END    0xffff804000000000ul
#define MACH2PHYS_NR_ENTRIES  ((MACH2PHYS_VIRT_END - MACH2PHYS_VIRT_START) >> 3)

/* set_segment_base: which base to load. SEL loads GS itself, in user view. */
#define SEGBASE_FS          0
#define SEGBASE_GS_USER     1
#define SEGBASE_GS_KERNEL   2
#define SEGBASE_GS_USER_SEL 3

/* Register frame of a guest. Selectors are 16 bits; the pads keep each slot 8 bytes wide. */
struct cpu_user_regs {
    uint64_t r15;
    uint64_t r14;
    uint64_t r13;
    uint64_t r12;
    uint64_t rbp;
    uint64_t rbx;
    uint64_t r11;
    uint64_t r10;
    uint64_t r9;
    uint64_t r8;
    uint64_t rax;
    uint64_t rcx;
    uint64_t rdx;
    uint64_t rsi;
    uint64_t rdi;
    uint32_t error_code;   /* private to the hypervisor */
    uint32_t entry_vector; /* private to the hypervisor */
    uint64_t rip;
    uint16_t cs;
    uint16_t _pad0[1];
    uint8_t saved_upcall_mask;
    uint8_t _pad1[3];
    uint64_t rflags; /* IF is the inverse of saved_upcall_mask */
    uint64_t rsp;
    uint16_t ss;
    uint16_t _pad2[3];
    uint16_t es;
    uint16_t _pad3[3];
    uint16_t ds;
    uint16_t _pad4[3];
    uint16_t fs;
    uint16_t _pad5[3];
    uint16_t gs;
    uint16_t _pad6[3];
};

/* What lies at the guest's stack pointer when it calls iret, lowest address first. */
struct iret_context {
    uint64_t rax;
    uint64_t r11;
    uint64_t rcx;
    uint64_t flags; /* VGCF_in_syscall: rcx and r11 are not to be restored */
    uint64_t rip;
    uint64_t cs;
    uint64_t rflags;
    uint64_t rsp;
    uint64_t ss;
};

/* One virtual IDT gate; in set_trap_table an entry with address 0 ends the array. */
struct trap_info {
    uint8_t vector;
    uint8_t flags; /* bits 0-1: lowest privilege that may use INT n; bit 2: mask events */
    uint16_t cs;
    uint64_t address;
};

#define TI_GET_DPL(_ti) ((_ti)->flags & 3)
#define TI_GET_IF(_ti)  ((_ti)->flags & 4)

/* vcpu_guest_context.flags */
#define _VGCF_i387_valid               0
#define VGCF_i387_valid                (1u << _VGCF_i387_valid)
#define VGCF_I387_VALID                (1u << 0)
#define _VGCF_in_kernel                2
#define VGCF_in_kernel                 (1u << _VGCF_in_kernel)
#define VGCF_IN_KERNEL                 (1u << 2)
#define _VGCF_failsafe_disables_events 3
#define VGCF_failsafe_disables_events  (1u << _VGCF_failsafe_disables_events)
#define _VGCF_syscall_disables_events  4
#define VGCF_syscall_disables_events   (1u << _VGCF_syscall_disables_events)
#define _VGCF_online                   5
#define VGCF_online                    (1u << _VGCF_online)
/* iret_context.flags */
#define _VGCF_in_syscall 8
#define VGCF_in_syscall  (1u << _VGCF_in_syscall)
#define VGCF_IN_SYSCALL  VGCF_in_syscall

/* Whole state of a vCPU: VCPUOP_initialise and the set/getvcpucontext domctls. */
struct vcpu_guest_context {
    struct {
        char x[512]; /* FXSAVE image, meaningful if VGCF_i387_valid */
    } fpu_ctxt;
    uint64_t flags; /* VGCF_* */
    struct cpu_user_regs user_regs;
    struct trap_info trap_ctxt[256];
    uint64_t ldt_base; /* linear address */
    uint64_t ldt_ents;
    uint64_t gdt_frames[16]; /* machine frames */
    uint64_t gdt_ents;
    uint64_t kernel_ss;
    uint64_t kernel_sp;
    uint64_t ctrlreg[8]; /* [1] carries the user-mode CR3, [3] the kernel's */
    uint64_t debugreg[8];
    uint64_t event_callback_eip;
    uint64_t failsafe_callback_eip;
    uint64_t syscall_callback_eip;
    uint64_t vm_assist; /* bit mask of VMASST_TYPE_* */
    uint64_t fs_base;
    uint64_t gs_base_kernel;
    uint64_t gs_base_user;
};

/* A CR3 value is a frame number shifted into place: the 64-bit form has no folding. */
#define xen_pfn_to_cr3(pfn) ((uint64_t)(pfn) << 12)
#define xen_cr3_to_pfn(cr3) ((uint64_t)(cr3) >> 12)

struct arch_vcpu_info {
    uint64_t cr2; /* fault address of the last #PF bounced to the guest */
    uint64_t pad;
};

/* Written by the guest for its toolstack, but for nmi_reason. */
struct arch_shared_info {
    uint64_t max_pfn; /* one past the last pfn in the p2m */
    xen_pfn_t pfn_to_mfn_frame_list_list;
    uint64_t nmi_reason; /* XEN_NMIREASON_* */
    uint64_t p2m_cr3;    /* 0: use the frame list above */
    uint64_t p2m_vaddr;
    uint64_t p2m_generation; /* odd while the p2m changes */
};

/* xen_arch_domainconfig.emulation_flags: platform devices an HVM guest gets. */
#define XEN_X86_EMU_LAPIC    (1u << 0)
#define XEN_X86_EMU_HPET     (1u << 1)
#define XEN_X86_EMU_PM       (1u << 2)
#define XEN_X86_EMU_RTC      (1u << 3)
#define XEN_X86_EMU_IOAPIC   (1u << 4)
#define XEN_X86_EMU_PIC      (1u << 5)
#define XEN_X86_EMU_VGA      (1u << 6)
#define XEN_X86_EMU_IOMMU    (1u << 7)
#define XEN_X86_EMU_PIT      (1u << 8)
#define XEN_X86_EMU_USE_PIRQ (1u << 9)
#define XEN_X86_EMU_VPCI     (1u << 10)
#define XEN_X86_EMU_ALL      0x7ffu

/* xen_arch_domainconfig.misc_flags: MSRs unknown to the policy read as 0, do not fault. */
#define XEN_X86_MSR_RELAXED    (1u << 0)
#define XEN_X86_MISC_FLAGS_MAX XEN_X86_MSR_RELAXED

struct xen_arch_domainconfig {
    uint32_t emulation_flags; /* XEN_X86_EMU_* */
    uint32_t misc_flags;
};

/* One line of a CPUID policy; leaves without subleaves carry XEN_CPUID_NO_SUBLEAF. */
#define XEN_CPUID_NO_SUBLEAF 0xffffffffu

struct xen_cpuid_leaf {
    uint32_t leaf;
    uint32_t subleaf;
    uint32_t a;
    uint32_t b;
    uint32_t c;
    uint32_t d;
};

/* One line of an MSR policy. flags must be 0. */
struct xen_msr_entry {
    uint32_t idx;
    uint32_t flags;
    uint64_t val;
};

/* Hypervisor CPUID leaves: +0 signature, +1 version, +2 pages/MSR/features, +3 time, +4 HVM. */
#define XEN_CPUID_FIRST_LEAF                      0x40000000
#define XEN_CPUID_LEAF(i)                         (XEN_CPUID_FIRST_LEAF + (i))
#define XEN_CPUID_SIGNATURE_EBX                   0x566e6558 /* "XenV" */
#define XEN_CPUID_SIGNATURE_ECX                   0x65584d4d /* "MMXe" */
#define XEN_CPUID_SIGNATURE_EDX                   0x4d4d566e /* "nVMM" */
#define XEN_CPUID_FEAT1_MMU_PT_UPDATE_PRESERVE_AD (1u << 0)
#define XEN_HVM_CPUID_APIC_ACCESS_VIRT            (1u << 0)
#define XEN_HVM_CPUID_X2APIC_VIRT                 (1u << 1)
#define XEN_HVM_CPUID_IOMMU_MAPPINGS              (1u << 2)
#define XEN_HVM_CPUID_VCPU_ID_PRESENT             (1u << 3)
#define XEN_HVM_CPUID_DOMID_PRESENT               (1u << 4)
#define XEN_HVM_CPUID_EXT_DEST_ID                 (1u << 5)
#define XEN_HVM_CPUID_UPCALL_VECTOR               (1u << 6)
#define XEN_CPUID_MACHINE_ADDRESS_WIDTH_MASK      (0xffu << 0)
#define XEN_CPUID_MAX_NUM_LEAVES                  5

/* UD2 and the letters "xen" before CPUID: a PV guest asks for the emulated answer. */
#define XEN_EMULATE_PREFIX ".byte 0x0f,0x0b,0x78,0x65,0x6e ; "

#define XEN_HVM_DEBUGCONS_IOPORT 0xe9

#endif
