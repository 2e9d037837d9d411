/* SPDX-License-Identifier: MIT */
/*
 * The metrics by a table: a row is all that is known of one, and docs/guide/metrics.md is written from it. Most are a
 * number in a record of the sample, times a unit; the others have a function. Counters only grow while what they count
 * is there: they are sums over nothing that can go away meanwhile. Both formats are the same lines but for the names'
 * endings in the head of a family, units, and the end mark.
 */
#include "metrics.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "event.h"
#include "internal.h"
#include "word.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

enum type { GAUGE, COUNTER, INFO, HISTOGRAM };
enum scope { HOST, CPU, DOMAIN, VCPU, DISK, CARD };
enum unit { ONE, BYTES_OF_KIB, BYTES, SECONDS_OF_NS, RATIO_OF_PERCENT, HERTZ_OF_KHZ };

struct metric;
typedef void put_fn(FILE *out, const struct metric *m, const struct sample *s, size_t i);
struct metric {
    const char *name; /* as it is served: with _total, _info */
    enum type type;
    enum scope scope;
    enum unit unit;
    size_t at;          /* of its number in the scope's record */
    const char *labels; /* beside the scope's, for the table */
    const char *help;
    put_fn *put;   /* instead of a number */
    bool is_plain; /* known under any hypervisor */
};

/* ---- values and labels ---- */

static void put_value(FILE *out, enum unit unit, uint64_t n)
{
    if (unit == BYTES_OF_KIB)
        fprintf(out, " %" PRIu64 "\n", n > UINT64_MAX / 1024 ? UINT64_MAX : n * 1024);
    else if (unit == SECONDS_OF_NS)
        fprintf(out, " %" PRIu64 ".%09" PRIu64 "\n", n / 1000000000, n % 1000000000);
    else if (unit == RATIO_OF_PERCENT)
        fprintf(out, " %" PRIu64 ".%02" PRIu64 "\n", n / 100, n % 100);
    else
        fprintf(out, " %" PRIu64 "\n", unit == HERTZ_OF_KHZ ? n * 1000 : n);
}

/* {domid="3",name="web", and what else there is of the record; open for more. */
static void put_labels(FILE *out, const struct metric *m, const struct sample *s, size_t i)
{
    uint64_t domain = m->scope == VCPU ? s->vcpu[i].domain : m->scope >= DISK ? s->device[i].domain : 0;
    const struct sample_domain *d = m->scope == DOMAIN  ? &s->domain[i]
                                    : m->scope > DOMAIN ? sample_find(s, domain)
                                                        : NULL;

    if (m->scope == CPU)
        fprintf(out, "{cpu=\"%" PRIu64 "\"", s->cpu[i].id);
    if (m->scope < DOMAIN)
        return;
    fprintf(out, "{domid=\"%" PRIu64 "\",name=", d ? d->id : domain);
    text_label(out, d ? d->name : "");
    if (m->scope == VCPU)
        fprintf(out, ",vcpu=\"%" PRIu64 "\"", s->vcpu[i].id);
    else if (m->scope >= DISK)
        fprintf(out, ",device=\"%" PRIu64 "\"", s->device[i].id);
}

/* A line with a label more: name{...,key="value"} number. */
static void put_line(FILE *out, const struct metric *m, const struct sample *s, size_t i, const char *key,
                     const char *value, uint64_t n)
{
    fputs(m->name, out);
    put_labels(out, m, s, i);
    fprintf(out, "%c%s=\"%s\"}", m->scope == HOST ? '{' : ',', key, value);
    put_value(out, m->unit, n);
}

/* ---- those that are not one number of a record ---- */

static const char *const vcpu_states[] = {"running", "waiting", "blocked", "offline"};

static void put_vcpu_time(FILE *out, const struct metric *m, const struct sample *s, size_t i)
{
    const uint64_t *ns = &s->vcpu[i].run_ns;

    for (size_t k = 0; k < 4; k++)
        put_line(out, m, s, i, "state", vcpu_states[k], ns[k]);
}

static void put_interrupts(FILE *out, const struct metric *m, const struct sample *s, size_t i)
{
    put_line(out, m, s, i, "kind", "timer", s->cpu[i].timer);
    put_line(out, m, s, i, "kind", "between", s->cpu[i].between);
    put_line(out, m, s, i, "kind", "device", s->cpu[i].device);
}

