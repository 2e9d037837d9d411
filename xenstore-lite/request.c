// SPDX-License-Identifier: MIT
/*
 * Requests. Each handler decodes its strings, asks the tree (the common one or the transaction's), checks permission
 * and quota, and only then changes anything: it either answers with an error and has done nothing, or answers and has
 * done all. What an answer depended on is noted in the transaction first.
 */
#include "request.h"
#include "control.h"
#include "log.h"
#include "mem.h"
#include "quota.h"
#include "state.h"
#include "store.h"
#include "txn.h"
#include "watch.h"

#include <stdio.h>
#include <string.h>

void request_answer(struct call *k, const void *data, size_t length)
{
    conn_reply(k->c, &k->header, data, length);
    k->is_answered = true;
}

static struct node *root_of(const struct call *k)
{
    return k->t ? k->t->root : store_root;
}

static int note(struct call *k, const char *path, unsigned kinds)
{
    return k->t ? txn_note(k->t, path, kinds) : 0;
}

/* The path of the first string, within the quota. */
static int path_of(struct call *k, char path[static WIRE_PATH_SIZE])
{
    int error = wire_path(k->r.arg[0], k->c->who.domid, path);

    return error ? error : quota_check(k->c->who.domid, QUOTA_PATH, strlen(path), path);
}

/* A node that must be there and grant `need`; without it ENOENT only to whom its surroundings are open. For ENOENT
 * *out is the nearest node above, to which k->known bytes of the path lead. */
static int find(struct call *k, const char *path, unsigned need, unsigned kinds, struct node **out)
{
    struct node *n = tree_nearest(root_of(k), path, &k->known);
    int error = note(k, path, kinds);

    if (error)
        return error;
    if ((perm_of(n->perms, k->c->who) & need) != need)
        return EACCES;
    *out = n;
    return path[k->known] ? ENOENT : 0;
}

static int handle_read(struct call *k)
{
    char path[WIRE_PATH_SIZE];
    struct node *n;
    int error = path_of(k, path);

    if (!error)
        error = find(k, path, PERM_READ, TXN_NODE, &n);
    if (error)
        return error;
    request_answer(k, n->value ? n->value->data : "", n->value ? n->value->len : 0);
    return 0;
}

static int handle_directory(struct call *k)
{
    char path[WIRE_PATH_SIZE], list[XENSTORE_PAYLOAD_MAX];
    struct node *n;
    int error = path_of(k, path);

    if (!error)
        error = find(k, path, PERM_READ, TXN_NODE | TXN_LIST, &n);
    if (error)
        return error;
    if (tree_child_bytes(n) > sizeof(list))
        return E2BIG;
    request_answer(k, list, tree_list(n, 0, list, sizeof(list)));
    return 0;
}

/* GENERATION NUL names; one more NUL where the list ends. */
static int handle_directory_part(struct call *k)
{
    char path[WIRE_PATH_SIZE], list[XENSTORE_PAYLOAD_MAX];
    uint64_t offset;
    struct node *n;
    size_t used, names;
    int error = path_of(k, path);

    if (!error && !wire_number(k->r.arg[1], UINT32_MAX, &offset))
        error = EINVAL;
    if (!error)
        error = find(k, path, PERM_READ, TXN_NODE | TXN_LIST, &n);
    if (error)
        return error;
    used = (size_t)snprintf(list, sizeof(list), "%llu", (unsigned long long)n->list_gen) + 1;
    names = tree_list(n, offset, list + used, sizeof(list) - used - 1);
    used += names;
    if (offset + names >= tree_child_bytes(n))
        list[used++] = 0;
    request_answer(k, list, used);
    return 0;
}

static int handle_get_perms(struct call *k)
{
    char path[WIRE_PATH_SIZE], text[XENSTORE_PAYLOAD_MAX];
    enum watch_special which;
    struct node *n;
    int error;

    if (watch_special_find(k->r.arg[0], &which)) {
        if (k->c->who.domid)
            return EACCES;
        request_answer(k, text, perm_encode(watch_special_perms[which], text, sizeof(text)));
        return 0;
    }
    error = path_of(k, path);
    if (!error)
        error = find(k, path, PERM_READ, TXN_NODE, &n);
    if (error)
        return error;
    request_answer(k, text, perm_encode(n->perms, text, sizeof(text)));
    return 0;
}

/* The change, in the transaction or for all. Takes op. */
static int change(struct call *k, struct op *op)
{
    int error = 0;

    if (k->t)
        error = txn_edit(k->t, op);
    else
        store_apply(op);
    if (error || !k->t)
        op_destroy(op);
    return error;
}

