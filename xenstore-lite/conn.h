/* SPDX-License-Identifier: MIT */
/* A connection: a client on a socket or the ring of a domain. */
#ifndef CONN_H
#define CONN_H

#include "perm.h"
#include "ring.h"

struct domain;
struct txn;
struct watch;

struct out {
    struct out *next;
    uint32_t len;
    bool is_event;
    char data[];
};
struct conn {
    struct who who;
    int fd;                /* -1: a ring */
    struct domain *domain; /* NULL: a socket */
    char *in;              /* while a request is coming in; of a ring's, WIRE_MAX bytes */
    uint32_t in_len;
    uint32_t out_off; /* bytes of the first message that have left */
    uint32_t event_bytes, answer_bytes;
    struct out *out, **out_last;
    struct watch *watches;
    uint32_t watch_count, collapsed_count;
    size_t watch_bytes;
    struct txn *txns;
    uint32_t txn_count, txn_id;
    size_t txn_bytes;
    struct conn *next, **link; /* all connections */
    struct conn *ready_next, *dirty_next;
    uint32_t polled; /* what its socket is waited for */
    bool is_ready, is_dirty, is_dead, waits_for_out;
};
extern struct conn *conn_all;

struct conn *conn_create(uint32_t domid, int fd, struct domain *domain);
void conn_destroy(struct conn *c); /* at once; with its watches and transactions */
void conn_reset(struct conn *c);   /* drops watches and transactions */
void conn_clear(struct conn *c);   /* what is half read and what is not yet sent, too */

/* Work for the next pass of the loop; and something to send once the log is written. */
void conn_ready(struct conn *c);
void conn_dirty(struct conn *c);

/* Reads and answers at most one request, of a socket those that have come together. */
void conn_step(struct conn *c);
/* Sends as much as the other side takes. Only when all that it tells is in the log. */
void conn_flush(struct conn *c);

void conn_reply(struct conn *c, const struct xsd_sockmsg *to, const void *data, size_t length);
void conn_error(struct conn *c, const struct xsd_sockmsg *to, int errnum);
/* path as the client knows it. */
void conn_event(struct conn *c, struct watch *w, const char *path);
/* Bytes as they are, for the way back from the log. */
void conn_push(struct conn *c, const void *data, size_t length, bool is_event);

/* For the replay: these bytes of a request are in. */
void conn_set_partial(struct conn *c, const char *data, size_t length);
/* The first so many bytes of what waits have left already. */
void conn_skip(struct conn *c, size_t length);
size_t conn_waiting(const struct conn *c);

/* The lists, taken over by the loop, in order. */
struct conn *conn_take_ready(void);
struct conn *conn_take_dirty(void);
bool conn_has_ready(void);

#endif
