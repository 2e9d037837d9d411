/* SPDX-License-Identifier: MIT */
/*
 * Xenstore by hand. Values hold any bytes: what is no text is shown as \xNN.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ask.h"
#include "cli.h"
#include "config.h"
#include "watch.h"

/* Xenstore's errno in words that say what happened to a key. */
static int store_fail(struct run *r, const char *path, const char *step)
{
    char object[160];

    snprintf(object, sizeof(object), "key %.140s", path);
    if (errno == ENOENT)
        return wirt_fail(r->w, WIRT_NOT_FOUND, object, step, "", "there is no such key");
    if (errno == EINVAL)
        return wirt_fail(r->w, WIRT_USAGE, object, step, "", "this is no path: it has / A-Z a-z 0-9 - _ @ only");
    return ask_fail(r->w, errno == E2BIG || errno == ENOSPC ? WIRT_NO_ROOM : WIRT_FAILED, object, step, "",
                    "xenstored says no");
}

static void escaped_text(char *buffer, size_t size, const char *value, size_t bytes)
{
    size_t used = 0;

    buffer[0] = 0;
    for (size_t i = 0; i < bytes && used + 8 < size; i++) {
        unsigned char c = (unsigned char)value[i];

        used += (size_t)snprintf(buffer + used, size - used, c < ' ' || c > '~' ? "\\x%02x" : "%c", c);
    }
}

static json_t *permissions_of(struct wirt *w, const char *path)
{
    static const char letters[] = "nrwb";
    unsigned count = 0;
    struct xs_permissions *p = ask_access(w, path, &count);
    json_t *all = json_array();

    for (unsigned i = 0; p && i < count; i++)
        json_array_append_new(all, json_sprintf("%c%u", letters[p[i].perms & 3], p[i].id));
    free(p);
    return all;
}

/* One key as a row and, without JSON, as a line at once: a listing may be long. */
static void list_key(struct run *r, const char *path, unsigned depth, json_t *rows)
{
    const char *name = strrchr(path, '/');
    unsigned bytes = 0;
    char *value = ask_read(r->w, 0, path, &bytes), shown[512];
    json_t *permissions = r->does_json || run_choice(r, 'p') ? permissions_of(r->w, path) : NULL;

    if (rows) {
        json_array_append_new(rows,
                              json_pack("{s:s, s:o, s:o}", "path", path, "value",
                                        value ? json_bytes(value, bytes) : json_null(), "permissions", permissions));
    } else {
        escaped_text(shown, sizeof(shown), value ? value : "", bytes);
        printf("%*s%s = \"%s\"", (int)depth * 2, "", name ? name + 1 : path, shown);
        for (size_t i = 0; permissions && i < json_array_size(permissions); i++)
            printf("%s%s", i ? "," : "  ", json_string_value(json_array_get(permissions, i)));
        printf("\n");
        json_decref(permissions);
    }
    free(value);
}

static int list_below(struct run *r, const char *path, unsigned depth, json_t *rows)
{
    unsigned count = 0;
    char **names = ask_list(r->w, 0, path, &count);

    if (!names)
        return depth ? 0 : store_fail(r, path, "list");
    for (unsigned i = 0; i < count; i++) {
        char *child;

        if (asprintf(&child, "%s/%s", strcmp(path, "/") ? path : "", names[i]) < 0)
            break;
        list_key(r, child, depth, rows);
        if (run_choice(r, 'r'))
            list_below(r, child, depth + 1, rows);
        free(child);
    }
    free(names);
    return 0;
}

int run_store_ls(struct run *r)
{
    const char *path = r->count ? r->arguments[0] : "/";
    json_t *rows;
    int code;

    rows = r->does_json ? json_array() : NULL;
    code = list_below(r, path, 0, rows);
    if (!code && rows)
        return show_rows(r, rows, NULL);
    json_decref(rows);
    return code;
}

int run_store_read(struct run *r)
{
    const char *path = r->arguments[0];
    unsigned bytes = 0;
    char *value;

    value = ask_read(r->w, 0, path, &bytes);
    if (!value)
        return store_fail(r, path, "read");
    if (!r->does_json)
        return show_text(r, "value", value, bytes);
    show_done(r, json_pack("{s:s, s:o}", "path", path, "value", json_bytes(value, bytes)), "%s", "");
    free(value);
    return 0;
}

