/* SPDX-License-Identifier: MIT */
/*
 * What Wirt needs of the static ACPI tables, checked (length, checksum, signature) and copied at boot:
 * no AML. A broken table is named in the log and left out; a missing MADT means one CPU.
 */
#ifndef WIRT_HW_ACPI_H
#define WIRT_HW_ACPI_H

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
    u64 lapic_base;
    u32 cpu_count; /* usable CPUs found; more than CPU_MAX are counted, not listed */
    struct {
        u32 apic_id, acpi_id;
    } cpu[CPU_MAX];
    u32 ioapic_count;
    struct acpi_ioapic ioapic[8];
    u32 override_count;
    struct acpi_override override[24];
    u16 pm1a_cnt, pm1b_cnt, pm_timer, smi_cmd; /* I/O ports, 0 = none */
    bool is_pm_timer_32;
    u8 acpi_enable;
    struct {
        u8 space; /* 0 memory, 1 I/O, 2 PCI config */
        u64 address;
        u8 value;
        bool is_valid;
    } reset;
    u64 hpet_base; /* 0 = none */
    struct {
        u64 base;
        u16 segment;
        u8 bus_first, bus_last;
    } mcfg[4];
    u32 mcfg_count;
    u32 error_count; /* tables left out because they were broken; each was logged */
};
extern struct acpi_info acpi_info; /* sealed */
/* rsdp: physical address from the boot loader, 0 = scan the BIOS area. Logs through log(). */
void acpi_init(u64 rsdp);

#endif
