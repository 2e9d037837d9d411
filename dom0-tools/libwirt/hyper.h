/* SPDX-License-Identifier: MIT */
/*
 * Hypercalls, from the raw call up to one function per operation that the tools use. The raw ones return what the
 * hypervisor returned: 0 or more, or a negative errno, and set no error; hyper_fail puts such a number into words. The
 * others return a wirt code and have set the error. `object` is what messages call the thing that it is done to.
 * Everything that the hypervisor reads or writes lies in one small arena of pages that never fault.
 */
#ifndef WIRT_HYPER_H
#define WIRT_HYPER_H

#include "internal.h"
#include <xen/domctl.h>
#include <xen/memory.h>
#include <xen/sysctl.h>

#define HYPER_ARENA_PAGES 16
#define HYPER_DATA_SIZE   (60u << 10) /* bytes in hyper_data; one user at a time, until the next call that takes data */

/* All of them want need_call(w) to have succeeded. op is copied in and, on success, out. */
int hyper_domctl(struct wirt *w, uint32_t cmd, uint32_t domid, struct xen_domctl *op);
int hyper_sysctl(struct wirt *w, uint32_t cmd, struct xen_sysctl *op);
long hyper_memory(struct wirt *w, unsigned int cmd, void *arg, size_t size);
int hyper_event(struct wirt *w, int cmd, void *arg, size_t size);
int hyper_mmuext(struct wirt *w, unsigned int cmd, uint64_t mfn, uint32_t domid);
int hyper_version(struct wirt *w, int cmd, void *arg, size_t size);
int hyper_param(struct wirt *w, uint32_t domid, uint32_t index, uint64_t value); /* HVMOP_set_param */
void *hyper_data(struct wirt *w);

/* Sets the error for a negative errno of the hypervisor: CAUSE: what the number means here. Returns the code. */
int hyper_fail(struct wirt *w, int error, const char *object, const char *step, const char *cause, ...)
    __attribute__((format(printf, 5, 6)));

#endif
