/* SPDX-License-Identifier: MIT */
/*
 * The granter's side: the shared table and the pins of its entries. A guest may write any entry at any moment, so an
 * entry is read as one word, judged, and exchanged for the same word with the flags of use; whatever the guest writes
 * later is not looked at. Pins, not flags, say when an entry is free again. One lock a domain, never two together;
 * frames are taken and given back outside it. docs/GRANTS.md has the theory.
 */
#include "dom/grant.h"

#include "core/console.h"
#include "core/slab.h"
#include "core/work.h"
#include "dom/domain.h"
#include "lib/log.h"
#include "lib/string.h"

#define REPORT_MAPPINGS 16u
#define PIN_TRIES       8u /* a guest that writes to the entry all the time gets no further */

_Static_assert(sizeof(struct grant_entry_v1) == 8, "read and exchanged as one word");

int grant_init(struct domain *d, u32 max_frames, u32 max_maptrack)
{
    struct grant_table *t = &d->grant;

    lock_init(&t->lock, RANK_GRANT);
    max_frames = min(max_frames, GRANT_FRAMES_MAX);
    t->track_max = min(max_maptrack, GRANT_MAPPINGS_MAX / GRANT_TRACK_FRAME) * GRANT_TRACK_FRAME;
    t->track_end = 1;
    if (max_frames == 0)
        return 0;
    t->frame = slab_alloc(max_frames * sizeof(t->frame[0]));
    t->pins = slab_alloc(max_frames * sizeof(t->pins[0]));
    if (!t->frame || !t->pins) {
        slab_free(t->frame, max_frames * sizeof(t->frame[0]));
        slab_free(t->pins, max_frames * sizeof(t->pins[0]));
        return -ENOMEM;
    }
    t->frame_max = max_frames;
    return 0;
}

/* One frame more; the lock is held. */
static int table_grow(struct domain *d)
{
    struct grant_table *t = &d->grant;
    struct grant_pins *pins = slab_alloc(GRANT_PER_FRAME * sizeof(*pins));
    mfn_t m = pins ? page_share(d) : mfn(MFN_NONE);

    if (m.n == MFN_NONE) {
        slab_free(pins, GRANT_PER_FRAME * sizeof(*pins));
        return -ENOMEM;
    }
    t->pins[t->frame_count] = pins;
    t->frame[t->frame_count++] = frame_va(m);
    if (t->frame_count * 5 >= t->frame_max * 4 && t->frame_count > 1)
        domain_log(d, "its grant table has %u frames, %u are allowed (max_grant_frames)", t->frame_count, t->frame_max);
    return 0;
}

int grant_frame(struct domain *d, u32 index, mfn_t *out)
{
    struct grant_table *t = &d->grant;
    int rc = -EAGAIN;

    if (index >= t->frame_max)
        return -EINVAL;
    while (rc == -EAGAIN) { /* others may want the lock in between */
        lock_take(&t->lock);
        if (t->is_dying) {
            rc = -ESRCH;
        } else if (index < t->frame_count) {
            *out = paddr_mfn(pgtab_paddr(t->frame[index]));
            rc = 0;
        } else if (table_grow(d)) {
            rc = -ENOMEM;
        }
        lock_drop(&t->lock);
    }
    return rc;
}

/* The lock is held, the entry exists. */
static int entry_pin(struct grant_table *t, u32 ref, domid_t user, bool writes, u64 *frame)
{
    volatile u64 *entry = (volatile u64 *)(void *)&t->frame[ref / GRANT_PER_FRAME][ref % GRANT_PER_FRAME];
    struct grant_pins *pins = &t->pins[ref / GRANT_PER_FRAME][ref % GRANT_PER_FRAME];
    u64 old = *entry, next;

    if (unlikely(pins->users == UINT16_MAX))
        return GNTST_no_space;
    for (u32 i = 0; i < PIN_TRIES; i++) {
        if (unlikely((old & (GTF_type_mask | GTF_sub_page | GTF_PWT | GTF_PCD | GTF_PAT)) != GTF_permit_access ||
                     (domid_t)(old >> 16) != user || (writes && old & GTF_readonly)))
            return GNTST_general_error;
        next = old | GTF_reading | (writes ? GTF_writing : 0);
        if (likely(atomic_update64(entry, &old, next))) {
            t->pinned += pins->users++ == 0;
            pins->writers = (u16)(pins->writers + writes);
            *frame = old >> 32;
            return GNTST_okay;
        }
    }
    return GNTST_general_error;
}

