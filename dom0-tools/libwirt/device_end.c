/* SPDX-License-Identifier: MIT */
/*
 * The end of a device. A guest that has taken it up is asked to let go and given some seconds; from one that has not,
 * it is taken by the very transaction that saw so, as a guest that connected meanwhile would wait for ever for a
 * backend that is gone. Then both directories go, upon which the kernel's backend lets go of whatever it holds; last
 * what the kernel said of its errors, which nobody else removes, and the note, by which collect.c ends what we began.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xen/io/xenbus.h>

#include "ask.h"
#include "device.h"
#include "note.h"

#define UNPLUG_MS   10000
#define DOM0_ERRORS "/local/domain/0/error/backend"

static const struct wirt_error no_error = {.code = WIRT_OK};

/* Whether there is such a directory; *count of its entries. Otherwise errno says why not. */
static bool has_entries(struct wirt *w, uint32_t t, const char *path, unsigned int *count)
{
    char **names = ask_list(w, t, path, count);

    free(names);
    return names;
}

/* Removes a directory, and those above it, below `top`, that hold nothing then. What is not there is removed. */
static bool remove_up(struct wirt *w, uint32_t t, const char *dir, const char *top)
{
    char path[DEVICE_PATH_MAX];
    unsigned int count = 0;

    snprintf(path, sizeof(path), "%s", dir);
    if (!has_entries(w, t, path, &count))
        return errno == ENOENT;
    do {
        if (!ask_remove(w, t, path))
            return false;
        *strrchr(path, '/') = 0;
        if (!strcmp(path, top))
            return true;
    } while (has_entries(w, t, path, &count) && !count);
    return count;
}

static bool remove_both(struct wirt *w, uint32_t t, const struct device *d)
{
    char path[DEVICE_PATH_MAX], top[DEVICE_PATH_MAX];

    snprintf(top, sizeof(top), "/local/domain/%u/device", d->domid);
    if (!remove_up(w, t, device_front_path(d, path), top))
        return false;
    snprintf(top, sizeof(top), DEVICE_BACKENDS "/%s", d->kind);
    return remove_up(w, t, device_back_path(d, path), top);
}

static bool remove_errors(struct wirt *w, uint32_t t, const struct device *d)
{
    char path[DEVICE_PATH_MAX];

    snprintf(path, sizeof(path), DOM0_ERRORS "/%s/%u/%u", d->kind, d->domid, d->number);
    return remove_up(w, t, path, "/local/domain/0");
}

/* Of all devices of this kind that the domain ever had. */
static bool remove_all_errors(struct wirt *w, uint32_t t, const struct device *d)
{
    char path[DEVICE_PATH_MAX];

    snprintf(path, sizeof(path), DOM0_ERRORS "/%s/%u", d->kind, d->domid);
    return remove_up(w, t, path, "/local/domain/0");
}

static int remove_by(struct wirt *w, device_step_fn *step, const struct device *d)
{
    return device_transact(w, step, d)
               ? 0
               : ask_fail(w, WIRT_FAILED, d->object, "remove it", "", "xenstored keeps its keys");
}

int device_withdraw(struct wirt *w, const struct device *d)
{
    char note[DEVICE_PATH_MAX];
    struct watch watch;
    int code;

    code = remove_by(w, remove_both, d);
    if (!code && watch_open(&watch) == 0) {
        code = device_sync(w, &watch, d->object);
        watch_close(&watch);
    }
    if (!code)
        code = remove_by(w, remove_errors, d);
    return code ? code : wirt_store_remove(w, device_note_path(d, note));
}

/* Whether the guest has taken the device up, by its own word. */
static bool is_held(struct wirt *w, uint32_t t, const struct device *d)
{
    char front[DEVICE_PATH_MAX], path[DEVICE_PATH_MAX + 8], *text;
    int state;

    snprintf(path, sizeof(path), "%s/state", device_front_path(d, front));
    text = ask_read(w, t, path, NULL);
    state = text ? atoi(text) : 0;
    free(text);
    return state == XenbusStateInitialised || state == XenbusStateConnected || state == XenbusStateClosing;
}

/* Asks both sides to close, if there are two. */
static bool close_or_remove(struct wirt *w, uint32_t t, const struct device *d)
{
    char back[DEVICE_PATH_MAX], online[DEVICE_PATH_MAX + 8], state[DEVICE_PATH_MAX + 8];

    device_back_path(d, back);
    if (!is_held(w, t, d) || !device_is_there(w, t, back))
        return remove_both(w, t, d);
    snprintf(online, sizeof(online), "%s/online", back);
    snprintf(state, sizeof(state), "%s/state", back);
    return ask_write(w, t, online, "0", 1) && ask_write(w, t, state, "5", 1);
}

int device_unplug(struct wirt *w, const struct device *d)
{
    char note[DEVICE_PATH_MAX], self[NOTE_SELF];
    struct watch watch;
    int state, code = device_watch(w, &watch, d);

    if (code)
        return code;
    code = wirt_store_write(w, device_note_path(d, note), "%s", note_self(self));
    if (code) {
        watch_close(&watch);
        return code;
    }
    if (device_transact(w, close_or_remove, d))
        do {
            code = device_wait_token(w, &watch, d->object, "state", UNPLUG_MS);
            state = code ? 0 : device_read_state(w, d);
        } while (state && state != XenbusStateClosed);
    watch_close(&watch);
    /* A guest that does not let go in time loses the device all the same. */
    error_restore(w, &no_error);
    return device_withdraw(w, d);
}

int device_give_up(struct wirt *w, const struct device *d)
{
    struct wirt_error kept = error_keep(w);

    device_unplug(w, d);
    return error_restore(w, &kept);
}

/* Notes the first device that is found. */
static int note_one(struct wirt *w, const char *back, uint32_t domid, uint32_t number, void *arg)
{
    struct device *d = arg;

    (void)w;
    (void)back;
    d->domid = domid;
    d->number = number;
    return 1;
}

int wirt_devices_remove(struct wirt *w, uint32_t domid)
{
    static const char *const kinds[] = {"vif", "vbd"};
    int code = 0;

    if (domid == 0)
        return wirt_fail(w, WIRT_REFUSED, "dom0", "remove its devices", "", "its devices are not ours");
    for (unsigned int i = 0; i < 2 && !code; i++) {
        struct device d = {.kind = kinds[i], .domid = domid};

        for (int tries = 0; !code && device_each(w, d.kind, domid, note_one, &d) == 1; tries++) {
            snprintf(d.object, sizeof(d.object), "%s %u of domain %u", d.kind, d.number, d.domid);
            if (tries == 1000)
                return wirt_fail(w, WIRT_FAILED, d.object, "remove it", "", "it comes back each time");
            code = device_withdraw(w, &d);
        }
        snprintf(d.object, sizeof(d.object), "%s of domain %u", d.kind, domid);
        if (!code)
            code = remove_by(w, remove_all_errors, &d);
    }
    return code;
}
