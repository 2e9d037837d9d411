/* SPDX-License-Identifier: MIT */
/*
 * Many keys of xenstore changed together: one transaction, whose requests all go out in one piece, so that it costs
 * three round trips however many keys there are, and one if there is one. A batch is filled, then committed; when
 * another client got in between (EAGAIN) it is sent again. Nothing is changed unless everything is. And many keys read
 * together, in one round trip, each as it is at some moment of it.
 */
#ifndef WIRT_BATCH_H
#define WIRT_BATCH_H

#include "internal.h"

struct batch {
    struct wirt *w;
    char *data; /* requests, ready but for the transaction's id */
    size_t used, size;
    uint32_t count;
    bool has_failed; /* no memory */
    char taken[128]; /* after a commit that gave WIRT_EXISTS: the path that was not absent */
};

void batch_begin(struct batch *b, struct wirt *w);
/* These cannot fail; what cannot be kept makes the commit fail. A path has no format of its own. */
void batch_write(struct batch *b, const char *path, const char *format, ...) __attribute__((format(printf, 3, 4)));
void batch_mkdir(struct batch *b, const char *path);
void batch_remove(struct batch *b, const char *path);                                 /* absent is no error */
void batch_absent(struct batch *b, const char *path);                                 /* if it is there: WIRT_EXISTS */
void batch_introduce(struct batch *b, uint32_t domid, uint64_t frame, uint32_t port); /* alone in its batch */
void batch_permit(struct batch *b, const char *path, const char *first, const char *second); /* "n0", "r3" or NULL */
/* object and step for the message. The batch is empty then and may be filled again. */
void batch_drop(struct batch *b); /* instead */
int batch_commit(struct batch *b, const char *object, const char *step);

/* The values, to be freed; NULL of a key that is not there or may not be read. */
int batch_read(struct wirt *w, const char *const path[], char *value[], size_t count);
/* How many names directories have, none if they are not there; BATCH_MANY if a message does not hold them. */
#define BATCH_MANY UINT32_MAX
int batch_count(struct wirt *w, const char *const path[], uint32_t names[], size_t count);

/* All that there is of one key, in one round trip. Texts end with a NUL beyond their bytes; NULL: no memory. */
struct batch_piece {
    char *data;
    size_t bytes;
};
struct batch_look {
    struct batch_piece value, access, names; /* access: "n0" NUL "r3" NUL; names: each with its NUL */
    bool is_absent, has_more;                /* has_more: for batch.c */
};
int batch_look(struct wirt *w, const char *path, struct batch_look *l); /* not there, or not allowed: empty pieces */
void batch_look_end(struct batch_look *l);

/* An answer has to come in the time that WIRT_WAIT says; when one does not, all fails with WIRT_NO_HOST from then on,
 * so that nobody who takes a key that cannot be had for one that is not there goes on with that. For who has something
 * else to do: from now on in so many ms (0: for ever), and all fails at once only until the answer that is owed has
 * come. */
void batch_patience(struct wirt *w, int ms);
uint64_t batch_silence_ms(const struct wirt *w); /* since the first failure; 0: the last answer came */

#endif
