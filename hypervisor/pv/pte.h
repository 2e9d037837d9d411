/* SPDX-License-Identifier: MIT */
/*
 * The hot half of pte.c, in line for the callers that live on it (mmu_update.c, ptwr.c, types.c): taking, giving
 * back and exchanging one L1 entry. The theory is in pte.c.
 */
#ifndef WIRT_PV_PTE_H
#define WIRT_PV_PTE_H

#include "pv/pv.h"

#define PV_PTE_FREE  (PTE_P | PTE_RW | PTE_US | PTE_A | PTE_D | PTE_AVAIL_LOW | PTE_G | PTE_NX | (0x7ffull << 52))
#define PV_PTE_CACHE (PTE_PWT | PTE_PCD | PTE_PAT)
/* entries alike in these use their frame alike: no new reference */
#define PV_PTE_SAME (PTE_ADDR | PTE_P | PTE_RW | PV_PTE_CACHE)

extern u64 pv_pte_forbidden; /* bits that no guest may set: physical address bits that do not exist */
/* L1 terminal fault: on the processors that have it, an entry that is not present and names memory lets a guest read
 * what the L1 cache holds of that. Such entries are refused; Linux inverts its own on these processors. 0: not
 * affected. */
extern u64 pv_pte_l1tf_end;
#define PV_PTE_L1TF_BITS (PTE_ADDR & (BIT(44) - 1)) /* what the smallest such cache compares */
static inline bool pv_pte_is_leaky(pte_t e)
{
    return unlikely(pv_pte_l1tf_end) && e & PTE_ADDR && (e & PV_PTE_L1TF_BITS) < pv_pte_l1tf_end;
}
int pv_pte_get_rare(struct domain *d, u32 owner, pte_t *e);

static inline pte_t pv_pte_adjust(pte_t e)
{
    if (likely((e & (PTE_US | PTE_KERNEL)) == PTE_US))
        return e | PTE_G;
    return (e & ~PTE_G) | PTE_US | PTE_KERNEL;
}

static inline struct page *pv_pte_page(pte_t e)
{
    struct page *p = frame_page(mfn(pte_mfn(e)));
    return p && likely(p->owner != PAGE_OWNER_IO) ? p : NULL;
}

/* Prepare `*e` (present) for an L1 table of d mapping a frame of `owner`: checks, adjusts the bits, takes the reference
 * and, if writable, the type. */
static inline int pv_pte_get(struct domain *d, u32 owner, pte_t *e)
{
    struct page *p = pv_pte_page(*e);
    if (unlikely(!p || *e & (pv_pte_forbidden | PV_PTE_CACHE)))
        return pv_pte_get_rare(d, owner, e);
    int rc = likely(*e & PTE_RW) ? page_get_as(p, owner, PAGE_WRITABLE) : page_get(p, owner) ? 0 : -EPERM;
    if (likely(rc == 0))
        *e = pv_pte_adjust(*e);
    return rc;
}

/* Gives back what get took. */
static inline void pv_pte_put(pte_t e)
{
    struct page *p;
    if (!(e & PTE_P) || !(p = pv_pte_page(e)))
        return;
    if (e & PTE_RW)
        page_put_as(p);
    else
        page_put(p);
}

/* Exchange an entry. expected != NULL: only if it still is *expected, else -EAGAIN. */
int pv_pte_write_any(struct domain *d, u32 owner, pte_t *slot, pte_t e, bool keeps_ad, const pte_t *expected);

/* The usual cases in line: the frame stays, and at most its rights change. The entry's own reference may go as soon as
 * another CPU changes the entry, so whatever is done to the frame is done under one of ours. */
__inline_always int pv_pte_write(struct domain *d, u32 owner, pte_t *slot, pte_t e, bool keeps_ad)
{
    pte_t old = READ_ONCE(*slot), next = pv_pte_adjust(keeps_ad ? e | (old & (PTE_A | PTE_D)) : e);
    u64 change = old ^ e;
    struct page *p;
    if (unlikely(!(e & PTE_P) || change & (PV_PTE_SAME & ~PTE_RW)))
        goto any; /* otherwise the address is one that was checked */
    if (!(change & PTE_RW)) {
        if (likely(atomic_cas64(slot, old, next)))
            return 0;
        goto any;
    }
    p = frame_page(mfn(pte_mfn(e)));
    if (unlikely(!p))
        goto any;
    if (e & PTE_RW) {
        if (unlikely(page_get_quick(p, owner, PAGE_WRITABLE)))
            goto any;
        if (likely(atomic_cas64(slot, old, next))) {
            page_put(p);
            return 0;
        }
        page_put_as(p);
    } else {
        if (unlikely(!page_get(p, owner)))
            goto any;
        if (likely(atomic_cas64(slot, old, next))) {
            page_put_as(p);
            return 0;
        }
        page_put(p);
    }
any:
    return pv_pte_write_any(d, owner, slot, e, keeps_ad, NULL);
}

#endif
