/* SPDX-License-Identifier: MIT */
/*
 * The machine and its hypervisor: what it is, what it says, whether its accounts are right; and a domain's core.
 */
#include <stdlib.h>
#include <string.h>

#include "cli.h"

extern const char wirt_version[];

int run_info(struct run *r)
{
    static const struct column columns[] = {
        {"Hypervisor", "hypervisor", K_TEXT},
        {"Interface", "version", K_TEXT},
        {"Build", "changeset", K_TEXT},
        {"Options", "commandline", K_TEXT},
        {"Guests", "capabilities", K_TEXT},
        {"Hardware assist", "assist", K_TEXT},
        {"CPUs", "cpus", K_NUMBER},
        {"CPU kHz", "cpu_khz", K_NUMBER},
        {"Memory", "memory_kib", K_MIB},
        {"Free", "free_kib", K_MIB},
        {"Claimed", "claimed_kib", K_MIB},
        {"Domains", "domains", K_NUMBER},
        {NULL, NULL, K_TEXT},
    };
    struct wirt_domain *domains = NULL;
    struct wirt_host h;
    size_t count = 0;
    int code = wirt_host_info(r->w, &h);

    code = code ? code : wirt_list(r->w, &domains, &count);
    free(domains);
    if (code)
        return code;
    return show_fields(r,
                       json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:b, s:i, s:i, s:I, s:I, s:I, s:i}", "hypervisor",
                                 h.is_wirt ? "Wirt" : "Xen", "version", h.version, "extra", h.extra, "changeset",
                                 h.changeset, "commandline", h.commandline, "capabilities", h.capabilities, "assist",
                                 h.assist, "is_assisted", h.is_assisted, "cpus", (int)h.cpus, "cpu_khz", (int)h.cpu_khz,
                                 "memory_kib", (json_int_t)h.memory_kib, "free_kib", (json_int_t)h.free_kib,
                                 "claimed_kib", (json_int_t)h.claimed_kib, "domains", (int)count),
                       columns);
}

/* The tools' version can be had anywhere. */
int run_version(struct run *r)
{
    struct wirt_host h;
    bool is_there = !wirt_host_info(r->w, &h);
    const char *kind = is_there ? h.is_wirt ? "Wirt" : "Xen" : NULL;
    char line[420];

    snprintf(line, sizeof(line), "%s %s", kind ? kind : "none:", kind ? h.version : wirt_error(r->w)->cause);
    return show_done(
        r, json_pack("{s:s, s:s?, s:s?}", "wirt", wirt_version, "hypervisor", kind, "version", kind ? h.version : NULL),
        "wirt %s\nhypervisor: %s", wirt_version, line);
}

int run_dmesg(struct run *r)
{
    char *text = NULL;
    int code = wirt_host_log(r->w, run_choice(r, 'c'), &text);

    return code ? code : show_text(r, "text", text, strlen(text));
}

int run_debug_keys(struct run *r)
{
    char *text = NULL;
    int code = wirt_host_keys(r->w, r->arguments[0], &text);

    return code ? code : show_text(r, "text", text, strlen(text));
}

/* Dead domains whose memory others keep: no fault, and yet what somebody looks for who audits. */
static json_t *lingering(struct run *r)
{
    struct wirt_domain *d = NULL;
    json_t *list = json_array();
    size_t count = 0;

    wirt_list(r->w, &d, &count);
    for (size_t i = 0; i < count; i++) {
        if (d[i].state != WIRT_DYING)
            continue;
        json_array_append_new(list, json_domain(r->w, &d[i]));
        if (!r->does_json)
            printf("domain %u, %lu KiB: %s\n", d[i].id, d[i].held_kib, d[i].note);
    }
    free(d);
    return list;
}

int run_audit(struct run *r)
{
    char *text = NULL;
    uint64_t faults = 0;
    json_t *dying;
    int code = wirt_host_audit(r->w, &text, &faults);

    if (code)
        return code;
    if (!r->does_json)
        print_clean(stdout, text, strlen(text));
    dying = lingering(r);
    if (r->does_json)
        show_done(
            r, json_pack("{s:I, s:O, s:o}", "faults", faults, "dying", dying, "text", json_bytes(text, strlen(text))),
            "%s", "");
    json_decref(dying);
    free(text);
    r->is_said = r->does_json;
    return faults ? wirt_fail(r->w, WIRT_FAILED, "hypervisor", "audit", "wirt dmesg has the details",
                              "%lu accounts are wrong", faults)
                  : 0;
}

int run_dump(struct run *r)
{
    const char *path = r->arguments[1];
    struct wirt_domain d;
    struct progress p;
    char what[96];
    int code = find_domain(r, 0, &d);

    if (code)
        return code;
    snprintf(what, sizeof(what), "dump %s", d.name);
    progress_start(&p, r, what);
    code = wirt_dump(r->w, d.id, path, &p.to);
    progress_end(&p);
    return code ? code
                : show_done(r,
                            json_pack("{s:i, s:s, s:o}", "id", (int)d.id, "name", d.name, "file",
                                      json_bytes(path, strlen(path))),
                            "domain %s (%u): its core is %s", d.name, d.id, path);
}
