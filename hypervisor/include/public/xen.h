/*
 * SPDX-License-Identifier: MIT
 *
 * The core of the guest ABI: hypercall numbers, domain ids, virtual interrupts,
 * the paging calls and the pages shared between guest and hypervisor. Facts of
 * the Xen 4.17 ABI in our own words; tests/abi is the referee. Results of
 * hypercalls are 0 or more, or a negative errno with Linux's numbers. Frames
 * are 4 KiB; "mfn" means machine frame, "pfn" the guest's own numbering.
 */
#ifndef WIRT_PUBLIC_XEN_H
#define WIRT_PUBLIC_XEN_H

#include "arch.h"

/* Hypercall numbers. Arguments: rdi rsi rdx r10 r8; number and result: rax. */
#define __HYPERVISOR_set_trap_table                0
#define __HYPERVISOR_mmu_update                    1
#define __HYPERVISOR_set_gdt                       2
#define __HYPERVISOR_stack_switch                  3
#define __HYPERVISOR_set_callbacks                 4
#define __HYPERVISOR_fpu_taskswitch                5
#define __HYPERVISOR_sched_op_compat               6
#define __HYPERVISOR_platform_op                   7
#define __HYPERVISOR_set_debugreg                  8
#define __HYPERVISOR_get_debugreg                  9
#define __HYPERVISOR_update_descriptor             10
#define __HYPERVISOR_memory_op                     12
#define __HYPERVISOR_multicall                     13
#define __HYPERVISOR_update_va_mapping             14
#define __HYPERVISOR_set_timer_op                  15
#define __HYPERVISOR_event_channel_op_compat       16
#define __HYPERVISOR_xen_version                   17
#define __HYPERVISOR_console_io                    18
#define __HYPERVISOR_physdev_op_compat             19
#define __HYPERVISOR_grant_table_op                20
#define __HYPERVISOR_vm_assist                     21
#define __HYPERVISOR_update_va_mapping_otherdomain 22
#define __HYPERVISOR_iret                          23
#define __HYPERVISOR_vcpu_op                       24
#define __HYPERVISOR_set_segment_base              25
#define __HYPERVISOR_mmuext_op                     26
#define __HYPERVISOR_xsm_op                        27
#define __HYPERVISOR_nmi_op                        28
#define __HYPERVISOR_sched_op                      29
#define __HYPERVISOR_callback_op                   30
#define __HYPERVISOR_xenoprof_op                   31
#define __HYPERVISOR_event_channel_op              32
#define __HYPERVISOR_physdev_op                    33
#define __HYPERVISOR_hvm_op                        34
#define __HYPERVISOR_sysctl                        35
#define __HYPERVISOR_domctl                        36
#define __HYPERVISOR_kexec_op                      37
#define __HYPERVISOR_tmem_op                       38
#define __HYPERVISOR_argo_op                       39
#define __HYPERVISOR_xenpmu_op                     40
#define __HYPERVISOR_dm_op                         41
#define __HYPERVISOR_hypfs_op                      42
#define __HYPERVISOR_arch_0                        48
#define __HYPERVISOR_arch_1                        49
#define __HYPERVISOR_arch_2                        50
#define __HYPERVISOR_arch_3                        51
#define __HYPERVISOR_arch_4                        52
#define __HYPERVISOR_arch_5                        53
#define __HYPERVISOR_arch_6                        54
#define __HYPERVISOR_arch_7                        55
#define __HYPERVISOR_mca                           __HYPERVISOR_arch_0