static void put_state(FILE *out, const struct metric *m, const struct sample *s, size_t i)
{
    const struct sample_domain *d = &s->domain[i];
    bool is_over = d->state == WIRT_SHUTDOWN || d->state == WIRT_CRASHED;

    fputs(m->name, out);
    put_labels(out, m, s, i);
    fprintf(out, ",state=\"%s\",reason=\"%s\"} 1\n", word_state((enum wirt_state)d->state),
            is_over ? word_reason((unsigned int)d->reason) : "");
}

static void put_domain_info(FILE *out, const struct metric *m, const struct sample *s, size_t i)
{
    const uint8_t *u = s->domain[i].uuid;

    fputs(m->name, out);
    put_labels(out, m, s, i);
    fputs(",uuid=\"", out);
    for (int k = 0; k < 16; k++)
        fprintf(out, "%s%02x", k == 4 || k == 6 || k == 8 || k == 10 ? "-" : "", u[k]);
    fprintf(out, "\",kind=\"%s\"} 1\n", s->domain[i].is_assisted ? "pvh" : "pv");
}

static void put_tables(FILE *out, const struct metric *m, const struct sample *s, size_t i)
{
    for (size_t level = 0; level < 4; level++) {
        char text[2] = {(char)('1' + level), 0};

        put_line(out, m, s, i, "level", text, s->domain[i].tables_kib[level]);
    }
}

/* vCPUs of a domain stand side by side; they stay as long as it does. */
static const struct sample_vcpu *vcpus_of(const struct sample *s, uint64_t domain, size_t *count)
{
    size_t low = 0, high = s->vcpus, first;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (s->vcpu[middle].domain < domain)
            low = middle + 1;
        else
            high = middle;
    }
    for (first = low; low < s->vcpus && s->vcpu[low].domain == domain; low++)
        continue;
    *count = low - first;
    return s->vcpu + first;
}

static uint64_t sum(const struct sample_vcpu *v, size_t count, size_t at)
{
    uint64_t n = 0;

    for (size_t i = 0; i < count; i++)
        n += *(const uint64_t *)(const void *)((const char *)&v[i] + at);
    return n;
}

static void put_calls(FILE *out, const struct metric *m, const struct sample *s, size_t i)
{
    size_t count;
    const struct sample_vcpu *v = vcpus_of(s, s->domain[i].id, &count);

    for (size_t k = 0; k < SAMPLE_CALLS; k++) {
        uint64_t n = sum(v, count, offsetof(struct sample_vcpu, call) + k * sizeof(uint64_t));
        char text[24];

        snprintf(text, sizeof(text), "%zu", k);
        if (n)
            put_line(out, m, s, i, "call", word_call((unsigned int)k) ? word_call((unsigned int)k) : text, n);
    }
}

static const char *const traps[] = {"page_fault", "table_write", "protection", "privileged", "trap"};
static const char *const exits[] = {"any", "halt", "cpuid", "msr", "port", "hypercall", "memory"};
#define FIRST_EXIT 6
#define UPCALL     5

static void put_kinds(FILE *out, const struct metric *m, const struct sample *s, size_t i, bool is_exit)
{
    size_t count;
    const struct sample_vcpu *v = vcpus_of(s, s->domain[i].id, &count);

    for (size_t k = 0; k < (is_exit ? COUNT(exits) : COUNT(traps)); k++)
        put_line(
            out, m, s, i, "kind", is_exit ? exits[k] : traps[k],
            sum(v, count, offsetof(struct sample_vcpu, event) + (is_exit ? FIRST_EXIT + k : k) * sizeof(uint64_t)));
}
static void put_traps(FILE *out, const struct metric *m, const struct sample *s, size_t i)
{
    if (!s->domain[i].is_assisted)
        put_kinds(out, m, s, i, false);
}
static void put_exits(FILE *out, const struct metric *m, const struct sample *s, size_t i)
{
    if (s->domain[i].is_assisted)
        put_kinds(out, m, s, i, true);
}

