/* SPDX-License-Identifier: MIT */
/*
 * Statistics that control domains read without asking (public/wirt.h has the layout): records in frames of Wirt's own,
 * which nobody else can write. A vCPU's record is its runstate, and its counts are plain increments by the CPU that
 * runs it; the others are filled when they are asked for. A record that changes in several words has an odd version
 * meanwhile. One writer at a time: a vCPU's under its queue's lock, the others under RANK_STAT.
 */
#ifndef WIRT_DOM_STAT_H
#define WIRT_DOM_STAT_H

#include "lib/bits.h"
#include "lib/types.h"
#include "public/wirt.h"

#define STAT_FRAMES_MAX 4096u

/* WIRT_STAT_* of that domain; all zero but for what names it. NULL: no memory, or too many. */
struct wirt_stat *stat_create(u8 kind, domid_t domain, u32 id);
void stat_destroy(struct wirt_stat *s); /* NULL: nothing */
/* Fill in what is not written as it happens. Domains from *next on: 0, or -ERESTART with *next where to go on. */
int stat_refresh(u32 *next) __must_use;
void stat_uses(struct wirt_sysctl_frames *f); /* counts one piece */
u32 stat_frames(void);                        /* how many there are */
mfn_t stat_frame(u32 index);

/* Both sides of the version: readers take it before and behind what they read. x86 keeps stores in order. */
static inline void stat_write_begin(struct wirt_stat *s)
{
    WRITE_ONCE(s->version, s->version + 1);
    barrier();
}
static inline void stat_write_end(struct wirt_stat *s)
{
    barrier();
    WRITE_ONCE(s->version, s->version + 1);
}
static inline u32 stat_bucket(u64 ns)
{
    u64 units = ns >> WIRT_STAT_LATENCY_SHIFT;
    return units ? min(bit_highest(units) + 1, WIRT_STAT_LATENCIES - 1u) : 0;
}

#endif
