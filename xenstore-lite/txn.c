// SPDX-License-Identifier: MIT
/*
 * Transactions. One starts as a second reference to the root. Its changes go to its own root and to a list; every
 * path whose state an answer showed is noted with what of it mattered. Committing compares just those paths in the
 * tree as it was and as it is: unrelated writes, however many, never make a transaction fail. If the root is still
 * the one it started from there is nothing to compare. Changes are then made again, in order, on the common tree.
 */
#include "txn.h"
#include "mem.h"
#include "quota.h"
#include "state.h"
#include "wire.h"

#include <string.h>

struct access {
    struct access *next;
    uint32_t hash, kinds;
    bool is_told; /* at commit: watchers hear of a path once */
    char path[];
};

static uint32_t hash_of(const char *path)
{
    uint32_t h = 2166136261u;

    while (*path)
        h = (h ^ (unsigned char)*path++) * 16777619u;
    return h;
}

static struct txn *create(struct conn *c, uint32_t id)
{
    struct txn *t = mem_alloc(sizeof(*t));

    t->id = id;
    t->conn = c;
    t->base = tree_get(store_root);
    t->root = tree_get(store_root);
    t->ops_last = &t->ops;
    t->next = c->txns;
    c->txns = t;
    c->txn_count++;
    if (c->domain)
        state_put(&(struct state_entry){STATE_TXN_START, c->who.domid, id});
    return t;
}

int txn_start(struct conn *c, struct txn **out)
{
    int error = quota_check(c->who.domid, QUOTA_TRANSACTIONS, c->txn_count + 1u, "TRANSACTION_START");

    if (error)
        return error;
    do
        c->txn_id++;
    while (!c->txn_id || txn_find(c, c->txn_id));
    *out = create(c, c->txn_id);
    return 0;
}

struct txn *txn_restore(struct conn *c, uint32_t id)
{
    struct txn *t = create(c, id);

    c->txn_id = id;
    t->is_lost = true;
    return t;
}

void txn_refresh(struct txn *t)
{
    tree_put(t->base);
    tree_put(t->root);
    t->base = tree_get(store_root);
    t->root = tree_get(store_root);
}

struct txn *txn_find(struct conn *c, uint32_t id)
{
    struct txn *t = c->txns;

    while (t && t->id != id)
        t = t->next;
    return t;
}

void txn_destroy(struct txn *t)
{
    struct conn *c = t->conn;
    struct txn **link = &c->txns;

    while (*link != t)
        link = &(*link)->next;
    *link = t->next;
    c->txn_count--;
    c->txn_bytes -= t->bytes;
    if (c->domain)
        state_put(&(struct state_entry){STATE_TXN_END, c->who.domid, t->id});
    for (struct op *op = t->ops, *next; op; op = next) {
        next = op->next;
        op_destroy(op);
    }
    for (uint32_t i = 0; i < t->table_size; i++)
        for (struct access *a = t->table[i], *next; a; a = next) {
            next = a->next;
            mem_free(a);
        }
    mem_free(t->table);
    tree_put(t->base);
    tree_put(t->root);
    mem_free(t);
}

static struct access *access_find(struct txn *t, const char *path, uint32_t hash)
{
    struct access *a = t->table_size ? t->table[hash & (t->table_size - 1)] : NULL;

    while (a && (a->hash != hash || strcmp(a->path, path)))
        a = a->next;
    return a;
}

static void table_grow(struct txn *t)
{
    uint32_t size = t->table_size ? t->table_size * 2 : 16;
    struct access **table = mem_alloc(size * sizeof(struct access *));

    for (uint32_t i = 0; i < t->table_size; i++)
        for (struct access *a = t->table[i], *next; a; a = next) {
            next = a->next;
            a->next = table[a->hash & (size - 1)];
            table[a->hash & (size - 1)] = a;
        }
    mem_free(t->table);
    t->table = table;
    t->table_size = size;
}

int txn_room(struct txn *t, uint32_t count, size_t bytes, const char *path)
{
    uint32_t domid = t->conn->who.domid;
    int error = quota_check(domid, QUOTA_TXN_NODES, t->access_count + t->op_count + (uint64_t)count, path);

    return error ? error : quota_check(domid, QUOTA_TXN_BYTES, t->conn->txn_bytes + bytes, path);
}

static int charge(struct txn *t, size_t bytes, const char *path)
{
    int error = txn_room(t, 1, bytes, path);

    if (error)
        return error;
    t->bytes += bytes;
    t->conn->txn_bytes += bytes;
    return 0;
}

int txn_note(struct txn *t, const char *path, unsigned kinds)
{
    uint32_t hash = hash_of(path);
    struct access *a = access_find(t, path, hash);
    size_t length = strlen(path);
    int error;

    if (a) {
        a->kinds |= kinds;
        return 0;
    }
    error = charge(t, TXN_NODE_BYTES + length, path);
    if (error)
        return error;
    if (t->access_count >= t->table_size)
        table_grow(t);
    a = mem_alloc(sizeof(*a) + length + 1);
    a->hash = hash;
    a->kinds = kinds;
    memcpy(a->path, path, length);
    a->next = t->table[hash & (t->table_size - 1)];
    t->table[hash & (t->table_size - 1)] = a;
    t->access_count++;
    return 0;
}

struct tally {
    uint32_t domid;
    int count;
};

static void tally_owned(struct node *n, void *arg)
{
    struct tally *tally = arg;

    tally->count += perm_owner(n->perms) == tally->domid;
}

int txn_edit(struct txn *t, struct op *op)
{
    size_t size = TXN_NODE_BYTES + strlen(op->path) + (op->set.value ? op->set.value->len : 0);
    struct tally tally = {t->conn->who.domid, 0};
    struct node *n;
    int error = charge(t, size, op->path);

    if (error)
        return error;
    if (op->is_remove)
        tree_walk(tree_find(t->root, op->path), tally_owned, &tally);
    t->node_change += op->is_new - tally.count;
    t->root = store_edit(t->root, op, &n);
    op->next = NULL;
    *t->ops_last = op;
    t->ops_last = &op->next;
    t->op_count++;
    return 0;
}

static bool conflicts(const struct txn *t, const struct access *a)
{
    const struct node *was = tree_find(t->base, a->path), *is = tree_find(store_root, a->path);

    if (was == is)
        return false;
    if (!was || !is)
        return true;
    return ((a->kinds & TXN_NODE) && was->gen != is->gen) || ((a->kinds & TXN_LIST) && was->list_gen != is->list_gen) ||
           ((a->kinds & TXN_DEEP) && was->deep_gen != is->deep_gen);
}

int txn_commit(struct txn *t)
{
    uint32_t domid = t->conn->who.domid;

    if (t->is_lost)
        return EAGAIN;
    if (t->base != store_root)
        for (uint32_t i = 0; i < t->table_size; i++)
            for (struct access *a = t->table[i]; a; a = a->next)
                if (conflicts(t, a))
                    return EAGAIN;
    if (t->node_change > 0) {
        uint64_t wanted = (uint64_t)quota_nodes(domid) + (uint64_t)t->node_change;
        int error = quota_check(domid, QUOTA_NODES, wanted, "TRANSACTION_END");

        if (error)
            return error;
    }
    /* Several changes of one node are told as one. */
    for (struct op *op = t->ops; op; op = op->next) {
        struct access *a = access_find(t, op->path, hash_of(op->path));

        if (a && a->is_told && !op->is_remove)
            op->is_quiet = true;
        else if (a)
            a->is_told = !op->is_quiet;
        store_apply(op);
    }
    return 0;
}