int run_store_write(struct run *r)
{
    const char *path = r->arguments[0], *value = r->arguments[1];

    if (!ask_write(r->w, 0, path, value, strlen(value)))
        return store_fail(r, path, "write");
    return show_done(r, json_pack("{s:s, s:o}", "path", path, "value", json_bytes(value, strlen(value))), "%s = \"%s\"",
                     path, value);
}

int run_store_rm(struct run *r)
{
    const char *path = r->arguments[0];

    if (!ask_remove(r->w, 0, path))
        return store_fail(r, path, "remove");
    return show_done(r, json_pack("{s:s}", "path", path), "%s: removed", path);
}

static void print_event(struct run *r, const char *path)
{
    json_t *event = r->does_json ? json_pack("{s:s}", "path", path) : NULL;

    if (event)
        json_dumpf(event, stdout, JSON_COMPACT);
    printf("%s\n", event ? "" : path);
    fflush(stdout);
    json_decref(event);
}

/* The errno of xenstored's word for it. */
static int errno_of(const char *word)
{
    for (size_t i = 0; i < sizeof(xsd_errors) / sizeof(xsd_errors[0]); i++)
        if (!strcmp(word, xsd_errors[i].errstring))
            return xsd_errors[i].errnum;
    return EIO;
}

/* By our own connection: with the library's, an event that came together with an answer wakes nobody. */
int run_store_watch(struct run *r)
{
    const char *count_text = run_choice(r, 'n'), *time_text = run_choice(r, 't'), *path = NULL, *token;
    uint64_t left = UINT64_MAX, seconds = 0, start = now_ns();
    int code = count_text ? parse_number(r, "--count", count_text, 1, UINT32_MAX, &left) : 0, event = 1;
    struct watch watch;

    code = code || !time_text ? code : parse_number(r, "--timeout", time_text, 1, 1000000, &seconds);
    if (code)
        return code;
    if (!ask_lives(r->w))
        return (int)wirt_error(r->w)->code;
    errno = watch_open(&watch);
    for (int i = 0; i < r->count && !errno; i++)
        errno = watch_add(&watch, r->arguments[i], "w");
    if (errno)
        return store_fail(r, r->arguments[0], "watch");
    for (; left && event > 0; left -= event > 0) {
        uint64_t spent = (now_ns() - start) / 1000000, most = seconds * 1000;

        event = watch_next(&watch, !seconds ? -1 : spent < most ? (int)(most - spent) : 0, &path, &token);
        if (event > 0)
            print_event(r, path);
    }
    watch_close(&watch);
    if (event > 0)
        return 0;
    if (event == 0)
        return wirt_fail(r->w, WIRT_TIMEOUT, r->arguments[0], "watch", "", "after %lu s there was nothing more",
                         seconds);
    errno = event == -EREMOTE ? errno_of(path) : -event;
    return store_fail(r, r->arguments[0], "watch");
}

static int parse_mode(struct run *r, const char *text, struct xs_permissions *p)
{
    static const char letters[] = "nrwb"; /* XS_PERM_NONE, _READ, _WRITE, both */
    const char *at = text[0] ? strchr(letters, text[0]) : NULL;
    uint64_t id;

    if (at && config_number(text + 1, &id) && id <= 32752) {
        *p = (struct xs_permissions){.id = (unsigned)id, .perms = (unsigned)(at - letters)};
        return 0;
    }
    return usage_fail(r, "MODE is '%.40s', and has to be n, r, w or b with a domain's number behind it: r0", text);
}

int run_store_chmod(struct run *r)
{
    const char *path = r->arguments[0];
    unsigned count = (unsigned)r->count - 1;
    struct xs_permissions *modes = calloc(count, sizeof(*modes));
    int code = modes ? 0 : wirt_fail(r->w, WIRT_NO_ROOM, path, "set permissions", "", "memory ran out");

    for (unsigned i = 0; i < count && !code; i++)
        code = parse_mode(r, r->arguments[1 + i], &modes[i]);
    if (!code && !ask_permit(r->w, 0, path, modes, count))
        code = store_fail(r, path, "set permissions");
    free(modes);
    if (code)
        return code;
    return show_done(r, json_pack("{s:s, s:o}", "path", path, "permissions", permissions_of(r->w, path)),
                     "%s: permissions set", path);
}
