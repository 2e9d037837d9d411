/* SPDX-License-Identifier: MIT */
/*
 * gzip through the distribution's zlib, in one call. zlib gets its memory from the arena, never
 * gives it back, and checks the CRC-32 and the length itself. The only state is on the stack and in
 * the arena.
 */
#include "boot/decompress/decompress.h"
#include <zlib.h>

/* struct decode's arena, used up from the front; zlib asks for two pieces. */
static voidpf gzip_alloc(voidpf opaque, uInt count, uInt size)
{
    struct decode *d = opaque;
    u64 n = round_up((u64)count * size, 16ull);
    u8 *p = d->arena;

    if (n > d->arena_size)
        return Z_NULL;
    d->arena += n;
    d->arena_size -= n;
    return p;
}

static void gzip_free(voidpf opaque, voidpf p)
{
    (void)opaque;
    (void)p;
}

const char *gzip_decode(struct decode *d)
{
    struct decode memory = *d;
    z_stream z = {.zalloc = gzip_alloc, .zfree = gzip_free, .opaque = &memory};
    int result;

    if (d->src_size > ~0u || d->dst_size > ~0u)
        return "the gzip data is longer than 4 GiB";
    z.next_in = (z_const Bytef *)(uintptr_t)d->src;
    z.avail_in = (uInt)d->src_size;
    z.next_out = d->dst;
    z.avail_out = (uInt)d->dst_size;
    if (inflateInit2(&z, 16 + MAX_WBITS) != Z_OK) /* 16: gzip, not zlib's own header */
        return "the arena for unpacking is too small";
    result = inflate(&z, Z_FINISH);
    d->out_size = d->dst_size - z.avail_out;
    if (result == Z_STREAM_END)
        return NULL;
    if (result == Z_DATA_ERROR)
        return "the gzip data is corrupt";
    if (result == Z_BUF_ERROR && z.avail_in == 0)
        return "the gzip data is truncated";
    if (result == Z_BUF_ERROR && z.avail_out == 0)
        return "the gzip data unpacks to more than its length says";
    return "the gzip data cannot be unpacked (zlib gave up)";
}
