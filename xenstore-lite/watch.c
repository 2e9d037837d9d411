// SPDX-License-Identifier: MIT
/*
 * Watches. Each watched path and each path above it is a place; places are found by a hash of the path, so that a
 * change looks up one place for each component of its path, and linked downwards, so that a removal finds the watches
 * below it. What it costs depends on the path and on the watches that fire, not on how many there are.
 * A client is told of a node only if it may read it, now or before the change, or its parent if it came or went.
 */
#include "watch.h"
#include "conn.h"
#include "mem.h"
#include "quota.h"
#include "wire.h"

#include <stdio.h>
#include <string.h>

struct place {
    struct place *hash_next, *parent, *children, *sibling, **sibling_link;
    struct watch *watches;
    uint64_t hash;
    uint32_t len;
    char path[];
};

const char *const watch_special_name[WATCH_SPECIALS] = {"@introduceDomain", "@releaseDomain"};
struct perms *watch_special_perms[WATCH_SPECIALS];

static struct place **table;
static size_t table_size, place_count;
static uint32_t count;

#define HASH_START 0xcbf29ce484222325ull
static uint64_t hash_more(uint64_t hash, const char *s, size_t length)
{
    while (length--)
        hash = (hash ^ (unsigned char)*s++) * 0x100000001b3ull;
    return hash;
}

static size_t slot_of(uint64_t hash)
{
    return (size_t)((hash ^ hash >> 29) & (table_size - 1));
}

static void table_grow(void)
{
    size_t old_size = table_size;
    struct place **old = table;

    table_size = old_size ? old_size * 2 : 256;
    table = mem_alloc(table_size * sizeof(struct place *));
    for (size_t i = 0; i < old_size; i++)
        for (struct place *p = old[i], *next; p; p = next) {
            next = p->hash_next;
            p->hash_next = table[slot_of(p->hash)];
            table[slot_of(p->hash)] = p;
        }
    mem_free(old);
}

static struct place *place_find(uint64_t hash, const char *path, size_t length)
{
    struct place *p;

    if (!table_size)
        return NULL;
    for (p = table[slot_of(hash)]; p; p = p->hash_next)
        if (p->hash == hash && p->len == length && !memcmp(p->path, path, length))
            return p;
    return NULL;
}

static struct place *place_get(const char *path, size_t length)
{
    uint64_t hash = hash_more(HASH_START, path, length);
    struct place *p = place_find(hash, path, length);
    size_t above = length;

    if (p)
        return p;
    if (place_count >= table_size)
        table_grow();
    p = mem_alloc(sizeof(*p) + length + 1);
    p->hash = hash;
    p->len = (uint32_t)length;
    memcpy(p->path, path, length);
    p->hash_next = table[slot_of(hash)];
    table[slot_of(hash)] = p;
    place_count++;
    while (above && path[above - 1] != '/')
        above--;
    if (length > 1 && above) {
        p->parent = place_get(path, above > 1 ? above - 1 : 1);
        p->sibling = p->parent->children;
        p->sibling_link = &p->parent->children;
        if (p->sibling)
            p->sibling->sibling_link = &p->sibling;
        p->parent->children = p;
    }
    return p;
}

static void place_drop(struct place *p)
{
    while (p && !p->watches && !p->children) {
        struct place *parent = p->parent, **link = &table[slot_of(p->hash)];

        while (*link != p)
            link = &(*link)->hash_next;
        *link = p->hash_next;
        if (parent) {
            *p->sibling_link = p->sibling;
            if (p->sibling)
                p->sibling->sibling_link = p->sibling_link;
        }
        place_count--;
        mem_free(p);
        p = parent;
    }
}

const char *watch_path(const struct watch *w)
{
    return w->place->path + w->prefix;
}

struct watch *watch_find(struct conn *c, const char *given, const char *token)
{
    char path[WIRE_PATH_SIZE];
    struct place *p;
    struct watch *w;
    size_t prefix, length;

    if (wire_watch_path(given, c->who.domid, path, &prefix))
        return NULL;
    length = strlen(path);
    p = place_find(hash_more(HASH_START, path, length), path, length);
    for (w = p ? p->watches : NULL; w; w = w->place_next)
        if (w->conn == c && w->prefix == prefix && !strcmp(w->token, token))
            return w;
    return NULL;
}

/* What a watch can make us hold: itself, and a place for each part of its path, shared or not. */
static size_t cost(const char *path, const char *token)
{
    size_t length = strlen(path), sum = sizeof(struct watch) + strlen(token) + sizeof(struct place) + length;

    for (size_t i = 0; i < length; i++)
        if (path[i] == '/')
            sum += sizeof(struct place) + i;
    return sum;
}

int watch_add(struct conn *c, const char *given, const char *token, int32_t depth, struct watch **out)
{
    char path[WIRE_PATH_SIZE];
    size_t prefix, length = strlen(token), bytes;
    struct watch *w;
    int error;

    if (wire_watch_path(given, c->who.domid, path, &prefix) || length > WIRE_TOKEN_MAX)
        return EINVAL;
    if (watch_find(c, given, token))
        return EEXIST;
    bytes = cost(path, token);
    error = quota_check(c->who.domid, QUOTA_WATCH_BYTES, c->watch_bytes + bytes, path);
    if (error)
        return error;
    w = mem_alloc(sizeof(*w) + length + 1);
    memcpy(w->token, token, length);
    w->conn = c;
    w->depth = depth;
    w->bytes = (uint32_t)bytes;
    c->watch_bytes += bytes;
    w->prefix = (uint32_t)prefix;
    w->place = place_get(path, strlen(path));
    w->place_next = w->place->watches;
    w->place_link = &w->place->watches;
    if (w->place_next)
        w->place_next->place_link = &w->place_next;
    w->place->watches = w;
    w->conn_next = c->watches;
    w->conn_link = &c->watches;
    if (w->conn_next)
        w->conn_next->conn_link = &w->conn_next;
    c->watches = w;
    c->watch_count++;
    count++;
    *out = w;
    return 0;
}

