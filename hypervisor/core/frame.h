/* SPDX-License-Identifier: MIT */
/*
 * Machine frames: the frame table (one struct page of 32 bytes for each frame of RAM) and a buddy
 * allocator. Free frames belong to this file; the moment one is allocated to a domain its counters
 * belong to dom/page.c. Freed frames are scrubbed before they are given out again. Lock:
 * RANK_FRAME.
 */
#ifndef WIRT_CORE_FRAME_H
#define WIRT_CORE_FRAME_H

#include "hw/pgtab.h"
#include "lib/bits.h"

struct page {
    union {
        struct {
            u64 refs; /* dom/page.h: bit 63 allocated to a domain, bits 0-31 references */
            u64 type; /* dom/page.h: type, state, progress, references to the type */
        };
        u128 both; /* changed by cmpxchg16b only, once allocated to a domain */
    };
    u32 owner;      /* PAGE_OWNER_*, or domid + PAGE_OWNER_DOMAIN */
    u32 stamp;      /* TLB debt (hw/tlb.h), 0 = none */
    u32 next, prev; /* mfns: the owner's list, or the free list; 0 = end */
} __aligned(32);
_Static_assert(sizeof(struct page) == 32, "frame table budget");
#define PAGE_OWNER_NONE   0u /* free */
#define PAGE_OWNER_HV     1u /* Wirt's own */
#define PAGE_OWNER_IO     2u /* not RAM, or RAM that firmware keeps */
#define PAGE_OWNER_SHOWN  3u /* Wirt's own that control domains may map to read: statistics */
#define PAGE_OWNER_DOMAIN 16u

extern u64 frame_limit;      /* one past the highest frame that has a struct page */
#define FRAME_CHUNK_SHIFT 16 /* frames whose structs are made together: 2 MiB of them */

static inline struct page *frame_page_raw(mfn_t m)
{
    return (struct page *)FRAMES_START + m.n;
}
/* NULL: beyond the end of RAM. What is no RAM below it says PAGE_OWNER_IO, and has no references. */
static inline struct page *frame_page(mfn_t m)
{
    return likely(m.n < frame_limit) ? frame_page_raw(m) : NULL;
}
bool frame_is_hole(mfn_t m); /* no RAM within 256 MiB around it: a device's, never firmware's tables */
static inline mfn_t frame_mfn(const struct page *p)
{
    return mfn((u64)(p - (struct page *)FRAMES_START));
}

#define FRAME_ORDER_MAX 18u /* 1 GiB */
#define FRAME_ZERO      1u  /* says that the caller relies on zeroes; every allocation but FRAME_RAW is scrubbed */
#define FRAME_RAW       2u  /* birth of dom0 only: contents from before the boot are no secret there */
/* 2^order contiguous, naturally aligned frames whose addresses lie below 2^address_bits (0 =
 * anywhere); owner is set to PAGE_OWNER_HV, counters zero, TLB debts of earlier owners paid. Takes
 * the highest addresses that fit. Paying a debt waits for other CPUs: hold no _irq lock here. */
mfn_t frame_alloc(u32 order, u32 flags, u32 address_bits); /* .n == MFN_NONE: none left */
/* A claim keeps so many free frames for whoever names it: others find none left before it is touched. The counter lies
 * with its owner and changes here only. 0 drops it; -ENOMEM: not that many are free and unclaimed, nothing changed. */
int frame_claim(u64 *claim, u64 count);
mfn_t frame_alloc_claimed(u64 *claim, u32 order, u32 flags, u32 address_bits); /* the claim shrinks by what it gives */
void frame_free(mfn_t m, u32 order); /* scrubbed before it is next given out; refs must be 0 */
/* What a CPU does that idles, interrupts on: scrubs what came back, until nothing is left or there is other work. */
void frame_scrub(void);
struct frame_range {
    u64 first, last; /* mfn, inclusive */
};
void frame_add_free(u64 first, u64 last); /* hand a known range to the allocator */
struct frame_stats {
    u64 total, free, used, below_4g_free; /* frames; used: Wirt's and the domains' */
    u64 claimed;                          /* of the free ones: promised (frame_claim) */
    u64 table_bytes, m2p_bytes;           /* what Wirt spends on bookkeeping */
};
void frame_stats(struct frame_stats *out);

/* The machine-to-physical table, at M2P_START for guests; written through the direct map. */
#define M2P_INVALID (~0ull)
void frame_m2p_set(mfn_t m, u64 pfn_number); /* ignored where M2P has a hole */
u64 frame_m2p_get(mfn_t m);                  /* M2P_INVALID in holes */
u64 frame_m2p_limit(void);                   /* max_mfn for XENMEM_machphys_mapping */

#endif
