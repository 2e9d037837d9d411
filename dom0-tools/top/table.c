/* SPDX-License-Identifier: MIT */
/* The columns: the one place that says what `wirt top` shows. docs/guide/top.md lists them by `wirt top --columns`. */
#include "model.h"

#define D(member) offsetof(struct top_domain, member)
#define V(member) offsetof(struct top_vcpu, member)
#define C(member) offsetof(struct top_cpu, member)
#define COUNT(a)  ((int)(sizeof(a) / sizeof((a)[0])))

static const struct column of_domain[] = {
    {"ID", "id", "", "number; none: defined, and does not run", C_COUNT, 5, D(id)},
    {"NAME", "name", "", "name", C_TEXT, 12, D(name)},
    {"STATE", "state", "", "running, blocked, paused, shutdown, crashed, dying, building, or defined", C_TEXT, 8,
     D(state)},
    {"KIND", "kind", "", "PV or PVH; dom0 is the control domain", C_TEXT, 4, D(kind)},
    {"VCPU", "vcpus", "", "vCPUs that are online", C_COUNT, 4, D(vcpus)},
    {"CPU%", "cpu_percent", "percent of one CPU", "time that its vCPUs ran", C_PERCENT, 6, D(cpu)},
    {"STEAL%", "steal_percent", "percent of one CPU", "time that its vCPUs could have run and had to wait", C_PERCENT,
     6, D(steal)},
    {"MEM", "memory_kib", "KiB", "memory that it has", C_KIB, 5, D(memory)},
    {"MAX", "max_memory_kib", "KiB", "memory that it may have", C_KIB, 5, D(memory_max)},
    {"READ", "disk_read_bytes", "bytes/s", "read from its disks", C_BYTES, 5, D(disk_read)},
    {"WRITE", "disk_write_bytes", "bytes/s", "written to its disks", C_BYTES, 5, D(disk_write)},
    {"IN", "net_in_bytes", "bytes/s", "received by its network cards", C_BYTES, 5, D(net_in)},
    {"OUT", "net_out_bytes", "bytes/s", "sent by its network cards", C_BYTES, 5, D(net_out)},
    {"UPTIME", "uptime_seconds", "s", "since it was made", C_SECONDS, 6, D(age)},
    {"PORTS", "ports", "", "event channels in use", C_COUNT, 5, D(ports)},
    {"OF", "port_limit", "", "of so many that it may have", C_COUNT, 5, D(port_limit)},
    {"GRANTS", "grants", "", "entries of its grant table that others use", C_COUNT, 6, D(grants)},
    {"OF", "grant_limit", "", "of so many that the table may have", C_COUNT, 6, D(grant_limit)},
    {"MAPS", "maps", "", "grants of others that it uses", C_COUNT, 5, D(maps)},
    {"OF", "map_limit", "", "of so many that it may use", C_COUNT, 7, D(map_limit)},
    {"CALLS", "hypercalls", "1/s", "hypercalls", C_RATE, 5, D(hypercalls)},
    {"TRAPS", "traps", "1/s", "exceptions and exits that the hypervisor dealt with", C_RATE, 5, D(traps)},
    {"EVENTS", "events", "1/s", "events and interrupts delivered", C_RATE, 6, D(events)},
    {"IOPS", "disk_requests", "1/s", "requests to its disks", C_RATE, 5, D(disk_requests)},
    {"PKTS", "net_packets", "1/s", "packets of its network cards", C_RATE, 5, D(packets)},
    {"WEIGHT", "weight", "", "its share against others", C_COUNT, 6, D(weight)},
    {"CAP", "cap_percent", "percent of one CPU", "never more than this; 0: no limit", C_COUNT, 4, D(cap)},
};
static const struct column of_vcpu[] = {
    {"ID", "domain", "", "number of the domain", C_COUNT, 5, V(domain)},
    {"NAME", "name", "", "its name", C_TEXT, 12, V(name)},
    {"VCPU", "vcpu", "", "number of the vCPU", C_COUNT, 4, V(id)},
    {"CPU", "cpu", "", "where it runs, or ran last", C_COUNT, 4, V(cpu)},
    {"STATE", "state", "", "running, waiting (it could run), blocked, offline", C_TEXT, 8, V(state)},
    {"RUN%", "run_percent", "percent", "of the time: it ran", C_PERCENT, 6, V(run)},
    {"WAIT%", "wait_percent", "percent", "it could have run and had to wait", C_PERCENT, 6, V(wait)},
    {"BLOCK%", "blocked_percent", "percent", "it had nothing to do", C_PERCENT, 6, V(blocked)},
    {"OFF%", "offline_percent", "percent", "it was offline or paused", C_PERCENT, 6, V(offline)},
    {"LATE", "latency_99_us", "us", "99 of 100 waits for a CPU were shorter than this", C_MICROS, 5, V(latency)},
    {"CALLS", "hypercalls", "1/s", "hypercalls", C_RATE, 5, V(hypercalls)},
    {"TRAPS", "traps", "1/s", "exceptions and exits that the hypervisor dealt with", C_RATE, 5, V(traps)},
    {"EVENTS", "events", "1/s", "events and interrupts delivered", C_RATE, 6, V(events)},
    {"AFFINITY", "affinity", "", "CPUs that it may run on", C_TEXT, 8, V(affinity)},
};
static const struct column of_cpu[] = {
    {"CPU", "cpu", "", "number", C_COUNT, 4, C(id)},
    {"BUSY%", "busy_percent", "percent", "of the time: vCPUs ran, or the hypervisor for them", C_PERCENT, 6, C(busy)},
    {"IDLE%", "idle_percent", "percent", "nothing ran", C_PERCENT, 6, C(idle)},
    {"TIMER", "interrupts_timer", "1/s", "interrupts of its timer", C_RATE, 6, C(timer)},
    {"DEVICE", "interrupts_device", "1/s", "interrupts of devices", C_RATE, 6, C(device)},
    {"CPUS", "interrupts_cpu", "1/s", "interrupts from other CPUs", C_RATE, 6, C(between)},
};

const struct table top_table[TOP_TABLES] = {
    {"domains", "domains", of_domain, COUNT(of_domain), 5, true, sizeof(struct top_domain)},
    {"vcpus", "vCPUs", of_vcpu, COUNT(of_vcpu), 5, true, sizeof(struct top_vcpu)},
    {"cpus", "host", of_cpu, COUNT(of_cpu), 0, false, sizeof(struct top_cpu)},
};
