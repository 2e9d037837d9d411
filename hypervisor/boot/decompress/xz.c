/* SPDX-License-Identifier: MIT */
/*
 * The .xz container: one stream of blocks filtered by LZMA2, with the x86 branch filter before it
 * or not, as kernels are packed (scripts of Linux ask for --check=crc32). Headers, index and data
 * are checked by their CRC-32. The branch filter runs when a block is whole, as until then its
 * output is the dictionary. Format: "The .xz File Format" 1.1.0 (tukaani.org).
 */
#include "boot/decompress/decompress.h"
#include "lib/string.h"

#define XZ_HEADER      12u /* stream header, and the stream footer */
#define XZ_INDEX_MIN   8u
#define XZ_CHECK_CRC32 1
#define FILTER_X86     0x04
#define FILTER_LZMA2   0x21

struct xz {
    const u8 *at, *end; /* end: of the input */
    struct crc32 *crc;
    void *lzma;
    u8 check;
    bool has_x86;      /* of the current block */
    u64 made_expected; /* what its header promises, or ~0 */
    u32 block_count;
};

static u32 xz_le32(const u8 *p)
{
    return (u32)p[0] | (u32)p[1] << 8 | (u32)p[2] << 16 | (u32)p[3] << 24;
}

/* A number of 7 bits a byte, lowest first; false if it does not end before `end` or has more than
 * nine bytes. */
static bool xz_number(const u8 **at, const u8 *end, u64 *out)
{
    const u8 *p = *at;
    u64 v = 0;

    for (u32 shift = 0; p < end && shift < 63; shift += 7) {
        v |= (u64)(*p & 0x7f) << shift;
        if (!(*p++ & 0x80)) {
            *at = p;
            *out = v;
            return true;
        }
    }
    return false;
}

static const char *xz_stream_header(struct xz *x)
{
    static const u8 magic[6] = {0xfd, '7', 'z', 'X', 'Z', 0};
    const u8 *p = x->at;

    if ((u64)(x->end - p) < XZ_HEADER + XZ_INDEX_MIN + XZ_HEADER)
        return "the xz data is truncated: it ends before the first block";
    if (memcmp(p, magic, sizeof(magic)) != 0)
        return "the xz data is corrupt: bad magic";
    if (crc32_of(x->crc, p + 6, 2) != xz_le32(p + 8))
        return "the xz data is corrupt: bad CRC of the stream header";
    x->check = p[7];
    if (p[6] != 0 || p[7] != XZ_CHECK_CRC32)
        return "the xz data has a check that is not CRC-32 (pack it with xz --check=crc32)";
    x->at = p + XZ_HEADER;
    return NULL;
}

static const char *xz_filters(struct xz *x, const u8 *p, const u8 *end, u32 count)
{
    u64 id, size;

    x->has_x86 = false;
    for (u32 i = 0; i < count; i++) {
        if (!xz_number(&p, end, &id) || !xz_number(&p, end, &size) || size > (u64)(end - p))
            return "the xz data is corrupt: bad block header";
        if (i == 0 && count == 2 && id == FILTER_X86 && size == 0)
            x->has_x86 = true;
        else if (i != count - 1 || id != FILTER_LZMA2 || size != 1)
            return "the xz data uses a filter other than x86 and LZMA2";
        p += size;
    }
    for (; p < end; p++)
        if (*p != 0)
            return "the xz data is corrupt: bad padding in a block header";
    return NULL;
}

static const char *xz_block_header(struct xz *x)
{
    const u8 *p = x->at, *end;
    u64 size = ((u64)p[0] + 1) * 4, packed;
    u32 flags = p[1];

    if (size > (u64)(x->end - p))
        return "the xz data is truncated: it ends within a block header";
    end = p + size - 4;
    if (crc32_of(x->crc, p, size - 4) != xz_le32(end))
        return "the xz data is corrupt: bad CRC of a block header";
    if (flags & 0x3c)
        return "the xz data has an unknown kind of block";
    x->at = p + size;
    x->made_expected = ~0ull;
    p += 2;
    if ((flags & 0x40) && !xz_number(&p, end, &packed))
        return "the xz data is corrupt: bad block header";
    if ((flags & 0x80) && !xz_number(&p, end, &x->made_expected))
        return "the xz data is corrupt: bad block header";
    return xz_filters(x, p, end, (flags & 3) + 1);
}

/* One block: unpacked to dst, checked. */
static const char *xz_block(struct xz *x, struct decode *d)
{
    const u8 *start;
    u8 *dst = d->dst + d->out_size;
    u64 used, made;
    const char *error = xz_block_header(x);

    if (error)
        return error;
    /* Behind the data lie at least the CRC, an index and a footer: lzma2.c may look into them. */
    if ((u64)(x->end - x->at) < LZMA2_TAIL)
        return "the xz data is truncated: it ends within a block";
    start = x->at;
    error =
        lzma2_decode(start, (u64)(x->end - start) - LZMA2_TAIL, dst, d->dst_size - d->out_size, x->lzma, &used, &made);
    if (error)
        return error;
    x->at += used;
    for (; (x->at - start) & 3; x->at++)
        if (*x->at != 0)
            return "the xz data is corrupt: bad padding behind a block";
    if (x->made_expected != ~0ull && x->made_expected != made)
        return "the xz data is corrupt: a block does not have the length that its header says";
    if (x->has_x86)
        bcj_x86_decode(dst, made);
    if (crc32_of(x->crc, dst, made) != xz_le32(x->at))
        return "the xz data is corrupt: bad CRC of the unpacked data";
    x->at += 4;
    d->out_size += made;
    x->block_count++;
    return NULL;
}

/* Index and footer, up to the end of the input. */
static const char *xz_finish(struct xz *x)
{
    const u8 *p = x->at + 1, *footer = x->end - XZ_HEADER;
    u64 count, index_size = (u64)(footer - x->at);

    if (footer < x->at + XZ_INDEX_MIN)
        return "the xz data is truncated: it ends within the index";
    if (crc32_of(x->crc, footer + 4, 6) != xz_le32(footer) || footer[10] != 'Y' || footer[11] != 'Z' ||
        footer[9] != x->check)
        return "the xz data is corrupt: bad stream footer";
    if (((u64)xz_le32(footer + 4) + 1) * 4 != index_size ||
        crc32_of(x->crc, x->at, index_size - 4) != xz_le32(footer - 4))
        return "the xz data is corrupt: bad index";
    if (!xz_number(&p, footer - 4, &count) || count != x->block_count)
        return "the xz data is corrupt: the index counts other blocks";
    return NULL;
}

const char *xz_decode(struct decode *d)
{
    struct xz x = {.at = d->src, .end = d->src + d->src_size};
    const char *error;

    if (d->arena_size < sizeof(struct crc32) + LZMA2_STATE_SIZE)
        return "the arena for unpacking is too small";
    x.crc = (struct crc32 *)(void *)d->arena;
    x.lzma = d->arena + sizeof(struct crc32);
    crc32_init(x.crc);
    d->out_size = 0;
    error = xz_stream_header(&x);
    while (!error) {
        if (x.end - x.at < 2)
            return "the xz data is truncated: it ends between two blocks";
        if (*x.at == 0) /* an index, not the size of a block header */
            return xz_finish(&x);
        error = xz_block(&x, d);
    }
    return error;
}
