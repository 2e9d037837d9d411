/* SPDX-License-Identifier: MIT */
/*
 * Texts of metrics, made when somebody asks and shared by all who do within a second: so a scraper that asks all the
 * time, or many of them, cost no more than one sample a second in each format, and memory for what is still being sent.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "event.h"
#include "metrics.h"

#define FRESH_MS 1000

struct metrics_cost metrics_cost;
static struct exposition *last[2];

static uint64_t cpu_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* What wirtd knows by its watches is newer than what the sampler remembers. */
static void name_domains(struct sample *s)
{
    for (size_t i = 0; i < s->domains; i++) {
        const char *name = s->domain[i].id == SAMPLE_NO_ID ? "" : guest_name((uint32_t)s->domain[i].id);

        if (*name)
            snprintf(s->domain[i].name, sizeof(s->domain[i].name), "%s", name);
    }
}

static struct exposition *make(enum http_format format)
{
    static struct sampler *sampler;
    struct exposition *e = calloc(1, sizeof(*e));
    struct sample s = {0};
    FILE *out;

    if (!sampler)
        sampler = sampler_open(daemon_state.w, "");
    if (!e || !sampler || sampler_take(sampler, &s)) {
        free(e);
        return NULL;
    }
    name_domains(&s);
    out = open_memstream(&e->text, &e->size);
    if (out)
        metrics_write(out, &s, format);
    sample_clear(&s);
    if (!out || fclose(out)) {
        free(e->text);
        free(e);
        return NULL;
    }
    e->users = 1;
    e->made_ms = now_ms();
    return e;
}

struct exposition *metrics_get(enum http_format format)
{
    uint64_t start = cpu_ns();

    if (!last[format] || now_ms() - last[format]->made_ms >= FRESH_MS) {
        metrics_put(last[format]);
        last[format] = make(format);
        metrics_cost.count++;
        metrics_cost.ns += cpu_ns() - start;
    }
    if (last[format])
        last[format]->users++;
    return last[format];
}

void metrics_put(struct exposition *e)
{
    if (!e || --e->users)
        return;
    free(e->text);
    free(e);
}
