// SPDX-License-Identifier: MIT
/* The tree as a client sees it: forms of requests, paths, values, lists, permissions. */
#include "rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void forms(struct peer *p)
{
    IS(call(p, XS_READ, 0, "/"), "!EINVAL"); /* no NUL */
    IS(call(p, XS_READ, 0, ""), "!EINVAL");
    IS(call(p, XS_READ, 0, "/|x"), "!EINVAL");
    IS(call(p, XS_READ, 0, "/|/|"), "!EINVAL");
    IS(call(p, XS_READ, 0, "|"), "!EINVAL");
    IS(call(p, XS_READ, 0, "/|"), "");
    IS(call(p, XS_WRITE, 0, "/x"), "!EINVAL");
    IS(call(p, XS_MKDIR, 0, "/x|y|"), "!EINVAL");
    IS(call(p, XS_RM, 0, ""), "!EINVAL");
    IS(call(p, XS_DIRECTORY, 0, "/"), "!EINVAL");
    IS(call(p, XS_GET_PERMS, 0, "/"), "!EINVAL");
    IS(call(p, XS_SET_PERMS, 0, "/tool|"), "!EINVAL");
    IS(call(p, XS_SET_PERMS, 0, "/tool|n0"), "!EINVAL");
    IS(call(p, XS_WATCH, 0, "/x|"), "!EINVAL");
    IS(call(p, XS_WATCH, 0, "/x|t"), "!EINVAL");
    IS(call(p, XS_UNWATCH, 0, "/x|"), "!EINVAL");
    IS(call(p, XS_TRANSACTION_END, 0, "T|"), "!ENOENT");
    IS(call(p, XS_INTRODUCE, 0, "1|2|"), "!EINVAL");
    IS(call(p, XS_DIRECTORY_PART, 0, "/|"), "!EINVAL");
    IS(call(p, XS_DIRECTORY_PART, 0, "/|x|"), "!EINVAL");
    IS(call(p, XS_DIRECTORY_PART, 0, "/|-1|"), "!EINVAL");
    IS(call(p, XS_CONTROL, 0, ""), "!EINVAL");
}

static void types_and_ids(struct peer *p)
{
    IS(call(p, XS_ERROR, 0, "EINVAL|"), "!ENOSYS");
    IS(call(p, XS_WATCH_EVENT, 0, "/|t|"), "!ENOSYS");
    IS(call(p, XS_SET_TARGET + 1, 0, "1|"), "!ENOSYS"); /* RESTRICT of old */
    IS(call(p, XS_TYPE_COUNT, 0, "/|"), "!ENOSYS");
    IS(call(p, XS_INVALID, 0, "/|"), "!ENOSYS");
    IS(call(p, 0xffffffffu, 0, "/|"), "!ENOSYS");
    /* transaction ids */
    IS(call(p, XS_READ, 77, "/|"), "!ENOENT");
    IS(call(p, XS_WRITE, 77, "/x|y"), "!ENOENT");
    IS(call(p, XS_TRANSACTION_END, 77, "T|"), "!ENOENT");
    IS(call(p, XS_TRANSACTION_START, 77, "|"), "!EBUSY");
    IS(call(p, XS_GET_DOMAIN_PATH, 77, "3|"), "/local/domain/3|");
    IS(call(p, XS_WATCH, 77, "/wired|t|"), "OK|"); /* its tx_id is ignored */
    IS(event(p), "/wired|t|");
    IS(call(p, XS_UNWATCH, 0, "/wired|t|"), "OK|");
}

