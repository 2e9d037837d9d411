/* SPDX-License-Identifier: MIT */
/*
 * The mapper's side: handles. A mapping is a pin of the granter's entry, a page-table entry with its own reference to
 * the frame (pv/grant.c, hvm/grant.c), and a handle that remembers where that entry is. Unmapping goes through the same
 * three backwards: handle, entry, and, behind a TLB flush for the whole batch, the pin; so the granter sees its entry
 * free only when no CPU can reach the frame. A handle carries a generation, so that an old one is refused.
 */
#include "core/slab.h"
#include "core/work.h"
#include "dom/domain.h"
#include "dom/grant.h"
#include "lib/string.h"

#define HANDLE_BITS 20u

static struct grant_mapping *mapping_at(const struct grant_table *t, u32 index)
{
    return &t->track[index / GRANT_MAPPINGS_LEAF][index % GRANT_MAPPINGS_LEAF];
}

static size_t track_bytes(const struct grant_table *t)
{
    return t->track_max / GRANT_MAPPINGS_LEAF * sizeof(t->track[0]);
}

/* A new leaf of free handles; the lock is held. */
static bool track_grow(struct domain *d)
{
    struct grant_table *t = &d->grant;
    u32 first = t->track_end, end = min(round_down(first, GRANT_MAPPINGS_LEAF) + GRANT_MAPPINGS_LEAF, t->track_max);
    struct grant_mapping *leaf;

    if (first >= end)
        return false;
    if (!t->track)
        t->track = slab_alloc(track_bytes(t));
    leaf = t->track ? slab_alloc(PAGE_SIZE) : NULL;
    if (!leaf)
        return false;
    t->track[first / GRANT_MAPPINGS_LEAF] = leaf;
    for (u32 i = first; i < end; i++)
        mapping_at(t, i)->ref = i + 1 < end ? i + 1 : 0;
    t->track_free = first;
    t->track_end = end;
    if (end / 4 >= t->track_max / 5)
        domain_log(d, "it maps %u frames of others, %u are allowed (max_maptrack_frames)", t->mapped, t->track_max);
    return true;
}

/* A handle for `m`; false: there is none. */
static bool handle_new(struct domain *d, const struct grant_mapping *m, grant_handle_t *handle)
{
    struct grant_table *t = &d->grant;
    struct grant_mapping *at = NULL;
    u32 index = 0, generation;

    lock_take(&t->lock);
    if (likely(t->track_free) || track_grow(d)) {
        index = t->track_free;
        at = mapping_at(t, index);
        t->track_free = at->ref;
        t->mapped++;
        generation = at->generation;
        *at = *m;
        at->generation = generation & (BIT(12) - 1);
        *handle = index | generation << HANDLE_BITS;
    }
    lock_drop(&t->lock);
    return at != NULL;
}

/* The lock is held. */
static void handle_free(struct grant_table *t, struct grant_mapping *m, u32 index)
{
    m->generation++;
    m->ref = t->track_free;
    t->track_free = index;
    t->mapped--;
}

/* What is left when the page tables show the frame no more and no TLB does: the device's reference, the pin. */
static void let_go(const struct grant_mapping *m)
{
    if (m->is_device)
        grant_page_put(m->frame, !m->is_readonly);
    if (!m->granter) /* the handle stays */
        return;
    grant_unpin(m->granter, m->ref, !m->is_readonly);
    domain_put(m->granter);
}

/* The references that a mapping stands on: the device's, and the entry's by the door. GNTST_*. */
static int show(const struct domain *g, const struct gnttab_map_grant_ref *op, struct grant_mapping *m)
{
    const struct domain *d = domain_current();
    int status = m->is_device ? grant_page_get(g, m->frame, !m->is_readonly) : GNTST_okay, rc = -ERESTART;
    u64 slot;

    if (status || !m->is_host)
        return status;
    for (u32 i = 0; rc == -ERESTART && i < GRANT_TRIES; i++)
        rc = d->ops->grant->map(vcpu_current(), op->host_addr, op->flags, mfn(m->frame), domain_owner(g), &slot);
    if (likely(rc == 0)) {
        m->slot = slot / 8 & (BIT(49) - 1);
        return GNTST_okay;
    }
    if (m->is_device)
        grant_page_put(m->frame, !m->is_readonly);
    return rc == -EFAULT ? GNTST_bad_virt_addr : rc == -ERESTART ? GNTST_eagain : GNTST_bad_page;
}

static void hide(struct domain *d, const struct grant_mapping *m)
{
    if (m->is_host)
        d->ops->grant->unmap(d, (u64)m->slot * 8, mfn(m->frame));
}

/* No CPU reaches what `d` had mapped. */
static void flush(const struct domain *d)
{
    tlb_flush_cpus(READ_ONCE(d->loaded_cpus));
}

