/* SPDX-License-Identifier: MIT */
/*
 * Wirt's own page tables: the direct map, the image, the frame table, M2P and the
 * windows. Slots 256..271 are shared by every address space, so a mapping made
 * here is seen by all CPUs at once; removing one needs tlb_flush_all(). Boot builds,
 * afterwards only windows and ioremap change. Also the PTE bits.
 */
#ifndef WIRT_HW_PGTAB_H
#define WIRT_HW_PGTAB_H

#include "hw/layout.h"
#include "lib/types.h"

typedef u64 pte_t;
#define PTE_P         0x1ull
#define PTE_RW        0x2ull
#define PTE_US        0x4ull
#define PTE_PWT       0x8ull
#define PTE_PCD       0x10ull
#define PTE_A         0x20ull
#define PTE_D         0x40ull
#define PTE_PS        0x80ull
#define PTE_PAT       0x80ull /* in an L1 entry */
#define PTE_G         0x100ull
#define PTE_NX        (1ull << 63)
#define PTE_AVAIL_LOW 0xe00ull
#define PTE_KERNEL    (1ull << 52) /* software: the guest gave this entry without US */
#define PTE_ADDR      0x000ffffffffff000ull
#define PTE_UPPER     (PTE_P | PTE_RW | PTE_A | PTE_D) /* of Wirt's own upper tables */
#define HV_RO         (PTE_P | PTE_A | PTE_D | PTE_G | PTE_NX)
#define HV_RW         (HV_RO | PTE_RW)
#define HV_RX         (PTE_P | PTE_A | PTE_D | PTE_G)
#define HV_UC         (HV_RW | PTE_PCD | PTE_PWT)
#define HV_WC         (HV_RW | PTE_PAT) /* PAT entry 4 */

static inline u64 pte_mfn(pte_t e)
{
    return (e & PTE_ADDR) >> PAGE_SHIFT;
}
static inline pte_t pte_make(u64 mfn_number, u64 flags)
{
    return (mfn_number << PAGE_SHIFT) | flags;
}

extern u64 pgtab_image_phys;            /* distance that GRUB moved the image by; 0 = not moved */
static inline void *pgtab_va(paddr_t p) /* direct map */
{
    return (void *)(DIRECT_START + p.a);
}
static inline void *frame_va(mfn_t m)
{
    return (void *)(DIRECT_START + (m.n << PAGE_SHIFT));
}
paddr_t pgtab_paddr(const void *va); /* of a direct-map or image address */

/* A source of zeroed page-table frames: boot's early allocator first, core/frame.c later. */
extern mfn_t (*pgtab_alloc)(void);
/* 2^order zeroed, naturally aligned frames as a direct-map address, from the same kind of source; NULL: none. */
extern void *(*pgtab_alloc_pages)(u32 order);

pte_t *pgtab_leaf(u64 va); /* the L1 entry itself (tables made if needed), NULL: out of frames */

/* Map [va, va + pages*4K) to [m, ...) with flags; 2 MiB pages where aligned and allowed (flags has PTE_PS
 * as a permission to use them). Replaces what was there. false: out of page-table frames. */
bool pgtab_map(u64 va, mfn_t m, u64 pages, u64 flags) __must_use;
bool pgtab_walk(u64 va, pte_t *leaf, u32 *level) __must_use; /* of our own tables, for diagnosis */
void *pgtab_ioremap(paddr_t p, u64 size, u64 flags);         /* HV_UC or HV_WC; NULL: window full. Never unmapped. */
void pgtab_init_l4(pte_t *l4);                               /* write the sixteen slots into a guest's L4 */
void pgtab_activate(void);                                   /* load it on this CPU */
extern pte_t *pgtab_l4;                                      /* of idle CPUs; sealed */
static inline mfn_t pgtab_hv_l4(void)
{
    return paddr_mfn(pgtab_paddr(pgtab_l4));
}

#endif