#define NAME_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_@"
static void paths(struct peer *p)
{
    char big[5000];

    IS(RD(p, "/nope"), "!ENOENT");
    IS(RD(p, "//"), "!EINVAL");
    IS(RD(p, "/tool/"), "!EINVAL");
    IS(RD(p, "/tool//xenstored"), "!EINVAL");
    IS(RD(p, "/a b"), "!EINVAL");
    IS(RD(p, "/a.b"), "!EINVAL");
    IS(RD(p, "/a\x80"), "!EINVAL");
    IS(WR(p, "/A-b_c@9", "v"), "OK|");
    IS(RD(p, "/A-b_c@9"), "v");
    IS(RM(p, "/A-b_c@9"), "OK|");
    IS(RD(p, "name"), "Domain-0"); /* relative: dom0's own */
    IS(RD(p, "@introduceDomain"), "!EINVAL");
    for (unsigned c = 1; c < 256; c++)
        IS(callf(p, XS_READ, 0, "/x%c|", (int)c), strchr(NAME_CHARS, (int)c) ? "!ENOENT" : "!EINVAL");
    memset(big, 'a', sizeof(big));
    big[0] = '/';
    big[3072] = 0;
    IS(WR(p, big, "1"), "OK|"); /* the longest path */
    IS(RD(p, big), "1");
    IS(RM(p, big), "OK|");
    big[3072] = 'a';
    big[3073] = 0;
    IS(WR(p, big, "1"), "!EINVAL");
    big[0] = 'a';
    big[2049] = 0;
    IS(RD(p, big), "!EINVAL"); /* relative ones are shorter */
    big[2048] = 0;
    IS(RD(p, big), "!ENOENT");
}

static void values(struct peer *p)
{
    char big[5000];

    IS(WR(p, "/v", ""), "OK|");
    IS(RD(p, "/v"), "");
    IS(call(p, XS_WRITE, 0, "/v|a|b|"), "OK|"); /* NULs inside are data */
    IS(RD(p, "/v"), "a|b|");
    memset(big, 'x', sizeof(big));
    big[4096 - 3] = 0;
    IS(WR(p, "/v", big), "OK|"); /* a full payload */
    CHECK(strlen(RD(p, "/v")) == 4093);
    IS(RM(p, "/v"), "OK|");
}

static void control(struct peer *p)
{
    CHECK(strstr(call(p, XS_CONTROL, 0, "help|"), "quota"));
    CHECK(strstr(call(p, XS_CONTROL, 0, "version|"), "xenstored"));
    IS(call(p, XS_CONTROL, 0, "nonsense|"), "!ENOSYS");
    IS(call(p, XS_CONTROL, 0, "log|"), "off|");
    IS(call(p, XS_CONTROL, 0, "log|on|"), "OK|");
    IS(RD(p, "/traced"), "!ENOENT");
    IS(call(p, XS_CONTROL, 0, "log|off|"), "OK|");
    CHECK(strstr(rig_log(), "READ tx 0 /traced : ENOENT"));
    IS(call(p, XS_CONTROL, 0, "log|maybe|"), "!EINVAL");
    IS(call(p, XS_CONTROL, 0, "print|hello there|"), "OK|");
    CHECK(strstr(rig_log(), "hello there"));
    CHECK(strstr(call(p, XS_CONTROL, 0, "quota|"), "watches"));
    CHECK(strstr(call(p, XS_CONTROL, 0, "quota|7|"), "not introduced"));
    IS(call(p, XS_CONTROL, 0, "quota|set|nothing|5|"), "!EINVAL");
    IS(call(p, XS_CONTROL, 0, "quota|set|nodes|x|"), "!EINVAL");
    CHECK(strstr(call(p, XS_CONTROL, 0, "memreport|"), "nodes: "));
    IS(call(p, XS_CONTROL, 0, "check|"), "OK|");
}

/* Domains, as far as a path goes. */
static void domain_paths(struct peer *p)
{
    IS(call(p, XS_GET_DOMAIN_PATH, 0, "0|"), "/local/domain/0|");
    IS(call(p, XS_GET_DOMAIN_PATH, 0, "007|"), "/local/domain/7|");
    IS(call(p, XS_GET_DOMAIN_PATH, 0, "x|"), "!EINVAL");
    IS(call(p, XS_GET_DOMAIN_PATH, 0, "65536|"), "!EINVAL");
    IS(call(p, XS_IS_DOMAIN_INTRODUCED, 0, "0|"), "T|");
    IS(call(p, XS_IS_DOMAIN_INTRODUCED, 0, "999|"), "F|");
}

void test_wire(void)
{
    struct peer *p = peer_socket();

    forms(p);
    types_and_ids(p);
    paths(p);
    values(p);
    control(p);
    domain_paths(p);
    peer_close(p);
}

