/* SPDX-License-Identifier: MIT */
/*
 * From two samples to rows. A thing of the new sample is compared with the one of the same number in the old one; if
 * there is none, or it has counted backwards, it is another one, and its rates are not known. Histories go with their
 * domain from sample to sample.
 */
#include "model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MOST_WAITS 0.99 /* what LATE stands for */

static const char *const states[] = {"running", "blocked", "paused", "shutdown", "crashed", "dying", "building"};
static const char *const runstates[] = {"running", "waiting", "blocked", "offline"};

double model_seconds(const struct model *m)
{
    return m->has_before && m->now.at_ns > m->before.at_ns ? (double)(m->now.at_ns - m->before.at_ns) / 1e9 : 0;
}

/* A second; seconds 0, or backwards: not known. */
static double rate(uint64_t now, uint64_t before, double seconds)
{
    return seconds > 0 && now >= before ? (double)(now - before) / seconds : NAN;
}
static double share(uint64_t now_ns, uint64_t before_ns, double seconds) /* percent */
{
    return rate(now_ns, before_ns, seconds) / 1e7;
}

static uint64_t sum(const uint64_t *counter, size_t count)
{
    uint64_t all = 0;

    for (size_t i = 0; i < count; i++)
        all += counter[i];
    return all;
}

/* What the hypervisor had to do with: exceptions of PV guests, exits of the others. 0, 2, 4 and 6 of WIRT_EVENT_*. */
static uint64_t traps(const struct sample_vcpu *v)
{
    return v->event[0] + v->event[2] + v->event[4] + v->event[6];
}
#define EVENT_UPCALL 5

static const struct sample_vcpu *find_vcpu(const struct sample *s, uint64_t domain, uint64_t id)
{
    size_t low = 0, high = s->vcpus;

    while (low < high) {
        size_t middle = (low + high) / 2;
        const struct sample_vcpu *v = &s->vcpu[middle];
        if (v->domain < domain || (v->domain == domain && v->id < id))
            low = middle + 1;
        else
            high = middle;
    }
    return low < s->vcpus && s->vcpu[low].domain == domain && s->vcpu[low].id == id ? &s->vcpu[low] : NULL;
}

const struct sample_vcpu *model_before(const struct model *m, const struct sample_vcpu *v)
{
    return find_vcpu(&m->before, v->domain, v->id);
}

/* ---- domains ---- */

static void add_vcpus(const struct model *m, struct top_domain *row, uint64_t id, double seconds)
{
    const struct sample_vcpu *v = find_vcpu(&m->now, id, 0), *end = m->now.vcpu + m->now.vcpus, *old;

    if (v)
        row->steal = row->hypercalls = row->traps = row->events = 0;
    for (; v && v < end && v->domain == id; v++) {
        old = find_vcpu(&m->before, id, v->id);
        if (!old)
            seconds = 0;
        row->steal += old ? share(v->wait_ns, old->wait_ns, seconds) : NAN;
        row->hypercalls += old ? rate(sum(v->call, SAMPLE_CALLS), sum(old->call, SAMPLE_CALLS), seconds) : NAN;
        row->traps += old ? rate(traps(v), traps(old), seconds) : NAN;
        row->events += old ? rate(v->event[EVENT_UPCALL], old->event[EVENT_UPCALL], seconds) : NAN;
    }
}

static void fill_statistics(struct top_domain *row, const struct sample_domain *d)
{
    row->ports = (double)d->ports;
    row->port_limit = (double)d->port_limit;
    row->grants = (double)d->grants;
    row->grant_limit = (double)d->grant_limit;
    row->maps = (double)d->maps;
    row->map_limit = (double)d->map_limit;
    row->weight = (double)d->weight;
    row->cap = (double)d->cap;
    row->age = (double)d->age_ns / 1e9;
}

static void fill_rates(struct top_domain *row, const struct sample_domain *d, const struct sample_domain *old,
                       double seconds)
{
    row->cpu = share(d->cpu_ns, old->cpu_ns, seconds);
    row->disk_read = rate(d->disk_read_bytes, old->disk_read_bytes, seconds);
    row->disk_write = rate(d->disk_write_bytes, old->disk_write_bytes, seconds);
    row->disk_requests = rate(d->disk_requests, old->disk_requests, seconds);
    row->net_in = rate(d->net_in_bytes, old->net_in_bytes, seconds);
    row->net_out = rate(d->net_out_bytes, old->net_out_bytes, seconds);
    row->packets = rate(d->net_packets, old->net_packets, seconds);
}

