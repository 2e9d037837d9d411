/* SPDX-License-Identifier: MIT */
/*
 * RAM during boot. The loader's map becomes sorted ranges of whole frames; what is taken (image, modules) is a short
 * list; the early allocator hands out zeroed pages downwards from the top of the largest free piece below 4 GiB, until
 * frame.c gets everything that is left. Memory below 1 MiB is never Wirt's or a guest's RAM: dom0 may map it as
 * firmware's, and boot uses a page of it for the trampoline.
 */
#include "boot/acpi.h"
#include "boot/memory.h"

#include "call/memory_map.h"
#include "hw/lapic.h"
#include "lib/log.h"
#include "lib/string.h"

#define RANGES      160
#define RECORD_STEP (16u << 20)
static __initdata struct frame_range ram[RANGES], taken[32];
static __initdata u32 ram_count, taken_count;
#define BLOCK 0x200000ull
static __initdata u64 early_low, early_next, early_top; /* bytes: free [low, next), blocks given out [next, top) */
static __initdata u64 pool_start, pool_next;            /* single pages to give out: [start, next) */

static __init void insert_sorted(struct frame_range *list, u32 *count, u64 first, u64 last)
{
    u32 i = *count;
    for (; i > 0 && list[i - 1].first > first; i--)
        list[i] = list[i - 1];
    list[i] = (struct frame_range){first, last};
    (*count)++;
}

__init const char *memory_init(const struct boot_info *info, u64 limit)
{
    for (u32 i = 0; i < info->map_count; i++) {
        u64 start = max(info->map[i].base, 0x100000ull), end = info->map[i].base + info->map[i].length;
        end = min(end, min(limit, DIRECT_END - DIRECT_START));
        start = round_up(start, PAGE_SIZE);
        end = round_down(end, PAGE_SIZE);
        if (info->map[i].type == E820_RAM && start < end && ram_count < RANGES - 1)
            insert_sorted(ram, &ram_count, start >> PAGE_SHIFT, (end >> PAGE_SHIFT) - 1);
    }
    /* What firmware reserves wins over RAM that it overlaps; RAM ranges that overlap are joined. */
    for (u32 i = 0; i + 1 < ram_count; i++)
        if (ram[i + 1].first <= ram[i].last) {
            ram[i].last = max(ram[i].last, ram[i + 1].last);
            memmove(&ram[i + 1], &ram[i + 2], (ram_count - i - 2) * sizeof(ram[0]));
            ram_count--;
            i--;
        }
    if (!ram_count)
        return "the boot loader's memory map has no RAM above 1 MiB";
    return NULL;
}

__init void memory_reserve(u64 start, u64 end)
{
    if (start < end && taken_count < ARRAY_COUNT(taken) - 1)
        insert_sorted(taken, &taken_count, start >> PAGE_SHIFT, (end - 1) >> PAGE_SHIFT);
}

__init u64 memory_total(void)
{
    u64 frames = 0;
    for (u32 i = 0; i < ram_count; i++)
        frames += ram[i].last - ram[i].first + 1;
    return frames << PAGE_SHIFT;
}

__init u64 memory_top(void)
{
    return (ram[ram_count - 1].last + 1) << PAGE_SHIFT;
}

/* Each free piece of RAM (frames, inclusive) in ascending order. */
static __init void each_free(void (*fn)(u64 first, u64 last))
{
    for (u32 i = 0; i < ram_count; i++) {
        u64 at = ram[i].first;
        for (u32 t = 0; t < taken_count; t++) {
            if (taken[t].last < at || taken[t].first > ram[i].last)
                continue;
            if (taken[t].first > at)
                fn(at, taken[t].first - 1);
            at = max(at, taken[t].last + 1);
        }
        if (at <= ram[i].last)
            fn(at, ram[i].last);
    }
}

static __init void consider(u64 first, u64 last)
{
    last = min(last, (1ull << (32 - PAGE_SHIFT)) - 1);
    if (first < last && (last - first + 1) << PAGE_SHIFT > early_next - early_low) {
        early_low = first << PAGE_SHIFT;
        early_top = pool_next = (last + 1) << PAGE_SHIFT;
        early_next = pool_start = max(round_down(early_top, BLOCK), early_low);
    }
}

__init mfn_t memory_2m(void)
{
    if (early_next < early_low + BLOCK)
        return mfn(MFN_NONE);
    early_next -= BLOCK;
    memset(pgtab_va(paddr(early_next)), 0, BLOCK);
    return paddr_mfn(paddr(early_next));
}

/* Single pages come from the odd end above the blocks, then from blocks; what is left of the last one becomes free. */
static __init mfn_t take_page(void)
{
    if (pool_next == pool_start) {
        mfn_t m = memory_2m();
        if (m.n == MFN_NONE)
            panic("boot: out of memory for page tables (%lu MiB of RAM): Wirt and dom0 need 128 MiB at least",
                  memory_total() >> 20);
        pool_start = m.n << PAGE_SHIFT;
        pool_next = pool_start + BLOCK;
    }
    pool_next -= PAGE_SIZE;
    memset(pgtab_va(paddr(pool_next)), 0, PAGE_SIZE);
    return paddr_mfn(paddr(pool_next));
}

