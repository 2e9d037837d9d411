/* SPDX-License-Identifier: MIT */
/* The tree of xenstore's keys as far as it was looked at: reading, walking, and forgetting. */
#include "node.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xenstore.h>

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

static void read_access(struct xs_handle *xs, struct node *n, const char *path)
{
    static const char letters[] = "nrwb";
    unsigned int count = 0;
    size_t used = 0;
    struct xs_permissions *p = xs_get_permissions(xs, XBT_NULL, path, &count);

    n->access[0] = 0;
    for (unsigned int i = 0; p && i < count && used + 8 < sizeof(n->access); i++)
        used += (size_t)snprintf(n->access + used, sizeof(n->access) - used, "%s%c%u", i ? "," : "",
                                 letters[p[i].perms & 3], p[i].id);
    free(p);
}

static int by_name(const void *a, const void *b)
{
    return strverscmp((*(struct node *const *)a)->name, (*(struct node *const *)b)->name);
}

/* The children that there are now: those that stay, with all below them, and new ones. *gone: one that went. */
static void take_names(struct node *n, char **names, unsigned int count, void (*gone)(void *arg, struct node *n),
                       void *arg)
{
    struct node **child = calloc(count + 1, sizeof(struct node *));
    size_t kept = 0;

    if (!child)
        return;
    for (unsigned int i = 0; i < count; i++) {
        for (size_t k = 0; k < n->children && !child[kept]; k++)
            if (n->child[k] && strcmp(n->child[k]->name, names[i]) == 0) {
                child[kept] = n->child[k];
                n->child[k] = NULL;
            }
        if (!child[kept])
            child[kept] = node_new(n, names[i]);
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

int node_read(struct xs_handle *xs, struct node *n, void (*gone)(void *arg, struct node *n), void *arg)
{
    char path[512], *value, **names;
    unsigned int bytes = 0, count = 0;

    store_path(n, path, sizeof(path));
    if (!n->parent)
        strcpy(path, "/");
    if (!n->is_read) {
        value = xs_read(xs, XBT_NULL, path, &bytes);
        if (!value && errno != ENOENT && errno != EACCES)
            return errno;
        if (!value && errno == ENOENT && n->parent)
            n->parent->is_listed = false;
        set_value(n, value ? value : "", value ? bytes : 0);
        free(value);
        read_access(xs, n, path);
        n->is_read = true;
    }
    if (!n->is_listed) {
        names = xs_directory(xs, XBT_NULL, path, &count);
        if (!names && errno != ENOENT && errno != EACCES)
            return errno;
        take_names(n, names, names ? count : 0, gone, arg);
        n->is_leaf = n->children == 0;
        n->is_listed = true;
        free(names);
    }
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
