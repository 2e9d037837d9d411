/* SPDX-License-Identifier: MIT */
/*
 * The life of a device, as device.h describes it; device_end.c has its end. A device is offered by one transaction that
 * writes both directories, together with a note that this process is at it, and by another one the note goes when the
 * device is whole: of what a killed process leaves, collect.c knows by the note. What the kernel does is awaited by
 * watches, never by looking again and again.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <xen/io/xenbus.h>

#include "ask.h"
#include "batch.h"
#include "device.h"
#include "note.h"

#define TRIES   200
#define RUN_DIR "/run/wirt"

const char *device_domain(struct wirt *w, uint32_t domid, char *buffer, size_t size)
{
    struct wirt_error kept = error_keep(w);
    char *name = wirt_store_read(w, "/local/domain/%u/name", domid);

    error_restore(w, &kept);
    if (name)
        snprintf(buffer, size, "domain %.63s (%u)", name, domid);
    else
        snprintf(buffer, size, "domain %u", domid);
    free(name);
    return buffer;
}

int device_domain_check(struct wirt *w, const char *object, uint32_t domid)
{
    char *path;

    if (domid == 0)
        return wirt_fail(w, WIRT_REFUSED, object, "look at the domain", "", "dom0 has its own devices");
    path = wirt_store_read(w, "/local/domain/%u/domid", domid);
    if (!path)
        path = wirt_store_read(w, "/local/domain/%u/name", domid);
    if (!path && w->error.code == WIRT_NOT_FOUND)
        return wirt_fail(w, WIRT_NOT_FOUND, object, "look at the domain", "see wirt list",
                         "there is no domain %u in xenstore", domid);
    if (!path)
        return w->error.code;
    free(path);
    return 0;
}

static void add_key(struct device_key *keys, uint32_t *count, const char *name, const char *format, va_list args)
{
    struct device_key *key = &keys[*count];

    if (*count == DEVICE_KEY_MAX)
        abort();
    key->name = name;
    vsnprintf(key->value, sizeof(key->value), format, args);
    ++*count;
}

void device_front(struct device *d, const char *name, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    add_key(d->front, &d->front_count, name, format, args);
    va_end(args);
}

void device_back(struct device *d, const char *name, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    add_key(d->back, &d->back_count, name, format, args);
    va_end(args);
}

const char *device_back_path(const struct device *d, char path[DEVICE_PATH_MAX])
{
    snprintf(path, DEVICE_PATH_MAX, DEVICE_BACKENDS "/%s/%u/%u", d->kind, d->domid, d->number);
    return path;
}

const char *device_note_path(const struct device *d, char path[DEVICE_PATH_MAX])
{
    snprintf(path, DEVICE_PATH_MAX, NOTE_CHANGING "/%s-%u-%u", d->kind, d->domid, d->number);
    return path;
}

const char *device_front_path(const struct device *d, char path[DEVICE_PATH_MAX])
{
    snprintf(path, DEVICE_PATH_MAX, "/local/domain/%u/device/%s/%u", d->domid, d->kind, d->number);
    return path;
}

int device_lock(struct wirt *w, int *lock)
{
    int error;

    if (mkdir(RUN_DIR, 0755) && errno != EEXIST)
        return fail_errno(w, WIRT_NO_HOST, RUN_DIR, "make the directory", "", "it is needed for a lock");
    *lock = open(RUN_DIR "/devices.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (*lock < 0)
        return fail_errno(w, WIRT_NO_HOST, RUN_DIR "/devices.lock", "open the lock", "", "it cannot be opened");
    do
        error = flock(*lock, LOCK_EX) ? errno : 0;
    while (error == EINTR);
    if (!error)
        return 0;
    close(*lock);
    return fail_errno(w, WIRT_NO_HOST, RUN_DIR "/devices.lock", "take the lock", "", "it cannot be had");
}

void device_unlock(int lock)
{
    close(lock);
}

static void load_module(const char *name)
{
    char *argv[] = {(char *)"modprobe", (char *)"-q", (char *)name, NULL};
    pid_t child;

    if (posix_spawn(&child, "/sbin/modprobe", NULL, NULL, argv, environ) == 0)
        while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
            continue;
}

int device_backend_check(struct wirt *w, const char *kind, const char *object)
{
    const char *module = strcmp(kind, "vbd") ? "xen-netback" : "xen-blkback";
    char path[64], next[48];

    snprintf(path, sizeof(path), "/sys/bus/xen-backend/drivers/%s", kind);
    if (access(path, F_OK) == 0)
        return 0;
    load_module(module);
    if (access(path, F_OK) == 0)
        return 0;
    snprintf(next, sizeof(next), "try modprobe %s", module);
    return wirt_fail(w, WIRT_NO_HOST, object, "find its backend", next, "dom0's kernel has no driver %s loaded",
                     module);
}

/* Makes a directory of `owner` that `reader` may read, and writes keys into it. False with errno. */
static bool write_keys(struct wirt *w, uint32_t t, const char *dir, uint32_t owner, uint32_t reader,
                       const struct device_key *keys, uint32_t count)
{
    struct xs_permissions perms[2] = {{.id = owner, .perms = XS_PERM_NONE}, {.id = reader, .perms = XS_PERM_READ}};
    char path[DEVICE_PATH_MAX + 64];

    if (!ask_mkdir(w, t, dir) || !ask_permit(w, t, dir, perms, 2))
        return false;
    for (uint32_t i = 0; i < count; i++) {
        snprintf(path, sizeof(path), "%s/%s", dir, keys[i].name);
        if (!ask_write(w, t, path, keys[i].value, strlen(keys[i].value)))
            return false;
    }
    return true;
}

