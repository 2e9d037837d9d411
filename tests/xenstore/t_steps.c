// SPDX-License-Identifier: MIT
/*
 * The daemon dies at its first step, at its second, and so on: at each entry to and exit from what it calls of the
 * machine and each write of its log (host_sim.c counts them), while it starts and while a guest and a program work.
 * The guest wakes for its bell and for nothing else, and events sent to a dead daemon are lost: what is not told again
 * after a restart is never heard, as it would be by a guest that only waits to be shut down.
 */
#include "rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define DOMID   10
#define LIMIT   2000 /* more steps than there are */
#define SETTING "XENSTORED_DIES_AT"

static unsigned bad;

static void expect(const char *got, const char *wanted, const char *what)
{
    if (!strcmp(got, wanted))
        return;
    bad++;
    printf("%s: got \"%.60s\", wanted \"%.60s\"\n", what, got, wanted);
}

static const char *read_key(const char *key)
{
    const char *is;

    do {
        struct peer *p = peer_socket();

        is = callf(p, XS_READ, 0, "/local/domain/%u/%s|", DOMID, key);
        peer_close(p);
    } while (!strcmp(is, "(none)"));
    return is;
}

/* Tells the guest something; again if the daemon died before it was written, and then only. */
static void tell(unsigned value)
{
    const char *answer;
    char text[20];

    snprintf(text, sizeof(text), "%u", value);
    usleep(10000); /* the guest sleeps */
    do {
        struct peer *p = peer_socket();

        answer = callf(p, XS_WRITE, 0, "/local/domain/%u/told|%s", DOMID, text);
        peer_close(p);
    } while (strcmp(read_key("told"), text));
    expect(!strcmp(answer, "(none)") ? "OK|" : answer, "OK|", "a program's write");
}

/* Each in a process of its own. */
static void program_life(unsigned value)
{
    char text[20];

    tell(value);
    snprintf(text, sizeof(text), "%u", value);
    while (strcmp(read_key("own"), text))
        usleep(1000);
    tell(value + LIMIT);
}

static void guest_life(struct peer *g, unsigned value)
{
    char text[20], big[2041];

    snprintf(text, sizeof(text), "%u", value);
    memset(big, 'a' + (int)(value % 26), sizeof(big));
    big[sizeof(big) - 1] = 0;
    expect(event_in(g, patience_ms), "told|t|", "the event");
    expect(RD(g, "told"), text, "what was told");
    expect(callf(g, XS_WRITE, 0, "big|%s", big), "OK|", "a write that fills the ring");
    expect(RD(g, "big"), big, "an answer that fills the ring");
    expect(callf(g, XS_WRITE, 0, "own|%u", value), "OK|", "a write");
    expect(event_in(g, patience_ms), "told|t|", "the last event");
    expect(no_event(g), "(none)", "no event twice");
}

/* Whether the daemon died before guest and program were through. */
static bool dies_at(unsigned step)
{
    bool has_died = false;
    char text[20];
    pid_t gone, child[2];
    int status, left = 2;

    rig_kill();
    snprintf(text, sizeof(text), "%u", step);
    setenv(SETTING, text, 1);
    rig_start(false);
    unsetenv(SETTING);
    for (int i = 0; i < 2; i++) {
        child[i] = fork();
        if (!child[i]) {
            alarm(600); /* whoever waits for a daemon that is no more */
            if (i)
                program_life(step);
            else
                guest_life(peer_ring(DOMID), step);
            _exit(bad > 255 ? 255 : (int)bad);
        }
    }
    while (left && (gone = wait(&status)) > 0)
        if (gone == daemon_pid) {
            has_died = true;
            rig_start(false);
        } else if (gone == child[0] || gone == child[1]) {
            check(status == 0, __FILE__, __LINE__, "nobody notices", text);
            left--;
        }
    if (!has_died) { /* its last step may come behind the last answer; otherwise it still counts them */
        has_died = rig_is_dead(50);
        if (!has_died)
            rig_kill();
        rig_start(false);
    }
    return has_died;
}

void test_steps(unsigned stride)
{
    struct peer *g = peer_domain(DOMID);
    unsigned step = 1, before = failed;

    IS(WATCH(g, "told", "t"), "OK|");
    IS(event(g), "told|t|");
    IS(WR(g, "own", "0"), "OK|");
    peer_close(g);
    patience_ms = 120000; /* as in crash */
    while (step < LIMIT && failed == before && dies_at(step))
        step += stride;
    CHECK(step > 50 && step < LIMIT);
    patience_ms = 5000;
    printf("steps: %u, by %u\n", step, stride);
}
