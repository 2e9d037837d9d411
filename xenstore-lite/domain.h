/* SPDX-License-Identifier: MIT */
/* The domains whose rings are served, dom0's own kernel among them. */
#ifndef DOMAIN_H
#define DOMAIN_H

#include "conn.h"

struct domain {
    struct domain *next, **link;
    uint32_t domid;
    uint64_t mfn;
    uint32_t remote_port;
    int port; /* ours; -1: not bound */
    uint8_t handle[16];
    bool is_shutdown;    /* and this has been told */
    bool is_broken;      /* wrote nonsense: not served until it reconnects */
    bool needs_reset;    /* its page's indexes are to be cleared once the log says so */
    uint32_t replay_end; /* until the ring is taken up again: index behind all that is queued */
    struct ring ring;
    struct conn *conn;
};
extern struct domain *domain_all;

struct domain *domain_find(uint32_t domid); /* NULL: not introduced */
/* 0 or an errno; what failed is in the log. */
int domain_introduce(uint32_t domid, uint64_t mfn, uint32_t remote_port);
void domain_release(struct domain *d, bool is_dead);
void domain_set_target(struct domain *d, uint32_t target);
void domain_set_shutdown(struct domain *d, bool is);

/* Rings. */
void domain_event(int port); /* an event came in */
long domain_take(struct domain *d, void *to, size_t want);
/* Takes what has come of a request out of the ring: Linux sends it in pieces, and rings for the next one only if it
 * finds the ring empty. */
void domain_keep_partial(struct domain *d);
void domain_consumed(struct domain *d); /* all that was taken is one request, about to be answered */
void domain_owes(struct domain *d, const void *data, size_t length, bool is_event); /* queued for it: into the log */
bool domain_is_served(const struct domain *d);
void domain_begin_anew(struct domain *d); /* if it is to; the log says so already */
void domain_publish(struct domain *d);
void domain_break(struct domain *d, uint32_t error, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Who has shut down, who is gone: with all the consequences. */
void domain_scan(void);
/* At start, after the replay: connects to the hypervisor and all rings that the log knows, and dom0's. */
void domain_connect(void);
bool domain_has_host(void);

/* For the replay. */
struct domain *domain_restore(uint32_t domid, uint64_t mfn, uint32_t remote_port, const uint8_t handle[16]);

#endif
