/* SPDX-License-Identifier: MIT */
/*
 * The view of xenstore: connection, cursor, keys, changes. One watch on "/" covers all; an event marks what has to be
 * read again, and no more: reading waits until it is shown. A guest that writes all the time costs one mark each. All
 * is asked by batches, whose patience the loop has limited: a xenstored that hangs stops nobody here.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "batch.h"
#include "node.h"

#define EVENTS_A_TIME 2000
#define AGAIN_MS      1000 /* between two attempts to connect */

void store_begin(struct store *s, struct wirt *w)
{
    memset(s, 0, sizeof(*s));
    s->w = w;
    s->watch.fd = -1;
    s->root = node_new(NULL, "");
    if (s->root)
        s->root->is_open = true;
}

void store_end(struct store *s)
{
    watch_close(&s->watch);
    node_free(s->root);
    memset(s, 0, sizeof(*s));
    s->watch.fd = -1;
}

int store_fd(const struct store *s)
{
    return s->is_watching ? s->watch.fd : -1;
}

/* ---- the connection ---- */

/* error: of the watch; 0: no answer to a question. */
static void lose(struct store *s, int error)
{
    watch_close(&s->watch);
    s->is_watching = false;
    if (error)
        snprintf(s->why, sizeof(s->why), "xenstored does not answer: %s", strerror(error));
    else
        store_silence(s->w, s->why, sizeof(s->why));
}

void store_silence(const struct wirt *w, char *buffer, size_t size)
{
    snprintf(buffer, size, "xenstored does not answer, for %lu s now", (unsigned long)(batch_silence_ms(w) / 1000));
}

static void connect_to(struct store *s)
{
    static const char *const root = "/";
    uint32_t names;
    int error = 0;
    bool is_there = !batch_count(s->w, &root, &names, 1);

    if (is_there)
        error = watch_open_socket(&s->watch);
    if (is_there && !error)
        error = watch_add(&s->watch, root, "top");
    if (!is_there || error) {
        lose(s, error);
        return;
    }
    s->is_watching = true;
    s->why[0] = 0;
    node_forget(s->root); /* it may all be different */
}

static void take_event(struct store *s, const char *path, uint64_t now_ms)
{
    struct node *last, *n = node_find(s->root, path, &last);

    if (path[0] != '/')
        return;
    if (n) {
        n->is_read = n->is_listed = false;
        n->changed_ms = n->parent ? now_ms : 0;
    } else {
        last->is_listed = false;
    }
}

void store_poll(struct store *s, uint64_t now_ms)
{
    const char *path, *token;
    int event = 1;

    if (!s->root)
        return;
    if (!s->is_watching && (!s->tried_ms || now_ms - s->tried_ms >= AGAIN_MS)) {
        s->tried_ms = now_ms;
        connect_to(s);
    }
    for (int i = 0; s->is_watching && i < EVENTS_A_TIME && event > 0; i++) {
        event = watch_next(&s->watch, 0, &path, &token);
        if (event > 0)
            take_event(s, path, now_ms);
        else if (event < 0)
            lose(s, event == -EREMOTE ? EACCES : -event);
    }
}

/* ---- the cursor ---- */

static void is_gone(void *arg, struct node *n)
{
    struct store *s = arg;

    for (struct node *c = s->cursor; c; c = c->parent)
        if (c == n) {
            s->cursor = n->parent && n->parent->parent ? n->parent : NULL;
            return;
        }
}

static bool read_node(struct store *s, struct node *n)
{
    bool was_known = n->value != NULL;

    if (s->is_watching && (!n->is_read || !n->is_listed) && node_read(s->w, n, is_gone, s))
        lose(s, 0);
    if (!was_known)
        n->changed_ms = 0;
    return s->is_watching;
}

/* Where the cursor is among the lines. */
static size_t line_of(const struct store *s, const struct node *n)
{
    size_t line = 0;

    for (struct node *c = s->root->children ? s->root->child[0] : NULL; c && c != n; c = node_next(c))
        line++;
    return line;
}

