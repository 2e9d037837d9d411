/* SPDX-License-Identifier: MIT */
/*
 * IO-APICs: one redirection entry a GSI. Used by irq.c alone, but for dom0's register reads and boot/ioapic.c, which
 * fills the table.
 */
#ifndef WIRT_HW_IOAPIC_H
#define WIRT_HW_IOAPIC_H

#include "lib/types.h"

#define IOAPIC_MAX      8u
#define IOAPIC_PIN_MAX  240u
#define IOAPIC_MASKED   0x10000u
#define IOAPIC_RTE(pin) (0x10u + 2 * (pin))

extern struct ioapic {
    volatile u32 *regs; /* NULL: none, or it could not be used */
    u32 base, pin_count, gsi_base;
    u32 low[IOAPIC_PIN_MAX]; /* each entry's low word */
} ioapic[IOAPIC_MAX];

static inline u32 ioapic_read(struct ioapic *io, u32 reg)
{
    io->regs[0] = reg;
    return io->regs[4];
}

static inline void ioapic_write(struct ioapic *io, u32 reg, u32 v)
{
    io->regs[0] = reg;
    io->regs[4] = v;
}

/* Program a pin; it stays or becomes masked as told. apic_id > 255 cannot be reached: -EINVAL. */
int ioapic_route(u32 gsi, u8 vector, bool is_level, bool is_active_low, u32 apic_id, bool is_masked) __must_use;
void ioapic_mask(u32 gsi, bool is_masked);
bool ioapic_is_masked(u32 gsi);
/* physdev apic_read: registers 0, 1 and the entries of the IO-APIC at that address. -ENODEV,
 * -EINVAL. */
int ioapic_guest_read(u64 address, u32 reg, u32 *value) __must_use;

#endif
