// SPDX-License-Identifier: MIT
/*
 * What a program of dom0's sends together. It is answered together, in order and each request once, wherever its bytes
 * were cut on the way; a pass takes no more of it than a bound, so that it costs others neither their turn nor memory;
 * and what was answered is on disk first, whoever dies in the middle of it.
 */
#include "rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Requests in several pieces, and several at once. */
static void pieces(struct peer *p)
{
    struct xsd_sockmsg h = {XS_READ, 501, 0, 6};
    struct message m;

    CHECK(peer_put(p, &h, 7, 1000));
    CHECK(!peer_next(p, &m, 50));
    CHECK(peer_put(p, (char *)&h + 7, 9, 1000));
    CHECK(peer_put(p, "/to", 3, 1000));
    CHECK(!peer_next(p, &m, 50));
    CHECK(peer_put(p, "ol", 3, 1000));
    CHECK(peer_answer(p, &m, 1000) && m.h.req_id == 501 && m.h.type == XS_READ && m.h.len == 0);
    peer_add(p, XS_READ, 0, "/tool|");
    peer_add(p, XS_READ, 0, "/nope|");
    peer_go(p);
    CHECK(peer_answer(p, &m, 1000) && m.h.req_id == p->next_id - 1);
    CHECK(peer_answer(p, &m, 1000) && m.h.req_id == p->next_id && m.h.type == XS_ERROR);
}

/* Many requests in one piece, with far more answers than a socket holds: each comes, in order, and until the client
 * reads them they take no room. The last request is too long, which ends the connection, after the others' answers. */
static void together(struct peer *p)
{
    enum { MANY = 2000, SIZE = 16 + 3 };
    static char all[MANY * SIZE + 16], value[4001];
    struct peer *q = peer_socket();
    struct xsd_sockmsg h = {XS_READ, 0, 0, 3};
    uint64_t before = rig_memory_kib("RssAnon");
    struct message m;
    unsigned n = 0;

    memset(value, 'x', 4000);
    IS(WR(p, "/v", value), "OK|");
    for (h.req_id = 0; h.req_id < MANY; h.req_id++) {
        memcpy(all + h.req_id * SIZE, &h, 16);
        memcpy(all + h.req_id * SIZE + 16, "/v", 3);
    }
    h.len = 4097;
    memcpy(all + MANY * SIZE, &h, 16);
    CHECK(peer_put(q, all, sizeof(all), 1000));
    for (int i = 0; i < 20; i++)
        IS(RD(p, "/tool"), "");
    CHECK(rig_memory_kib("RssAnon") < before + 4096);
    while (n < MANY && peer_answer(q, &m, patience_ms) && m.h.req_id == n && m.h.len == 4000)
        n++;
    CHECK(n == MANY);
    CHECK(peer_is_over(q));
    IS(RM(p, "/v"), "OK|");
    peer_close(q);
}

/* A transaction in one piece with others' requests between its own. */
static void interleaved(struct peer *p)
{
    static const char *const paths[] = {"/b/1", "/b/2", "/b", "/b/1/2/3", "/b-", "/b/10"};
    struct peer *q = peer_socket();
    uint32_t t = txn(p), first = p->next_id + 1;
    struct message m;
    unsigned n = 0;

    for (unsigned i = 0; i < 6; i++) {
        CHECK(peer_send(p, XS_WRITE, t, paths[i], strlen(paths[i]) + 1));
        if (i == 3)
            IS(WR(q, "/b2", "other"), "OK|");
    }
    while (n < 6 && peer_answer(p, &m, patience_ms) && m.h.req_id == first + n && m.h.type == XS_WRITE)
        n++;
    CHECK(n == 6);
    IS(RD(q, "/b"), "!ENOENT");
    IS(end(p, t, true), "OK|");
    IS(LS(q, "/b"), "1|10|2|");
    IS(LS(q, "/b/1/2"), "3|");
    IS(RM(p, "/b"), "OK|");
    IS(RM(p, "/b-"), "OK|");
    IS(RM(p, "/b2"), "OK|");
    peer_close(q);
}

