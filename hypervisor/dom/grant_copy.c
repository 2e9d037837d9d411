/* SPDX-License-Identifier: MIT */
/*
 * GNTTABOP_copy, the network's way to move packets: bytes from one page to another, each either the caller's own or
 * granted to it. What an operation needs of either side (domain, pin, reference) is kept for the next one, which often
 * wants the same. Nothing is kept behind the call: grant_copy_end gives it all back, before the call is continued too.
 */
#include "dom/domain.h"
#include "dom/grant.h"
#include "lib/string.h"

static void side_drop(struct grant_copy_side *s)
{
    if (!s->is_held)
        return;
    grant_page_put(s->frame, s->is_dest);
    if (s->is_gref)
        grant_unpin(s->peer, (u32)s->name, s->is_dest);
    s->is_held = false;
}

static void side_end(struct grant_copy_side *s)
{
    side_drop(s);
    if (s->peer)
        domain_put(s->peer);
    s->peer = NULL;
}

/* The domain whose entry it is; kept over operations. */
static bool side_peer(struct grant_copy_side *s, domid_t id)
{
    if (id == DOMID_SELF)
        id = domain_current()->id;
    if (likely(s->peer && s->peer->id == id))
        return true;
    if (s->peer)
        domain_put(s->peer);
    s->peer = domain_get(id);
    return s->peer != NULL;
}

static int side_take(struct grant_copy_side *s, const struct gnttab_copy_ptr *p, bool is_gref, u64 name)
{
    struct domain *d = domain_current(), *owner = d;
    int status = GNTST_okay;

    side_drop(s);
    s->frame = name;
    if (is_gref) {
        if (unlikely(!side_peer(s, p->domid)))
            return GNTST_bad_domain;
        owner = s->peer;
        status = grant_pin(owner, (u32)name, d->id, s->is_dest, &s->frame);
    } else if (unlikely(p->domid != DOMID_SELF && p->domid != d->id)) {
        status = GNTST_permission_denied;
    }
    if (likely(status == GNTST_okay)) {
        s->frame = domain_frame(owner, s->frame).n;
        status = grant_page_get(owner, s->frame, s->is_dest);
        if (unlikely(status) && is_gref)
            grant_unpin(owner, (u32)name, s->is_dest);
    }
    if (unlikely(status)) {
        if (is_gref)
            grant_refused(owner, (u32)name, status);
        return status;
    }
    s->domid = p->domid;
    s->is_gref = is_gref;
    s->name = name;
    s->is_held = true;
    return GNTST_okay;
}

static inline int side_get(struct grant_copy_side *s, const struct gnttab_copy_ptr *p, bool is_gref)
{
    u64 name = is_gref ? p->u.ref : p->u.gmfn;

    if (s->is_held && s->name == name && s->domid == p->domid && s->is_gref == is_gref)
        return GNTST_okay;
    return side_take(s, p, is_gref, name);
}

void grant_copy(struct grant_copy *c, struct gnttab_copy *op)
{
    int status = GNTST_bad_copy_arg;

    if (likely(op->source.offset + (u32)op->len <= PAGE_SIZE && op->dest.offset + (u32)op->len <= PAGE_SIZE))
        status = side_get(&c->source, &op->source, op->flags & GNTCOPY_source_gref);
    if (likely(status == GNTST_okay))
        status = side_get(&c->dest, &op->dest, op->flags & GNTCOPY_dest_gref);
    if (likely(status == GNTST_okay))
        memcpy((u8 *)frame_va(mfn(c->dest.frame)) + op->dest.offset,
               (const u8 *)frame_va(mfn(c->source.frame)) + op->source.offset, op->len);
    op->status = (s16)status;
}

void grant_copy_end(struct grant_copy *c)
{
    side_end(&c->source);
    side_end(&c->dest);
}
