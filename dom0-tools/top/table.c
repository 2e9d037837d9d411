/* SPDX-License-Identifier: MIT */
/* The columns: the one place that says what `wirt top` shows. docs/guide/top.md lists them by `wirt top --columns`. */
#include "model.h"

#define D(member) offsetof(struct top_domain, member)
#define V(member) offsetof(struct top_vcpu, member)
#define C(member) offsetof(struct top_cpu, member)
#define E(member) offsetof(struct top_channel, member)
#define G(member) offsetof(struct top_mapping, member)
#define COUNT(a)  ((int)(sizeof(a) / sizeof((a)[0])))

static const struct column of_domain[] = {
    {"ID", "id", "", "number; none: defined, and does not run", C_COUNT, 5, D(id), false},
    {"NAME", "name", "", "name", C_TEXT, 12, D(name), false},
    {"STATE", "state", "", "running, blocked, paused, shutdown, crashed, dying, building, or defined", C_TEXT, 8,
     D(state), false},
    {"KIND", "kind", "", "PV or PVH; dom0 is the control domain", C_TEXT, 4, D(kind), false},
    {"VCPU", "vcpus", "", "vCPUs that are online", C_COUNT, 4, D(vcpus), true},
    {"CPU%", "cpu_percent", "percent of one CPU", "time that its vCPUs ran", C_PERCENT, 6, D(cpu), true},
    {"STEAL%", "steal_percent", "percent of one CPU", "time that its vCPUs could have run and had to wait", C_PERCENT,
     6, D(steal), true},
    {"MEM", "memory_kib", "KiB", "memory that it has", C_KIB, 5, D(memory), true},
    {"MAX", "max_memory_kib", "KiB", "memory that it may have", C_KIB, 5, D(memory_max), true},
    {"READ", "disk_read_bytes", "bytes/s", "read from its disks", C_BYTES, 5, D(disk_read), true},
    {"WRITE", "disk_write_bytes", "bytes/s", "written to its disks", C_BYTES, 5, D(disk_write), true},
    {"IN", "net_in_bytes", "bytes/s", "received by its network cards", C_BYTES, 5, D(net_in), true},
    {"OUT", "net_out_bytes", "bytes/s", "sent by its network cards", C_BYTES, 5, D(net_out), true},
    {"UPTIME", "uptime_seconds", "s", "since it was made", C_SECONDS, 6, D(age), false},
    {"PORTS", "ports", "", "event channels in use", C_COUNT, 5, D(ports), true},
    {"OF", "port_limit", "", "of so many that it may have", C_COUNT, 5, D(port_limit), false},
    {"GRANTS", "grants", "", "entries of its grant table that others use", C_COUNT, 6, D(grants), true},
    {"OF", "grant_limit", "", "of so many that the table may have", C_COUNT, 6, D(grant_limit), false},
    {"MAPS", "maps", "", "grants of others that it uses", C_COUNT, 5, D(maps), true},
    {"OF", "map_limit", "", "of so many that it may use", C_COUNT, 7, D(map_limit), false},
    {"CALLS", "hypercalls", "1/s", "hypercalls", C_RATE, 5, D(hypercalls), true},
    {"TRAPS", "traps", "1/s", "exceptions and exits that the hypervisor dealt with", C_RATE, 5, D(traps), true},
    {"EVENTS", "events", "1/s", "events and interrupts delivered", C_RATE, 6, D(events), true},
    {"IOPS", "disk_requests", "1/s", "requests to its disks", C_RATE, 5, D(disk_requests), true},
    {"PKTS", "net_packets", "1/s", "packets of its network cards", C_RATE, 5, D(packets), true},
    {"WEIGHT", "weight", "", "its share against others", C_COUNT, 6, D(weight), false},
    {"CAP", "cap_percent", "percent of one CPU", "never more than this; 0: no limit", C_COUNT, 4, D(cap), false},
};
static const struct column of_vcpu[] = {
    {"ID", "domain", "", "number of the domain", C_COUNT, 5, V(domain), false},
    {"NAME", "name", "", "its name", C_TEXT, 12, V(name), false},
    {"VCPU", "vcpu", "", "number of the vCPU", C_COUNT, 4, V(id), false},
    {"CPU", "cpu", "", "where it runs, or ran last", C_COUNT, 4, V(cpu), false},
    {"STATE", "state", "", "running, waiting (it could run), blocked, offline", C_TEXT, 8, V(state), false},
    {"RUN%", "run_percent", "percent", "of the time: it ran", C_PERCENT, 6, V(run), true},
    {"WAIT%", "wait_percent", "percent", "it could have run and had to wait", C_PERCENT, 6, V(wait), true},
    {"BLOCK%", "blocked_percent", "percent", "it had nothing to do", C_PERCENT, 6, V(blocked), false},
    {"OFF%", "offline_percent", "percent", "it was offline or paused", C_PERCENT, 6, V(offline), false},
    {"LATE", "latency_99_us", "us", "99 of 100 waits for a CPU were shorter than this", C_MICROS, 5, V(latency), false},
    {"CALLS", "hypercalls", "1/s", "hypercalls", C_RATE, 5, V(hypercalls), true},
    {"TRAPS", "traps", "1/s", "exceptions and exits that the hypervisor dealt with", C_RATE, 5, V(traps), true},
    {"EVENTS", "events", "1/s", "events and interrupts delivered", C_RATE, 6, V(events), true},
    {"AFFINITY", "affinity", "", "CPUs that it may run on", C_TEXT, 8, V(affinity), false},
};
static const struct column of_cpu[] = {
    {"CPU", "cpu", "", "number", C_COUNT, 4, C(id), false},
    {"BUSY%", "busy_percent", "percent", "of the time: vCPUs ran, or the hypervisor for them", C_PERCENT, 6, C(busy),
     false},
    {"IDLE%", "idle_percent", "percent", "nothing ran", C_PERCENT, 6, C(idle), false},
    {"TIMER", "interrupts_timer", "1/s", "interrupts of its timer", C_RATE, 6, C(timer), true},
    {"DEVICE", "interrupts_device", "1/s", "interrupts of devices", C_RATE, 6, C(device), false},
    {"CPUS", "interrupts_cpu", "1/s", "interrupts from other CPUs", C_RATE, 6, C(between), false},
};

