/* SPDX-License-Identifier: MIT */
/* Sets of u64 as sorted, disjoint, inclusive ranges in a fixed array (I/O ports, I/O memory frames,
 * PIRQs that a domain may use); see range.c. The owner names the lock. */
#ifndef WIRT_LIB_RANGE_H
#define WIRT_LIB_RANGE_H

#include "lib/types.h"

struct range {
    u64 first, last;
};
struct range_set {
    struct range *item;
    u32 count, capacity;
};

void range_init(struct range_set *s, struct range *storage, u32 capacity);
/* -EINVAL if first > last, -ENOSPC if the array is full (the set is unchanged then). */
int range_add(struct range_set *s, u64 first, u64 last) __must_use;
int range_remove(struct range_set *s, u64 first, u64 last) __must_use;
bool range_has(const struct range_set *s, u64 first, u64 last); /* wholly inside */

#endif
