/* SPDX-License-Identifier: MIT */
/* The wire: messages as bytes, their forms, names of types and errors, paths and numbers in them. Pure functions. */
#ifndef WIRE_H
#define WIRE_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <xen/io/xs_wire.h>

#define WIRE_HEADER    sizeof(struct xsd_sockmsg)
#define WIRE_MAX       (WIRE_HEADER + XENSTORE_PAYLOAD_MAX)
#define WIRE_PATH_SIZE (XENSTORE_ABS_PATH_MAX + 1)
#define WIRE_TOKEN_MAX (XENSTORE_PAYLOAD_MAX - XENSTORE_ABS_PATH_MAX - 2)
#define WIRE_ARGS      12

/* A request taken apart. arg[] are NUL-terminated strings inside the payload; rest is what follows them. */
struct wire_request {
    uint32_t type, req_id, tx_id;
    unsigned arg_count;
    const char *arg[WIRE_ARGS];
    const char *rest;
    size_t rest_len;
};

/* 0, or EINVAL (the payload has not the type's form) or ENOSYS (no such request). payload: header->len bytes. */
int wire_decode(const struct xsd_sockmsg *header, const char *payload, struct wire_request *out);
bool wire_uses_transaction(uint32_t type); /* tx_id matters to it */
bool wire_is_privileged(uint32_t type);    /* only dom0 may send it */
const char *wire_type_name(uint32_t type); /* "READ", or "type 99" in a static buffer */
const char *wire_error_name(int errnum);   /* an error that the protocol has no name for is EINVAL */

/* The absolute form of a path; relative ones start at /local/domain/DOMID. 0 or EINVAL. */
int wire_path(const char *given, uint32_t domid, char out[static WIRE_PATH_SIZE]);
/* The same for a watch: @names pass too. *prefix is how many bytes of out the client did not write. */
int wire_watch_path(const char *given, uint32_t domid, char out[static WIRE_PATH_SIZE], size_t *prefix);
/* Decimal digits only, value at most max. */
bool wire_number(const char *text, uint64_t max, uint64_t *out);
/* Digits and a NUL; their count. */
#define WIRE_DECIMAL 11
size_t wire_decimal(uint32_t value, char out[static WIRE_DECIMAL]);
/* The parent of an absolute path other than "/", into out. */
void wire_parent(const char *path, char out[static WIRE_PATH_SIZE]);

#endif