__init void memory_early(void)
{
    each_free(consider);
    pgtab_alloc = take_page;
}

/* GRUB, UEFI and SeaBIOS use the ends of RAM, at the bottom the image and the modules, at the top themselves; what lies
 * in the middle survives a warm reset under all of them. A coarse step, so that a slightly different map of the next
 * boot gives the same place. */
__init mfn_t memory_record(u32 pages)
{
    u64 step = RECORD_STEP >> PAGE_SHIFT, best = 0, first = 0, last = 0;
    for (u32 i = 0; i < ram_count; i++) {
        u64 end = min(ram[i].last + 1, 1ull << (32 - PAGE_SHIFT));
        if (end > ram[i].first && end - ram[i].first > best) {
            best = end - ram[i].first;
            first = ram[i].first;
            last = end - 1;
        }
    }
    for (u64 at = round_down(first + best / 2, step); at >= first && at + pages <= last; at += step) {
        bool is_taken = false;
        for (u32 t = 0; t < taken_count; t++)
            is_taken |= taken[t].first < at + pages && taken[t].last >= at;
        if (is_taken)
            continue;
        memory_reserve(at << PAGE_SHIFT, (at + pages) << PAGE_SHIFT);
        return mfn(at);
    }
    return mfn(MFN_NONE);
}

static __init void map_range(u64 start, u64 end)
{
    start = round_down(start, PAGE_SIZE);
    end = round_up(end, PAGE_SIZE);
    u64 first = start >> PAGE_SHIFT, pages = (end - start) >> PAGE_SHIFT;
    u64 head = min(pages, -first & 511);
    /* 2 MiB pages inside, single pages at the ends: an entry never reaches beyond what the map names */
    if (!pgtab_map(DIRECT_START + start, mfn(first), head, HV_RW) ||
        !pgtab_map(DIRECT_START + start + (head << PAGE_SHIFT), mfn(first + head), pages - head, HV_RW | PTE_PS))
        panic("boot: out of memory for the direct map");
}

__init void memory_map_direct(const struct boot_info *info)
{
    map_range(0, 0x100000);
    for (u32 i = 0; i < ram_count; i++)
        map_range(ram[i].first << PAGE_SHIFT, (ram[i].last + 1) << PAGE_SHIFT);
    for (u32 i = 0; i < info->map_count; i++) {
        u64 start = max(info->map[i].base, 0x100000ull), end = info->map[i].base + info->map[i].length;
        /* some firmware keeps its tables in small reserved ranges; large ones are devices */
        bool has_tables = info->map[i].type == E820_ACPI || info->map[i].type == E820_NVS ||
                          (info->map[i].type == E820_RESERVED && info->map[i].length <= 16u << 20);
        if (has_tables && start < end && end <= DIRECT_END - DIRECT_START)
            map_range(start, end);
    }
}

static mfn_t late_page(void)
{
    return frame_alloc(0, FRAME_ZERO, 0);
}

static void *late_pages(u32 order)
{
    mfn_t m = frame_alloc(order, FRAME_ZERO, 0);
    return m.n == MFN_NONE ? NULL : frame_va(m);
}

static __init void hand_over(u64 first, u64 last)
{
    frame_add_free(first, last);
}

__init void memory_hand_over(void)
{
    frame_init(ram, ram_count, memory_2m);
    memory_reserve(early_next, pool_start);
    memory_reserve(pool_next, early_top);
    each_free(hand_over);
    pgtab_alloc = late_page;
    pgtab_alloc_pages = late_pages;
}

__init bool memory_is_low_ram(u64 start, u64 end)
{
    for (u32 i = 0; i < memory_map_count; i++)
        if (memory_map[i].type == E820_RAM && memory_map[i].address <= start &&
            end <= memory_map[i].address + memory_map[i].bytes)
            return true;
    return false;
}

static __init void publish_page(u64 at)
{
    for (u32 i = 0; i < memory_map_count; i++)
        if (at >= memory_map[i].address && at - memory_map[i].address < memory_map[i].bytes)
            return;
    if (memory_map_count < MEMORY_MAP_MAX)
        memory_map[memory_map_count++] = (struct e820_entry){at, PAGE_SIZE, E820_RESERVED};
}

__init void memory_publish(const struct boot_info *info, u64 limit)
{
    for (u32 i = 0; i < info->map_count && memory_map_count < MEMORY_MAP_MAX; i++) {
        u64 base = info->map[i].base, bytes = info->map[i].length;
        if (info->map[i].type == E820_RAM && base >= limit)
            continue;
        if (info->map[i].type == E820_RAM && base + bytes > limit)
            bytes = limit - base;
        memory_map[memory_map_count++] = (struct e820_entry){base, bytes, info->map[i].type};
    }
    publish_page(lapic_base());
    for (u32 i = 0; i < acpi_info.ioapic_count; i++)
        publish_page(acpi_info.ioapic[i].base);
    for (u32 i = 1; i < memory_map_count; i++)
        for (u32 j = i; j > 0 && memory_map[j - 1].address > memory_map[j].address; j--) {
            struct e820_entry e = memory_map[j];
            memory_map[j] = memory_map[j - 1];
            memory_map[j - 1] = e;
        }
}
