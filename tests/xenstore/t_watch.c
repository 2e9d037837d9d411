// SPDX-License-Identifier: MIT
/* Watches, domains and quotas, as dom0 and as guests see them. */
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

void test_watches(void)
{
    struct peer *p = peer_socket(), *q = peer_socket(), *g = peer_domain(15);
    uint32_t t;

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
    /* below a removed parent */
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
    /* transactions tell at the end, once for a node */
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
    depth_and_relatives(p, g);
    permitted(p, g);
    IS(RM(p, "/w"), "OK|");
    peer_close(g);
    peer_close(q);
    peer_close(p);
}

void test_domains(void)
{
    struct peer *p = peer_socket(), *g, *h;

    IS(WATCH(p, "@introduceDomain", "i"), "OK|");
    IS(event(p), "@introduceDomain|i|");
    IS(WATCH(p, "@releaseDomain", "r"), "OK|");
    IS(event(p), "@releaseDomain|r|");
    IS(callf(p, XS_WATCH, 0, "@releaseDomain|r1|1|"), "OK|");
    IS(event(p), "@releaseDomain|r1|");
    IS(WATCH(p, "@releaseDomain/21", "r21"), "OK|");
    IS(event(p), "@releaseDomain/21|r21|");
    IS(call(p, XS_INTRODUCE, 0, "0|1|1|"), "!EINVAL");
    IS(call(p, XS_INTRODUCE, 0, "x|1|1|"), "!EINVAL");
    IS(call(p, XS_INTRODUCE, 0, "32752|1|1|"), "!EINVAL");
    IS(call(p, XS_INTRODUCE, 0, "20|1|0|"), "!EINVAL");
    IS(call(p, XS_INTRODUCE, 0, "20|1|1|"), "!ENOENT"); /* no such domain */
    g = peer_domain(20);
    IS(event(p), "@introduceDomain|i|");
    IS(call(p, XS_IS_DOMAIN_INTRODUCED, 0, "20|"), "T|");
    IS(call(g, XS_IS_DOMAIN_INTRODUCED, 0, "20|"), "T|");
    h = peer_domain(21);
    IS(event(p), "@introduceDomain|i|");
    rig_domain(22, false, false, 22);
    IS(call(p, XS_INTRODUCE, 0, "22|1|5000|"), "!EINVAL"); /* its port cannot be bound */
    IS(call(p, XS_IS_DOMAIN_INTRODUCED, 0, "22|"), "F|");
    rig_domain_gone(22);
    /* an alarm without news */
    rig_alarm();
    usleep(50000);
    IS(no_event(p), "(none)");
    /* shutdown is told once, until RESUME */
    rig_domain(20, false, true, 1020);
    rig_alarm();
    IS(event(p), "@releaseDomain/20|r1|");
    IS(event(p), "@releaseDomain|r|");
    rig_alarm();
    usleep(50000);
    IS(no_event(p), "(none)");
    IS(RD(g, "/local/domain/20"), ""); /* still served */
    IS(call(p, XS_RESUME, 0, "20|"), "OK|");
    IS(call(p, XS_RESUME, 0, "77|"), "!ENOENT");
    rig_alarm();
    IS(event(p), "@releaseDomain/20|r1|");
    IS(event(p), "@releaseDomain|r|");
    /* death takes all with it */
    IS(WR(p, "/acl", "1"), "OK|");
    IS(SP(p, "/acl", "n0|r20|r21"), "OK|");
    IS(WR(g, "mine", "1"), "OK|");
    IS(WATCH(g, "mine", "m"), "OK|");
    txn(g);
    CHECK(strstr(call(p, XS_CONTROL, 0, "quota|20|"), "nodes: 2"));
    rig_domain(20, true, true, 1020);
    rig_alarm();
    IS(event(p), "@releaseDomain/20|r1|");
    IS(event(p), "@releaseDomain|r|");
    IS(call(p, XS_IS_DOMAIN_INTRODUCED, 0, "20|"), "F|");
    IS(GP(p, "/local/domain/20/mine"), "n0|");
    IS(GP(p, "/acl"), "n0|r21|");
    IS(GP(p, "/local/domain/20"), "n0|");
    CHECK(strstr(call(p, XS_CONTROL, 0, "quota|20|"), "nodes: 0"));
    IS(call(p, XS_CONTROL, 0, "check|"), "OK|");
    peer_close(g);
    /* the next with its id inherits nothing */
    rig_domain_gone(20);
    rig_alarm();
    usleep(20000);
    rig_domain(20, false, false, 2020);
    IS(call(p, XS_INTRODUCE, 0, "20|1|1|"), "OK|");
    IS(event(p), "@introduceDomain|i|");
    g = peer_ring(20);
    IS(RD(g, "mine"), "!EACCES");
    IS(RD(g, "/acl"), "!EACCES");
    IS(call(p, XS_SET_PERMS, 0, "/acl|n0|r20|"), "OK|");
    IS(RD(g, "/acl"), "1");
    /* a domain that died and was replaced between two looks */
    rig_domain(21, false, false, 4444);
    rig_alarm();
    {
        const char *e[3] = {event(p), event(p), event(p)};

        CHECK(strstr(e[0], "@releaseDomain") && strstr(e[1], "@releaseDomain") &&
              strstr(e[2], "@releaseDomain/21|r21|"));
    }
    IS(call(p, XS_IS_DOMAIN_INTRODUCED, 0, "21|"), "F|");
    /* rights over a domain end with it */
    peer_close(h);
    h = peer_domain(23);
    IS(event(p), "@introduceDomain|i|");
    IS(call(p, XS_SET_TARGET, 0, "20|23|"), "OK|");
    IS(RD(g, "/local/domain/23"), "");
    rig_domain(23, true, false, 1023);
    rig_alarm();
    IS(event(p), "@releaseDomain/23|r1|");
    IS(event(p), "@releaseDomain|r|");
    rig_domain(23, false, false, 7777);
    IS(SP(p, "/local/domain/23", "n23"), "OK|");
    IS(call(p, XS_INTRODUCE, 0, "23|1|1|"), "OK|");
    IS(event(p), "@introduceDomain|i|");
    IS(RD(g, "/local/domain/23"), "!EACCES");
    /* RELEASE by hand */
    IS(call(p, XS_RELEASE, 0, "20|"), "OK|");
    IS(event(p), "@releaseDomain/20|r1|");
    IS(event(p), "@releaseDomain|r|");
    IS(call(p, XS_RELEASE, 0, "20|"), "!ENOENT");
    IS(call(p, XS_RELEASE, 0, "0|"), "!EINVAL");
    CHECK(peer_send(g, XS_READ, 0, "/acl", 5));
    {
        struct message m;

        CHECK(!peer_next(g, &m, 100));
    }
    /* introduced again: an empty ring, no old watches */
    IS(call(p, XS_INTRODUCE, 0, "20|1|1|"), "OK|");
    IS(event(p), "@introduceDomain|i|");
    IS(call(p, XS_INTRODUCE, 0, "20|7|2|"), "OK|");
    IS(event(p), "@introduceDomain|i|");
    CHECK(g->page->req_prod == 0 && g->page->rsp_prod == 0 && g->page->req_cons == 0);
    IS(RD(g, "/acl"), "1");
    CHECK(g->page->server_features == 3);
    IS(RM(p, "/acl"), "OK|");
    rig_domain_gone(20);
    rig_domain_gone(21);
    rig_domain_gone(23);
    rig_alarm();
    CHECK(strstr(event(p), "@releaseDomain"));
    peer_close(g);
    peer_close(h);
    peer_close(p);
}

void test_quotas(void)
{
    struct peer *p = peer_socket(), *g = peer_domain(30), *h = peer_domain(31);
    char big[3000];
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
    /* a node's size */
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
    /* watches */
    for (i = 0; i < 600; i++) {
        last = callf(g, XS_WATCH, 0, "w%u|t|", i);
        if (last[0] == '!')
            break;
        event(g);
    }
    IS(last, "!E2BIG");
    CHECK(i == 512);
    CHECK(strstr(rig_log(), "domain 30: "));
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
    /* transactions */
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
    /* permissions */
    snprintf(big, sizeof(big), "p|n30|");
    for (i = 0; i < 15; i++)
        strcat(big, "r31|");
    IS(MK(g, "p"), "OK|");
    IS(call(g, XS_SET_PERMS, 0, big), "OK|");
    strcat(big, "r31|");
    IS(call(g, XS_SET_PERMS, 0, big), "!ENOSPC");
    IS(call(p, XS_CONTROL, 0, "check|"), "OK|");
    rig_domain_gone(30);
    rig_domain_gone(31);
    rig_alarm();
    peer_close(g);
    peer_close(h);
    peer_close(p);
}
