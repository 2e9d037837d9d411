/* SPDX-License-Identifier: MIT */
/* One block of LZ4, into memory that is zero. */
#ifndef WIRT_LZ4_BLOCK_H
#define WIRT_LZ4_BLOCK_H

#include <stddef.h>
#include <stdint.h>

/* dst[0..room) is zero before; runs of zeroes are not written. Returns bytes of output, -1 for a damaged block or one
 * that holds more than room. Nothing outside of src[0..size) is read, nothing outside of dst[0..room) touched. */
long lz4_block(const uint8_t *src, size_t size, uint8_t *dst, size_t room);

#endif
