/* SPDX-License-Identifier: MIT */
/*
 * Owner of every machine frame that is not allocated. Free memory is a buddy system: blocks of 2^order frames,
 * naturally aligned, on one list per zone and order. A zone is the highest set bit of the frame number, so a block lies
 * wholly in one zone and "below 2^n bytes" is a comparison of zones. Lists are linked by frame numbers in the struct
 * pages; a block's first page carries TYPE_HEAD | order. Lock: frame_lock, with interrupts off. Scrubbing and the
 * payment of TLB debts happen at allocation, outside the lock: after the last stale mapping is gone; or before, by a
 * CPU that idles, a frame at a time within the lock: such a frame says TYPE_CLEAN until it is given out. Claims are
 * counted under the same lock as free frames, so that claimed <= free always, and nobody overdraws them.
 */
#include "core/frame_map.h"
#include "core/lock.h"
#include "core/work.h"
#include "hw/tlb.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lib/string.h"

#define ZONE_COUNT  32u
#define ORDER_COUNT (FRAME_ORDER_MAX + 1)
#define TYPE_HEAD   BIT(63)
#define TYPE_CLEAN  BIT(56) /* zeroes, and in nobody's TLB */

__sealed u64 frame_limit;

static struct lock frame_lock = LOCK_INIT(RANK_FRAME);
static u32 head[ZONE_COUNT][ORDER_COUNT];
static u32 orders[ZONE_COUNT]; /* bit = that list is not empty */
__sealed u32 frame_m2p_page[M2P_PAGE_MAX];
__sealed u64 frame_chunk_map[FRAME_CHUNK_MAX / 64];
struct frame_stats frame_count;
/* Under the lock: of each 1 << M2P_SHIFT frames 64 parts; in those with a bit some came back and may not be clean. */
#define PART_SHIFT (M2P_SHIFT - 6)
static u64 soiled[M2P_PAGE_MAX];

static inline struct page *raw(u64 n)
{
    return frame_page_raw(mfn(n));
}

static void block_link(u64 n, u32 order)
{
    u32 zone = bit_highest(n), next = head[zone][order];
    struct page *p = raw(n);

    p->type = (p->type & TYPE_CLEAN) | TYPE_HEAD | order;
    p->next = next;
    p->prev = 0;
    if (next)
        raw(next)->prev = (u32)n;
    head[zone][order] = (u32)n;
    orders[zone] |= 1u << order;
}

static void block_unlink(u64 n, u32 order)
{
    u32 zone = bit_highest(n);
    struct page *p = raw(n);

    if (p->next)
        raw(p->next)->prev = p->prev;
    if (p->prev)
        raw(p->prev)->next = p->next;
    else if (!(head[zone][order] = p->next))
        orders[zone] &= ~(1u << order);
    p->type &= TYPE_CLEAN;
}

static void count_free(u64 n, u32 order, s64 sign)
{
    u64 delta = (u64)(sign * (s64)(1ull << order));

    frame_count.free += delta;
    if (n < 1ull << (32 - PAGE_SHIFT))
        frame_count.below_4g_free += delta;
}

static bool is_free_block(u64 n, u32 order)
{
    const struct page *p = frame_page(mfn(n));

    return p && p->owner == PAGE_OWNER_NONE && (p->type & ~TYPE_CLEAN) == (TYPE_HEAD | order);
}

/* The frames of the block have owner NONE and type 0 already. */
static void block_put(u64 n, u32 order)
{
    count_free(n, order, 1);
    while (order < FRAME_ORDER_MAX && is_free_block(n ^ (1ull << order), order)) {
        block_unlink(n ^ (1ull << order), order);
        n &= ~(1ull << order);
        order++;
    }
    block_link(n, order);
}

static u64 block_get(u32 order, u32 zone_count)
{
    for (u32 zone = zone_count; zone-- > 0;) {
        u32 fit = orders[zone] >> order, have;
        u64 n;
        if (!fit)
            continue;
        have = order + bit_lowest(fit);
        n = head[zone][have];
        block_unlink(n, have);
        while (have > order) { /* keep the upper half, give the lower back */
            block_link(n, --have);
            n += 1ull << have;
        }
        count_free(n, order, -1);
        return n;
    }
    return MFN_NONE;
}