/* Parents that are missing, and path itself, below the existing node n. */
static int create(struct call *k, char *path, struct blob *value, struct node *n)
{
    struct who who = k->c->who;
    struct perms *p = perm_inherit(n->perms, who, tree_tick());
    uint32_t missing = 0;
    size_t length = strlen(path), at = k->known;
    int64_t wanted;
    int error;

    for (const char *c = path + at; *c; c++) /* each '/' starts a missing name */
        missing += *c == '/';
    wanted = (int64_t)quota_nodes(who.domid) + missing + (k->t ? k->t->node_change : 0);
    error = quota_check(who.domid, QUOTA_NODES, wanted > 0 ? (uint64_t)wanted : 0, path);
    if (!error && k->t)
        error = txn_room(k->t, 2 * missing, 2 * missing * (TXN_NODE_BYTES + length) + (value ? value->len : 0), path);
    while (!error && at < length) {
        bool is_last;
        struct op *op;

        at = (size_t)(strchrnul(path + at + 1, '/') - path);
        is_last = at == length;
        path[at] = 0;
        error = note(k, path, TXN_EXISTS);
        if (!error) {
            op = op_create(path, is_last ? value : NULL, p);
            op->is_new = true;
            op->is_quiet = !is_last;
            error = change(k, op);
        }
        if (!is_last)
            path[at] = '/';
    }
    perm_put(p);
    return error;
}

/* WRITE and MKDIR on a path that is not there, as find() said; n is what it found above. */
static int create_at(struct call *k, char *path, struct blob *value, struct node *n)
{
    char above[WIRE_PATH_SIZE] = "/";

    if (!(perm_of(n->perms, k->c->who) & PERM_WRITE))
        return EACCES;
    if (k->t) { /* what it is made below, "/" if nothing of it is there, must still be at the end */
        memcpy(above, path, k->known);
        if (txn_note(k->t, above, TXN_EXISTS))
            return ENOSPC;
    }
    return create(k, path, value, n);
}

static int handle_write(struct call *k)
{
    char path[WIRE_PATH_SIZE];
    struct node *n;
    struct blob *value;
    int error = path_of(k, path);

    if (!error)
        error = quota_check(k->c->who.domid, QUOTA_NODE_SIZE, k->r.rest_len, path);
    if (error)
        return error;
    value = tree_blob(k->r.rest, k->r.rest_len);
    error = find(k, path, PERM_WRITE, TXN_NODE, &n);
    if (!error) {
        struct op *op = op_create(path, value, NULL);

        op->set.sets_value = true;
        error = change(k, op);
    } else if (error == ENOENT)
        error = create_at(k, path, value, n);
    tree_blob_put(value);
    return error;
}

static int handle_mkdir(struct call *k)
{
    char path[WIRE_PATH_SIZE];
    struct node *n;
    int error = path_of(k, path);

    if (!error)
        error = find(k, path, PERM_WRITE, TXN_EXISTS, &n);
    return error == ENOENT ? create_at(k, path, NULL, n) : error;
}

static int handle_rm(struct call *k)
{
    char path[WIRE_PATH_SIZE], above[WIRE_PATH_SIZE];
    struct node *n;
    struct op *op;
    int error = path_of(k, path);

    if (error)
        return error;
    if (!path[1])
        return EINVAL;
    error = find(k, path, PERM_WRITE, TXN_DEEP | TXN_NODE, &n);
    if (error == ENOENT) {
        wire_parent(path, above);
        error = note(k, above, TXN_EXISTS);
        if (error)
            return error;
        return tree_find(root_of(k), above) ? 0 : ENOENT;
    }
    if (error)
        return error;
    op = op_create(path, NULL, NULL);
    op->is_remove = true;
    return change(k, op);
}

static void set_special(enum watch_special which, struct perms *p)
{
    char text[XENSTORE_PAYLOAD_MAX];

    perm_put(watch_special_perms[which]);
    watch_special_perms[which] = p;
    state_put(&(struct state_entry){STATE_SPECIAL, which, 0, text, NULL, perm_encode(p, text, sizeof(text)), 0});
}

static int handle_set_perms(struct call *k)
{
    struct perm entry[XENSTORE_PAYLOAD_MAX / 3];
    char path[WIRE_PATH_SIZE];
    enum watch_special which;
    size_t count, max = sizeof(entry) / sizeof(entry[0]);
    struct node *n;
    struct perms *p;
    struct op *op;
    int error = perm_decode(k->r.rest, k->r.rest_len, entry, max, &count);

    if (error || count > max)
        return EINVAL;
    if (watch_special_find(k->r.arg[0], &which)) {
        if (k->c->who.domid)
            return EACCES;
        set_special(which, perm_create(entry, count, tree_tick()));
        return 0;
    }
    error = path_of(k, path);
    if (!error)
        error = quota_check(k->c->who.domid, QUOTA_PERMS, count, path);
    if (!error)
        error = find(k, path, PERM_OWNER, TXN_NODE, &n);
    if (error)
        return error;
    if (k->c->who.domid && entry[0].domid != perm_owner(n->perms))
        return EPERM; /* a node is not given away */
    p = perm_create(entry, count, tree_tick());
    op = op_create(path, NULL, p);
    op->set.sets_perms = true;
    perm_put(p);
    return change(k, op);
}

