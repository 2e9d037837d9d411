/*
 * SPDX-License-Identifier: MIT
 *
 * Types of the ELF notes named "Xen" by which a kernel says how it wants to be
 * loaded and entered. Facts of the Xen 4.17 ABI; tests/abi is the referee.
 * Numbers in notes are 4 or 8 bytes wide; texts are NUL-terminated.
 */
#ifndef WIRT_PUBLIC_ELFNOTE_H
#define WIRT_PUBLIC_ELFNOTE_H

#define XEN_ELFNOTE_INFO               0
#define XEN_ELFNOTE_ENTRY              1 /* number: first instruction of a PV kernel */
#define XEN_ELFNOTE_HYPERCALL_PAGE     2
#define XEN_ELFNOTE_VIRT_BASE          3 /* number: address at which pfn 0 appears */
#define XEN_ELFNOTE_PADDR_OFFSET       4 /* number: taken off every p_paddr */
#define XEN_ELFNOTE_XEN_VERSION        5 /* text: "xen-3.0" */
#define XEN_ELFNOTE_GUEST_OS           6
#define XEN_ELFNOTE_GUEST_VERSION      7
#define XEN_ELFNOTE_LOADER             8
#define XEN_ELFNOTE_PAE_MODE           9
#define XEN_ELFNOTE_FEATURES           10 /* text: names joined by "|", "!" means required */
#define XEN_ELFNOTE_BSD_SYMTAB         11
#define XEN_ELFNOTE_HV_START_LOW       12 /* number: lowest start of the reserved area */
#define XEN_ELFNOTE_L1_MFN_VALID       13
#define XEN_ELFNOTE_SUSPEND_CANCEL     14
#define XEN_ELFNOTE_INIT_P2M           15 /* number: where to map the p2m */
#define XEN_ELFNOTE_MOD_START_PFN      16 /* number: initrd may stay unmapped */
#define XEN_ELFNOTE_SUPPORTED_FEATURES 17 /* number: bit map of XENFEAT_* */
#define XEN_ELFNOTE_PHYS32_ENTRY       18 /* number: PVH entry, physical */
#define XEN_ELFNOTE_MAX                XEN_ELFNOTE_PHYS32_ENTRY

#endif
