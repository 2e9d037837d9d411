/* SPDX-License-Identifier: MIT */
/*
 * Packed kernels: where the payload lies in a Linux bzImage (boot protocol 2.08 or later), and its decoding into one
 * flat image. The file is hostile: nothing outside of it is read, nothing beyond the destination written, and a size
 * that it claims is believed up to UNPACK_SIZE_MAX only. The functions return NULL or what is wrong in words (a part of
 * a sentence; a constant, or text in *p).
 */
#ifndef WIRT_UNPACK_H
#define WIRT_UNPACK_H

#include "lz4_block.h"

#include <stddef.h>
#include <stdint.h>

#define UNPACK_SIZE_MAX ((size_t)512 << 20)

struct unpack {
    const uint8_t *data; /* the payload, without the length that the kernel's build appends */
    size_t size;
    size_t image_size;  /* unpacked, as the file claims */
    const char *format; /* "xz", "gzip", "lz4", "zstd" */
    const char *(*decode)(struct unpack *p, uint8_t *dst, size_t want);
    struct lz4_memory memory; /* for all of the image; open NULL: dst is there */
    char error[160];
};

/* Finds the payload in a file that is no ELF. */
const char *unpack_find(struct unpack *p, const void *file, size_t size);
/* The first `want` bytes of the image, at most image_size, into dst, which is zero but for an earlier call's bytes.
 * With all of them asked for, the payload has to give these and no more. */
const char *unpack_image(struct unpack *p, void *dst, size_t want);

#endif
