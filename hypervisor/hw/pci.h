/* SPDX-License-Identifier: MIT */
/* PCI configuration space by ports 0xcf8/0xcfc (under a lock) or ECAM. sbdf = seg<<16 | bus<<8 | devfn. */
#ifndef WIRT_HW_PCI_H
#define WIRT_HW_PCI_H

#include "lib/types.h"

u32 pci_read(u32 sbdf, u32 reg, u32 bytes); /* all ones if there is no such device or way */
void pci_write(u32 sbdf, u32 reg, u32 bytes, u32 value);
u32 pci_find_cap(u32 sbdf, u8 cap); /* offset, 0 = none; bounded walk */
/* dom0 announces or retracts ECAM (physdev pci_mmcfg_reserved); used only inside what it names. */
int pci_ecam_add(u64 base, u16 segment, u8 bus_first, u8 bus_last) __must_use;
/* dom0's accesses through 0xcf8 (latched per vCPU by the caller) come here, so that Wirt can refuse. */
u32 pci_guest_read(u32 cf8, u32 offset, u32 bytes);
void pci_guest_write(u32 cf8, u32 offset, u32 bytes, u32 value);

#endif
