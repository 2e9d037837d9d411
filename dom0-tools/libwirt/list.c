/* SPDX-License-Identifier: MIT */
/*
 * Which domains there are. The hypervisor's list is the truth; names come from xenstore, and where it has none, or
 * does not answer, the entry says so. A dying domain is listed as long as others hold its memory, with how much it is
 * and who they are.
 */
#include "ask.h"
#include "device.h"
#include "domctl.h"
#include "holder.h"
#include "note.h"
#include "record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void fill(struct wirt_domain *d, const struct xen_domctl_getdomaininfo *i)
{
    memset(d, 0, sizeof(*d));
    d->id = i->domain;
    memcpy(d->uuid, i->handle, 16);
    d->state = domctl_state(i);
    d->shutdown_reason = i->flags >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask;
    d->vcpus = i->nr_online_vcpus;
    d->max_vcpus = i->max_vcpu_id + 1;
    d->memory_kib = i->tot_pages * 4;
    d->max_memory_kib = i->max_pages > UINT64_MAX / 4096 ? UINT64_MAX : i->max_pages * 4;
    d->cpu_ns = i->cpu_time;
    if (d->state == WIRT_DYING)
        d->held_kib = d->memory_kib;
}

static void fill_holders(struct wirt *w, struct wirt_domain *d)
{
    char who[200];

    if (d->state != WIRT_DYING)
        return;
    holder_text(w, d->id, who, sizeof(who));
    snprintf(d->note, sizeof(d->note), "dead; %s",
             who[0] ? who : "others, most likely back ends of dom0, still hold its memory");
}

/* Why, as wirtd found it in the guest's memory. */
static void fill_crash(struct wirt *w, struct wirt_domain *d)
{
    struct wirt_error kept = error_keep(w);
    char *why = d->state == WIRT_CRASHED ? wirt_store_read(w, "/local/domain/%u/wirt/crash", d->id) : NULL;

    if (why)
        snprintf(d->note, sizeof(d->note), "%s", why);
    free(why);
    error_restore(w, &kept);
}

/* The name, from whoever knows it; the guest cannot write this key. */
static void fill_name(struct wirt *w, struct wirt_domain *d)
{
    struct wirt_error kept = error_keep(w);
    char *name = wirt_store_read(w, "/local/domain/%u/name", d->id);

    if (name && name[0]) {
        snprintf(d->name, sizeof(d->name), "%s", name);
        for (char *c = d->name; *c; c++)
            if ((unsigned char)*c < ' ' || *c == 0x7f)
                *c = '?';
    } else if (d->id == 0) {
        snprintf(d->name, sizeof(d->name), "Domain-0");
    } else {
        snprintf(d->name, sizeof(d->name), "(unnamed)");
        if (!d->note[0])
            snprintf(d->note, sizeof(d->note), "%.*s", (int)sizeof(d->note) - 1,
                     w->error.code == WIRT_NOT_FOUND ? "xenstore has no name for it" : w->error.cause);
    }
    free(name);
    error_restore(w, &kept);
}

static void mark_building(struct wirt *w, struct wirt_domain *list, size_t count)
{
    struct wirt_error kept = error_keep(w);
    struct record_builder *builder;
    uint32_t n;

    if (!record_builders(w, &builder, &n)) {
        for (uint32_t k = 0; k < n; k++)
            for (size_t i = 0; i < count; i++)
                if (list[i].state == WIRT_PAUSED && memcmp(list[i].uuid, builder[k].uuid, 16) == 0) {
                    list[i].state = WIRT_BUILDING;
                    if (!builder[k].is_alive)
                        snprintf(list[i].note, sizeof(list[i].note),
                                 "its creation was broken off; wirtd or the next create removes it");
                }
        free(builder);
    }
    error_restore(w, &kept);
}

static void mark_changing(struct wirt *w, struct wirt_domain *list, size_t count)
{
    struct wirt_error kept = error_keep(w);
    unsigned int notes = 0;
    char **names = ask_list(w, 0, NOTE_CHANGING, &notes);

    for (unsigned int k = 0; names && k < notes; k++) {
        char *process = wirt_store_read(w, NOTE_CHANGING "/%s", names[k]);
        bool is_broken_off = process && !note_is_alive(process);
        uint32_t domid = 0, number = 0;

        free(process);
        if (!is_broken_off || sscanf(names[k] + 3, "-%u-%u", &domid, &number) != 2)
            continue;
        for (size_t i = 0; i < count; i++)
            if (list[i].id == domid && !list[i].note[0])
                snprintf(list[i].note, sizeof(list[i].note),
                         "%s %u: its attach or detach was broken off; wirtd or the next one removes it",
                         strncmp(names[k], "vif", 3) ? "disk" : "network card", number);
    }
    free(names);
    error_restore(w, &kept);
}

