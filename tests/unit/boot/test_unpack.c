/* SPDX-License-Identifier: MIT */
/*
 * boot/unpack.c and the decoders: kernels packed here with the distribution's encoders, the stock
 * kernel if it is there, and random damage. Modules and buffers are blocks of exactly their size,
 * so that ASan sees a byte too many.
 */
#include "test_boot.h"
#include "boot/decompress/decompress.h"
#include "boot/elf.h"
#include "boot/unpack.h"
#include "pack.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

static u8 *arena;

/* Unpacks into a block of exactly the size; frees it. Returns what unpack_image says. */
static const char *unpack(const struct bytes *module, const struct bytes *expected)
{
    u64 size, made = 0;
    const char *error = unpack_size(module->p, module->n, &size);
    u8 *dst;

    if (error)
        return error;
    if (size > 64 << 20 && !expected)
        return "too much for a test";
    dst = malloc(size);
    error = unpack_image(module->p, module->n, dst, size, arena, UNPACK_ARENA_SIZE, &made);
    if (!error && expected) {
        CU_ASSERT_EQUAL_FATAL(made, expected->n);
        CU_ASSERT_EQUAL(memcmp(dst, expected->p, made), 0);
    }
    free(dst);
    return error;
}

/* Packed -> bzImage -> same bytes; frees packed. */
static void round_trip(struct bytes packed, const struct bytes *image, bool has_size, const char *format)
{
    struct bytes b = bzimage(&packed, has_size ? image->n : 0);
    struct unpack_result r = {0};
    const char *error = unpack(&b, image);

    if (error)
        printf("\n    %s: %s", format, error);
    CU_ASSERT_PTR_NULL(error);
    CU_ASSERT_PTR_NULL(unpack_probe(b.p, b.n, &r));
    CU_ASSERT_STRING_EQUAL(r.format, format);
    CU_ASSERT_EQUAL(r.size, image->n);
    free(b.p);
    free(packed.p);
}

static void test_formats(void)
{
    static const u64 sizes[] = {64, 65, 700, 4099, 70001, 300000};

    for (u32 i = 0; i < ARRAY_COUNT(sizes); i++) {
        struct bytes image = make_image(sizes[i]);

        round_trip(pack_xz(&image, true, LZMA_CHECK_CRC32, 3, 0, 2), &image, true, "xz");
        round_trip(pack_xz(&image, false, LZMA_CHECK_CRC32, 0, 4, 0), &image, true, "xz");
        round_trip(pack_xz(&image, true, LZMA_CHECK_CRC32, 1, 2, 4), &image, true, "xz");
        round_trip(pack_gzip(&image), &image, false, "gzip");
        round_trip(pack_lz4_legacy(&image), &image, true, "lz4");
        round_trip(pack_lz4_frame(&image, true, 1), &image, true, "lz4");
        round_trip(pack_lz4_frame(&image, false, 7), &image, true, "lz4");
        round_trip(pack_zstd(&image, true), &image, true, "zstd");
        round_trip(grow(&image, 0), &image, false, "none");
        free(image.p);
    }
}

/* More than one of lz4's legacy blocks of 8 MiB */
static void test_lz4_blocks(void)
{
    struct bytes image = make_image(17000003);

    round_trip(pack_lz4_legacy(&image), &image, true, "lz4");
    free(image.p);
}

/* Several blocks and stored chunks, as xz -T and noise make them. */
static void test_xz_blocks(void)
{
    struct bytes image = make_image(1 << 20), out = {malloc(4 << 20), 0};
    lzma_options_lzma o;
    lzma_filter filters[] = {{LZMA_FILTER_X86, NULL}, {LZMA_FILTER_LZMA2, &o}, {LZMA_VLI_UNKNOWN, NULL}};
    lzma_stream s = LZMA_STREAM_INIT;
    lzma_mt mt = {.threads = 1, .block_size = 100001, .filters = filters, .check = LZMA_CHECK_CRC32};

    for (u64 i = 200000; i < 400000; i++)
        image.p[i] = (u8)test_random();
    lzma_lzma_preset(&o, 1);
    CU_ASSERT_EQUAL_FATAL(lzma_stream_encoder_mt(&s, &mt), LZMA_OK);
    s.next_in = image.p;
    s.avail_in = image.n;
    s.next_out = out.p;
    s.avail_out = 4 << 20;
    CU_ASSERT_EQUAL(lzma_code(&s, LZMA_FINISH), LZMA_STREAM_END);
    out.n = s.total_out;
    lzma_end(&s);
    round_trip(out, &image, true, "xz");
    free(image.p);
}

