/* SPDX-License-Identifier: MIT */
/*
 * One line on the terminal for what takes over a second, written over as it goes on and wiped when it is done. Nothing
 * at all where standard error is no terminal.
 */
#include <time.h>
#include <unistd.h>

#include "cli.h"

uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void draw(void *arg, const char *step, uint64_t done, uint64_t total)
{
    struct progress *p = arg;

    if (now_ns() - p->start_ns < 1000000000)
        return;
    p->is_shown = true;
    fprintf(stderr, "\r%s: %s", p->what, step);
    if (total)
        fprintf(stderr, " %lu %%", done * 100 / total);
    fprintf(stderr, "\033[K");
    fflush(stderr);
}

void progress_start(struct progress *p, const struct run *r, const char *what)
{
    bool is_seen = isatty(STDERR_FILENO) && !r->does_json;

    *p = (struct progress){.to = {.fn = is_seen ? draw : NULL}, .what = what, .start_ns = now_ns()};
    p->to.arg = p;
}

void progress_end(struct progress *p)
{
    if (p->is_shown)
        fprintf(stderr, "\r\033[K");
    p->is_shown = false;
}
