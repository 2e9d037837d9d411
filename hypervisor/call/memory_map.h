/* SPDX-License-Identifier: MIT */
/*
 * The machine's memory map as dom0 sees it (XENMEM_machine_memory_map). Boot fills it from the loader's map, adds
 * the local APIC and IO-APIC pages as reserved, and it is sealed afterwards.
 */
#ifndef WIRT_CALL_MEMORY_MAP_H
#define WIRT_CALL_MEMORY_MAP_H

#include "call/call.h"

#define E820_RAM      1u
#define E820_RESERVED 2u
#define E820_ACPI     3u
#define E820_NVS      4u
#define E820_UNUSABLE 5u
struct e820_entry {
    u64 address, bytes;
    u32 type; /* E820_* */
} __packed;
_Static_assert(sizeof(struct e820_entry) == 20, "guests' layout");

#define MEMORY_MAP_MAX 128u
extern struct e820_entry memory_map[MEMORY_MAP_MAX];
extern u32 memory_map_count;

/* XENMEM_set_memory_map, XENMEM_memory_map, XENMEM_machine_memory_map */
call_sub_fn memory_map_set, memory_map_domain, memory_map_machine;

#endif
