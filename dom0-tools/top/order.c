/* SPDX-License-Identifier: MIT */
/*
 * What is asked of a model: rows in an order, by a filter; the kinds of what a domain's vCPUs did; the whole as JSON,
 * whose keys and units are the columns' and never change their meaning.
 */
#include "model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "word.h"

static const char *const events[SAMPLE_EVENTS] = {"page faults, the long way",
                                                  "  stores to page tables",
                                                  "general protection",
                                                  "  privileged instructions",
                                                  "other exceptions",
                                                  "events delivered",
                                                  "exits",
                                                  "  HLT",
                                                  "  CPUID",
                                                  "  MSR",
                                                  "  port",
                                                  "  hypercall",
                                                  "  memory"};

struct key { /* what rows are compared by */
    const struct table *table;
    const char *rows;
    const struct top_order *by;
};

static int compare_groups(const struct table *t, const char *a, const char *b)
{
    int order = 0;

    for (size_t i = 0; i < sizeof(t->group) / sizeof(t->group[0]) && !order; i++)
        if (t->group[i] >= 0)
            order = column_compare(&t->column[t->group[i]], a, b);
    return order;
}

/* Equal ones stay as the sample had them. */
static int compare(const void *a, const void *b, void *arg)
{
    const struct key *k = arg;
    size_t x = *(const size_t *)a, y = *(const size_t *)b;
    const char *left = k->rows + x * k->table->row_size, *right = k->rows + y * k->table->row_size;
    int order = k->by->is_tree ? compare_groups(k->table, left, right) : 0;

    if (!order)
        order = (k->by->is_descending ? -1 : 1) * column_compare(&k->table->column[k->by->sort], left, right);
    return order ? order : x < y ? -1 : x > y;
}

bool model_is_same_group(const struct model *m, int table, size_t a, size_t b)
{
    const struct table *t = &top_table[table];
    const char *rows = m->row[table];

    return compare_groups(t, rows + a * t->row_size, rows + b * t->row_size) == 0;
}

size_t model_order(const struct model *m, int table, const char *filter, const struct top_order *by, size_t **order)
{
    const struct table *t = &top_table[table];
    struct key key = {t, m->row[table], by};
    size_t *list = realloc(*order, (m->rows[table] + 1) * sizeof(*list)), count = 0;

    if (!list)
        return 0;
    *order = list;
    for (size_t i = 0; i < m->rows[table]; i++)
        if (table_matches(t, key.rows + i * t->row_size, filter))
            list[count++] = i;
    qsort_r(list, count, sizeof(*list), compare, &key);
    return count;
}

static int by_rate(const void *a, const void *b)
{
    double x = ((const struct top_rate *)a)->rate, y = ((const struct top_rate *)b)->rate;

    return x > y ? -1 : x < y;
}

/* What vCPUs of the domain counted between the samples, a second: `count` counters, which lie `at` in each record. */
static void add_up(const struct model *m, uint64_t domain, size_t at, size_t count, double *rate)
{
    double seconds = model_seconds(m);

    memset(rate, 0, count * sizeof(*rate));
    for (size_t i = 0; i < m->now.vcpus && seconds > 0; i++) {
        const struct sample_vcpu *v = &m->now.vcpu[i], *old;
        const uint64_t *now = (const void *)((const char *)v + at), *before;

        if (domain != MODEL_ALL && v->domain != domain)
            continue;
        old = model_before(m, v);
        before = (const void *)((const char *)old + at);
        for (size_t k = 0; old && k < count; k++)
            rate[k] += now[k] >= before[k] ? (double)(now[k] - before[k]) / seconds : 0;
    }
}

size_t model_calls(const struct model *m, uint64_t domain, struct top_rate *out, size_t most)
{
    struct top_rate all[SAMPLE_CALLS];
    double rate[SAMPLE_CALLS];
    size_t count = 0;

    add_up(m, domain, offsetof(struct sample_vcpu, call), SAMPLE_CALLS, rate);
    for (size_t i = 0; i < SAMPLE_CALLS; i++)
        if (rate[i] > 0)
            all[count++] =
                (struct top_rate){word_call((unsigned int)i) ? word_call((unsigned int)i) : "(none such)", rate[i]};
    qsort(all, count, sizeof(all[0]), by_rate);
    count = count < most ? count : most;
    memcpy(out, all, count * sizeof(all[0]));
    return count;
}

size_t model_events(const struct model *m, uint64_t domain, struct top_rate *out, size_t most)
{
    double rate[SAMPLE_EVENTS];
    size_t count = 0;

    add_up(m, domain, offsetof(struct sample_vcpu, event), SAMPLE_EVENTS, rate);
    for (size_t i = 0; i < SAMPLE_EVENTS && count < most; i++)
        if (rate[i] > 0)
            out[count++] = (struct top_rate){events[i] ? events[i] : "?", rate[i]};
    return count;
}

json_t *model_json(const struct model *m)
{
    double seconds = model_seconds(m);
    json_t *o = json_pack("{s:I, s:o, s:I, s:I, s:I, s:I, s:b}", "at_ns", (json_int_t)m->now.at_ns, "seconds",
                          seconds > 0 ? json_real(round(seconds * 1000) / 1000) : json_null(), "memory_kib",
                          (json_int_t)m->now.memory_kib, "free_kib", (json_int_t)m->now.free_kib, "claimed_kib",
                          (json_int_t)m->now.claimed_kib, "tables_kib", (json_int_t)m->now.tables_kib, "has_statistics",
                          (int)m->now.has_statistics);

    for (int t = 0; t < TOP_TABLES; t++)
        if ((t != TOP_CHANNELS || m->now.has_channels) && (t != TOP_MAPPINGS || m->now.has_mappings))
            json_object_set_new(o, top_table[t].name, table_json(&top_table[t], m->row[t], m->rows[t]));
    if (m->now.uses)
        json_object_set_new(o, "memory_use", model_uses_json(m));
    return o;
}
