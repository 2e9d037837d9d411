/* SPDX-License-Identifier: MIT */
/*
 * What EFI left behind, for XENPF_firmware_info: dom0 finds ACPI through the configuration table and asks for the
 * type of memory that it lies in. Boot fills it; sealed afterwards.
 */
#ifndef WIRT_CALL_PLATFORM_OP_H
#define WIRT_CALL_PLATFORM_OP_H

#include "lib/types.h"

struct platform_efi_memory { /* EFI_MEMORY_DESCRIPTOR, UEFI 2.10 section 7.2.3 */
    u32 type, pad;
    u64 physical, virtual, pages, attributes;
};
struct platform_efi {
    bool is_efi;
    u32 version;      /* of the specification, as in the system table's header: major << 16 | minor */
    u64 config_table; /* physical address of the array of {GUID, pointer} */
    u32 config_count;
    const void *memory;            /* the loader's copy of the memory map (direct map), NULL = none */
    u32 memory_bytes, entry_bytes; /* entry_bytes >= sizeof(struct platform_efi_memory), as firmware has it */
};
extern struct platform_efi platform_efi;

#endif
