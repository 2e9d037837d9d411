/* SPDX-License-Identifier: MIT */
/* One block of LZ4, into memory that is zero, and that need not be there before it is written. */
#ifndef WIRT_LZ4_BLOCK_H
#define WIRT_LZ4_BLOCK_H

#include <stddef.h>
#include <stdint.h>

/* Memory comes as it is needed: `open` makes dst[0..) writable from the page of `at` to `end` or further, and returns
 * how far; NULL if it cannot. What was passed over because it is zero is never opened. */
struct lz4_memory {
    uint8_t *(*open)(void *arg, uint8_t *at, uint8_t *end);
    void *arg;
    uint8_t *ready; /* how far it is open; page-aligned, or behind all of the output */
};

#define LZ4_NO_MEMORY (-2)

/* dst[0..room) reads as zero before; runs of zeroes are not written. Returns bytes of output, -1 for a damaged block or
 * one that holds more than room, LZ4_NO_MEMORY when memory could not be opened. Nothing outside of src[0..size) is
 * read, nothing outside of dst[0..room) written. */
long lz4_block(const uint8_t *src, size_t size, uint8_t *dst, size_t room, struct lz4_memory *m);

#endif