static void lists(struct peer *p)
{
    char path[40], offset[20];
    unsigned found = 0;
    size_t at = 0;
    const char *part;
    char first_generation[40];

    for (unsigned i = 0; i < 1500; i++) {
        snprintf(path, sizeof(path), "/many/n%04u", (i * 7919u) % 1500);
        call(p, XS_MKDIR, 0, "/many|");
        if (callf(p, XS_WRITE, 0, "%s|%u", path, i)[0] == '!')
            failed++;
    }
    IS(LS(p, "/many"), "!E2BIG");
    for (;;) {
        snprintf(offset, sizeof(offset), "%zu", at);
        part = callf(p, XS_DIRECTORY_PART, 0, "/many|%s|", offset);
        if (part[0] == '!')
            break;
        if (!at)
            snprintf(first_generation, sizeof(first_generation), "%.*s", (int)strcspn(part, "|"), part);
        CHECK(!strncmp(part, first_generation, strlen(first_generation)));
        part += strcspn(part, "|") + 1;
        if (!*part || *part == '|')
            break;
        for (; *part && *part != '|'; part += 6, at += 6, found++) {
            snprintf(path, sizeof(path), "n%04u|", found);
            if (strncmp(part, path, 6))
                failed++;
        }
        if (*part == '|')
            break;
    }
    check(found == 1500, __FILE__, __LINE__, "all names come in parts, in order", "");
    /* the generation is the list's: values do not move it, children do */
    part = call(p, XS_DIRECTORY_PART, 0, "/many|0|");
    CHECK(!strncmp(part, first_generation, strlen(first_generation)));
    WR(p, "/many/n0001", "other");
    part = call(p, XS_DIRECTORY_PART, 0, "/many|0|");
    CHECK(!strncmp(part, first_generation, strlen(first_generation)));
    RM(p, "/many/n0001");
    part = call(p, XS_DIRECTORY_PART, 0, "/many|0|");
    CHECK(strncmp(part, first_generation, strlen(first_generation)));
    IS(call(p, XS_DIRECTORY_PART, 0, "/many|99999999|") + strlen(first_generation), "||");
    IS(call(p, XS_DIRECTORY_PART, 0, "/nope|0|"), "!ENOENT");
    for (unsigned i = 0; i < 1500; i++) {
        snprintf(path, sizeof(path), "/many/n%04u", i);
        if (i % 4)
            IS(RM(p, path), "OK|");
    }
    CHECK(strlen(LS(p, "/many")) == 375 * 6);
    IS(RM(p, "/many"), "OK|");
    IS(LS(p, "/many"), "!ENOENT");
}

void test_tree(void)
{
    struct peer *p = peer_socket();
    char deep[3000] = "";

    IS(LS(p, "/"), "local|tool|");
    IS(RD(p, "/local/domain/0/name"), "Domain-0");
    IS(WR(p, "/a/b/c", "1"), "OK|"); /* parents come by themselves */
    IS(RD(p, "/a"), "");
    IS(RD(p, "/a/b"), "");
    IS(RD(p, "/a/b/c"), "1");
    IS(LS(p, "/a"), "b|");
    IS(LS(p, "/a/b/c"), "");
    IS(WR(p, "/a/b", "2"), "OK|"); /* values and children go together */
    IS(RD(p, "/a/b"), "2");
    IS(RD(p, "/a/b/c"), "1");
    IS(MK(p, "/a/b"), "OK|"); /* what is there stays */
    IS(RD(p, "/a/b"), "2");
    IS(MK(p, "/a/d/e/f"), "OK|");
    IS(RD(p, "/a/d/e/f"), "");
    IS(MK(p, "/"), "OK|");
    IS(WR(p, "/", "root"), "OK|");
    IS(RD(p, "/"), "root");
    IS(WR(p, "/", ""), "OK|");
    IS(RM(p, "/"), "!EINVAL");
    IS(RM(p, "/a/x"), "OK|"); /* absent, but its parent is there */
    IS(RM(p, "/a/x/y"), "!ENOENT");
    IS(RM(p, "/a/b"), "OK|");
    IS(RD(p, "/a/b/c"), "!ENOENT");
    IS(LS(p, "/a"), "d|");
    IS(WR(p, "/a/b", "again"), "OK|");
    IS(LS(p, "/a/b"), "");
    IS(LS(p, "/a"), "b|d|");
    /* names that are prefixes of each other; order by bytes */
    IS(WR(p, "/o/ab", ""), "OK|");
    IS(WR(p, "/o/a", ""), "OK|");
    IS(WR(p, "/o/abc", ""), "OK|");
    IS(WR(p, "/o/B", ""), "OK|");
    IS(WR(p, "/o/10", ""), "OK|");
    IS(WR(p, "/o/9", ""), "OK|");
    IS(LS(p, "/o"), "10|9|B|a|ab|abc|");
    IS(RM(p, "/o/ab"), "OK|");
    IS(LS(p, "/o"), "10|9|B|a|abc|");
    IS(RM(p, "/o"), "OK|");
    /* deep */
    for (unsigned i = 0; i < 1000; i++)
        strcat(deep, "/d");
    IS(WR(p, deep, "bottom"), "OK|");
    IS(RD(p, deep), "bottom");
    IS(RM(p, "/d"), "OK|");
    IS(RD(p, deep), "!ENOENT");
    lists(p);
    IS(RM(p, "/a"), "OK|");
    IS(LS(p, "/"), "local|tool|");
    IS(call(p, XS_CONTROL, 0, "check|"), "OK|");
    peer_close(p);
}