/* Virtual interrupts. "vcpu" ones are bound once per vCPU, the others once per domain. */
#define VIRQ_TIMER      0 /* vcpu: one-shot or periodic timer fired */
#define VIRQ_DEBUG      1 /* vcpu: guest is asked to dump its state */
#define VIRQ_CONSOLE    2 /* dom0: input on the hypervisor's console */
#define VIRQ_DOM_EXC    3 /* dom0: a domain died or shut down */
#define VIRQ_TBUF       4 /* dom0: trace records wait */
#define VIRQ_DEBUGGER   6 /* dom0: a domain stopped for its debugger */
#define VIRQ_XENOPROF   7 /* vcpu */
#define VIRQ_CON_RING   8 /* dom0: output was added to the console ring */
#define VIRQ_PCPU_STATE 9 /* dom0: a physical CPU went on or off line */
#define VIRQ_MEM_EVENT  10
#define VIRQ_ARGO       11
#define VIRQ_ENOMEM     12 /* dom0: the heap runs low */
#define VIRQ_XENPMU     13 /* vcpu */
#define VIRQ_ARCH_0     16 /* dom0: machine check */
#define VIRQ_ARCH_1     17
#define VIRQ_ARCH_2     18
#define VIRQ_ARCH_3     19
#define VIRQ_ARCH_4     20
#define VIRQ_ARCH_5     21
#define VIRQ_ARCH_6     22
#define VIRQ_ARCH_7     23
#define VIRQ_MCA        VIRQ_ARCH_0
#define NR_VIRQS        24

/* Domain ids. Everything from DOMID_FIRST_RESERVED up has a special meaning. */
typedef uint16_t domid_t;

#define DOMID_FIRST_RESERVED 0x7ff0u
#define DOMID_SELF           0x7ff0u /* the caller */
#define DOMID_IO             0x7ff1u /* owner of frames that are not RAM */
#define DOMID_XEN            0x7ff2u /* owner of the hypervisor's own shared frames */
#define DOMID_COW            0x7ff3u
#define DOMID_INVALID        0x7ff4u
#define DOMID_IDLE           0x7fffu
#define DOMID_MASK           0x7fffu

/* mmu_update: bits 0-1 of ptr say what to do, the rest is a machine address. */
#define MMU_NORMAL_PT_UPDATE       0 /* write val to the page-table entry at ptr */
#define MMU_MACHPHYS_UPDATE        1 /* M2P entry of ptr's frame becomes val */
#define MMU_PT_UPDATE_PRESERVE_AD  2 /* as 0, keeping accessed and dirty */
#define MMU_PT_UPDATE_NO_TRANSLATE 3 /* as 0, val is always a machine frame */

struct mmu_update {
    uint64_t ptr;
    uint64_t val;
};

/* mmuext_op commands; arg1 and arg2 in brackets. */
#define MMUEXT_PIN_L1_TABLE       0 /* [mfn] */
#define MMUEXT_PIN_L2_TABLE       1
#define MMUEXT_PIN_L3_TABLE       2
#define MMUEXT_PIN_L4_TABLE       3
#define MMUEXT_UNPIN_TABLE        4  /* [mfn] */
#define MMUEXT_NEW_BASEPTR        5  /* [mfn] kernel address space */
#define MMUEXT_TLB_FLUSH_LOCAL    6  /* this vCPU */
#define MMUEXT_INVLPG_LOCAL       7  /* [linear_addr] */
#define MMUEXT_TLB_FLUSH_MULTI    8  /* [-, vcpumask] */
#define MMUEXT_INVLPG_MULTI       9  /* [linear_addr, vcpumask] */
#define MMUEXT_TLB_FLUSH_ALL      10 /* every vCPU of the domain */
#define MMUEXT_INVLPG_ALL         11 /* [linear_addr] */
#define MMUEXT_FLUSH_CACHE        12 /* write back and invalidate, here */
#define MMUEXT_SET_LDT            13 /* [linear_addr, nr_ents] */
#define MMUEXT_NEW_USER_BASEPTR   15 /* [mfn] user address space, 0 for none */
#define MMUEXT_CLEAR_PAGE         16 /* [mfn] */
#define MMUEXT_COPY_PAGE          17 /* [mfn, src_mfn] */
#define MMUEXT_FLUSH_CACHE_GLOBAL 18 /* as 12, on every CPU */
#define MMUEXT_MARK_SUPER         19
#define MMUEXT_UNMARK_SUPER       20

