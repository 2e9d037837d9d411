/* SPDX-License-Identifier: MIT */
/*
 * Sets of numbers as sorted, disjoint, non-adjacent inclusive ranges. A change either happens
 * wholly or, for want of room, not at all. Lookup is a binary search. The owner of the set holds
 * its lock around every call.
 */
#include "lib/errno.h"
#include "lib/range.h"
#include "lib/string.h"

void range_init(struct range_set *s, struct range *storage, u32 capacity)
{
    s->item = storage;
    s->capacity = capacity;
    s->count = 0;
}

/* Index of the first range that ends at or behind v; count if none. */
static u32 find(const struct range_set *s, u64 v)
{
    u32 lo = 0, hi = s->count;

    while (lo < hi) {
        u32 mid = (lo + hi) / 2;
        if (s->item[mid].last < v)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* Items [at, at + out) give way to `in` items of `with`. */
static int replace(struct range_set *s, u32 at, u32 out, const struct range *with, u32 in)
{
    if (s->count - out + in > s->capacity)
        return -ENOSPC;
    memmove(&s->item[at + in], &s->item[at + out], (s->count - at - out) * sizeof(s->item[0]));
    memcpy(&s->item[at], with, in * sizeof(s->item[0]));
    s->count += in - out;
    return 0;
}

int range_add(struct range_set *s, u64 first, u64 last)
{
    struct range all = {first, last};
    u32 at, end;

    if (first > last)
        return -EINVAL;
    at = find(s, first ? first - 1 : 0); /* a range that ends right before joins */
    for (end = at; end < s->count && (last == ~0ull || s->item[end].first <= last + 1); end++) {
        all.first = min(all.first, s->item[end].first);
        all.last = max(all.last, s->item[end].last);
    }
    return replace(s, at, end - at, &all, 1);
}

int range_remove(struct range_set *s, u64 first, u64 last)
{
    struct range rest[2];
    u32 at, end, n = 0;

    if (first > last)
        return -EINVAL;
    at = find(s, first);
    for (end = at; end < s->count && s->item[end].first <= last; end++)
        ;
    if (end == at)
        return 0;
    if (s->item[at].first < first)
        rest[n++] = (struct range){s->item[at].first, first - 1};
    if (s->item[end - 1].last > last)
        rest[n++] = (struct range){last + 1, s->item[end - 1].last};
    return replace(s, at, end - at, rest, n);
}

bool range_has(const struct range_set *s, u64 first, u64 last)
{
    u32 at = find(s, first);

    return first <= last && at < s->count && s->item[at].first <= first && last <= s->item[at].last;
}
