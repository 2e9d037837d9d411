/* SPDX-License-Identifier: MIT */
/*
 * The page tables that Wirt runs on: its image with the rights of each part, the direct map's slots; at the end of the
 * boot what is sealed becomes read-only and .init disappears.
 */
#include "boot/bringup.h"
#include "hw/pgtab.h"
#include "lib/log.h"

extern u8 image_start[], text_end[], rodata_end[], sealed_end[], init_start[], init_end[], image_end[];

static void map_image(const u8 *from, const u8 *to, u64 flags)
{
    if (from < to && !pgtab_map((u64)from, paddr_mfn(pgtab_paddr(from)), (u64)(to - from) >> PAGE_SHIFT, flags))
        panic("boot: no memory for the page tables of Wirt's image");
}

__init void pgtab_init(u64 direct_limit)
{
    pgtab_l4 = frame_va(pgtab_alloc());
    u64 slots = (DIRECT_START - HV_START) >> 39;
    slots += (direct_limit + (1ull << 39) - 1) >> 39;
    for (u64 s = 0; s < slots; s++)
        pgtab_l4[HV_SLOT + s] = pte_make(pgtab_alloc().n, PTE_UPPER | (s == 0 ? PTE_US : 0));
    for (u64 va = IOREMAP_START; va < IOREMAP_END; va += 512 * PAGE_SIZE)
        if (!pgtab_leaf(va))
            panic("boot: no memory for the page tables of the ioremap window");
    map_image(image_start, text_end, HV_RX);
    map_image(text_end, rodata_end, HV_RO);
    map_image(rodata_end, sealed_end, HV_RW); /* read-only after boot */
    map_image(sealed_end, init_start, HV_RW);
    map_image(init_start, init_end, HV_RW & ~PTE_NX); /* code and data; gone before dom0 runs */
    map_image(init_end, image_end, HV_RW);
}

void pgtab_seal(void)
{
    map_image(rodata_end, sealed_end, HV_RO);
    for (u64 va = (u64)init_start; va < (u64)init_end; va += PAGE_SIZE)
        *pgtab_leaf(va) = 0;
}
