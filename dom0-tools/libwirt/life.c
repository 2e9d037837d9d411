/* SPDX-License-Identifier: MIT */
/*
 * The life of domains: all or nothing. A create first takes the name and leaves a note in xenstore that it is at work;
 * then each step that fails takes back all that came before it. What is left when the tool itself is killed, collect.c
 * removes. A destroy begins with what cannot be taken back: the hypervisor's word that the domain is dying. Killed
 * before it, nothing has happened; after it the domain is gone for everybody, and whoever destroys it again, wirtd if
 * nobody else, ends the rest.
 */
#include "life.h"
#include "ask.h"
#include "collect.h"
#include "device.h"
#include "domctl.h"
#include "holder.h"
#include "record.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- memory that is not there ---- */

static int explain_no_room(struct wirt *w, const char *object, uint64_t pages)
{
    struct xen_domctl_getdomaininfo *list;
    struct xen_sysctl op = {0};
    uint64_t free_pages, most = 0;
    uint32_t count = 0, who = 0;
    char name[96];

    if (hyper_sysctl(w, XEN_SYSCTL_physinfo, &op) < 0)
        return hyper_fail(w, -ENOMEM, object, "claim memory", "%lu MiB asked for", pages >> 8);
    free_pages = op.u.physinfo.free_pages - op.u.physinfo.outstanding_pages;
    if (domctl_list(w, 0, &list, &count))
        count = 0;
    for (uint32_t i = 0; i < count; i++)
        if (list[i].tot_pages > most) {
            most = list[i].tot_pages;
            who = list[i].domain;
        }
    return wirt_fail(w, WIRT_NO_ROOM, object, "claim memory", "see wirt list and wirt mem-set",
                     "%lu MiB asked for, %lu MiB free, %lu MiB missing; %s has %lu MiB", pages >> 8, free_pages >> 8,
                     (pages - (free_pages < pages ? free_pages : pages) + 255) >> 8,
                     device_domain(w, who, name, sizeof(name)), most >> 8);
}

static int claim(struct wirt *w, uint32_t domid, const char *object, uint64_t pages)
{
    int result = domctl_claim(w, domid, pages);

    if (result == -ENOMEM)
        return explain_no_room(w, object, pages);
    return result < 0 && result != -ENOSYS ? hyper_fail(w, result, object, "claim memory", "%lu MiB", pages >> 8) : 0;
}

/* ---- create ---- */

static int set_shares(struct wirt *w, const struct wirt_config *c, uint32_t domid, const char *object)
{
    uint32_t weight = c->weight, cap = c->cap;
    int code = 0;

    for (uint32_t i = 0; i < c->max_vcpus && i < WIRT_VCPU_MAX && !code; i++)
        if (c->affinity[i])
            code = domctl_pin(w, domid, object, i, c->affinity[i]);
    if (!code && (weight != 256 || cap))
        code = domctl_sched(w, domid, object, &weight, &cap, true);
    return code;
}

static int attach_devices(struct wirt *w, const struct wirt_config *c, uint32_t domid)
{
    int code = 0;

    for (uint32_t i = 0; i < c->disk_count && !code; i++)
        code = wirt_attach_disk(w, domid, &c->disk[i]);
    for (uint32_t i = 0; i < c->nic_count && !code; i++)
        code = wirt_attach_nic(w, domid, &c->nic[i], NULL);
    return code;
}

/* From an empty domain to one that waits for its unpause. */
static int make_whole(struct wirt *w, struct build *b, uint32_t domid, const struct wirt_progress *p)
{
    const struct wirt_config *c = b->config;
    int code = claim(w, domid, b->object, b->pages);

    if (!code)
        code = set_shares(w, c, domid, b->object);
    if (!code)
        code = build_run(w, b, domid, p);
    if (!code)
        domctl_claim(w, domid, 0);
    if (!code)
        code = record_keys(w, b);
    if (!code)
        code = record_introduce(w, b);
    if (!code)
        code = attach_devices(w, c, domid);
    return code;
}

