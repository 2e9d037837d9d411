// SPDX-License-Identifier: MIT
/*
 * Replay. Entries say what came of a request, not what the request was: so they mean the same to every version of the
 * daemon, whatever it would decide today. Each goes to the module that owns the thing. Transactions that were open
 * come back empty and lost: reading works, committing says EAGAIN, which clients answer by doing it all again.
 */
#include "replay.h"
#include "domain.h"
#include "quota.h"
#include "store.h"
#include "txn.h"
#include "watch.h"

#include <string.h>

static bool apply_node(const struct state_entry *e)
{
    struct perm entry[XENSTORE_PAYLOAD_MAX / 3];
    struct perms *perms;
    struct blob *value;
    struct op *op;
    char parent[WIRE_PATH_SIZE];
    size_t count;

    if (e->b > e->ylen || e->xlen >= WIRE_PATH_SIZE || e->x[0] != '/' ||
        perm_decode(e->y, e->b, entry, sizeof(entry) / sizeof(entry[0]), &count))
        return false;
    op =
        op_create(e->x, value = tree_blob(e->y + e->b, e->ylen - e->b), perms = perm_create(entry, count, tree_tick()));
    tree_blob_put(value);
    perm_put(perms);
    op->set.sets_value = op->set.sets_perms = true;
    op->is_new = !tree_find(store_root, e->x);
    if (op->is_new)
        wire_parent(e->x, parent);
    if (op->is_new && !tree_find(store_root, parent)) {
        op_destroy(op);
        return false;
    }
    store_apply(op);
    op_destroy(op);
    store_fire();
    return true;
}

static bool apply_rm(const struct state_entry *e)
{
    struct op *op;

    if (e->xlen < 2 || !tree_find(store_root, e->x))
        return false;
    op = op_create(e->x, NULL, NULL);
    op->is_remove = true;
    store_apply(op);
    op_destroy(op);
    store_fire();
    return true;
}

static bool apply_domain(const struct state_entry *e)
{
    uint32_t port;

    if (e->xlen != 20 || e->a >= PERM_DOMIDS)
        return false;
    memcpy(&port, e->x, 4);
    domain_restore(e->a, e->b, port, (const uint8_t *)e->x + 4);
    return true;
}

static bool apply_quota(const struct state_entry *e)
{
    enum quota_kind kind;

    if (quota_find(e->x, &kind)) /* one that is no more is no loss */
        quota_table[kind].limit = e->a;
    return true;
}

static bool apply_special(const struct state_entry *e)
{
    struct perm entry[XENSTORE_PAYLOAD_MAX / 3];
    size_t count;

    if (e->a >= WATCH_SPECIALS || perm_decode(e->x, e->xlen, entry, sizeof(entry) / sizeof(entry[0]), &count))
        return false;
    perm_put(watch_special_perms[e->a]);
    watch_special_perms[e->a] = perm_create(entry, count, tree_tick());
    return true;
}

static void apply_in(struct domain *d, const struct state_entry *e)
{
    struct conn *c = d->conn;

    conn_set_partial(c, e->x, e->xlen);
    d->ring.req_cons = d->ring.req_done = (uint32_t)e->b;
}

static bool apply_collapse(struct conn *c, const struct state_entry *e)
{
    struct watch *w = watch_find(c, e->x, e->y);

    if (!w || w->is_collapsed == (e->b != 0))
        return false;
    w->is_collapsed = e->b;
    c->collapsed_count += e->b ? 1u : -1u;
    return true;
}

/* Entries about a domain's connection. */
static bool apply_conn(struct domain *d, const struct state_entry *e)
{
    struct conn *c = d->conn;
    struct watch *w;
    struct txn *t;

    switch (e->type) {
    case STATE_RELEASE:
        domain_release(d, false);
        return true;
    case STATE_TARGET:
        c->who.target = (uint32_t)e->b;
        return true;
    case STATE_SHUTDOWN:
        d->is_shutdown = e->b;
        return true;
    case STATE_WATCH:
        return !watch_add(c, e->x, e->y, (int32_t)(int64_t)e->b, &w);
    case STATE_UNWATCH:
        return !watch_remove(c, e->x, e->y);
    case STATE_COLLAPSE:
        return apply_collapse(c, e);
    case STATE_RESET:
        conn_reset(c);
        return true;
    case STATE_TXN_START:
        txn_restore(c, (uint32_t)e->b);
        return true;
    case STATE_TXN_END:
        if ((t = txn_find(c, (uint32_t)e->b)))
            txn_destroy(t);
        return true;
    case STATE_IN:
        apply_in(d, e);
        return true;
    case STATE_OUT:
        conn_push(c, e->x, e->xlen, e->b);
        return true;
    case STATE_RING:
        conn_clear(c);
        d->replay_end = (uint32_t)e->b;
        return true;
    case STATE_BROKEN:
        if (e->b)
            conn_clear(c);
        d->is_broken = e->b;
        return true;
    default:
        return false;
    }
}

