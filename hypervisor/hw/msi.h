/* SPDX-License-Identifier: MIT */
/* Message-signalled interrupts in the device: MSI capability and MSI-X table. Used by irq.c alone.
 */
#ifndef WIRT_HW_MSI_H
#define WIRT_HW_MSI_H

#include "lib/types.h"

struct msi {
    u32 sbdf;
    volatile u32 *entry; /* MSI-X: the four words of the table entry; NULL: plain MSI */
    u32 cap;             /* offset of the capability */
    u32 mask_reg;        /* plain MSI: offset of the mask bits, 0 = cannot be masked */
    bool is_64;
    bool is_masked;
};
/* Find the capability (table_base 0: MSI; else the MSI-X table's BAR address). -ENODEV no such
 * capability, -EINVAL entry or BAR wrong, -ENXIO memory decoding off, -ENOSPC nothing left to map
 * the table with. */
int msi_prepare(struct msi *m, u32 sbdf, u32 entry, u64 table_base) __must_use;
void msi_write(struct msi *m, u8 vector, u32 apic_id); /* masked meanwhile; enable bits stay dom0's */
void msi_mask(struct msi *m, bool is_masked);          /* no-op where the device cannot */

#endif
