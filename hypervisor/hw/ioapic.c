/* SPDX-License-Identifier: MIT */
/*
 * IO-APICs. Owns their index/data register pairs and a copy of each entry's low word, so
 * that masking is one select and one write. Lock: ioapic_lock, taken last.
 * A pin changes its target only while masked.
 */
#include "hw/ioapic.h"

#include "hw/acpi.h"
#include "hw/pgtab.h"
#include "hw/spin.h"
#include "lib/errno.h"
#include "lib/log.h"

#define PIN_MAX      240u
#define RTE_LEVEL    0x8000u
#define RTE_LOW      0x2000u
#define RTE_MASKED   0x10000u
#define REG_RTE(pin) (0x10u + 2 * (pin))

struct ioapic {
    volatile u32 *regs; /* NULL: could not be mapped */
    u32 pin_count, gsi_base;
    u32 low[PIN_MAX];
};
static struct ioapic ioapics[ARRAY_COUNT(acpi_info.ioapic)];
static struct spin ioapic_lock;

static u32 ioapic_read(struct ioapic *io, u32 reg)
{
    io->regs[0] = reg;
    return io->regs[4];
}
static void ioapic_write(struct ioapic *io, u32 reg, u32 v)
{
    io->regs[0] = reg;
    io->regs[4] = v;
}

static struct ioapic *ioapic_find(u32 gsi, u32 *pin)
{
    for (u32 i = 0; i < ARRAY_COUNT(ioapics); i++) {
        struct ioapic *io = &ioapics[i];
        if (io->regs && gsi >= io->gsi_base && gsi - io->gsi_base < io->pin_count) {
            *pin = gsi - io->gsi_base;
            return io;
        }
    }
    return NULL;
}

__init void ioapic_init(void)
{
    for (u32 i = 0; i < acpi_info.ioapic_count; i++) {
        struct ioapic *io = &ioapics[i];
        u32 at = acpi_info.ioapic[i].base;
        u8 *va = pgtab_ioremap(paddr(at & PAGE_MASK), PAGE_SIZE, HV_UC);
        if (!va) {
            log_error("IO-APIC %u at 0x%x: no room to map it, its interrupts will not work", i, at);
            continue;
        }
        io->regs = (volatile u32 *)(void *)(va + (at & ~PAGE_MASK));
        io->gsi_base = acpi_info.ioapic[i].gsi_base;
        u32 version = ioapic_read(io, 1);
        if (version == ~0u) {
            log_error("IO-APIC %u at 0x%x: does not answer, its interrupts will not work", i, at);
            io->regs = NULL;
            continue;
        }
        io->pin_count = min((version >> 16 & 0xff) + 1, PIN_MAX);
        for (u32 pin = 0; pin < io->pin_count; pin++) {
            io->low[pin] = RTE_MASKED;
            ioapic_write(io, REG_RTE(pin), RTE_MASKED);
        }
        log_info("IO-APIC %u at 0x%x: GSI %u to %u", i, at, io->gsi_base, io->gsi_base + io->pin_count - 1);
    }
}

bool ioapic_has(u32 gsi)
{
    u32 pin;
    return ioapic_find(gsi, &pin);
}

int ioapic_route(u32 gsi, u8 vector, bool is_level, bool is_active_low, u32 apic_id, bool is_masked)
{
    u32 pin;
    struct ioapic *io = ioapic_find(gsi, &pin);
    if (!io || apic_id > 255)
        return -EINVAL;
    u32 low = vector | (is_level ? RTE_LEVEL : 0) | (is_active_low ? RTE_LOW : 0);
    u64 flags = spin_take_irq(&ioapic_lock);
    ioapic_write(io, REG_RTE(pin), low | RTE_MASKED);
    ioapic_write(io, REG_RTE(pin) + 1, apic_id << 24);
    io->low[pin] = low | (is_masked ? RTE_MASKED : 0);
    if (!is_masked)
        ioapic_write(io, REG_RTE(pin), low);
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
    u32 low = (io->low[pin] & ~RTE_MASKED) | (is_masked ? RTE_MASKED : 0);
    if (low != io->low[pin]) {
        io->low[pin] = low;
        ioapic_write(io, REG_RTE(pin), low);
    }
    spin_drop_irq(&ioapic_lock, flags);
}

bool ioapic_is_masked(u32 gsi)
{
    u32 pin;
    struct ioapic *io = ioapic_find(gsi, &pin);
    return !io || (READ_ONCE(io->low[pin]) & RTE_MASKED);
}

int ioapic_guest_read(u64 address, u32 reg, u32 *value)
{
    for (u32 i = 0; i < acpi_info.ioapic_count; i++) {
        struct ioapic *io = &ioapics[i];
        if (acpi_info.ioapic[i].base != address || !io->regs)
            continue;
        if (reg > 2 && (reg < REG_RTE(0) || reg >= REG_RTE(io->pin_count)))
            return -EINVAL;
        u64 flags = spin_take_irq(&ioapic_lock);
        *value = ioapic_read(io, reg);
        spin_drop_irq(&ioapic_lock, flags);
        return 0;
    }
    return -ENODEV;
}
