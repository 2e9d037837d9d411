// SPDX-License-Identifier: MIT
/* Transactions: isolation, conflicts and what is none, and their end. */
#include "rig.h"

#include <string.h>

static void txn_basics(struct peer *p, struct peer *q)
{
    uint32_t t;

    IS(WR(p, "/t/x", "0"), "OK|");
    IS(WR(p, "/t/y", "0"), "OK|");
    /* isolation, rollback, commit */
    t = txn(p);
    IS(callf(p, XS_WRITE, t, "/t/x|1"), "OK|");
    IS(callf(p, XS_READ, t, "/t/x|"), "1");
    IS(RD(p, "/t/x"), "0");
    IS(RD(q, "/t/x"), "0");
    IS(end(p, t, false), "OK|");
    IS(RD(q, "/t/x"), "0");
    IS(end(p, t, false), "!ENOENT");
    IS(callf(p, XS_READ, t, "/t/x|"), "!ENOENT");
    t = txn(p);
    IS(callf(p, XS_WRITE, t, "/t/x|1"), "OK|");
    IS(callf(p, XS_WRITE, t, "/t/new/a|1"), "OK|");
    IS(callf(p, XS_RM, t, "/t/y|"), "OK|");
    IS(callf(p, XS_DIRECTORY, t, "/t|"), "new|x|");
    IS(callf(p, XS_SET_PERMS, t, "/t/x|n0|r9|"), "OK|");
    IS(LS(q, "/t"), "x|y|");
    IS(end(p, t, true), "OK|");
    IS(LS(q, "/t"), "new|x|");
    IS(RD(q, "/t/x"), "1");
    IS(GP(q, "/t/x"), "n0|r9|");
    /* another client's transaction id is not ours */
    t = txn(p);
    IS(callf(q, XS_READ, t + 1000, "/t/x|"), "!ENOENT");
    IS(end(p, t, true), "OK|");
    IS(call(p, XS_TRANSACTION_END, 0, "T|"), "!ENOENT");
    t = txn(p);
    IS(callf(p, XS_TRANSACTION_END, t, "X|"), "!EINVAL");
    IS(end(p, t, true), "OK|");
}

/* Conflicts: read-write. */
static void txn_conflicts(struct peer *p, struct peer *q)
{
    uint32_t t, u;

    t = txn(p);
    IS(callf(p, XS_READ, t, "/t/x|"), "1");
    IS(callf(p, XS_WRITE, t, "/t/z|1"), "OK|");
    IS(WR(q, "/t/x", "2"), "OK|");
    IS(callf(p, XS_READ, t, "/t/x|"), "1"); /* the snapshot holds */
    IS(end(p, t, true), "!EAGAIN");
    IS(RD(p, "/t/z"), "!ENOENT");
    /* write-write */
    t = txn(p);
    IS(callf(p, XS_WRITE, t, "/t/x|3"), "OK|");
    IS(WR(q, "/t/x", "4"), "OK|");
    IS(end(p, t, true), "!EAGAIN");
    IS(RD(p, "/t/x"), "4");
    /* two transactions of one client */
    t = txn(p);
    u = txn(p);
    CHECK(t != u);
    IS(callf(p, XS_WRITE, t, "/t/x|5"), "OK|");
    IS(callf(p, XS_WRITE, u, "/t/x|6"), "OK|");
    IS(end(p, u, true), "OK|");
    IS(end(p, t, true), "!EAGAIN");
    IS(RD(p, "/t/x"), "6");
    /* absence read, then made */
    t = txn(p);
    IS(callf(p, XS_READ, t, "/t/ghost|"), "!ENOENT");
    IS(callf(p, XS_WRITE, t, "/t/saw|none"), "OK|");
    IS(WR(q, "/t/ghost", "1"), "OK|");
    IS(end(p, t, true), "!EAGAIN");
}

