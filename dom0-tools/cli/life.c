/* SPDX-License-Identifier: MIT */
/*
 * The commands of a domain's life. Each finds its domain, makes one call to libwirt, and says what was done. Waiting is
 * for what the hypervisor shows: a domain has ended when its id is gone or belongs to another.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "wirtd_client.h"

/* What a person should know of a configuration that was read and is good. */
static json_t *say_notes(struct run *r, const char *file, const struct wirt_config *c)
{
    json_t *notes = json_array();
    char *all = c->notes ? strdup(c->notes) : NULL, *rest = all;

    for (char *line = strsep(&rest, "\n"); line; line = strsep(&rest, "\n")) {
        json_array_append_new(notes, json_string(line));
        if (!r->does_json)
            fprintf(stderr, "wirt: %s: note: %s\n", file, line);
    }
    free(all);
    return notes;
}

static int create(struct run *r, const char *file, const struct wirt_config *c)
{
    json_t *notes = say_notes(r, file, c);
    struct progress p;
    char what[96];
    uint32_t id = 0;
    int code;

    snprintf(what, sizeof(what), "create %s", c->name);
    progress_start(&p, r, what);
    code = wirt_create(r->w, c, run_choice(r, 'p'), &p.to, &id);
    progress_end(&p);
    if (code) {
        json_decref(notes);
        return code;
    }
    code = show_done(r, json_pack("{s:i, s:s, s:o}", "id", (int)id, "name", c->name, "notes", notes),
                     "domain %s (%u): %s", c->name, id, run_choice(r, 'p') ? "created, paused" : "started");
    fflush(stdout);
    return run_choice(r, 'c') && !r->does_json ? console_attach(r, c->name, 0x1d, true) : code;
}

int run_create(struct run *r)
{
    struct wirt_config *c;
    int code = wirt_config_read_file(r->w, r->arguments[0], &c);

    if (code)
        return code;
    if (run_choice(r, 'n'))
        code =
            show_done(r, json_pack("{s:n, s:s, s:o}", "id", "name", c->name, "notes", say_notes(r, r->arguments[0], c)),
                      "%s: good; it describes the domain %s", r->arguments[0], c->name);
    else
        code = create(r, r->arguments[0], c);
    wirt_config_free(c);
    return code;
}

static void try_name(void *arg, const char *name)
{
    guess_try(arg, name);
}

static int find_definition(struct run *r, const char *name, struct wirt_config **c)
{
    int code = wirt_defined(r->w, name, c);
    struct wirt_error e = *wirt_error(r->w);
    char **names = NULL;
    struct guess g;
    size_t count = 0;

    if (code != WIRT_NOT_FOUND)
        return code;
    guess_start(&g, name);
    wirt_defined_list(r->w, &names, &count);
    for (size_t i = 0; i < count; i++) {
        try_name(&g, names[i]);
        free(names[i]);
    }
    free(names);
    return wirt_fail(r->w, WIRT_NOT_FOUND, e.object, e.step, g.text[0] ? g.text : e.next, "%s", e.cause);
}

int run_start(struct run *r)
{
    struct wirt_config *c;
    int code = find_definition(r, r->arguments[0], &c);

    if (code)
        return code;
    code = create(r, c->name, c);
    wirt_config_free(c);
    return code;
}

int run_define(struct run *r)
{
    struct wirt_config *c;
    int code = wirt_config_read_file(r->w, r->arguments[0], &c);

    if (code)
        return code;
    code = wirt_define(r->w, c);
    if (!code)
        code = show_done(r,
                         json_pack("{s:s, s:o, s:o}", "name", c->name, "uuid", json_uuid(c->uuid), "notes",
                                   say_notes(r, r->arguments[0], c)),
                         "domain %s: defined", c->name);
    wirt_config_free(c);
    return code;
}

int run_undefine(struct run *r)
{
    struct wirt_config *c = NULL;
    int code = find_definition(r, r->arguments[0], &c);

    wirt_config_free(c);
    code = code == WIRT_NOT_FOUND ? code : wirt_undefine(r->w, r->arguments[0]);
    return code ? code
                : show_done(r, json_pack("{s:s}", "name", r->arguments[0]), "domain %s: undefined", r->arguments[0]);
}

int run_autostart(struct run *r)
{
    bool is_on = !run_choice(r, 'd');
    struct wirt_config *c = NULL;
    int code = find_definition(r, r->arguments[0], &c);

    wirt_config_free(c);
    code = code == WIRT_NOT_FOUND || (code && is_on) ? code : wirt_autostart(r->w, r->arguments[0], is_on);
    return code ? code
                : show_done(r, json_pack("{s:s, s:b}", "name", r->arguments[0], "autostart", is_on),
                            "domain %s: %s with the machine", r->arguments[0], is_on ? "starts" : "does not start");
}

