/* SPDX-License-Identifier: MIT */
/*
 * What Wirt needs of the static ACPI tables, checked (length, checksum, signature) and copied at boot:
 * no AML. Power-off and reset go straight to power_ways (hw/power.h). A broken or missing table ends the boot.
 */
#ifndef WIRT_BOOT_ACPI_H
#define WIRT_BOOT_ACPI_H

#include "hw/ioapic.h"
#include "hw/layout.h"
#include "lib/types.h"

struct acpi_ioapic {
    u8 id;
    u32 base, gsi_base;
};
struct acpi_override {
    u8 isa;
    u32 gsi;
    bool is_level, is_active_low;
};
struct acpi_info {
    u32 cpu_count; /* usable CPUs found; more than CPU_MAX are counted, not listed */
    struct {
        u32 apic_id, acpi_id;
    } cpu[CPU_MAX];
    u32 ioapic_count;
    struct acpi_ioapic ioapic[IOAPIC_MAX];
    u32 override_count;
    struct acpi_override override[24];
    u16 pm_timer; /* I/O port, 0 = none */
    bool is_pm_timer_32;
    u64 hpet_base; /* 0 = none */
};
extern struct acpi_info acpi_info; /* freed with boot */
/* rsdp: physical address from the boot loader, 0 = scan the BIOS area. */
void acpi_init(u64 rsdp);
u32 acpi_gsi_of_isa(u8 isa_irq); /* with the overrides */

#endif
