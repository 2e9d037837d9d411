/* SPDX-License-Identifier: MIT */
/*
 * What disks and network cards have in common: a pair of directories in xenstore, a backend in dom0's kernel that is
 * waited for, and their removal. Of a guest's own directory nothing is believed; what a device is stands in the
 * backend's, which guests cannot write. Functions return 0 or an enum wirt_code with the handle's error set.
 */
#ifndef WIRT_DEVICE_H
#define WIRT_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include <xenstore.h>

#include "watch.h"
#include "wirt.h"

#define DEVICE_PATH_MAX 96
#define DEVICE_KEY_MAX  20
#define DEVICE_BACKENDS "/local/domain/0/backend"

struct device_key {
    const char *name;
    char value[256];
};
struct device {
    const char *kind; /* "vbd", "vif" */
    uint32_t domid, number;
    char object[128]; /* for messages: "disk xvda of domain web (3)" */
    uint32_t front_count, back_count;
    struct device_key front[DEVICE_KEY_MAX], back[DEVICE_KEY_MAX]; /* what stands in them beside the common keys */
};

/* "domain web (3)", from xenstore. */
const char *device_domain(struct wirt *w, uint32_t domid, char *buffer, size_t size);
/* Whether the domain is there and not on its way out. */
int device_domain_check(struct wirt *w, const char *object, uint32_t domid);
void device_front(struct device *d, const char *name, const char *format, ...) __attribute__((format(printf, 3, 4)));
void device_back(struct device *d, const char *name, const char *format, ...) __attribute__((format(printf, 3, 4)));
const char *device_back_path(const struct device *d, char path[DEVICE_PATH_MAX]);
const char *device_front_path(const struct device *d, char path[DEVICE_PATH_MAX]);
const char *device_note_path(const struct device *d, char path[DEVICE_PATH_MAX]);

/* One at a time looks whether a thing is free and takes it. *lock is closed by device_unlock. */
int device_lock(struct wirt *w, int *lock);
void device_unlock(int lock);
/* Whether the kernel has this backend; loads its module. */
int device_backend_check(struct wirt *w, const char *kind, const char *object);

/* One transaction, again and again until it goes through. False with errno. */
typedef bool device_step_fn(struct wirt *w, uint32_t t, const struct device *d);
bool device_transact(struct wirt *w, device_step_fn *step, const struct device *d);
/* Whether a directory of a device has a state. */
bool device_is_there(struct wirt *w, uint32_t t, const char *dir);
/* XenbusState* of the backend, or 0 if its directory is not there. */
int device_read_state(struct wirt *w, const struct device *d);
/* Until `token` comes: 0, WIRT_TIMEOUT, or another code with the error set. */
int device_wait_token(struct wirt *w, struct watch *watch, const char *object, const char *token, int timeout_ms);

/* Writes both directories in one transaction, with a note that this process is at it; EXISTS if the device is there. */
int device_offer(struct wirt *w, const struct device *d);
/* The device is set up: the backend may connect, and the note goes, both at once. */
int device_done(struct wirt *w, const struct device *d);
/* Connects a watch for waiting on the device's backend. */
int device_watch(struct wirt *w, struct watch *watch, const struct device *d);
/* Until the backend has taken the device up (InitWait or further). On failure says what the kernel says. */
int device_wait_backend(struct wirt *w, struct watch *watch, const struct device *d);
/* Until the kernel's drivers have acted on everything that was written to xenstore so far. */
int device_sync(struct wirt *w, struct watch *watch, const char *object);
/* Fails if the backend has given the device up meanwhile. */
int device_backend_state(struct wirt *w, const struct device *d);
/* Removes both directories at once, and waits until the backend has let go. Of a guest that lives and may have taken
 * the device up, only after it was asked. */
int device_withdraw(struct wirt *w, const struct device *d);
/* Asks the guest to let go, up to 10 s, if it has taken the device up; then withdraws. */
int device_unplug(struct wirt *w, const struct device *d);
/* The same after a failure, whose error stays with the handle. */
int device_give_up(struct wirt *w, const struct device *d);

/* Every device of a kind whose backend is in dom0, of all domains or (domid not 0) of one: visit(path of the backend)
 * until it returns non-zero, which is passed on. */
typedef int device_visit_fn(struct wirt *w, const char *back, uint32_t domid, uint32_t number, void *arg);
int device_each(struct wirt *w, const char *kind, uint32_t domid, device_visit_fn *visit, void *arg);

#endif
