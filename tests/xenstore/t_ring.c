// SPDX-License-Identifier: MIT
/* Rings: rubbish in them, guests that do not read, and rings and state that outlive the daemon. */
#include "rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static void kick(struct peer *g)
{
    int32_t port = (int32_t)g->domid + 16;

    if (write(g->events, &port, sizeof(port)) < 0)
        failed++;
}

/* The guest asks for a new ring, as its kernel does. */
static void reconnect(struct peer *g)
{
    g->page->connection = XENSTORE_RECONNECT;
    kick(g);
    for (int i = 0; i < 200 && g->page->connection != XENSTORE_CONNECTED; i++)
        usleep(5000);
    g->in_len = 0;
    CHECK(g->page->connection == XENSTORE_CONNECTED && g->page->error == XENSTORE_ERROR_NONE);
    CHECK(!g->page->req_prod && !g->page->req_cons && !g->page->rsp_prod && !g->page->rsp_cons);
}

static void broken(struct peer *g, struct peer *other, uint32_t error)
{
    struct message m;

    for (int i = 0; i < 200 && g->page->error != error; i++)
        usleep(5000);
    CHECK(g->page->error == error);
    while (peer_next(g, &m, 20))
        ;
    IS(RD(other, "alive"), "yes");
    reconnect(g);
    IS(RD(g, "alive"), "yes");
}

static void rubbish(struct peer *g, struct peer *other)
{
    struct xsd_sockmsg h = {XS_READ, 1, 0, 4097};
    char noise[64];

    g->page->req_prod = g->page->req_cons + 1025;
    kick(g);
    broken(g, other, XENSTORE_ERROR_RINGIDX);
    g->page->req_prod = g->page->req_cons - 1;
    kick(g);
    broken(g, other, XENSTORE_ERROR_RINGIDX);
    g->page->rsp_cons = g->page->rsp_prod + 7; /* read what was never written */
    CHECK(peer_send(g, XS_READ, 0, "alive", 6));
    broken(g, other, XENSTORE_ERROR_RINGIDX);
    CHECK(peer_put(g, &h, 16, 1000));
    broken(g, other, XENSTORE_ERROR_PROTO);
    h.len = 0xffffffffu;
    CHECK(peer_put(g, &h, 16, 1000));
    broken(g, other, XENSTORE_ERROR_PROTO);
    CHECK(strstr(rig_log(), "domain 40: "));
    /* our indexes in the page are ours: what is written over them changes nothing */
    IS(RD(g, "alive"), "yes");
    {
        uint32_t cons = g->page->req_cons, prod = g->page->rsp_prod;

        CHECK(peer_send(g, XS_READ, 0, "alive", 6));
        for (int i = 0; i < 200 && g->page->rsp_prod == prod; i++)
            usleep(1000);
        g->page->req_cons = cons - 500;
        g->page->rsp_cons = g->page->rsp_prod;
        kick(g);
        usleep(30000);
        g->page->req_cons = cons + 22; /* the peer here believes it */
        IS(RD(g, "alive"), "yes");
        CHECK(g->page->req_cons == cons + 44);
    }
    /* unknown types and transactions are answered, not punished */
    memset(noise, '/', sizeof(noise));
    for (uint32_t type = 0; type < 60; type++) {
        struct message m;

        CHECK(peer_send(g, type, type * 7919u, noise, type));
        CHECK(peer_answer(g, &m, 2000));
    }
    IS(RD(g, "alive"), "yes");
}

