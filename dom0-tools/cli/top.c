/* SPDX-License-Identifier: MIT */
/* The command `wirt top`: its options. All else is in top/. */
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "top/top.h"

#define DELAY_LEAST 0.1
#define DELAY_MOST  3600.0

int run_top(struct run *r)
{
    struct top_options o = {.w = r->w,
                            .is_batch = run_choice(r, 'b'),
                            .does_json = r->does_json,
                            .delay_ms = 1000,
                            .record = run_choice(r, 'w'),
                            .replay = run_choice(r, 'r'),
                            .filter = run_choice(r, 'f')};
    const char *delay = run_choice(r, 'd'), *count = run_choice(r, 'n');
    uint64_t n = 0;
    char *end;
    int code;

    if (delay) {
        double seconds = strtod(delay, &end);
        if (end == delay || *end || !(seconds >= DELAY_LEAST && seconds <= DELAY_MOST))
            return usage_fail(r, "\"%s\" is no delay: seconds from %g to %g", delay, DELAY_LEAST, DELAY_MOST);
        o.delay_ms = (int)(seconds * 1000 + 0.5);
    }
    if (count && (code = parse_number(r, "count", count, 1, UINT32_MAX, &n)))
        return code;
    o.count = n;
    return top_run(&o);
}
