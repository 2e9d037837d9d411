/* SPDX-License-Identifier: MIT */
/*
 * Wirt's page tables. boot/pgtab.c makes one L4 whose slots 256..271 are copied into every guest L4; all L3 tables
 * are made then, so that those sixteen entries never change. Upper entries carry all rights (user only in the M2P's
 * slot): the leaf decides. No lock: boot is alone, later each window entry has one writer.
 */
#include "hw/pgtab.h"

#include "hw/cpu.h"
#include "lib/log.h"
#include "lib/string.h"

u64 pgtab_image_phys;
mfn_t (*pgtab_alloc)(void);
void *(*pgtab_alloc_pages)(u32 order);
__sealed pte_t *pgtab_l4;
static u64 ioremap_next = IOREMAP_START;

paddr_t pgtab_paddr(const void *va)
{
    u64 a = (u64)va;
    if (a >= DIRECT_START)
        return paddr(a - DIRECT_START);
    return paddr(a - IMAGE_START + pgtab_image_phys);
}

static u32 index_at(u64 va, u32 level) /* 4 = L4 */
{
    return (va >> (PAGE_SHIFT + 9 * (level - 1))) & 511;
}

/* The entry that maps va at `level`, with the tables above it; NULL: out of frames. A large page on the way is
 * split only by pgtab_map's caller never asking for it. */
static pte_t *entry_at(u64 va, u32 level)
{
    pte_t *table = pgtab_l4;
    u64 upper = PTE_UPPER | (index_at(va, 4) == HV_SLOT ? PTE_US : 0);
    for (u32 l = 4; l > level; l--) {
        pte_t *e = &table[index_at(va, l)];
        if (!(*e & PTE_P)) {
            mfn_t m = pgtab_alloc();
            if (m.n == MFN_NONE)
                return NULL;
            *e = pte_make(m.n, upper);
        }
        ASSERT(!(*e & PTE_PS));
        table = frame_va(mfn(pte_mfn(*e)));
    }
    return &table[index_at(va, level)];
}

pte_t *pgtab_leaf(u64 va)
{
    return entry_at(va, 1);
}

bool pgtab_map(u64 va, mfn_t m, u64 pages, u64 flags)
{
    bool allows_large = flags & PTE_PS;
    flags &= ~PTE_PS;
    while (pages) {
        bool is_large = allows_large && pages >= 512 && !(va & 0x1fffff) && !(m.n & 511);
        u64 step = is_large ? 512 : 1;
        pte_t *e = entry_at(va, is_large ? 2 : 1);
        if (!e)
            return false;
        *e = pte_make(m.n, flags | (is_large ? PTE_PS : 0));
        va += step << PAGE_SHIFT;
        m.n += step;
        pages -= step;
    }
    return true;
}

bool pgtab_walk(u64 va, pte_t *leaf, u32 *level)
{
    pte_t *table = pgtab_l4;
    if (va < HV_START || va >= HV_END)
        return false;
    for (u32 l = 4;; l--) {
        pte_t e = table[index_at(va, l)];
        if (!(e & PTE_P))
            return false;
        if (l == 1 || (e & PTE_PS && l < 4)) {
            *leaf = e;
            *level = l;
            return true;
        }
        table = frame_va(mfn(pte_mfn(e)));
    }
}

void *pgtab_ioremap(paddr_t p, u64 size, u64 flags)
{
    u64 offset = p.a & (PAGE_SIZE - 1);
    u64 pages = (offset + size + PAGE_SIZE - 1) >> PAGE_SHIFT;
    u64 va = ioremap_next;
    if (pages > (IOREMAP_END - va) >> PAGE_SHIFT || !pgtab_map(va, paddr_mfn(p), pages, flags)) {
        log_error("ioremap: no room for %lu pages at physical 0x%lx", pages, p.a);
        return NULL;
    }
    ioremap_next += pages << PAGE_SHIFT;
    return (void *)(va + offset);
}

void pgtab_init_l4(pte_t *l4)
{
    memcpy(&l4[HV_SLOT], &pgtab_l4[HV_SLOT], HV_SLOT_COUNT * sizeof(pte_t));
}

void pgtab_activate(void)
{
    cpu_write_cr3(pgtab_hv_l4().n << PAGE_SHIFT);
}
