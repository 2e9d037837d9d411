// SPDX-License-Identifier: MIT
/*
 * Programs of dom0's that stall in the middle of a request, say too much, ask and do not read, die, or are more than
 * there are files: none of it costs the others their answers, or the daemon more than a bounded piece of memory each
 * and no time.
 */
#include "rig.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* Too long: this connection ends, others do not; nothing of the request is done, whole as it may be. */
static void too_long(struct peer *p)
{
    struct peer *q = peer_socket(), *r = peer_socket();
    static struct {
        struct xsd_sockmsg h;
        char payload[4097];
    } whole = {{XS_WRITE, 1, 0, 4097}, "/long"};

    CHECK(peer_put(q, &whole.h, 16, 1000)); /* and stalls */
    CHECK(peer_is_over(q));
    CHECK(peer_put(r, &whole, sizeof(whole), 1000));
    recv(r->fd, whole.payload, 1, 0); /* over, or reset, as it had not been read */
    CHECK(whole.payload[0] == '/');
    IS(RD(p, "/long"), "!ENOENT");
    peer_close(q);
    peer_close(r);
}

/* Half a request, and no more: it costs neither others' time nor the daemon's. */
static void stalled(struct peer *p)
{
    struct xsd_sockmsg h = {XS_READ, 900, 0, 6};
    struct peer *q[50];
    struct message m;
    uint64_t spent;
    size_t have;

    for (unsigned i = 0; i < 50; i++) {
        q[i] = peer_socket();
        have = i % 22;
        CHECK(peer_put(q[i], &h, have < 16 ? have : 16, 1000) &&
              (have < 17 || peer_put(q[i], "/tool", have - 16, 1000)));
    }
    IS(RD(p, "/tool"), "");
    spent = rig_cpu_ns();
    usleep(200000);
    CHECK(rig_cpu_ns() - spent < 5000000);
    for (unsigned i = 0; i < 50; i++) {
        if (i % 2) {
            have = i % 22;
            CHECK(have > 15 || peer_put(q[i], (char *)&h + have, 16 - have, 1000));
            have = have > 16 ? have - 16 : 0;
            CHECK(peer_put(q[i], &"/tool"[have], 6 - have, 1000));
            CHECK(peer_answer(q[i], &m, patience_ms) && m.h.req_id == 900 && m.h.type == XS_READ);
        }
        peer_close(q[i]);
    }
    IS(RD(p, "/tool"), "");
}

/* Who has no more to say, and says so, gets all its answers first; then the connection ends. */
static void leaves(struct peer *p)
{
    struct peer *q = peer_socket();

    for (unsigned i = 0; i < 200; i++)
        peer_add(q, XS_WRITE, 0, "/b/%u|%u", i, i);
    peer_go(q);
    CHECK(!shutdown(q->fd, SHUT_WR));
    for (unsigned i = 0; i < 200; i++)
        IS(peer_said(q), "OK|");
    CHECK(peer_is_over(q));
    IS(RD(p, "/b/199"), "199");
    IS(RM(p, "/b"), "OK|");
    peer_close(q);
}

/* A program dies in the middle of what it says: its requests are done up to some one of them, the one that did not come
 * whole is not, and nothing of the program stays. */
static void dies(struct peer *p)
{
    unsigned connections = rig_reported(p, "connections: "), watches = rig_reported(p, "watches: ");
    static char value[4001];

    memset(value, 'x', 4000);
    IS(WR(p, "/v", value), "OK|");
    for (unsigned round = 0; round < 10; round++) {
        struct peer *q = peer_socket();

        peer_add(q, XS_WATCH, 0, "/b|t|");
        peer_add(q, XS_TRANSACTION_START, 0, "|");
        for (unsigned i = 0; i < 100; i++) {
            peer_add(q, XS_WRITE, 0, "/b/%u/%02u|", round, i);
            if (round % 2) /* with answers that find no room */
                peer_add(q, XS_READ, 0, "/v|");
        }
        pile.used--;
        peer_go(q);
        peer_close(q);
    }
    for (unsigned i = 0; i < 1000 && rig_reported(p, "connections: ") != connections; i++)
        usleep(5000);
    CHECK(rig_reported(p, "connections: ") == connections && rig_reported(p, "watches: ") == watches);
    for (unsigned round = 0; round < 10; round++) {
        const char *list = callf(p, XS_DIRECTORY, 0, "/b/%u|", round);
        unsigned done = (unsigned)strlen(list) / 3;

        CHECK(!strcmp(list, "!ENOENT") || (done < 100 && strtoul(list + 3 * (done - 1), NULL, 10) == done - 1));
    }
    IS(call(p, XS_CONTROL, 0, "check|"), "OK|");
    RM(p, "/b");
    IS(RM(p, "/v"), "OK|");
}

