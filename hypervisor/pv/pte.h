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
int pv_pte_get_rare(struct domain *d, u32 owner, pte_t *e);

static inline pte_t pv_pte_adjust(pte_t e)
{
    if ((e & (PTE_US | PTE_KERNEL)) == PTE_US)
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
static inline int pv_pte_write(struct domain *d, u32 owner, pte_t *slot, pte_t e, bool keeps_ad, const pte_t *expected)
{
    for (;;) {
        pte_t old = expected ? *expected : READ_ONCE(*slot), new = e;
        bool is_same = false;
        if (new &PTE_P) {
            if (keeps_ad && old & PTE_P)
                new |= old &(PTE_A | PTE_D);
            is_same = !((old ^ new) & PV_PTE_SAME) && !(new &pv_pte_forbidden);
            if (is_same) {
                new = pv_pte_adjust(new);
            } else {
                int rc = pv_pte_get(d, owner, &new);
                if (unlikely(rc))
                    return rc;
            }
        }
        if (likely(atomic_cas64(slot, old, new))) {
            if (!is_same)
                pv_pte_put(old);
            return 0;
        }
        if (!is_same)
            pv_pte_put(new);
        if (expected)
            return -EAGAIN;
    }
}

#endif