static void fill_domain(const struct model *m, struct top_domain *row, const struct sample_domain *d)
{
    const struct sample_domain *old = d->id == SAMPLE_NO_ID ? NULL : sample_find(&m->before, d->id);
    double *number = &row->id, *end = (double *)(row + 1);

    while (number < end)
        *number++ = NAN;
    memcpy(row->name, d->name, sizeof(row->name));
    if (d->id == SAMPLE_NO_ID) {
        strcpy(row->state, "defined");
        return;
    }
    strcpy(row->state, d->state < 7 ? states[d->state] : "unknown");
    strcpy(row->kind, d->is_control ? "dom0" : d->is_assisted ? "PVH" : "PV");
    row->id = (double)d->id;
    row->vcpus = (double)d->vcpus;
    row->memory = (double)d->memory_kib;
    row->memory_max = d->max_memory_kib > UINT64_MAX / 8 ? NAN : (double)d->max_memory_kib;
    if (m->now.has_statistics)
        fill_statistics(row, d);
    if (old && (strcmp(old->name, d->name) || old->cpu_ns > d->cpu_ns || old->age_ns > d->age_ns)) /* another one */
        old = NULL;
    if (old)
        fill_rates(row, d, old, model_seconds(m));
    add_vcpus(m, row, d->id, old ? model_seconds(m) : 0);
}

/* ---- vCPUs and CPUs ---- */

/* The end of the bucket in which the 99th of 100 waits lies, in us; not known if nothing waited. */
static double latency(const struct sample_vcpu *v, const struct sample_vcpu *old)
{
    double all = 0, so_far = 0;

    for (size_t i = 0; i < SAMPLE_LATENCIES; i++)
        all += (double)(v->latency[i] - (old ? old->latency[i] : 0));
    for (size_t i = 0; i < SAMPLE_LATENCIES && all > 0; i++) {
        so_far += (double)(v->latency[i] - (old ? old->latency[i] : 0));
        if (so_far >= all * MOST_WAITS)
            return ldexp(1.024, (int)i);
    }
    return NAN;
}

static void affinity_text(uint64_t set, char *buffer, size_t size)
{
    size_t used = 0;

    buffer[0] = 0;
    if (set == ~0ull || set == 0) {
        snprintf(buffer, size, "all");
        return;
    }
    for (int first = 0; first < 64 && used + 8 < size; first++) {
        int last = first;
        if (!(set >> first & 1))
            continue;
        while (last < 63 && set >> (last + 1) & 1)
            last++;
        used += (size_t)snprintf(buffer + used, size - used, first == last ? "%s%d" : "%s%d-%d", used ? "," : "", first,
                                 last);
        first = last;
    }
}

static void fill_vcpu(const struct model *m, struct top_vcpu *row, const struct sample_vcpu *v)
{
    const struct sample_vcpu *old = find_vcpu(&m->before, v->domain, v->id);
    const struct sample_domain *d = sample_find(&m->now, v->domain);
    double seconds = model_seconds(m);

    if (old && (old->run_ns > v->run_ns || old->blocked_ns > v->blocked_ns + 1000000000))
        old = NULL;
    *row = (struct top_vcpu){.domain = (double)v->domain, .id = (double)v->id, .cpu = (double)v->cpu};
    if (d)
        memcpy(row->name, d->name, sizeof(row->name));
    strcpy(row->state, runstates[v->state & 3]);
    affinity_text(v->affinity, row->affinity, sizeof(row->affinity));
    row->run = old ? share(v->run_ns, old->run_ns, seconds) : NAN;
    row->wait = old ? share(v->wait_ns, old->wait_ns, seconds) : NAN;
    row->blocked = old ? share(v->blocked_ns, old->blocked_ns, seconds) : NAN;
    row->offline = old ? share(v->offline_ns, old->offline_ns, seconds) : NAN;
    row->hypercalls = old ? rate(sum(v->call, SAMPLE_CALLS), sum(old->call, SAMPLE_CALLS), seconds) : NAN;
    row->traps = old ? rate(traps(v), traps(old), seconds) : NAN;
    row->events = old ? rate(v->event[EVENT_UPCALL], old->event[EVENT_UPCALL], seconds) : NAN;
    row->latency = latency(v, old);
}

static void fill_cpu(const struct model *m, struct top_cpu *row, size_t i)
{
    const struct sample_cpu *c = &m->now.cpu[i], *old = i < m->before.cpus ? &m->before.cpu[i] : NULL;
    double seconds = old && old->id == c->id ? model_seconds(m) : 0;
    static const struct sample_cpu none;

    old = old ? old : &none;
    row->id = (double)c->id;
    row->idle = fmin(share(c->idle_ns, old->idle_ns, seconds), 100);
    row->idle = seconds > 0 ? row->idle : NAN;
    row->busy = 100 - row->idle;
    row->timer = rate(c->timer, old->timer, seconds);
    row->between = rate(c->between, old->between, seconds);
    row->device = rate(c->device, old->device, seconds);
}