static void perms_forms(struct peer *p, struct peer *g)
{
    IS(GP(p, "/"), "n0|");
    IS(SP(p, "/tool", "n0|r5|b6|w7"), "OK|");
    IS(GP(p, "/tool"), "n0|r5|b6|w7|");
    IS(SP(p, "/tool", "x0"), "!EINVAL");
    IS(SP(p, "/tool", "n"), "!EINVAL");
    IS(SP(p, "/tool", "n-1"), "!EINVAL");
    IS(SP(p, "/tool", "n40000"), "!EINVAL");
    IS(SP(p, "/tool", "n1x"), "!EINVAL");
    IS(SP(p, "/nope", "n0"), "!ENOENT");
    IS(GP(p, "/nope"), "!ENOENT");
    IS(SP(p, "/tool", "n0"), "OK|");
    /* default-deny, seen from a guest */
    IS(RD(g, "/"), "!EACCES");
    IS(RD(g, "/tool"), "!EACCES");
    IS(RD(g, "/nope"), "!EACCES"); /* nor whether it is there */
    IS(LS(g, "/local/domain"), "!EACCES");
    IS(GP(g, "/tool"), "!EACCES");
    IS(WR(g, "/x", "1"), "!EACCES");
    IS(MK(g, "/x"), "!EACCES");
    IS(RM(g, "/tool"), "!EACCES");
    IS(SP(g, "/tool", "n5"), "!EACCES");
}

static void perms_own(struct peer *p, struct peer *g, struct peer *h)
{
    IS(WR(g, "data", "mine"), "OK|");
    IS(RD(g, "data"), "mine");
    IS(RD(g, "/local/domain/5/data"), "mine");
    IS(RD(p, "/local/domain/5/data"), "mine");
    IS(GP(g, "data"), "n5|");
    IS(RD(g, "nope"), "!ENOENT");
    IS(RD(h, "/local/domain/5/data"), "!EACCES");
    IS(SP(g, "data", "n5|r6"), "OK|");
    IS(RD(h, "/local/domain/5/data"), "mine");
    IS(WR(h, "/local/domain/5/data", "x"), "!EACCES");
    IS(SP(g, "data", "n5|w6"), "OK|");
    IS(RD(h, "/local/domain/5/data"), "!EACCES");
    IS(WR(h, "/local/domain/5/data", "x"), "OK|");
    IS(SP(g, "data", "b5"), "OK|"); /* default for all others */
    IS(RD(h, "/local/domain/5/data"), "x");
    IS(SP(g, "data", "b5|n6"), "OK|"); /* an entry beats the default */
    IS(RD(h, "/local/domain/5/data"), "!EACCES");
    IS(SP(g, "data", "n6"), "!EPERM"); /* ownership is not given away */
    IS(SP(h, "/local/domain/5/data", "n6"), "!EACCES");
    IS(SP(p, "/local/domain/5/data", "n6"), "OK|");
    IS(SP(h, "/local/domain/5/data", "n6|r5"), "OK|");
    IS(RD(g, "data"), "x");
    IS(WR(g, "data", "y"), "!EACCES");
    IS(RM(g, "data"), "!EACCES");
}