/* False: a key went meanwhile, and the lines are others. */
static bool list_lines(struct store *s, struct node **list, size_t most, size_t *count)
{
    struct node *n;

    *count = 0;
    read_node(s, s->root);
    n = s->root->children ? s->root->child[0] : NULL;
    for (size_t i = 0; n && *count < most; i++, n = node_next(n)) {
        if (i < s->first)
            continue;
        read_node(s, n);
        if (!n->parent->is_listed && s->is_watching) {
            read_node(s, n->parent);
            return false;
        }
        list[(*count)++] = n;
    }
    return true;
}

size_t store_visible(struct store *s, struct node **list, size_t most)
{
    size_t count = 0, line;

    if (!s->root)
        return 0;
    read_node(s, s->root);
    for (int i = 0; i < 10; i++) {
        if (!s->cursor)
            s->cursor = s->root->children ? s->root->child[0] : NULL;
        line = s->cursor ? line_of(s, s->cursor) : 0;
        s->first = line < s->first ? line : line >= s->first + most ? line - most + 1 : s->first;
        if (list_lines(s, list, most, &count))
            return count;
    }
    return 0;
}

static void move(struct store *s, long by)
{
    for (; by && s->cursor; by += by < 0 ? 1 : -1) {
        struct node *n;
        if (by > 0)
            read_node(s, s->cursor);
        n = by < 0 ? node_before(s->cursor) : node_next(s->cursor);
        if (!n)
            return;
        s->cursor = n;
    }
}

/* ---- keys ---- */

static void open_node(struct store *s, struct node *n, bool is_open)
{
    read_node(s, n);
    n->is_open = is_open && n->children;
}

static void ask_write(struct store *s, struct ui *u)
{
    const struct node *n = s->cursor;

    if (n->is_binary) {
        ui_say(u, true, "%s holds more than plain text, which is not written by hand: wirt store write", u->path);
        return;
    }
    u->action = UI_STORE_WRITE;
    u->mode = UI_INPUT;
    snprintf(u->input, sizeof(u->input), "%s", n->value ? n->value : "");
    ui_say(u, false, "%s =", u->path);
}

static bool key_move(struct store *s, const struct ui *u, int key)
{
    struct node *was = s->cursor;
    long by;

    if (ui_steps(key, u->page, &by)) {
        move(s, by);
        return true;
    }
    if (key < UI_KEY_ROW)
        return false;
    move(s, (long)(s->first + (size_t)(key - UI_KEY_ROW)) - (long)line_of(s, s->cursor));
    if (s->cursor == was)
        open_node(s, was, !was->is_open);
    return true;
}

bool store_key(struct store *s, struct ui *u, int key)
{
    struct node *n = s->cursor;

    if (!n)
        return false;
    if (key_move(s, u, key)) {
        u->message[0] = 0;
    } else if (key == UI_KEY_RIGHT || (key == UI_KEY_ENTER && !n->is_leaf)) {
        open_node(s, n, key == UI_KEY_RIGHT || !n->is_open);
    } else if (key == UI_KEY_LEFT) {
        if (!n->is_open && n->parent->parent)
            s->cursor = n->parent;
        s->cursor->is_open = false;
    } else if (key == 'e' || key == UI_KEY_ENTER) {
        store_path(n, u->path, sizeof(u->path));
        ask_write(s, u);
    } else if (key == 'D') {
        store_path(n, u->path, sizeof(u->path));
        u->action = UI_STORE_REMOVE;
        u->mode = UI_ASK;
        ui_say(u, false, n->is_leaf ? "Remove %s? y/n" : "Remove %s and all below it? y/n", u->path);
    } else {
        return false;
    }
    return true;
}

bool store_do(struct store *s, const struct ui *u, char *outcome, size_t size)
{
    bool is_write = u->action == UI_STORE_WRITE;
    struct batch b;
    int code;

    batch_begin(&b, s->w);
    if (is_write)
        batch_write(&b, u->path, "%s", u->input);
    else
        batch_remove(&b, u->path);
    code = batch_commit(&b, u->path, is_write ? "write a key" : "remove a key");
    if (code) {
        wirt_error_text(s->w, outcome, size);
        if (code == WIRT_NO_HOST)
            lose(s, 0);
        return false;
    }
    if (is_write)
        snprintf(outcome, size, "%s = \"%s\"", u->path, u->input);
    else
        snprintf(outcome, size, "%s: removed", u->path);
    return true;
}
