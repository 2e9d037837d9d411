/* SPDX-License-Identifier: MIT */
/*
 * memory_op: a domain takes and returns frames, and learns where things are. Extents are worked off one by one
 * under the domain's lock, so that the limit and the list of frames agree; the cursor counts extents done. Exchange
 * has a file of its own (memory_exchange.c). Frames change hands through dom/page.h only.
 */
#include "call/memory_op.h"
#include "call/call.h"
#include "call/memory_exchange.h"
#include "dom/policy.h"
#include "lib/errno.h"
#include "lib/safe.h"
#include "public/memory.h"

__sealed struct e820_entry memory_map[MEMORY_MAP_MAX];
__sealed u32 memory_map_count;

/* Frames for one extent, owned by d; M2P says `gpfn` on, or nothing if that is M2P_INVALID. */
static bool extent_take(struct domain *d, u32 order, u32 bits, u64 gpfn, u64 *first)
{
    bool has_room;
    mfn_t m = mfn(MFN_NONE);

    lock_take(&d->lock);
    has_room = d->page_count + (1ull << order) <= d->page_max && !d->is_dying;
    if (has_room)
        m = frame_alloc(order, 0, bits);
    if (m.n != MFN_NONE) {
        for (u64 j = 0; j < 1ull << order; j++) {
            page_assign(d, mfn(m.n + j));
            frame_m2p_set(mfn(m.n + j), gpfn == M2P_INVALID ? M2P_INVALID : gpfn + j);
        }
    }
    lock_drop(&d->lock);
    *first = m.n;
    return m.n != MFN_NONE;
}

/* The owner's references of 2^order frames go; each frame is freed when its last use goes. */
static bool extent_drop(struct domain *d, u64 first, u32 order)
{
    bool is_done = true;

    lock_take(&d->lock);
    for (u64 j = 0; j < 1ull << order && is_done; j++) {
        struct page *p = frame_page(mfn(first + j));
        if (!p || !page_get(p, domain_owner(d))) {
            is_done = false;
            break;
        }
        is_done = (READ_ONCE(p->type) & PAGE_PINNED) == 0 && page_release(d, p);
        if (is_done)
            frame_m2p_set(mfn(first + j), M2P_INVALID);
        page_put(p);
    }
    lock_drop(&d->lock);
    return is_done;
}

/* One extent of `sub`; 0, 1: it cannot be done and ends the call, -EFAULT. */
static int extent_do(u64 sub, struct domain *d, const struct xen_memory_reservation *r, u64 i)
{
    guest_ptr list = guest_at(r->extent_start);
    u64 gpfn = M2P_INVALID, first;

    if (sub == XENMEM_decrease_reservation) {
        if (!guest_get_at(&first, list, i))
            return -EFAULT;
        return extent_drop(d, first, r->extent_order) ? 0 : 1;
    }
    if (sub == XENMEM_populate_physmap && !guest_get_at(&gpfn, list, i))
        return -EFAULT;
    if (!extent_take(d, r->extent_order, memory_address_bits(r->mem_flags), gpfn, &first))
        return 1;
    if (guest_is_null(list) || guest_put_at(list, i, &first))
        return 0;
    return extent_drop(d, first, r->extent_order) ? -EFAULT : 1;
}

static s64 reservation(u64 sub, guest_ptr arg)
{
    struct vcpu_cont *cont = &vcpu_current()->cont;
    struct xen_memory_reservation r;
    struct domain *d;
    u64 i, bytes;
    int rc;

    if (!guest_get(&r, arg))
        return -EFAULT;
    if (!safe_mul(r.nr_extents, sizeof(u64), &bytes) || !guest_range_ok(r.extent_start, bytes))
        return -EFAULT;
    if (r.extent_order > MEMORY_ORDER_MAX || (r.mem_flags & XENMEMF_populate_on_demand))
        return 0; /* as for any extent that cannot be had: none done */
    rc = policy_target(r.domid, &d);
    if (rc)
        return rc;
    for (i = cont->cursor; i < r.nr_extents && rc == 0;) {
        rc = extent_do(sub, d, &r, i);
        i += rc == 0;
        if (rc == 0 && i < r.nr_extents && call_should_stop())
            rc = -ERESTART;
    }
    domain_put(d);
    if (rc == -ERESTART)
        cont->cursor = i;
    return rc == -ERESTART || (rc < 0 && i == 0) ? rc : (s64)i;
}

static s64 reservation_count(u64 sub, guest_ptr arg)
{
    struct xen_memory_domain who;
    struct domain *d;
    s64 count;
    int rc;

    if (!guest_get(&who, arg))
        return -EFAULT;
    rc = policy_target(who.domid, &d);
    if (rc)
        return rc;
    count = (s64)(sub == XENMEM_current_reservation ? d->page_count : d->page_max);
    domain_put(d);
    return count;
}

static s64 machine_memory_map(guest_ptr arg)
{
    struct xen_memory_map map;
    u64 bytes;

    if (!guest_get(&map, arg))
        return -EFAULT;
    map.nr_entries = min(map.nr_entries, memory_map_count);
    bytes = map.nr_entries * sizeof(memory_map[0]);
    if (!guest_write(guest_at(map.buffer), memory_map, bytes) || !guest_put(arg, &map))
        return -EFAULT;
    return 0;
}

static s64 machphys_mapping(guest_ptr arg)
{
    const struct xen_machphys_mapping map = {M2P_START, MACH2PHYS_VIRT_END, frame_m2p_limit()};

    return guest_put(arg, &map) ? 0 : -EFAULT;
}

/* One frame number for each 2 MiB of the M2P; a hole repeats the one before. */
static s64 machphys_mfn_list(guest_ptr arg)
{
    u64 count = frame_m2p_limit() / (0x200000 / sizeof(u64)) + 1, last = 0;
    struct xen_machphys_mfn_list list;

    if (!guest_get(&list, arg))
        return -EFAULT;
    list.nr_extents = (u32)min(count, list.max_extents);
    for (u64 i = 0; i < list.nr_extents; i++) {
        pte_t leaf;
        u32 level;
        if (pgtab_walk(M2P_START + i * 0x200000, &leaf, &level))
            last = pte_mfn(leaf);
        if (!guest_put_at(guest_at(list.extent_start), i, &last))
            return -EFAULT;
    }
    return guest_put(arg, &list) ? 0 : -EFAULT;
}

s64 call_memory_op(const struct call_args *args)
{
    u64 sub = args->a[0];
    guest_ptr arg = guest_at(args->a[1]);
    int rc = policy_check(domain_current(), __HYPERVISOR_memory_op, sub);

    if (rc)
        return rc;
    switch (sub) {
    case XENMEM_increase_reservation:
    case XENMEM_decrease_reservation:
    case XENMEM_populate_physmap:
        return reservation(sub, arg);
    case XENMEM_exchange:
        return memory_exchange(arg);
    case XENMEM_current_reservation:
    case XENMEM_maximum_reservation:
        return reservation_count(sub, arg);
    case XENMEM_maximum_ram_page:
        return (s64)frame_limit - 1;
    case XENMEM_machine_memory_map:
        return machine_memory_map(arg);
    case XENMEM_machphys_mapping:
        return machphys_mapping(arg);
    case XENMEM_machphys_mfn_list:
        return machphys_mfn_list(arg);
    default:
        return -ENOSYS;
    }
}
