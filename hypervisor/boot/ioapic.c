/* SPDX-License-Identifier: MIT */
/*
 * The IO-APICs that ACPI names are mapped and all their pins masked; then every interrupt line learns its trigger:
 * PCI's from 16 on, ISA's below, what the MADT overrides last.
 */
#include "boot/acpi.h"
#include "boot/bringup.h"
#include "hw/ioapic.h"
#include "hw/irq.h"
#include "hw/pgtab.h"
#include "lib/log.h"

static __init void ioapic_start(struct ioapic *io, u32 number, u32 at, u32 gsi_base)
{
    u8 *va = pgtab_ioremap(paddr(at & PAGE_MASK), PAGE_SIZE, HV_UC);
    if (!va) {
        log_error("IO-APIC %u at 0x%x: no room to map it, its interrupts will not work", number, at);
        return;
    }
    io->regs = (volatile u32 *)(void *)(va + (at & ~PAGE_MASK));
    io->base = at;
    io->gsi_base = gsi_base;
    u32 version = ioapic_read(io, 1);
    if (version == ~0u) {
        log_error("IO-APIC %u at 0x%x: does not answer, its interrupts will not work", number, at);
        io->regs = NULL;
        return;
    }
    io->pin_count = min((version >> 16 & 0xff) + 1, IOAPIC_PIN_MAX);
    for (u32 pin = 0; pin < io->pin_count; pin++) {
        io->low[pin] = IOAPIC_MASKED;
        ioapic_write(io, IOAPIC_RTE(pin), IOAPIC_MASKED);
        u32 gsi = gsi_base + pin;
        if (gsi < IRQ_GSI_MAX)
            irq_gsi_add(gsi, gsi >= 16, gsi >= 16);
    }
    log_info("IO-APIC %u at 0x%x: GSI %u to %u", number, at, gsi_base, gsi_base + io->pin_count - 1);
}

__init void ioapic_init(void)
{
    for (u32 i = 0; i < acpi_info.ioapic_count; i++)
        ioapic_start(&ioapic[i], i, acpi_info.ioapic[i].base, acpi_info.ioapic[i].gsi_base);
    for (u32 i = 0; i < acpi_info.override_count; i++) {
        const struct acpi_override *o = &acpi_info.override[i];
        if (irq_gsi_setup(o->gsi, o->is_level, o->is_active_low))
            log_warn("ACPI: ISA interrupt %u is on GSI %u, which no IO-APIC has", o->isa, o->gsi);
    }
}