int wirt_list(struct wirt *w, struct wirt_domain **out, size_t *count)
{
    struct xen_domctl_getdomaininfo *info;
    struct wirt_domain *list = NULL;
    uint32_t n, first = 0;
    size_t total = 0;

    do {
        struct wirt_domain *more;
        int code = domctl_list(w, first, &info, &n);

        more = code ? NULL : realloc(list, (total + n + 1) * sizeof(*list));
        if (!more) {
            free(list);
            return code ? code : wirt_fail(w, WIRT_NO_ROOM, "dom0", "list domains", "", "it is out of memory");
        }
        list = more;
        for (uint32_t i = 0; i < n; i++)
            fill(&list[total++], &info[i]);
        first = n ? list[total - 1].id + 1 : 0;
    } while (n == HYPER_DATA_SIZE / sizeof(*info));
    for (size_t i = 0; i < total; i++)
        fill_name(w, &list[i]);
    for (size_t i = 0; i < total; i++) {
        fill_holders(w, &list[i]);
        fill_crash(w, &list[i]);
    }
    mark_building(w, list, total);
    mark_changing(w, list, total);
    *out = list;
    *count = total;
    return 0;
}

static int find_id(struct wirt *w, uint32_t domid, struct wirt_domain *out)
{
    struct xen_domctl_getdomaininfo info;
    char object[32];
    int code;

    snprintf(object, sizeof(object), "domain %u", domid);
    code = domctl_info(w, domid, object, &info);
    if (code)
        return code;
    fill(out, &info);
    fill_name(w, out);
    fill_holders(w, out);
    fill_crash(w, out);
    if (out->state == WIRT_PAUSED)
        mark_building(w, out, 1);
    mark_changing(w, out, 1);
    return 0;
}

/* A dead namesake that lingers gives way to a living one. */
int wirt_find(struct wirt *w, const char *name_or_id, struct wirt_domain *out)
{
    struct wirt_domain *list;
    const struct wirt_domain *found = NULL;
    char object[96], *end;
    size_t count;
    unsigned long id = strtoul(name_or_id, &end, 10);
    int code;

    if (name_or_id[0] >= '0' && name_or_id[0] <= '9' && *end == 0)
        return id < DOMID_FIRST_RESERVED ? find_id(w, (uint32_t)id, out)
                                         : wirt_fail(w, WIRT_NOT_FOUND, name_or_id, "look it up", "see wirt list",
                                                     "no domain has such a number");
    code = wirt_list(w, &list, &count);
    if (code)
        return code;
    for (size_t i = 0; i < count; i++)
        if (strcmp(list[i].name, name_or_id) == 0 && (!found || found->state == WIRT_DYING))
            found = &list[i];
    if (found)
        *out = *found;
    free(list);
    if (!found && !ask_lives(w)) /* nobody knows the names */
        return (int)w->error.code;
    snprintf(object, sizeof(object), "domain %s", name_or_id);
    return found ? 0 : wirt_fail(w, WIRT_NOT_FOUND, object, "look it up", "see wirt list", "no such domain is running");
}

int wirt_running_config(struct wirt *w, uint32_t domid, struct wirt_config **out)
{
    char object[96], *text = NULL, key[32] = "config";
    size_t size = 0;
    int code;

    device_domain(w, domid, object, sizeof(object));
    for (unsigned int i = 0; i < RECORD_CONFIG_PIECES; i++) {
        char *piece = wirt_store_read(w, "/local/domain/%u/wirt/%s", domid, key), *more;
        size_t length = piece ? strlen(piece) : 0;

        if (!piece && w->error.code != WIRT_NOT_FOUND) {
            free(text);
            return (int)w->error.code;
        }
        more = piece ? realloc(text, size + length + 1) : NULL;
        if (more) {
            text = more;
            memcpy(text + size, piece, length + 1);
            size += length;
        }
        free(piece);
        if (!more)
            break;
        snprintf(key, sizeof(key), "config-%u", i + 1);
    }
    if (!text)
        return wirt_fail(w, WIRT_NOT_FOUND, object, "read its configuration", "",
                         "xenstore has none: it was not created by wirt, or is gone");
    code = wirt_config_read(w, object, text, size, out);
    free(text);
    return code;
}
