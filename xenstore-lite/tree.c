// SPDX-License-Identifier: MIT
/*
 * The tree. Siblings form a weight-balanced search tree by name, linked through the nodes themselves, and each node
 * has the root of its children's. A change copies the nodes on the way down from the root and shares all others; a
 * node that only one reference leads to is changed in place instead, which nobody can tell. So a snapshot, and a
 * transaction is one, costs a counter; and a change O(sum of log(siblings) over the path).
 * A node's three generations say what changed since a snapshot without comparing trees.
 */
#include "tree.h"
#include "mem.h"
#include "wire.h"

#include <assert.h>
#include <string.h>

uint64_t tree_clock;

uint64_t tree_tick(void)
{
    return ++tree_clock;
}

struct blob *tree_blob(const void *data, size_t length)
{
    struct blob *b;

    if (!length)
        return NULL;
    b = mem_alloc(sizeof(*b) + length);
    b->refs = 1;
    b->len = (uint32_t)length;
    memcpy(b->data, data, length);
    return b;
}

struct blob *tree_blob_get(struct blob *b)
{
    if (b)
        b->refs++;
    return b;
}

void tree_blob_put(struct blob *b)
{
    if (b && !--b->refs)
        mem_free(b);
}

static struct node *node_create(const char *name, size_t length, struct blob *value, struct perms *perms)
{
    struct node *n = mem_alloc(sizeof(*n) + length + 1);

    n->refs = 1;
    n->weight = 1;
    n->name_len = (uint32_t)length;
    n->name_bytes = n->name_len + 1;
    n->value = tree_blob_get(value);
    n->perms = perms;
    memcpy(n->name, name, length);
    return n;
}

struct node *tree_create(struct perms *perms)
{
    return node_create("", 0, NULL, perms);
}

struct node *tree_get(struct node *n)
{
    if (n)
        n->refs++;
    return n;
}

void tree_put(struct node *n)
{
    if (!n || --n->refs)
        return;
    tree_put(n->left);
    tree_put(n->right);
    tree_put(n->children);
    tree_blob_put(n->value);
    perm_put(n->perms);
    mem_free(n);
}

/* Takes a reference to n and returns one to a node that only the caller can reach. */
static struct node *own(struct node *n)
{
    struct node *copy;

    if (n->refs == 1)
        return n;
    copy = mem_alloc(sizeof(*n) + n->name_len + 1);
    memcpy(copy, n, sizeof(*n) + n->name_len + 1);
    copy->refs = 1;
    tree_get(n->left);
    tree_get(n->right);
    tree_get(n->children);
    tree_blob_get(n->value);
    perm_get(n->perms);
    n->refs--;
    return copy;
}

/* Names are short, and mostly differ soon: a call would cost more than the look. A node's ends with a NUL. */
static int compare(const char *name, size_t length, const struct node *n)
{
    size_t i = 0;

    while (i < length && name[i] == n->name[i])
        i++;
    if (i == length)
        return length < n->name_len ? -1 : 0;
    return (unsigned char)name[i] < (unsigned char)n->name[i] ? -1 : 1;
}

/* Up to the next '/' of a path, or its end. */
static size_t name_length(const char *name)
{
    return (size_t)(strchrnul(name, '/') - name);
}

static uint32_t weight(const struct node *n)
{
    return n ? n->weight : 0;
}

static uint32_t bytes(const struct node *n)
{
    return n ? n->name_bytes : 0;
}

static struct node *sum(struct node *n)
{
    n->weight = 1 + weight(n->left) + weight(n->right);
    n->name_bytes = n->name_len + 1 + bytes(n->left) + bytes(n->right);
    return n;
}

static struct node *rotate_left(struct node *n)
{
    struct node *r = own(n->right);

    n->right = r->left;
    r->left = sum(n);
    return sum(r);
}

static struct node *rotate_right(struct node *n)
{
    struct node *l = own(n->left);

    n->left = l->right;
    l->right = sum(n);
    return sum(l);
}

/* One side may be at most three times the other; a single rotation serves while the inner grandchild is lighter than
 * twice the outer one (the pair of constants for which insertion and removal are proven to keep the balance). */
static struct node *balance(struct node *n)
{
    uint32_t l = weight(n->left), r = weight(n->right);

    if (l + r < 2)
        return sum(n);
    if (r > 3 * l) {
        if (weight(n->right->left) >= 2 * weight(n->right->right))
            n->right = rotate_right(own(n->right));
        return rotate_left(n);
    }
    if (l > 3 * r) {
        if (weight(n->left->right) >= 2 * weight(n->left->left))
            n->left = rotate_left(own(n->left));
        return rotate_right(n);
    }
    return sum(n);
}

/* Takes the least node out of the siblings t, whose remainder it returns. */
static struct node *take_least(struct node *t, struct node **least)
{
    struct node *rest;

    t = own(t);
    if (t->left) {
        t->left = take_least(t->left, least);
        return balance(t);
    }
    rest = t->right;
    t->right = NULL;
    *least = t;
    return rest;
}

/* The siblings of n without n, which the caller owns. */
static struct node *unlink_node(struct node *n)
{
    struct node *l = n->left, *r = n->right, *top;

    n->left = n->right = NULL;
    tree_put(n);
    if (!l || !r)
        return l ? l : r;
    r = take_least(r, &top);
    top->left = l;
    top->right = r;
    return balance(top);
}

struct edit {
    const struct tree_set *set; /* NULL: remove */
    uint64_t gen;
    struct node *changed;
};

static struct node *edit_children(struct node *n, const char *path, struct edit *e);

static struct node *edit_here(struct node *n, struct edit *e)
{
    const struct tree_set *s = e->set;

