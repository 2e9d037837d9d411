/* SPDX-License-Identifier: MIT */
/*
 * Finding and decoding a kernel's payload. The decoders are the distribution's libraries, each told where to stop: the
 * output never exceeds what the caller asked for, so that a small file cannot eat the machine. A prefix is decoded with
 * the same code as the whole, which is how a kernel's headers are seen before there is memory to hold the rest.
 * Layout of the setup header: Linux Documentation/arch/x86/boot.rst.
 */
#include "unpack.h"

#include <lz4.h>
#include <lzma.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

/* Offsets in the file. */
#define SETUP_SECTORS   0x1f1
#define HEADER_MAGIC    0x202 /* "HdrS" */
#define PROTOCOL        0x206
#define PAYLOAD_OFFSET  0x248
#define PAYLOAD_LENGTH  0x24c
#define HEADER_END      0x250
#define SECTOR          512u
#define PROTOCOL_NEEDED 0x208

#define LZ4_BLOCK_MAX   ((size_t)8 << 20) /* unpacked, of lz4's old format */
#define LZMA_MEMORY_MAX ((uint64_t)192 << 20)

static const char *wrong(struct unpack *p, const char *format, ...) __attribute__((format(printf, 2, 3)));
static const char *wrong(struct unpack *p, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(p->error, sizeof(p->error), format, args);
    va_end(args);
    return p->error;
}

static uint32_t le32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static const char *too_short(struct unpack *p, size_t got)
{
    return wrong(p, "the %s payload ends after %zu of %zu bytes", p->format, got, p->image_size);
}

static const char *too_long(struct unpack *p)
{
    return wrong(p, "the %s payload holds more than the %zu bytes that it claims", p->format, p->image_size);
}

static const char no_memory[] = "there is no memory for it";

/* Blocks of 8 MiB, the last one shorter, each behind its packed length; they know nothing of one another. */
static const char *decode_lz4(struct unpack *p, uint8_t *dst, size_t want)
{
    size_t at = 4, done = 0;

    while (done < want) {
        size_t room = want - done < LZ4_BLOCK_MAX ? want - done : LZ4_BLOCK_MAX;
        uint32_t packed;
        long n;

        if (p->size - at < 4)
            return too_short(p, done);
        packed = le32(p->data + at);
        at += 4;
        if (packed > p->size - at || packed > (uint32_t)LZ4_compressBound((int)LZ4_BLOCK_MAX))
            return wrong(p, "an lz4 block at %zu claims %u bytes, %zu are left", at, packed, p->size - at);
        /* A block that holds more than there is room for is damaged, unless less was asked for. */
        if (want == p->image_size)
            n = lz4_block(p->data + at, packed, dst + done, room, &p->memory);
        else
            n = LZ4_decompress_safe_partial((const char *)p->data + at, (char *)dst + done, (int)packed, (int)room,
                                            (int)room);
        if (n == LZ4_NO_MEMORY)
            return no_memory;
        if (n < 0)
            return wrong(p, "the lz4 block at %zu is damaged, or holds more than the payload claims", at);
        at += packed;
        done += (size_t)n;
        if ((size_t)n < room)
            return done < want ? too_short(p, done) : NULL;
    }
    return want == p->image_size && at < p->size ? too_long(p) : NULL;
}

static const char *decode_gzip(struct unpack *p, uint8_t *dst, size_t want)
{
    z_stream s = {.next_in = (uint8_t *)p->data, .avail_in = (uInt)p->size};
    const char *error = NULL;
    uint8_t more;
    int result;

    if (inflateInit2(&s, 16 + MAX_WBITS) != Z_OK)
        return "no memory for the gzip decoder";
    s.next_out = dst;
    s.avail_out = (uInt)want;
    result = inflate(&s, Z_SYNC_FLUSH);
    if (result == Z_OK && s.avail_out == 0 && want == p->image_size) {
        s.next_out = &more;
        s.avail_out = 1;
        result = inflate(&s, Z_SYNC_FLUSH);
        if (s.avail_out == 0)
            error = too_long(p);
    }
    if (!error && result != Z_STREAM_END && result != Z_OK && result != Z_BUF_ERROR)
        error = wrong(p, "the gzip payload is damaged: %s", s.msg ? s.msg : "bad data");
    else if (!error && (s.total_out < want || (want == p->image_size && result != Z_STREAM_END)))
        error = too_short(p, s.total_out);
    inflateEnd(&s);
    return error;
}

static const char *lzma_reason(lzma_ret result)
{
    switch (result) {
    case LZMA_MEM_ERROR:
        return "no memory for the decoder";
    case LZMA_MEMLIMIT_ERROR:
        return "its dictionary is larger than any kernel's";
    case LZMA_OPTIONS_ERROR:
        return "it uses a filter that is not known";
    default:
        return "it is damaged";
    }
}

static const char *decode_xz(struct unpack *p, uint8_t *dst, size_t want)
{
    lzma_stream s = LZMA_STREAM_INIT;
    const char *error = NULL;
    uint8_t more;
    lzma_ret result = lzma_stream_decoder(&s, LZMA_MEMORY_MAX, 0);

    if (result != LZMA_OK)
        return "no memory for the xz decoder";
    s.next_in = p->data;
    s.avail_in = p->size;
    s.next_out = dst;
    s.avail_out = want;
    result = lzma_code(&s, LZMA_RUN);
    if (result == LZMA_OK && s.avail_out == 0 && want == p->image_size) {
        s.next_out = &more;
        s.avail_out = 1;
        result = lzma_code(&s, LZMA_RUN);
        if (s.avail_out == 0)
            error = too_long(p);
    }
    if (!error && result != LZMA_OK && result != LZMA_STREAM_END && result != LZMA_BUF_ERROR)
        error = wrong(p, "the xz payload cannot be unpacked: %s", lzma_reason(result));
    else if (!error && (s.total_out < want || (want == p->image_size && result != LZMA_STREAM_END)))
        error = too_short(p, s.total_out);
    lzma_end(&s);
    return error;
}