/* List read, child made. */
static void txn_lists(struct peer *p, struct peer *q)
{
    uint32_t t;

    t = txn(p);
    IS(callf(p, XS_DIRECTORY, t, "/t/new|"), "a|");
    IS(callf(p, XS_WRITE, t, "/t/saw|a"), "OK|");
    IS(WR(q, "/t/new/b", "1"), "OK|");
    IS(end(p, t, true), "!EAGAIN");
    /* list read, a child's value changed: no conflict */
    t = txn(p);
    IS(callf(p, XS_DIRECTORY, t, "/t/new|"), "a|b|");
    IS(callf(p, XS_WRITE, t, "/t/saw|ab"), "OK|");
    IS(WR(q, "/t/new/b", "2"), "OK|");
    IS(end(p, t, true), "OK|");
    /* removal against a change below */
    t = txn(p);
    IS(callf(p, XS_RM, t, "/t/new|"), "OK|");
    IS(WR(q, "/t/new/b", "3"), "OK|");
    IS(end(p, t, true), "!EAGAIN");
    IS(RD(p, "/t/new/b"), "3");
    /* a parent that is removed under a new child */
    t = txn(p);
    IS(callf(p, XS_WRITE, t, "/t/new/c|1"), "OK|");
    IS(RM(q, "/t/new"), "OK|");
    IS(end(p, t, true), "!EAGAIN");
    IS(RD(p, "/t/new"), "!ENOENT");
    /* permissions changed */
    t = txn(p);
    IS(callf(p, XS_GET_PERMS, t, "/t/x|"), "n0|r9|");
    IS(callf(p, XS_WRITE, t, "/t/saw|x"), "OK|");
    IS(SP(q, "/t/x", "n0"), "OK|");
    IS(end(p, t, true), "!EAGAIN");
}

/* Unrelated writes: none, siblings and children made beside. */
static void txn_progress(struct peer *p, struct peer *q)
{
    uint32_t t;

    t = txn(p);
    IS(callf(p, XS_READ, t, "/t/x|"), "6");
    IS(callf(p, XS_WRITE, t, "/t/mine/deep|1"), "OK|");
    for (unsigned i = 0; i < 200; i++)
        callf(q, XS_WRITE, 0, "/t/other%u/z|%u", i, i);
    IS(WR(q, "/t/new/other", "1"), "OK|");
    IS(end(p, t, true), "OK|");
    IS(RD(q, "/t/mine/deep"), "1");
    IS(RD(q, "/t/other199/z"), "199");
    /* progress under load: each commit meets two hundred unrelated changes and none fails */
    for (unsigned i = 0; i < 20; i++) {
        t = txn(p);
        callf(p, XS_READ, t, "/t/x|");
        callf(p, XS_WRITE, t, "/t/x|%u", i);
        for (unsigned k = 0; k < 10; k++)
            callf(q, XS_WRITE, 0, "/t/other%u/z|%u", k, i);
        IS(end(p, t, true), "OK|");
    }
}

/* Made and unmade inside. */
static void txn_inside(struct peer *p, struct peer *q)
{
    uint32_t t;

    t = txn(p);
    IS(callf(p, XS_MKDIR, t, "/t/tmp/a/b|"), "OK|");
    IS(callf(p, XS_RM, t, "/t/tmp|"), "OK|");
    IS(callf(p, XS_READ, t, "/t/tmp/a|"), "!ENOENT");
    IS(callf(p, XS_WRITE, t, "/t/tmp|back"), "OK|");
    IS(end(p, t, true), "OK|");
    IS(RD(q, "/t/tmp"), "back");
    IS(LS(q, "/t/tmp"), "");
    /* a failed request inside leaves the rest whole */
    t = txn(p);
    IS(callf(p, XS_WRITE, t, "/t/ok|1"), "OK|");
    IS(callf(p, XS_WRITE, t, "//bad|1"), "!EINVAL");
    IS(callf(p, XS_RM, t, "/no/such|"), "!ENOENT");
    IS(end(p, t, true), "OK|");
    IS(RD(q, "/t/ok"), "1");
}

/* Reset drops them; so does leaving. */
static void txn_dropped(struct peer *p, struct peer *q)
{
    uint32_t t;

    t = txn(p);
    IS(call(p, XS_RESET_WATCHES, 0, "|"), "OK|");
    IS(end(p, t, true), "!ENOENT");
    t = txn(q);
    peer_close(q);
}

void test_txns(void)
{
    struct peer *p = peer_socket(), *q = peer_socket();

    txn_basics(p, q);
    txn_conflicts(p, q);
    txn_lists(p, q);
    txn_progress(p, q);
    txn_inside(p, q);
    txn_dropped(p, q);
    IS(RM(p, "/t"), "OK|");
    IS(call(p, XS_CONTROL, 0, "check|"), "OK|");
    peer_close(p);
}
