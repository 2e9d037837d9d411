// SPDX-License-Identifier: MIT
/* Runs the groups of tests that its arguments name, all without any, against the daemon $XENSTORED. */
#include "rig.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned number(const char *name, unsigned otherwise)
{
    return getenv(name) ? (unsigned)strtoul(getenv(name), NULL, 10) : otherwise;
}

static void model(void)
{
    test_model(number("SEED", 1), number("STEPS", 20000));
}

static void crash(void)
{
    test_crash(number("SEED", 1), number("KILLS", 300));
}

static void steps(void)
{
    test_steps(number("STRIDE", 1));
}

static void bursts(void)
{
    test_bursts(number("STRIDE", 1));
}

static void scale(void)
{
    test_scale(number("DOMAINS", 1000));
}

static const struct {
    const char *name;
    void (*fn)(void);
} groups[] = {{"wire", test_wire},
              {"bursts", bursts},
              {"crowd", test_crowd},
              {"tree", test_tree},
              {"perms", test_perms},
              {"txns", test_txns},
              {"watches", test_watches},
              {"domains", test_domains},
              {"quotas", test_quotas},
              {"rings", test_rings},
              {"recovery", test_recovery},
              {"model", model},
              {"crash", crash},
              {"steps", steps},
              {"scale", scale},
              {"memory", test_memory}};

int main(int argc, char **argv)
{
    const char *program = getenv("XENSTORED");

    signal(SIGPIPE, SIG_IGN);
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
        bool is_wanted = argc == 1;
        unsigned before = passed;

        for (int k = 1; k < argc; k++)
            is_wanted |= !strcmp(argv[k], groups[i].name);
        if (!is_wanted)
            continue;
        rig_open(program);
        rig_start(true);
        groups[i].fn();
        CHECK(rig_stop() == 0); /* no sanitizer found anything */
        if (strstr(rig_log(), "ERROR: ") || strstr(rig_log(), "runtime error")) {
            failed++;
            printf("%s", rig_log());
        }
        if (getenv("KEEP"))
            printf("%s", rig_log());
        rig_close();
        printf("%-10s %u checks\n", groups[i].name, passed - before);
    }
    printf("%u passed, %u failed\n", passed, failed);
    return failed != 0;
}
