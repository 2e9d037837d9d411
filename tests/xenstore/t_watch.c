// SPDX-License-Identifier: MIT
/* Watches and domains, as dom0 and as guests see them. */
#include "rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void depth_and_relatives(struct peer *p, struct peer *g)
{
    IS(callf(p, XS_WATCH, 0, "/w/deep|d0|0|"), "OK|");
    IS(event(p), "/w/deep|d0|");
    IS(WR(p, "/w/deep/a", "1"), "OK|");
    IS(no_event(p), "(none)");
    IS(WR(p, "/w/deep", "1"), "OK|");
    IS(event(p), "/w/deep|d0|");
    IS(callf(p, XS_WATCH, 0, "/w/deep|d1|1|"), "OK|");
    IS(event(p), "/w/deep|d1|");
    IS(WR(p, "/w/deep/a", "1"), "OK|");
    IS(event(p), "/w/deep/a|d1|");
    IS(WR(p, "/w/deep/a/b", "1"), "OK|");
    IS(no_event(p), "(none)");
    IS(callf(p, XS_WATCH, 0, "/w/deep|dx|x|"), "!EINVAL");
    IS(call(p, XS_RESET_WATCHES, 0, "|"), "OK|");
    /* relative: told as written */
    IS(WATCH(g, "device", "rel"), "OK|");
    IS(event(g), "device|rel|");
    IS(WATCH(g, "/local/domain/15/device", "abs"), "OK|");
    IS(event(g), "/local/domain/15/device|abs|");
    IS(WATCH(g, "/local/domain/15/device", "rel"), "OK|"); /* not the same watch */
    IS(event(g), "/local/domain/15/device|rel|");
    IS(callf(g, XS_UNWATCH, 0, "/local/domain/15/device|rel|"), "OK|");
    IS(WR(g, "device/vbd", "1"), "OK|");
    {
        const char *a = event(g), *b = event(g);

        CHECK((!strcmp(a, "device/vbd|rel|") && !strcmp(b, "/local/domain/15/device/vbd|abs|")) ||
              (!strcmp(b, "device/vbd|rel|") && !strcmp(a, "/local/domain/15/device/vbd|abs|")));
    }
    IS(call(g, XS_RESET_WATCHES, 0, ""), "OK|");
    IS(WR(g, "device/vbd", "2"), "OK|");
    IS(no_event(g), "(none)");
}

static void permitted(struct peer *p, struct peer *g)
{
    uint32_t t;

    IS(WATCH(g, "/secret", "s"), "OK|"); /* may be set; tells nothing */
    IS(event(g), "/secret|s|");
    IS(WR(p, "/secret/a", "1"), "OK|");
    IS(no_event(g), "(none)");
    IS(SP(p, "/secret", "n0|r15"), "OK|"); /* becomes readable: told */
    IS(event(g), "/secret|s|");
    IS(WR(p, "/secret/a", "2"), "OK|"); /* a itself is not */
    IS(no_event(g), "(none)");
    IS(WR(p, "/secret/b", "1"), "OK|"); /* inherits */
    IS(event(g), "/secret/b|s|");
    IS(SP(p, "/secret/b", "n0"), "OK|"); /* becomes unreadable: told the last time */
    IS(event(g), "/secret/b|s|");
    IS(WR(p, "/secret/b", "2"), "OK|");
    IS(no_event(g), "(none)");
    IS(SP(p, "/secret/b", "n0|r15"), "OK|");
    IS(event(g), "/secret/b|s|");
    t = txn(p); /* comes unreadable, and goes: that it does is its parent's list, which may be read */
    IS(callf(p, XS_WRITE, t, "/secret/c|1"), "OK|");
    IS(callf(p, XS_SET_PERMS, t, "/secret/c|n0|"), "OK|");
    IS(end(p, t, true), "OK|");
    IS(event(g), "/secret/c|s|");
    IS(WR(p, "/secret/c", "2"), "OK|");
    IS(no_event(g), "(none)");
    IS(RM(p, "/secret/c"), "OK|");
    IS(event(g), "/secret/c|s|");
    IS(RM(p, "/secret"), "OK|"); /* was readable */
    IS(event(g), "/secret|s|");
    IS(call(g, XS_RESET_WATCHES, 0, "|"), "OK|");
    IS(WR(p, "/secret/sub", "1"), "OK|"); /* what goes with a parent is told to whom it was open */
    IS(WR(p, "/secret/open", "1"), "OK|");
    IS(SP(p, "/secret/open", "n0|r15"), "OK|");
    IS(WATCH(g, "/secret/sub", "s"), "OK|");
    IS(event(g), "/secret/sub|s|");
    IS(WATCH(g, "/secret/open", "o"), "OK|");
    IS(event(g), "/secret/open|o|");
    IS(RM(p, "/secret"), "OK|");
    IS(event(g), "/secret/open|o|");
    IS(no_event(g), "(none)");
    IS(call(g, XS_RESET_WATCHES, 0, "|"), "OK|");
    /* specials only by permission */
    IS(WATCH(g, "@releaseDomain", "r"), "OK|");
    IS(event(g), "@releaseDomain|r|");
}

