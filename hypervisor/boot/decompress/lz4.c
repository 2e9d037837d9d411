/* SPDX-License-Identifier: MIT */
/*
 * LZ4 blocks through the distribution's liblz4; the two containers around them are parsed here: the
 * legacy one (a magic number, then blocks of 8 MiB unpacked, no checksum) that Linux uses, and the
 * frame format 1.6.x with its XXH32 checks. As blocks go into one flat buffer, the 64 KiB that a
 * linked block looks back to are simply what lies before it.
 */
#include "boot/decompress/decompress.h"
#include "lib/string.h"
#include <lz4.h>

#define LZ4_LEGACY       0x184c2102u
#define LZ4_FRAME        0x184d2204u
#define LZ4_LEGACY_BLOCK (8u << 20)
#define LZ4_STORED       0x80000000u

/* liblz4's copy of xxHash, exported under this name by the static library */
unsigned LZ4_XXH32(const void *input, size_t size, unsigned seed);

static u32 lz4_le32(const u8 *p)
{
    return (u32)p[0] | (u32)p[1] << 8 | (u32)p[2] << 16 | (u32)p[3] << 24;
}

/* One block of n bytes at p, at most `limit` bytes unpacked; out_size moves on. */
static const char *lz4_block(struct decode *d, const u8 *p, u64 n, u64 limit, bool is_linked)
{
    u8 *dst = d->dst + d->out_size;
    u64 room = min(d->dst_size - d->out_size, limit);
    u64 before = is_linked ? min(d->out_size, 65536ull) : 0;
    int made = LZ4_decompress_safe_usingDict((const char *)p, (char *)dst, (int)n, (int)room,
                                             (const char *)dst - before, (int)before);

    if (made < 0)
        return "the lz4 data is corrupt, or unpacks to more than its length says";
    d->out_size += (u64)made;
    return NULL;
}

static const char *lz4_legacy(struct decode *d)
{
    const u8 *p = d->src + 4, *end = d->src + d->src_size;
    const char *error = NULL;

    while (!error && end - p >= 4) {
        u64 n = lz4_le32(p);

        p += 4;
        if (n == LZ4_LEGACY) /* streams may follow one another */
            continue;
        if (n == 0 || n > (u64)LZ4_COMPRESSBOUND(LZ4_LEGACY_BLOCK))
            return "the lz4 data is corrupt: impossible length of a block";
        if (n > (u64)(end - p))
            return "the lz4 data is truncated: it ends within a block";
        error = lz4_block(d, p, n, LZ4_LEGACY_BLOCK, false);
        p += n;
    }
    if (!error && p != end)
        error = "the lz4 data is truncated: it ends within the length of a block";
    return error;
}

struct lz4_frame {
    bool is_linked, has_block_check, has_content_check;
    u64 block_max, content_size; /* content_size ~0: not given */
    u32 header_size;
};

static const char *lz4_frame_header(const struct decode *d, struct lz4_frame *f)
{
    const u8 *p = d->src;
    u32 flags, size_code;

    if (d->src_size < 7 + 8)
        return "the lz4 data is truncated: it ends within the frame header";
    flags = p[4];
    size_code = (p[5] >> 4) & 7;
    if ((flags >> 6) != 1 || (flags & 2) || (p[5] & 0x8f) || size_code < 4)
        return "the lz4 data is corrupt: impossible flags in the frame header";
    if (flags & 1)
        return "the lz4 data needs a dictionary";
    f->is_linked = !(flags & 0x20);
    f->has_block_check = flags & 0x10;
    f->has_content_check = flags & 4;
    f->block_max = 1ull << (8 + 2 * size_code);
    f->header_size = flags & 8 ? 15 : 7;
    f->content_size = ~0ull;
    if (flags & 8)
        f->content_size = lz4_le32(p + 6) | (u64)lz4_le32(p + 10) << 32;
    if (p[f->header_size - 1] != ((LZ4_XXH32(p + 4, f->header_size - 5, 0) >> 8) & 0xff))
        return "the lz4 data is corrupt: bad checksum of the frame header";
    return NULL;
}

static const char *lz4_frame_block(struct decode *d, const struct lz4_frame *f, const u8 **at, const u8 *end)
{
    u32 word = lz4_le32(*at);
    u64 n = word & ~LZ4_STORED;
    const u8 *p = *at + 4;

    if (n > f->block_max)
        return "the lz4 data is corrupt: impossible length of a block";
    if (n + (f->has_block_check ? 4u : 0u) > (u64)(end - p))
        return "the lz4 data is truncated: it ends within a block";
    *at = p + n + (f->has_block_check ? 4 : 0);
    if (f->has_block_check && LZ4_XXH32(p, n, 0) != lz4_le32(p + n))
        return "the lz4 data is corrupt: bad checksum of a block";
    if (!(word & LZ4_STORED))
        return lz4_block(d, p, n, f->block_max, f->is_linked);
    if (n > d->dst_size - d->out_size)
        return "the lz4 data unpacks to more than its length says";
    memcpy(d->dst + d->out_size, p, n);
    d->out_size += n;
    return NULL;
}

static const char *lz4_frame(struct decode *d)
{
    struct lz4_frame f;
    const u8 *p, *end = d->src + d->src_size;
    const char *error = lz4_frame_header(d, &f);

    if (error)
        return error;
    p = d->src + f.header_size;
    while (true) {
        if (end - p < 4)
            return "the lz4 data is truncated: it ends between two blocks";
        if (lz4_le32(p) == 0)
            break;
        error = lz4_frame_block(d, &f, &p, end);
        if (error)
            return error;
    }
    p += 4;
    if (f.content_size != ~0ull && f.content_size != d->out_size)
        return "the lz4 data is corrupt: its length is not what the frame header says";
    if (f.has_content_check && (end - p < 4 || LZ4_XXH32(d->dst, d->out_size, 0) != lz4_le32(p)))
        return "the lz4 data is corrupt: bad checksum of the unpacked data";
    return NULL;
}

const char *lz4_decode(struct decode *d)
{
    d->out_size = 0;
    if (d->src_size < 8 || d->src_size > LZ4_MAX_INPUT_SIZE)
        return "the lz4 data is truncated, or longer than 2 GiB";
    if (lz4_le32(d->src) == LZ4_LEGACY)
        return lz4_legacy(d);
    if (lz4_le32(d->src) == LZ4_FRAME)
        return lz4_frame(d);
    return "the lz4 data is corrupt: bad magic";
}
