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
struct top_channel {
    char name[WIRT_NAME_MAX + 1], kind[12], peer_name[WIRT_NAME_MAX + 1], source[16];
    double domain, port, vcpu, peer, peer_port;
};
struct top_mapping {
    char name[WIRT_NAME_MAX + 1], granter_name[WIRT_NAME_MAX + 1], access[8], use[8];
    double mapper, granter, count, ref, frame;
};
enum { TOP_DOMAINS, TOP_VCPUS, TOP_CPUS, TOP_CHANNELS, TOP_MAPPINGS, TOP_TABLES };
extern const struct table top_table[TOP_TABLES];

#define HISTORY 600 /* seconds */
enum { HISTORY_CPU, HISTORY_STEAL, HISTORY_DISK, HISTORY_NET, HISTORIES };
struct history {
    uint64_t id;
    float value[HISTORIES][HISTORY]; /* rings, a second each: the newest at (taken - 1) % HISTORY */
    unsigned int taken;
};

struct model {
    struct sample now, before;
    bool has_before;
    void *row[TOP_TABLES]; /* struct top_domain[] and so on */
    size_t rows[TOP_TABLES];
    struct history **history; /* of the domains of `now`, in their order; NULL: it does not run */
    size_t histories;
    double busy; /* of all CPUs together, percent; not a number: not known */
};

/* ---- ends.c: rows of the last two tables ---- */
void ends_channel(const struct sample *s, struct top_channel *row, const struct sample_channel *c);
void ends_mapping(const struct sample *s, struct top_mapping *row, const struct sample_mapping *m);

bool model_take(struct model *m, struct sample *s); /* takes the sample over; false: no memory, nothing changed */
void model_clear(struct model *m);
double model_seconds(const struct model *m); /* between the samples; 0: there is one only */
/* Rows of a table that match, sorted, in a tree by group first: their numbers into *order, which grows; how many. */
struct top_order {
    int sort;
    bool is_descending, is_tree;
};
size_t model_order(const struct model *m, int table, const char *filter, const struct top_order *by, size_t **order);
bool model_is_same_group(const struct model *m, int table, size_t a, size_t b);
const struct history *model_history(const struct model *m, uint64_t id); /* NULL: there is none */
json_t *model_json(const struct model *m);
json_t *model_uses_json(const struct model *m); /* memory.c */

/* The same vCPU in the sample before; NULL: there was none. */
const struct sample_vcpu *model_before(const struct model *m, const struct sample_vcpu *v);

/* Rates of a domain's vCPUs together by kind, highest first; how many are not 0. */
#define MODEL_ALL UINT64_MAX /* of all domains */
struct top_rate {
    const char *name;
    double rate;
};
size_t model_calls(const struct model *m, uint64_t domain, struct top_rate *out, size_t most);
size_t model_events(const struct model *m, uint64_t domain, struct top_rate *out, size_t most);

#endif
