/* SPDX-License-Identifier: MIT */
/*
 * Kernels as a distribution makes them, for the unpacking tests: an image, packed by the encoders that distributions
 * use, in a bzImage. Each result is a block of exactly its size, so that ASan sees a byte too many; free it.
 */
#ifndef WIRT_TEST_PACK_H
#define WIRT_TEST_PACK_H

#include "lib/types.h"
#include <lzma.h>

struct bytes {
    u8 *p;
    u64 n;
};

/* Something like a kernel: ELF magic, code with calls near and far, text, noise, long zeros. */
struct bytes make_image(u64 n);
struct bytes grow(const struct bytes *b, u64 more);
struct bytes pack_xz(const struct bytes *in, bool has_x86, lzma_check check, u32 lc, u32 lp, u32 pb);
struct bytes pack_gzip(const struct bytes *in);
struct bytes pack_lz4_legacy(const struct bytes *in);
struct bytes pack_lz4_frame(const struct bytes *in, bool is_linked, u32 checks);
struct bytes pack_zstd(const struct bytes *in, bool has_check);
/* Of two setup sectors around the payload; image_size appended if not 0. */
struct bytes bzimage(const struct bytes *payload, u64 image_size);

#endif
