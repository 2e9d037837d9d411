/* SPDX-License-Identifier: MIT */
/*
 * vCPUs, memory, and shares of the CPUs.
 */
#include <stdlib.h>
#include <string.h>

#include "cli.h"

/* Calls FN for the domain of the first argument, or for all. */
static int each_domain(struct run *r, int (*fn)(struct run *r, const struct wirt_domain *d, json_t *rows), json_t *rows)
{
    struct wirt_domain *all = NULL, one;
    size_t count = 1;
    int code = r->count ? find_domain(r, 0, &one) : wirt_list(r->w, &all, &count);

    for (size_t i = 0; !code && i < count; i++) {
        code = fn(r, all ? &all[i] : &one, rows);
        if (code == WIRT_NOT_FOUND && !r->count) /* it ended meanwhile */
            code = 0;
    }
    free(all);
    return code;
}

static int add_vcpus(struct run *r, const struct wirt_domain *d, json_t *rows)
{
    struct wirt_vcpu *vcpus = NULL;
    size_t count = 0;
    int code = wirt_vcpus(r->w, d->id, &vcpus, &count);

    for (size_t i = 0; !code && i < count; i++) {
        const struct wirt_vcpu *v = &vcpus[i];
        char set[256];

        cpus_text(v->affinity, set, sizeof(set));
        json_array_append_new(rows, json_pack("{s:i, s:s, s:i, s:o, s:s, s:I, s:s}", "id", (int)d->id, "name", d->name,
                                              "vcpu", (int)v->id, "cpu",
                                              v->is_online ? json_integer(v->cpu) : json_null(), "state",
                                              !v->is_online   ? "offline"
                                              : v->is_running ? "running"
                                              : v->is_blocked ? "blocked"
                                                              : "ready",
                                              "cpu_ns", (json_int_t)v->cpu_ns, "affinity", set));
    }
    free(vcpus);
    return code;
}

static int show_or_drop(struct run *r, int code, json_t *rows, const struct column *columns)
{
    if (!code)
        return show_rows(r, rows, columns);
    json_decref(rows);
    return code;
}

int run_vcpu_list(struct run *r)
{
    static const struct column columns[] = {
        {"Id", "id", K_NUMBER},
        {"Name", "name", K_TEXT},
        {"vCPU", "vcpu", K_NUMBER},
        {"CPU", "cpu", K_NUMBER},
        {"State", "state", K_TEXT},
        {"CPU s", "cpu_ns", K_SECONDS},
        {"May run on", "affinity", K_TEXT},
        {NULL, NULL, K_TEXT},
    };
    json_t *rows = json_array();

    return show_or_drop(r, each_domain(r, add_vcpus, rows), rows, columns);
}

int run_vcpu_pin(struct run *r)
{
    bool is_all = !strcmp(r->arguments[1], "all");
    struct wirt_vcpu *vcpus = NULL;
    struct wirt_domain d;
    uint64_t vcpu = 0, cpus;
    char set[256];
    size_t count = 0;
    int code = is_all ? 0 : parse_number(r, "VCPU", r->arguments[1], 0, WIRT_VCPU_MAX - 1, &vcpu);

    code = code ? code : parse_cpus(r, r->arguments[2], &cpus);
    code = code ? code : find_domain(r, 0, &d);
    code = code ? code : wirt_vcpus(r->w, d.id, &vcpus, &count);
    if (!code && !is_all)
        code = wirt_pin(r->w, d.id, (uint32_t)vcpu, cpus);
    for (size_t i = 0; !code && is_all && i < count; i++)
        code = wirt_pin(r->w, d.id, vcpus[i].id, cpus);
    free(vcpus);
    if (code)
        return code;
    cpus_text(cpus, set, sizeof(set));
    return show_done(
        r, json_pack("{s:i, s:s, s:s, s:s}", "id", (int)d.id, "name", d.name, "vcpu", r->arguments[1], "affinity", set),
        "domain %s (%u): vCPU %s may run on %s", d.name, d.id, r->arguments[1], set);
}

int run_vcpu_set(struct run *r)
{
    struct wirt_domain d;
    uint64_t count;
    int code = parse_number(r, "COUNT", r->arguments[1], 1, WIRT_VCPU_MAX, &count);

    code = code ? code : find_domain(r, 0, &d);
    code = code ? code : wirt_set_vcpus(r->w, d.id, (uint32_t)count);
    return code ? code
                : show_done(r, json_pack("{s:i, s:s, s:I}", "id", (int)d.id, "name", d.name, "vcpus", count),
                            "domain %s (%u): asked to use %lu of %u vCPUs", d.name, d.id, count, d.max_vcpus);
}

int run_mem_set(struct run *r)
{
    struct wirt_domain d;
    uint64_t kib;
    int code = parse_memory(r, r->arguments[1], &kib);

    code = code ? code : find_domain(r, 0, &d);
    code = code ? code : wirt_set_memory(r->w, d.id, kib);
    return code ? code
                : show_done(r, json_pack("{s:i, s:s, s:I}", "id", (int)d.id, "name", d.name, "memory_kib", kib),
                            "domain %s (%u): asked to balloon to %.1f MiB", d.name, d.id, (double)kib / 1024);
}

int run_mem_max(struct run *r)
{
    struct wirt_domain d;
    uint64_t kib;
    int code = parse_memory(r, r->arguments[1], &kib);

    code = code ? code : find_domain(r, 0, &d);
    code = code ? code : wirt_set_max_memory(r->w, d.id, kib);
    return code ? code
                : show_done(r, json_pack("{s:i, s:s, s:I}", "id", (int)d.id, "name", d.name, "max_memory_kib", kib),
                            "domain %s (%u): may have %.1f MiB", d.name, d.id, (double)kib / 1024);
}

static int add_sched(struct run *r, const struct wirt_domain *d, json_t *rows)
{
    uint32_t weight, cap;
    int code = wirt_get_sched(r->w, d->id, &weight, &cap);

    if (!code)
        json_array_append_new(rows, json_pack("{s:i, s:s, s:i, s:i}", "id", (int)d->id, "name", d->name, "weight",
                                              (int)weight, "cap", (int)cap));
    return code;
}

static int set_sched(struct run *r, const char *weight, const char *cap)
{
    struct wirt_domain d;
    uint32_t old_weight, old_cap;
    uint64_t new_weight = 0, new_cap = 0;
    int code;

    if (!r->count)
        return usage_fail(r, "which DOMAIN is to have that share?");
    code = weight ? parse_number(r, "--weight", weight, 1, 65535, &new_weight) : 0;
    code = code || !cap ? code : parse_number(r, "--cap", cap, 0, 100 * WIRT_VCPU_MAX, &new_cap);
    code = code ? code : find_domain(r, 0, &d);
    code = code ? code : wirt_get_sched(r->w, d.id, &old_weight, &old_cap);
    if (code)
        return code;
    return wirt_set_sched(r->w, d.id, weight ? (uint32_t)new_weight : old_weight, cap ? (uint32_t)new_cap : old_cap);
}

int run_sched(struct run *r)
{
    static const struct column columns[] = {
        {"Id", "id", K_NUMBER},     {"Name", "name", K_TEXT}, {"Weight", "weight", K_NUMBER},
        {"Cap %", "cap", K_NUMBER}, {NULL, NULL, K_TEXT},
    };
    const char *weight = run_choice(r, 'W'), *cap = run_choice(r, 'C');
    json_t *rows;
    int code = weight || cap ? set_sched(r, weight, cap) : 0;

    if (code)
        return code;
    rows = json_array();
    return show_or_drop(r, each_domain(r, add_sched, rows), rows, columns);
}
