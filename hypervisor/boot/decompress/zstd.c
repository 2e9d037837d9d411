/* SPDX-License-Identifier: MIT */
/*
 * Zstandard through the distribution's libzstd, in one call with a context in the arena: libzstd
 * then allocates nothing and uses dst as its window. It checks the content's XXH64 where the frame
 * has one (the kernel's frames do).
 */
#define ZSTD_STATIC_LINKING_ONLY
#include "boot/decompress/decompress.h"
#include <zstd.h>
#include <zstd_errors.h>

const char *zstd_decode(struct decode *d)
{
    ZSTD_DCtx *context = ZSTD_initStaticDCtx(d->arena, d->arena_size);
    size_t n;

    if (!context)
        return "the arena for unpacking is too small";
    n = ZSTD_decompressDCtx(context, d->dst, d->dst_size, d->src, d->src_size);
    if (!ZSTD_isError(n)) {
        d->out_size = n;
        return NULL;
    }
    switch (ZSTD_getErrorCode(n)) {
    case ZSTD_error_srcSize_wrong:
        return "the zstd data is truncated";
    case ZSTD_error_dstSize_tooSmall:
        return "the zstd data unpacks to more than its length says";
    case ZSTD_error_checksum_wrong:
        return "the zstd data is corrupt: bad checksum of the unpacked data";
    default:
        return "the zstd data is corrupt";
    }
}
