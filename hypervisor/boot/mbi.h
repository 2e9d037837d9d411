/* SPDX-License-Identifier: MIT */
/*
 * What the boot loader says, multiboot 1 or 2, in one structure. Strings are copied into a static
 * buffer of the boot section; module contents, the RSDP and EFI tables stay where the loader put
 * them, given by physical address: the caller keeps [info_start, info_end) and the modules out of
 * its allocator. Malformed information gives an error, never a read outside. Source: Multiboot
 * Specification 0.6.96 and Multiboot2 Specification 2.0.
 */
#ifndef WIRT_BOOT_MBI_H
#define WIRT_BOOT_MBI_H

#include "hw/vga.h"
#include "lib/types.h"

#define MBI_MAGIC1     0x2badb002u
#define MBI_MAGIC2     0x36d76289u
#define MBI_MODULE_MAX 16
#define MBI_MAP_MAX    256

struct boot_info {
    u32 version;         /* 1 or 2 */
    const char *loader;  /* "GRUB 2.06..."; "unknown" */
    const char *cmdline; /* Wirt's own, without the file name; "" */
    struct boot_module {
        u64 start, end;      /* physical bytes, [start, end) */
        const char *cmdline; /* without the file name where the loader puts one (QEMU, GRUB legacy) */
    } module[MBI_MODULE_MAX];
    u32 module_count, module_dropped; /* dropped: more than fit */
    struct {
        u64 base, length;
        u32 type;       /* E820: 1 RAM, 2 reserved, 3 ACPI reclaim, 4 ACPI NVS, 5 unusable, 7 persistent
                         */
    } map[MBI_MAP_MAX]; /* as given: not sorted, not merged */
    u32 map_count, map_dropped;
    const char *map_source; /* "multiboot2 memory map", "EFI memory map", "mem_lower and mem_upper" ... */
    u64 rsdp;               /* physical address of the RSDP (a copy inside the MBI); 0: none given */
    u32 rsdp_size;
    struct vga_mode video;          /* kind VGA_NONE if the loader says nothing */
    bool is_efi, has_boot_services; /* boot services were not left by the loader */
    u64 efi_system_table;           /* physical, 0: none */
    bool is_efi32;
    u64 efi_map; /* physical address of the descriptors, 0: none */
    u32 efi_map_size, efi_descriptor_size, efi_descriptor_version;
    u64 info_start, info_end; /* the information itself, physical */
};

/* magic, info: EAX and EBX as the loader left them. NULL, or what is wrong in words; *out is usable
 * as far as it was understood (so that the error can be shown on the screen it names). */
const char *mbi_parse(u32 magic, u32 info, struct boot_info *out) __must_use;
const char *mbi_map_type_name(u32 type);

#endif
