/* SPDX-License-Identifier: MIT */
/* What a domain may hold, and what it does hold of nodes. dom0 is counted, never refused. */
#ifndef QUOTA_H
#define QUOTA_H

#include <stdbool.h>
#include <stdint.h>

enum quota_kind {
    QUOTA_NODES,
    QUOTA_NODE_SIZE,
    QUOTA_PERMS,
    QUOTA_PATH,
    QUOTA_WATCHES,
    QUOTA_WATCH_BYTES,
    QUOTA_TRANSACTIONS,
    QUOTA_TXN_NODES,
    QUOTA_TXN_BYTES,
    QUOTA_EVENT_BYTES,
    QUOTA_COUNT
};
struct quota {
    const char *name;
    uint32_t limit, initial;
    int error; /* the protocol's answer beyond the limit; 0: held back instead */
    const char *meaning;
};
extern struct quota quota_table[QUOTA_COUNT];

/* 0, or the kind's error and a line in the log. wanted: the total after the request. */
int quota_check(uint32_t domid, enum quota_kind kind, uint64_t wanted, const char *what);
bool quota_find(const char *name, enum quota_kind *kind);

/* Nodes that a domain owns in the tree as all see it. */
uint32_t quota_nodes(uint32_t domid);
void quota_nodes_add(uint32_t domid, int change);
void quota_nodes_forget(uint32_t domid);

#endif