static void watch_basics(struct peer *p, struct peer *q)
{
    IS(WATCH(p, "/w", "tok"), "OK|"); /* needs not be there */
    IS(event(p), "/w|tok|");
    IS(WATCH(p, "/w", "tok"), "!EEXIST");
    IS(WATCH(q, "/w", "tok"), "OK|");
    IS(event(q), "/w|tok|");
    IS(WATCH(p, "//", "tok"), "!EINVAL");
    IS(callf(p, XS_UNWATCH, 0, "/w|other|"), "!ENOENT");
    IS(callf(p, XS_UNWATCH, 0, "/other|tok|"), "!ENOENT");
    IS(WR(p, "/w", "1"), "OK|");
    IS(event(p), "/w|tok|");
    IS(event(q), "/w|tok|");
    IS(WR(q, "/w/a/b", "1"), "OK|"); /* one event for what was asked, none for the parents it brought */
    IS(event(p), "/w/a/b|tok|");
    IS(no_event(p), "(none)");
    IS(MK(p, "/w/a"), "OK|"); /* nothing changes */
    IS(no_event(p), "(none)");
    IS(SP(p, "/w/a", "r0"), "OK|");
    IS(event(p), "/w/a|tok|");
    IS(WR(p, "/ww", "1"), "OK|"); /* a name that only begins alike */
    IS(RM(p, "/ww"), "OK|");
    IS(no_event(p), "(none)");
    IS(RD(p, "/w/a"), "");
    IS(no_event(p), "(none)");
}

/* Below a removed parent. */
static void watch_below(struct peer *p)
{
    IS(WATCH(p, "/w/a/b", "below"), "OK|");
    IS(event(p), "/w/a/b|below|");
    IS(WATCH(p, "/w/a/none", "absent"), "OK|");
    IS(event(p), "/w/a/none|absent|");
    IS(RM(p, "/w/a"), "OK|");
    {
        const char *a = event(p), *b = event(p);

        CHECK((!strcmp(a, "/w/a|tok|") && !strcmp(b, "/w/a/b|below|")) ||
              (!strcmp(b, "/w/a|tok|") && !strcmp(a, "/w/a/b|below|")));
    }
    IS(no_event(p), "(none)"); /* what was not there did not go */
    IS(callf(p, XS_UNWATCH, 0, "/w/a/b|below|"), "OK|");
}

/* Transactions tell at the end, once for a node. */
static void watch_txns(struct peer *p, struct peer *q)
{
    uint32_t t;

    IS(call(q, XS_RESET_WATCHES, 0, "|"), "OK|");
    while (strcmp(no_event(q), "(none)"))
        ;
    t = txn(p);
    callf(p, XS_WRITE, t, "/w/1|a");
    callf(p, XS_WRITE, t, "/w/1|b");
    callf(p, XS_SET_PERMS, t, "/w/1|r0|");
    callf(p, XS_WRITE, t, "/w/2|b");
    IS(no_event(p), "(none)");
    IS(end(p, t, true), "OK|");
    IS(event(p), "/w/1|tok|");
    IS(event(p), "/w/2|tok|");
    IS(no_event(p), "(none)");
    t = txn(p);
    callf(p, XS_WRITE, t, "/w/3|b");
    IS(end(p, t, false), "OK|");
    IS(no_event(p), "(none)");
    IS(WATCH(p, "/", "root"), "OK|");
    IS(event(p), "/|root|");
    IS(WR(p, "/elsewhere/x", "1"), "OK|");
    IS(event(p), "/elsewhere/x|root|");
    IS(RM(p, "/elsewhere"), "OK|");
    IS(event(p), "/elsewhere|root|");
    IS(call(p, XS_RESET_WATCHES, 0, "|"), "OK|");
}

