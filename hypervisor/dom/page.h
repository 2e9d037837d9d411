/* SPDX-License-Identifier: MIT */
/*
 * Two counters, one meaning (docs/PAGES.md). A frame that belongs to a domain carries
 * `refs` (how many reasons there are to keep it) and `type` (what it may be used as, and how many
 * uses there are). Both change together by one 16-byte compare-and-swap, and only here.
 * A frame is writable somewhere or a page table somewhere, never both: that is the whole of PV safety.
 * What L1..L4 and descriptor pages must look like is said by pv/types.c, through page_type_ops.
 */
#ifndef WIRT_DOM_PAGE_H
#define WIRT_DOM_PAGE_H

#include "core/frame.h"
#include "hw/tlb.h"
#include "lib/errno.h"

#define PAGE_ALLOCATED      BIT(63)       /* refs: owned; the owner's list holds one reference */
#define PAGE_REFS           0xffffffffull /* refs: count */
#define PAGE_REFS_MOST      0xffff0000u   /* guests take no more; Wirt's own few come on top */
#define PAGE_COUNT          0xffffffffull /* type: count of uses as this type */
#define PAGE_PROGRESS_SHIFT 40            /* type: entries [0, progress) hold references (0..512) */
#define PAGE_PROGRESS       (0x3ffull << PAGE_PROGRESS_SHIFT)
#define PAGE_PINNED         BIT(57) /* type: the guest pinned it (one type use, one reference) */
#define PAGE_BUSY           BIT(58) /* type: one CPU is building or dismantling it */
#define PAGE_VALID          BIT(59) /* type: the contents were checked */
#define PAGE_KIND_SHIFT     60
#define PAGE_KIND           (0xfull << PAGE_KIND_SHIFT)
enum page_kind { PAGE_NONE, PAGE_L1, PAGE_L2, PAGE_L3, PAGE_L4, PAGE_SEG, PAGE_WRITABLE };
#define PAGE_KIND_OF(k) ((u64)(k) << PAGE_KIND_SHIFT)

static inline enum page_kind page_kind(u64 type)
{
    return (enum page_kind)(type >> PAGE_KIND_SHIFT);
}
static inline u32 page_progress(u64 type)
{
    return (u32)((type & PAGE_PROGRESS) >> PAGE_PROGRESS_SHIFT);
}

/* Compare both words with *refs, *type and replace them; on failure they are reloaded. */
static inline bool page_cas(struct page *p, u64 *refs, u64 *type, u64 new_refs, u64 new_type)
{
    bool ok;
    __asm__ volatile("lock cmpxchg16b %1"
                     : "=@ccz"(ok), "+m"(p->both), "+a"(*refs), "+d"(*type)
                     : "b"(new_refs), "c"(new_type)
                     : "memory");
    return ok;
}

/* Filled by pv/types.c at boot. */
struct page_type_ops {
    /* Check the contents as `kind` from entry page_progress on, taking references for each entry.
     * 0, -EINVAL and friends (nothing held any more), -ERESTART (partly done: *progress says how far). */
    int (*build)(struct page *p, enum page_kind kind, u32 *progress);
    /* The last use of a built (or partly built) page has gone; entries [0, progress) still hold references. Queue it
     * for pv_types_drain; the caller's reference goes with it. */
    void (*retire)(struct page *p);
};
extern struct page_type_ops page_type_ops;

/* References alone change by operations on their own word; whatever looks at both words compares both. */
void page_put_last(struct page *p);
static inline void page_put(struct page *p) /* the last one frees the frame */
{
    if (unlikely((u32)atomic_sub(&p->refs, 1) + 1u <= 1u)) /* 0, or below: a defect that page_put_last reports */
        page_put_last(p);
}
/* Plain reference: false if the frame is free or not owned by `owner` (PAGE_OWNER_*). */
static inline __must_use bool page_get(struct page *p, u32 owner)
{
    u64 refs = READ_ONCE(p->refs);
    if (unlikely(p->owner != owner)) /* others' frames are left alone: not even a moment's use that they could see */
        return false;
    do {
        if (unlikely((u32)refs - 1u >= PAGE_REFS_MOST)) /* 0, or near the end of the count */
            return false;
    } while (unlikely(!atomic_update64(&p->refs, &refs, refs + 1)));
    if (likely(p->owner == owner)) /* it may have gone and come back meanwhile */
        return true;
    page_put(p);
    return false;
}
void page_ref_extra(struct page *p); /* one more, the caller holds one already */

/* A use as `kind`; the caller holds a reference. 0; -EINVAL: the frame is in use as something else, or its
 * contents are not acceptable; -ERESTART: somebody is at it, or our budget ran out: come again. */
int page_type_get(struct page *p, enum page_kind kind) __must_use;
void page_type_put(struct page *p);
void page_put_slow(struct page *p);
static inline void page_put_as(struct page *p) /* undoes page_get_as */
{
    u64 refs = p->refs, type = p->type;
    if (likely((type & PAGE_COUNT) > 1 && (refs & PAGE_REFS) > 1 && page_cas(p, &refs, &type, refs - 1, type - 1)))
        return;
    page_put_slow(p);
}

/* Both at once, if that takes one compare-and-swap; else nothing is taken. */
static inline __must_use bool page_get_quick(struct page *p, u32 owner, enum page_kind kind) /* false: taken */
{
    u64 want = PAGE_KIND_OF(kind) | PAGE_VALID, refs = p->refs, type = p->type;
    if (unlikely(p->owner != owner || (type & (PAGE_KIND | PAGE_VALID | PAGE_BUSY)) != want ||
                 (u32)type >= PAGE_COUNT - 1 || (u32)refs - 1u >= PAGE_REFS_MOST ||
                 !page_cas(p, &refs, &type, refs + 1, type + 1)))
        return true;
    if (likely(p->owner == owner))
        return false;
    page_put_as(p);
    return true;
}

/* Both at once; the fast path is one compare-and-swap. */
int page_get_slow(struct page *p, u32 owner, enum page_kind kind) __must_use;
static inline __must_use int page_get_as(struct page *p, u32 owner, enum page_kind kind)
{
    if (likely(!page_get_quick(p, owner, kind)))
        return 0;
    return page_get_slow(p, owner, kind);
}
/* Ownership. assign: frames side by side (fresh from frame_alloc) join the domain's list; refs = ALLOCATED | 1. */
struct domain;
void page_assign(struct domain *d, mfn_t first, u64 count);
/* Take it off the owner's list and drop the owner's reference, once; false: not allocated any more, pinned, or half
 * built as a table. */
bool page_release(struct domain *d, struct page *p) __must_use;
/* A zeroed frame of d besides its memory, for Wirt and the guest both: the caller holds a writable use of it
 * (page_put_as). .n == MFN_NONE: no memory. */
mfn_t page_share(struct domain *d);
const char *page_kind_name(enum page_kind k); /* for messages */

#endif