bool replay_apply(const struct state_entry *e)
{
    struct domain *d;

    switch (e->type) {
    case STATE_NODE:
        return apply_node(e);
    case STATE_RM:
        return apply_rm(e);
    case STATE_DEATH:
        if (e->a >= PERM_DOMIDS)
            return false;
        perm_forget(e->a, tree_tick());
        quota_nodes_forget(e->a);
        return true;
    case STATE_DOMAIN:
        return apply_domain(e);
    case STATE_QUOTA:
        return apply_quota(e);
    case STATE_SPECIAL:
        return apply_special(e);
    default:
        d = domain_find(e->a);
        /* A domain that could not be introduced leaves a release behind. */
        return d ? apply_conn(d, e) : e->type == STATE_RELEASE || e->type == STATE_RESET;
    }
}

void replay_finish(void)
{
    for (struct domain *d = domain_all; d; d = d->next)
        for (struct txn *t = d->conn->txns; t; t = t->next)
            txn_refresh(t);
}

static void dump_out(const struct domain *d, void (*put)(const struct state_entry *e))
{
    size_t skip = d->conn->out_off;

    for (const struct out *o = d->conn->out; o; o = o->next) {
        put(&(struct state_entry){STATE_OUT, d->domid, o->is_event, o->data + skip, NULL, o->len - skip, 0});
        skip = 0;
    }
}

static void dump_watches(const struct conn *c, void (*put)(const struct state_entry *e))
{
    for (const struct watch *w = c->watches; w; w = w->conn_next) {
        struct state_entry e = {STATE_WATCH,     c->who.domid, (uint64_t)(int64_t)w->depth,
                                watch_path(w),   w->token,     strlen(watch_path(w)),
                                strlen(w->token)};

        put(&e);
        if (!w->is_collapsed)
            continue;
        e.type = STATE_COLLAPSE;
        e.b = true;
        put(&e);
    }
}

static void dump_domain(const struct domain *d, void (*put)(const struct state_entry *e))
{
    const struct conn *c = d->conn;
    uint32_t end = d->ring.page ? d->ring.rsp_prod : d->replay_end - (uint32_t)conn_waiting(c);
    uint32_t unpublished = d->ring.req_cons - d->ring.req_done;
    size_t partial = c->in_len > unpublished ? c->in_len - unpublished : 0;
    char x[20];

    memcpy(x, &d->remote_port, 4);
    memcpy(x + 4, d->handle, 16);
    put(&(struct state_entry){STATE_DOMAIN, d->domid, d->mfn, x, NULL, sizeof(x), 0});
    put(&(struct state_entry){STATE_TARGET, d->domid, c->who.target});
    put(&(struct state_entry){STATE_SHUTDOWN, d->domid, d->is_shutdown});
    put(&(struct state_entry){STATE_RING, d->domid, end});
    put(&(struct state_entry){STATE_IN, d->domid, d->ring.req_done, c->in, NULL, partial, 0});
    dump_out(d, put);
    put(&(struct state_entry){STATE_BROKEN, d->domid, d->is_broken});
    dump_watches(c, put);
    for (const struct txn *t = c->txns; t; t = t->next)
        put(&(struct state_entry){STATE_TXN_START, d->domid, t->id});
}

void replay_dump(void (*put)(const struct state_entry *e))
{
    static char text[16384];

    for (unsigned i = 0; i < QUOTA_COUNT; i++)
        if (quota_table[i].limit != quota_table[i].initial)
            put(&(struct state_entry){STATE_QUOTA, quota_table[i].limit, 0, quota_table[i].name, NULL,
                                      strlen(quota_table[i].name), 0});
    for (unsigned i = 0; i < WATCH_SPECIALS; i++)
        put(&(struct state_entry){STATE_SPECIAL, i, 0, text, NULL,
                                  perm_encode(watch_special_perms[i], text, sizeof(text)), 0});
    for (const struct domain *d = domain_all; d; d = d->next)
        dump_domain(d, put);
}
