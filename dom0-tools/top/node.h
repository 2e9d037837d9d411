/* SPDX-License-Identifier: MIT */
/* Keys of xenstore, for store.c alone. */
#ifndef WIRT_TOP_NODE_H
#define WIRT_TOP_NODE_H

#include "store.h"

struct node *node_new(struct node *parent, const char *name); /* NULL: no memory */
void node_free(struct node *n);
/* NULL: not one of those that were looked at; *last: the deepest that was, on the way there. */
struct node *node_find(struct node *root, const char *path, struct node **last);
/* Value, permissions and names below, those that are not known yet; a node that has gone is told before it is freed.
 * A wirt code: xenstored does not answer. */
int node_read(struct wirt *w, struct node *n, void (*gone)(void *arg, struct node *n), void *arg);
void node_forget(struct node *n);         /* what is known of it and of all below: it is read again */
struct node *node_next(struct node *n);   /* as they are shown, one below the other; NULL: the last */
struct node *node_before(struct node *n); /* NULL: the first */

#endif
