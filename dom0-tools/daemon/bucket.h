/* SPDX-License-Identifier: MIT */
/*
 * How much a guest may print: a bucket that fills with time. What is in it may be spent at once; who has spent all
 * waits until there is enough for a ring's worth again. Times are of any clock that does not go back, in milliseconds.
 */
#ifndef WIRTD_BUCKET_H
#define WIRTD_BUCKET_H

#include <stdint.h>

#define BUCKET_RATE  (256u << 10) /* bytes a second */
#define BUCKET_SIZE  (512 << 10)  /* bytes at once */
#define BUCKET_EVENT 256          /* what an event costs that brings less */
#define BUCKET_AGAIN (16 << 10)   /* bytes that must be there before who waited goes on */

struct bucket {
    int64_t bytes, filled_ms;
};

static inline void bucket_start(struct bucket *b, int64_t now_ms)
{
    b->bytes = BUCKET_SIZE;
    b->filled_ms = now_ms;
}

/* Spends; 0, or the time when the guest may go on. */
static inline int64_t bucket_spend(struct bucket *b, int64_t now_ms, uint32_t bytes)
{
    int64_t gained = (now_ms - b->filled_ms) * BUCKET_RATE / 1000;

    /* A part of a byte is not dropped: time that has brought nothing yet is not used up. */
    if (gained > 0) {
        b->bytes = b->bytes + gained > BUCKET_SIZE ? BUCKET_SIZE : b->bytes + gained;
        b->filled_ms = now_ms;
    }
    b->bytes -= bytes > BUCKET_EVENT ? bytes : BUCKET_EVENT;
    if (b->bytes > 0)
        return 0;
    return now_ms + 1 + (BUCKET_AGAIN - b->bytes) * 1000 / BUCKET_RATE;
}

#endif
