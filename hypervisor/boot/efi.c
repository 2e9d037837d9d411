/* SPDX-License-Identifier: MIT */
/*
 * What a UEFI start leaves for dom0: the array of configuration tables, through which Linux finds ACPI and SMBIOS
 * (there is nothing below 1 MiB to search), and the memory map. Reads the system table (UEFI Specification 2.10,
 * section 4.3) in memory that firmware keeps; calls nothing of firmware.
 */
#include "boot/boot.h"
#include "call/platform_op.h"
#include "hw/pgtab.h"
#include "lib/string.h"

#define SIGNATURE 0x5453595320494249ull /* "IBI SYST" */

struct system_table {
    u64 signature;
    u32 revision, header_bytes, crc32, reserved;
    u64 vendor;
    u32 vendor_revision, pad;
    u64 console[6], runtime_services, boot_services, config_count, config_table;
};

__init void efi_init(void)
{
    struct system_table table;
    pte_t leaf;
    u32 level;
    u64 at = boot_info.efi_system_table;
    if (!boot_info.is_efi)
        return;
    platform_efi.memory = boot_info.efi_map ? pgtab_va(paddr(boot_info.efi_map)) : NULL;
    platform_efi.memory_bytes = boot_info.efi_map_size;
    platform_efi.entry_bytes = boot_info.efi_descriptor_size;
    if (!at || boot_info.is_efi32) {
        log_warn("EFI: no 64-bit system table from the boot loader: dom0 will not find ACPI");
        return;
    }
    if (!pgtab_walk((u64)pgtab_va(paddr(at)), &leaf, &level)) {
        log_warn("EFI: the system table at 0x%lx lies in no memory of the map: dom0 will not find ACPI", at);
        return;
    }
    memcpy(&table, pgtab_va(paddr(at)), sizeof(table));
    if (table.signature != SIGNATURE || !table.config_count || !table.config_table) {
        log_warn("EFI: there is no system table at 0x%lx: dom0 will not find ACPI", at);
        return;
    }
    platform_efi.is_efi = true;
    platform_efi.version = table.revision;
    platform_efi.config_table = table.config_table;
    platform_efi.config_count = (u32)table.config_count;
    log_info("EFI: version %u.%u, %u configuration tables", table.revision >> 16, (table.revision & 0xffff) / 10,
             platform_efi.config_count);
}
