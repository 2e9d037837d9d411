/* SPDX-License-Identifier: MIT */
/* The tree of xenstore's keys as far as it was looked at: reading, walking, and forgetting. */
#include "node.h"

#include <stdlib.h>
#include <string.h>

#include "batch.h"

#define VALUE_MOST 300 /* bytes that are shown */

struct node *node_new(struct node *parent, const char *name)
{
    struct node *n = calloc(1, sizeof(*n));

    if (n && !(n->name = strdup(name))) {
        free(n);
        return NULL;
    }
    if (n)
        n->parent = parent;
    return n;
}

void node_free(struct node *n)
{
    for (size_t i = 0; n && i < n->children; i++)
        node_free(n->child[i]);
    if (n) {
        free(n->child);
        free(n->name);
        free(n->value);
        free(n);
    }
}

void node_forget(struct node *n)
{
    n->is_read = n->is_listed = false;
    for (size_t i = 0; i < n->children; i++)
        node_forget(n->child[i]);
}

void store_path(const struct node *n, char *buffer, size_t size)
{
    size_t used;

    buffer[0] = 0;
    if (n->parent)
        store_path(n->parent, buffer, size);
    used = strlen(buffer);
    if (n->parent)
        snprintf(buffer + used, size - used, "/%s", n->name);
}

unsigned int store_depth(const struct node *n)
{
    unsigned int depth = 0;

    while ((n = n->parent))
        depth++;
    return depth;
}

struct node *node_find(struct node *root, const char *path, struct node **last)
{
    struct node *at = root;

    *last = root;
    while (at && *path) {
        size_t length = strcspn(path += *path == '/', "/");
        struct node *next = NULL;

        for (size_t i = 0; length && i < at->children && !next; i++)
            if (strncmp(at->child[i]->name, path, length) == 0 && !at->child[i]->name[length])
                next = at->child[i];
        if (!length)
            break;
        *last = at;
        at = next;
        path += length;
    }
    return at;
}

/* ---- reading ---- */

static void set_value(struct node *n, const char *value, size_t bytes)
{
    char text[4 * VALUE_MOST + 8];
    size_t used = 0;

    n->is_binary = bytes > VALUE_MOST;
    for (size_t i = 0; i < bytes && i < VALUE_MOST; i++) {
        unsigned char c = (unsigned char)value[i];
        bool is_plain = c >= ' ' && c <= '~';
        n->is_binary |= !is_plain;
        used += (size_t)snprintf(text + used, sizeof(text) - used, is_plain ? "%c" : "\\x%02x", c);
    }
    snprintf(text + used, sizeof(text) - used, "%s", bytes > VALUE_MOST ? "..." : "");
    free(n->value);
    n->value = strdup(text);
}

/* "n0" NUL "r4" NUL becomes "n0,r4". */
static void set_access(struct node *n, const struct batch_piece *list)
{
    size_t used = 0;

    for (; used < list->bytes && used + 1 < sizeof(n->access); used++)
        n->access[used] = list->data[used] ? list->data[used] : ',';
    n->access[used ? used - 1 : 0] = 0;
}

static int by_name(const void *a, const void *b)
{
    return strverscmp((*(struct node *const *)a)->name, (*(struct node *const *)b)->name);
}

/* The children that there are now: those that stay, with all below them, and new ones. *gone: one that went. */
static void take_names(struct node *n, const struct batch_piece *list, void (*gone)(void *arg, struct node *n),
                       void *arg)
{
    const char *end = list->data + list->bytes;
    size_t kept = 0, count = 0;
    struct node **child;

    for (const char *name = list->data; name < end; name += strlen(name) + 1)
        count++;
    child = calloc(count + 1, sizeof(struct node *));
    if (!child)
        return;
    for (const char *name = list->data; name < end; name += strlen(name) + 1) {
        for (size_t k = 0; k < n->children && !child[kept]; k++)
            if (n->child[k] && strcmp(n->child[k]->name, name) == 0) {
                child[kept] = n->child[k];
                n->child[k] = NULL;
            }
        if (!child[kept])
            child[kept] = node_new(n, name);
        kept += child[kept] != NULL;
    }
    for (size_t k = 0; k < n->children; k++)
        if (n->child[k]) {
            gone(arg, n->child[k]);
            node_free(n->child[k]);
        }
    free(n->child);
    n->child = child;
    n->children = kept;
    qsort(child, kept, sizeof(struct node *), by_name);
}

int node_read(struct wirt *w, struct node *n, void (*gone)(void *arg, struct node *n), void *arg)
{
    struct batch_look l;
    char path[512];
    int code;

    store_path(n, path, sizeof(path));
    code = batch_look(w, n->parent ? path : "/", &l);
    if (code)
        return code;
    if (l.is_absent && n->parent)
        n->parent->is_listed = false;
    if (!n->is_read && l.value.data && l.access.data) {
        set_value(n, l.value.data, l.value.bytes);
        set_access(n, &l.access);
        n->is_read = true;
    }
    if (!n->is_listed && l.names.data) {
        take_names(n, &l.names, gone, arg);
        n->is_leaf = n->children == 0;
        n->is_listed = true;
    }
    batch_look_end(&l);
    return 0;
}

/* ---- walking ---- */

struct node *node_next(struct node *n)
{
    if (n->is_open && n->children)
        return n->child[0];
    for (; n->parent; n = n->parent)
        for (size_t i = 0; i + 1 < n->parent->children; i++)
            if (n->parent->child[i] == n)
                return n->parent->child[i + 1];
    return NULL;
}

struct node *node_before(struct node *n)
{
    struct node *p = n->parent;
    size_t i = 0;

    while (p && i < p->children && p->child[i] != n)
        i++;
    if (!p || i == 0)
        return p && p->parent ? p : NULL;
    for (p = p->child[i - 1]; p->is_open && p->children;)
        p = p->child[p->children - 1];
    return p;
}
