/* SPDX-License-Identifier: MIT */
/*
 * The frame table and the M2P are made for the RAM that there is, in chunks of 2 MiB of table; core/frame.c owns them
 * from then on.
 */
#include "boot/memory.h"
#include "core/frame_map.h"
#include "lib/log.h"
#include "lib/string.h"

#define FRAME_OF_2M 512ul

static void __init chunk_create(u64 chunk, mfn_t (*take_2m)(void))
{
    u64 first = chunk << FRAME_CHUNK_SHIFT, at = first >> M2P_SHIFT;
    mfn_t table = take_2m();

    map_set(frame_chunk_map, chunk);
    if (!pgtab_map((u64)frame_page_raw(mfn(first)), table, FRAME_OF_2M, HV_RW | PTE_PS))
        panic("frame: no memory to map the frame table for frame 0x%lx", first);
    frame_count.table_bytes += FRAME_OF_2M * PAGE_SIZE;
    for (u64 i = 0; i < FRAME_CHUNK; i++)
        *frame_page_raw(mfn(first + i)) = (struct page){.owner = PAGE_OWNER_IO};
    if (frame_m2p_page[at])
        return;
    table = take_2m();
    if (!pgtab_map(M2P_START + at * FRAME_OF_2M * PAGE_SIZE, table, FRAME_OF_2M, HV_RO | PTE_US | PTE_PS))
        panic("frame: no memory to map the M2P for frame 0x%lx", first);
    memset(frame_va(table), 0xff, FRAME_OF_2M * PAGE_SIZE);
    frame_m2p_page[at] = (u32)table.n;
    frame_count.m2p_bytes += FRAME_OF_2M * PAGE_SIZE;
}

/* All chunks without RAM share one set of structs, which only reading is for: I/O frames are never referenced. */
static void __init holes_create(mfn_t (*take_2m)(void))
{
    mfn_t shared = mfn(MFN_NONE);

    for (u64 c = 0; c < frame_limit >> FRAME_CHUNK_SHIFT; c++) {
        if (map_test(frame_chunk_map, c))
            continue;
        if (shared.n == MFN_NONE) {
            shared = take_2m();
            for (u64 i = 0; i < FRAME_CHUNK; i++)
                ((struct page *)frame_va(shared))[i] = (struct page){.owner = PAGE_OWNER_IO};
            frame_count.table_bytes += FRAME_OF_2M * PAGE_SIZE;
        }
        if (!pgtab_map((u64)frame_page_raw(mfn(c << FRAME_CHUNK_SHIFT)), shared, FRAME_OF_2M, HV_RO | PTE_PS))
            panic("frame: no memory to map the frame table for frame 0x%lx", c << FRAME_CHUNK_SHIFT);
    }
}

void __init frame_init(const struct frame_range *ram, u32 ram_count, mfn_t (*take_2m)(void))
{
    for (u32 r = 0; r < ram_count; r++) {
        ASSERT(ram[r].last >> FRAME_CHUNK_SHIFT < FRAME_CHUNK_MAX);
        for (u64 c = ram[r].first >> FRAME_CHUNK_SHIFT; c <= ram[r].last >> FRAME_CHUNK_SHIFT; c++)
            if (!map_test(frame_chunk_map, c))
                chunk_create(c, take_2m);
        frame_limit = max(frame_limit, ram[r].last + 1);
        for (u64 i = ram[r].first; i <= ram[r].last; i++)
            frame_page_raw(mfn(i))->owner = PAGE_OWNER_HV;
        frame_count.total += ram[r].last - ram[r].first + 1;
    }
    holes_create(take_2m);
}
