// SPDX-License-Identifier: MIT
/*
 * The store: one root. A change goes through store_apply and nowhere else, which edits the tree, moves the counts of
 * who owns how many nodes, puts the change into the log's record and remembers what watchers must hear. They hear it
 * from store_fire, after the last change of a request or transaction, so that nobody is told of a state in between.
 */
#include "store.h"
#include "mem.h"
#include "quota.h"
#include "state.h"
#include "watch.h"
#include "wire.h"

#include <string.h>

struct node *store_root;

static struct heard {
    struct heard *next;
    struct change change;
    struct perms *before;
    char path[];
} * heard_first, **heard_last = &heard_first;

struct op *op_create(const char *path, struct blob *value, struct perms *perms)
{
    size_t length = strlen(path);
    struct op *op = mem_alloc(sizeof(*op) + length + 1);

    memcpy(op->path, path, length);
    op->set.path = op->path;
    op->set.value = tree_blob_get(value);
    op->set.perms = perms ? perm_get(perms) : NULL;
    return op;
}

void op_destroy(struct op *op)
{
    tree_blob_put(op->set.value);
    perm_put(op->set.perms);
    mem_free(op);
}

struct node *store_edit(struct node *root, const struct op *op, struct node **changed)
{
    if (op->is_remove)
        return tree_remove(root, op->path, tree_tick());
    return tree_set(root, &op->set, tree_tick(), changed);
}

static void uncount(struct node *n, void *unused)
{
    (void)unused;
    if (perm_is_live(n->perms, n->perms->entry[0].domid))
        quota_nodes_add(perm_owner(n->perms), -1);
}

static void log_node(const struct node *n, const char *path)
{
    /* 65,536 is more than perm_encode can make of the largest list: 4,096 bytes of request hold 1,365 entries. */
    static char text[16384 + XENSTORE_PAYLOAD_MAX];
    size_t perms = perm_encode(n->perms, text, 16384), value = n->value ? n->value->len : 0;

    if (value)
        memcpy(text + perms, n->value->data, value);
    state_put(&(struct state_entry){STATE_NODE, 0, perms, path, text, strlen(path), perms + value});
}

void store_apply(const struct op *op)
{
    bool is_replaced = op->is_remove || (op->set.sets_perms && !op->is_new);
    struct node *n = is_replaced ? tree_find(store_root, op->path) : NULL;
    size_t length = strlen(op->path);
    struct heard *h = mem_alloc(sizeof(*h) + length + 1);

    memcpy(h->path, op->path, length);
    h->change.path = h->path;
    h->change.is_new = op->is_new;
    if (op->is_remove) {
        h->change.gone = tree_get(n);
        tree_walk(n, uncount, NULL);
    } else if (op->is_new)
        quota_nodes_add(perm_owner(op->set.perms), 1);
    else if (op->set.sets_perms) {
        h->before = perm_get(n->perms);
        h->change.before = h->before;
        uncount(n, NULL);
        quota_nodes_add(perm_owner(op->set.perms), 1);
    }
    store_root = store_edit(store_root, op, &n);
    if (state_is_replaying())
        ;
    else if (op->is_remove)
        state_put(&(struct state_entry){STATE_RM, .x = op->path, .xlen = length});
    else
        log_node(n, op->path);
    h->change.path = op->is_quiet ? NULL : h->path;
    *heard_last = h;
    heard_last = &h->next;
}

void store_fire(void)
{
    struct heard *h, *next;

    for (h = heard_first; h; h = next) {
        next = h->next;
        if (h->change.path && !state_is_replaying())
            watch_fire(store_root, &h->change);
        tree_put(h->change.gone);
        perm_put(h->before);
        mem_free(h);
    }
    heard_first = NULL;
    heard_last = &heard_first;
}

static void make(const char *path, const char *value, struct perms *perms)
{
    struct blob *b = tree_blob(value, strlen(value));
    struct op *op = op_create(path, b, perms);

    op->is_new = true;
    store_apply(op);
    op_destroy(op);
    tree_blob_put(b);
}

void store_init(void)
{
    struct perms *p = perm_create(&(struct perm){0, 0}, 1, tree_tick());

    store_root = tree_create(p);
    quota_nodes_add(0, 1);
    for (unsigned i = 0; i < WATCH_SPECIALS; i++)
        watch_special_perms[i] = perm_get(p);
}

/* What clients expect of any store. Not dom0's domid: by that Debian's xen-init-dom0 sees that its work is done. */
void store_populate(void)
{
    struct perms *p = store_root->perms;

    make("/tool", "", p);
    make("/tool/xenstored", "", p);
    make("/local", "", p);
    make("/local/domain", "", p);
    make("/local/domain/0", "", p);
    make("/local/domain/0/name", "Domain-0", p);
    store_fire();
}
