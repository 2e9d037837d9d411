// SPDX-License-Identifier: MIT
/*
 * Memory that ends. The allocations of a life of the daemon fail, one in each life: all those of its start, and every
 * eleventh while it answers a program and a guest. It ends and says why, nothing else; its successor knows everything
 * that was acknowledged, and the guest, which only waits, gets its answer.
 */
#include "rig.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define WRITES 12u

static void allow(unsigned fail_at, const char *mark)
{
    char number[16];

    snprintf(number, sizeof(number), "%u", fail_at);
    setenv("FAIL_AT", number, 1);
    setenv("FAIL_MARK", mark, 1);
    setenv("LD_PRELOAD", getenv("FAILMALLOC"), 1);
}

static void allow_all(void)
{
    unsetenv("LD_PRELOAD");
    unsetenv("FAIL_AT");
}

/* What a program does; how many of its writes were acknowledged. */
static unsigned work(unsigned round)
{
    struct peer *p = peer_socket();
    unsigned done = 0;
    uint32_t t;

    if (!strcmp(WATCH(p, "/memory", "t"), "OK|"))
        event_in(p, 200);
    while (done < WRITES && !strcmp(callf(p, XS_WRITE, 0, "/memory/%u/%u|%u", round, done, done), "OK|"))
        done++;
    if (done == WRITES) {
        LS(p, "/memory");
        t = (uint32_t)strtoul(call(p, XS_TRANSACTION_START, 0, "|"), NULL, 10);
        callf(p, XS_WRITE, t, "/memory/t|%u", round);
        callf(p, XS_SET_PERMS, t, "/memory/t|n0|r60|");
        call(p, XS_TRANSACTION_END, t, "T|");
        call(p, XS_CONTROL, 0, "quota|60|");
    }
    peer_close(p);
    return done;
}

/* It is dead, by its own word, or lives. */
static bool is_dead_of_memory(void)
{
    int status;

    if (!waitpid(daemon_pid, &status, WNOHANG))
        return false;
    CHECK(WIFSIGNALED(status) ? WTERMSIG(status) == SIGABRT : WEXITSTATUS(status) != 0);
    return true;
}

void test_memory(void)
{
    struct peer *p, *g = peer_domain(60);
    char mark[300];
    unsigned n, tries = 0, round = 0, deaths = 0;

    snprintf(mark, sizeof(mark), "%s/mark", run_dir);
    for (n = 1;; n += n < 60 ? 1 : 11, tries++) {
        unsigned done;
        struct message m;
        bool is_over, is_dead;

        CHECK(rig_stop() == 0);
        unlink(mark);
        allow(n, mark);
        rig_start(false);
        allow_all();
        CHECK(peer_send(g, XS_READ, 0, "alive", 6));
        is_dead = is_dead_of_memory();
        done = is_dead ? 0 : work(++round);
        for (int i = 0; i < 20 && !is_dead && !access(mark, F_OK); i++) {
            usleep(500);
            is_dead = is_dead_of_memory();
        }
        deaths += is_dead;
        if (!is_dead)
            rig_kill();
        is_over = access(mark, F_OK);
        rig_start(false);
        CHECK(peer_answer(g, &m, 5000));
        p = peer_socket();
        for (unsigned i = 0; i < done; i++) {
            char wanted[16];

            snprintf(wanted, sizeof(wanted), "%u", i);
            IS(callf(p, XS_READ, 0, "/memory/%u/%u|", round, i), wanted);
        }
        IS(call(p, XS_CONTROL, 0, "check|"), "OK|");
        callf(p, XS_RM, 0, "/memory/%u|", round);
        peer_close(p);
        if (is_over)
            break;
    }
    CHECK(deaths > 50);
    CHECK(!strstr(rig_log(), "out of memory") == !deaths);
    printf("%u of %u allocations failed once each: it ended %u times, and went on\n", tries, n, deaths);
    peer_close(g);
}