/* Transactions and what is in none, in one piece: each sees what it would see alone, one after the other. */
static void mixed(struct peer *p)
{
    static const char *const said[] = {"OK|", "OK|",     "OK|", "none",    "!ENOENT", "none",
                                       "OK|", "!EAGAIN", "one", "!ENOENT", "!ENOENT", "none"};
    uint32_t t, u;

    IS(WR(p, "/b/0", "none"), "OK|");
    t = txn(p);
    u = txn(p);
    peer_add(p, XS_WRITE, t, "/b/0|one");
    peer_add(p, XS_WRITE, u, "/b/0|two");
    peer_add(p, XS_WRITE, t, "/b/new|1");
    peer_add(p, XS_READ, 0, "/b/0|");
    peer_add(p, XS_READ, u, "/b/new|");
    peer_add(p, XS_READ, 0, "/b/0|");
    peer_add(p, XS_TRANSACTION_END, t, "T|");
    peer_add(p, XS_TRANSACTION_END, u, "T|");
    peer_add(p, XS_READ, 0, "/b/0|");
    peer_add(p, XS_WRITE, t, "/b/0|late");
    peer_add(p, XS_TRANSACTION_END, u, "F|");
    peer_go(p);
    for (unsigned i = 0; i < 11; i++)
        IS(peer_said(p), said[i]);
    IS(RD(p, "/b/0"), "one");
    IS(RD(p, "/b/new"), "1");
    IS(RM(p, "/b"), "OK|");
}

/* An answer comes before the events of its request, and these before the next answer; another client hears of each
 * change, in their order. */
static void events_between(struct peer *p)
{
    struct peer *q = peer_socket();
    uint32_t t;

    IS(WATCH(q, "/o", "q"), "OK|");
    IS(event(q), "/o|q|");
    t = txn(p);
    peer_add(p, XS_WATCH, 0, "/o|p|");
    peer_add(p, XS_WRITE, 0, "/o/1|a");
    peer_add(p, XS_READ, 0, "/o/1|");
    peer_add(p, XS_WRITE, t, "/o/2|b");
    peer_add(p, XS_TRANSACTION_END, t, "T|");
    peer_add(p, XS_UNWATCH, 0, "/o|p|");
    peer_add(p, XS_RM, 0, "/o|");
    peer_go(p);
    IS(peer_said(p), "OK|");
    IS(peer_said(p), "*/o|p|");
    IS(peer_said(p), "OK|");
    IS(peer_said(p), "*/o/1|p|");
    IS(peer_said(p), "a");
    IS(peer_said(p), "OK|");
    IS(peer_said(p), "!EAGAIN"); /* /o had not been there */
    IS(peer_said(p), "OK|");
    IS(peer_said(p), "OK|");
    IS(event(q), "/o/1|q|");
    IS(event(q), "/o|q|");
    IS(no_event(q), "(none)");
    peer_close(q);
}

/* A pass takes 64 requests, and no more once their answers are as long as the longest there is; what it did is one
 * record. */
static void passes(struct peer *p)
{
    char value[1009];
    unsigned before;

    memset(value, 'v', 1008);
    value[1008] = 0;
    IS(WR(p, "/v", value), "OK|");
    before = rig_reported(p, " records");
    for (unsigned i = 0; i < 200; i++)
        peer_add(p, XS_WRITE, 0, "/b/%u|%u", i, i);
    peer_go(p);
    for (unsigned i = 0; i < 200; i++)
        IS(peer_said(p), "OK|");
    CHECK(rig_reported(p, " records") == before + 4);
    for (unsigned i = 0; i < 4; i++) /* four answers of a kilobyte with their headers */
        peer_add(p, XS_READ, 0, "/v|");
    peer_add(p, XS_WRITE, 0, "/b/1|x");
    peer_add(p, XS_WRITE, 0, "/b/2|x");
    peer_go(p);
    for (unsigned i = 0; i < 6; i++)
        IS(peer_said(p), i < 4 ? value : "OK|");
    CHECK(rig_reported(p, " records") == before + 5);
    IS(RM(p, "/b"), "OK|");
    IS(RM(p, "/v"), "OK|");
}