/* The last operand that the x86 filter rewrites ends up to four bytes before the end: no search may start behind it. */
static void test_xz_last_call(void)
{
    for (u32 tail = 0; tail <= 6; tail++) {
        struct bytes image = make_image(4096);

        memset(image.p + 4000, 0x90, 96);
        memcpy(image.p + 4096 - tail - 5, "\xe8\x10\x20\x30\x00", 5);
        round_trip(pack_xz(&image, true, LZMA_CHECK_CRC32, 3, 0, 2), &image, true, "xz");
        free(image.p);
    }
}

static void test_stock_kernel(void)
{
    FILE *f = test_kernel ? fopen(test_kernel, "rb") : NULL;
    struct bytes b = {NULL, 0}, expected = {NULL, 0};
    u64 size = 0, made = 0;
    uint64_t memory = 1 << 30;
    size_t in_at = 0, out_at = 0;
    u32 start, length;
    static struct elf_image image;

    if (!f) {
        printf("(no stock kernel here) ");
        return;
    }
    fseek(f, 0, SEEK_END);
    b.n = (u64)ftell(f);
    b.p = malloc(b.n);
    rewind(f);
    CU_ASSERT_EQUAL(fread(b.p, 1, b.n, f), b.n);
    fclose(f);
    CU_ASSERT_PTR_NULL_FATAL(unpack_size(b.p, b.n, &size));
    expected = (struct bytes){malloc(size), size};
    memcpy(&start, b.p + 0x248, 4);
    memcpy(&length, b.p + 0x24c, 4);
    start += (b.p[0x1f1] + 1u) * 512;
    CU_ASSERT_EQUAL(
        lzma_stream_buffer_decode(&memory, 0, NULL, b.p + start, &in_at, length - 4, expected.p, &out_at, size),
        LZMA_OK);
    {
        u8 *dst = malloc(size);

        CU_ASSERT_PTR_NULL(unpack_image(b.p, b.n, dst, size, arena, UNPACK_ARENA_SIZE, &made));
        CU_ASSERT(made == size && memcmp(dst, expected.p, size) == 0);
        CU_ASSERT_PTR_NULL(elf_parse(&image, dst, made, 512 << 20));
        CU_ASSERT_PTR_NULL(elf_check_pv(&image));
        CU_ASSERT_EQUAL(image.virt_base, 0xffffffff80000000);
        CU_ASSERT_STRING_EQUAL(image.features, "!writable_page_tables|pae_pgdir_above_4gb");
        free(dst);
    }
    free(expected.p);
    free(b.p);
}

static void refused(struct bytes *b, const char *part)
{
    const char *error = unpack(b, NULL);

    CU_ASSERT_PTR_NOT_NULL_FATAL(error);
    if (!strstr(error, part))
        printf("\n    \"%s\" lacks \"%s\"", error, part);
    CU_ASSERT_PTR_NOT_NULL(strstr(error, part));
    free(b->p);
    b->p = NULL;
}

/* A bzImage around an xz payload, one change; `at` is the payload's first byte, n its length. */
#define MISTAKE(change, part)                                                                                          \
    do {                                                                                                               \
        struct bytes module = bzimage(&xz, image.n);                                                                   \
        u8 *at = module.p + 3 * 512 + 0x100;                                                                           \
        u64 n = xz.n;                                                                                                  \
        (void)at;                                                                                                      \
        (void)n;                                                                                                       \
        change;                                                                                                        \
        refused(&module, part);                                                                                        \
    } while (0)

