/*
 * SPDX-License-Identifier: MIT
 *
 * What a PVH kernel is handed in ebx: magic, modules, memory map. Facts of the
 * Xen 4.17 ABI; tests/abi is the referee. All addresses are guest-physical;
 * version 1 is what we write. Strings are NUL-terminated, 0 means none.
 */
#ifndef WIRT_PUBLIC_HVM_START_INFO_H
#define WIRT_PUBLIC_HVM_START_INFO_H

#include <stdint.h>

#define XEN_HVM_START_MAGIC_VALUE 0x336ec578

#define XEN_HVM_MEMMAP_TYPE_RAM      1
#define XEN_HVM_MEMMAP_TYPE_RESERVED 2
#define XEN_HVM_MEMMAP_TYPE_ACPI     3
#define XEN_HVM_MEMMAP_TYPE_NVS      4
#define XEN_HVM_MEMMAP_TYPE_UNUSABLE 5
#define XEN_HVM_MEMMAP_TYPE_DISABLED 6
#define XEN_HVM_MEMMAP_TYPE_PMEM     7

struct hvm_start_info {
    uint32_t magic;
    uint32_t version;
    uint32_t flags; /* SIF_* */
    uint32_t nr_modules;
    uint64_t modlist_paddr; /* array of hvm_modlist_entry */
    uint64_t cmdline_paddr;
    uint64_t rsdp_paddr;
    uint64_t memmap_paddr; /* array of hvm_memmap_table_entry; from version 1 */
    uint32_t memmap_entries;
    uint32_t reserved;
};

struct hvm_modlist_entry {
    uint64_t paddr;
    uint64_t size; /* bytes */
    uint64_t cmdline_paddr;
    uint64_t reserved;
};

struct hvm_memmap_table_entry {
    uint64_t addr;
    uint64_t size; /* bytes */
    uint32_t type; /* XEN_HVM_MEMMAP_TYPE_* */
    uint32_t reserved;
};

#endif
