/* SPDX-License-Identifier: MIT */
/* IO-APICs: one redirection entry a GSI. Used by irq.c alone, but for dom0's register reads. */
#ifndef WIRT_HW_IOAPIC_H
#define WIRT_HW_IOAPIC_H

#include "lib/types.h"

void ioapic_init(void); /* map those of acpi_info, mask every pin */
bool ioapic_has(u32 gsi);
/* Program a pin; it stays or becomes masked as told. apic_id > 255 cannot be reached: -EINVAL. */
int ioapic_route(u32 gsi, u8 vector, bool is_level, bool is_active_low, u32 apic_id, bool is_masked) __must_use;
void ioapic_mask(u32 gsi, bool is_masked);
bool ioapic_is_masked(u32 gsi);
/* physdev apic_read: registers 0, 1 and the entries of the IO-APIC at that address. -ENODEV,
 * -EINVAL. */
int ioapic_guest_read(u64 address, u32 reg, u32 *value) __must_use;

#endif
