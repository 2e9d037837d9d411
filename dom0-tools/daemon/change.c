/* SPDX-License-Identifier: MIT */
/*
 * What changes about domains, as events. The hypervisor's list is looked at once a second and whenever xenstore says
 * that a domain came or went, and compared with what was said last; devices are followed by a watch on the back ends'
 * directory. A domain is made known once its name is there. Nothing here acts on a domain: guest.c and ends.c do.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ask.h"
#include "event.h"
#include "hyper.h"
#include "internal.h"
#include "word.h"

#include <xen/sched.h>

#define NAME_MS    2000  /* so long a domain's name is waited for */
#define SETTLE_MS  900   /* memory that still moves is told later, */
#define MOVE_MS    10000 /* but not later than this */
#define CONSOLE_MS 10000 /* between two events of a console */

struct end { /* of a device: a back end */
    struct end *next;
    char kind[16];
    uint32_t id;
    int state;
    bool is_seen;
};
struct fact { /* of a domain, as it was said */
    struct fact *next;
    struct subject who;
    bool is_known, was_started, is_paused, has_ended, is_over; /* is_known: made known */
    uint32_t vcpus;
    uint64_t pages, max_pages;             /* said, */
    uint64_t pages_now;                    /* and seen */
    int64_t seen_ms, moved_ms, differs_ms; /* first; the pages last moved; since when they are not what was said */
    uint64_t printed;                      /* bytes, not said yet */
    int64_t printed_ms;                    /* when it was said last */
    struct end *ends;
};
static struct fact *facts;
static bool has_started;

static struct fact *find(uint32_t domid)
{
    struct fact *f = facts;

    while (f && f->who.domid != domid)
        f = f->next;
    return f;
}

/* ---- devices ---- */

static const char *state_word(int state)
{
    static const char *const words[] = {"unknown", "initialising", "waiting",       "initialised", "connected",
                                        "closing", "closed",       "reconfiguring", "reconfigured"};

    return state >= 0 && state < 9 ? words[state] : "unknown";
}

static void say_end(struct fact *f, const struct end *e, const char *what)
{
    if (f->is_known && !f->is_over && event_may(&f->who))
        event_say(&f->who, what, ",\"device\":\"%s\",\"id\":%u,\"state\":\"%s\"", e->kind, e->id, state_word(e->state));
}

static struct end **find_end(struct fact *f, const char *kind, uint32_t id)
{
    struct end **at = &f->ends;

    while (*at && ((*at)->id != id || strcmp((*at)->kind, kind)))
        at = &(*at)->next;
    return at;
}

static void look_at_end(struct fact *f, const char *kind, uint32_t id)
{
    struct end **at = find_end(f, kind, id), *e = *at;
    uint64_t state;
    bool is_there = store_number(&state, CHANGE_BACKEND "/%s/%u/%u/state", kind, f->who.domid, id);

    if (!is_there && !store_is_sure()) {
        return;
    } else if (!is_there && e) {
        say_end(f, e, "device-detached");
        *at = e->next;
        free(e);
    } else if (is_there && !e) {
        e = calloc(1, sizeof(*e));
        if (!e)
            return;
        snprintf(e->kind, sizeof(e->kind), "%s", kind);
        e->id = id;
        e->state = (int)(state & 15);
        e->is_seen = true;
        *at = e;
        say_end(f, e, has_started ? "device-attached" : "device-present");
    } else if (e) {
        e->is_seen = true;
        if (e->state != (int)(state & 15)) {
            e->state = (int)(state & 15);
            say_end(f, e, "device-state");
        }
    }
}

static bool number(const char *text, uint32_t *value)
{
    char *end;
    unsigned long n = strtoul(text, &end, 10);

    *value = (uint32_t)n;
    return *text >= '0' && *text <= '9' && !*end && n <= UINT32_MAX;
}

static char **list(const char *kind, uint32_t domid, unsigned int *count)
{
    char path[96];

    *count = 0;
    snprintf(path, sizeof(path), kind ? CHANGE_BACKEND "/%s/%u" : CHANGE_BACKEND, kind, domid);
    return ask_list(daemon_state.w, 0, path, count);
}