void test_watches(void)
{
    struct peer *p = peer_socket(), *q = peer_socket(), *g = peer_domain(15);

    watch_basics(p, q);
    watch_below(p);
    watch_txns(p, q);
    depth_and_relatives(p, g);
    permitted(p, g);
    IS(RM(p, "/w"), "OK|");
    peer_close(g);
    peer_close(q);
    peer_close(p);
}

/* dom0's client, and guests that come and go. */
struct cast {
    struct peer *p, *g, *h;
};

static void introduced(struct cast *c)
{
    IS(WATCH(c->p, "@introduceDomain", "i"), "OK|");
    IS(event(c->p), "@introduceDomain|i|");
    IS(WATCH(c->p, "@releaseDomain", "r"), "OK|");
    IS(event(c->p), "@releaseDomain|r|");
    IS(callf(c->p, XS_WATCH, 0, "@releaseDomain|r1|1|"), "OK|");
    IS(event(c->p), "@releaseDomain|r1|");
    IS(WATCH(c->p, "@releaseDomain/21", "r21"), "OK|");
    IS(event(c->p), "@releaseDomain/21|r21|");
    IS(call(c->p, XS_INTRODUCE, 0, "0|1|1|"), "!EINVAL");
    IS(call(c->p, XS_INTRODUCE, 0, "x|1|1|"), "!EINVAL");
    IS(call(c->p, XS_INTRODUCE, 0, "32752|1|1|"), "!EINVAL");
    IS(call(c->p, XS_INTRODUCE, 0, "20|1|0|"), "!EINVAL");
    IS(call(c->p, XS_INTRODUCE, 0, "20|1|1|"), "!ENOENT"); /* no such domain */
    c->g = peer_domain(20);
    IS(event(c->p), "@introduceDomain|i|");
    IS(call(c->p, XS_IS_DOMAIN_INTRODUCED, 0, "20|"), "T|");
    IS(call(c->g, XS_IS_DOMAIN_INTRODUCED, 0, "20|"), "T|");
    c->h = peer_domain(21);
    IS(event(c->p), "@introduceDomain|i|");
    rig_domain(22, false, false, 22);
    IS(call(c->p, XS_INTRODUCE, 0, "22|1|5000|"), "!EINVAL"); /* its port cannot be bound */
    IS(call(c->p, XS_IS_DOMAIN_INTRODUCED, 0, "22|"), "F|");
    rig_domain_gone(22);
    /* an alarm without news */
    rig_alarm();
    usleep(50000);
    IS(no_event(c->p), "(none)");
}

/* Shutdown is told once, until RESUME. */
static void shut_down(struct cast *c)
{
    rig_domain(20, false, true, 1020);
    rig_alarm();
    IS(event(c->p), "@releaseDomain/20|r1|");
    IS(event(c->p), "@releaseDomain|r|");
    rig_alarm();
    usleep(50000);
    IS(no_event(c->p), "(none)");
    IS(RD(c->g, "/local/domain/20"), ""); /* still served */
    IS(call(c->p, XS_RESUME, 0, "20|"), "OK|");
    IS(call(c->p, XS_RESUME, 0, "77|"), "!ENOENT");
    rig_alarm();
    IS(event(c->p), "@releaseDomain/20|r1|");
    IS(event(c->p), "@releaseDomain|r|");
}

/* Death takes all with it. */
static void dead(struct cast *c)
{
    IS(WR(c->p, "/acl", "1"), "OK|");
    IS(SP(c->p, "/acl", "n0|r20|r21"), "OK|");
    IS(WR(c->g, "mine", "1"), "OK|");
    IS(WATCH(c->g, "mine", "m"), "OK|");
    txn(c->g);
    CHECK(strstr(call(c->p, XS_CONTROL, 0, "quota|20|"), "nodes: 2"));
    rig_domain(20, true, true, 1020);
    rig_alarm();
    IS(event(c->p), "@releaseDomain/20|r1|");
    IS(event(c->p), "@releaseDomain|r|");
    IS(call(c->p, XS_IS_DOMAIN_INTRODUCED, 0, "20|"), "F|");
    IS(GP(c->p, "/local/domain/20/mine"), "n0|");
    IS(GP(c->p, "/acl"), "n0|r21|");
    IS(GP(c->p, "/local/domain/20"), "n0|");
    CHECK(strstr(call(c->p, XS_CONTROL, 0, "quota|20|"), "nodes: 0"));
    IS(call(c->p, XS_CONTROL, 0, "check|"), "OK|");
    peer_close(c->g);
}