/* A guest that asks but does not read is held back, and gets every answer in the end. */
static void deaf(struct peer *g, struct peer *p)
{
    char value[501];
    uint64_t before;
    unsigned sent = 0, got = 0;
    struct message m;

    memset(value, 'd', 500);
    value[500] = 0;
    IS(WR(g, "long", value), "OK|");
    while (sent < 400 && peer_put(g, &(struct xsd_sockmsg){XS_READ, ++g->next_id, 0, 5}, 16, 100) &&
           peer_put(g, "long", 5, 100))
        sent++;
    CHECK(sent > 40 && sent < 120); /* two rings full */
    IS(RD(p, "/local/domain/41/alive"), "yes");
    before = rig_memory_kib("VmRSS");
    usleep(100000);
    CHECK(rig_memory_kib("VmRSS") <= before + 64);
    while (got < sent && peer_next(g, &m, 1000)) {
        CHECK(m.h.type == XS_READ && m.h.len == 500);
        got++;
    }
    CHECK(got == sent);
    g->in_len = 0;
    reconnect(g);
    /* events: bounded, and each watch has the last word */
    IS(WATCH(g, "ev", "t"), "OK|");
    IS(event(g), "ev|t|");
    IS(WATCH(g, "other", "u"), "OK|");
    IS(event(g), "other|u|");
    for (unsigned i = 0; i < 3000; i++)
        callf(p, XS_WRITE, 0, "/local/domain/40/ev/%u|%u", i % 100, i);
    callf(p, XS_WRITE, 0, "/local/domain/40/other/x|1");
    CHECK(strstr(call(p, XS_CONTROL, 0, "quota|40|"), "watches collapsed: 2"));
    CHECK(strstr(rig_log(), "domain 40: does not read its events"));
    {
        bool has_all = false, has_other = false;
        unsigned events = 0;

        for (;;) {
            const char *e = event_in(g, 300);

            if (!strcmp(e, "(none)"))
                break;
            events++;
            has_all |= !strcmp(e, "ev|t|");
            has_other |= !strcmp(e, "other|u|");
        }
        CHECK(has_all && has_other);
        CHECK(events > 100 && events < 1500);
    }
    IS(callf(p, XS_WRITE, 0, "/local/domain/40/ev/5|new"), "OK|");
    IS(event(g), "ev/5|t|");
    CHECK(strstr(call(p, XS_CONTROL, 0, "quota|40|"), "watches collapsed: 0"));
}

/* One that floods: others' requests wait for a turn, not for its end. */
static void flood(struct peer *g, struct peer *p)
{
    unsigned answers = 0;
    struct message m;

    for (unsigned i = 0; i < 300; i++) {
        for (unsigned k = 0; k < 20; k++)
            peer_put(g, &(struct xsd_sockmsg){XS_DIRECTORY, ++g->next_id, 0, 0}, 16, 0);
        if (i % 10 == 0)
            IS(RD(p, "/tool"), "");
        while (peer_next(g, &m, 0))
            answers++;
    }
    CHECK(answers > 300);
    g->in_len = 0;
    reconnect(g);
}

void test_rings(void)
{
    struct peer *p = peer_socket(), *g = peer_domain(40), *h = peer_domain(41);
    char value[2049];

    IS(WR(g, "alive", "yes"), "OK|");
    IS(WR(h, "alive", "yes"), "OK|");
    memset(value, 'r', 2048);
    value[2048] = 0;
    IS(WR(g, "large", value), "OK|"); /* twice the ring, in and out */
    IS(RD(g, "large"), value);
    for (unsigned i = 0; i < 300; i++) /* every phase of the ring */
        if (strcmp(callf(g, XS_WRITE, 0, "phase|%.*s", (int)i, value), "OK|") || strlen(RD(g, "phase")) != i)
            failed++;
    rubbish(g, h);
    deaf(g, p);
    flood(g, p);
    peer_close(g);
    peer_close(h);
    peer_close(p);
}

/* A log that cannot be written: nobody gets an answer, and everybody gets one as soon as it can. */
static void full(struct peer *p, struct peer *g)
{
    struct rlimit now, little = {400000, RLIM_INFINITY}; /* more than what it says in words */
    char value[4001];
    struct message m;

    memset(value, 'f', 4000);
    value[4000] = 0;
    CHECK(!prlimit(daemon_pid, RLIMIT_FSIZE, NULL, &now));
    CHECK(!prlimit(daemon_pid, RLIMIT_FSIZE, &little, NULL));
    for (unsigned i = 0; i < 98; i++)
        IS(WR(p, "/tool/full", value), "OK|");
    memcpy(value, "/tool/full\0last", 15);
    CHECK(peer_send(p, XS_WRITE, 0, value, 4000));
    CHECK(peer_send(p, XS_WRITE, 0, value, 15));
    CHECK(peer_send(g, XS_WRITE, 0, "full\0guest", 10));
    CHECK(!peer_next(p, &m, 400));
    CHECK(!peer_next(g, &m, 10));
    CHECK(strstr(rig_log(), "all answers wait"));
    little = now;
    CHECK(!prlimit(daemon_pid, RLIMIT_FSIZE, &little, NULL));
    CHECK(peer_answer(p, &m, 2000) && m.h.type == XS_WRITE);
    CHECK(peer_answer(p, &m, 2000) && m.h.type == XS_WRITE);
    CHECK(peer_answer(g, &m, 2000) && m.h.type == XS_WRITE);
    CHECK(strstr(rig_log(), "going on"));
    IS(RD(p, "/tool/full"), "last");
    IS(RD(g, "full"), "guest");
}