struct mmuext_op {
    uint32_t cmd;
    union {
        xen_pfn_t mfn;
        uint64_t linear_addr;
    } arg1;
    union {
        uint32_t nr_ents;
        xen_guest_va_t vcpumask; /* little-endian bit map of vCPU numbers */
        xen_pfn_t src_mfn;
    } arg2;
};

/* update_va_mapping flags: what to flush in bits 0-1, where in bit 2 or a mask pointer. */
#define UVMF_NONE           (0ul << 0)
#define UVMF_TLB_FLUSH      (1ul << 0)
#define UVMF_INVLPG         (2ul << 0)
#define UVMF_FLUSHTYPE_MASK (3ul << 0)
#define UVMF_MULTI          (0ul << 2) /* the remaining bits point to a vCPU mask */
#define UVMF_LOCAL          (0ul << 2) /* ... or are zero: this vCPU only */
#define UVMF_ALL            (1ul << 2)

/* console_io(cmd, count, buffer): result is 0 or, for read, the bytes read. */
#define CONSOLEIO_write 0
#define CONSOLEIO_read  1

/* vm_assist(cmd, type) */
#define VMASST_CMD_enable                0
#define VMASST_CMD_disable               1
#define VMASST_TYPE_4gb_segments         0
#define VMASST_TYPE_4gb_segments_notify  1
#define VMASST_TYPE_writable_pagetables  2 /* emulate stores to page tables */
#define VMASST_TYPE_pae_extended_cr3     3
#define VMASST_TYPE_architectural_iopl   4
#define VMASST_TYPE_runstate_update_flag 5  /* see XEN_RUNSTATE_UPDATE */
#define VMASST_TYPE_m2p_strict           32 /* M2P visible to the guest kernel only */

/* One call of a batch. The result is written back in place. */
struct multicall_entry {
    xen_ulong_t op;
    xen_ulong_t result;
    xen_ulong_t args[6];
};

/*
 * Clock of one vCPU. ns = system_time + (((tsc - tsc_timestamp) << tsc_shift) *
 * tsc_to_system_mul >> 32), right shift if tsc_shift is negative. The version is
 * odd while the hypervisor writes; readers retry when it changed or was odd.
 */
struct vcpu_time_info {
    uint32_t version;
    uint32_t pad0;
    uint64_t tsc_timestamp;
    uint64_t system_time; /* ns since the hypervisor started */
    uint32_t tsc_to_system_mul;
    int8_t tsc_shift;
    uint8_t flags; /* XEN_PVCLOCK_* */
    uint8_t pad1[2];
};

#define XEN_PVCLOCK_TSC_STABLE_BIT (1u << 0) /* clocks of all vCPUs agree */
#define XEN_PVCLOCK_GUEST_STOPPED  (1u << 1)

/* Event state of one vCPU; 64 bytes. Guest and hypervisor both write it, atomically. */
struct vcpu_info {
    uint8_t evtchn_upcall_pending;
    uint8_t evtchn_upcall_mask;     /* non-zero: no upcall; the guest's IF, inverted */
    xen_ulong_t evtchn_pending_sel; /* which words of evtchn_pending to look at */
    struct arch_vcpu_info arch;
    struct vcpu_time_info time;
};

/* One page per domain. wc_*: wall clock at system time 0, versioned as the clock above. */
struct shared_info {
    struct vcpu_info vcpu_info[XEN_LEGACY_MAX_VCPUS];
    xen_ulong_t evtchn_pending[64];
    xen_ulong_t evtchn_mask[64];
    uint32_t wc_version;
    uint32_t wc_sec;
    uint32_t wc_nsec;
    uint32_t wc_sec_hi;
    struct arch_shared_info arch;
};

#define MAX_GUEST_CMDLINE 1024

