/* SPDX-License-Identifier: MIT */
/*
 * memory_op: a domain takes and returns frames, exchanges them against others (dom0, for DMA), and learns where things
 * are. Extents are worked off one by one under the domain's lock, so that the limit and the list of frames agree; the
 * cursor counts extents done. An exchange goes in pieces of as many frames as its larger extents have: a piece is read
 * and checked, every frame given must be the domain's and used by nobody, and from there on nothing can fail but by the
 * guest's own racing, which crashes it. Frames change hands through dom/page.h only.
 */
#include "call/call.h"
#include "call/memory_map.h"
#include "core/slab.h"
#include "core/work.h"
#include "dom/shared.h"
#include "hvm/hvm.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lib/safe.h"
#include "lib/string.h"
#include "public/memory.h"

#define ORDER_MAX 9u /* largest extent: 2 MiB, the work of one step */
#define PIECE_MAX (1u << ORDER_MAX)

struct exchange {
    struct domain *d;
    struct xen_memory_exchange *x;
    u32 frames, ins, outs; /* in a piece: frames, extents in, extents out */
    /* First frame of each extent; gpfn of each extent out. */
    u64 in[PIECE_MAX], out[PIECE_MAX], gpfn[PIECE_MAX];
};

/* Frames as `r` wants them. */
static mfn_t extent_alloc(struct domain *d, const struct xen_memory_reservation *r)
{
    u32 bits = XENMEMF_get_address_bits(r->mem_flags);
    return frame_alloc_claimed(&d->claim, r->extent_order, 0, bits < 52 ? bits : 0);
}

/* They become d's; M2P says `gpfn` on, or nothing if that is M2P_INVALID. */
static void extent_assign(struct domain *d, u64 first, u32 order, u64 gpfn)
{
    page_assign(d, mfn(first), 1ull << order);
    for (u64 j = 0; j < 1ull << order; j++)
        frame_m2p_set(mfn(first + j), gpfn == M2P_INVALID ? M2P_INVALID : gpfn + j);
}

/* Of a domain that counts in numbers of its own: they appear there, all or none. */
static bool extent_show(struct domain *d, u64 first, u32 order, u64 gfn)
{
    u64 count = 1ull << order, shown = 0;

    if (!d->ops->show)
        return true;
    while (shown < count && d->ops->show(d, gfn + shown, mfn(first + shown)) == 0)
        shown++;
    for (u64 j = 0; shown < count && j < count; j++) {
        if (j < shown)
            (void)d->ops->hide(d, gfn + j);
        if (!page_release(d, frame_page_raw(mfn(first + j))))
            domain_log(d, "frame 0x%lx stays, though it is not shown", first + j);
    }
    return shown == count;
}

/* Once for each size that the domain has: whoever asks again and again does not push its other news out of the log. */
static void extent_refuse(struct domain *d, u32 order)
{
    if (d->page_refused != d->page_count + 1)
        domain_log(d, "it may have %lu frames, has %lu, and is refused %llu more", d->page_max, d->page_count,
                   1ull << order);
    d->page_refused = d->page_count + 1;
}

static bool extent_take(struct domain *d, const struct xen_memory_reservation *r, u64 gpfn, u64 *first)
{
    *first = MFN_NONE;
    lock_take(&d->lock);
    if (1ull << r->extent_order > domain_page_room(d))
        extent_refuse(d, r->extent_order);
    else if (!domain_is_dying(d))
        *first = extent_alloc(d, r).n;
    if (*first != MFN_NONE) {
        extent_assign(d, *first, r->extent_order, gpfn);
        if (!extent_show(d, *first, r->extent_order, gpfn))
            *first = MFN_NONE;
    }
    lock_drop(&d->lock);
    return *first != MFN_NONE;
}