void grant_map(struct domain *g, struct gnttab_map_grant_ref *op)
{
    struct domain *d = domain_current();
    struct grant_mapping m = {.host_addr = op->host_addr,
                              .granter = g,
                              .ref = op->ref,
                              .is_host = (op->flags & GNTMAP_host_map) != 0,
                              .is_device = (op->flags & GNTMAP_device_map) != 0,
                              .is_readonly = (op->flags & GNTMAP_readonly) != 0};
    int status = GNTST_bad_gntref;
    u64 frame;

    if (unlikely(d->hvm && m.is_device))
        status = GNTST_permission_denied; /* it has no devices */
    else if (m.is_host || m.is_device)
        status = grant_pin(g, op->ref, d->id, !m.is_readonly, &frame);
    if (status == GNTST_okay) {
        frame = domain_frame(g, frame).n;
        m.frame = (u32)frame;
        status = show(g, op, &m);
        if (unlikely(status))
            grant_unpin(g, op->ref, !m.is_readonly);
    }
    if (status == GNTST_okay) {
        atomic_add(&g->refs, 1u); /* the mapping's */
        op->dev_bus_addr = d->hvm ? op->host_addr : frame << PAGE_SHIFT;
        if (unlikely(!handle_new(d, &m, &op->handle))) {
            hide(d, &m);
            if (m.is_host)
                flush(d);
            let_go(&m);
            status = GNTST_no_space;
        }
    }
    if (unlikely(status))
        grant_refused(g, op->ref, status);
    op->status = (s16)status;
}

/* Takes off a handle what op names; *out has what is to be undone. The lock is held. */
static int handle_take(struct grant_table *t, const struct gnttab_unmap_grant_ref *op, struct grant_mapping *out)
{
    u32 index = op->handle & (BIT(HANDLE_BITS) - 1);
    struct grant_mapping *m = index && index < t->track_end ? mapping_at(t, index) : NULL;
    bool host, device;

    if (!m || (!m->is_host && !m->is_device) || m->generation != op->handle >> HANDLE_BITS)
        return GNTST_bad_handle;
    host = m->is_host && op->host_addr;
    device = m->is_device && op->dev_bus_addr;
    if ((host && op->host_addr != m->host_addr) || (!host && !device))
        return GNTST_bad_virt_addr;
    if (device && op->dev_bus_addr >> PAGE_SHIFT != m->frame)
        return GNTST_bad_dev_addr;
    *out = *m;
    out->is_host = host;
    out->is_device = device;
    m->is_host &= !host;
    m->is_device &= !device;
    if (m->is_host || m->is_device)
        out->granter = NULL;
    else
        handle_free(t, m, index);
    return GNTST_okay;
}

void grant_unmap(struct gnttab_unmap_grant_ref *op, struct grant_unmapped *u)
{
    struct domain *d = domain_current();
    struct grant_mapping *m = &u->m[u->count];
    int status;

    lock_take(&d->grant.lock);
    status = handle_take(&d->grant, op, m);
    lock_drop(&d->grant.lock);
    if (likely(status == GNTST_okay)) {
        hide(d, m);
        u->count++;
    } else {
        domain_log(d, "unmapping handle 0x%x refused (%d)", op->handle, status);
    }
    op->status = (s16)status;
}

void grant_unmap_finish(struct grant_unmapped *u)
{
    bool does_flush = false;

    for (u32 i = 0; i < u->count; i++)
        does_flush |= u->m[i].is_host;
    if (does_flush)
        flush(domain_current());
    for (u32 i = 0; i < u->count; i++)
        let_go(&u->m[i]);
    u->count = 0;
}

u32 grant_uses(struct domain *user, const struct domain *g, u32 *from)
{
    struct grant_table *t = &user->grant;
    u32 count = 0, end, at = max(*from, 1u);

    lock_take(&t->lock);
    end = t->is_dying ? 0 : t->track_end; /* a dying one lets go of all */
    for (u32 left = GRANT_MAPPINGS_LEAF; at < end && left; left--, at++) {
        const struct grant_mapping *m = mapping_at(t, at);
        count += (m->is_host || m->is_device) && m->granter == g;
    }
    lock_drop(&t->lock);
    *from = at < end ? at : 0;
    return count;
}

bool grant_mapping(struct domain *user, u32 *from, struct wirt_mapping *out)
{
    struct grant_table *t = &user->grant;
    const struct grant_mapping *m = NULL;
    u32 end, at = max(*from, 1u);

    lock_take(&t->lock);
    end = t->is_dying ? 0 : t->track_end;
    for (u32 left = GRANT_MAPPINGS_LEAF; at < end && left && !m; left--, at++) {
        m = mapping_at(t, at);
        if (!m->is_host && !m->is_device)
            m = NULL;
    }
    if (m)
        *out = (struct wirt_mapping){
            .granter = m->granter->id,
            .flags = (u16)((m->is_readonly ? WIRT_MAPPING_readonly : 0) | (m->is_host ? 0 : WIRT_MAPPING_device)),
            .ref = m->ref,
            .frame = m->frame};
    lock_drop(&t->lock);
    *from = at < end ? at : 0;
    return m != NULL;
}

/* The page tables keep their own references, and nobody runs on them. */
int grant_map_destroy(struct domain *d)
{
    struct grant_table *t = &d->grant;

    for (; t->track && t->track_end > 1; t->track_end--) {
        u32 index = t->track_end - 1;
        struct grant_mapping *m = mapping_at(t, index);
        if (m->is_host || m->is_device) {
            t->mapped--;
            let_go(m);
        }
        if (index == 1 || index % GRANT_MAPPINGS_LEAF == 0)
            slab_free(t->track[index / GRANT_MAPPINGS_LEAF], PAGE_SIZE);
        if (work_is_pending()) {
            t->track_end--;
            return -ERESTART;
        }
    }
    slab_free(t->track, track_bytes(t));
    t->track = NULL;
    return 0;
}
