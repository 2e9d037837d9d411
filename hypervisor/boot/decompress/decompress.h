/* SPDX-License-Identifier: MIT */
/*
 * The decoders behind boot/unpack.c, one shape for all: the whole input lies in memory, the whole
 * output goes into one flat buffer, which is at the same time the dictionary. They are linked into
 * one relocatable object with the distribution's libraries (decompress.mk) whose sections are all
 * .init.*: nothing of it is left when dom0 starts. Hostile input ends in an error in words, never
 * in an access outside of src, dst or arena. No state between calls.
 */
#ifndef WIRT_BOOT_DECOMPRESS_DECOMPRESS_H
#define WIRT_BOOT_DECOMPRESS_DECOMPRESS_H

#include "lib/types.h"

struct decode {
    const u8 *src;
    u64 src_size;
    u8 *dst;
    u64 dst_size; /* exactly what the caller expects to come out, or more */
    u8 *arena;    /* 16-byte aligned */
    u64 arena_size;
    u64 out_size; /* result: bytes written to dst */
};

/* NULL, or a part of a sentence that says what is wrong. src_size may include bytes behind the
 * stream only for gzip. */
const char *xz_decode(struct decode *d) __must_use;
const char *gzip_decode(struct decode *d) __must_use;
const char *lz4_decode(struct decode *d) __must_use;
const char *zstd_decode(struct decode *d) __must_use;

/* crc32.c: CRC-32 of IEEE 802.3, reflected, as xz and gzip use it. */
struct crc32 {
    u32 slice[8][256]; /* [k][b]: byte b followed by k zero bytes */
    u32 gap[4][256];   /* [k][b]: bits b << 8k of the register, followed by CRC32_GAP zero bytes */
};
#define CRC32_GAP 64u
void crc32_init(struct crc32 *t);
u32 crc32_of(const struct crc32 *t, const u8 *p, u64 n);

/* bcj.c: undo the x86 branch filter of xz, in place, over one whole block. */
void bcj_x86_decode(u8 *p, u64 n);

/* lzma2.c. *used: bytes of src read, up to and including the end marker. At least LZMA2_TAIL
 * readable bytes follow src_size. */
#define LZMA2_TAIL       24u
#define LZMA2_STATE_SIZE (32u << 10)
const char *lzma2_decode(const u8 *src, u64 src_size, u8 *dst, u64 dst_size, void *state, u64 *used,
                         u64 *made) __must_use;

#endif
