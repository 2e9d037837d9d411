/* SPDX-License-Identifier: MIT */
/*
 * Grants that a domain with hardware assistance maps: an entry of p2m that shows another domain's frame, by a number
 * where nothing was. It is an entry like any other: it holds the reference and, if writable, the use, and whoever takes
 * it away, be it an unmap, other memory by that number or the end of the domain, gives them back, once.
 */
#include "hvm/hvm.h"

static int map(struct vcpu *v, u64 host_addr, u32 flags, mfn_t m, u32 owner, u64 *slot)
{
    bool writes = !(flags & GNTMAP_readonly);
    u64 gfn = host_addr >> PAGE_SHIFT;
    struct page *p = frame_page(m);
    int rc = -EPERM;

    if (flags & GNTMAP_contains_pte || host_addr % PAGE_SIZE)
        return -EFAULT;
    if (p && writes)
        rc = page_get_as(p, owner, PAGE_WRITABLE);
    else if (p && page_get(p, owner))
        rc = 0;
    if (rc)
        return rc;
    *slot = gfn * 8;
    if (p2m_add(v->domain, gfn, m, writes) == 0)
        return 0;
    if (writes)
        page_put_as(p);
    else
        page_put(p);
    return -EFAULT;
}

static void unmap(struct domain *d, u64 slot, mfn_t m)
{
    (void)p2m_clear(d, slot / 8, m);
}

const struct grant_ops hvm_grant_ops = {map, unmap};
