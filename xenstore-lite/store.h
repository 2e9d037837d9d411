/* SPDX-License-Identifier: MIT */
/* The tree as all see it, and the changes to it: logged, counted, and told to watchers. */
#ifndef STORE_H
#define STORE_H

#include "tree.h"

struct op {
    struct op *next;
    struct tree_set set;              /* path points to op->path */
    bool is_remove, is_new, is_quiet; /* quiet: no event of its own */
    char path[];
};
extern struct node *store_root;

void store_init(void);     /* the empty tree */
void store_populate(void); /* what every new store has */
struct op *op_create(const char *path, struct blob *value, struct perms *perms);
void op_destroy(struct op *op);

/* The change on any tree; takes and returns a reference to its root. */
struct node *store_edit(struct node *root, const struct op *op, struct node **changed);
/* The change on the one that all see. Events wait for store_fire, which sees the tree with all changes made. */
void store_apply(const struct op *op);
void store_fire(void);

#endif