void test_recovery(void)
{
    struct peer *p, *g, *h, *z;
    struct message m;
    char value[2049];
    uint32_t t;

    rig_kill();
    rig_start(true); /* --fresh: nothing is left */
    p = peer_socket();
    IS(LS(p, "/"), "local|tool|");
    IS(WR(p, "/tool/kept", "1"), "OK|");
    IS(call(p, XS_CONTROL, 0, "quota|set|watches|77|"), "OK|");
    IS(SP(p, "@releaseDomain", "n0|r50"), "OK|");
    g = peer_domain(50);
    h = peer_domain(51);
    z = peer_domain(52);
    IS(RM(p, "/tool/xenstored"), "OK|");
    IS(WATCH(g, "w", "tok"), "OK|");
    IS(event(g), "w|tok|");
    IS(callf(g, XS_WATCH, 0, "d|dep|0|"), "OK|");
    IS(event(g), "d|dep|");
    IS(WATCH(g, "gone", "x"), "OK|");
    IS(event(g), "gone|x|");
    IS(callf(g, XS_UNWATCH, 0, "gone|x|"), "OK|");
    IS(call(p, XS_SET_TARGET, 0, "50|51|"), "OK|");
    IS(WR(g, "w/a", "1"), "OK|");
    IS(event(g), "w/a|tok|");
    t = txn(g);
    IS(callf(g, XS_WRITE, t, "in-txn|1"), "OK|");
    /* a request of which half is in the ring, one whose first kilobyte was taken */
    memset(value, 'h', 2048);
    value[2048] = 0;
    CHECK(peer_put(g, &(struct xsd_sockmsg){XS_READ, 900, 0, 4}, 16, 100));
    CHECK(peer_put(g, "w/", 2, 100));
    CHECK(peer_put(h, &(struct xsd_sockmsg){XS_WRITE, 901, 0, 2048 + 5}, 16, 1000));
    CHECK(peer_put(h, "half", 5, 1000));
    CHECK(peer_put(h, value, 1300, 1000));
    /* an answer of which half is in the ring: z does not read */
    IS(WR(z, "long", value), "OK|");
    CHECK(peer_send(z, XS_READ, 0, "long", 5));
    CHECK(peer_send(z, XS_READ, 0, "long", 5));
    CHECK(peer_send(z, XS_GET_DOMAIN_PATH, 0, "9", 2));
    usleep(50000);
    peer_close(p);
    rig_kill();
    rig_start(false);
    p = peer_socket();
    CHECK(strstr(rig_log(), "went on from the state of an earlier xenstored: 4 domains"));
    IS(RD(p, "/tool/kept"), "1");
    IS(RD(p, "/tool/xenstored"), "!ENOENT"); /* removed stays removed */
    IS(GP(p, "@releaseDomain"), "n0|r50|");
    CHECK(strstr(call(p, XS_CONTROL, 0, "quota|"), " 77 "));
    IS(call(p, XS_IS_DOMAIN_INTRODUCED, 0, "51|"), "T|");
    CHECK(peer_put(g, "a", 2, 1000));
    CHECK(peer_answer(g, &m, 1000) && m.h.req_id == 900 && m.h.type == XS_READ && m.data[0] == '1');
    CHECK(peer_put(h, value + 1300, 2048 - 1300, 1000));
    CHECK(peer_answer(h, &m, 1000) && m.h.req_id == 901 && m.h.type == XS_WRITE);
    IS(RD(h, "half"), value);
    for (int i = 0; i < 2; i++)
        CHECK(peer_answer(z, &m, 1000) && m.h.type == XS_READ && m.h.len == 2048 && !memcmp(m.data, value, 2048));
    CHECK(peer_answer(z, &m, 1000) && m.h.type == XS_GET_DOMAIN_PATH);
    CHECK(!peer_next(z, &m, 50));
    /* watches live on */
    IS(WR(p, "/local/domain/50/w/b", "1"), "OK|");
    IS(event(g), "w/b|tok|");
    IS(WR(p, "/local/domain/50/d/b", "1"), "OK|");
    IS(WR(p, "/local/domain/50/gone", "1"), "OK|");
    IS(no_event(g), "(none)");
    IS(WATCH(g, "w", "tok"), "!EEXIST");
    IS(RD(g, "/local/domain/51/half"), value); /* its target, too */
    /* the transaction can be read and written, and only be done again */
    IS(callf(g, XS_READ, t, "w/a|"), "1");
    IS(callf(g, XS_WRITE, t, "in-txn|1"), "OK|");
    IS(end(g, t, true), "!EAGAIN");
    IS(end(g, t, true), "!ENOENT");
    t = txn(g);
    IS(callf(g, XS_WRITE, t, "in-txn|2"), "OK|");
    IS(end(g, t, true), "OK|");
    IS(RD(p, "/local/domain/50/in-txn"), "2");
    /* one dies while nobody serves, one is replaced by another of its id, one shuts down */
    peer_close(p);
    rig_kill();
    rig_domain_gone(52);
    rig_domain(51, false, false, 9999);
    rig_domain(50, false, true, 1050);
    rig_start(false);
    p = peer_socket();
    IS(call(p, XS_IS_DOMAIN_INTRODUCED, 0, "52|"), "F|");
    IS(call(p, XS_IS_DOMAIN_INTRODUCED, 0, "51|"), "F|");
    IS(call(p, XS_IS_DOMAIN_INTRODUCED, 0, "50|"), "T|");
    IS(GP(p, "/local/domain/52/long"), "n0|");
    IS(RD(g, "in-txn"), "2");
    IS(call(p, XS_CONTROL, 0, "check|"), "OK|");
    /* SIGTERM leaves the state, too */
    peer_close(p);
    CHECK(rig_stop() == 0);
    rig_start(false);
    p = peer_socket();
    IS(RD(p, "/tool/kept"), "1");
    IS(RD(g, "in-txn"), "2");
    full(p, g);
    peer_close(p);
    rig_kill();
    rig_start(false);
    p = peer_socket();
    IS(RD(p, "/tool/full"), "last");
    IS(RD(g, "full"), "guest");
    /* broken stays broken over a restart, and reconnects */
    g->page->req_prod = g->page->req_cons + 2000;
    kick(g);
    for (int i = 0; i < 200 && !g->page->error; i++)
        usleep(5000);
    CHECK(g->page->error == XENSTORE_ERROR_RINGIDX);
    rig_kill();
    rig_start(false);
    CHECK(g->page->error != XENSTORE_ERROR_NONE);
    reconnect(g);
    IS(RD(g, "in-txn"), "2");
    rig_kill();
    rig_start(false);
    IS(RD(g, "in-txn"), "2");
    peer_close(p);
    /* introduced again, and killed before the page showed it */
    p = peer_socket();
    IS(call(p, XS_INTRODUCE, 0, "50|9|5|"), "OK|");
    peer_close(p);
    rig_kill();
    g->page->req_prod = g->page->req_cons = 700;
    g->page->rsp_prod = g->page->rsp_cons = 500;
    rig_start(false);
    for (int i = 0; i < 200 && g->page->rsp_prod; i++)
        usleep(5000);
    g->in_len = 0;
    CHECK(!g->page->req_prod && !g->page->req_cons && !g->page->rsp_prod && !g->page->rsp_cons);
    IS(RD(g, "in-txn"), "2");
    /* a torn record at the end is left out; a damaged one inside is said and nothing is served */
    {
        char command[700];

        p = peer_socket();
        IS(WR(p, "/tool/torn", "1"), "OK|");
        IS(WR(p, "/tool/torn", "2"), "OK|");
        peer_close(p);
        rig_kill();
        snprintf(command, sizeof(command), "cd %s && f=$(ls log.*) && truncate -s -3 $f", run_dir);
        CHECK(!system(command));
        rig_start(false);
        p = peer_socket();
        IS(RD(p, "/tool/torn"), "1");
        CHECK(strstr(rig_log(), "ends in a torn record"));
        peer_close(p);
        CHECK(rig_stop() == 0);
        snprintf(command, sizeof(command),
                 "cd %s && f=$(ls base.*) && printf X | dd of=$f bs=1 seek=200 conv=notrunc 2>/dev/null", run_dir);
        CHECK(!system(command));
        rig_start(false);
        CHECK(strstr(rig_log(), "is damaged at byte"));
        rig_start(true);
        p = peer_socket();
        IS(LS(p, "/"), "local|tool|");
    }
    peer_close(p);
    peer_close(g);
    peer_close(h);
    peer_close(z);
}
