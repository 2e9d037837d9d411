/* SPDX-License-Identifier: MIT */
/*
 * The way through a model's seeds: each in a process of its own, so that one that dies is one that failed. SEED=n
 * repeats one, SEED_BASE=n is where to begin; arguments: how many, and operations each. Ends with "N passed, N failed".
 */
#ifndef WIRT_MODEL_SEEDS_H
#define WIRT_MODEL_SEEDS_H

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* run_seed: one seed, so many operations; 0 is a pass. The result is main's. */
static int seeds_run(const char *name, int argc, char **argv, unsigned long ops,
                     int (*run_seed)(unsigned long n, unsigned long ops))
{
    const char *given = getenv("SEED"), *start = getenv("SEED_BASE");
    unsigned long base = given ? strtoul(given, NULL, 0) : start ? strtoul(start, NULL, 0) : (unsigned long)time(NULL);
    unsigned long seeds = given || argc < 2 ? 1 : strtoul(argv[1], NULL, 0), passed = 0;

    if (argc > 2)
        ops = strtoul(argv[2], NULL, 0);
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("%s: %lu seeds from %lu on, %lu operations each (SEED=n repeats one)\n", name, seeds, base, ops);
    for (unsigned long i = 0; i < seeds; i++) {
        int status = 0;
        pid_t child = fork();
        if (child == 0)
            _exit(run_seed(base + i, ops));
        if (child < 0 || waitpid(child, &status, 0) != child) {
            perror("cannot run a seed");
            status = 1;
        }
        passed += status == 0;
        if (status)
            printf("seed %lu FAILED (%s %d)\n", base + i, WIFSIGNALED(status) ? "signal" : "status",
                   WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    }
    printf("%lu passed, %lu failed\n", passed, seeds - passed);
    return passed != seeds;
}

#endif