/* All that it has and had. */
static void look_at_ends(struct fact *f)
{
    unsigned int kinds, count;
    char **kind = list(NULL, 0, &kinds);

    for (struct end *e = f->ends; e; e = e->next)
        e->is_seen = false;
    for (unsigned int k = 0; kind && k < kinds; k++) {
        char **ids = strlen(kind[k]) < sizeof(f->ends->kind) ? list(kind[k], f->who.domid, &count) : NULL;
        uint32_t id;

        for (unsigned int i = 0; ids && i < count; i++)
            if (number(ids[i], &id))
                look_at_end(f, kind[k], id);
        free(ids);
    }
    free(kind);
    for (struct end *e = f->ends, *next; e; e = next) {
        next = e->next;
        if (!e->is_seen)
            look_at_end(f, e->kind, e->id);
    }
}

void change_device(const char *path)
{
    char kind[16] = "", rest[8] = "";
    uint32_t domid = 0, id = 0;
    int parts = sscanf(path, CHANGE_BACKEND "/%15[^/]/%u/%u/%7s", kind, &domid, &id, rest);
    struct fact *f = parts > 1 ? find(domid) : NULL;

    if (f && f->is_known && (parts == 3 || (parts == 4 && !strcmp(rest, "state"))))
        look_at_end(f, kind, id);
    else if (f && f->is_known && parts == 2)
        look_at_ends(f);
    for (f = parts < 2 ? facts : NULL; f; f = f->next)
        if (f->is_known)
            look_at_ends(f);
}

/* ---- domains ---- */

static void say_size(struct fact *f, const char *what)
{
    event_say(&f->who, what, ",\"memory_kib\":%" PRIu64 ",\"max_memory_kib\":%" PRIu64 ",\"vcpus\":%u", f->pages * 4,
              f->max_pages * 4, f->vcpus);
}

static void make_known(struct fact *f, const char *name, bool is_waited)
{
    if (f->is_known || (!name[0] && is_waited && now_ms() - f->seen_ms < NAME_MS))
        return;
    snprintf(f->who.name, sizeof(f->who.name), "%s", name[0] ? name : "(unnamed)");
    f->is_known = true;
    say_size(f, has_started ? "created" : "present");
    look_at_ends(f);
}

/* Before its start a domain is filled, which is no change. */
static void see_size(struct fact *f, const struct xen_domctl_getdomaininfo *info)
{
    f->pages = f->pages_now = info->tot_pages;
    f->max_pages = info->max_pages;
    f->vcpus = info->nr_online_vcpus;
}

static void see_memory(struct fact *f, const struct xen_domctl_getdomaininfo *info)
{
    int64_t now = now_ms();

    if (info->tot_pages != f->pages_now)
        f->moved_ms = now;
    f->pages_now = info->tot_pages;
    if (f->pages_now == f->pages && info->max_pages == f->max_pages) {
        f->differs_ms = 0;
        return;
    }
    if (!f->differs_ms)
        f->differs_ms = now;
    if ((now - f->moved_ms < SETTLE_MS && now - f->differs_ms < MOVE_MS) || !event_may(&f->who))
        return;
    f->pages = f->pages_now;
    f->max_pages = info->max_pages;
    f->differs_ms = 0;
    event_say(&f->who, "memory", ",\"memory_kib\":%" PRIu64 ",\"max_memory_kib\":%" PRIu64, f->pages * 4,
              f->max_pages * 4);
}

static void see_vcpus(struct fact *f, const struct xen_domctl_getdomaininfo *info)
{
    if (info->nr_online_vcpus == f->vcpus || !event_may(&f->who))
        return;
    f->vcpus = info->nr_online_vcpus;
    event_say(&f->who, "vcpus", ",\"vcpus\":%u,\"max_vcpus\":%u", f->vcpus, info->max_vcpu_id + 1);
}

static void say_printed(struct fact *f, bool is_now)
{
    if (!f->printed || !f->is_known || (!is_now && f->printed_ms && now_ms() - f->printed_ms < CONSOLE_MS))
        return;
    event_say(&f->who, "console", ",\"bytes\":%" PRIu64, f->printed);
    f->printed = 0;
    f->printed_ms = now_ms();
}

