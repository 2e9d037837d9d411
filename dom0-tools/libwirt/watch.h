/* SPDX-License-Identifier: MIT */
/*
 * A connection to xenstore for watches alone, through the kernel's device. Through it events come behind those of the
 * kernel's own drivers, which the kernel serves from one queue in order: when an event has come, the drivers have acted
 * on all that was written before it. And the connection outlives a restart of xenstored. Where there is no such device
 * the socket of xenstored serves, without that order.
 */
#ifndef WIRT_WATCH_H
#define WIRT_WATCH_H

#include <stddef.h>
#include <stdint.h>

#include <xen/io/xs_wire.h>

struct watch {
    int fd;
    uint32_t next_id;
    size_t have;  /* bytes in buffer */
    size_t taken; /* of them, bytes of the message that was returned last */
    char buffer[sizeof(struct xsd_sockmsg) + XENSTORE_PAYLOAD_MAX + 1];
};

int watch_open(struct watch *watch);        /* 0 or an errno */
int watch_open_socket(struct watch *watch); /* not the device: without order, and an end of xenstored is seen */
void watch_close(struct watch *watch);
/* Asks for a watch, or for its end; the answer is taken by watch_next. The first event comes at once. 0 or an errno. */
int watch_add(struct watch *watch, const char *path, const char *token);
int watch_remove(struct watch *watch, const char *path, const char *token);
/* The next event: 1, with path and token, which last until the next call. 0: none within timeout_ms (-1: for ever).
 * Negative: -errno; -EREMOTE: xenstored refused a request, *path is its word for why. */
int watch_next(struct watch *watch, int timeout_ms, const char **path, const char **token);

#endif