/* The owner's references of 2^order frames go; each frame is freed when its last use goes. */
static bool extent_drop(struct domain *d, u64 first, u32 order)
{
    bool is_done = true;
    lock_take(&d->lock);
    for (u64 j = 0; j < 1ull << order && is_done; j++) {
        mfn_t m = d->ops->hide ? d->ops->hide(d, first + j) : mfn(first + j);
        struct page *p = m.n == MFN_NONE ? NULL : frame_page(m);
        is_done = p && page_get(p, domain_owner(d));
        if (!is_done)
            break;
        is_done = page_release(d, p);
        if (is_done)
            frame_m2p_set(m, M2P_INVALID);
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
    if (!extent_take(d, r, gpfn, &first))
        return 1;
    if (d->ops->show || guest_is_null(list) || guest_put_at(list, i, &first))
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
    if (r.extent_order > ORDER_MAX || (r.mem_flags & XENMEMF_populate_on_demand))
        return 0; /* as for any extent that cannot be had: none done */
    rc = domain_target(r.domid, &d);
    if (rc)
        return rc;
    for (i = cont->cursor; i < r.nr_extents && rc == 0;) {
        rc = extent_do(sub, d, &r, i);
        i += rc == 0;
        if (rc == 0 && i < r.nr_extents && work_is_pending())
            rc = -ERESTART;
    }
    domain_put(d);
    if (rc == -ERESTART)
        cont->cursor = i;
    return rc == -ERESTART || (rc < 0 && i == 0) ? rc : (s64)i;
}

static struct page *exchange_page(const struct exchange *e, u32 i)
{
    u32 order = e->x->in.extent_order;

    return frame_page(mfn(e->in[i >> order] + (i & ((1u << order) - 1))));
}

/* A reference to a frame given; false if it is not the domain's or anybody uses it (or it is given twice). */
static bool exchange_hold(const struct exchange *e, struct page *p)
{
    if (!p || !page_get(p, domain_owner(e->d)))
        return false;
    if ((p->refs & (PAGE_ALLOCATED | PAGE_REFS)) == (PAGE_ALLOCATED | 2) && (p->type & PAGE_COUNT) == 0)
        return true;
    page_put(p);
    return false;
}

/* All frames of a piece: held, those given; allocated, those wanted. Or nothing. */
static int exchange_prepare(struct exchange *e)
{
    u32 held = 0, taken = 0;

    while (held < e->frames && exchange_hold(e, exchange_page(e, held)))
        held++;
    for (; held == e->frames && taken < e->outs; taken++) {
        e->out[taken] = extent_alloc(e->d, &e->x->out).n;
        if (e->out[taken] == MFN_NONE)
            break;
    }
    if (taken == e->outs)
        return 0;
    while (taken-- > 0)
        frame_free(mfn(e->out[taken]), e->x->out.extent_order);
    for (u32 i = 0; i < held; i++)
        page_put(exchange_page(e, i));
    return held == e->frames ? -ENOMEM : -EINVAL;
}

/* false: a frame given had left the domain. */
static bool exchange_commit(struct exchange *e)
{
    bool is_done = true;

    for (u32 i = 0; i < e->frames; i++) {
        struct page *p = exchange_page(e, i);
        is_done &=
            page_release(e->d, p) && (READ_ONCE(p->refs) & PAGE_REFS) == 1; /* ours: nobody mapped it meanwhile */
        frame_m2p_set(frame_mfn(p), M2P_INVALID);
        page_put(p);
    }
    for (u32 i = 0; i < e->outs; i++)
        extent_assign(e->d, e->out[i], e->x->out.extent_order, e->gpfn[i]);
    return is_done;
}

static int exchange_piece(struct exchange *e, u64 piece)
{
    guest_ptr in = guest_offset(guest_at(e->x->in.extent_start), piece * e->ins * sizeof(u64));
    guest_ptr out = guest_offset(guest_at(e->x->out.extent_start), piece * e->outs * sizeof(u64));
    bool is_done = true;
    int rc;

    if (!guest_read(e->in, in, e->ins * sizeof(u64)) || !guest_read(e->gpfn, out, e->outs * sizeof(u64)) ||
        !guest_write(out, e->gpfn, e->outs * sizeof(u64)))
        return -EFAULT;
    lock_take(&e->d->lock);
    rc = exchange_prepare(e);
    if (rc == 0)
        is_done = exchange_commit(e);
    lock_drop(&e->d->lock);
    if (rc == 0 && (!guest_write(out, e->out, e->outs * sizeof(u64)) || !is_done))
        domain_crash(e->d, "memory exchange: a frame, or the list at 0x%lx, went away meanwhile", out.va);
    return rc;
}

/* In and out must name the caller and as many frames, in whole pieces. */
static int exchange_check(const struct domain *d, const struct xen_memory_exchange *x, u64 *total)
{
    const struct xen_memory_reservation *in = &x->in, *out = &x->out;
    u64 check;

    if ((in->domid != DOMID_SELF && in->domid != d->id) || in->domid != out->domid)
        return -EPERM;
    if (in->extent_order > ORDER_MAX || out->extent_order > ORDER_MAX || x->nr_exchanged ||
        !safe_mul(in->nr_extents, 1ull << in->extent_order, total) ||
        !safe_mul(out->nr_extents, 1ull << out->extent_order, &check) || *total != check ||
        *total & ((1ull << max(in->extent_order, out->extent_order)) - 1) || *total >> 48)
        return -EINVAL;
    return 0;
}

static s64 exchange(struct domain *d, void *arg)
{
    struct xen_memory_exchange *x = arg;
    u64 total, done = vcpu_current()->cont.cursor; /* frames, pieces */
    s64 rc = exchange_check(d, x, &total);
    struct exchange *e;

    if (rc)
        return rc;
    e = slab_alloc(sizeof(*e));
    if (!e)
        return -ENOMEM;
    e->d = d;
    e->x = x;
    e->frames = 1u << max(x->in.extent_order, x->out.extent_order);
    e->ins = e->frames >> x->in.extent_order;
    e->outs = e->frames >> x->out.extent_order;
    while (done * e->frames < total && rc == 0) {
        rc = exchange_piece(e, done);
        done += rc == 0;
        if (rc == 0 && done * e->frames < total && work_is_pending())
            rc = -ERESTART;
    }
    x->nr_exchanged = done * e->ins;
    if (rc == -ERESTART)
        vcpu_current()->cont.cursor = done;
    slab_free(e, sizeof(*e));
    return rc;
}

/* As many frames as bring the domain to nr_extents in all; 0 drops what is left of a claim. */
static s64 claim(struct domain *self, void *arg)
{
    const struct xen_memory_reservation *r = arg;
    u64 count = r->nr_extents;
    struct domain *d;
    s64 rc;

    (void)self;
    if (r->extent_start || r->extent_order || r->mem_flags)
        return -EINVAL;
    rc = domain_target(r->domid, &d);
    if (rc)
        return rc;
    lock_take(&d->lock);
    if (count && (domain_is_dying(d) || d->claim || count <= d->page_count || count > d->page_max))
        rc = -EINVAL;
    else
        rc = frame_claim(&d->claim, count ? count - d->page_count : 0);
    lock_drop(&d->lock);
    if (rc == -ENOMEM)
        log_warn("domain %u: %lu frames cannot be claimed: not enough are free and unclaimed", d->id, count);
    domain_put(d);
    return rc;
}

/* What a PV guest says of itself, so: not to be believed; of the other kind, what it ever used. */
static s64 maximum_gpfn(struct domain *d, void *arg)
{
    u64 count = READ_ONCE(d->shared->arch.max_pfn);

    (void)arg;
    if (d->hvm)
        count = READ_ONCE(d->hvm->gfn_end);
    return (s64)min(max(count, 1ul) - 1, PTE_ADDR >> PAGE_SHIFT);
}

/* Frames of the grant table, to be mapped by mmu_update as that domain's. */
static s64 acquire_resource(struct domain *d, void *arg)
{
    struct xen_mem_acquire_resource *r = arg;
    struct vcpu_cont *cont = &vcpu_current()->cont;
    u64 count = d->grant.frame_max, i = cont->cursor;
    int rc = 0;
    mfn_t m;

    if (r->pad || r->type != XENMEM_resource_grant_table || r->id != XENMEM_resource_grant_table_id_shared)
        return -EINVAL;
    if (!r->frame_list) {
        r->nr_frames = (u32)count;
        return 0;
    }
    if (r->frame > count || r->nr_frames > count - r->frame)
        return -EINVAL;
    while (i < r->nr_frames && rc == 0) {
        rc = grant_frame(d, (u32)(r->frame + i), &m);
        if (rc == 0 && !guest_put_at(guest_at(r->frame_list), i, &m.n))
            rc = -EFAULT;
        i += rc == 0;
        if (rc == 0 && i < r->nr_frames && work_is_pending())
            rc = -ERESTART;
    }
    if (rc == -ERESTART)
        cont->cursor = i;
    return rc;
}

static s64 current_reservation(struct domain *d, void *arg)
{
    (void)arg;
    return (s64)d->page_count;
}

static s64 maximum_reservation(struct domain *d, void *arg)
{
    (void)arg;
    return (s64)d->page_max;
}

static s64 maximum_ram_page(struct domain *d, void *arg)
{
    (void)d;
    (void)arg;
    return (s64)frame_limit - 1;
}

/* Nothing is populated on demand, so there is nothing to adjust; xl wants it done when it sets a balloon's target. */
static s64 set_pod_target(struct domain *self, void *arg)
{
    struct xen_pod_target *t = arg;
    struct domain *d;
    int rc = domain_target(t->domid, &d);

    (void)self;
    if (rc)
        return rc;
    *t = (struct xen_pod_target){t->target_pages, d->page_count, 0, 0, t->domid};
    domain_put(d);
    return 0;
}

/* xl asks before it saves a domain, and then speaks of vNUMA. */
static s64 vnuma(struct domain *d, void *arg)
{
    (void)arg;
    domain_log(d, "it has no vNUMA, and it cannot be saved or migrated, which is what xl asks before");
    return -ENOSYS;
}

static s64 machphys_mapping(struct domain *d, void *arg)
{
    (void)d;
    *(struct xen_machphys_mapping *)arg =
        (struct xen_machphys_mapping){M2P_START, MACH2PHYS_VIRT_END, frame_m2p_limit()};
    return 0;
}

/* What a domain with hardware assistance maps of its own into its physical addresses. A dead one's is gone. */
static s64 add_to_physmap(struct domain *d, void *arg)
{
    const struct xen_add_to_physmap *a = arg;
    bool is_shared = a->space == XENMAPSPACE_shared_info && a->idx == 0;
    mfn_t m;
    int rc = -EINVAL;

    if (!d->ops->show)
        return rc;
    if (is_shared && d == domain_current())
        rc = shared_latch(d, hvm_backend->code(vcpu_current()).wide < 8);
    if (rc == -EBUSY)
        return rc;
    lock_take(&d->lock);
    m = d->shared_mfn;
    if (domain_is_dying(d))
        rc = -ESRCH;
    else if (a->space == XENMAPSPACE_grant_table)
        rc = grant_frame(d, (u32)min(a->idx, UINT32_MAX), &m);
    else
        rc = is_shared ? 0 : -EINVAL;
    if (rc == 0)
        rc = d->ops->show(d, a->gpfn, m);
    lock_drop(&d->lock);
    return rc;
}

static s64 remove_from_physmap(struct domain *d, void *arg)
{
    const struct xen_remove_from_physmap *r = arg;

    return d->ops->hide && d->ops->hide(d, r->gpfn).n != MFN_NONE ? 0 : -EINVAL;
}

static const struct call_sub command[] = {
    CALL_SUB(XENMEM_add_to_physmap, add_to_physmap, struct xen_add_to_physmap, CALL_SERVE),
    CALL_SUB(XENMEM_remove_from_physmap, remove_from_physmap, struct xen_remove_from_physmap, CALL_SERVE),
    CALL_SUB(XENMEM_maximum_ram_page, maximum_ram_page, struct {}, CALL_OWN),
    CALL_SUB(XENMEM_current_reservation, current_reservation, struct xen_memory_domain, CALL_SERVE),
    CALL_SUB(XENMEM_maximum_reservation, maximum_reservation, struct xen_memory_domain, CALL_SERVE),
    CALL_SUB(XENMEM_machine_memory_map, memory_map_machine, struct xen_memory_map, CALL_MACHINE | CALL_REPLIES),
    CALL_SUB(XENMEM_exchange, exchange, struct xen_memory_exchange, CALL_MACHINE | CALL_REPLIES),
    CALL_SUB(XENMEM_machphys_mapping, machphys_mapping, struct xen_machphys_mapping, CALL_OWN | CALL_REPLIES),
    CALL_SUB(XENMEM_memory_map, memory_map_domain, struct xen_memory_map, CALL_OWN | CALL_REPLIES),
    CALL_SUB(XENMEM_set_memory_map, memory_map_set, struct xen_foreign_memory_map, CALL_TUNE),
    CALL_SUB(XENMEM_maximum_gpfn, maximum_gpfn, struct xen_memory_domain, CALL_SERVE),
    CALL_SUB(XENMEM_set_pod_target, set_pod_target, struct xen_pod_target, CALL_MACHINE | CALL_REPLIES),
    CALL_SUB(XENMEM_claim_pages, claim, struct xen_memory_reservation, CALL_MACHINE),
    CALL_SUB(XENMEM_get_vnumainfo, vnuma, struct xen_vnuma_topology_info, CALL_TUNE),
    CALL_SUB(XENMEM_acquire_resource, acquire_resource, struct xen_mem_acquire_resource, CALL_TUNE | CALL_REPLIES),
};

s64 call_memory_op(const struct call_args *args)
{
    switch (args->a[0]) {
    case XENMEM_increase_reservation:
    case XENMEM_decrease_reservation:
    case XENMEM_populate_physmap:
        return reservation(args->a[0], guest_at(args->a[1]));
    default:
        return call_sub(command, ARRAY_COUNT(command), args->a[0], guest_at(args->a[1]));
    }
}