static const struct column of_channel[] = {
    {"ID", "domain", "", "number of the domain whose end this is", C_COUNT, 5, E(domain), false},
    {"NAME", "name", "", "its name", C_TEXT, 12, E(name), false},
    {"PORT", "port", "", "number of the channel there", C_COUNT, 5, E(port), false},
    {"KIND", "kind", "", "channel (to another domain), unbound (waits for one), virq, pirq (of a device), ipi", C_TEXT,
     7, E(kind), false},
    {"VCPU", "vcpu", "", "vCPU that gets its events", C_COUNT, 4, E(vcpu), false},
    {"TO", "peer", "", "number of the domain at the other end, or that may bind it", C_COUNT, 5, E(peer), false},
    {"PEER", "peer_name", "", "its name", C_TEXT, 12, E(peer_name), false},
    {"PORT", "peer_port", "", "number of the channel there", C_COUNT, 5, E(peer_port), false},
    {"SOURCE", "source", "", "what a virq or pirq tells", C_TEXT, 8, E(source), false},
};
static const struct column of_mapping[] = {
    {"ID", "mapper", "", "number of the domain that maps", C_COUNT, 5, G(mapper), false},
    {"NAME", "mapper_name", "", "its name", C_TEXT, 12, G(name), false},
    {"OF", "granter", "", "number of the domain whose frame it is", C_COUNT, 5, G(granter), false},
    {"GRANTER", "granter_name", "", "its name", C_TEXT, 12, G(granter_name), false},
    {"MAPS", "mappings", "", "how many: one, or those of a group", C_COUNT, 5, G(count), true},
    {"REF", "ref", "", "entry of the granter's table", C_COUNT, 6, G(ref), false},
    {"FRAME", "frame", "", "number of the frame", C_COUNT, 8, G(frame), false},
    {"MAY", "access", "", "read, or write", C_TEXT, 5, G(access), false},
    {"FOR", "use", "", "memory, or device", C_TEXT, 6, G(use), false},
};

const struct table top_table[TOP_TABLES] = {
    {"domains", "domains", of_domain, COUNT(of_domain), 5, true, sizeof(struct top_domain), {2, -1}, false, true},
    {"vcpus", "vCPUs", of_vcpu, COUNT(of_vcpu), 5, true, sizeof(struct top_vcpu), {0, -1}, false, true},
    {"cpus", "host", of_cpu, COUNT(of_cpu), 0, false, sizeof(struct top_cpu), {-1, -1}, false, true},
    {"channels", "events", of_channel, COUNT(of_channel), 2, false, sizeof(struct top_channel), {0, -1}, true, true},
    {"mappings", "grants", of_mapping, COUNT(of_mapping), 5, false, sizeof(struct top_mapping), {0, 2}, true, false},
};