    if (s->sets_value) {
        tree_blob_put(n->value);
        n->value = tree_blob_get(s->value);
    }
    if (s->sets_perms) {
        perm_put(n->perms);
        n->perms = perm_get(s->perms);
    }
    n->gen = n->deep_gen = e->gen;
    return e->changed = n;
}

/* Among the siblings t, the node called name; path is what follows its name ("" or "/..."). */
static struct node *edit_among(struct node *t, const char *name, size_t length, const char *path, struct edit *e)
{
    struct node **side;
    uint32_t before;
    int order;

    if (!t) {
        assert(!*path && e->set);
        t = node_create(name, length, e->set->value, perm_get(e->set->perms));
        t->gen = t->list_gen = t->deep_gen = e->gen;
        return e->changed = t;
    }
    t = own(t);
    order = compare(name, length, t);
    if (!order && *path)
        return edit_children(t, path, e);
    if (!order)
        return e->set ? edit_here(t, e) : unlink_node(t);
    side = order < 0 ? &t->left : &t->right;
    before = weight(*side);
    *side = edit_among(*side, name, length, path, e);
    return weight(*side) == before ? t : balance(t); /* a sibling came or went */
}

static struct node *edit_children(struct node *n, const char *path, struct edit *e)
{
    const char *name = path + 1;
    size_t length = name_length(name);
    uint32_t before = weight(n->children);

    n->children = edit_among(n->children, name, length, name + length, e);
    if (weight(n->children) != before)
        n->list_gen = e->gen;
    n->deep_gen = e->gen;
    return n;
}

struct node *tree_set(struct node *root, const struct tree_set *s, uint64_t gen, struct node **changed)
{
    struct edit e = {s, gen, NULL};

    root = own(root);
    root = s->path[1] ? edit_children(root, s->path, &e) : edit_here(root, &e);
    *changed = e.changed;
    return root;
}

struct node *tree_remove(struct node *root, const char *path, uint64_t gen)
{
    struct edit e = {NULL, gen, NULL};

    return edit_children(own(root), path, &e);
}

static struct node *child(const struct node *n, const char *name, size_t length)
{
    struct node *t = n->children;
    int order;

    while (t && (order = compare(name, length, t)))
        t = order < 0 ? t->left : t->right;
    return t;
}

struct node *tree_below(struct node *n, const char *path)
{
    while (n && *path) {
        size_t length = name_length(path + 1);

        n = child(n, path + 1, length);
        path += 1 + length;
    }
    return n;
}

struct node *tree_find(struct node *root, const char *path)
{
    return path[1] ? tree_below(root, path) : root;
}

struct node *tree_nearest(struct node *root, const char *path, size_t *known)
{
    struct node *n = root, *next;
    const char *at = path;

    while (at[0] && at[1]) {
        size_t length = name_length(at + 1);

        next = child(n, at + 1, length);
        if (!next)
            break;
        n = next;
        at += 1 + length;
    }
    *known = path[1] ? (size_t)(at - path) : 1;
    return n;
}

uint32_t tree_child_count(const struct node *n)
{
    return weight(n->children);
}

uint32_t tree_child_bytes(const struct node *n)
{
    return bytes(n->children);
}

struct listing {
    char *out;
    size_t size, used;
    bool is_full;
};

static void list_from(const struct node *t, size_t offset, struct listing *l)
{
    size_t before, own_bytes;

    if (!t || l->is_full || offset >= t->name_bytes)
        return;
    before = bytes(t->left);
    own_bytes = t->name_len + 1u;
    if (offset < before)
        list_from(t->left, offset, l);
    if (!l->is_full && offset < before + own_bytes) {
        if (own_bytes > l->size - l->used) {
            l->is_full = true;
            return;
        }
        memcpy(l->out + l->used, t->name, own_bytes);
        l->used += own_bytes;
    }
    list_from(t->right, offset > before + own_bytes ? offset - before - own_bytes : 0, l);
}

size_t tree_list(const struct node *n, size_t offset, char *out, size_t size)
{
    struct listing l = {out, size, 0, false};

    list_from(n->children, offset, &l);
    return l.used;
}

/* The sibling that follows name in order. */
static struct node *successor(const struct node *parent, const char *name, size_t length)
{
    struct node *t = parent->children, *best = NULL;

    while (t)
        if (compare(name, length, t) < 0) {
            best = t;
            t = t->left;
        } else
            t = t->right;
    return best;
}

struct node *tree_next(struct node *root, char *path)
{
    struct node *n = tree_find(root, path), *next;
    char *slash, parent[WIRE_PATH_SIZE];
    size_t length = path[1] ? strlen(path) : 0;

    if (n->children) {
        for (n = n->children; n->left; n = n->left)
            ;
        path[length] = '/';
        memcpy(path + length + 1, n->name, n->name_len + 1u);
        return n;
    }
    while (path[1]) {
        wire_parent(path, parent);
        slash = strrchr(path, '/');
        next = successor(tree_find(root, parent), slash + 1, strlen(slash + 1));
        if (next) {
            memcpy(slash + 1, next->name, next->name_len + 1u);
            return next;
        }
        slash[slash == path] = 0;
    }
    return NULL;
}

static void walk_siblings(struct node *t, void (*fn)(struct node *n, void *arg), void *arg)
{
    if (!t)
        return;
    walk_siblings(t->left, fn, arg);
    walk_siblings(t->right, fn, arg);
    tree_walk(t, fn, arg);
}

void tree_walk(struct node *n, void (*fn)(struct node *n, void *arg), void *arg)
{
    fn(n, arg);
    walk_siblings(n->children, fn, arg);
}
