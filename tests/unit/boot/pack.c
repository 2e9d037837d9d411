/* SPDX-License-Identifier: MIT */
/*
 * The encoders (pack.h). An image is made of what the decoders have to tell apart: repetitions, noise, and for the x86
 * filter of xz calls and opcodes that are none; the encoders run with the parameters that the tests ask for.
 */
#include "pack.h"
#include "test_boot.h"
#include <lz4.h>
#include <lz4frame.h>
#include <lz4hc.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

struct bytes make_image(u64 n)
{
    struct bytes b = {malloc(n), n};
    u64 i = 64;

    memset(b.p, 0, n);
    memcpy(b.p, "\177ELF\2\1\1", 7);
    while (i + 600 < n &&
           i < 1024) /* noise: without it a small image may be all zeros, and its gzip file too short to be one */
        b.p[i++] = (u8)test_random();
    while (i + 600 < n) {
        u64 run = 1 + test_random() % 500;

        switch (test_random() % 6) {
        case 0:
            i += run * 8 < n - i - 600 ? run * 8 : run;
            break;
        case 1:
            while (run--)
                b.p[i++] = (u8)test_random();
            break;
        case 2:
            memmove(b.p + i, b.p + test_random() % i, run);
            i += run;
            break;
        case 3: /* opcodes densely, so that the filter's doubts are met */
            for (; run > 8; run -= 4) {
                static const u8 some[] = {0xe8, 0xe9, 0, 0xff, 0xe8, 1, 0x90, 0};

                for (u32 k = 0; k < 4; k++)
                    b.p[i++] = some[test_random() % 8];
            }
            break;
        default:
            for (; run > 8; run -= 8) {
                s32 to = (s32)(test_random() % n) - (s32)i;

                b.p[i++] = 0x90;
                b.p[i++] = test_random() % 2 ? 0xe8 : 0xe9;
                memcpy(b.p + i, &to, 4);
                i += 4;
                b.p[i++] = 0x48;
            }
        }
    }
    return b;
}

struct bytes grow(const struct bytes *b, u64 more)
{
    struct bytes r = {malloc(b->n + more), b->n + more};

    memcpy(r.p, b->p, b->n);
    return r;
}

struct bytes pack_xz(const struct bytes *in, bool has_x86, lzma_check check, u32 lc, u32 lp, u32 pb)
{
    lzma_options_lzma o;
    lzma_filter filters[3] = {{LZMA_FILTER_X86, NULL}, {LZMA_FILTER_LZMA2, &o}, {LZMA_VLI_UNKNOWN, NULL}};
    struct bytes out = {malloc(lzma_stream_buffer_bound(in->n)), lzma_stream_buffer_bound(in->n)};
    size_t at = 0;

    lzma_lzma_preset(&o, 1);
    o.lc = lc;
    o.lp = lp;
    o.pb = pb;
    CU_ASSERT_EQUAL(
        lzma_stream_buffer_encode(has_x86 ? filters : filters + 1, check, NULL, in->p, in->n, out.p, &at, out.n),
        LZMA_OK);
    out.n = at;
    return out;
}

struct bytes pack_gzip(const struct bytes *in)
{
    struct bytes out = {malloc(in->n + in->n / 100 + 100), in->n + in->n / 100 + 100};
    z_stream z = {0};

    deflateInit2(&z, 6, Z_DEFLATED, 31, 8, 0);
    z.next_in = in->p;
    z.avail_in = (uInt)in->n;
    z.next_out = out.p;
    z.avail_out = (uInt)out.n;
    CU_ASSERT_EQUAL(deflate(&z, Z_FINISH), Z_STREAM_END);
    out.n -= z.avail_out;
    deflateEnd(&z);
    return out;
}

struct bytes pack_lz4_legacy(const struct bytes *in)
{
    struct bytes out = {malloc((u64)LZ4_compressBound((int)in->n) + 1024), 4};

    memcpy(out.p, "\2\x21\x4c\x18", 4);
    for (u64 at = 0; at < in->n; at += 8 << 20) {
        u64 n = in->n - at < 8 << 20 ? in->n - at : 8 << 20;
        int made =
            LZ4_compress_default((char *)in->p + at, (char *)out.p + out.n + 4, (int)n, LZ4_compressBound((int)n));

        memcpy(out.p + out.n, &made, 4);
        out.n += 4 + (u64)made;
    }
    return out;
}

struct bytes pack_lz4_frame(const struct bytes *in, bool is_linked, u32 checks)
{
    LZ4F_preferences_t p = {.frameInfo = {.blockSizeID = LZ4F_max64KB,
                                          .blockMode = is_linked ? LZ4F_blockLinked : LZ4F_blockIndependent,
                                          .contentChecksumFlag = checks & 1,
                                          .blockChecksumFlag = checks >> 1 & 1,
                                          .contentSize = checks & 4 ? in->n : 0}};
    u64 bound = LZ4F_compressFrameBound(in->n, &p);
    struct bytes out = {malloc(bound), bound};

    out.n = LZ4F_compressFrame(out.p, bound, in->p, in->n, &p);
    return out;
}

struct bytes pack_zstd(const struct bytes *in, bool has_check)
{
    struct bytes out = {malloc(ZSTD_compressBound(in->n)), 0};
    ZSTD_CCtx *c = ZSTD_createCCtx();

    ZSTD_CCtx_setParameter(c, ZSTD_c_compressionLevel, 3);
    ZSTD_CCtx_setParameter(c, ZSTD_c_checksumFlag, has_check);
    out.n = ZSTD_compress2(c, out.p, ZSTD_compressBound(in->n), in->p, in->n);
    CU_ASSERT(!ZSTD_isError(out.n));
    ZSTD_freeCCtx(c);
    return out;
}

struct bytes bzimage(const struct bytes *payload, u64 image_size)
{
    u32 length = (u32)(payload->n + (image_size ? 4 : 0)), offset = 0x100, size = (u32)image_size;
    u64 start = 3 * 512 + offset;
    struct bytes b = {calloc(1, start + length + 40), start + length + 40};

    b.p[0x1f1] = 2;
    memcpy(b.p + 0x1fe, "\x55\xaa", 2);
    memcpy(b.p + 0x202, "HdrS\x0f\x02", 6);
    memcpy(b.p + 0x248, &offset, 4);
    memcpy(b.p + 0x24c, &length, 4);
    memcpy(b.p + start, payload->p, payload->n);
    if (image_size)
        memcpy(b.p + start + payload->n, &size, 4);
    return b;
}
