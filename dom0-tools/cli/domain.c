/* SPDX-License-Identifier: MIT */
/*
 * Which domain is meant: a number is an id, anything else a name (a name is never a number alone). One that is not
 * there is looked for among the definitions and among names that look like it. And domains as they are listed.
 */
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "wirtd_client.h"
#include "word.h"

json_t *json_id(const struct wirt_domain *d)
{
    return json_pack("{s:i, s:s}", "id", (int)d->id, "name", d->name);
}

static json_t *json_holders(struct wirt *w, const struct wirt_domain *d)
{
    struct wirt_holder *h = NULL;
    size_t count = d->state == WIRT_DYING ? wirt_holders(w, d->id, &h) : 0;
    json_t *list = json_array();

    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, json_pack("{s:i, s:s, s:I, s:I, s:o}", "id", (int)h[i].id, "name", h[i].name,
                                              "grants", (json_int_t)h[i].grants, "frames", (json_int_t)h[i].frames,
                                              "by", json_bytes(h[i].by, strlen(h[i].by))));
    free(h);
    return list;
}

json_t *json_domain(struct wirt *w, const struct wirt_domain *d)
{
    bool is_over = d->state == WIRT_SHUTDOWN || d->state == WIRT_CRASHED;

    return json_pack("{s:i, s:s, s:o, s:s, s:s?, s:i, s:i, s:I, s:I, s:I, s:I, s:o, s:o}", "id", (int)d->id, "name",
                     d->name, "uuid", json_uuid(d->uuid), "state", word_state(d->state), "shutdown_reason",
                     is_over ? word_reason(d->shutdown_reason) : NULL, "vcpus", (int)d->vcpus, "max_vcpus",
                     (int)d->max_vcpus, "memory_kib", (json_int_t)d->memory_kib, "max_memory_kib",
                     (json_int_t)d->max_memory_kib, "cpu_ns", (json_int_t)d->cpu_ns, "held_kib",
                     (json_int_t)d->held_kib, "holders", json_holders(w, d), "note",
                     json_bytes(d->note, strlen(d->note)));
}

int each_name(struct wirt *w, bool with_defined, void (*fn)(void *arg, const char *name), void *arg)
{
    struct wirt_domain *running = NULL;
    char **defined = NULL;
    size_t running_count = 0, defined_count = 0;
    int code = wirt_list(w, &running, &running_count);

    for (size_t i = 0; !code && i < running_count; i++)
        fn(arg, running[i].name);
    if (with_defined && !wirt_defined_list(w, &defined, &defined_count))
        code = 0;
    for (size_t i = 0; i < defined_count; i++) {
        bool does_run = false;

        for (size_t j = 0; j < running_count; j++)
            does_run |= !strcmp(running[j].name, defined[i]);
        if (!does_run)
            fn(arg, defined[i]);
        free(defined[i]);
    }
    free(defined);
    free(running);
    return code;
}

static void try_name(void *arg, const char *name)
{
    guess_try(arg, name);
}

int find_domain(struct run *r, int argument, struct wirt_domain *d)
{
    const char *word = r->arguments[argument];
    int code = wirt_find(r->w, word, d);
    struct wirt_error e = *wirt_error(r->w);
    struct wirt_config *c = NULL;
    struct guess g;

    if (code != WIRT_NOT_FOUND)
        return code;
    guess_start(&g, word);
    if (word[strspn(word, "0123456789")] && !wirt_defined(r->w, word, &c)) {
        snprintf(g.text, sizeof(g.text), "it is defined, and does not run: wirt start %s", c->name);
        wirt_config_free(c);
    } else {
        each_name(r->w, false, try_name, &g);
    }
    return wirt_fail(r->w, WIRT_NOT_FOUND, e.object, e.step, g.text[0] ? g.text : e.next, "%s", e.cause);
}

/* ---- list ---- */