int grant_pin(struct domain *g, u32 ref, domid_t user, bool writes, u64 *frame)
{
    struct grant_table *t = &g->grant;
    int status = GNTST_bad_gntref;

    lock_take(&t->lock);
    if (unlikely(t->is_dying))
        status = GNTST_bad_domain;
    else if (likely(ref / GRANT_PER_FRAME < t->frame_count))
        status = entry_pin(t, ref, user, writes, frame);
    lock_drop(&t->lock);
    return status;
}

void grant_unpin(struct domain *g, u32 ref, bool writes)
{
    struct grant_table *t = &g->grant;
    struct grant_pins *pins;
    u32 over = 0;

    lock_take(&t->lock);
    if (likely(!t->is_dying)) {
        pins = &t->pins[ref / GRANT_PER_FRAME][ref % GRANT_PER_FRAME];
        pins->writers = (u16)(pins->writers - writes);
        if (--pins->users == 0) {
            over = GTF_reading;
            t->pinned--;
        }
        if (writes && pins->writers == 0)
            over |= GTF_writing;
        if (over) /* last: what was read and written through it is behind us */
            (void)atomic_and(&t->frame[ref / GRANT_PER_FRAME][ref % GRANT_PER_FRAME].flags, (u16)~over);
    }
    lock_drop(&t->lock);
}

/* Backends in dom0 ask for what frontends name: then it is the granter's line. */
void grant_refused(struct domain *g, u32 ref, int status)
{
    struct domain *d = domain_current();

    domain_log(d->is_privileged ? g : d, "entry %u of domain %u's grant table refused to domain %u (%d)", ref, g->id,
               d->id, status);
}

int grant_page_get(const struct domain *g, u64 frame, bool writes)
{
    struct page *p = frame_page(mfn(frame));
    int rc = -ERESTART;

    if (unlikely(!p || p->owner != domain_owner(g)))
        return GNTST_bad_page;
    for (u32 i = 0; rc == -ERESTART && i < GRANT_TRIES; i++)
        rc = writes ? page_get_as(p, domain_owner(g), PAGE_WRITABLE) : page_get(p, domain_owner(g)) ? 0 : -EPERM;
    return likely(rc == 0) ? GNTST_okay : rc == -ERESTART ? GNTST_eagain : GNTST_bad_page;
}

void grant_page_put(u64 frame, bool writes)
{
    struct page *p = frame_page_raw(mfn(frame));

    if (writes)
        page_put_as(p);
    else
        page_put(p);
}

int grant_destroy(struct domain *d)
{
    struct grant_table *t = &d->grant;
    int rc;

    lock_take(&t->lock);
    t->is_dying = true; /* whoever has the lock next looks no further */
    lock_drop(&t->lock);
    rc = grant_map_destroy(d);
    while (rc == 0 && t->frame_count) {
        t->frame_count--;
        slab_free(t->pins[t->frame_count], GRANT_PER_FRAME * sizeof(struct grant_pins));
        page_put_as(frame_page_raw(paddr_mfn(pgtab_paddr(t->frame[t->frame_count]))));
        atomic_sub(&d->page_shared, 1);
        if (work_is_pending())
            rc = -ERESTART;
    }
    if (rc == 0 && t->frame_max) {
        slab_free(t->frame, t->frame_max * sizeof(t->frame[0]));
        slab_free(t->pins, t->frame_max * sizeof(t->pins[0]));
        t->frame_max = 0;
    }
    return rc;
}