static const char *decode_zstd(struct unpack *p, uint8_t *dst, size_t want)
{
    ZSTD_DStream *s = ZSTD_createDStream();
    ZSTD_inBuffer in = {p->data, p->size, 0};
    ZSTD_outBuffer out = {dst, want, 0};
    const char *error = NULL;
    size_t result = 1, before;
    uint8_t more;

    if (!s)
        return "no memory for the zstd decoder";
    ZSTD_DCtx_setParameter(s, ZSTD_d_windowLogMax, 27);
    do {
        before = in.pos + out.pos;
        result = ZSTD_decompressStream(s, &out, &in);
    } while (!ZSTD_isError(result) && result != 0 && out.pos < want && in.pos + out.pos != before);
    if (!ZSTD_isError(result) && result != 0 && out.pos == want && want == p->image_size) {
        ZSTD_outBuffer rest = {&more, 1, 0};

        result = ZSTD_decompressStream(s, &rest, &in);
        if (rest.pos)
            error = too_long(p);
    }
    if (!error && ZSTD_isError(result))
        error = wrong(p, "the zstd payload is damaged: %s", ZSTD_getErrorName(result));
    else if (!error && (out.pos < want || (want == p->image_size && result != 0)))
        error = too_short(p, out.pos);
    ZSTD_freeDStream(s);
    return error;
}

static const struct format {
    uint8_t magic[6], length;
    const char *name;
    const char *(*decode)(struct unpack *p, uint8_t *dst, size_t want); /* NULL: known, not supported */
} formats[] = {
    {{0x02, 0x21, 0x4c, 0x18}, 4, "lz4", decode_lz4},
    {{0xfd, '7', 'z', 'X', 'Z', 0}, 6, "xz", decode_xz},
    {{0x1f, 0x8b}, 2, "gzip", decode_gzip},
    {{0x28, 0xb5, 0x2f, 0xfd}, 4, "zstd", decode_zstd},
    {{'B', 'Z', 'h'}, 3, "bzip2", NULL},
    {{0x5d, 0, 0}, 3, "lzma", NULL},
    {{0x89, 'L', 'Z', 'O'}, 4, "lzo", NULL},
    {{0x04, 0x22, 0x4d, 0x18}, 4, "lz4 frame", NULL},
};

/* The unpacked size are the last four bytes: gzip puts them there itself, for the others the kernel's build does. */
static const char *take_payload(struct unpack *p, const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
        const struct format *f = &formats[i];

        if (size < 16 || memcmp(data, f->magic, f->length) != 0)
            continue;
        if (!f->decode)
            return wrong(p, "its payload is packed with %s, which is not supported (gzip, xz, lz4 and zstd are)",
                         f->name);
        p->data = data;
        p->size = f->decode == decode_gzip ? size : size - 4;
        p->image_size = le32(data + size - 4);
        p->format = f->name;
        p->decode = f->decode;
        if (p->image_size < 64 || p->image_size > UNPACK_SIZE_MAX)
            return wrong(p, "its payload claims to unpack to %zu bytes; 64 to %zu are possible", p->image_size,
                         UNPACK_SIZE_MAX);
        return NULL;
    }
    return NULL;
}

const char *unpack_find(struct unpack *p, const void *file, size_t size)
{
    const uint8_t *f = file;
    uint64_t offset, length;
    const char *error;

    memset(p, 0, sizeof(*p));
    if (size < HEADER_END || memcmp(f + HEADER_MAGIC, "HdrS", 4) != 0) {
        error = take_payload(p, f, size);
        if (error || p->decode)
            return error;
        return wrong(p, "it is neither an ELF image nor a Linux bzImage (it starts with %02x %02x %02x %02x)",
                     size > 0 ? f[0] : 0, size > 1 ? f[1] : 0, size > 2 ? f[2] : 0, size > 3 ? f[3] : 0);
    }
    if ((f[PROTOCOL] | f[PROTOCOL + 1] << 8) < PROTOCOL_NEEDED)
        return wrong(p, "its boot protocol is %u.%02u; 2.08 or later (Linux 2.6.26) is needed", f[PROTOCOL + 1],
                     f[PROTOCOL]);
    offset = ((uint64_t)(f[SETUP_SECTORS] ? f[SETUP_SECTORS] : 4) + 1) * SECTOR + le32(f + PAYLOAD_OFFSET);
    length = le32(f + PAYLOAD_LENGTH);
    if (offset > size || length > size - offset)
        return wrong(p, "it is truncated: its payload lies at %lu + %lu, the file has %zu bytes", offset, length, size);
    error = take_payload(p, f + offset, length);
    if (error || p->decode)
        return error;
    return wrong(p, "its payload is in no known format");
}

const char *unpack_image(struct unpack *p, void *dst, size_t want)
{
    struct lz4_memory *m = &p->memory;
    uint8_t *end = (uint8_t *)dst + p->image_size;

    want = want < p->image_size ? want : p->image_size;
    m->ready = m->open ? dst : end;
    if (m->open && p->decode != decode_lz4)
        m->ready = m->open(m->arg, dst, end);
    return m->ready ? p->decode(p, dst, want) : no_memory;
}
