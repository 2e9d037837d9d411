/* SPDX-License-Identifier: MIT */
/*
 * What `wirt top` shows, made of two samples: rows of domains, vCPUs and CPUs with their rates, what the machine does
 * as a whole, and what each domain did over the last minutes. Nothing here knows of a terminal or a hypervisor.
 */
#ifndef WIRT_TOP_MODEL_H
#define WIRT_TOP_MODEL_H

#include "column.h"
#include "sample.h"

struct top_domain {
    char name[WIRT_NAME_MAX + 1], state[12], kind[8];
    double id, vcpus, cpu, steal, memory, memory_max;
    double disk_read, disk_write, disk_requests, net_in, net_out, packets;
    double ports, port_limit, grants, grant_limit, maps, map_limit;
    double hypercalls, traps, events, weight, cap, age;
};
struct top_vcpu {
    char name[WIRT_NAME_MAX + 1], state[12], affinity[24];
    double domain, id, cpu, run, wait, blocked, offline, hypercalls, traps, events, latency;
};
struct top_cpu {
    double id, busy, idle, timer, between, device;
};
enum { TOP_DOMAINS, TOP_VCPUS, TOP_CPUS, TOP_TABLES };
extern const struct table top_table[TOP_TABLES];

#define HISTORY 600 /* samples */
struct history {
    uint64_t id;
    double cpu[HISTORY]; /* a ring: the newest at (taken - 1) % HISTORY */
    unsigned int taken;
};

struct model {
    struct sample now, before;
    bool has_before;
    void *row[TOP_TABLES]; /* struct top_domain[] and so on */
    size_t rows[TOP_TABLES];
    struct history *history; /* of the domains of `now`, in their order */
    size_t histories;
    double busy; /* of all CPUs together, percent; not a number: not known */
};

bool model_take(struct model *m, struct sample *s); /* takes the sample over; false: no memory, nothing changed */
void model_clear(struct model *m);
double model_seconds(const struct model *m); /* between the samples; 0: there is one only */
/* Rows of a table that match, sorted: their numbers into *order, which grows; how many. */
size_t model_order(const struct model *m, int table, const char *filter, int sort, bool is_descending, size_t **order);
const struct history *model_history(const struct model *m, uint64_t id); /* NULL: there is none */
json_t *model_json(const struct model *m);

/* Rates of a domain's vCPUs together by kind, highest first; how many are not 0. */
struct top_rate {
    const char *name;
    double rate;
};
size_t model_calls(const struct model *m, uint64_t domain, struct top_rate *out, size_t most);
size_t model_events(const struct model *m, uint64_t domain, struct top_rate *out, size_t most);

#endif
