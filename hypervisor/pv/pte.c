/* SPDX-License-Identifier: MIT */
/*
 * One page-table entry at a time. Getting an entry checks the bits, takes a reference to the frame it maps and,
 * if the mapping is writable, a writable use; exchanging one gets the new, swaps by compare-and-swap and puts the
 * old: no lock, because the caller holds a typed use of the table, so that it stays a table meanwhile.
 * Whether an entry holds a reference follows from its frame alone (RAM that is not firmware's), so get and put agree.
 * Guest bits: user access is always on (the kernel runs in ring 3); PTE_KERNEL remembers the guest's wish, and only
 * real user pages are global, as the two address spaces of a process share them.
 */
#include "hw/spec.h"
#include "lib/log.h"
#include "pv/pte.h"

#define UPPER_FREE (PTE_P | PTE_RW | PTE_US | PTE_A | PTE_D | PTE_AVAIL_LOW | PTE_NX | (0x7ffull << 52))

__sealed u64 pv_pte_forbidden, pv_pte_l1tf_end;

__init void pv_pte_init(void)
{
    pv_pte_forbidden = PTE_ADDR & ~(BIT(cpu_desc.phys_bits) - 1);
}

__init void pv_pte_init_l1tf(void)
{
    if (spec_policy.has_l1tf)
        pv_pte_l1tf_end = frame_limit << PAGE_SHIFT;
}

/* RAM of nobody: devices, firmware tables. Cached mappings of devices become uncached. */
static int get_io(struct domain *d, pte_t *e)
{
    u64 m = pte_mfn(*e);
    if (!range_has(&d->iomem, m, m))
        return -EPERM;
    if (frame_is_hole(mfn(m)) && !(*e & PV_PTE_CACHE))
        *e |= PTE_PCD | PTE_PWT;
    if (range_has(&d->iomem_ro, m, m))
        *e &= ~PTE_RW;
    return 0;
}

/* What pv_pte_get leaves: bits to refuse, cache attributes, I/O memory. */
int pv_pte_get_rare(struct domain *d, u32 owner, pte_t *e)
{
    if (*e & pv_pte_forbidden)
        return -EINVAL;
    if (*e & PV_PTE_CACHE && !d->iomem.count)
        return -EINVAL;
    struct page *p = pv_pte_page(*e);
    int rc;
    if (!p)
        rc = get_io(d, e);
    else if (*e & PTE_RW)
        rc = page_get_as(p, owner, PAGE_WRITABLE);
    else
        rc = page_get(p, owner) ? 0 : -EPERM;
    if (rc == 0)
        *e = pv_pte_adjust(*e);
    return rc;
}

int pv_pte_write_any(struct domain *d, u32 owner, pte_t *slot, pte_t e, bool keeps_ad, const pte_t *expected)
{
    for (;;) {
        pte_t old = expected ? *expected : READ_ONCE(*slot), next = e;
        bool is_same = false;
        if (next & PTE_P) {
            if (keeps_ad && old & PTE_P)
                next |= old & (PTE_A | PTE_D);
            is_same = !((old ^ next) & PV_PTE_SAME);
            int rc = is_same ? 0 : pv_pte_get(d, owner, &next);
            if (rc)
                return rc;
            if (is_same)
                next = pv_pte_adjust(next);
        } else if (unlikely(pv_pte_is_leaky(next))) {
            return -EINVAL;
        }
        if (likely(atomic_cas64(slot, old, next))) {
            if (!is_same)
                pv_pte_put(old);
            return 0;
        }
        if (!is_same)
            pv_pte_put(next);
        if (expected)
            return -EAGAIN;
    }
}

int pv_pte_get_upper(struct domain *d, enum page_kind table, pte_t *e)
{
    if (*e & ~(UPPER_FREE | PTE_ADDR))
        return -EINVAL;
    struct page *p = pv_pte_page(*e);
    if (!p)
        return -EINVAL;
    int rc = page_get_as(p, domain_owner(d), (enum page_kind)(table - 1));
    if (rc == 0)
        *e = (*e | PTE_US) & ~PTE_G;
    return rc;
}

void pv_pte_put_upper(pte_t e)
{
    if (e & PTE_P)
        page_put_as(pv_pte_page(e));
}

int pv_pte_write_upper(struct domain *d, enum page_kind table, u32 index, pte_t *slot, pte_t e, bool keeps_ad)
{
    if (table == PAGE_L4 && index >= HV_SLOT && index < HV_SLOT + HV_SLOT_COUNT)
        return -EINVAL;
    for (;;) {
        pte_t old = READ_ONCE(*slot), next = e;
        bool is_same = false;
        if (next & PTE_P) {
            if (keeps_ad && old & PTE_P)
                next |= old & (PTE_A | PTE_D);
            is_same = old & PTE_P && pte_mfn(old) == pte_mfn(next) && !(next & ~(UPPER_FREE | PTE_ADDR));
            int rc = is_same ? 0 : pv_pte_get_upper(d, table, &next);
            if (rc)
                return rc;
            next |= PTE_US;
        } else if (unlikely(pv_pte_is_leaky(next))) {
            return -EINVAL;
        }
        if (atomic_cas64(slot, old, next)) {
            if (!is_same)
                pv_pte_put_upper(old);
            return 0;
        }
        if (!is_same)
            pv_pte_put_upper(next);
    }
}

/* No references on the way down: interrupts are off instead. A table that is given up meanwhile owes a flush of this
 * CPU before its frame can be written or given out (tlb_settle), and this CPU answers only behind the walk. */
pte_t *pv_pte_find(struct vcpu *v, u64 va, struct page **table)
{
    if (unlikely(!guest_range_ok(va, 1)))
        return NULL;
    u64 flags = cpu_irq_save();
    pte_t *t = frame_va(v->pv.in_kernel ? v->pv.kernel_l4 : v->pv.user_l4);
    for (u32 shift = 39; t && shift > 12; shift -= 9) {
        pte_t e = READ_ONCE(t[va >> shift & 511]);
        *table = frame_page(mfn(pte_mfn(e)));
        t = likely(e & PTE_P && *table) ? frame_va(mfn(pte_mfn(e))) : NULL;
    }
    cpu_irq_restore(flags);
    return likely(t) ? &t[va >> 12 & 511] : NULL;
}
