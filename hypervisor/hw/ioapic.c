/* SPDX-License-Identifier: MIT */
/*
 * IO-APICs. Owns their index/data register pairs and a copy of each entry's low word, so
 * that masking is one select and one write. Lock: ioapic_lock, taken last.
 * A pin changes its target only while masked.
 */
#include "hw/ioapic.h"

#include "hw/spin.h"
#include "lib/errno.h"

#define RTE_LEVEL 0x8000u
#define RTE_LOW   0x2000u

struct ioapic ioapic[IOAPIC_MAX];
static struct spin ioapic_lock;

static struct ioapic *ioapic_find(u32 gsi, u32 *pin)
{
    for (u32 i = 0; i < IOAPIC_MAX; i++) {
        struct ioapic *io = &ioapic[i];
        if (io->regs && gsi >= io->gsi_base && gsi - io->gsi_base < io->pin_count) {
            *pin = gsi - io->gsi_base;
            return io;
        }
    }
    return NULL;
}

int ioapic_route(u32 gsi, u8 vector, bool is_level, bool is_active_low, u32 apic_id, bool is_masked)
{
    u32 pin;
    struct ioapic *io = ioapic_find(gsi, &pin);
    if (!io || apic_id > 255)
        return -EINVAL;
    u32 low = vector | (is_level ? RTE_LEVEL : 0) | (is_active_low ? RTE_LOW : 0);
    u64 flags = spin_take_irq(&ioapic_lock);
    ioapic_write(io, IOAPIC_RTE(pin), low | IOAPIC_MASKED);
    ioapic_write(io, IOAPIC_RTE(pin) + 1, apic_id << 24);
    io->low[pin] = low | (is_masked ? IOAPIC_MASKED : 0);
    if (!is_masked)
        ioapic_write(io, IOAPIC_RTE(pin), low);
    spin_drop_irq(&ioapic_lock, flags);
    return 0;
}

void ioapic_mask(u32 gsi, bool is_masked)
{
    u32 pin;
    struct ioapic *io = ioapic_find(gsi, &pin);
    if (!io)
        return;
    u64 flags = spin_take_irq(&ioapic_lock);
    u32 low = (io->low[pin] & ~IOAPIC_MASKED) | (is_masked ? IOAPIC_MASKED : 0);
    if (low != io->low[pin]) {
        io->low[pin] = low;
        ioapic_write(io, IOAPIC_RTE(pin), low);
    }
    spin_drop_irq(&ioapic_lock, flags);
}

bool ioapic_is_masked(u32 gsi)
{
    u32 pin;
    struct ioapic *io = ioapic_find(gsi, &pin);
    return !io || (READ_ONCE(io->low[pin]) & IOAPIC_MASKED);
}

int ioapic_guest_read(u64 address, u32 reg, u32 *value)
{
    for (u32 i = 0; i < IOAPIC_MAX; i++) {
        struct ioapic *io = &ioapic[i];
        if (io->base != address || !io->regs)
            continue;
        if (reg > 2 && (reg < IOAPIC_RTE(0) || reg >= IOAPIC_RTE(io->pin_count)))
            return -EINVAL;
        u64 flags = spin_take_irq(&ioapic_lock);
        *value = ioapic_read(io, reg);
        spin_drop_irq(&ioapic_lock, flags);
        return 0;
    }
    return -ENODEV;
}