/* The next with its id inherits nothing. */
static void replaced(struct cast *c)
{
    rig_domain_gone(20);
    rig_alarm();
    usleep(20000);
    rig_domain(20, false, false, 2020);
    IS(call(c->p, XS_INTRODUCE, 0, "20|1|1|"), "OK|");
    IS(event(c->p), "@introduceDomain|i|");
    c->g = peer_ring(20);
    IS(RD(c->g, "mine"), "!EACCES");
    IS(RD(c->g, "/acl"), "!EACCES");
    IS(call(c->p, XS_SET_PERMS, 0, "/acl|n0|r20|"), "OK|");
    IS(RD(c->g, "/acl"), "1");
    /* a domain that died and was replaced between two looks */
    rig_domain(21, false, false, 4444);
    rig_alarm();
    {
        const char *e[3] = {event(c->p), event(c->p), event(c->p)};

        CHECK(strstr(e[0], "@releaseDomain") && strstr(e[1], "@releaseDomain") &&
              strstr(e[2], "@releaseDomain/21|r21|"));
    }
    IS(call(c->p, XS_IS_DOMAIN_INTRODUCED, 0, "21|"), "F|");
}

/* Rights over a domain end with it. */
static void rights_end(struct cast *c)
{
    peer_close(c->h);
    c->h = peer_domain(23);
    IS(event(c->p), "@introduceDomain|i|");
    IS(call(c->p, XS_SET_TARGET, 0, "20|23|"), "OK|");
    IS(RD(c->g, "/local/domain/23"), "");
    rig_domain(23, true, false, 1023);
    rig_alarm();
    IS(event(c->p), "@releaseDomain/23|r1|");
    IS(event(c->p), "@releaseDomain|r|");
    rig_domain(23, false, false, 7777);
    IS(SP(c->p, "/local/domain/23", "n23"), "OK|");
    IS(call(c->p, XS_INTRODUCE, 0, "23|1|1|"), "OK|");
    IS(event(c->p), "@introduceDomain|i|");
    IS(RD(c->g, "/local/domain/23"), "!EACCES");
}

/* RELEASE by hand. */
static void released(struct cast *c)
{
    IS(call(c->p, XS_RELEASE, 0, "20|"), "OK|");
    IS(event(c->p), "@releaseDomain/20|r1|");
    IS(event(c->p), "@releaseDomain|r|");
    IS(call(c->p, XS_RELEASE, 0, "20|"), "!ENOENT");
    IS(call(c->p, XS_RELEASE, 0, "0|"), "!EINVAL");
    CHECK(peer_send(c->g, XS_READ, 0, "/acl", 5));
    {
        struct message m;

        CHECK(!peer_next(c->g, &m, 100));
    }
}

/* Introduced again: an empty ring, no old watches. */
static void introduced_again(struct cast *c)
{
    IS(call(c->p, XS_INTRODUCE, 0, "20|1|1|"), "OK|");
    IS(event(c->p), "@introduceDomain|i|");
    IS(call(c->p, XS_INTRODUCE, 0, "20|7|2|"), "OK|");
    IS(event(c->p), "@introduceDomain|i|");
    CHECK(c->g->page->req_prod == 0 && c->g->page->rsp_prod == 0 && c->g->page->req_cons == 0);
    IS(RD(c->g, "/acl"), "1");
    CHECK(c->g->page->server_features == 3);
    IS(RM(c->p, "/acl"), "OK|");
}

void test_domains(void)
{
    struct cast c = {.p = peer_socket()};

    introduced(&c);
    shut_down(&c);
    dead(&c);
    replaced(&c);
    rights_end(&c);
    released(&c);
    introduced_again(&c);
    rig_domain_gone(20);
    rig_domain_gone(21);
    rig_domain_gone(23);
    rig_alarm();
    CHECK(strstr(event(c.p), "@releaseDomain"));
    peer_close(c.g);
    peer_close(c.h);
    peer_close(c.p);
}