int frame_claim(u64 *claim, u64 count)
{
    u64 flags = lock_take_irq(&frame_lock);
    bool is_there = count <= frame_count.free - frame_count.claimed + *claim;

    if (is_there) {
        frame_count.claimed += count - *claim;
        *claim = count;
    }
    lock_drop_irq(&frame_lock, flags);
    return is_there ? 0 : -ENOMEM;
}

/* A block that is nobody else's by claim. */
static u64 block_get_claimed(u64 *claim, u32 order, u32 zones)
{
    u64 count = 1ull << order, n = MFN_NONE, kept;

    if (count <= frame_count.free - frame_count.claimed + (claim ? *claim : 0))
        n = block_get(order, zones);
    if (claim && n != MFN_NONE) {
        kept = min(*claim, count);
        *claim -= kept;
        frame_count.claimed -= kept;
    }
    return n;
}

/* A block of which some frames say TYPE_CLEAN: they do no more, and the others are scrubbed. */
static void clean_up(u64 n, u32 order, bool is_raw)
{
    for (u64 i = n; i < n + (1ull << order); i++) {
        if (!raw(i)->type && !is_raw)
            memset(frame_va(mfn(i)), 0, PAGE_SIZE);
        raw(i)->type = 0;
    }
}

mfn_t frame_alloc(u32 order, u32 flags, u32 address_bits)
{
    return frame_alloc_claimed(NULL, order, flags, address_bits);
}

mfn_t frame_alloc_claimed(u64 *claim, u32 order, u32 flags, u32 address_bits)
{
    u32 zones = ZONE_COUNT, stamp = 0;
    u64 n, lock_flags, clean = 0;

    if (address_bits && address_bits < PAGE_SHIFT + ZONE_COUNT)
        zones = address_bits > PAGE_SHIFT ? address_bits - PAGE_SHIFT : 0;
    if (order > FRAME_ORDER_MAX)
        return mfn(MFN_NONE);
    lock_flags = lock_take_irq(&frame_lock);
    n = block_get_claimed(claim, order, zones);
    lock_drop_irq(&frame_lock, lock_flags);
    if (n == MFN_NONE)
        return mfn(n);
    /* Nobody else can name these frames now: they are neither free nor owned. */
    for (u64 i = n; i < n + (1ull << order); i++) {
        struct page *p = raw(i);
        stamp = max(stamp, p->stamp);
        clean |= p->type;
        *p = (struct page){.owner = PAGE_OWNER_HV, .type = p->type};
    }
    if (stamp)
        tlb_settle(stamp, cpu_online);
    if (clean)
        clean_up(n, order, flags & FRAME_RAW);
    else if (!(flags & FRAME_RAW))
        memset(frame_va(mfn(n)), 0, PAGE_SIZE << order);
    return mfn(n);
}

/* ---- while a CPU idles ---- */

static bool is_free(u64 n)
{
    for (u32 order = 0; order <= FRAME_ORDER_MAX; order++)
        if (is_free_block(n & ~((1ull << order) - 1), order))
            return true;
    return false;
}

/* The debt is paid before the lock is taken, as that may mean to wait for others. What comes back meanwhile, with a
 * debt of its own perhaps, soils its part anew. */
static void scrub(u64 n)
{
    struct page *p = raw(n);
    u32 stamp = READ_ONCE(p->stamp);
    u64 flags;

    tlb_settle(stamp, cpu_online);
    flags = lock_take_irq(&frame_lock);
    if (!(p->type & TYPE_CLEAN) && p->stamp == stamp && is_free(n)) {
        memset(frame_va(mfn(n)), 0, PAGE_SIZE);
        p->stamp = 0;
        p->type |= TYPE_CLEAN;
    }
    lock_drop_irq(&frame_lock, flags);
}

/* A part that was soiled, which is so no more; MFN_NONE: there is none. */
static u64 part_take(void)
{
    u64 count = round_up(frame_limit, 1ull << M2P_SHIFT) >> M2P_SHIFT, n = MFN_NONE, flags;

    for (u64 at = 0; at < count; at++) {
        if (likely(!READ_ONCE(soiled[at])))
            continue;
        flags = lock_take_irq(&frame_lock);
        if (soiled[at]) {
            n = at << M2P_SHIFT | (u64)bit_lowest(soiled[at]) << PART_SHIFT;
            soiled[at] &= soiled[at] - 1;
        }
        lock_drop_irq(&frame_lock, flags);
        if (n != MFN_NONE)
            break;
    }
    return n;
}

