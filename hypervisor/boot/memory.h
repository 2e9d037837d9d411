/* SPDX-License-Identifier: MIT */
/* RAM during boot: which there is, which is taken, and the early allocator; see memory.c. */
#ifndef WIRT_BOOT_MEMORY_H
#define WIRT_BOOT_MEMORY_H

#include "boot/mbi.h"
#include "core/frame.h"

/* Sort and trim the loader's map into RAM ranges from 1 MiB on; bytes at or above `limit` are left out. NULL or what is
 * wrong in words. */
const char *memory_init(const struct boot_info *info, u64 limit);
void memory_reserve(u64 start, u64 end); /* bytes: modules, image, loader's information */
mfn_t memory_record(u32 pages); /* reserves the place of the crash record: the same at each boot; MFN_NONE: none */
void memory_early(void);        /* from here on memory_page and memory_2m work; pgtab_alloc is served */
mfn_t memory_2m(void);          /* 2 MiB, aligned, zeroed */
void memory_map_direct(const struct boot_info *info); /* into pgtab's new tables */
void memory_hand_over(void);                          /* frame_init and frame_add_free; pgtab_alloc moves to frame.c */
u64 memory_total(void);                               /* bytes of RAM from 1 MiB on */
u64 memory_top(void);                                 /* first byte behind RAM */
bool memory_is_low_ram(u64 start, u64 end);           /* below 1 MiB, as the loader's map says */
void memory_publish(const struct boot_info *info, u64 limit); /* dom0's machine memory map */

/* Boot: all RAM becomes known: struct pages (owner HV), M2P filled with ~0; other frames of those
 * chunks are PAGE_OWNER_IO. The memory for it comes from take_2m: 512 aligned frames, reachable
 * through the direct map. */
void frame_init(const struct frame_range *ram, u32 ram_count, mfn_t (*take_2m)(void));

#endif