static void put_upcalls(FILE *out, const struct metric *m, const struct sample *s, size_t i)
{
    size_t count;
    const struct sample_vcpu *v = vcpus_of(s, s->domain[i].id, &count);

    fputs(m->name, out);
    put_labels(out, m, s, i);
    putc('}', out);
    put_value(out, ONE, sum(v, count, offsetof(struct sample_vcpu, event) + UPCALL * sizeof(uint64_t)));
}

enum { TRAPS, CALLS };
static void put_vcpu_count(FILE *out, const struct metric *m, const struct sample *s, size_t i)
{
    const struct sample_vcpu *v = &s->vcpu[i];
    uint64_t n = 0;

    if (m->at == TRAPS)
        n = v->event[0] + v->event[2] + v->event[4] + v->event[FIRST_EXIT];
    for (size_t k = 0; k < SAMPLE_CALLS && m->at == CALLS; k++)
        n += v->call[k];
    fputs(m->name, out);
    put_labels(out, m, s, i);
    putc('}', out);
    put_value(out, ONE, n);
}

/* Every second bucket: a factor of four between bounds. The last one has no bound. */
static void put_latency(FILE *out, const struct metric *m, const struct sample *s, size_t i)
{
    size_t count;
    const struct sample_vcpu *v = vcpus_of(s, s->domain[i].id, &count);
    uint64_t total = 0;

    for (size_t k = 0; k < SAMPLE_LATENCIES; k++) {
        uint64_t bound = (uint64_t)1 << (k + 10);
        char le[40] = "+Inf";

        total += sum(v, count, offsetof(struct sample_vcpu, latency) + k * sizeof(uint64_t));
        if (k % 2 == 0 && k + 1 < SAMPLE_LATENCIES)
            snprintf(le, sizeof(le), "%" PRIu64 ".%09" PRIu64, bound / 1000000000, bound % 1000000000);
        else if (k + 1 < SAMPLE_LATENCIES)
            continue;
        fprintf(out, "%s_bucket", m->name);
        put_labels(out, m, s, i);
        fprintf(out, ",le=\"%s\"} %" PRIu64 "\n", le, total);
    }
    fprintf(out, "%s_count", m->name);
    put_labels(out, m, s, i);
    fprintf(out, "} %" PRIu64 "\n%s_sum", total, m->name);
    put_labels(out, m, s, i);
    putc('}', out);
    put_value(out, SECONDS_OF_NS, sum(v, count, offsetof(struct sample_vcpu, wait_ns)));
}

static void put_states(FILE *out, const struct metric *m, const struct sample *s, size_t i)
{
    (void)i;
    for (size_t state = WIRT_RUNNING; state <= WIRT_BUILDING; state++) {
        uint64_t n = 0;

        for (size_t k = 0; k < s->domains; k++)
            n += s->domain[k].state == state && s->domain[k].id != SAMPLE_NO_ID;
        put_line(out, m, s, 0, "state", word_state((enum wirt_state)state), n);
    }
}

/* ---- of wirtd itself ---- */

static void put_version(FILE *out, const struct metric *m, const struct sample *s, size_t i)
{
    (void)s;
    (void)i;
    fprintf(out, "%s{version=\"%s\"} 1\n", m->name, wirt_version);
}
static void put_wirtd(FILE *out, const struct metric *m, const struct sample *s, size_t i)
{
    uint64_t numbers[] = {(uint64_t)(now_ms() - daemon_state.started_ms) * 1000000,
                          client_count_all(),
                          event_total(),
                          metrics_cost.count,
                          metrics_cost.ns,
                          ends_waiting()};

    (void)s;
    (void)i;
    fputs(m->name, out);
    put_value(out, m->unit, numbers[m->at]);
}
static void put_consoles(FILE *out, const struct metric *m, const struct sample *s, size_t i)
{
    (void)s;
    (void)i;
    for (const struct console *c = consoles; c; c = c->next) {
        uint64_t numbers[] = {c->keep.head.total, c->held_count, c->ring.rubbish_count};

        if (!c->ring.page)
            continue;
        fprintf(out, "%s{domid=\"%u\",name=", m->name, c->keep.head.domid);
        text_label(out, c->name);
        putc('}', out);
        put_value(out, m->unit, numbers[m->at]);
    }
}

/* ---- the table ---- */