static void see_end(struct fact *f, const struct xen_domctl_getdomaininfo *info)
{
    uint32_t reason = info->flags >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask;

    if (info->flags & XEN_DOMINF_shutdown && !f->was_started) { /* between two looks; nobody ends without having run */
        f->was_started = true;
        say_size(f, "started");
    }
    if (info->flags & XEN_DOMINF_shutdown && !f->has_ended) {
        f->has_ended = true;
        say_printed(f, true);
        event_say(&f->who, reason == SHUTDOWN_crash || reason == SHUTDOWN_watchdog ? "crashed" : "shutdown",
                  ",\"reason\":\"%s\"", word_reason(reason));
    }
    if (info->flags & XEN_DOMINF_dying && !f->is_over) {
        say_printed(f, true);
        f->is_over = true;
        event_say(&f->who, "destroyed", "%s", "");
    }
}

static void see_paused(struct fact *f, bool is_paused)
{
    if (is_paused == f->is_paused)
        return;
    f->is_paused = is_paused;
    if (!is_paused && !f->was_started) {
        f->was_started = true;
        say_size(f, "started");
    } else {
        event_say(&f->who, is_paused ? "paused" : "unpaused", "%s", "");
    }
}

static struct fact *add(const struct xen_domctl_getdomaininfo *info)
{
    struct fact *f = calloc(1, sizeof(*f));

    if (!f)
        return NULL;
    f->who.domid = info->domain;
    memcpy(f->who.uuid, info->handle, sizeof(f->who.uuid));
    see_size(f, info);
    f->seen_ms = f->moved_ms = now_ms();
    /* A domain is made paused; one that was there before us has been started, unless its builder is at it. */
    f->is_paused = has_started || info->flags & XEN_DOMINF_paused;
    f->was_started = !has_started && (!f->is_paused || info->cpu_time);
    f->next = facts;
    facts = f;
    return f;
}

void change_seen(const struct xen_domctl_getdomaininfo *info, const char *name)
{
    struct fact *f = find(info->domain);

    f = f ? f : add(info);
    if (!f)
        return;
    make_known(f, name, !(info->flags & XEN_DOMINF_dying));
    if (!f->is_known)
        return;
    if (!f->was_started)
        see_size(f, info);
    if (!(info->flags & (XEN_DOMINF_shutdown | XEN_DOMINF_dying))) {
        see_paused(f, (info->flags & XEN_DOMINF_paused) != 0);
        see_memory(f, info);
        see_vcpus(f, info);
    }
    say_printed(f, false);
    see_end(f, info);
}

void change_gone(uint32_t domid)
{
    struct fact **at = &facts, *f;

    while (*at && (*at)->who.domid != domid)
        at = &(*at)->next;
    f = *at;
    if (!f)
        return;
    *at = f->next;
    make_known(f, "", false);
    say_printed(f, true);
    if (!f->is_over)
        event_say(&f->who, "destroyed", "%s", "");
    for (struct end *e = f->ends, *next; e; e = next) {
        next = e->next;
        free(e);
    }
    free(f);
}

void change_named(uint32_t domid, const char *name)
{
    struct fact *f = find(domid);
    char old[WIRT_NAME_MAX + 1], *text = NULL;
    size_t size;
    FILE *out;

    if (!f || !f->is_known || !strcmp(f->who.name, name))
        return;
    snprintf(old, sizeof(old), "%s", f->who.name);
    snprintf(f->who.name, sizeof(f->who.name), "%s", name);
    out = open_memstream(&text, &size);
    if (out) {
        text_json(out, old);
        fclose(out);
    }
    event_say(&f->who, "renamed", ",\"was\":%s", text ? text : "null");
    free(text);
}

void change_printed(uint32_t domid, size_t bytes)
{
    struct fact *f = find(domid);

    if (f)
        f->printed += bytes;
    if (f && bytes)
        say_printed(f, false);
}

void change_policy(uint32_t domid, const char *setting, const char *action, uint32_t delay_s)
{
    struct fact *f = find(domid);

    if (f && f->is_known)
        event_say(&f->who, "policy", ",\"setting\":\"%s\",\"action\":\"%s\",\"delay_seconds\":%u", setting, action,
                  delay_s);
}

void change_started(void)
{
    has_started = true;
}