static void test_mistakes(void)
{
    struct bytes image = make_image(50000), xz = pack_xz(&image, true, LZMA_CHECK_CRC32, 3, 0, 2), b;

    MISTAKE(module.n = 20, "only 20 bytes");
    MISTAKE(module.n = 0x24f, "no kernel: neither a bzImage nor an ELF");
    MISTAKE(module.p[0x202] = 'h', "no kernel");
    MISTAKE(module.p[0x206] = 7, "boot protocol 2.07; 2.08");
    MISTAKE(module.n -= 41, "the bzImage is truncated");
    MISTAKE(memset(module.p + 0x248, 0xff, 8), "the bzImage is truncated");
    MISTAKE(memset(module.p + 0x24c, 0, 4), "the bzImage is truncated");
    MISTAKE(memcpy(at, "BZh9", 4), "packed with bzip2");
    MISTAKE(memcpy(at, "what", 4), "77 68 61 74");
    MISTAKE(at[n] ^= 1, "its trailer says");
    MISTAKE(at[n + 3] = 0x70, "claims to unpack to");
    MISTAKE(at[n + 1] = 0; at[n + 2] = 0, "unpacks to more than its length says");
    MISTAKE(at[7] = 4, "bad CRC of the stream header");
    MISTAKE(at[13] ^= 0x40, "bad CRC of a block header");
    MISTAKE(at[n / 2] ^= 1, "the xz data");
    MISTAKE(at[n - 1] ^= 1, "bad stream footer");
    MISTAKE(at[n - 14] ^= 1, "bad index");
    /* A wrong operand of the branch filter changes nothing but the data: only the CRC sees it. */
    MISTAKE(memset(at + n - 28, 0, 4), "bad CRC of the unpacked data");
    b = pack_xz(&image, true, LZMA_CHECK_CRC64, 3, 0, 2);
    free(xz.p);
    xz = b;
    MISTAKE((void)0, "check that is not CRC-32");
    b = grow(&xz, 0);
    refused(&b, "bare xz file");
    free(xz.p);
    free(image.p);
}

static void test_bare(void)
{
    struct bytes image = make_image(5000), packed = pack_gzip(&image), junk = make_image(5000), b;

    CU_ASSERT(unpack_is_elf(image.p, image.n) && !unpack_is_elf(packed.p, packed.n));
    CU_ASSERT_PTR_NULL(unpack(&packed, &image));
    b = grow(&packed, 0);
    b.n -= 9;
    refused(&b, "gzip");
    b = grow(&packed, 0);
    b.p[b.n - 5] ^= 1;
    refused(&b, "the gzip data is corrupt");
    junk.p[0] = 'X';
    free(packed.p);
    packed = pack_gzip(&junk);
    refused(&packed, "the gzip payload is no ELF file");
    b = grow(&image, 0);
    CU_ASSERT_PTR_NULL(unpack(&b, &image));
    free(b.p);
    free(junk.p);
    free(image.p);
}

/* Flipped bits and cuts: an error or, where the format has no checksum, the right length; never
 * more (ASan). */
static void damage(struct bytes packed, const struct bytes *image, bool has_size, bool has_checksum)
{
    struct bytes good = bzimage(&packed, has_size ? image->n : 0);
    u32 caught = 0;

    for (u32 i = 0; i < test_rounds / 8; i++) {
        struct bytes b = {malloc(good.n), good.n};
        u32 hits = 1 + (u32)(test_random() % 5);
        const char *error;

        memcpy(b.p, good.p, good.n);
        while (hits--)
            b.p[3 * 512 + 0x100 + test_random() % packed.n] ^= (u8)(1u << test_random() % 8);
        if (i % 4 == 0) { /* truncated: the rest of the file is missing, the header does not know */
            u32 n = 16 + (u32)(test_random() % (packed.n - 16));

            memcpy(b.p + 0x24c, &n, 4);
            memcpy(b.p + 3 * 512 + 0x100 + n - 4, &image->n, 4);
        }
        error = unpack(&b, has_checksum && i % 4 ? image : NULL);
        caught += error != NULL;
        free(b.p);
    }
    CU_ASSERT(caught > test_rounds / 8 * 7 / 10);
    free(good.p);
    free(packed.p);
}