void grant_note(const struct domain *d, void (*note)(u64 m, enum page_kind kind))
{
    const struct grant_table *t = &d->grant;

    for (u32 i = 0; i < t->frame_count; i++)
        note(pgtab_paddr(t->frame[i]).a >> PAGE_SHIFT, PAGE_WRITABLE);
    for (u32 i = 1; i < t->track_end; i++) {
        const struct grant_mapping *m = &t->track[i / GRANT_MAPPINGS_LEAF][i % GRANT_MAPPINGS_LEAF];
        if (m->is_device)
            note(m->frame, m->is_readonly ? PAGE_NONE : PAGE_WRITABLE);
    }
}

/* The self-audit takes each mapping's pin away, looks at what is left, and puts it back. */
static void pins_move(struct domain *d, void *arg)
{
    const struct grant_table *t = &d->grant;
    u32 by = *(const u32 *)arg; /* 1, or ~0: one less */

    for (u32 i = 1; i < t->track_end; i++) {
        const struct grant_mapping *m = &t->track[i / GRANT_MAPPINGS_LEAF][i % GRANT_MAPPINGS_LEAF];
        struct grant_pins *pins;
        if ((!m->is_host && !m->is_device) || m->granter->grant.is_dying)
            continue;
        pins = &m->granter->grant.pins[m->ref / GRANT_PER_FRAME][m->ref % GRANT_PER_FRAME];
        pins->users = (u16)(pins->users + by);
        pins->writers = (u16)(pins->writers + (m->is_readonly ? 0 : by));
    }
}

static void pins_look(struct domain *d, void *arg)
{
    const struct grant_table *t = &d->grant;
    u64 *wrong = arg;

    for (u32 ref = 0; !t->is_dying && ref < t->frame_count * GRANT_PER_FRAME; ref++) {
        const struct grant_pins *pins = &t->pins[ref / GRANT_PER_FRAME][ref % GRANT_PER_FRAME];
        if (!pins->users && !pins->writers)
            continue;
        if (++*wrong <= REPORT_MAPPINGS)
            log_error("  entry %u of domain %u: %d users and %d writers more than mappings", ref, d->id,
                      (s16)pins->users, (s16)pins->writers);
    }
}

u64 grant_audit(void)
{
    u32 less = ~0u, more = 1;
    u64 wrong = 0;

    domain_for_each(pins_move, &less);
    domain_for_each(pins_look, &wrong);
    domain_for_each(pins_move, &more);
    return wrong;
}

static void report(struct domain *d, void *arg)
{
    struct grant_table *t = &d->grant;
    u32 said = 0;

    (void)arg;
    lock_take(&t->lock);
    log_error("domain %u%s: %u of %u frames, %u entries in use; maps %u of %u", d->id, t->is_dying ? " (dying)" : "",
              t->frame_count, t->frame_max, t->pinned, t->mapped, t->track_max);
    for (u32 i = 1; i < t->track_end && said < REPORT_MAPPINGS; i++) {
        const struct grant_mapping *m = &t->track[i / GRANT_MAPPINGS_LEAF][i % GRANT_MAPPINGS_LEAF];
        if (!m->is_host && !m->is_device)
            continue;
        said++;
        log_error("  maps entry %u of domain %u: frame 0x%x, %s%s", m->ref, m->granter->id, m->frame,
                  m->is_readonly ? "read-only" : "writable", m->is_device ? ", for a device" : "");
    }
    lock_drop(&t->lock);
    if (said < t->mapped)
        log_error("  and %u more", t->mapped - said);
}

static void report_all(void)
{
    domain_for_each(report, NULL);
}

__init void grant_key_init(void)
{
    console_key_bind('g', "grant tables: entries in use, and who maps them", report_all);
}