static void part_soil(u64 n)
{
    soiled[n >> M2P_SHIFT] |= BIT(n >> PART_SHIFT & 63);
}

void frame_scrub(void)
{
    u64 first, flags;

    while (!work_is_pending() && (first = part_take()) != MFN_NONE)
        for (u64 n = first; n < first + (1ull << PART_SHIFT); n++) {
            const struct page *p = raw(n);
            if (READ_ONCE(p->owner) != PAGE_OWNER_NONE || READ_ONCE(p->type) & TYPE_CLEAN)
                continue;
            if (work_is_pending()) {
                flags = lock_take_irq(&frame_lock);
                part_soil(n);
                lock_drop_irq(&frame_lock, flags);
                return;
            }
            scrub(n);
        }
}

/* ---- what comes back ---- */

/* Claim [first, last] for the free lists; the struct pages still belong to the caller. */
static void frames_disown(u64 first, u64 last)
{
    for (u64 i = first; i <= last; i++) {
        struct page *p = frame_page(mfn(i));
        if (unlikely(!p || p->owner == PAGE_OWNER_NONE || p->owner == PAGE_OWNER_IO || p->refs))
            panic("frame: 0x%lx freed, but %s", i,
                  !p                          ? "there is no RAM"
                  : p->refs                   ? "it is referenced"
                  : p->owner == PAGE_OWNER_IO ? "it is not RAM"
                                              : "it is free already");
        p->owner = PAGE_OWNER_NONE;
        p->type = 0;
    }
}

static void give(u64 n, u32 order, bool is_soiled)
{
    u64 flags;

    ASSERT(order <= FRAME_ORDER_MAX && !(n & ((1ull << order) - 1)));
    frames_disown(n, n + (1ull << order) - 1);
    flags = lock_take_irq(&frame_lock);
    block_put(n, order);
    for (u64 i = n; is_soiled && i < n + (1ull << order); i += 1ull << PART_SHIFT)
        part_soil(i);
    lock_drop_irq(&frame_lock, flags);
}

void frame_free(mfn_t m, u32 order)
{
    give(m.n, order, true);
}

/* Not soiled: memory that nobody has touched since the machine was switched on may have nothing behind it where the
 * machine is a virtual one. */
void frame_add_free(u64 first, u64 last)
{
    first = max(first, 1ull); /* 0 ends the lists */
    while (first <= last) {
        u32 order = min(bit_lowest(first), bit_highest(last - first + 1));
        order = min(order, FRAME_ORDER_MAX);
        give(first, order, false);
        first += 1ull << order;
    }
}

bool frame_is_hole(mfn_t m)
{
    return m.n >= frame_limit || !map_test(frame_chunk_map, m.n >> FRAME_CHUNK_SHIFT);
}

void frame_stats(struct frame_stats *out)
{
    u64 flags = lock_take_irq(&frame_lock);

    *out = frame_count;
    out->used = frame_count.total - frame_count.free;
    lock_drop_irq(&frame_lock, flags);
}

static u64 *m2p_entry(mfn_t m)
{
    u64 at = m.n >> M2P_SHIFT;

    if (at >= ARRAY_COUNT(frame_m2p_page) || !frame_m2p_page[at])
        return NULL;
    return (u64 *)frame_va(mfn(frame_m2p_page[at])) + (m.n & ((1ull << M2P_SHIFT) - 1));
}

void frame_m2p_set(mfn_t m, u64 pfn_number)
{
    u64 *e = m2p_entry(m);

    if (e)
        WRITE_ONCE(*e, pfn_number);
}

u64 frame_m2p_get(mfn_t m)
{
    const u64 *e = m2p_entry(m);

    return e ? READ_ONCE(*e) : M2P_INVALID;
}

u64 frame_m2p_limit(void)
{
    return frame_limit ? round_up(frame_limit, 1ull << M2P_SHIFT) - 1 : 0;
}
