/* SPDX-License-Identifier: MIT */
/*
 * The page-table side of grants, behind the door of dom/grant.h: one L1 entry of the caller's that shows a frame of
 * another domain. It is an entry like any other (pv/pte.c): it holds the frame's reference, and whoever takes it away,
 * be it an unmap, an ordinary update or the end of the table, gives that back, once. So an unmap looks whether the
 * entry still shows the frame, and if not there is nothing left to do here. docs/GRANTS.md says why that is enough.
 */
#include "dom/grant.h"
#include "pv/pte.h"

/* A use of a checked L1 table of `owner`, for as long as its entry is exchanged; false: it is none, or no more. Wirt's
 * own uses are not limited: of them there are no more than CPUs. */
static bool table_hold(struct page *p, u32 owner)
{
    u64 refs = p->refs, type = p->type;

    do {
        if (p->owner != owner || (type & (PAGE_KIND | PAGE_VALID | PAGE_BUSY)) != (PAGE_KIND_OF(PAGE_L1) | PAGE_VALID))
            return false;
    } while (!page_cas(p, &refs, &type, refs + 1, type + 1));
    if (likely(p->owner == owner)) /* it may have gone and come back meanwhile */
        return true;
    page_put_as(p);
    return false;
}

static pte_t entry_make(mfn_t m, u32 flags)
{
    pte_t e = pte_make(m.n, PTE_P | PTE_A | PTE_D | PTE_NX | ((u64)flags >> 16 << 9 & PTE_AVAIL_LOW));

    return e | (flags & GNTMAP_readonly ? 0 : PTE_RW) | (flags & GNTMAP_application_map ? PTE_US : 0);
}

static int map(struct vcpu *v, u64 host_addr, u32 flags, mfn_t m, u32 owner, u64 *slot)
{
    pte_t e = entry_make(m, flags), *at;
    struct page *table = NULL, *p = pv_pte_page(e);
    int rc;

    /* Not what the caller may map anyway, or maps there already: devices, others' frames. */
    if (!p || p->owner != owner)
        return -EPERM;
    if (flags & GNTMAP_contains_pte) {
        table = host_addr % sizeof(pte_t) == 0 ? frame_page(mfn(host_addr >> PAGE_SHIFT)) : NULL;
        at = (pte_t *)(DIRECT_START + host_addr);
    } else {
        at = pv_pte_find(v, host_addr, &table);
    }
    if (!at || !table || !table_hold(table, domain_owner(v->domain)))
        return -EFAULT;
    rc = pv_pte_write(v->domain, owner, at, e, false);
    page_put_as(table);
    *slot = (u64)at - DIRECT_START;
    return rc;
}

static void unmap(struct domain *d, u64 slot, mfn_t m)
{
    pte_t *at = (pte_t *)(DIRECT_START + slot), e;
    struct page *table = frame_page(mfn(slot >> PAGE_SHIFT));

    if (!table || !table_hold(table, domain_owner(d)))
        return;
    do
        e = READ_ONCE(*at);
    while (e & PTE_P && pte_mfn(e) == m.n && !atomic_cas64(at, e, 0));
    if (e & PTE_P && pte_mfn(e) == m.n)
        pv_pte_put(e);
    page_put_as(table);
}

const struct grant_ops pv_grant_ops = {map, unmap};
