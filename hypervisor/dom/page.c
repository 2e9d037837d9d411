/* SPDX-License-Identifier: MIT */
/*
 * The two counters of a frame and every change of them. States of the type word (docs/PAGES.md has the picture):
 *   nothing            kind NONE, count 0
 *   in use             kind K, VALID, count >= 1 (writable and descriptor pages may rest at count 0)
 *   changing           kind K, BUSY: one CPU builds (count 1) or dismantles (count 0) it, others come again
 *   half               kind K, count 0, progress > 0: entries [0, progress) hold references, the state itself one
 * What is half, or pinned, is ALLOCATED, that is in its owner's list: the end of a domain finds all of it there.
 * A change of kind settles the TLB debt first. No lock: compare-and-swap, and BUSY is the only thing to wait for.
 */
#include "dom/page.h"

#include "dom/domain.h"
#include "lib/log.h"

__sealed struct page_type_ops page_type_ops;

const char *page_kind_name(enum page_kind k)
{
    static const char *const name[] = {"none", "L1", "L2", "L3", "L4", "descriptors", "writable"};
    return k < ARRAY_COUNT(name) ? name[k] : "?";
}

static bool is_table(enum page_kind k)
{
    return k >= PAGE_L1 && k <= PAGE_L4;
}

void page_ref_extra(struct page *p)
{
    u64 refs = atomic_add(&p->refs, 1);
    ASSERT((u32)refs > 1 && (u32)refs < PAGE_REFS);
}

void page_put_last(struct page *p)
{
    ASSERT((p->refs & PAGE_REFS) == 0 && !(p->refs & PAGE_ALLOCATED));
    ASSERT((p->type & (PAGE_COUNT | PAGE_BUSY | PAGE_PROGRESS)) == 0);
    struct domain *d = domain_of(p->owner);
    p->type = 0;
    p->stamp = tlb_now(); /* read-only mappings leave no debt of their own: assume the worst */
    frame_free(frame_mfn(p), 0);
    domain_drop_frame(d); /* and perhaps the domain */
}

/* End of BUSY: `type` replaces the type word, whatever happened to refs meanwhile. */
static void settle_type(struct page *p, u64 new_type)
{
    u64 refs = p->refs, type = p->type;
    while (!page_cas(p, &refs, &type, refs, new_type))
        ;
}

/* End of a build that stopped at `progress`: half a table, or, if its owner has given the frame back meanwhile, one to
 * be dismantled. Either state has a reference. */
static void settle_half(struct page *p, u64 kind, u32 progress)
{
    u64 refs = p->refs, type = p->type, half = kind | (u64)progress << PAGE_PROGRESS_SHIFT, next;
    page_ref_extra(p);
    do {
        next = refs & PAGE_ALLOCATED ? half : half | PAGE_BUSY;
    } while (!page_cas(p, &refs, &type, refs, next));
    if (next & PAGE_BUSY)
        page_type_ops.retire(p);
}

/* A table joins those of its owner's that are in use, by level, or leaves them: by -1. */
static void count_table(const struct page *p, enum page_kind kind, u32 by)
{
    if (is_table(kind))
        atomic_add(&domain_of(p->owner)->tables[kind - PAGE_L1], by);
}

/* We own BUSY with count 1: check the contents from `progress` on. */
static int build(struct page *p, enum page_kind kind, u32 progress)
{
    u64 k = PAGE_KIND_OF(kind);
    int rc = page_type_ops.build(p, kind, &progress);
    if (rc == 0) {
        count_table(p, kind, 1);
        settle_type(p, k | PAGE_VALID | 1);
    } else if (rc == -ERESTART && progress) {
        settle_half(p, k, progress);
    } else {
        settle_type(p, 0);
    }
    return rc;
}

/* count == 0, not BUSY. Returns as page_type_get. */
static int retype(struct page *p, u64 refs, u64 type, enum page_kind kind)
{
    u32 progress = page_progress(type);
    bool does_resume = progress && page_kind(type) == kind;
    u64 next = PAGE_KIND_OF(kind) | PAGE_BUSY | 1;
    if (is_table(kind) && !(refs & PAGE_ALLOCATED)) /* given back: it stays what it is */
        return -EINVAL;
    if (progress && !does_resume) { /* half a table of another kind: dismantle it first */
        if (page_cas(p, &refs, &type, refs, (type & (PAGE_KIND | PAGE_PROGRESS)) | PAGE_BUSY))
            page_type_ops.retire(p); /* the half state's reference goes along */
        return -ERESTART;
    }
    if (!page_cas(p, &refs, &type, refs, next))
        return -EAGAIN;
    if (does_resume) {
        int rc = build(p, kind, progress);
        page_put(p); /* the half state's */
        return rc;
    }
    if (p->stamp) { /* paired with the store in put_use() */
        tlb_settle(p->stamp, cpu_online);
        p->stamp = 0;
    }
    if (kind == PAGE_WRITABLE) {
        settle_type(p, PAGE_KIND_OF(kind) | PAGE_VALID | 1);
        return 0;
    }
    return build(p, kind, 0);
}

