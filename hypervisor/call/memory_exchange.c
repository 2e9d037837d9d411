/* SPDX-License-Identifier: MIT */
/*
 * XENMEM_exchange in pieces of max(in, out) order frames: read everything, check that every frame given is
 * the domain's and used by nobody, allocate; from there on nothing can fail but by the guest's own racing, which
 * crashes it. A piece either happens or has changed nothing. The domain's lock is held from check to commit.
 */
#include "call/memory_exchange.h"
#include "call/call.h"
#include "core/slab.h"
#include "dom/policy.h"
#include "lib/errno.h"
#include "lib/safe.h"
#include "public/memory.h"

#define PIECE_MAX (1u << MEMORY_ORDER_MAX)

struct exchange {
    struct domain *d;
    struct xen_memory_exchange x;
    u32 frames, ins, outs; /* in a piece: frames, extents in, extents out */
    u64 in[PIECE_MAX];     /* first frame of each extent */
    u64 out[PIECE_MAX];
    u64 gpfn[PIECE_MAX]; /* of each extent out */
};

static struct page *in_page(const struct exchange *e, u32 i)
{
    u32 order = e->x.in.extent_order;

    return frame_page(mfn(e->in[i >> order] + (i & ((1u << order) - 1))));
}

/* References to the frames given; -EINVAL if one is not the domain's or anybody uses it (or it is given twice). */
static int hold_in(struct exchange *e)
{
    for (u32 i = 0; i < e->frames; i++) {
        struct page *p = in_page(e, i);
        bool is_got = p && page_get(p, domain_owner(e->d));
        if (is_got && (p->refs & (PAGE_ALLOCATED | PAGE_REFS)) == (PAGE_ALLOCATED | 2) && (p->type & PAGE_COUNT) == 0)
            continue;
        if (is_got)
            page_put(p);
        while (i-- > 0)
            page_put(in_page(e, i));
        return -EINVAL;
    }
    return 0;
}

static int take_out(struct exchange *e)
{
    const struct xen_memory_reservation *out = &e->x.out;

    for (u32 i = 0; i < e->outs; i++) {
        e->out[i] = frame_alloc(out->extent_order, 0, memory_address_bits(out->mem_flags)).n;
        if (e->out[i] != MFN_NONE)
            continue;
        while (i-- > 0)
            frame_free(mfn(e->out[i]), out->extent_order);
        return -ENOMEM;
    }
    return 0;
}

static void commit(struct exchange *e, guest_ptr list)
{
    for (u32 i = 0; i < e->frames; i++) {
        struct page *p = in_page(e, i);
        if (!page_release(e->d, p))
            domain_crash(e->d, "memory exchange: frame %llx left the domain meanwhile",
                         (unsigned long long)frame_mfn(p).n);
        frame_m2p_set(frame_mfn(p), M2P_INVALID);
        page_put(p);
    }
    for (u32 i = 0; i < e->outs; i++)
        for (u64 j = 0; j < 1ull << e->x.out.extent_order; j++) {
            page_assign(e->d, mfn(e->out[i] + j));
            frame_m2p_set(mfn(e->out[i] + j), e->gpfn[i] + j);
        }
    if (!guest_write(list, e->out, e->outs * sizeof(u64)))
        domain_crash(e->d, "memory exchange: the list at %llx became unwritable meanwhile",
                     (unsigned long long)list.va);
}

static int exchange_piece(struct exchange *e, u64 piece)
{
    guest_ptr in = guest_offset(guest_at(e->x.in.extent_start), piece * e->ins * sizeof(u64));
    guest_ptr out = guest_offset(guest_at(e->x.out.extent_start), piece * e->outs * sizeof(u64));
    int rc;

    if (!guest_read(e->in, in, e->ins * sizeof(u64)) || !guest_read(e->gpfn, out, e->outs * sizeof(u64)) ||
        !guest_write(out, e->gpfn, e->outs * sizeof(u64)))
        return -EFAULT;
    lock_take(&e->d->lock);
    rc = hold_in(e);
    if (rc == 0) {
        rc = take_out(e);
        if (rc == 0)
            commit(e, out);
        for (u32 i = 0; rc && i < e->frames; i++)
            page_put(in_page(e, i));
    }
    lock_drop(&e->d->lock);
    return rc;
}

static int exchange_decode(struct exchange *e, guest_ptr arg, u64 *pieces)
{
    const struct xen_memory_reservation *in = &e->x.in, *out = &e->x.out;
    u64 total, check;
    u32 order;

    if (!guest_get(&e->x, arg))
        return -EFAULT;
    e->d = domain_current();
    if ((in->domid != DOMID_SELF && in->domid != e->d->id) || in->domid != out->domid)
        return -EPERM;
    if (in->extent_order > MEMORY_ORDER_MAX || out->extent_order > MEMORY_ORDER_MAX || e->x.nr_exchanged)
        return -EINVAL;
    order = max(in->extent_order, out->extent_order);
    if (!safe_mul(in->nr_extents, 1ull << in->extent_order, &total) ||
        !safe_mul(out->nr_extents, 1ull << out->extent_order, &check) || total != check ||
        total & ((1ull << order) - 1) || total >> 48)
        return -EINVAL;
    e->frames = 1u << order;
    e->ins = e->frames >> in->extent_order;
    e->outs = e->frames >> out->extent_order;
    *pieces = total >> order;
    return 0;
}

s64 memory_exchange(guest_ptr arg)
{
    struct vcpu_cont *cont = &vcpu_current()->cont;
    struct exchange *e = slab_alloc(sizeof(*e));
    u64 done = cont->cursor, pieces;
    s64 rc;

    if (!e)
        return -ENOMEM;
    rc = exchange_decode(e, arg, &pieces);
    if (rc == 0) {
        while (done < pieces && rc == 0) {
            rc = exchange_piece(e, done);
            done += rc == 0;
            if (rc == 0 && done < pieces && call_should_stop())
                rc = -ERESTART;
        }
        e->x.nr_exchanged = done * e->ins;
        if (rc == -ERESTART)
            cont->cursor = done;
        else if (!guest_write(guest_offset(arg, offsetof(struct xen_memory_exchange, nr_exchanged)), &e->x.nr_exchanged,
                              sizeof(e->x.nr_exchanged)))
            rc = -EFAULT;
    }
    slab_free(e, sizeof(*e));
    return rc;
}
