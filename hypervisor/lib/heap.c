/* SPDX-License-Identifier: MIT */
/*
 * A pairing heap: a tree in which no key is less than that above it. Adding is one comparison; taking a node out joins
 * those below it two by two, which is logarithmic over any series of calls. The nodes are all the memory there is, so
 * that adding cannot fail however many vCPUs have timers. The owner of the heap holds its lock around every call;
 * nothing here waits or recurses.
 */
#include "lib/heap.h"

static void hang(struct heap_node **link, struct heap_node *n)
{
    *link = n;
    if (n)
        n->link = link;
}

/* Two trees become one; siblings of either are the caller's business. */
static struct heap_node *join(struct heap_node *a, struct heap_node *b)
{
    struct heap_node *top = a->key <= b->key ? a : b, *low = top == a ? b : a;

    hang(&low->next, top->child);
    hang(&top->child, low);
    return top;
}

/* A row of siblings becomes one tree: pairs from the left, then those from the right; NULL of nothing. */
static struct heap_node *join_row(struct heap_node *row)
{
    struct heap_node *pairs = NULL, *all = NULL;

    while (row) {
        struct heap_node *a = row, *b = a->next;
        row = b ? b->next : NULL;
        a = b ? join(a, b) : a;
        a->next = pairs;
        pairs = a;
    }
    while (pairs) {
        struct heap_node *n = pairs;
        pairs = n->next;
        all = all ? join(all, n) : n;
    }
    return all;
}

static void put(struct heap *h, struct heap_node *tree)
{
    if (tree)
        tree->next = NULL;
    hang(&h->root, tree && h->root ? join(h->root, tree) : tree ? tree : h->root);
}

void heap_add(struct heap *h, struct heap_node *n)
{
    n->child = NULL;
    put(h, n);
    h->count++;
}

void heap_del(struct heap *h, struct heap_node *n)
{
    if (!n->link)
        return;
    hang(n->link, n->next);
    n->link = NULL;
    put(h, join_row(n->child));
    h->count--;
}