static int handle_watch(struct call *k)
{
    struct conn *c = k->c;
    uint64_t depth = 0;
    bool has_depth = k->r.arg_count == 3 && k->r.arg[2][0];
    struct watch *w;
    int error;

    if (has_depth && !wire_number(k->r.arg[2], INT32_MAX, &depth))
        return EINVAL;
    if (watch_find(c, k->r.arg[0], k->r.arg[1])) /* before the quota: nothing more is asked for */
        return EEXIST;
    error = quota_check(c->who.domid, QUOTA_WATCHES, c->watch_count + 1u, k->r.arg[0]);
    if (!error)
        error = quota_check(c->who.domid, QUOTA_PATH, strlen(k->r.arg[0]), k->r.arg[0]);
    if (!error)
        error = watch_add(c, k->r.arg[0], k->r.arg[1], has_depth ? (int32_t)depth : WATCH_ANY_DEPTH, &w);
    if (error)
        return error;
    if (c->domain)
        state_put(&(struct state_entry){STATE_WATCH, c->who.domid, (uint64_t)(int64_t)w->depth, k->r.arg[0],
                                        k->r.arg[1], strlen(k->r.arg[0]), strlen(k->r.arg[1])});
    request_answer(k, "OK", 3);
    conn_event(c, w, watch_path(w));
    return 0;
}

static int handle_unwatch(struct call *k)
{
    int error = watch_remove(k->c, k->r.arg[0], k->r.arg[1]);

    if (!error && k->c->domain)
        state_put(&(struct state_entry){STATE_UNWATCH, k->c->who.domid, 0, k->r.arg[0], k->r.arg[1],
                                        strlen(k->r.arg[0]), strlen(k->r.arg[1])});
    return error;
}

static int handle_reset_watches(struct call *k)
{
    conn_reset(k->c);
    return 0;
}

static int handle_transaction_start(struct call *k)
{
    char text[16];
    struct txn *t;
    int error;

    if (k->r.tx_id)
        return EBUSY;
    error = txn_start(k->c, &t);
    if (error)
        return error;
    request_answer(k, text, (size_t)snprintf(text, sizeof(text), "%u", t->id) + 1);
    return 0;
}

static int handle_transaction_end(struct call *k)
{
    bool is_commit = !strcmp(k->r.arg[0], "T");
    int error = 0;

    if (!k->t)
        return ENOENT;
    if (!is_commit && strcmp(k->r.arg[0], "F"))
        return EINVAL;
    if (is_commit)
        error = txn_commit(k->t);
    txn_destroy(k->t);
    k->t = NULL;
    return error;
}

static int handle_control(struct call *k)
{
    static char text[XENSTORE_PAYLOAD_MAX];
    int error = control_handle(&k->r, text, sizeof(text));

    if (!error)
        request_answer(k, text, strlen(text) + 1);
    return error;
}

static handler *const handlers[XS_TYPE_COUNT] = {
    [XS_CONTROL] = handle_control,
    [XS_DIRECTORY] = handle_directory,
    [XS_READ] = handle_read,
    [XS_GET_PERMS] = handle_get_perms,
    [XS_WATCH] = handle_watch,
    [XS_UNWATCH] = handle_unwatch,
    [XS_TRANSACTION_START] = handle_transaction_start,
    [XS_TRANSACTION_END] = handle_transaction_end,
    [XS_INTRODUCE] = request_introduce,
    [XS_RELEASE] = request_release,
    [XS_GET_DOMAIN_PATH] = request_domain_path,
    [XS_WRITE] = handle_write,
    [XS_MKDIR] = handle_mkdir,
    [XS_RM] = handle_rm,
    [XS_SET_PERMS] = handle_set_perms,
    [XS_IS_DOMAIN_INTRODUCED] = request_is_introduced,
    [XS_RESUME] = request_resume,
    [XS_SET_TARGET] = request_set_target,
    [XS_RESET_WATCHES] = handle_reset_watches,
    [XS_DIRECTORY_PART] = handle_directory_part,
};

static void trace(const struct call *k, int error)
{
    log_line("domain %u%s: %s tx %u %s %s: %s", k->c->who.domid, k->c->domain ? "" : " (socket)",
             wire_type_name(k->r.type), k->r.tx_id, k->r.arg_count ? k->r.arg[0] : "",
             k->r.arg_count > 1 ? k->r.arg[1] : "", error ? wire_error_name(error) : "OK");
}

void request_handle(struct conn *c, const char *message)
{
    struct call k = {.c = c};
    int error;

    memcpy(&k.header, message, WIRE_HEADER);
    error = wire_decode(&k.header, message + WIRE_HEADER, &k.r);
    if (!error && wire_is_privileged(k.r.type) && c->who.domid)
        error = EACCES;
    if (!error && k.r.tx_id && wire_uses_transaction(k.r.type)) {
        k.t = txn_find(c, k.r.tx_id);
        if (!k.t)
            error = ENOENT;
    }
    if (!error)
        error = handlers[k.r.type](&k);
    if (log_traces)
        trace(&k, error);
    /* The answer comes before the events that the request caused. */
    if (error)
        conn_error(c, &k.header, error);
    else if (!k.is_answered)
        request_answer(&k, "OK", 3);
    store_fire();
}
