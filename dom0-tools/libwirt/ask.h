/* SPDX-License-Identifier: MIT */
/*
 * One question to xenstored at a time, in a transaction or (0) outside of any, over the connection that batches have.
 * What libxenstore asks may wait for ever; here who is stopped or hangs has as long as batch_patience says, and then
 * everything fails at once. Failures give errno: xenstored's own, ETIMEDOUT or ECONNRESET.
 */
#ifndef WIRT_ASK_H
#define WIRT_ASK_H

#include "internal.h"

/* To be freed; a value ends with a NUL beyond its bytes, a list is one piece. NULL: errno. */
char *ask_read(struct wirt *w, uint32_t t, const char *path, unsigned int *bytes);
char **ask_list(struct wirt *w, uint32_t t, const char *path, unsigned int *count);
struct xs_permissions *ask_access(struct wirt *w, const char *path, unsigned int *count);
bool ask_write(struct wirt *w, uint32_t t, const char *path, const void *value, size_t bytes);
bool ask_mkdir(struct wirt *w, uint32_t t, const char *path);
bool ask_remove(struct wirt *w, uint32_t t, const char *path);
bool ask_permit(struct wirt *w, uint32_t t, const char *path, const struct xs_permissions *list, unsigned int count);
bool ask_release(struct wirt *w, uint32_t domid); /* the domain is no more */
uint32_t ask_begin(struct wirt *w);               /* a transaction; 0: errno */
bool ask_end(struct wirt *w, uint32_t t, bool does_commit);

/* fail_errno for a question that failed; that xenstored does not answer is said instead, with its own code. */
int ask_fail(struct wirt *w, enum wirt_code code, const char *object, const char *step, const char *next,
             const char *cause, ...) __attribute__((format(printf, 6, 7)));
/* Whether it answers now; false: the error says why not. Asked before the kernel is told to watch something, which
 * would wait for ever. */
bool ask_lives(struct wirt *w);

#endif
