/* SPDX-License-Identifier: MIT */
/*
 * A binary min-heap in a caller's array of node pointers, 1-based so that the parent of i is i / 2.
 * A node knows its slot, which makes removal from the middle logarithmic and "is it queued?" a
 * comparison with 0. The owner of the heap holds its lock around every call; nothing here waits or
 * allocates.
 */
#include "lib/heap.h"

void heap_init(struct heap *h, struct heap_node **storage, u32 capacity)
{
    h->node = storage;
    h->capacity = capacity;
    h->count = 0;
}

static void place(struct heap *h, struct heap_node *n, u32 slot)
{
    h->node[slot] = n;
    n->slot = slot;
}

static void sift(struct heap *h, struct heap_node *n, u32 slot)
{
    while (slot > 1 && h->node[slot / 2]->key > n->key) {
        place(h, h->node[slot / 2], slot);
        slot /= 2;
    }
    for (;;) {
        u32 child = slot * 2;
        if (child > h->count)
            break;
        if (child < h->count && h->node[child + 1]->key < h->node[child]->key)
            child++;
        if (h->node[child]->key >= n->key)
            break;
        place(h, h->node[child], slot);
        slot = child;
    }
    place(h, n, slot);
}

bool heap_add(struct heap *h, struct heap_node *n)
{
    if (h->count == h->capacity)
        return false;
    h->node[++h->count] = n;
    sift(h, n, h->count);
    return true;
}

void heap_del(struct heap *h, struct heap_node *n)
{
    u32 slot = n->slot;
    struct heap_node *last;

    if (!slot)
        return;
    n->slot = 0;
    last = h->node[h->count--];
    if (last != n)
        sift(h, last, slot);
}
