/* SPDX-License-Identifier: MIT */
/* The tree as a value: whoever holds a reference to a root sees it unchanged for ever. */
#ifndef TREE_H
#define TREE_H

#include "perm.h"

struct blob {
    uint32_t refs, len;
    char data[];
};

struct node {
    uint32_t refs;
    uint32_t weight;     /* nodes in this part of the sibling tree, itself included */
    uint32_t name_bytes; /* of their names, each with a NUL */
    uint32_t name_len;
    uint64_t gen;      /* when its value or permissions changed */
    uint64_t list_gen; /* when a child came or went */
    uint64_t deep_gen; /* when anything at or below it changed */
    struct node *left, *right, *children;
    struct blob *value; /* NULL: empty */
    struct perms *perms;
    char name[];
};

/* One reference. NULL for no bytes. */
struct blob *tree_blob(const void *data, size_t length);
struct blob *tree_blob_get(struct blob *b);
void tree_blob_put(struct blob *b);

struct node *tree_create(struct perms *perms); /* a root; takes the reference to perms */
struct node *tree_get(struct node *n);
void tree_put(struct node *n);

/* Borrowed, or NULL. path is absolute and valid. */
struct node *tree_find(struct node *root, const char *path);
/* The same below n: path is "" or starts with "/". */
struct node *tree_below(struct node *n, const char *path);
/* The nearest node at or above path that exists, and how many of path's bytes lead to it (all of them: it is there). */
struct node *tree_nearest(struct node *root, const char *path, size_t *known);

/* Both take the caller's reference to root and return one to the new root; nobody else's view changes.
 * set: value and perms as given (references stay the caller's); a new one's parent must exist. *changed: it, borrowed.
 * remove: path must exist and not be "/". */
struct tree_set {
    const char *path;
    struct blob *value;
    struct perms *perms;
    bool sets_value, sets_perms; /* for a node that exists */
};
struct node *tree_set(struct node *root, const struct tree_set *s, uint64_t gen, struct node **changed);
struct node *tree_remove(struct node *root, const char *path, uint64_t gen);

uint32_t tree_child_count(const struct node *n);
uint32_t tree_child_bytes(const struct node *n); /* of all names, each with its NUL */
/* Whole names from byte `offset` of that list on (rounded to the start of a name) as far as they fit. */
size_t tree_list(const struct node *n, size_t offset, char *out, size_t size);
/* Path of the next node in preorder into the same buffer (size WIRE_PATH_SIZE); NULL after the last. */
struct node *tree_next(struct node *root, char *path);
/* fn for n and all below it, in no order. */
void tree_walk(struct node *n, void (*fn)(struct node *n, void *arg), void *arg);

/* The store's clock: each change has its own value. */
uint64_t tree_tick(void);
extern uint64_t tree_clock;

#endif
