/* SPDX-License-Identifier: MIT */
/* Transactions: a private root, what was looked at, what was changed. */
#ifndef TXN_H
#define TXN_H

#include "conn.h"
#include "store.h"

/* What an answer depended on. */
#define TXN_EXISTS 1u /* that it is there, or not */
#define TXN_NODE   2u /* its value and permissions */
#define TXN_LIST   4u /* which children it has */
#define TXN_DEEP   8u /* all below it */

struct access;
struct txn {
    struct txn *next;
    struct conn *conn;
    uint32_t id;
    bool is_lost; /* its changes did not survive the daemon: it can only be done again */
    struct node *base, *root;
    struct op *ops, **ops_last;
    struct access **table; /* by path */
    uint32_t table_size, access_count, op_count;
    int node_change; /* of its own domain's nodes */
    size_t bytes;
};

int txn_start(struct conn *c, struct txn **out); /* 0, ENOSPC */
struct txn *txn_restore(struct conn *c, uint32_t id);
/* One that came back from the log: sees the tree as it is now. */
void txn_refresh(struct txn *t);
struct txn *txn_find(struct conn *c, uint32_t id);
void txn_destroy(struct txn *t); /* rolls back */
/* 0, or ENOSPC: it has become too large. What a path or a change counts for is TXN_NODE_BYTES, its path and its value;
 * room only asks, for so many of them. */
#define TXN_NODE_BYTES 200u
int txn_room(struct txn *t, uint32_t count, size_t bytes, const char *path);
int txn_note(struct txn *t, const char *path, unsigned kinds);
int txn_edit(struct txn *t, struct op *op); /* takes op when it succeeds */
/* Makes all its changes, or none: EAGAIN (somebody changed what it depends on), ENOSPC. It lives on till txn_destroy.
 */
int txn_commit(struct txn *t);

#endif
