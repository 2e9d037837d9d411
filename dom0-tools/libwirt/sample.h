/* SPDX-License-Identifier: MIT */
/*
 * What the host does at one moment: counters of domains, vCPUs and CPUs, as `wirt top` shows them. A sampler takes
 * samples from the hypervisor (under Wirt from its statistics, which are mapped once; under another one from the list
 * of domains alone), from xenstore (names, which it remembers) and from the back ends' counters in /sys. Counters only
 * grow as long as a domain lives; rates are for whoever has two samples. A sample can be written to a file and read
 * back, so that what a host did can be looked at elsewhere.
 * Units: KiB, ns, bytes, as the names say.
 */
#ifndef WIRT_SAMPLE_H
#define WIRT_SAMPLE_H

#include <stdio.h>

#include "wirt.h"

#define SAMPLE_CALLS     64 /* hypercalls by number */
#define SAMPLE_EVENTS    24 /* WIRT_EVENT_* of public/wirt.h */
#define SAMPLE_LATENCIES 24
#define SAMPLE_NO_ID     0xffffffffu /* of a domain that is defined and does not run */

struct sample_domain {
    uint64_t id, state, reason; /* enum wirt_state; SHUTDOWN_* */
    char name[WIRT_NAME_MAX + 1];
    uint64_t is_control, is_assisted;
    uint64_t vcpus, max_vcpus, memory_kib, max_memory_kib, cpu_ns;
    uint64_t weight, cap, age_ns;
    uint64_t ports, port_limit, grants, grant_limit, maps, map_limit; /* in use, and their limits */
    uint64_t disk_read_bytes, disk_write_bytes, disk_requests;
    uint64_t net_in_bytes, net_out_bytes, net_packets; /* as the guest sees it */
};
struct sample_vcpu {
    uint64_t domain, id, cpu, state; /* RUNSTATE_*: 0 running, 1 runnable, 2 blocked, 3 offline */
    uint64_t run_ns, wait_ns, blocked_ns, offline_ns, affinity;
    uint64_t event[SAMPLE_EVENTS], call[SAMPLE_CALLS], latency[SAMPLE_LATENCIES];
};
struct sample_cpu {
    uint64_t id, idle_ns, timer, between, device; /* interrupts */
};
struct sample {
    uint64_t at_ns; /* of a clock that only goes forward */
    uint64_t memory_kib, free_kib, claimed_kib, tables_kib, cpu_khz;
    bool has_statistics; /* false: vCPUs, CPUs, ports, grants and ages are not known */
    struct sample_domain *domain;
    struct sample_vcpu *vcpu; /* by domain, then number */
    struct sample_cpu *cpu;
    size_t domains, vcpus, cpus;
};

struct sampler;
/* root: what stands before /sys, "" on a real host. NULL: no memory. */
struct sampler *sampler_open(struct wirt *w, const char *root);
void sampler_close(struct sampler *s);
int sampler_take(struct sampler *s, struct sample *out); /* a wirt code; sample_clear when done */
void sample_clear(struct sample *s);

/* As text: one line a record. Reading returns 0, WIRT_NOT_FOUND at the end of the file, WIRT_REFUSED with the line. */
struct sample_domain *sample_find(const struct sample *s, uint64_t id); /* NULL: it does not run */
bool sample_write(FILE *to, const struct sample *s);
int sample_read(struct wirt *w, FILE *from, const char *name, unsigned int *line, struct sample *out);

/* ---- sample_sys.c: adds what the back ends below root count to the domains, which are sorted by id ---- */
void sample_backends(const char *root, struct sample *s);

#endif