/* Until the domain is gone, over, or (reboot) there anew. */
static int wait_for_end(struct run *r, const struct wirt_domain *d, bool is_reboot)
{
    const char *text = run_choice(r, 't');
    uint64_t seconds = 60, start = now_ns();
    struct progress p;
    char object[96], what[96];
    int code = text ? parse_number(r, "--timeout", text, 1, 1000000, &seconds) : 0;

    if (code)
        return code;
    snprintf(what, sizeof(what), "%s %s", is_reboot ? "reboot" : "shutdown", d->name);
    progress_start(&p, r, what);
    for (uint64_t spent = 0; !code && spent < seconds * 1000000000; spent = now_ns() - start) {
        struct wirt_domain now;
        char id[16];

        snprintf(id, sizeof(id), "%u", d->id);
        code = wirt_find(r->w, is_reboot ? d->name : id, &now);
        if (is_reboot && code == WIRT_NOT_FOUND)
            code = 0;
        else if (is_reboot ? !code && now.id != d->id
                           : code == WIRT_NOT_FOUND ||
                                 (!code && (memcmp(now.uuid, d->uuid, 16) || now.state == WIRT_SHUTDOWN)))
            return progress_end(&p), 0;
        if (p.to.fn)
            p.to.fn(p.to.arg, "wait for the guest", spent / 1000000000, seconds);
        usleep(100000);
    }
    progress_end(&p);
    snprintf(object, sizeof(object), "domain %s (%u)", d->name, d->id);
    if (code)
        return code;
    text = wirt_store_read(r->w, "/local/domain/%u/control/shutdown", d->id);
    code = wirt_fail(
        r->w, WIRT_TIMEOUT, object, "wait for the guest", "wirt console shows what it does; wirt destroy ends it",
        text && text[0] ? "after %lu s its kernel has not even read the request" : "after %lu s it has not finished",
        seconds);
    free((char *)text);
    return code;
}

static int ask(struct run *r, enum wirt_how how)
{
    bool is_reboot = how == WIRT_HOW_REBOOT;
    struct wirt_domain d;
    int code = find_domain(r, 0, &d);

    code = code ? code : wirt_shutdown(r->w, d.id, how);
    if (code || !run_choice(r, 'w'))
        return code ? code
                    : show_done(r, json_id(&d), "domain %s (%u): asked to %s", d.name, d.id,
                                is_reboot ? "reboot" : "power off");
    code = wait_for_end(r, &d, is_reboot);
    return code ? code
                : show_done(r, json_id(&d), "domain %s (%u): %s", d.name, d.id, is_reboot ? "rebooted" : "powered off");
}

int run_shutdown(struct run *r)
{
    return ask(r, WIRT_HOW_POWEROFF);
}

int run_reboot(struct run *r)
{
    return ask(r, WIRT_HOW_REBOOT);
}

#define STARTS_MS 10000 /* how long a restart that is under way is waited for */

/* A restart that wirtd has before it is given up; one that it is at comes to its end first. */
static bool cancel_restart(struct run *r, const char *name)
{
    struct wirt_domain d;
    char request[96];

    snprintf(request, sizeof(request), "cancel %.80s", name);
    for (unsigned int waited = 0; waited < STARTS_MS && wirt_restart_waits(name); waited += 200) {
        int code = wirt_daemon_request(r->w, request, NULL);

        if (code != WIRT_REFUSED || !wirt_find(r->w, name, &d))
            return code == 0;
        usleep(200000);
    }
    return false;
}

int run_destroy(struct run *r)
{
    const char *word = r->arguments[0];
    bool is_cancelled = cancel_restart(r, word);
    struct wirt_domain d;
    struct progress p;
    char what[96];
    int code = find_domain(r, 0, &d);

    if (code == WIRT_NOT_FOUND && is_cancelled)
        return show_done(r, json_pack("{s:n, s:s}", "id", "name", word), "domain %s: it is not started again", word);
    if (code)
        return code;
    snprintf(what, sizeof(what), "destroy %s", d.name);
    progress_start(&p, r, what);
    code = wirt_destroy(r->w, d.id, &p.to);
    progress_end(&p);
    if (code == WIRT_NOT_FOUND && is_cancelled)
        code = 0; /* wirtd was at it */
    if (!code)
        cancel_restart(r, d.name); /* it was being built for one, or ended by itself a moment ago */
    return code ? code : show_done(r, json_id(&d), "domain %s (%u): destroyed", d.name, d.id);
}

int run_pause(struct run *r)
{
    struct wirt_domain d;
    int code = find_domain(r, 0, &d);

    code = code ? code : wirt_pause(r->w, d.id);
    return code ? code : show_done(r, json_id(&d), "domain %s (%u): paused", d.name, d.id);
}

int run_unpause(struct run *r)
{
    struct wirt_domain d;
    int code = find_domain(r, 0, &d);

    code = code ? code : wirt_unpause(r->w, d.id);
    return code ? code : show_done(r, json_id(&d), "domain %s (%u): goes on", d.name, d.id);
}

int run_rename(struct run *r)
{
    struct wirt_domain d;
    int code = find_domain(r, 0, &d);

    code = code ? code : wirt_rename(r->w, d.id, r->arguments[1]);
    return code ? code
                : show_done(r, json_pack("{s:i, s:s}", "id", (int)d.id, "name", r->arguments[1]),
                            "domain %s (%u): its name is %s", d.name, d.id, r->arguments[1]);
}

int run_sysrq(struct run *r)
{
    const char *key = r->arguments[1];
    struct wirt_domain d;
    int code;

    if (!key[0] || key[1] || key[0] <= ' ' || key[0] > '~')
        return usage_fail(r, "KEY is '%.40s', and has to be one character", key);
    code = find_domain(r, 0, &d);
    code = code ? code : wirt_sysrq(r->w, d.id, key[0]);
    return code ? code : show_done(r, json_id(&d), "domain %s (%u): SysRq %c pressed", d.name, d.id, key[0]);
}
