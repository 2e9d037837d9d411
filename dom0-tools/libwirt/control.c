/* SPDX-License-Identifier: MIT */
/*
 * Asking things of a running domain: of the hypervisor, or of the guest through its keys in xenstore. What is asked of
 * a guest it may ignore; whether it has said that it listens is looked at first, so that a person learns at once that
 * nothing will come of it. Values of the guest's own keys are compared, never believed further.
 */
#include "collect.h"
#include "device.h"
#include "domctl.h"
#include "record.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OBJECT_SIZE 96

/* The domain is there and not dying. */
static int find(struct wirt *w, uint32_t domid, char object[OBJECT_SIZE], const char *step,
                struct xen_domctl_getdomaininfo *info)
{
    int code;

    device_domain(w, domid, object, OBJECT_SIZE);
    code = domctl_info(w, domid, object, info);
    if (!code && info->flags & XEN_DOMINF_dying)
        code = wirt_fail(w, WIRT_NOT_FOUND, object, step, "see wirt list", "it is dying");
    return code;
}

static int refuse_dom0(struct wirt *w, uint32_t domid, const char *object, const char *step)
{
    return domid ? 0 : wirt_fail(w, WIRT_REFUSED, object, step, "", "it is dom0, which runs this command");
}

/* Whether the guest has announced that it obeys this. */
static int check_listens(struct wirt *w, uint32_t domid, const char *object, const char *step, const char *feature)
{
    char *value = wirt_store_read(w, "/local/domain/%u/control/%s", domid, feature);
    bool does = value && strcmp(value, "1") == 0;

    free(value);
    if (!does && w->error.code == WIRT_NO_HOST)
        return WIRT_NO_HOST;
    return does ? 0
                : wirt_fail(w, WIRT_REFUSED, object, step, "wait until it has booted, or use wirt destroy",
                            "the guest does not listen (no control/%s)", feature);
}

int wirt_shutdown(struct wirt *w, uint32_t domid, enum wirt_how how)
{
    const char *word = how == WIRT_HOW_REBOOT ? "reboot" : "poweroff";
    struct xen_domctl_getdomaininfo info;
    char object[OBJECT_SIZE], path[64], feature[32];
    int code = find(w, domid, object, "ask it to shut down", &info);

    if (!code)
        code = refuse_dom0(w, domid, object, "shut down");
    if (!code && info.flags & XEN_DOMINF_paused)
        code = wirt_fail(w, WIRT_REFUSED, object, "ask it to shut down", "use wirt unpause", "it is paused");
    snprintf(feature, sizeof(feature), "feature-%s", word);
    if (!code)
        code = check_listens(w, domid, object, "ask it to shut down", feature);
    snprintf(path, sizeof(path), "/local/domain/%u/control/shutdown", domid);
    return code ? code : wirt_store_write(w, path, "%s", word);
}

int wirt_sysrq(struct wirt *w, uint32_t domid, char key)
{
    struct xen_domctl_getdomaininfo info;
    char object[OBJECT_SIZE], path[64];
    int code = find(w, domid, object, "send sysrq", &info);

    if (!code && (key <= ' ' || key > '~'))
        code = wirt_fail(w, WIRT_REFUSED, object, "send sysrq", "h lists what the guest knows", "no such key");
    snprintf(path, sizeof(path), "/local/domain/%u/control/sysrq", domid);
    return code ? code : wirt_store_write(w, path, "%c", key);
}

int wirt_pause(struct wirt *w, uint32_t domid)
{
    struct xen_domctl_getdomaininfo info;
    char object[OBJECT_SIZE];
    int code = find(w, domid, object, "pause it", &info);

    if (!code)
        code = refuse_dom0(w, domid, object, "pause it");
    /* A whole domain that has a killed builder's note would be taken for half of one when it stands still. */
    if (!code)
        code = collect_all(w, NULL);
    return code ? code : domctl_plain(w, XEN_DOMCTL_pausedomain, domid, object, "pause it");
}

