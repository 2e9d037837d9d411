/* SPDX-License-Identifier: MIT */
/* The journal of events (event.c), and what makes most of them (change.c). docs/guide/events.md says what each means.
 */
#ifndef WIRTD_EVENT_H
#define WIRTD_EVENT_H

#include "daemon.h"

#define EVENT_LINE_MAX 2048 /* bytes of a line with its newline */

struct subject { /* whom an event is about */
    uint32_t domid;
    char name[WIRT_NAME_MAX + 1];
    uint8_t uuid[16];
    int64_t filled_ms; /* of the limit: when tokens were counted last, 0: never */
    int tokens;
    uint32_t suppressed; /* left out since its last event */
};

/* ---- event.c ---- */
void event_init(void);
/* One line. who NULL: about wirtd itself. format: further members, each with a comma in front. */
void event_say(struct subject *who, const char *what, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Whether the domain may cause an event now; if not it is counted. For events that guests can cause at will. */
bool event_may(struct subject *who);
const struct keep *event_journal(void);
uint64_t event_first(void);                        /* place of the first whole line */
uint64_t event_behind(uint64_t number);            /* place of the first line whose number is higher */
void event_range(uint64_t *first, uint64_t *next); /* numbers: of the first line, and that the next will have */
uint64_t event_total(void);                        /* how many there were */

/* ---- change.c: what changes about domains, as events ---- */
#define CHANGE_BACKEND "/local/domain/0/backend"
void change_started(void); /* the domains that were there already are all seen */
/* What the hypervisor says of a domain now; its name as far as it is known. */
struct xen_domctl_getdomaininfo;
void change_seen(const struct xen_domctl_getdomaininfo *info, const char *name);
void change_gone(uint32_t domid);
void change_named(uint32_t domid, const char *name);
void change_printed(uint32_t domid, size_t bytes);
void change_policy(uint32_t domid, const char *setting, const char *action, uint32_t delay_s);
void change_device(const char *path); /* CHANGE_BACKEND, or something below it: it changed */

#endif
