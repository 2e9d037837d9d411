/* SPDX-License-Identifier: MIT */
/* `wirt top`, as the command starts it. */
#ifndef WIRT_TOP_TOP_H
#define WIRT_TOP_TOP_H

#include "wirt.h"

struct top_options {
    struct wirt *w;
    bool is_batch, does_json;
    int delay_ms;
    unsigned long count; /* refreshes; 0: no end */
    const char *record;  /* a file to which samples are added, or NULL */
    const char *replay;  /* a file from which they are taken instead, or NULL */
    const char *filter;  /* or NULL */
};
int top_run(const struct top_options *o); /* a wirt code, with the error set */

#endif