/* Longer than what is read at a time, with requests of the greatest length across its edges. */
static void longest(struct peer *p)
{
    static char value[4091];

    for (unsigned i = 0; i < 24; i++) {
        memset(value, 'a' + (int)i, 4090);
        peer_add(p, XS_WRITE, 0, "/b/%02u|%s", i, value + (i < 23 ? 0 : 1)); /* 4,096 bytes and, once, one less */
    }
    peer_go(p);
    for (unsigned i = 0; i < 24; i++)
        IS(peer_said(p), "OK|");
    for (unsigned i = 0; i < 24; i++) {
        memset(value, 'a' + (int)i, 4090);
        IS(callf(p, XS_READ, 0, "/b/%02u|", i), value + (i < 23 ? 0 : 1));
    }
    IS(RM(p, "/b"), "OK|");
}

/* A guest's ring that a request begins anew is anew when its answer comes, whatever was answered before it. */
static void ring_first(void)
{
    struct peer *p, *g;

    rig_kill();
    setenv("XENSTORED_LINGERS", "1", 1);
    rig_start(true);
    unsetenv("XENSTORED_LINGERS");
    g = peer_domain(70);
    IS(WR(g, "k", "1"), "OK|");
    CHECK(g->page->req_prod && g->page->rsp_prod);
    p = peer_socket();
    peer_add(p, XS_READ, 0, "/tool|");
    peer_add(p, XS_INTRODUCE, 0, "70|1|5|");
    peer_go(p);
    IS(peer_said(p), "");
    IS(peer_said(p), "OK|");
    CHECK(!g->page->req_prod && !g->page->req_cons && !g->page->rsp_prod && !g->page->rsp_cons);
    IS(RD(g, "k"), "1");
    peer_close(g);
    peer_close(p);
}

/* The daemon dies at its first step, its second, and so on, while it answers 70 writes and a transaction: what was
 * answered is there when it is back, what was not is done or not, but in order and whole. */
static bool dies_at(unsigned step)
{
    enum { WRITES = 70, ALL = WRITES + 5 };
    struct peer *p;
    struct message m;
    unsigned told = 0, done = 0;
    bool has_died;
    char number[20];

    rig_kill();
    snprintf(number, sizeof(number), "%u", step);
    setenv("XENSTORED_DIES_AT", number, 1);
    rig_start(true);
    unsetenv("XENSTORED_DIES_AT");
    has_died = rig_is_dead(0);
    if (!has_died) {
        p = peer_socket();
        peer_add(p, XS_TRANSACTION_START, 0, "|");
        for (unsigned i = 0; i < WRITES; i++)
            peer_add(p, XS_WRITE, 0, "/b/%03u|%u", i, i);
        for (unsigned i = 0; i < 3; i++)
            peer_add(p, XS_WRITE, 1, "/t/%u|%u", i, step);
        peer_add(p, XS_TRANSACTION_END, 1, "T|");
        /* To accept the connection may have been the step. */
        has_died = !peer_put(p, pile.data, pile.used, patience_ms);
        CHECK(!has_died || rig_is_dead(1000));
        pile.used = 0;
        while (told < ALL && peer_next(p, &m, patience_ms) && m.h.type != XS_ERROR)
            told++;
        has_died = has_died || rig_is_dead(told == ALL ? 50 : 1000);
        CHECK(has_died || told == ALL);
        peer_close(p);
    }
    if (!has_died) /* it still counts its steps */
        rig_kill();
    rig_start(false);
    p = peer_socket();
    while (done < WRITES && strcmp(callf(p, XS_READ, 0, "/b/%03u|", done), "!ENOENT"))
        done++;
    check(done + 1 >= told || (told > WRITES && done == WRITES), __FILE__, __LINE__, "what was answered is there",
          number);
    for (unsigned i = done; i < WRITES; i++)
        IS(callf(p, XS_READ, 0, "/b/%03u|", i), "!ENOENT");
    if (told == ALL || strcmp(RD(p, "/t"), "!ENOENT"))
        for (unsigned i = 0; i < 3; i++)
            IS(callf(p, XS_READ, 0, "/t/%u|", i), number);
    peer_close(p);
    return has_died;
}

static void killed(unsigned stride)
{
    unsigned step = 1, before = failed;

    while (step < 1000 && failed == before && dies_at(step))
        step += stride;
    CHECK(step > 20 && step < 1000);
    printf("bursts: %u steps\n", step);
}

void test_bursts(unsigned stride)
{
    struct peer *p = peer_socket();

    pieces(p);
    together(p);
    interleaved(p);
    mixed(p);
    events_between(p);
    passes(p);
    longest(p);
    peer_close(p);
    ring_first();
    killed(stride);
}
