// SPDX-License-Identifier: MIT
/*
 * The daemon is killed at random moments, hundreds of times, while guests and clients work. Guests on rings must not
 * notice: every request is answered once, in order, every event comes once, nothing acknowledged is lost. Their
 * requests are chosen so that one done twice shows: watches (EEXIST, ENOENT), values that count, events that count.
 * Programs on the socket connect again; a write that got no answer was done whole or not at all.
 */
#include "rig.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define GUESTS 4

static unsigned bad;
static void expect(const char *got, const char *wanted, const char *what, unsigned round)
{
    if (!strcmp(got, wanted))
        return;
    bad++;
    printf("round %u: %s: got \"%.60s\", wanted \"%.60s\"\n", round, what, got, wanted);
}

/* A guest's life in a process of its own, until told to stop; its exit status says how many things went wrong. */
static void guest_round(struct peer *g, unsigned round, char *long_value)
{
    char text[2200], wanted[40];
    uint32_t t;

    snprintf(wanted, sizeof(wanted), "%u", round);
    expect(callf(g, XS_WRITE, 0, "counter|%u", round), "OK|", "write", round);
    expect(event_in(g, patience_ms), "counter|c|", "event", round);
    expect(RD(g, "counter"), wanted, "read", round);
    expect(callf(g, XS_WATCH, 0, "w/%u|t|", round), "OK|", "watch", round); /* twice: EEXIST */
    snprintf(text, sizeof(text), "w/%u|t|", round);
    expect(event_in(g, patience_ms), text, "first event", round);
    expect(callf(g, XS_WRITE, 0, "w/%u|x", round), "OK|", "write watched", round);
    expect(event_in(g, patience_ms), text, "event of w", round);
    expect(callf(g, XS_UNWATCH, 0, "w/%u|t|", round), "OK|", "unwatch", round); /* twice: ENOENT */
    expect(callf(g, XS_RM, 0, "w/%u|", round), "OK|", "rm", round);
    snprintf(long_value, 2049, "%u", round);
    memset(long_value + strlen(long_value), 'a' + (int)(round % 26), 2048 - strlen(long_value));
    long_value[2048] = 0;
    expect(callf(g, XS_WRITE, 0, "long|%s", long_value), "OK|", "long write", round);
    expect(RD(g, "long"), long_value, "long read", round);
    for (unsigned tries = 0;; tries++) {
        const char *answer;

        t = (uint32_t)strtoul(call(g, XS_TRANSACTION_START, 0, "|"), NULL, 10);
        callf(g, XS_WRITE, t, "t/a|%u", round);
        callf(g, XS_WRITE, t, "t/b|%u", round);
        answer = end(g, t, true);
        if (!strcmp(answer, "OK|"))
            break;
        if (strcmp(answer, "!EAGAIN") || tries > 50) {
            expect(answer, "OK|", "commit", round);
            break;
        }
    }
    expect(RD(g, "t/a"), wanted, "t/a", round);
    expect(RD(g, "t/b"), wanted, "t/b", round);
    expect(no_event(g), "(none)", "no event twice", round);
}

static volatile sig_atomic_t is_over;
static void stop(int signal)
{
    (void)signal;
    is_over = 1;
}

static pid_t guest_start(unsigned domid)
{
    static char long_value[2200];
    pid_t pid = fork();
    struct peer *g;
    unsigned round = 0;

    if (pid)
        return pid;
    signal(SIGTERM, stop);
    g = peer_ring(domid);
    expect(WATCH(g, "counter", "c"), "OK|", "watch", 0);
    expect(event_in(g, patience_ms), "counter|c|", "event", 0);
    while (!is_over && !bad)
        guest_round(g, ++round, long_value);
    printf("guest %u: %u rounds of 17 requests, %u faults\n", domid, round, bad);
    _exit(bad > 255 ? 255 : (int)bad);
}

