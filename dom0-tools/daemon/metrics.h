/* SPDX-License-Identifier: MIT */
/* What wirtd says of the host, its domains and itself, as OpenMetrics or as Prometheus' older text. */
#ifndef WIRTD_METRICS_H
#define WIRTD_METRICS_H

#include <stdio.h>

#include "http.h"
#include "sample.h"

/* A whole exposition; NULL: none could be made, the handle's error says why. To be given back. At most one sample a
 * second is taken, however many ask. */
struct exposition {
    unsigned int users;
    int64_t made_ms;
    size_t size;
    char *text;
};
struct exposition *metrics_get(enum http_format format);
void metrics_put(struct exposition *e);
extern struct metrics_cost {
    uint64_t count, ns; /* expositions made, and CPU time spent on them */
} metrics_cost;

/* ---- metrics.c ---- */
/* The table of docs/guide/metrics.md. */
void metrics_list(FILE *out);
/* Of a sample that is there already. */
void metrics_write(FILE *out, const struct sample *s, enum http_format format);

#endif