void life_unmake(struct wirt *w, int domid, const uint8_t uuid[16], const char *name, const char *object)
{
    struct wirt_error kept = error_keep(w);
    char path[32];
    int code = 0;

    if (domid > 0) {
        wirt_devices_remove(w, (uint32_t)domid);
        /* Before it goes: then nobody who finds only the note would know its number. */
        snprintf(path, sizeof(path), "/local/domain/%d", domid);
        wirt_store_remove(w, path);
        code = domctl_plain(w, XEN_DOMCTL_destroydomain, (uint32_t)domid, object, "destroy it");
        ask_release(w, (uint32_t)domid);
    }
    /* What still lives keeps its note: the next one tries again. */
    if (!code || code == WIRT_NOT_FOUND)
        record_forget(w, domid, uuid, name, object);
    error_restore(w, &kept);
}

int wirt_create(struct wirt *w, const struct wirt_config *c, bool is_paused, const struct wirt_progress *p,
                uint32_t *domid)
{
    uint32_t id = 0;
    struct build b;
    int code = need_call(w);

    if (!code)
        code = collect_all(w, NULL);
    if (!code && (c->disk_count || c->nic_count))
        code = need_store(w);
    if (!code && (c->disk_count || c->nic_count))
        code = wirt_devices_check(w, c);
    if (!code)
        code = build_open(w, &b, c);
    if (code)
        return code;
    code = record_claim(w, c, b.object);
    if (!code) {
        code = domctl_create(w, c, b.object, &id);
        if (!code)
            code = make_whole(w, &b, id, p);
        if (!code && !is_paused)
            code = domctl_plain(w, XEN_DOMCTL_unpausedomain, id, b.object, "let it run");
        if (!code)
            code = record_done(w, c->uuid, b.object);
        if (code)
            life_unmake(w, (int)id, c->uuid, c->name, b.object);
    }
    build_close(&b);
    if (!code && domid)
        *domid = id;
    return code;
}

/* ---- destroy ---- */

#define LET_GO_MS 5000

/* xenstored and wirtd let go of a dead domain's pages when they are told; who keeps some beyond that is reported. */
static int report_rest(struct wirt *w, uint32_t domid, const char *object)
{
    struct xen_domctl_getdomaininfo info;
    char who[256];

    for (uint32_t waited = 0, step = 1; waited < LET_GO_MS; waited += step, step += step < 50) {
        if (domctl_info(w, domid, object, &info)) /* gone */
            return 0;
        usleep(step * 1000);
    }
    holder_text(w, domid, who, sizeof(who));
    return wirt_fail(w, WIRT_TIMEOUT, object, "destroy it", "it is gone when they let go: see wirt list",
                     "it is dead, but others hold %lu KiB of its memory%s%s", (unsigned long)info.tot_pages * 4,
                     who[0] ? ": " : "", who);
}

int wirt_destroy(struct wirt *w, uint32_t domid, const struct wirt_progress *p)
{
    struct xen_domctl_getdomaininfo info;
    char object[96], *name;
    int code;

    device_domain(w, domid, object, sizeof(object));
    if (domid == 0)
        return wirt_fail(w, WIRT_REFUSED, object, "destroy it", "", "it is dom0, which runs this command");
    code = domctl_info(w, domid, object, &info);
    if (!code)
        code = need_store(w);
    if (code)
        return code;
    name = wirt_store_read(w, "/local/domain/%u/name", domid);
    if (!name && w->error.code == WIRT_NO_HOST)
        return w->error.code;
    if (!name)
        name = record_name_of(w, info.handle);
    if (p && p->fn)
        p->fn(p->arg, "memory", 0, info.tot_pages >> 8);
    code = domctl_plain(w, XEN_DOMCTL_destroydomain, domid, object, "destroy it");
    if (!code) {
        if (p && p->fn)
            p->fn(p->arg, "devices", 0, 0);
        wirt_devices_remove(w, domid);
        ask_release(w, domid);
        code = record_forget(w, (int)domid, info.handle, name, object);
    }
    free(name);
    return code ? code : report_rest(w, domid, object);
}
