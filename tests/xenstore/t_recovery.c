// SPDX-License-Identifier: MIT
/*
 * What outlives the daemon: the tree, rings with half a request or half an answer in them, watches, targets, quotas,
 * transactions that can only be done again, domains that ended meanwhile; a log that could not be written for a while,
 * that ends in a torn record or is damaged, and the sums by which that is seen.
 */
#include "rig.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

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

/* What cannot be read is not what is not there: it does not start, and nothing is lost. */
static void unreadable_folder(void)
{
    struct peer *p = peer_socket();

    IS(WR(p, "/tool/folder", "1"), "OK|");
    peer_close(p);
    CHECK(rig_stop() == 0);
    setenv("XENSTORED_FOLDER_FAILS", "1", 1);
    rig_start(false);
    unsetenv("XENSTORED_FOLDER_FAILS");
    CHECK(rig_is_dead(30000) && strstr(rig_log(), "cannot be read: Input/output error"));
    rig_start(false);
    p = peer_socket();
    IS(RD(p, "/tool/folder"), "1");
    peer_close(p);
}

/* Told to end meanwhile it ends, and what nobody was told of has not been. */
static void ends_while_full(struct peer *p)
{
    struct rlimit none = {1, RLIM_INFINITY};
    struct message m;
    int status = 0;
    pid_t ended = 0;

    CHECK(!prlimit(daemon_pid, RLIMIT_FSIZE, &none, NULL));
    CHECK(peer_send(p, XS_WRITE, 0, "/tool/full\0lost", 15));
    CHECK(!peer_next(p, &m, 200));
    kill(daemon_pid, SIGTERM);
    for (int i = 0; i < 6000 && !ended; i++, usleep(5000)) /* sanitizers look for leaks meanwhile */
        ended = waitpid(daemon_pid, &status, WNOHANG);
    CHECK(ended == daemon_pid && status == 0);
    if (!ended)
        rig_kill();
    rig_start(false);
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

/* Each record's sum is the CRC-32 that everybody knows: another version of the daemon finds the same. */
static uint32_t crc_of(const unsigned char *data, size_t length)
{
    uint32_t crc = ~0u;

    while (length--) {
        crc ^= *data++;
        for (int k = 0; k < 8; k++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
    }
    return ~crc;
}

static unsigned records_of(const char *name)
{
    static unsigned char data[1 << 20];
    int fd = open(rig_path(name), O_RDONLY);
    ssize_t size = read(fd, data, sizeof(data));
    unsigned count = 0;
    uint32_t h[2]; /* length, sum */

    close(fd);
    for (ssize_t at = 0; at + 8 <= size; at += 8 + h[0], count++) {
        memcpy(h, data + at, 8);
        CHECK(h[0] <= (size_t)(size - at - 8) && crc_of(data + at + 8, h[0]) == h[1]);
        if (h[0] > (size_t)(size - at - 8))
            break;
    }
    return count;
}

static void sums(struct peer *p)
{
    DIR *d = opendir(run_dir);
    struct dirent *e;
    unsigned logs = 0, bases = 0;

    for (unsigned i = 0; i < 16; i++) /* whatever is left over of the sum's steps */
        IS(callf(p, XS_WRITE, 0, "/tool/sum|%.*s", (int)i, "0123456789abcdef"), "OK|");
    while ((e = readdir(d)))
        if (!strncmp(e->d_name, "log.", 4))
            logs += records_of(e->d_name);
        else if (!strncmp(e->d_name, "base.", 5))
            bases += records_of(e->d_name);
    closedir(d);
    CHECK(logs >= 16 && bases >= 1);
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
    ends_while_full(c->p);
    peer_close(c->p);
    c->p = peer_socket();
    IS(RD(c->p, "/tool/full"), "last");
    IS(RD(c->g, "full"), "guest");
    sums(c->p);
}

/* Broken stays broken over a restart, and reconnects. */
static void broken_ring_stays(struct cast *c)
{
    c->g->page->req_prod = c->g->page->req_cons + 2000;
    peer_kick(c->g);
    for (int i = 0; i < 200 && !c->g->page->error; i++)
        usleep(5000);
    CHECK(c->g->page->error == XENSTORE_ERROR_RINGIDX);
    rig_kill();
    rig_start(false);
    CHECK(c->g->page->error != XENSTORE_ERROR_NONE);
    peer_reconnect(c->g);
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
    unreadable_folder();
    spoilt_log(&c);
    peer_close(c.p);
    peer_close(c.g);
    peer_close(c.h);
    peer_close(c.z);
}
