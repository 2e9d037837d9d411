/* SPDX-License-Identifier: MIT */
/*
 * What libwirt's own files share: the handle, and the ways out of it, each opened when it is first needed. The
 * need_* functions return 0 or a code with the handle's error set, like everything else here; after one of them the
 * field of the same name may be used. Nothing else opens or closes these.
 */
#ifndef WIRT_INTERNAL_H
#define WIRT_INTERNAL_H

#include <xencall.h>
#include <xenevtchn.h>
#include <xenforeignmemory.h>
#include <xengnttab.h>
#include <xenstore.h>

#include "wirt.h"

struct wirt {
    struct wirt_error error;
    xencall_handle *call;
    xenforeignmemory_handle *memory;
    xenevtchn_handle *events;
    xengnttab_handle *grants;
    void *arena;  /* hyper.c */
    int batch_fd; /* the way to xenstored: batch_wire.c, with all that follows; 0: none */
    int store_pid;
    int patience_ms;   /* 0: for ever */
    bool does_recover; /* asks again when xenstored lives again; else once late, all fails from then on */
    bool owes_answer;  /* the connection is kept until what was asked is answered */
    bool is_late;      /* the last failure: not in time */
    uint64_t again_ms; /* it had no room for a connection or a question: not to be tried before */
    uint64_t silent_ms;
    unsigned int silences; /* failures to get an answer */
    char asked[96]; /* what waits longest, for messages */
};

int need_call(struct wirt *w); /* hypercalls: root in dom0, under a hypervisor with Xen's ABI */
int need_memory(struct wirt *w);
int need_events(struct wirt *w);
int need_grants(struct wirt *w);
int need_store(struct wirt *w); /* a connection to xenstored; whether it answers is seen when it is asked: ask.h */

/* wirt_fail with the text of errno behind the cause. Leaves errno alone. */
int fail_errno(struct wirt *w, enum wirt_code code, const char *object, const char *step, const char *next,
               const char *cause, ...) __attribute__((format(printf, 6, 7)));
/* Keeps an error over a clean-up that sets its own: the first cause is the one a person wants. */
struct wirt_error error_keep(const struct wirt *w);
int error_restore(struct wirt *w, const struct wirt_error *kept);

extern const char wirt_version[];

#endif