/* ---- histories ---- */

/* The rates of the seconds since the sample before. */
static void add_seconds(struct history *h, const struct top_domain *d, double seconds)
{
    const double value[HISTORIES] = {d->cpu, d->steal, d->disk_read + d->disk_write, d->net_in + d->net_out};
    unsigned int n = isnan(d->cpu) ? 0 : seconds < 1 ? 1 : seconds > HISTORY ? HISTORY : (unsigned int)lround(seconds);

    for (; n; n--, h->taken++)
        for (int kind = 0; kind < HISTORIES; kind++)
            h->value[kind][h->taken % HISTORY] = (float)value[kind];
}

/* Both lists are sorted by id; histories of the domains that go on change hands. */
static bool move_histories(struct model *m)
{
    struct history **next = calloc(m->now.domains + 1, sizeof(*next));
    const struct top_domain *row = m->row[TOP_DOMAINS];
    size_t old = 0;

    for (size_t i = 0; next && i < m->now.domains && m->now.domain[i].id != SAMPLE_NO_ID; i++) {
        uint64_t id = m->now.domain[i].id;

        while (old < m->histories && (!m->history[old] || m->history[old]->id < id))
            old++;
        if (old < m->histories && m->history[old]->id == id && !isnan(row[i].cpu)) {
            next[i] = m->history[old];
            m->history[old] = NULL;
        } else {
            next[i] = calloc(1, sizeof(**next));
        }
        if (!next[i])
            continue;
        next[i]->id = id;
        add_seconds(next[i], &row[i], model_seconds(m));
    }
    for (size_t i = 0; next && i < m->histories; i++)
        free(m->history[i]);
    if (!next)
        return false;
    free(m->history);
    m->history = next;
    m->histories = m->now.domains;
    return true;
}

const struct history *model_history(const struct model *m, uint64_t id)
{
    for (size_t i = 0; i < m->histories; i++)
        if (m->history[i] && m->history[i]->id == id)
            return m->history[i];
    return NULL;
}

/* ---- the whole ---- */

static void fill_rows(struct model *m)
{
    double busy = 0;

    for (size_t i = 0; i < m->now.domains; i++)
        fill_domain(m, (struct top_domain *)m->row[TOP_DOMAINS] + i, &m->now.domain[i]);
    for (size_t i = 0; i < m->now.vcpus; i++)
        fill_vcpu(m, (struct top_vcpu *)m->row[TOP_VCPUS] + i, &m->now.vcpu[i]);
    for (size_t i = 0; i < m->now.cpus; i++) {
        fill_cpu(m, (struct top_cpu *)m->row[TOP_CPUS] + i, i);
        busy += ((struct top_cpu *)m->row[TOP_CPUS])[i].busy;
    }
    for (size_t i = 0; i < m->now.channels; i++)
        ends_channel(&m->now, (struct top_channel *)m->row[TOP_CHANNELS] + i, &m->now.channel[i]);
    for (size_t i = 0; i < m->now.mappings; i++)
        ends_mapping(&m->now, (struct top_mapping *)m->row[TOP_MAPPINGS] + i, &m->now.mapping[i]);
    m->busy = m->now.cpus ? busy / (double)m->now.cpus : NAN;
}

bool model_take(struct model *m, struct sample *s)
{
    const size_t rows[TOP_TABLES] = {s->domains, s->vcpus, s->cpus, s->channels, s->mappings};
    void *row[TOP_TABLES] = {0};

    for (int t = 0; t < TOP_TABLES; t++) {
        row[t] = calloc(rows[t] + 1, top_table[t].row_size);
        if (!row[t]) {
            while (t-- > 0)
                free(row[t]);
            return false;
        }
    }
    sample_clear(&m->before);
    m->before = m->now;
    m->has_before = m->before.at_ns != 0;
    m->now = *s;
    memset(s, 0, sizeof(*s));
    for (int t = 0; t < TOP_TABLES; t++) {
        free(m->row[t]);
        m->row[t] = row[t];
        m->rows[t] = rows[t];
    }
    fill_rows(m);
    return move_histories(m);
}

void model_clear(struct model *m)
{
    sample_clear(&m->now);
    sample_clear(&m->before);
    for (int t = 0; t < TOP_TABLES; t++)
        free(m->row[t]);
    for (size_t i = 0; i < m->histories; i++)
        free(m->history[i]);
    free(m->history);
    memset(m, 0, sizeof(*m));
}
