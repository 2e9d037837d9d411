/* SPDX-License-Identifier: MIT */
/*
 * Xenstore as a tree that one walks through: what is open is read when it is shown, and a watch over all of it says
 * what has to be read again. What guests write there is shown with \xNN for all that is no plain text. When xenstored
 * does not answer, what was read stays, with the reason; each refresh tries again.
 */
#ifndef WIRT_TOP_STORE_H
#define WIRT_TOP_STORE_H

#include "ui.h"
#include "watch.h"

struct node {
    char *name, *value; /* value: as text, with escapes; NULL: not known */
    char access[64];    /* "n0,r4" */
    struct node *parent, **child;
    size_t children;
    bool is_open, is_read, is_listed, is_leaf, is_binary;
    uint64_t changed_ms; /* 0: not since it was first seen */
};
struct store {
    struct wirt *w;
    struct watch watch;
    bool is_watching;
    struct node *root, *cursor; /* root: "/", which has no line of its own */
    size_t first;
    uint64_t tried_ms;
    char why[300]; /* why it cannot be read; empty: it can */
};

void store_begin(struct store *s, struct wirt *w);
void store_end(struct store *s);
/* Takes what the watch has said, connects if need be. */
void store_poll(struct store *s, uint64_t now_ms);
int store_fd(const struct store *s);                                            /* to wait on, or -1 */
bool store_key(struct store *s, struct ui *u, int key);                         /* false: not a key of this view */
bool store_do(struct store *s, const struct ui *u, char *outcome, size_t size); /* what was confirmed; false: failed */
/* Nodes from the first on the screen on, at most `most`, read if need be; how many. */
size_t store_visible(struct store *s, struct node **list, size_t most);
void store_silence(const struct wirt *w, char *buffer, size_t size); /* since when xenstored does not answer */
void store_path(const struct node *n, char *buffer, size_t size);
unsigned int store_depth(const struct node *n);

#endif
