// SPDX-License-Identifier: MIT
/* Quotas: what a guest may hold, and the name of the error when it wants more. */
#include "rig.h"

#include <stdio.h>
#include <string.h>

static void quota_nodes(struct peer *p, struct peer *g, struct peer *h)
{
    const char *last = "";
    uint32_t t;
    unsigned i;

    IS(call(p, XS_CONTROL, 0, "quota|set|nodes|20|"), "OK|");
    for (i = 0; i < 40; i++) {
        last = callf(g, XS_WRITE, 0, "n/%u|1", i);
        if (last[0] == '!')
            break;
    }
    IS(last, "!ENOSPC");
    CHECK(i == 18); /* with its home and n */
    CHECK(strstr(rig_log(), "domain 30: over its quota of nodes"));
    IS(WR(g, "n/0", "changed"), "OK|"); /* what is there can change */
    IS(WR(h, "n/0", "1"), "OK|");       /* others do not notice */
    t = txn(g);
    IS(callf(g, XS_MKDIR, t, "n/a|"), "!ENOSPC");
    IS(callf(g, XS_RM, t, "n/1|"), "OK|");
    IS(callf(g, XS_MKDIR, t, "n/a|"), "OK|");
    IS(end(g, t, true), "OK|");
    t = txn(g); /* the room that a transaction saw may be gone at its end */
    IS(callf(g, XS_RM, t, "n/2|"), "OK|");
    IS(callf(g, XS_MKDIR, t, "n/b|"), "OK|");
    IS(end(g, t, false), "OK|");
    IS(RM(g, "n/a"), "OK|");
    t = txn(g);
    IS(callf(g, XS_MKDIR, t, "n/b|"), "OK|");
    IS(MK(g, "n/c"), "OK|");
    IS(end(g, t, true), "!ENOSPC");
    IS(RD(g, "n/b"), "!ENOENT");
    IS(callf(g, XS_WRITE, 0, "x/y/z|1"), "!ENOSPC");
    IS(RD(g, "x"), "!ENOENT"); /* no half of it stays */
    IS(RM(g, "n"), "OK|");
    CHECK(strstr(call(p, XS_CONTROL, 0, "quota|30|"), "nodes: 1"));
    IS(call(p, XS_CONTROL, 0, "quota|set|nodes|1000|"), "OK|");
}

/* A node's size. */
static void quota_sizes(struct peer *p, struct peer *g)
{
    char big[3000];

    memset(big, 'v', sizeof(big));
    big[2048] = 0;
    IS(WR(g, "big", big), "OK|");
    big[2048] = 'v';
    big[2049] = 0;
    IS(WR(g, "big", big), "!ENOSPC");
    CHECK(strlen(RD(g, "big")) == 2048);
    IS(WR(p, "/local/domain/30/big", big), "OK|"); /* dom0 may */
    /* path length */
    memset(big, 'p', sizeof(big));
    big[1024 - 17] = 0;
    IS(WR(g, big, "1"), "OK|");
    big[1024 - 17] = 'p';
    big[1024 - 16] = 0;
    IS(WR(g, big, "1"), "!EINVAL");
}

static void quota_watches(struct peer *g)
{
    const char *last = "";
    unsigned i;

    for (i = 0; i < 600; i++) {
        last = callf(g, XS_WATCH, 0, "w%u|t|", i);
        if (last[0] == '!')
            break;
        event(g);
    }
    IS(last, "!E2BIG");
    CHECK(i == 512);
    CHECK(strstr(rig_log(), "domain 30: "));
    IS(WATCH(g, "w0", "t"), "!EEXIST"); /* not one more */
    IS(call(g, XS_RESET_WATCHES, 0, "|"), "OK|");
    IS(WATCH(g, "w", "t"), "OK|");
    /* and what they hold: long paths of many parts */
    for (i = 0; i < 500; i++) {
        char deep[1100];
        size_t at = (size_t)snprintf(deep, sizeof(deep), "d%u", i);

        while (at < 900)
            at += (size_t)snprintf(deep + at, sizeof(deep) - at, "/x");
        last = callf(g, XS_WATCH, 0, "%s|t|", deep);
        if (last[0] == '!')
            break;
        event(g);
    }
    IS(last, "!E2BIG");
    CHECK(i > 2 && i < 20);
    IS(call(g, XS_RESET_WATCHES, 0, "|"), "OK|");
}

static void quota_txns(struct peer *g)
{
    char big[3000];
    const char *last = "";
    uint32_t t;
    unsigned i;

    for (i = 0; i < 20; i++) {
        last = call(g, XS_TRANSACTION_START, 0, "|");
        if (last[0] == '!')
            break;
    }
    IS(last, "!ENOSPC");
    CHECK(i == 10);
    IS(call(g, XS_RESET_WATCHES, 0, "|"), "OK|");
    /* what a transaction holds */
    t = txn(g);
    for (i = 0; i < 3000; i++) {
        last = callf(g, XS_READ, t, "none%u|", i);
        if (strcmp(last, "!ENOENT"))
            break;
    }
    IS(last, "!ENOSPC");
    CHECK(i == 1024);
    IS(end(g, t, false), "OK|");
    t = txn(g);
    memset(big, 'v', sizeof(big));
    big[2000] = 0;
    for (i = 0; i < 3000; i++) {
        last = callf(g, XS_WRITE, t, "big/%u/%u|%s", i, i, big);
        if (last[0] == '!')
            break;
    }
    IS(last, "!ENOSPC");
    CHECK(i > 50 && i < 130);
    IS(callf(g, XS_READ, t, "big/200|"), "!ENOENT");
    IS(end(g, t, true), "OK|");
    IS(RM(g, "big"), "OK|");
}

static void quota_perms(struct peer *g)
{
    char big[3000];
    unsigned i;

    snprintf(big, sizeof(big), "p|n30|");
    for (i = 0; i < 15; i++)
        strcat(big, "r31|");
    IS(MK(g, "p"), "OK|");
    IS(call(g, XS_SET_PERMS, 0, big), "OK|");
    strcat(big, "r31|");
    IS(call(g, XS_SET_PERMS, 0, big), "!ENOSPC");
}

/* A limit as high as it goes is no lower for dom0, whose clients may have many times as much. */
static void quota_highest(struct peer *p)
{
    IS(call(p, XS_CONTROL, 0, "quota|set|event-bytes|67108864|"), "OK|");
    IS(WATCH(p, "/high", "t"), "OK|");
    IS(event(p), "/high|t|");
    IS(callf(p, XS_UNWATCH, 0, "/high|t|"), "OK|");
    IS(call(p, XS_CONTROL, 0, "quota|set|event-bytes|32768|"), "OK|");
}

void test_quotas(void)
{
    struct peer *p = peer_socket(), *g = peer_domain(30), *h = peer_domain(31);

    quota_nodes(p, g, h);
    quota_sizes(p, g);
    quota_watches(g);
    quota_txns(g);
    quota_perms(g);
    quota_highest(p);
    IS(call(p, XS_CONTROL, 0, "check|"), "OK|");
    rig_domain_gone(30);
    rig_domain_gone(31);
    rig_alarm();
    peer_close(g);
    peer_close(h);
    peer_close(p);
}