/* A hundred that ask for all that fits and read nothing: each holds one pass's answers and what was read of it. */
static void deaf(struct peer *p)
{
    enum { MANY = 100 };
    static struct peer *q[MANY];
    static char value[4001];
    uint64_t spent;
    unsigned before;

    memset(value, 'x', 4000);
    IS(WR(p, "/v", value), "OK|");
    for (unsigned i = 0; i < 2000; i++)
        peer_add(p, XS_READ, 0, "/v|");
    before = rig_reported(p, "heap: ");
    for (unsigned i = 0; i < MANY; i++) {
        q[i] = peer_socket();
        CHECK(send(q[i]->fd, pile.data, pile.used, MSG_DONTWAIT | MSG_NOSIGNAL) > 10000);
    }
    pile.used = 0;
    for (unsigned i = 0; i < MANY; i++) /* they have had their turns */
        IS(RD(p, "/tool"), "");
    CHECK(rig_reported(p, "heap: ") < before + MANY * (32u << 10));
    spent = rig_cpu_ns();
    usleep(200000);
    CHECK(rig_cpu_ns() - spent < 5000000);
    for (unsigned i = 0; i < MANY; i++)
        peer_close(q[i]);
    IS(RM(p, "/v"), "OK|");
}

/* One that reads late is held up, its last answer as well, and nothing else: it may go on asking. */
static void slow(struct peer *p)
{
    struct peer *q = peer_socket();
    static char value[4001];
    int waiting = 0, before = -1;
    unsigned asked;

    memset(value, 'x', 4000);
    IS(WR(p, "/v", value), "OK|");
    for (asked = 0; waiting != before && asked < 1000; asked++) { /* until an answer finds no room */
        before = waiting;
        peer_add(q, XS_READ, 0, "/v|");
        peer_go(q);
        IS(RD(p, "/tool"), "");
        IS(RD(p, "/tool"), "");
        CHECK(!ioctl(q->fd, FIONREAD, &waiting));
    }
    CHECK(asked > 2 && asked < 1000);
    for (unsigned i = 0; i < asked; i++)
        IS(peer_said(q), value);
    usleep(20000);
    IS(RD(q, "/v"), value);
    IS(RM(p, "/v"), "OK|");
    peer_close(q);
}

/* A thousand at a time, more than a process has files by default; and where there are none left those too many wait
 * until others go, at no cost. */
static void thousand(void)
{
    enum { MANY = 1200 };
    struct peer *p;
    static struct peer *q[MANY];
    struct rlimit now, few;
    struct message m;
    uint64_t spent;
    unsigned answered = 0, held = 100;

    CHECK(!getrlimit(RLIMIT_NOFILE, &now));
    few = (struct rlimit){64, now.rlim_max};
    rig_kill();
    CHECK(!setrlimit(RLIMIT_NOFILE, &few));
    rig_start(false);
    few.rlim_cur = now.rlim_max;
    CHECK(!setrlimit(RLIMIT_NOFILE, &few));
    p = peer_socket();
    for (unsigned i = 0; i < MANY; i++)
        q[i] = peer_socket();
    for (unsigned i = 0; i < MANY; i++) {
        peer_add(q[i], XS_WRITE, 0, "/b/%u|%u", i, i);
        peer_add(q[i], XS_READ, 0, "/b/%u|", i);
        peer_go(q[i]);
    }
    for (unsigned i = 0; i < MANY && answered == i; i++)
        answered += peer_answer(q[i], &m, patience_ms) && m.h.type == XS_WRITE && peer_answer(q[i], &m, patience_ms) &&
                    strtoul(m.data, NULL, 10) == i;
    CHECK(answered == MANY);
    for (unsigned i = 100; i < MANY; i++)
        peer_close(q[i]);
    for (unsigned i = 0; i < 1000 && rig_reported(p, "connections: ") > 110; i++)
        usleep(5000);
    few.rlim_cur = 64;
    CHECK(!prlimit(daemon_pid, RLIMIT_NOFILE, &few, NULL));
    for (;; held++) { /* below the limit a few may be free */
        q[held] = peer_socket();
        peer_add(q[held], XS_READ, 0, "/tool|");
        peer_go(q[held]);
        for (unsigned i = 0; i < 10; i++)
            IS(RD(p, "/tool"), "");
        if (!peer_answer(q[held], &m, 50))
            break;
    }
    spent = rig_cpu_ns();
    usleep(200000);
    CHECK(rig_cpu_ns() - spent < 5000000);
    CHECK(strstr(rig_log(), "no file descriptors left"));
    for (unsigned i = 0; i < held; i++)
        peer_close(q[i]);
    CHECK(peer_answer(q[held], &m, patience_ms) && m.h.type == XS_READ);
    peer_close(q[held]);
    CHECK(!setrlimit(RLIMIT_NOFILE, &now));
    peer_close(p);
}

void test_crowd(void)
{
    struct peer *p = peer_socket();

    patience_ms = 60000; /* under sanitizers, on a busy machine, so many take a while */
    too_long(p);
    stalled(p);
    leaves(p);
    dies(p);
    deaf(p);
    slow(p);
    peer_close(p);
    thousand();
    patience_ms = 5000;
}
