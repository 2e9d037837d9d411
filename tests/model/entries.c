/* SPDX-License-Identifier: MIT */
/*
 * Random contents: which frames a domain uses as what, page-table entries and descriptors that are
 * mostly right, and the mistakes: foreign frames, I/O, reserved bits, large pages, wrong levels,
 * writable mappings of tables, self-references.
 */
#include "ops.h"

struct world world;

enum page_kind entries_role(u32 i)
{
    static const enum page_kind role[16] = {PAGE_L4,       PAGE_L3,       PAGE_L2,       PAGE_L2,
                                            PAGE_L1,       PAGE_L1,       PAGE_L1,       PAGE_SEG,
                                            PAGE_WRITABLE, PAGE_WRITABLE, PAGE_WRITABLE, PAGE_WRITABLE,
                                            PAGE_WRITABLE, PAGE_WRITABLE, PAGE_WRITABLE, PAGE_L3};
    return role[i % 16];
}

u32 entries_pick(u32 d, enum page_kind role)
{
    for (u32 i = rnd(world.size[d]), n = 0; n < 16; n++, i = (i + 1) % world.size[d])
        if (entries_role(i) == role)
            return world.frame[d][i];
    return 0;
}

u32 entries_pick_any(u32 d)
{
    return world.frame[d][rnd(world.size[d])];
}

u32 entries_index(void)
{
    static const u16 index[16] = {0, 0, 0, 1, 1, 2, 3, 4, 5, 63, 64, 65, 254, 255, 272, 511};
    return one_in(12) ? rnd(512) : index[rnd(16)];
}

u64 entries_va(void)
{
    u64 va = 0;
    for (u32 shift = 12; shift <= 39; shift += 9)
        va |= (u64)(one_in(3) ? entries_index() : rnd(2)) << shift;
    va |= rnd(4096);
    return va & BIT(47) && !one_in(30) ? va | 0xffffull << 48 : va;
}

/* Down the vCPU's tables along random present entries; the last of up to 16 tries need not be liked. */
u64 entries_va_mapped(u32 v, bool (*likes)(u32 v, pte_t e))
{
    u64 found = entries_va();
    for (u32 n = 0; n < 16 && !one_in(8); n++) {
        u64 va = 0;
        u32 m = known.l4[v][0], level = 4;
        for (; level && m; level--) {
            const pte_t *t = frame_va(mfn(m));
            u32 i = entries_index();
            for (u32 k = 0; k < 24 && !(t[i] & PTE_P); k++)
                i = k < 12 ? entries_index() : rnd(512);
            va |= (u64)i << (12 + 9 * (level - 1));
            if (level == 1 && (!likes || likes(v, t[i])))
                return (va & BIT(47) ? va | 0xffffull << 48 : va) | rnd(4096);
            if (!(t[i] & PTE_P) || !machine_is_ram(pte_mfn(t[i])) ||
                (level == 4 && i >= HV_SLOT && i < HV_SLOT + HV_SLOT_COUNT))
                break;
            m = (u32)pte_mfn(t[i]);
        }
        if (level <= 1)
            found = (va & BIT(47) ? va | 0xffffull << 48 : va) | rnd(4096);
    }
    return found;
}

/* A frame that has no business there. */
static u64 wrong_frame(u32 d)
{
    switch (rnd(8)) {
    case 0:
        return entries_pick_any((d + 1 + rnd(2)) % DOMS);
    case 1:
        return rnd(RAM_FIRST);
    case 2:
        return MMIO_FIRST - 4 + rnd(24);
    case 3:
        return RAM_LAST - rnd(6); /* Wirt's own, or behind the end */
    case 4:
        return rnd64() >> rnd(40) & (PTE_ADDR >> PAGE_SHIFT);
    case 5:
        return RAM_FIRST + rnd(RAM_LAST - RAM_FIRST); /* perhaps a free one */
    default:
        return entries_pick_any(d);
    }
}

static u64 wrong_bits(void)
{
    switch (rnd(6)) {
    case 0:
        return PTE_PS;
    case 1:
        return BIT(36 + rnd(16)); /* beyond the machine's physical addresses */
    case 2:
        return PTE_PCD;
    case 3:
        return PTE_G;
    case 4:
        return PTE_PWT;
    default:
        return PTE_KERNEL;
    }
}

u64 entries_make(u32 d, enum page_kind table, u32 mistakes)
{
    bool is_wrong = mistakes && one_in(mistakes);
    u64 e = PTE_P | (one_in(3) ? PTE_US : 0) | (one_in(4) ? PTE_NX : 0) | (rnd64() & (PTE_A | PTE_D | PTE_AVAIL_LOW));
    u64 m;
    if (mistakes && one_in(8))
        return one_in(2) ? 0 : rnd64() & ~PTE_P;
    if (table > PAGE_L1) {
        m = entries_pick(d, table - 1);
        e |= one_in(8) ? 0 : PTE_RW;
    } else if (one_in(3)) { /* anything may be mapped read-only */
        m = entries_pick_any(d);
    } else {
        m = entries_pick(d, PAGE_WRITABLE);
        e |= PTE_RW;
    }
    if (d == 0 && table == PAGE_L1 && one_in(20)) {
        m = one_in(2) ? 0x10 + rnd(0x40) : MMIO_FIRST + rnd(16);
        e |= one_in(2) ? PTE_PCD : 0;
    }
    if (is_wrong && one_in(2))
        m = wrong_frame(d);
    else if (is_wrong && one_in(2))
        e |= wrong_bits();
    else if (is_wrong) {
        m = entries_pick_any(d);
        e |= PTE_RW;
    }
    return m ? e | m << PAGE_SHIFT : 0;
}

u64 entries_descriptor(void)
{
    static const u64 good[4] = {0, 0x00cffb000000ffff, 0x00cff3000000ffff, 0x00affb000000ffff};
    u64 e = good[rnd(4)];
    if (one_in(3))
        e &= ~(3ull << 45); /* DPL 0: raised */
    if (one_in(6))
        e = rnd64();
    if (one_in(12))
        e &= ~BIT(44); /* a gate or a system segment */
    return e;
}

void entries_fill(u32 d, u32 m, enum page_kind kind)
{
    u32 mistakes = one_in(4) ? 40 : 0, count = one_in(8) ? 64 + rnd(448) : rnd(12);
    u32 same = entries_pick(d, kind - 1);
    for (u32 i = 0; i < 512; i++)
        if (shadow[m][i])
            machine_store(m, i, 0);
    if (kind == PAGE_L1 && count > 64)
        mistakes = 0;
    for (u32 n = 0; n < count; n++) {
        u32 i = count >= 64 ? n : entries_index();
        u64 e = kind == PAGE_SEG ? entries_descriptor() : entries_make(d, kind, mistakes);
        if (kind == PAGE_SEG && (e >> 47 & 1) && !(e >> 44 & 1) && !one_in(40))
            e = 0;
        if (kind > PAGE_L1 && kind <= PAGE_L4 && count >= 64 && same && !one_in(16))
            e = same << PAGE_SHIFT | PTE_P | PTE_RW;
        machine_store(m, i, e);
    }
    if (kind == PAGE_L4 && one_in(4)) /* what a guest leaves in Wirt's slots does not matter */
        machine_store(m, HV_SLOT + rnd(HV_SLOT_COUNT), rnd64());
}