bool device_is_there(struct wirt *w, uint32_t t, const char *dir)
{
    char path[DEVICE_PATH_MAX + 16], *value;

    snprintf(path, sizeof(path), "%s/state", dir);
    value = ask_read(w, t, path, NULL);
    free(value);
    return value != NULL;
}

static void common_keys(struct device *d)
{
    char front[DEVICE_PATH_MAX], back[DEVICE_PATH_MAX];

    device_front_path(d, front);
    device_back_path(d, back);
    device_front(d, "backend", "%s", back);
    device_front(d, "backend-id", "0");
    device_front(d, "state", "%d", XenbusStateInitialising);
    device_back(d, "frontend", "%s", front);
    device_back(d, "frontend-id", "%u", d->domid);
    device_back(d, "online", "1");
    device_back(d, "state", "%d", XenbusStateInitialising);
}

bool device_transact(struct wirt *w, device_step_fn *step, const struct device *d)
{
    for (int i = 0; i < TRIES; i++) {
        uint32_t t = ask_begin(w);
        bool is_good = t && step(w, t, d);
        int error = errno;

        if (t && ask_end(w, t, is_good) && is_good)
            return true;
        if (!is_good)
            errno = error;
        if (!is_good || errno != EAGAIN)
            return false;
    }
    return false;
}

static bool write_offer(struct wirt *w, uint32_t t, const struct device *d)
{
    char front[DEVICE_PATH_MAX], back[DEVICE_PATH_MAX], note[DEVICE_PATH_MAX], self[NOTE_SELF];

    if (device_is_there(w, t, device_back_path(d, back))) {
        errno = EEXIST;
        return false;
    }
    note_self(self);
    return write_keys(w, t, back, 0, d->domid, d->back, d->back_count) &&
           write_keys(w, t, device_front_path(d, front), d->domid, 0, d->front, d->front_count) &&
           ask_write(w, t, device_note_path(d, note), self, strlen(self));
}

int device_offer(struct wirt *w, const struct device *offered)
{
    struct device d = *offered;

    common_keys(&d);
    if (device_transact(w, write_offer, &d))
        return 0;
    if (errno == EEXIST)
        return wirt_fail(w, WIRT_EXISTS, d.object, "offer it to the guest", "see wirt dominfo",
                         "the domain has this device already");
    if (errno == EAGAIN)
        return wirt_fail(w, WIRT_TIMEOUT, d.object, "offer it to the guest", "try again",
                         "xenstore changed under each of %d transactions", TRIES);
    return ask_fail(w, WIRT_FAILED, d.object, "offer it to the guest", "", "xenstored refused the keys");
}

int device_done(struct wirt *w, const struct device *d)
{
    char back[DEVICE_PATH_MAX], path[DEVICE_PATH_MAX + 24];
    struct batch b;

    batch_begin(&b, w);
    snprintf(path, sizeof(path), "%s/hotplug-status", device_back_path(d, back));
    batch_write(&b, path, "connected");
    batch_remove(&b, device_note_path(d, back));
    return batch_commit(&b, d->object, "let it connect");
}

int device_watch(struct wirt *w, struct watch *watch, const struct device *d)
{
    char back[DEVICE_PATH_MAX], path[DEVICE_PATH_MAX + 8];
    int error;

    if (!ask_lives(w))
        return w->error.code;
    error = watch_open(watch);
    snprintf(path, sizeof(path), "%s/state", device_back_path(d, back));
    if (!error) {
        error = watch_add(watch, path, "state");
        if (error)
            watch_close(watch);
    }
    if (!error)
        return 0;
    errno = error;
    return fail_errno(w, WIRT_NO_HOST, d->object, "watch its backend", "try modprobe xenfs",
                      "no connection to xenstore through /dev/xen/xenbus");
}

