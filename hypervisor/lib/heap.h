/* SPDX-License-Identifier: MIT */
/* Binary min-heap of intrusive nodes keyed by u64 (timers); see heap.c. The owner names the lock.
 */
#ifndef WIRT_LIB_HEAP_H
#define WIRT_LIB_HEAP_H

#include "lib/types.h"

struct heap_node {
    u64 key;
    u32 slot; /* 1-based place in the heap; 0 = not in any */
};
struct heap {
    struct heap_node **node; /* 1-based array of capacity + 1 pointers, owned by the caller */
    u32 count, capacity;
};

void heap_init(struct heap *h, struct heap_node **storage, u32 capacity);
/* false if full. The node must not be in a heap. */
bool heap_add(struct heap *h, struct heap_node *n) __must_use;
void heap_del(struct heap *h, struct heap_node *n);            /* no-op if not in the heap */
static inline struct heap_node *heap_min(const struct heap *h) /* NULL if empty */
{
    return h->count ? h->node[1] : (struct heap_node *)0;
}

#endif
