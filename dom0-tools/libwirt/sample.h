/* SPDX-License-Identifier: MIT */
/*
 * What the host does at one moment: counters of domains, vCPUs and CPUs, as `wirt top` shows them. A sampler takes
 * samples from the hypervisor (under Wirt from its statistics, which are mapped once; under another one from the list
 * of domains alone), from xenstore (names, which it remembers) and from the back ends' counters in /sys. Counters only
 * grow as long as a domain lives; rates are for whoever has two samples. A sample can be written to a file and read
 * back, so that what a host did can be looked at elsewhere. Channels and mappings take a call each, or one for some
 * hundred, and what memory is used as is counted for the asking: they are taken only when somebody looks at them.
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
    uint8_t uuid[16];
    uint64_t is_control, is_assisted;
    uint64_t vcpus, max_vcpus, memory_kib, max_memory_kib, cpu_ns;
    uint64_t weight, cap, age_ns;
    uint64_t ports, port_limit, grants, grant_limit, maps, map_limit; /* in use, and their limits */
    uint64_t disk_read_bytes, disk_write_bytes, disk_requests;
    uint64_t net_in_bytes, net_out_bytes, net_packets; /* as the guest sees it */
    uint64_t tables_kib[4];                            /* of its memory: page tables, of level 1 to 4 */
};
struct sample_device { /* a back end; the sums of a domain fall when one goes, these only grow while it is there */
    uint64_t domain, id, is_disk;
    uint64_t in_bytes, out_bytes, ins, outs; /* read and written with requests; received and sent with packets */
};
struct sample_vcpu {
    uint64_t domain, id, cpu, state; /* RUNSTATE_*: 0 running, 1 runnable, 2 blocked, 3 offline */
    uint64_t run_ns, wait_ns, blocked_ns, offline_ns, affinity;
    uint64_t event[SAMPLE_EVENTS], call[SAMPLE_CALLS], latency[SAMPLE_LATENCIES];
};
struct sample_cpu {
    uint64_t id, idle_ns, timer, between, device; /* interrupts */
};
struct sample_channel {                /* one end of an event channel */
    uint64_t domain, port, kind, vcpu; /* EVTCHNSTAT_*: 1 unbound, 2 interdomain, 3 pirq, 4 virq, 5 ipi */
    uint64_t peer, peer_port;          /* the domain at the other end, and its port; of a pirq or virq its number */
};
struct sample_mapping {                          /* a grant of the granter's that the mapper maps */
    uint64_t mapper, granter, ref, frame, flags; /* WIRT_MAPPING_*: 1 read only, 2 for devices */
};
struct sample_use {           /* memory by who has it and what it is used as */
    uint64_t owner, use, kib; /* WIRT_FRAMES_* of public/wirt.h */
};
enum { SAMPLE_CHANNELS = 1, SAMPLE_MAPPINGS = 2, SAMPLE_USES = 4 };
struct sample {
    uint64_t at_ns; /* of a clock that only goes forward */
    uint64_t memory_kib, free_kib, claimed_kib, tables_kib, cpu_khz;
    bool has_statistics; /* false: vCPUs, CPUs, ports, grants and ages are not known */
    bool has_channels, has_mappings, has_uses;
    struct sample_domain *domain;
    struct sample_vcpu *vcpu; /* by domain, then number */
    struct sample_cpu *cpu;
    struct sample_channel *channel; /* by domain, then port */
    struct sample_mapping *mapping; /* by mapper */
    struct sample_use *use;         /* by owner, then use; those that are not 0 */
    struct sample_device *device;   /* by domain, then disks first, then id; not in files */
    size_t domains, vcpus, cpus, channels, mappings, uses, devices;
};

struct sampler;
/* root: what stands before /sys, "" on a real host. NULL: no memory. */
struct sampler *sampler_open(struct wirt *w, const char *root);
void sampler_close(struct sampler *s);
void sampler_want(struct sampler *s, unsigned int what); /* SAMPLE_* besides the others */
bool sampler_has_names(const struct sampler *s); /* false: xenstored did not answer the last time; names may be old */
int sampler_take(struct sampler *s, struct sample *out); /* a wirt code; sample_clear when done */
void sample_clear(struct sample *s);

/* As text: one line a record. Reading returns 0, WIRT_NOT_FOUND at the end of the file, WIRT_REFUSED with the line. */
struct sample_domain *sample_find(const struct sample *s, uint64_t id); /* NULL: it does not run */
bool sample_write(FILE *to, const struct sample *s);
int sample_read(struct wirt *w, FILE *from, const char *name, unsigned int *line, struct sample *out);

/* ---- sample_ends.c: the ends of channels, and mappings, of all domains of s, into s. A wirt code. ---- */
int sample_channels(struct wirt *w, struct sample *s);
int sample_mappings(struct wirt *w,
                    struct sample *s); /* adds none, and SAMPLE_MAPPINGS neither, where it is not Wirt */
/* ---- sample_uses.c: adds what memory is used as, as of the last whole count; scan: zeroed at first ---- */
struct sample_scan {
    uint64_t next, so_far[3][7], kib[3][7];
    bool is_whole, has_none;
};
int sample_uses(struct wirt *w, struct sample_scan *scan, struct sample *s);
/* Room for one more record behind the `count` at *list, a pointer to records; zeroed. NULL: no memory. */
void *sample_grow(void *list, size_t *count, size_t size);

/* ---- sample_sys.c: adds what the back ends below root count: themselves, and to the domains, sorted by id ---- */
void sample_backends(const char *root, struct sample *s);

#endif