static void test_damage(void)
{
    struct bytes image = make_image(20000);

    damage(pack_xz(&image, true, LZMA_CHECK_CRC32, 3, 0, 2), &image, true, true);
    damage(pack_gzip(&image), &image, false, false);
    damage(pack_lz4_frame(&image, true, 3), &image, true, false);
    damage(pack_zstd(&image, true), &image, true, false);
    free(image.p);
    image = make_image(600);
    damage(pack_lz4_legacy(&image), &image, true, false);
    free(image.p);
}

/* Below the checksums: damaged LZMA2 straight into the decoder, and noise through the branch
 * filter. */
static void test_lzma2_damage(void)
{
    struct bytes image = make_image(30000), xz = pack_xz(&image, false, LZMA_CHECK_CRC32, 3, 0, 2);
    u64 header = 12 + ((u64)xz.p[12] + 1) * 4, n = xz.n - header - LZMA2_TAIL;
    void *state = malloc(LZMA2_STATE_SIZE);

    for (u32 i = 0; i < test_rounds; i++) {
        u64 used = 0, made = 0, room = i % 3 ? image.n : test_random() % image.n;
        u64 have = i % 5 ? n : test_random() % n;
        u8 *src = malloc(have + LZMA2_TAIL), *dst = malloc(room ? room : 1);

        memcpy(src, xz.p + header, have + LZMA2_TAIL);
        for (u32 hits = (u32)(test_random() % 4); hits--;)
            src[have ? test_random() % have : 0] ^= (u8)(1u << test_random() % 8);
        if (!lzma2_decode(src, have, dst, room, state, &used, &made))
            CU_ASSERT(used <= have && made <= room);
        bcj_x86_decode(dst, made);
        free(src);
        free(dst);
    }
    free(state);
    free(xz.p);
    free(image.p);
}

static void test_crc32(void)
{
    struct crc32 *t = malloc(sizeof(*t));

    crc32_init(t);
    for (u32 i = 0; i < 300; i++) {
        struct bytes b = make_image(600 + test_random() % 5000);
        u64 from = test_random() % 64;

        CU_ASSERT_EQUAL(crc32_of(t, b.p + from, b.n - from), (u32)crc32(0, b.p + from, (uInt)(b.n - from)));
        free(b.p);
    }
    CU_ASSERT_EQUAL(crc32_of(t, (const u8 *)"123456789", 9), 0xcbf43926);
    CU_ASSERT_EQUAL(crc32_of(t, (const u8 *)"", 0), 0);
    free(t);
}

static int start(void)
{
    arena = malloc(UNPACK_ARENA_SIZE);
    return arena == NULL;
}

static int stop(void)
{
    free(arena);
    return 0;
}

void test_unpack_register(void)
{
    CU_pSuite s = CU_add_suite("unpack", start, stop);

    CU_add_test(s, "CRC-32 against zlib's", test_crc32);
    CU_add_test(s, "xz, gzip, lz4, zstd, ELF in a bzImage", test_formats);
    CU_add_test(s, "lz4 of many blocks", test_lz4_blocks);
    CU_add_test(s, "xz of many blocks", test_xz_blocks);
    CU_add_test(s, "xz with a call at the end", test_xz_last_call);
    CU_add_test(s, "the stock kernel against liblzma", test_stock_kernel);
    CU_add_test(s, "outside of a bzImage", test_bare);
    CU_add_test(s, "mistakes are named", test_mistakes);
    CU_add_test(s, "damage", test_damage);
    CU_add_test(s, "damage below the checksums", test_lzma2_damage);
}
