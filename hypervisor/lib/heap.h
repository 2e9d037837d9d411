/* SPDX-License-Identifier: MIT */
/* Min-heap of intrusive nodes keyed by u64 (timers), without a limit of its own; see heap.c. The owner names the lock.
 */
#ifndef WIRT_LIB_HEAP_H
#define WIRT_LIB_HEAP_H

#include "lib/types.h"

struct heap_node {
    u64 key;
    struct heap_node *child, *next; /* the first of those below, and the next beside */
    struct heap_node **link;        /* where the pointer to it stands; NULL = not in any heap */
};
struct heap {
    struct heap_node *root; /* the least key, NULL if empty */
    u32 count;
};

void heap_add(struct heap *h, struct heap_node *n); /* the node must not be in a heap */
void heap_del(struct heap *h, struct heap_node *n); /* no-op if not in the heap */

#endif
