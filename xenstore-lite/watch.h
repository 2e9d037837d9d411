/* SPDX-License-Identifier: MIT */
/* Watches, found by path. */
#ifndef WATCH_H
#define WATCH_H

#include "tree.h"

#define WATCH_ANY_DEPTH (-1)

struct conn;
struct place;
struct watch {
    struct watch *place_next, **place_link;
    struct watch *conn_next, **conn_link;
    struct conn *conn;
    struct place *place;
    int32_t depth;
    uint32_t bytes;    /* that it counts for in the quota */
    uint32_t prefix;   /* bytes of the path that the client did not write */
    bool is_collapsed; /* its events wait as one */
    char token[];
};

/* 0, EINVAL, EEXIST, or the quota's. given: as the client wrote it. */
int watch_add(struct conn *c, const char *given, const char *token, int32_t depth, struct watch **out);
int watch_remove(struct conn *c, const char *given, const char *token); /* 0, EINVAL, ENOENT */
struct watch *watch_find(struct conn *c, const char *given, const char *token);
void watch_destroy(struct watch *w);
const char *watch_path(const struct watch *w); /* as the client wrote it */

/* A node changed. before: its permissions if they are others now; gone: what was removed. Either may be NULL. */
struct change {
    const char *path;
    const struct perms *before;
    struct node *gone;
    bool is_new;
};
void watch_fire(struct node *root, const struct change *change);
/* "@introduceDomain" or "@releaseDomain". */
enum watch_special { WATCH_INTRODUCE, WATCH_RELEASE, WATCH_SPECIALS };
void watch_fire_special(enum watch_special which, uint32_t domid);
extern const char *const watch_special_name[WATCH_SPECIALS];
extern struct perms *watch_special_perms[WATCH_SPECIALS]; /* who besides dom0 is told */
bool watch_special_find(const char *path, enum watch_special *which);

uint32_t watch_count(void);

#endif