static void print_name(void *arg, const char *name)
{
    if (arg)
        json_array_append_new(arg, json_string(name));
    else
        printf("%s\n", name);
}

static int list_names(struct run *r)
{
    json_t *names = r->does_json ? json_array() : NULL;
    int code = each_name(r->w, run_choice(r, 'a'), print_name, names);

    if (code)
        return code;
    return names ? show_rows(r, names, NULL) : 0;
}

static bool has_row(const json_t *rows, const char *name)
{
    const json_t *row;
    size_t at;

    json_array_foreach(rows, at, row) if (!strcmp(json_string_value(json_object_get(row, "name")), name)) return true;
    return false;
}

static json_t *empty_row(const char *name, const char *state, const char *note)
{
    return json_pack("{s:n, s:s, s:n, s:s, s:n, s:n, s:n, s:n, s:n, s:n, s:i, s:[], s:s}", "id", "name", name, "uuid",
                     "state", state, "shutdown_reason", "vcpus", "max_vcpus", "memory_kib", "max_memory_kib", "cpu_ns",
                     "held_kib", 0, "holders", "note", note);
}

/* Domains that are between their end and a new start, which wirtd alone knows. */
static void add_restarts(struct run *r, json_t *rows)
{
    char *reply = NULL, note[160];
    json_t *all;
    const json_t *one;
    size_t i;

    if (!wirt_restart_waits(NULL) || wirt_daemon_request(r->w, "list", &reply))
        return;
    all = json_loads(reply, 0, NULL);
    free(reply);
    json_array_foreach(json_object_get(all, "restarts"), i, one)
    {
        const char *name = json_string_value(json_object_get(one, "name"));

        if (!name || has_row(rows, name))
            continue;
        snprintf(note, sizeof(note), "starts again in %lld s; wirt destroy %s ends that",
                 json_integer_value(json_object_get(one, "seconds")), name);
        json_array_append_new(rows, empty_row(name, "restarting", note));
    }
    json_decref(all);
}

static void add_defined(struct run *r, json_t *rows)
{
    char **names = NULL;
    size_t count = 0;

    wirt_defined_list(r->w, &names, &count);
    for (size_t i = 0; i < count; i++) {
        struct wirt_config *c = NULL;
        bool is_shown = has_row(rows, names[i]);

        if (!is_shown && !wirt_defined(r->w, names[i], &c))
            json_array_append_new(
                rows, json_pack("{s:n, s:s, s:o, s:s, s:n, s:i, s:i, s:I, s:I, s:n, s:i, s:[], s:s}", "id", "name",
                                names[i], "uuid", json_uuid(c->uuid), "state", "defined", "shutdown_reason", "vcpus",
                                (int)c->vcpus, "max_vcpus", (int)c->max_vcpus, "memory_kib", (json_int_t)c->memory_kib,
                                "max_memory_kib", (json_int_t)c->max_memory_kib, "cpu_ns", "held_kib", 0, "holders",
                                "note", wirt_is_autostart(names[i]) ? "autostart" : ""));
        else if (!is_shown)
            json_array_append_new(rows, empty_row(names[i], "defined", "its file cannot be read: wirt dominfo"));
        wirt_config_free(c);
        free(names[i]);
    }
    free(names);
}

int run_list(struct run *r)
{
    static const struct column columns[] = {
        {"Id", "id", K_NUMBER},       {"Name", "name", K_TEXT},     {"State", "state", K_TEXT},
        {"vCPUs", "vcpus", K_NUMBER}, {"MiB", "memory_kib", K_MIB}, {"CPU s", "cpu_ns", K_SECONDS},
        {"", "note", K_TEXT},         {NULL, NULL, K_TEXT},
    };
    struct wirt_domain *domains = NULL;
    json_t *rows;
    size_t count = 0;
    int code;

    if (run_choice(r, 'N'))
        return list_names(r);
    code = wirt_list(r->w, &domains, &count);
    if (code)
        return code;
    rows = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(rows, json_domain(r->w, &domains[i]));
    free(domains);
    add_restarts(r, rows);
    if (run_choice(r, 'a'))
        add_defined(r, rows);
    return show_rows(r, rows, columns);
}