int wirt_unpause(struct wirt *w, uint32_t domid)
{
    struct xen_domctl_getdomaininfo info;
    char object[OBJECT_SIZE];
    int code = find(w, domid, object, "let it run", &info);

    return code ? code : domctl_plain(w, XEN_DOMCTL_unpausedomain, domid, object, "let it run");
}

int wirt_rename(struct wirt *w, uint32_t domid, const char *name)
{
    struct xen_domctl_getdomaininfo info;
    struct wirt_domain other;
    char object[OBJECT_SIZE], *old;
    int code = find(w, domid, object, "rename it", &info);

    if (!code)
        code = refuse_dom0(w, domid, object, "rename it");
    if (!code && (!name[0] || strlen(name) > WIRT_NAME_MAX || strspn(name, "0123456789") == strlen(name) ||
                  strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._+-") != strlen(name)))
        code = wirt_fail(w, WIRT_REFUSED, object, "rename it", "",
                         "a name has 1 to %d letters, digits or ._+- and is not a number alone", WIRT_NAME_MAX);
    if (code)
        return code;
    code = wirt_find(w, name, &other);
    if (code == 0)
        return wirt_fail(w, WIRT_EXISTS, object, "rename it", "see wirt list", "domain %u has the name %s", other.id,
                         name);
    if (code != WIRT_NOT_FOUND)
        return code;
    old = wirt_store_read(w, "/local/domain/%u/name", domid);
    code = old ? record_rename(w, domid, info.handle, old, name, object) : (int)w->error.code;
    free(old);
    return code;
}

/* ---- memory ---- */

static uint64_t read_kib(struct wirt *w, uint32_t domid, const char *key)
{
    char *text = wirt_store_read(w, "/local/domain/%u/memory/%s", domid, key);
    uint64_t kib = text ? strtoul(text, NULL, 10) : 0;

    free(text);
    return kib;
}

int wirt_set_memory(struct wirt *w, uint32_t domid, uint64_t kib)
{
    struct xen_domctl_getdomaininfo info;
    char object[OBJECT_SIZE], path[64];
    int code = find(w, domid, object, "set its memory", &info);
    uint64_t most = code || domid == 0 ? 0 : read_kib(w, domid, "static-max");

    if (!code && most == 0)
        most = info.max_pages * 4;
    if (!code && kib < 1024)
        return wirt_fail(w, WIRT_REFUSED, object, "set its memory", "", "%lu KiB are too little for any guest",
                         (unsigned long)kib);
    if (!code && kib > most)
        return wirt_fail(w, WIRT_REFUSED, object, "set its memory", "raise it with wirt mem-max",
                         "%lu MiB asked for, its maximum is %lu MiB", (unsigned long)kib >> 10,
                         (unsigned long)most >> 10);
    snprintf(path, sizeof(path), "/local/domain/%u/memory/target", domid);
    return code ? code : wirt_store_write(w, path, "%lu", (unsigned long)kib);
}

int wirt_set_max_memory(struct wirt *w, uint32_t domid, uint64_t kib)
{
    struct xen_domctl_getdomaininfo info;
    char object[OBJECT_SIZE], path[64];
    int code = find(w, domid, object, "set its most memory", &info);

    if (!code && kib < info.tot_pages * 4)
        return wirt_fail(w, WIRT_REFUSED, object, "set its most memory", "lower it first with wirt mem-set",
                         "it has %lu MiB now", (unsigned long)info.tot_pages >> 8);
    if (!code)
        code = domctl_set_max_memory(w, domid, object, kib);
    snprintf(path, sizeof(path), "/local/domain/%u/memory/static-max", domid);
    return code ? code : wirt_store_write(w, path, "%lu", (unsigned long)kib);
}

/* ---- vCPUs ---- */

int wirt_set_vcpus(struct wirt *w, uint32_t domid, uint32_t count)
{
    struct xen_domctl_getdomaininfo info;
    char object[OBJECT_SIZE], path[64];
    int code = find(w, domid, object, "set its vCPUs", &info);

    if (!code && (count == 0 || count > info.max_vcpu_id + 1))
        return wirt_fail(w, WIRT_REFUSED, object, "set its vCPUs", "", "%u asked for; it can have 1 to %u", count,
                         info.max_vcpu_id + 1);
    for (uint32_t i = 0; !code && i <= info.max_vcpu_id; i++) {
        snprintf(path, sizeof(path), "/local/domain/%u/cpu/%u/availability", domid, i);
        code = wirt_store_write(w, path, "%s", i < count ? "online" : "offline");
    }
    return code;
}

static int read_vcpu(struct wirt *w, uint32_t domid, uint32_t i, const char *object, struct wirt_vcpu *v)
{
    struct xen_domctl op = {.u.getvcpuinfo.vcpu = i};
    uint64_t *map = hyper_data(w);
    int result = hyper_domctl(w, XEN_DOMCTL_getvcpuinfo, domid, &op);

    if (result < 0)
        return hyper_fail(w, result, object, "look at its vCPUs", "vCPU %u", i);
    v->id = i;
    v->cpu = op.u.getvcpuinfo.cpu;
    v->is_online = op.u.getvcpuinfo.online;
    v->is_running = op.u.getvcpuinfo.running;
    v->is_blocked = op.u.getvcpuinfo.blocked;
    v->cpu_ns = op.u.getvcpuinfo.cpu_time;
    memset(&op, 0, sizeof(op));
    *map = 0;
    op.u.vcpuaffinity.vcpu = i;
    op.u.vcpuaffinity.flags = XEN_VCPUAFFINITY_HARD;
    op.u.vcpuaffinity.cpumap_hard.nr_bits = 64;
    set_xen_guest_handle(op.u.vcpuaffinity.cpumap_hard.bitmap, (uint8_t *)map);
    result = hyper_domctl(w, XEN_DOMCTL_getvcpuaffinity, domid, &op);
    v->affinity = *map;
    return result < 0 ? hyper_fail(w, result, object, "look at its vCPUs", "affinity of vCPU %u", i) : 0;
}

int wirt_vcpus(struct wirt *w, uint32_t domid, struct wirt_vcpu **out, size_t *count)
{
    struct xen_domctl_getdomaininfo info;
    char object[OBJECT_SIZE];
    int code = find(w, domid, object, "look at its vCPUs", &info);
    struct wirt_vcpu *list;

    if (code)
        return code;
    list = calloc(info.max_vcpu_id + 1, sizeof(*list));
    if (!list)
        return wirt_fail(w, WIRT_NO_ROOM, "dom0", "list vCPUs", "", "it is out of memory");
    for (uint32_t i = 0; i <= info.max_vcpu_id && !code; i++)
        code = read_vcpu(w, domid, i, object, &list[i]);
    if (code) {
        free(list);
        return code;
    }
    *out = list;
    *count = info.max_vcpu_id + 1;
    return 0;
}

int wirt_pin(struct wirt *w, uint32_t domid, uint32_t vcpu, uint64_t cpus)
{
    struct xen_domctl_getdomaininfo info;
    char object[OBJECT_SIZE];
    int code = find(w, domid, object, "pin a vCPU", &info);

    return code ? code : domctl_pin(w, domid, object, vcpu, cpus);
}

int wirt_get_sched(struct wirt *w, uint32_t domid, uint32_t *weight, uint32_t *cap)
{
    struct xen_domctl_getdomaininfo info;
    char object[OBJECT_SIZE];
    int code = find(w, domid, object, "its share of the CPUs", &info);

    *weight = *cap = 0;
    return code ? code : domctl_sched(w, domid, object, weight, cap, false);
}

int wirt_set_sched(struct wirt *w, uint32_t domid, uint32_t weight, uint32_t cap)
{
    struct xen_domctl_getdomaininfo info;
    char object[OBJECT_SIZE];
    int code = find(w, domid, object, "its share of the CPUs", &info);

    if (!code && (weight == 0 || weight > UINT16_MAX || cap > 100 * (info.max_vcpu_id + 1)))
        return wirt_fail(w, WIRT_REFUSED, object, "its share of the CPUs", "",
                         "weight %u, cap %u; weight is 1 to 65535, cap at most 100 for each of its %u vCPUs", weight,
                         cap, info.max_vcpu_id + 1);
    return code ? code : domctl_sched(w, domid, object, &weight, &cap, true);
}