#define IN(type, member) offsetof(struct type, member)
static const struct metric metrics[] = {
    {"wirt_build_info", INFO, HOST, ONE, 0, "version", "which tools answer", put_version, true},
    {"wirt_host_cpu_frequency_hertz", GAUGE, HOST, HERTZ_OF_KHZ, IN(sample, cpu_khz), "", "clock of the CPUs' counters",
     NULL, true},
    {"wirt_host_memory_bytes", GAUGE, HOST, BYTES_OF_KIB, IN(sample, memory_kib), "", "RAM of the machine", NULL, true},
    {"wirt_host_memory_free_bytes", GAUGE, HOST, BYTES_OF_KIB, IN(sample, free_kib), "", "of that, free", NULL, true},
    {"wirt_host_memory_claimed_bytes", GAUGE, HOST, BYTES_OF_KIB, IN(sample, claimed_kib), "",
     "of the free memory, promised to domains being built", NULL, true},
    {"wirt_host_memory_hypervisor_bytes", GAUGE, HOST, BYTES_OF_KIB, IN(sample, tables_kib), "",
     "what the hypervisor's bookkeeping takes", NULL, false},
    {"wirt_host_domains", GAUGE, HOST, ONE, 0, "state", "domains that are there, dom0 among them", put_states, true},
    {"wirt_cpu_idle_seconds_total", COUNTER, CPU, SECONDS_OF_NS, IN(sample_cpu, idle_ns), "",
     "time that a CPU had nothing to run", NULL, false},
    {"wirt_cpu_interrupts_total", COUNTER, CPU, ONE, 0, "kind",
     "interrupts that a CPU took: of its timer, from other CPUs (between), of devices", put_interrupts, false},
    {"wirt_domain_info", INFO, DOMAIN, ONE, 0, "uuid, kind", "what a domain is; kind is pv or pvh", put_domain_info,
     true},
    {"wirt_domain_state", GAUGE, DOMAIN, ONE, 0, "state, reason",
     "1 for the state that a domain is in; reason of its end if it has ended", put_state, true},
    {"wirt_domain_cpu_seconds_total", COUNTER, DOMAIN, SECONDS_OF_NS, IN(sample_domain, cpu_ns), "",
     "time that its vCPUs ran", NULL, true},
    {"wirt_domain_vcpus", GAUGE, DOMAIN, ONE, IN(sample_domain, vcpus), "", "vCPUs that are online", NULL, true},
    {"wirt_domain_vcpus_limit", GAUGE, DOMAIN, ONE, IN(sample_domain, max_vcpus), "", "vCPUs that it may have", NULL,
     true},
    {"wirt_domain_memory_bytes", GAUGE, DOMAIN, BYTES_OF_KIB, IN(sample_domain, memory_kib), "", "its memory", NULL,
     true},
    {"wirt_domain_memory_limit_bytes", GAUGE, DOMAIN, BYTES_OF_KIB, IN(sample_domain, max_memory_kib), "",
     "memory that it may have", NULL, true},
    {"wirt_domain_page_table_bytes", GAUGE, DOMAIN, BYTES_OF_KIB, 0, "level",
     "of its memory, page tables in use (PV), by their level", put_tables, false},
    {"wirt_domain_weight", GAUGE, DOMAIN, ONE, IN(sample_domain, weight), "", "its share of the CPUs against others'",
     NULL, false},
    {"wirt_domain_cap_ratio", GAUGE, DOMAIN, RATIO_OF_PERCENT, IN(sample_domain, cap), "",
     "CPUs that it never gets more of; 0: no limit", NULL, false},
    {"wirt_domain_uptime_seconds", GAUGE, DOMAIN, SECONDS_OF_NS, IN(sample_domain, age_ns), "",
     "time since it was made", NULL, false},
    {"wirt_domain_event_channels", GAUGE, DOMAIN, ONE, IN(sample_domain, ports), "", "event channels in use", NULL,
     false},
    {"wirt_domain_event_channels_limit", GAUGE, DOMAIN, ONE, IN(sample_domain, port_limit), "", "that it may have",
     NULL, false},
    {"wirt_domain_grants", GAUGE, DOMAIN, ONE, IN(sample_domain, grants), "", "its grants that others use now", NULL,
     false},
    {"wirt_domain_grants_limit", GAUGE, DOMAIN, ONE, IN(sample_domain, grant_limit), "", "grants that it may give",
     NULL, false},
    {"wirt_domain_grant_maps", GAUGE, DOMAIN, ONE, IN(sample_domain, maps), "", "grants of others that it uses now",
     NULL, false},
    {"wirt_domain_grant_maps_limit", GAUGE, DOMAIN, ONE, IN(sample_domain, map_limit), "", "that it may use", NULL,
     false},
    {"wirt_domain_hypercalls_total", COUNTER, DOMAIN, ONE, 0, "call",
     "hypercalls; one that is continued counts each time. Calls that it never made are not there", put_calls, false},
    {"wirt_domain_traps_total", COUNTER, DOMAIN, ONE, 0, "kind",
     "PV: exceptions that Wirt took. table_write is part of page_fault, privileged part of protection", put_traps,
     false},
    {"wirt_domain_exits_total", COUNTER, DOMAIN, ONE, 0, "kind", "PVH: exits to Wirt. The other kinds are part of any",
     put_exits, false},
    {"wirt_domain_upcalls_total", COUNTER, DOMAIN, ONE, 0, "", "events delivered to it", put_upcalls, false},
    {"wirt_domain_scheduling_latency_seconds", HISTOGRAM, DOMAIN, SECONDS_OF_NS, 0, "le",
     "waits of its vCPUs for a CPU, from being able to run to running; the sum has waits that go on", put_latency,
     false},
    {"wirt_vcpu_seconds_total", COUNTER, VCPU, SECONDS_OF_NS, 0, "state",
     "time that a vCPU spent running, waiting for a CPU, blocked (idle), offline", put_vcpu_time, false},
    {"wirt_vcpu_cpu", GAUGE, VCPU, ONE, IN(sample_vcpu, cpu), "", "the CPU where it runs, or ran last", NULL, false},
    {"wirt_vcpu_hypercalls_total", COUNTER, VCPU, ONE, CALLS, "", "its hypercalls", put_vcpu_count, false},
    {"wirt_vcpu_traps_total", COUNTER, VCPU, ONE, TRAPS, "", "its exceptions that Wirt took (PV), or its exits (PVH)",
     put_vcpu_count, false},
    {"wirt_vcpu_upcalls_total", COUNTER, VCPU, ONE, IN(sample_vcpu, event) + UPCALL * sizeof(uint64_t), "",
     "events delivered to it: its interrupts", NULL, false},
    {"wirt_disk_read_bytes_total", COUNTER, DISK, BYTES, IN(sample_device, in_bytes), "",
     "read from a disk by the guest", NULL, true},
    {"wirt_disk_written_bytes_total", COUNTER, DISK, BYTES, IN(sample_device, out_bytes), "", "written to a disk by it",
     NULL, true},
    {"wirt_disk_reads_total", COUNTER, DISK, ONE, IN(sample_device, ins), "", "requests to read", NULL, true},
    {"wirt_disk_writes_total", COUNTER, DISK, ONE, IN(sample_device, outs), "", "requests to write", NULL, true},
    {"wirt_network_received_bytes_total", COUNTER, CARD, BYTES, IN(sample_device, in_bytes), "",
     "received by the guest", NULL, true},
    {"wirt_network_sent_bytes_total", COUNTER, CARD, BYTES, IN(sample_device, out_bytes), "", "sent by it", NULL, true},
    {"wirt_network_received_packets_total", COUNTER, CARD, ONE, IN(sample_device, ins), "", "received by it", NULL,
     true},
    {"wirt_network_sent_packets_total", COUNTER, CARD, ONE, IN(sample_device, outs), "", "sent by it", NULL, true},
    {"wirt_console_bytes_total", COUNTER, HOST, BYTES, 0, "domid, name",
     "printed on the console of a living guest, by it and its predecessors of this name", put_consoles, true},
    {"wirt_console_held_total", COUNTER, HOST, ONE, 1, "domid, name", "how often it had to wait as it printed too much",
     put_consoles, true},
    {"wirt_console_rubbish_total", COUNTER, HOST, ONE, 2, "domid, name", "indexes in its ring that cannot be",
     put_consoles, true},
    {"wirt_wirtd_uptime_seconds", GAUGE, HOST, SECONDS_OF_NS, 0, "", "time since wirtd started", put_wirtd, true},
    {"wirt_wirtd_clients", GAUGE, HOST, ONE, 1, "", "connections to its own socket", put_wirtd, true},
    {"wirt_wirtd_events_total", COUNTER, HOST, ONE, 2, "", "events in its journal so far: wirt events", put_wirtd,
     true},
    {"wirt_wirtd_expositions_total", COUNTER, HOST, ONE, 3, "", "how often these lines were made", put_wirtd, true},
    {"wirt_wirtd_exposition_seconds_total", COUNTER, HOST, SECONDS_OF_NS, 4, "", "CPU time that wirtd spent on them",
     put_wirtd, true},
    {"wirt_wirtd_restarts_waiting", GAUGE, HOST, ONE, 5, "", "domains that wait to be started again", put_wirtd, true},
};