void watch_destroy(struct watch *w)
{
    *w->place_link = w->place_next;
    if (w->place_next)
        w->place_next->place_link = w->place_link;
    *w->conn_link = w->conn_next;
    if (w->conn_next)
        w->conn_next->conn_link = w->conn_link;
    w->conn->watch_count--;
    w->conn->watch_bytes -= w->bytes;
    w->conn->collapsed_count -= w->is_collapsed;
    count--;
    place_drop(w->place);
    mem_free(w);
}

int watch_remove(struct conn *c, const char *given, const char *token)
{
    char path[WIRE_PATH_SIZE];
    size_t prefix;
    struct watch *w;

    if (wire_watch_path(given, c->who.domid, path, &prefix))
        return EINVAL;
    w = watch_find(c, given, token);
    if (!w)
        return ENOENT;
    watch_destroy(w);
    return 0;
}

uint32_t watch_count(void)
{
    return count;
}

static bool reads(const struct perms *p, struct who who)
{
    return p && (perm_of(p, who) & PERM_READ);
}

/* All that decides which guests are told of one change, looked up when the first one asks. */
struct view {
    const struct change *change;
    struct node *root, *node, *parent;
    bool is_known;
};

static void look(struct view *v)
{
    char parent[WIRE_PATH_SIZE];

    v->is_known = true;
    v->node = tree_find(v->root, v->change->path);
    wire_parent(v->change->path, parent);
    v->parent = tree_find(v->root, parent);
}

static bool is_told(struct view *v, struct who who)
{
    if (!who.domid)
        return true;
    if (!v->is_known)
        look(v);
    if (reads(v->change->before, who) || (v->node && reads(v->node->perms, who)))
        return true;
    if (v->change->gone && reads(v->change->gone->perms, who))
        return true;
    return (v->change->gone || v->change->is_new) && v->parent && reads(v->parent->perms, who);
}

static bool is_within(const char *below, int32_t depth)
{
    if (depth == WATCH_ANY_DEPTH)
        return true;
    for (; *below; below++)
        if (*below == '/' && below[1] && depth-- == 0)
            return false;
    return true;
}

static void fire_at(const struct place *p, struct view *v)
{
    const char *path = v->change->path;

    for (struct watch *w = p->watches, *next; w; w = next) {
        next = w->place_next;
        /* Below "/" a path has no slash of its own to start with. */
        if (is_within(path + (p->len > 1 ? p->len : 0), w->depth) && is_told(v, w->conn->who))
            conn_event(w->conn, w, path + w->prefix);
    }
}

/* Watches under a removed node: each is told of its own path, if there was something there that it could read. */
static void fire_below(struct place *p, size_t skip, struct node *gone)
{
    struct node *n = tree_below(gone, p->path + skip);

    if (!n)
        return;
    for (struct watch *w = p->watches; w; w = w->place_next)
        if (reads(n->perms, w->conn->who))
            conn_event(w->conn, w, watch_path(w));
    for (struct place *c = p->children; c; c = c->sibling)
        fire_below(c, skip, gone);
}

void watch_fire(struct node *root, const struct change *change)
{
    const char *path = change->path;
    size_t length = strlen(path), at = 1;
    uint64_t hash = hash_more(HASH_START, path, 1);
    struct view v = {.change = change, .root = root};
    struct place *p;

    for (p = place_find(hash, path, 1);; p = place_find(hash, path, at)) {
        size_t next = at;

        if (!p) /* nobody watches here or further down */
            return;
        fire_at(p, &v);
        if (at >= length)
            break;
        next = at > 1 ? at + 1 : 1;
        next += strcspn(path + next, "/");
        hash = hash_more(hash, path + at, next - at);
        at = next;
    }
    if (change->gone)
        for (struct place *c = p->children; c; c = c->sibling)
            fire_below(c, length, change->gone);
}

bool watch_special_find(const char *path, enum watch_special *which)
{
    for (unsigned i = 0; i < WATCH_SPECIALS; i++)
        if (!strcmp(path, watch_special_name[i])) {
            *which = (enum watch_special)i;
            return true;
        }
    return false;
}

void watch_fire_special(enum watch_special which, uint32_t domid)
{
    const char *name = watch_special_name[which];
    size_t length = strlen(name);
    char full[48];
    size_t full_length = (size_t)snprintf(full, sizeof(full), "%s/%u", name, domid);
    struct place *p = place_find(hash_more(HASH_START, name, length), name, length);

    if (!p)
        return;
    for (struct watch *w = p->watches; w; w = w->place_next)
        if (reads(watch_special_perms[which], w->conn->who))
            conn_event(w->conn, w, w->depth > 0 ? full : name);
    p = place_find(hash_more(HASH_START, full, full_length), full, full_length);
    for (struct watch *w = p ? p->watches : NULL; w; w = w->place_next)
        if (reads(watch_special_perms[which], w->conn->who))
            conn_event(w->conn, w, full);
}
