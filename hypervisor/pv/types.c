/* SPDX-License-Identifier: MIT */
/*
 * What the page kinds mean: building (checking a frame's 512 entries and taking their references), dismantling,
 * pinning. Building may stop half-way and go on later (progress lives in the type word). Dismantling never recurses: a
 * table whose last use goes is put on its vCPU's `retired` stack, linked by page.stamp; the way out to the guest works
 * that off piece by piece, and whoever needs such a frame meanwhile comes again. docs/PAGES.md has the proof.
 */
#include "core/work.h"
#include "lib/log.h"
#include "pv/pte.h"

#define BUDGET 128u /* entries between two looks at pending work */

/* Tables are mostly empty, or mostly full: eight entries at once, a line of the cache. */
static inline bool is_zero_line(const pte_t *t)
{
    return !(t[0] | t[1] | t[2] | t[3] | t[4] | t[5] | t[6] | t[7]);
}

/* The first entry from i on that may be set: a line that is empty is not looked into. */
static inline u32 next_entry(const pte_t *t, u32 i, u32 to)
{
    if (!(i & 7))
        while (i + 8 <= to && is_zero_line(t + i))
            i += 8;
    return i;
}

static void put_entries(struct page *p, enum page_kind kind, u32 from, u32 to)
{
    const pte_t *t = frame_va(frame_mfn(p));
    if (kind == PAGE_L1) {
        for (u32 i = next_entry(t, from, to); i < to; i = next_entry(t, i + 1, to))
            pv_pte_put(t[i]);
        return;
    }
    for (u32 i = next_entry(t, from, to); i < to; i = next_entry(t, i + 1, to))
        if (kind != PAGE_L4 || i < HV_SLOT || i >= HV_SLOT + HV_SLOT_COUNT)
            pv_pte_put_upper(t[i]);
}

static int build_l1(struct domain *d, pte_t *t, u32 *progress)
{
    u32 owner = domain_owner(d);
    for (u32 i = next_entry(t, 0, 512); i < 512; i = next_entry(t, i + 1, 512)) {
        pte_t e = t[i], was = e;
        if (!(e & PTE_P)) {
            if (likely(!pv_pte_is_leaky(e)))
                continue;
            *progress = i;
            return -EINVAL;
        }
        int rc = pv_pte_get(d, owner, &e);
        if (unlikely(rc)) {
            *progress = i;
            return rc;
        }
        if (e != was)
            t[i] = e;
    }
    return 0;
}

static int build_upper(struct domain *d, pte_t *t, enum page_kind kind, u32 *progress)
{
    u32 started = *progress;
    for (u32 i = next_entry(t, started, 512); i < 512; i = next_entry(t, i + 1, 512)) {
        pte_t e = t[i];
        if (!(e & PTE_P)) {
            if (likely(!pv_pte_is_leaky(e)))
                continue;
            *progress = i;
            return -EINVAL;
        }
        if (kind == PAGE_L4 && i >= HV_SLOT && i < HV_SLOT + HV_SLOT_COUNT)
            continue;
        int rc = i != started && work_is_pending() ? -ERESTART : pv_pte_get_upper(d, kind, &e);
        if (rc) {
            *progress = i;
            return rc;
        }
        t[i] = e;
    }
    return 0;
}

static int build(struct page *p, enum page_kind kind, u32 *progress)
{
    if (kind == PAGE_SEG)
        return pv_desc_build(p);
    struct domain *d = domain_of(p->owner);
    pte_t *t = frame_va(frame_mfn(p));
    int rc = kind == PAGE_L1 ? build_l1(d, t, progress) : build_upper(d, t, kind, progress);
    if (rc && (rc != -ERESTART || kind == PAGE_L1)) {
        put_entries(p, kind, 0, *progress);
        *progress = 0;
    }
    if (!rc && kind == PAGE_L4)
        pgtab_init_l4(t);
    return rc;
}

static void retire(struct page *p)
{
    struct vcpu *v = vcpu_current();
    p->stamp = (u32)v->pv.retired.n;
    v->pv.retired = frame_mfn(p);
    v->pv.must_look = 1;
}

/* One table, from its progress down; true when done. */
static bool dismantle(struct page *p)
{
    enum page_kind kind = page_kind(p->type);
    u32 left = page_progress(p->type);
    while (left) {
        u32 to = left > BUDGET ? left - BUDGET : 0;
        put_entries(p, kind, to, left);
        left = to;
        if (left && work_is_pending()) {
            u64 refs = p->refs, type = p->type;
            while (!page_cas(p, &refs, &type, refs, (type & ~PAGE_PROGRESS) | (u64)left << PAGE_PROGRESS_SHIFT))
                ;
            return false;
        }
    }
    if (kind == PAGE_L4)
        for (u32 i = 0; i < HV_SLOT_COUNT; i++)
            ((pte_t *)frame_va(frame_mfn(p)))[HV_SLOT + i] = 0;
    p->stamp = tlb_now();
    u64 refs = p->refs, type = p->type;
    while (!page_cas(p, &refs, &type, refs, 0))
        ;
    page_put(p);
    return true;
}

void pv_types_drain(struct vcpu *v)
{
    while (v->pv.retired.n) {
        struct page *p = frame_page_raw(v->pv.retired);
        v->pv.retired = mfn(p->stamp);
        if (!dismantle(p)) {
            retire(p);
            return;
        }
        if (work_is_pending())
            return;
    }
}

int pv_types_pin(struct domain *d, struct page *p, enum page_kind kind)
{
    int rc = page_get_as(p, domain_owner(d), kind);
    if (rc)
        return rc;
    u64 refs = p->refs, type = p->type;
    do {
        if (type & PAGE_PINNED || !(refs & PAGE_ALLOCATED)) {
            page_put_as(p);
            return -EINVAL;
        }
    } while (!page_cas(p, &refs, &type, refs, type | PAGE_PINNED));
    return 0;
}

bool pv_types_unpin_own(struct page *p)
{
    u64 refs = p->refs, type = p->type;
    do {
        if (!(type & PAGE_PINNED))
            return false;
    } while (!page_cas(p, &refs, &type, refs, type & ~PAGE_PINNED));
    page_put_as(p); /* the pin's; the caller's reference keeps the frame */
    return true;
}

int pv_types_unpin(struct domain *d, struct page *p)
{
    if (!page_get(p, domain_owner(d)))
        return -EPERM;
    bool was_pinned = pv_types_unpin_own(p);
    page_put(p);
    return was_pinned ? 0 : -EINVAL;
}

__init void pv_types_init(void)
{
    page_type_ops.build = build;
    page_type_ops.retire = retire;
}
