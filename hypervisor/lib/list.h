/* SPDX-License-Identifier: MIT */
/*
 * Intrusive doubly linked list with a head node; an empty list points to itself.
 * The owner of the list names the lock.
 */
#ifndef WIRT_LIB_LIST_H
#define WIRT_LIB_LIST_H

#include "lib/types.h"

struct list {
    struct list *next, *prev;
};

static inline void list_init(struct list *l)
{
    l->next = l->prev = l;
}
static inline void list_add(struct list *n, struct list *before) /* before = head: append */
{
    n->prev = before->prev;
    n->next = before;
    before->prev->next = n;
    before->prev = n;
}
static inline void list_del(struct list *n) /* leaves n an empty list of its own */
{
    n->prev->next = n->next;
    n->next->prev = n->prev;
    list_init(n);
}
#define list_item(p, t, m)     container_of(p, t, m)
#define list_for_each(p, head) for (struct list *p = (head)->next; p != (head); p = p->next)

#endif