/* What a PV kernel is handed in rsi. "va" fields are addresses in its first mapping. */
struct start_info {
    char magic[32]; /* "xen-3.0-x86_64" */
    uint64_t nr_pages;
    uint64_t shared_info; /* machine address */
    uint32_t flags;       /* SIF_* */
    xen_pfn_t store_mfn;
    uint32_t store_evtchn;
    union {
        struct {
            xen_pfn_t mfn;
            uint32_t evtchn;
        } domU;
        struct {
            uint32_t info_off;  /* of dom0_vga_console_info, from this struct */
            uint32_t info_size; /* bytes; 0 for none */
        } dom0;
    } console;
    uint64_t pt_base; /* va of the top-level page table */
    uint64_t nr_pt_frames;
    uint64_t mfn_list;  /* va of the pfn-to-mfn array */
    uint64_t mod_start; /* va of the initrd, or its pfn with SIF_MOD_START_PFN */
    uint64_t mod_len;   /* bytes */
    int8_t cmd_line[MAX_GUEST_CMDLINE];
    uint64_t first_p2m_pfn; /* frames of a p2m that lies outside the first mapping */
    uint64_t nr_p2m_frames;
};

#define SIF_PRIVILEGED      (1u << 0)
#define SIF_INITDOMAIN      (1u << 1)
#define SIF_MULTIBOOT_MOD   (1u << 2) /* mod_start: xen_multiboot_mod_list */
#define SIF_MOD_START_PFN   (1u << 3) /* mod_start: a pfn, not mapped */
#define SIF_VIRT_P2M_4TOOLS (1u << 4) /* the toolstack reads a linear p2m */
#define SIF_PM_MASK         (0xffu << 8)

/* One module; the array ends with mod_start == 0. */
struct xen_multiboot_mod_list {
    uint32_t mod_start;
    uint32_t mod_end; /* last byte, inclusive */
    uint32_t cmdline;
    uint32_t pad;
};

#define XEN_VGATYPE_TEXT_MODE_3 0x03
#define XEN_VGATYPE_VESA_LFB    0x23
#define XEN_VGATYPE_EFI_LFB     0x70

/* The screen that dom0 inherits. */
struct dom0_vga_console_info {
    uint8_t video_type; /* XEN_VGATYPE_* */
    union {
        struct {
            uint16_t font_height; /* pixels */
            uint16_t cursor_x;
            uint16_t cursor_y;
            uint16_t rows;
            uint16_t columns;
        } text_mode_3;
        struct {
            uint16_t width; /* pixels */
            uint16_t height;
            uint16_t bytes_per_line;
            uint16_t bits_per_pixel;
            uint32_t lfb_base; /* physical, low half */
            uint32_t lfb_size; /* units of 64 KiB */
            uint8_t red_pos;
            uint8_t red_size;
            uint8_t green_pos;
            uint8_t green_size;
            uint8_t blue_pos;
            uint8_t blue_size;
            uint8_t rsvd_pos;
            uint8_t rsvd_size;
            uint32_t gbl_caps;   /* VBE capabilities */
            uint16_t mode_attrs; /* VBE mode attributes */
            uint16_t pad;
            uint32_t ext_lfb_base; /* physical, high half */
        } vesa_lfb;
    } u;
};

typedef uint8_t xen_domain_handle_t[16]; /* a domain's UUID */

/* Bit map in guest memory: nr_bits rounded up to whole bytes. */
struct xenctl_bitmap {
    xen_guest_va_t bitmap;
    uint32_t nr_bits;
};

/* arch_shared_info.nmi_reason */
#define XEN_NMIREASON_io_error (1ul << 0)
#define XEN_NMIREASON_pci_serr (1ul << 1)
#define XEN_NMIREASON_unknown  (1ul << 2)

/* nmi_op */
#define XENNMI_register_callback   0
#define XENNMI_unregister_callback 1

struct xennmi_callback {
    uint64_t handler_address;
    uint64_t pad;
};

#endif