static void perms_inherited(struct peer *p, struct peer *g, struct peer *h)
{
    IS(SP(p, "/local/domain/5", "n5|r6"), "OK|");
    IS(WR(g, "sub/leaf", "1"), "OK|");
    IS(GP(g, "sub"), "n5|r6|");
    IS(GP(p, "/local/domain/5/sub/leaf"), "n5|r6|");
    IS(RD(h, "/local/domain/5/sub/leaf"), "1");
    IS(WR(p, "/local/domain/5/sub/two", "1"), "OK|");
    IS(GP(p, "/local/domain/5/sub/two"), "n5|r6|"); /* dom0 keeps the owner */
    IS(MK(p, "/share"), "OK|");
    IS(SP(p, "/share", "n0|b5|b6"), "OK|");
    IS(WR(g, "/share/five", "1"), "OK|");
    IS(GP(g, "/share/five"), "n5|b5|b6|");
    IS(WR(h, "/share/five/six", "1"), "OK|");
    IS(GP(h, "/share/five/six"), "n6|b5|b6|");
    IS(RM(h, "/share/five"), "OK|"); /* may write it: may remove it with all below */
    IS(RD(g, "/share/five"), "!ENOENT");
    IS(RM(g, "/share/none/x"), "!ENOENT");
}

/* Requests that are dom0's. */
static void perms_of_dom0(struct peer *g)
{
    IS(call(g, XS_INTRODUCE, 0, "9|1|1|"), "!EACCES");
    IS(call(g, XS_RELEASE, 0, "6|"), "!EACCES");
    IS(call(g, XS_RESUME, 0, "6|"), "!EACCES");
    IS(call(g, XS_SET_TARGET, 0, "5|6|"), "!EACCES");
    IS(call(g, XS_CONTROL, 0, "help|"), "!EACCES");
    IS(call(g, XS_GET_PERMS, 0, "@releaseDomain|"), "!EACCES");
    IS(call(g, XS_SET_PERMS, 0, "@releaseDomain|n5|"), "!EACCES");
    IS(call(g, XS_GET_DOMAIN_PATH, 0, "6|"), "/local/domain/6|");
    IS(call(g, XS_IS_DOMAIN_INTRODUCED, 0, "6|"), "T|");
}

/* A target's rights are lent. */
static void perms_lent(struct peer *p, struct peer *g, struct peer *h)
{
    IS(RD(g, "/local/domain/6"), "!EACCES");
    IS(call(p, XS_SET_TARGET, 0, "5|6|"), "OK|");
    IS(WR(g, "/local/domain/6/by-five", "1"), "OK|");
    IS(RD(h, "by-five"), "!EACCES"); /* made by 5, owned by 5 */
    IS(GP(p, "/local/domain/6/by-five"), "n5|");
    IS(SP(g, "/local/domain/6", "n6|r5"), "OK|");
    IS(call(p, XS_SET_TARGET, 0, "5|77|"), "!ENOENT");
    IS(call(p, XS_SET_TARGET, 0, "77|5|"), "!ENOENT");
    IS(call(p, XS_SET_TARGET, 0, "5|0|"), "!EINVAL");
    /* specials */
    IS(GP(p, "@releaseDomain"), "n0|");
    IS(SP(p, "@releaseDomain", "n0|r5"), "OK|");
    IS(GP(p, "@releaseDomain"), "n0|r5|");
    IS(SP(p, "@releaseDomain", "n0"), "OK|");
    IS(RM(p, "/share"), "OK|");
}

void test_perms(void)
{
    struct peer *p = peer_socket(), *g = peer_domain(5), *h = peer_domain(6);

    perms_forms(p, g);
    perms_own(p, g, h);
    perms_inherited(p, g, h);
    perms_of_dom0(g);
    perms_lent(p, g, h);
    IS(call(p, XS_CONTROL, 0, "check|"), "OK|");
    peer_close(g);
    peer_close(h);
    peer_close(p);
}