/* ---- writing ---- */

static const char *const type_words[] = {"gauge", "counter", "info", "histogram"};
static const char *const scope_labels[] = {
    "", "cpu", "domid, name", "domid, name, vcpu", "domid, name, device", "domid, name, device"};

static const char *unit_word(enum unit unit)
{
    static const char *const words[] = {"", "bytes", "bytes", "seconds", "ratio", "hertz"};

    return words[unit];
}

/* How long the name of the family is: without what OpenMetrics adds for the type. */
static int family(const struct metric *m, enum http_format format)
{
    size_t length = strlen(m->name);
    const char *end = m->type == COUNTER ? "_total" : m->type == INFO ? "_info" : "";

    return (int)(format == HTTP_OPENMETRICS ? length - strlen(end) : length);
}

static void put_family(FILE *out, const struct metric *m, enum http_format format)
{
    int length = family(m, format);
    bool is_new = format == HTTP_OPENMETRICS;

    fprintf(out, "# TYPE %.*s %s\n", length, m->name, m->type == INFO && !is_new ? "gauge" : type_words[m->type]);
    if (is_new && m->unit != ONE)
        fprintf(out, "# UNIT %.*s %s\n", length, m->name, unit_word(m->unit));
    fprintf(out, "# HELP %.*s %s.\n", length, m->name, m->help);
}

