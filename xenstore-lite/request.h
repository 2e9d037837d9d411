/* SPDX-License-Identifier: MIT */
/* What each request does. */
#ifndef REQUEST_H
#define REQUEST_H

#include "conn.h"
#include "wire.h"

/* A request being answered. */
struct call {
    struct conn *c;
    struct wire_request r;
    struct xsd_sockmsg header;
    struct txn *t;
    size_t known; /* bytes of the path that lead to a node that exists */
    bool is_answered;
};
typedef int handler(struct call *k); /* 0, having answered or for "OK"; or an errno, having changed nothing */
void request_answer(struct call *k, const void *data, size_t length);
handler request_introduce, request_release, request_domain_path, request_is_introduced, request_resume,
    request_set_target;

/* message: a header and as many bytes as it says, which the caller keeps. Always answers. */
void request_handle(struct conn *c, const char *message);

#endif
