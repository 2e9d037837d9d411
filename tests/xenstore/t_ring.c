// SPDX-License-Identifier: MIT
/* Rings: rubbish in them, and guests that ask for new ones, do not read, or flood. */
#include "rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* For a new ring a guest may ask as often as it likes; that does not fill the log, nor does it keep others' lines, or
 * of another kind, out of it. */
static void reconnects_quietly(struct peer *g, struct peer *h)
{
    struct peer *other = peer_domain(44);
    static char large[2050];
    unsigned lines = 0;

    for (unsigned i = 0; i < 50; i++)
        peer_reconnect(g);
    for (const char *at = rig_log(); (at = strstr(at, "reconnects")); at++)
        lines++;
    CHECK(lines > 0 && lines < 10);
    peer_reconnect(other);
    CHECK(strstr(rig_log(), "domain 44: reconnects"));
    memset(large, 'x', 2049);
    IS(WR(h, "large", large), "!ENOSPC");
    CHECK(strstr(rig_log(), "domain 41: over its quota"));
    peer_close(other);
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
    peer_reconnect(g);
    IS(RD(g, "alive"), "yes");
}

static void rubbish(struct peer *g, struct peer *other)
{
    struct xsd_sockmsg h = {XS_READ, 1, 0, 4097};
    char noise[64];

    g->page->req_prod = g->page->req_cons + 1025;
    peer_kick(g);
    broken(g, other, XENSTORE_ERROR_RINGIDX);
    g->page->req_prod = g->page->req_cons - 1;
    peer_kick(g);
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
        peer_kick(g);
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
    peer_reconnect(g);
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
    peer_reconnect(g);
}

void test_rings(void)
{
    struct peer *p = peer_socket(), *g = peer_domain(40), *h = peer_domain(41);
    static char longest[4095];
    char value[2049];

    IS(WR(g, "alive", "yes"), "OK|");
    IS(WR(h, "alive", "yes"), "OK|");
    memset(value, 'r', 2048);
    value[2048] = 0;
    IS(WR(g, "large", value), "OK|"); /* twice the ring, in and out */
    IS(RD(g, "large"), value);
    memset(longest, 'l', 4094); /* the longest request there is: refused, and nothing worse */
    IS(callf(g, XS_WRITE, 0, "x|%s", longest), "!ENOSPC");
    for (unsigned i = 0; i < 300; i++) /* every phase of the ring */
        if (strcmp(callf(g, XS_WRITE, 0, "phase|%.*s", (int)i, value), "OK|") || strlen(RD(g, "phase")) != i)
            failed++;
    rubbish(g, h);
    reconnects_quietly(g, h);
    deaf(g, p);
    flood(g, p);
    peer_close(g);
    peer_close(h);
    peer_close(p);
}
