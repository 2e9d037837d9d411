/* SPDX-License-Identifier: MIT */
/*
 * What xenstore knows of domains:
 *   /wirt/name/NAME = UUID             who has the name; written before there is a domain
 *   /wirt/building/UUID = PID START    a builder is at work (note.h)
 *   /local/domain/N/..., /vm/UUID/...  what guests, daemons and people read
 * A domain belongs to a record by its UUID, which the hypervisor keeps as its handle from its first moment on: so
 * whatever a killed builder leaves can be found.
 */
#ifndef WIRT_RECORD_H
#define WIRT_RECORD_H

#include "build_pv.h"

#define UUID_TEXT            37
#define RECORD_CONFIG_PIECES 64u /* a configuration lies in wirt/config, wirt/config-1, ... */

const char *record_uuid(const uint8_t uuid[16], char text[UUID_TEXT]);
/* The name and the UUID are free, and now taken. */
int record_claim(struct wirt *w, const struct wirt_config *c, const char *object);
/* All keys of a domain that is built. */
int record_keys(struct wirt *w, const struct build *b);
/* xenstored serves its ring from now on. */
int record_introduce(struct wirt *w, const struct build *b);
/* The builder is done: what it made stays. */
int record_done(struct wirt *w, const uint8_t uuid[16], const char *object);
/* Everything of a domain, of what is there of it; name may be NULL. */
int record_forget(struct wirt *w, int domid, const uint8_t uuid[16], const char *name, const char *object);
/* The same of a domain that is no more, as far as xenstore still says what it was. */
int record_forget_dead(struct wirt *w, uint32_t domid, const char *object);
int record_rename(struct wirt *w, uint32_t domid, const uint8_t uuid[16], const char *from, const char *to,
                  const char *object);
/* The name that is taken for a UUID, or NULL. Looks at all names. */
char *record_name_of(struct wirt *w, const uint8_t uuid[16]);

/* Builders' records. */
struct record_builder {
    uint8_t uuid[16];
    bool is_alive; /* the process is there */
};
int record_builders(struct wirt *w, struct record_builder **out, uint32_t *count);

#endif