static void put_number(FILE *out, const struct metric *m, const struct sample *s, size_t i)
{
    const void *records[] = {s, s->cpu + i, s->domain + i, s->vcpu + i, s->device + i, s->device + i};
    const char *record = records[m->scope];

    fputs(m->name, out);
    put_labels(out, m, s, i);
    if (m->scope != HOST)
        putc('}', out);
    put_value(out, m->unit, *(const uint64_t *)(const void *)(record + m->at));
}

static bool is_of(const struct metric *m, const struct sample *s, size_t i)
{
    if (m->scope == DOMAIN)
        return s->domain[i].id != SAMPLE_NO_ID;
    if (m->scope == VCPU) /* made since the list of domains was */
        return sample_find(s, s->vcpu[i].domain) != NULL;
    return m->scope < DISK || (m->scope == DISK) == (s->device[i].is_disk != 0);
}

void metrics_write(FILE *out, const struct sample *s, enum http_format format)
{
    size_t counts[] = {1, s->cpus, s->domains, s->vcpus, s->devices, s->devices};

    for (size_t k = 0; k < COUNT(metrics); k++) {
        const struct metric *m = &metrics[k];

        if (!m->is_plain && !s->has_statistics)
            continue;
        put_family(out, m, format);
        for (size_t i = 0; i < counts[m->scope]; i++)
            if (is_of(m, s, i))
                (m->put ? m->put : put_number)(out, m, s, i);
    }
    if (format == HTTP_OPENMETRICS)
        fputs("# EOF\n", out);
}

void metrics_list(FILE *out)
{
    fputs("| metric | type | unit | labels | what |\n| --- | --- | --- | --- | --- |\n", out);
    for (size_t k = 0; k < COUNT(metrics); k++) {
        const struct metric *m = &metrics[k];
        bool has_both = *scope_labels[m->scope] && *m->labels;

        fprintf(out, "| `%s` | %s | %s | %s%s%s | %s%s |\n", m->name, type_words[m->type], unit_word(m->unit),
                scope_labels[m->scope], has_both ? ", " : "", m->labels, m->help, m->is_plain ? "" : "\u00b9");
    }
}