/* A program on the socket: an array that the reference knows; after each kill it looks what its last write did. */
struct client {
    struct peer *p;
    unsigned value[16], lost, kept;
};

static void client_step(struct client *c, unsigned seed)
{
    unsigned i = seed % 16, old = c->value[i];
    const char *answer = callf(c->p, XS_WRITE, 0, "/client/%u|%u", i, old + 1);
    char text[20];

    if (!strcmp(answer, "OK|")) {
        c->value[i]++;
        return;
    }
    peer_close(c->p);
    c->p = peer_socket();
    answer = callf(c->p, XS_READ, 0, "/client/%u|", i);
    for (unsigned tries = 0; !strcmp(answer, "(none)") && tries < 2000; tries++) {
        peer_close(c->p);
        c->p = peer_socket();
        answer = callf(c->p, XS_READ, 0, "/client/%u|", i);
    }
    snprintf(text, sizeof(text), "%u", old + 1);
    if (!strcmp(answer, text)) {
        c->value[i]++;
        c->kept++;
        return;
    }
    snprintf(text, sizeof(text), "%u", old);
    c->lost++;
    expect(answer, text, "a client's value", i);
}

static void client_compare(struct client *c)
{
    char text[20];

    for (unsigned i = 0; i < 16; i++) {
        snprintf(text, sizeof(text), "%u", c->value[i]);
        expect(callf(c->p, XS_READ, 0, "/client/%u|", i), text, "a client's value in the end", i);
    }
}

static void killer(unsigned seed, unsigned kills)
{
    struct timespec t = {0, 0};
    uint64_t state = seed * 7919u + 1;

    for (unsigned i = 0; i < kills; i++) {
        state = state * 6364136223846793005ull + 1442695040888963407ull;
        t.tv_nsec = (long)((state >> 33) % 20000000);
        nanosleep(&t, NULL);
        rig_kill();
        rig_start(false);
    }
}

/* The killer must be the daemon's parent: the client works in the child. */
static int client_life(unsigned seed)
{
    struct client c = {.p = peer_socket()};
    unsigned writes = 0;

    signal(SIGTERM, stop);
    for (uint64_t state = seed; !is_over && !bad; writes++) {
        state = state * 6364136223846793005ull + 1442695040888963407ull;
        client_step(&c, (unsigned)(state >> 33));
    }
    client_compare(&c);
    printf("client: %u writes; without an answer: %u done, %u not done\n", writes, c.kept, c.lost);
    return bad > 255 ? 255 : (int)bad;
}

void test_crash(unsigned seed, unsigned kills)
{
    pid_t guests[GUESTS], client;
    struct peer *p = peer_socket();
    int status;

    patience_ms = 120000; /* a daemon under sanitizers on a busy machine is killed more often than it serves */
    for (unsigned i = 0; i < GUESTS; i++)
        peer_close(peer_domain(10 + i));
    for (unsigned i = 0; i < 16; i++)
        IS(callf(p, XS_WRITE, 0, "/client/%u|0", i), "OK|");
    peer_close(p);
    fflush(stdout);
    for (unsigned i = 0; i < GUESTS; i++)
        guests[i] = guest_start(10 + i);
    client = fork();
    if (!client)
        _exit(client_life(seed));
    usleep(50000);
    killer(seed, kills);
    kill(client, SIGTERM);
    waitpid(client, &status, 0);
    check(status == 0, __FILE__, __LINE__, "the client finds what it was told", "");
    for (unsigned i = 0; i < GUESTS; i++)
        kill(guests[i], SIGTERM);
    for (unsigned i = 0; i < GUESTS; i++) {
        waitpid(guests[i], &status, 0);
        check(status == 0, __FILE__, __LINE__, "a guest does not notice", "");
    }
    p = peer_socket();
    IS(call(p, XS_CONTROL, 0, "check|"), "OK|");
    peer_close(p);
    patience_ms = 5000;
    printf("%u kills survived\n", kills);
}