/* ---- dominfo ---- */

static int show_xml(struct run *r, const struct wirt_config *c, int domid)
{
    char *xml;
    int code = wirt_config_write(r->w, c, domid, &xml);

    return code ? code : show_text(r, "xml", xml, strlen(xml));
}

static int info_fields(struct run *r, json_t *fields, const char *name, bool is_defined)
{
    static const struct column columns[] = {
        {"Name", "name", K_TEXT},
        {"Id", "id", K_NUMBER},
        {"UUID", "uuid", K_TEXT},
        {"State", "state", K_TEXT},
        {"Reason", "shutdown_reason", K_TEXT},
        {"vCPUs", "vcpus", K_NUMBER},
        {"Most vCPUs", "max_vcpus", K_NUMBER},
        {"Memory", "memory_kib", K_MIB},
        {"Most memory", "max_memory_kib", K_MIB},
        {"CPU time", "cpu_ns", K_SECONDS},
        {"Defined", "defined", K_BOOL},
        {"Autostart", "autostart", K_BOOL},
        {"Note", "note", K_TEXT},
        {NULL, NULL, K_TEXT},
    };

    json_object_set_new(fields, "defined", json_boolean(is_defined));
    json_object_set_new(fields, "autostart", json_boolean(wirt_is_autostart(name)));
    return show_fields(r, fields, columns);
}

static int info_defined(struct run *r, const struct wirt_config *c)
{
    if (run_choice(r, 'x'))
        return show_xml(r, c, -1);
    return info_fields(r,
                       json_pack("{s:n, s:s, s:o, s:s, s:n, s:i, s:i, s:I, s:I, s:n, s:i, s:[], s:s}", "id", "name",
                                 c->name, "uuid", json_uuid(c->uuid), "state", "defined", "shutdown_reason", "vcpus",
                                 (int)c->vcpus, "max_vcpus", (int)c->max_vcpus, "memory_kib", (json_int_t)c->memory_kib,
                                 "max_memory_kib", (json_int_t)c->max_memory_kib, "cpu_ns", "held_kib", 0, "holders",
                                 "note", ""),
                       c->name, true);
}

int run_dominfo(struct run *r)
{
    const char *word = r->arguments[0];
    struct wirt_config *c = NULL;
    struct wirt_domain d;
    bool is_defined;
    int code = wirt_find(r->w, word, &d);

    /* A definition can be looked at on a machine without a hypervisor. */
    if ((code == WIRT_NOT_FOUND || code == WIRT_NO_HOST) && word[strspn(word, "0123456789")]) {
        struct wirt_error e = *wirt_error(r->w);

        if (!wirt_defined(r->w, word, &c)) {
            code = info_defined(r, c);
            wirt_config_free(c);
            return code;
        }
        if (wirt_error(r->w)->code != WIRT_NOT_FOUND)
            return (int)wirt_error(r->w)->code;
        wirt_fail(r->w, e.code, e.object, e.step, e.next, "%s", e.cause);
    }
    if (code)
        return code == WIRT_NOT_FOUND ? find_domain(r, 0, &d) : code;
    if (run_choice(r, 'x')) {
        code = wirt_running_config(r->w, d.id, &c);
        if (!code && strcmp(d.name, "(unnamed)"))
            snprintf(c->name, sizeof(c->name), "%s", d.name); /* it may have been renamed */
        code = code ? code : show_xml(r, c, (int)d.id);
        wirt_config_free(c);
        return code;
    }
    is_defined = !wirt_defined(r->w, d.name, &c);
    wirt_config_free(c);
    return info_fields(r, json_domain(r->w, &d), d.name, is_defined);
}
