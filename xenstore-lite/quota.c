// SPDX-License-Identifier: MIT
/*
 * Quotas: one table of limits, one counter of nodes for each domain id. Watches and transactions are counted where
 * they are held, in the connection. Each refusal names the domain, the quota, its limit and the way to see it, in the
 * log; the client gets the error that the protocol has for it.
 */
#include "quota.h"
#include "log.h"
#include "perm.h"

#include <errno.h>
#include <string.h>

#define ROW(name, limit, error, meaning)                                                                               \
    {                                                                                                                  \
        name, limit, limit, error, meaning                                                                             \
    }
struct quota quota_table[QUOTA_COUNT] = {
    [QUOTA_NODES] = ROW("nodes", 1000, ENOSPC, "nodes that a domain owns"),
    [QUOTA_NODE_SIZE] = ROW("node-size", 2048, ENOSPC, "bytes of a node's value"),
    [QUOTA_PERMS] = ROW("permissions", 16, ENOSPC, "entries in a node's permissions"),
    [QUOTA_PATH] = ROW("path-length", 1024, EINVAL, "bytes of an absolute path"),
    [QUOTA_WATCHES] = ROW("watches", 512, E2BIG, "watches of a domain"),
    [QUOTA_WATCH_BYTES] = ROW("watch-bytes", 1048576, E2BIG, "bytes that a domain's watches hold"),
    [QUOTA_TRANSACTIONS] = ROW("transactions", 10, ENOSPC, "open transactions of a domain"),
    [QUOTA_TXN_NODES] = ROW("transaction-nodes", 1024, ENOSPC, "nodes that a transaction reads or changes"),
    [QUOTA_TXN_BYTES] = ROW("transaction-bytes", 262144, ENOSPC, "bytes that a domain's transactions hold"),
    [QUOTA_EVENT_BYTES] = ROW("event-bytes", 32768, 0, "bytes of undelivered events; then one event per watch is kept"),
};

static uint32_t nodes[PERM_DOMIDS];

int quota_check(uint32_t domid, enum quota_kind kind, uint64_t wanted, const char *what)
{
    const struct quota *q = &quota_table[kind];

    if (domid == 0 || wanted <= q->limit)
        return 0;
    log_domain(domid, LOG_QUOTA,
               "over its quota of %s (%s): %llu wanted, %u allowed, at %s; answered %s; see \"xenstore-control quota\"",
               q->name, q->meaning, (unsigned long long)wanted, q->limit, what,
               q->error == E2BIG    ? "E2BIG"
               : q->error == EINVAL ? "EINVAL"
                                    : "ENOSPC");
    return q->error;
}

bool quota_find(const char *name, enum quota_kind *kind)
{
    for (unsigned i = 0; i < QUOTA_COUNT; i++)
        if (!strcmp(quota_table[i].name, name)) {
            *kind = (enum quota_kind)i;
            return true;
        }
    return false;
}

uint32_t quota_nodes(uint32_t domid)
{
    return nodes[domid];
}

void quota_nodes_add(uint32_t domid, int change)
{
    nodes[domid] += (uint32_t)change;
}

void quota_nodes_forget(uint32_t domid)
{
    nodes[domid] = 0;
}
