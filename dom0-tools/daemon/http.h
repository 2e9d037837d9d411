/* SPDX-License-Identifier: MIT */
/*
 * The metrics as a scraper gets them: GET /metrics over HTTP/1.1, on a socket beside wirtd's own and, if one is asked
 * for, on a TCP port of the loopback interface. What is served is made by metrics.c.
 */
#ifndef WIRTD_HTTP_H
#define WIRTD_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An address as the option gives it, "127.0.0.1:9177" or "[::1]:9177". NULL: good, else what is wrong with it. */
const char *http_check(const char *address);
bool http_listen(void);
void http_close(void);
int64_t http_due(int64_t now); /* as console_due */

/* ---- for http.c and tests: what a client asked for ---- */
enum http_format { HTTP_TEXT, HTTP_OPENMETRICS }; /* text/plain 0.0.4; application/openmetrics-text 1.0.0 */
struct http_request {
    bool is_head;
    enum http_format format;
};
/* A head, up to and with its empty line. 200, or the status of the refusal. */
int http_parse(const char *head, size_t size, struct http_request *request);
/* Bytes of the head at the start of what came; 0: not all of it yet. */
size_t http_head(const char *bytes, size_t size);

#endif
