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

/* For a new ring a guest may ask as often as it likes; that does not fill the log. */
static void reconnects_quietly(struct peer *g)
{
    unsigned lines = 0;

    for (unsigned i = 0; i < 50; i++)
        reconnect(g);
    for (const char *at = rig_log(); (at = strstr(at, "reconnects")); at++)
        lines++;
    CHECK(lines > 0 && lines < 10);
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
    reconnects_quietly(g);
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

/* dom0's client, three guests, and what one life of the daemon leaves for the next. */
struct cast {
    struct peer *p, *g, *h, *z;
    char value[2049];
    uint32_t t;
};

static void before_death(struct cast *c)
{
    rig_kill();
    rig_start(true); /* --fresh: nothing is left */
    c->p = peer_socket();
    IS(LS(c->p, "/"), "local|tool|");
    IS(WR(c->p, "/tool/kept", "1"), "OK|");
    IS(call(c->p, XS_CONTROL, 0, "quota|set|watches|77|"), "OK|");
    IS(SP(c->p, "@releaseDomain", "n0|r50"), "OK|");
    c->g = peer_domain(50);
    c->h = peer_domain(51);
    c->z = peer_domain(52);
    IS(RM(c->p, "/tool/xenstored"), "OK|");
    IS(WATCH(c->g, "w", "tok"), "OK|");
    IS(event(c->g), "w|tok|");
    IS(callf(c->g, XS_WATCH, 0, "d|dep|0|"), "OK|");
    IS(event(c->g), "d|dep|");
    IS(WATCH(c->g, "gone", "x"), "OK|");
    IS(event(c->g), "gone|x|");
    IS(callf(c->g, XS_UNWATCH, 0, "gone|x|"), "OK|");
    IS(call(c->p, XS_SET_TARGET, 0, "50|51|"), "OK|");
    IS(WR(c->g, "w/a", "1"), "OK|");
    IS(event(c->g), "w/a|tok|");
    c->t = txn(c->g);
    IS(callf(c->g, XS_WRITE, c->t, "in-txn|1"), "OK|");
    /* a request of which half is in the ring, one whose first kilobyte was taken */
    memset(c->value, 'h', 2048);
    c->value[2048] = 0;
    CHECK(peer_put(c->g, &(struct xsd_sockmsg){XS_READ, 900, 0, 4}, 16, 100));
    CHECK(peer_put(c->g, "w/", 2, 100));
    CHECK(peer_put(c->h, &(struct xsd_sockmsg){XS_WRITE, 901, 0, 2048 + 5}, 16, 1000));
    CHECK(peer_put(c->h, "half", 5, 1000));
    CHECK(peer_put(c->h, c->value, 1300, 1000));
    /* an answer of which half is in the ring: z does not read */
    IS(WR(c->z, "long", c->value), "OK|");
    CHECK(peer_send(c->z, XS_READ, 0, "long", 5));
    CHECK(peer_send(c->z, XS_READ, 0, "long", 5));
    CHECK(peer_send(c->z, XS_GET_DOMAIN_PATH, 0, "9", 2));
    usleep(50000);
    peer_close(c->p);
    rig_kill();
    rig_start(false);
    c->p = peer_socket();
}

static void after_death(struct cast *c)
{
    struct message m;

    CHECK(strstr(rig_log(), "went on from the state of an earlier xenstored: 4 domains"));
    IS(RD(c->p, "/tool/kept"), "1");
    IS(RD(c->p, "/tool/xenstored"), "!ENOENT"); /* removed stays removed */
    IS(GP(c->p, "@releaseDomain"), "n0|r50|");
    CHECK(strstr(call(c->p, XS_CONTROL, 0, "quota|"), " 77 "));
    IS(call(c->p, XS_IS_DOMAIN_INTRODUCED, 0, "51|"), "T|");
    CHECK(peer_put(c->g, "a", 2, 1000));
    CHECK(peer_answer(c->g, &m, 1000) && m.h.req_id == 900 && m.h.type == XS_READ && m.data[0] == '1');
    CHECK(peer_put(c->h, c->value + 1300, 2048 - 1300, 1000));
    CHECK(peer_answer(c->h, &m, 1000) && m.h.req_id == 901 && m.h.type == XS_WRITE);
    IS(RD(c->h, "half"), c->value);
    for (int i = 0; i < 2; i++)
        CHECK(peer_answer(c->z, &m, 1000) && m.h.type == XS_READ && m.h.len == 2048 && !memcmp(m.data, c->value, 2048));
    CHECK(peer_answer(c->z, &m, 1000) && m.h.type == XS_GET_DOMAIN_PATH);
    CHECK(!peer_next(c->z, &m, 50));
}

/* Watches live on. */
static void watches_live_on(struct cast *c)
{
    IS(WR(c->p, "/local/domain/50/w/b", "1"), "OK|");
    IS(event(c->g), "w/b|tok|");
    IS(WR(c->p, "/local/domain/50/d/b", "1"), "OK|");
    IS(WR(c->p, "/local/domain/50/gone", "1"), "OK|");
    IS(no_event(c->g), "(none)");
    IS(WATCH(c->g, "w", "tok"), "!EEXIST");
    IS(RD(c->g, "/local/domain/51/half"), c->value); /* its target, too */
}

/* The transaction can be read and written, and only be done again. */
static void txn_again(struct cast *c)
{
    IS(callf(c->g, XS_READ, c->t, "w/a|"), "1");
    IS(callf(c->g, XS_WRITE, c->t, "in-txn|1"), "OK|");
    IS(end(c->g, c->t, true), "!EAGAIN");
    IS(end(c->g, c->t, true), "!ENOENT");
    c->t = txn(c->g);
    IS(callf(c->g, XS_WRITE, c->t, "in-txn|2"), "OK|");
    IS(end(c->g, c->t, true), "OK|");
    IS(RD(c->p, "/local/domain/50/in-txn"), "2");
}

/* One dies while nobody serves, one is replaced by another of its id, one shuts down; it reads what it was sent before
 * as it was, and then of each of these. */
static void others_died(struct cast *c)
{
    struct message m;

    IS(WATCH(c->g, "@releaseDomain", "rel"), "OK|");
    IS(event(c->g), "@releaseDomain|rel|");
    IS(WR(c->g, "long", c->value), "OK|");
    CHECK(peer_send(c->g, XS_READ, 0, "long", 5));
    usleep(50000);
    peer_close(c->p);
    rig_kill();
    rig_domain_gone(52);
    rig_domain(51, false, false, 9999);
    rig_domain(50, false, true, 1050);
    rig_start(false);
    c->p = peer_socket();
    CHECK(peer_next(c->g, &m, 1000) && m.h.type == XS_READ && m.h.len == 2048 && !memcmp(m.data, c->value, 2048));
    for (int i = 0; i < 3; i++)
        IS(event(c->g), "@releaseDomain|rel|");
    IS(no_event(c->g), "(none)");
    IS(callf(c->g, XS_UNWATCH, 0, "@releaseDomain|rel|"), "OK|");
    IS(call(c->p, XS_IS_DOMAIN_INTRODUCED, 0, "52|"), "F|");
    IS(call(c->p, XS_IS_DOMAIN_INTRODUCED, 0, "51|"), "F|");
    IS(call(c->p, XS_IS_DOMAIN_INTRODUCED, 0, "50|"), "T|");
    IS(GP(c->p, "/local/domain/52/long"), "n0|");
    IS(RD(c->g, "in-txn"), "2");
    IS(call(c->p, XS_CONTROL, 0, "check|"), "OK|");
}

/* SIGTERM leaves the state, too. */
static void state_stays(struct cast *c)
{
    peer_close(c->p);
    CHECK(rig_stop() == 0);
    rig_start(false);
    c->p = peer_socket();
    IS(RD(c->p, "/tool/kept"), "1");
    IS(RD(c->g, "in-txn"), "2");
    full(c->p, c->g);
    peer_close(c->p);
    rig_kill();
    rig_start(false);
    c->p = peer_socket();
    IS(RD(c->p, "/tool/full"), "last");
    IS(RD(c->g, "full"), "guest");
}

/* Broken stays broken over a restart, and reconnects. */
static void broken_ring_stays(struct cast *c)
{
    c->g->page->req_prod = c->g->page->req_cons + 2000;
    kick(c->g);
    for (int i = 0; i < 200 && !c->g->page->error; i++)
        usleep(5000);
    CHECK(c->g->page->error == XENSTORE_ERROR_RINGIDX);
    rig_kill();
    rig_start(false);
    CHECK(c->g->page->error != XENSTORE_ERROR_NONE);
    reconnect(c->g);
    IS(RD(c->g, "in-txn"), "2");
    rig_kill();
    rig_start(false);
    IS(RD(c->g, "in-txn"), "2");
    peer_close(c->p);
}

/* Introduced again, and killed before the page showed it. */
static void introduced_late(struct cast *c)
{
    c->p = peer_socket();
    IS(call(c->p, XS_INTRODUCE, 0, "50|9|5|"), "OK|");
    peer_close(c->p);
    rig_kill();
    c->g->page->req_prod = c->g->page->req_cons = 700;
    c->g->page->rsp_prod = c->g->page->rsp_cons = 500;
    rig_start(false);
    for (int i = 0; i < 200 && c->g->page->rsp_prod; i++)
        usleep(5000);
    c->g->in_len = 0;
    CHECK(!c->g->page->req_prod && !c->g->page->req_cons && !c->g->page->rsp_prod && !c->g->page->rsp_cons);
    IS(RD(c->g, "in-txn"), "2");
}

/* A torn record at the end is left out; a damaged one inside is said and nothing is served. */
static void spoilt_log(struct cast *c)
{
    {
        char command[700];

        c->p = peer_socket();
        IS(WR(c->p, "/tool/torn", "1"), "OK|");
        IS(WR(c->p, "/tool/torn", "2"), "OK|");
        peer_close(c->p);
        rig_kill();
        snprintf(command, sizeof(command), "cd %s && f=$(ls log.*) && truncate -s -3 $f", run_dir);
        CHECK(!system(command));
        rig_start(false);
        c->p = peer_socket();
        IS(RD(c->p, "/tool/torn"), "1");
        CHECK(strstr(rig_log(), "ends in a torn record"));
        peer_close(c->p);
        CHECK(rig_stop() == 0);
        snprintf(command, sizeof(command),
                 "cd %s && f=$(ls base.*) && printf X | dd of=$f bs=1 seek=200 conv=notrunc 2>/dev/null", run_dir);
        CHECK(!system(command));
        rig_start(false);
        CHECK(strstr(rig_log(), "is damaged at byte"));
        rig_start(true);
        c->p = peer_socket();
        IS(LS(c->p, "/"), "local|tool|");
    }
}

void test_recovery(void)
{
    struct cast c;

    before_death(&c);
    after_death(&c);
    watches_live_on(&c);
    txn_again(&c);
    others_died(&c);
    state_stays(&c);
    broken_ring_stays(&c);
    introduced_late(&c);
    spoilt_log(&c);
    peer_close(c.p);
    peer_close(c.g);
    peer_close(c.h);
    peer_close(c.z);
}