int device_wait_token(struct wirt *w, struct watch *watch, const char *object, const char *token, int timeout_ms)
{
    const char *path, *got;
    int result;

    do
        result = watch_next(watch, timeout_ms, &path, &got);
    while (result == 1 && strcmp(got, token));
    if (result == 1)
        return 0;
    if (result == 0)
        return wirt_fail(w, WIRT_TIMEOUT, object, "wait for its backend", "see dmesg; WIRT_WAIT=SECONDS waits longer",
                         "nothing came from dom0's kernel within %d s", timeout_ms / 1000);
    if (result == -EREMOTE)
        return wirt_fail(w, WIRT_FAILED, object, "wait for its backend", "", "xenstored refused the watch: %s", path);
    errno = -result;
    return fail_errno(w, WIRT_FAILED, object, "wait for its backend", "", "the connection to xenstore broke");
}

/* The token is new each time: the first event of its watch comes behind all events that are under way. */
int device_sync(struct wirt *w, struct watch *watch, const char *object)
{
    char token[24];
    int error;

    if (!ask_lives(w))
        return w->error.code;
    snprintf(token, sizeof(token), "sync%u", watch->next_id);
    error = watch_add(watch, DEVICE_BACKENDS, token);
    if (!error) {
        int code = device_wait_token(w, watch, object, token, w->patience_ms ? w->patience_ms : -1);

        watch_remove(watch, DEVICE_BACKENDS, token);
        return code;
    }
    errno = error;
    return fail_errno(w, WIRT_FAILED, object, "wait for its backend", "", "the connection to xenstore broke");
}

int device_read_state(struct wirt *w, const struct device *d)
{
    char back[DEVICE_PATH_MAX];
    char *text = wirt_store_read(w, "%s/state", device_back_path(d, back));
    int state = text ? atoi(text) : 0;

    free(text);
    return state;
}

int device_backend_state(struct wirt *w, const struct device *d)
{
    int state = device_read_state(w, d);
    char *why;

    if (state >= XenbusStateInitialising && state <= XenbusStateConnected)
        return 0;
    why = wirt_store_read(w, "/local/domain/0/error/backend/%s/%u/%u/error", d->kind, d->domid, d->number);
    wirt_fail(w, WIRT_FAILED, d->object, "connect it in dom0", "see dmesg", "the kernel's backend gave up: %s",
              why     ? why
              : state ? "it says no reason"
                      : "its directory in xenstore is gone");
    free(why);
    return WIRT_FAILED;
}

int device_wait_backend(struct wirt *w, struct watch *watch, const struct device *d)
{
    char back[DEVICE_PATH_MAX];
    int state = 0, code;

    do { /* each word of its state gives it as long again */
        code = device_wait_token(w, watch, d->object, "state", w->patience_ms ? w->patience_ms : -1);
        if (code == WIRT_TIMEOUT)
            return wirt_fail(w, code, d->object, "wait for its backend", "see dmesg; WIRT_WAIT=SECONDS waits longer",
                             "nothing came from dom0's kernel within %d s; %s/state is %d", w->patience_ms / 1000,
                             device_back_path(d, back), state);
        if (code)
            return code;
        state = device_read_state(w, d);
    } while (state == XenbusStateInitialising);
    code = device_sync(w, watch, d->object);
    return code ? code : device_backend_state(w, d);
}

static int each_of_domain(struct wirt *w, const char *kind, uint32_t domid, device_visit_fn *visit, void *arg)
{
    char path[DEVICE_PATH_MAX], back[DEVICE_PATH_MAX + 16];
    unsigned int count = 0;
    int result = 0;
    char **names;

    snprintf(path, sizeof(path), DEVICE_BACKENDS "/%s/%u", kind, domid);
    names = ask_list(w, 0, path, &count);
    if (!names && errno != ENOENT)
        return ask_fail(w, WIRT_NO_HOST, path, "list the devices", "is xenstored running?", "xenstored does not say");
    for (unsigned int i = 0; names && i < count && !result; i++) {
        snprintf(back, sizeof(back), "%s/%.12s", path, names[i]);
        result = visit(w, back, domid, (uint32_t)strtoul(names[i], NULL, 10), arg);
    }
    free(names);
    return result;
}

int device_each(struct wirt *w, const char *kind, uint32_t domid, device_visit_fn *visit, void *arg)
{
    unsigned int count = 0;
    char path[DEVICE_PATH_MAX];
    int result = 0;
    char **names;

    if (domid)
        return each_of_domain(w, kind, domid, visit, arg);
    snprintf(path, sizeof(path), DEVICE_BACKENDS "/%s", kind);
    names = ask_list(w, 0, path, &count);
    if (!names && errno != ENOENT)
        return ask_fail(w, WIRT_NO_HOST, path, "list the devices", "is xenstored running?", "xenstored does not say");
    for (unsigned int i = 0; names && i < count && !result; i++)
        result = each_of_domain(w, kind, (uint32_t)strtoul(names[i], NULL, 10), visit, arg);
    free(names);
    return result;
}