int page_type_get(struct page *p, enum page_kind kind)
{
    for (;;) {
        u64 refs = p->refs, type = READ_ONCE(p->type);
        if (type & PAGE_BUSY) /* built as another kind: perhaps by us, as tables that name each other would be */
            return type & PAGE_COUNT && page_kind(type) != kind ? -EINVAL : -ERESTART;
        if (page_kind(type) == kind && type & PAGE_VALID) {
            if ((type & PAGE_COUNT) >= PAGE_COUNT - 1)
                return -EINVAL;
            if (page_cas(p, &refs, &type, refs, type + 1))
                return 0;
            continue;
        }
        if (type & PAGE_COUNT)
            return -EINVAL;
        int rc = retype(p, refs, type, kind);
        if (rc != -EAGAIN)
            return rc;
    }
}

int page_get_slow(struct page *p, u32 owner, enum page_kind kind)
{
    if (!page_get(p, owner))
        return -EPERM;
    int rc = page_type_get(p, kind);
    if (rc)
        page_put(p);
    return rc;
}

/* One use less. `drops_ref`: the caller gives its reference away too. The last use of a table dismantles it. */
__inline_always void put_use(struct page *p, bool drops_ref)
{
    for (;;) {
        u64 refs = p->refs, type = READ_ONCE(p->type);
        bool is_last = (type & PAGE_COUNT) == 1;
        ASSERT((type & PAGE_COUNT) != 0);
        if (is_last && is_table(page_kind(type))) {
            u64 next = (type & PAGE_KIND) | PAGE_BUSY | 512ull << PAGE_PROGRESS_SHIFT;
            if (!page_cas(p, &refs, &type, drops_ref ? refs : refs + 1, next))
                continue;
            count_table(p, page_kind(type), -1u);
            page_type_ops.retire(p); /* takes over the reference */
            return;
        }
        if (!page_cas(p, &refs, &type, refs, is_last ? (type - 1) | PAGE_BUSY : type - 1))
            continue;
        if (is_last) { /* all uses are over, and nobody comes before the debt is written */
            p->stamp = tlb_now();
            settle_type(p, type - 1);
        }
        if (drops_ref)
            page_put(p);
        return;
    }
}

void page_type_put(struct page *p)
{
    put_use(p, false);
}

void page_put_slow(struct page *p)
{
    put_use(p, true);
}

void page_assign(struct domain *d, mfn_t first, u64 count)
{
    u32 owner = domain_owner(d);
    lock_take(&d->page_lock);
    u32 next = (u32)d->pages.n;
    for (u64 n = first.n; n < first.n + count; n++) {
        struct page *p = frame_page_raw(mfn(n));
        p->owner = owner;
        p->type = 0;
        p->prev = 0;
        p->next = next;
        if (next)
            frame_page_raw(mfn(next))->prev = (u32)n;
        next = (u32)n;
        atomic_store(&p->refs, PAGE_ALLOCATED | 1);
    }
    d->pages = mfn(next);
    d->page_count += count;
    domain_hold_frames(d, count);
    lock_drop(&d->page_lock);
}

bool page_release(struct domain *d, struct page *p)
{
    u64 refs = p->refs, type = p->type;
    do {
        bool is_half = page_progress(type) && !(type & PAGE_BUSY);
        if (!(refs & PAGE_ALLOCATED) || type & PAGE_PINNED || is_half)
            return false;
    } while (!page_cas(p, &refs, &type, refs & ~PAGE_ALLOCATED, type));
    lock_take(&d->page_lock);
    if (p->prev)
        frame_page_raw(mfn(p->prev))->next = p->next;
    else
        d->pages = mfn(p->next);
    if (p->next)
        frame_page_raw(mfn(p->next))->prev = p->prev;
    d->page_count--;
    lock_drop(&d->page_lock);
    page_put(p);
    return true;
}

mfn_t page_share(struct domain *d)
{
    mfn_t m = frame_alloc(0, FRAME_ZERO, 0);
    if (m.n == MFN_NONE)
        return m;
    struct page *p = frame_page_raw(m);
    p->owner = domain_owner(d);
    p->type = PAGE_KIND_OF(PAGE_WRITABLE) | PAGE_VALID | 1; /* Wirt writes it: it can never become a table */
    atomic_add(&d->page_shared, 1);
    domain_hold_frames(d, 1);
    atomic_store(&p->refs, 1);
    return m;
}
