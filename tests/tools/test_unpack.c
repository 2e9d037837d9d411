/* SPDX-License-Identifier: MIT */
/*
 * Packed kernels, whole and damaged. The destination has a guard of its own, besides the sanitizer's: what is asked for
 * is written and not a byte more.
 */
#include "test.h"

#include <lz4.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static const char *const names[PACK_COUNT] = {"lz4", "gzip", "xz", "zstd"};

/* Finds and unpacks `want` bytes (0: all) into fresh memory; the reason why not, or NULL. */
static const char *unpack(const uint8_t *file, size_t size, size_t want, uint8_t **out, struct unpack *p)
{
    uint8_t *copy = malloc(size ? size : 1); /* of exactly the size: the sanitizer sees what is read behind it */
    const char *wrong;

    memcpy(copy, file, size);
    *out = NULL;
    wrong = unpack_find(p, copy, size);
    if (!wrong) {
        if (!want || want > p->image_size)
            want = p->image_size;
        *out = calloc(1, want);
        wrong = unpack_image(p, *out, want);
    }
    free(copy);
    return wrong;
}

static void whole(enum packing how, const uint8_t *elf, size_t size)
{
    static const size_t prefix[] = {1, 64, 4096, 100000};
    size_t packed, total;
    uint8_t *bare = kernel_pack(how, elf, size, &packed), *image = kernel_bzimage(how, elf, size, &total), *out;
    struct unpack p;
    const char *wrong = unpack(image, total, 0, &out, &p);

    if (how == PACK_GZIP) /* some bytes behind the payload are no part of it in a bzImage either */
        check(!wrong, "%s: %s", names[how], wrong ? wrong : "");
    check(!wrong && p.image_size == size && !memcmp(out, elf, size), "%s: %s", names[how], wrong ? wrong : "bytes");
    check(!wrong && !strcmp(p.format, names[how]), "%s: named %s", names[how], p.format ? p.format : "-");
    free(out);
    for (size_t i = 0; i < sizeof(prefix) / sizeof(prefix[0]); i++) {
        wrong = unpack(bare, packed, prefix[i], &out, &p);
        check(!wrong && !memcmp(out, elf, prefix[i]), "%s: %zu bytes: %s", names[how], prefix[i],
              wrong ? wrong : "bytes");
        free(out);
    }
    free(bare);
    free(image);
}

/* A size that the payload does not have, in both directions; truncations; flipped bits. */
static void damaged(enum packing how, const uint8_t *elf, size_t size)
{
    size_t packed;
    uint8_t *bare = kernel_pack(how, elf, size, &packed), *out;
    unsigned int refused = 0;
    struct unpack p;
    const char *wrong;
    uint32_t claim;

    for (int i = 0; i < 2; i++) {
        claim = (uint32_t)size + (i ? 1000 : -1000);
        memcpy(bare + packed - 4, &claim, 4);
        wrong = unpack(bare, packed, 0, &out, &p);
        check(wrong != NULL, "%s: claims %u of %zu bytes", names[how], claim, size);
        free(out);
    }
    claim = 0xffffffff;
    memcpy(bare + packed - 4, &claim, 4);
    wrong = unpack(bare, packed, 0, &out, &p);
    check(wrong && strstr(wrong, "claims"), "%s: a bomb: %s", names[how], wrong ? wrong : "taken");
    free(out);
    claim = (uint32_t)size;
    memcpy(bare + packed - 4, &claim, 4);
    for (size_t cut = 0; cut < packed - 4; cut += 1 + cut / 7) {
        uint8_t *part = malloc(cut + 4);

        memcpy(part, bare, cut);
        memcpy(part + cut, &claim, 4);
        wrong = unpack(part, cut + 4, 0, &out, &p);
        if (!check(wrong != NULL, "%s: %zu of %zu bytes are enough", names[how], cut, packed))
            cut = packed;
        free(out);
        free(part);
    }
    for (size_t i = 0; i < 400; i++) {
        size_t at = (i * 7919) % (packed - 4);

        bare[at] ^= (uint8_t)(1 << i % 8);
        wrong = unpack(bare, packed, 0, &out, &p);
        refused += wrong != NULL;
        free(out);
        bare[at] ^= (uint8_t)(1 << i % 8);
    }
    if (how != PACK_LZ4 && how != PACK_ZSTD) /* these two carry no sum over what they unpack to */
        check(refused > 390, "%s: %u of 400 flipped bits were noticed", names[how], refused);
    free(bare);
}

static void no_kernels(void)
{
    static const struct {
        const char *start, *says;
    } cases[] = {
        {"", "neither an ELF image nor a Linux bzImage"},
        {"#!/bin/sh\n", "neither"},
        {"BZh91AY&SY----------------", "bzip2"},
        {"\x89LZO----------------------", "lzo"},
        {"\x04\x22\x4d\x18-------------------", "lz4 frame"},
    };
    uint8_t file[2048] = {[0x1f1] = 1}, *out;
    struct unpack p;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *wrong = unpack((const uint8_t *)cases[i].start, strlen(cases[i].start), 0, &out, &p);

        check(wrong && strstr(wrong, cases[i].says), "case %zu: %s", i, wrong ? wrong : "taken");
        free(out);
    }
    memcpy(file + 0x202, "HdrS\x03\x02", 6);
    check(strstr(unpack(file, sizeof(file), 0, &out, &p), "protocol is 2.03"), "old protocol");
    file[0x206] = 15;
    check(strstr(unpack(file, sizeof(file), 0, &out, &p), "no known format"), "an empty payload");
    memset(file + 0x248, 0xff, 8);
    check(strstr(unpack(file, sizeof(file), 0, &out, &p), "truncated"), "a payload outside of the file");
}

/* Memory that comes page by page: what is not open yet can be read, as zeroes, and not written. */
#define PAGE 4096ul
struct pages {
    uint8_t *base;
    size_t size, opened, piece, fail_at;
};

static uint8_t *open_pages(void *arg, uint8_t *at, uint8_t *end)
{
    struct pages *m = arg;
    size_t first = (size_t)(at - m->base) / PAGE, last = ((size_t)(end - m->base) + PAGE - 1) / PAGE;

    last = last < first + m->piece ? first + m->piece : last;
    if (++m->opened == m->fail_at || mprotect(m->base + first * PAGE, (last - first) * PAGE, PROT_READ | PROT_WRITE))
        return NULL;
    return m->base + last * PAGE;
}

static uint32_t random_state = 1;
static uint32_t dice(uint32_t sides)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (random_state >> 8) % sides;
}

/* What a decoder meets: short and long runs of every small period, zeroes over pages, noise, copies from afar. */
static void make_data(uint8_t *out, size_t size)
{
    for (size_t at = 0; at < size;) {
        size_t n = 1 + dice(dice(4) ? 24 : dice(8) ? 700 : 40000), period = 1 + dice(20), kind = dice(5);

        n = n < size - at ? n : size - at;
        for (size_t i = 0; i < n; i++, at++)
            out[at] = kind == 0                 ? 0
                      : kind == 1 || at < 70000 ? (uint8_t)dice(256)
                                                : out[at - (kind == 2 ? period : 300 + period * 3001)];
    }
}

/* lz4_block gives what the library gives, of whole and of damaged blocks, and writes nowhere else. */
static void in_pages(size_t size, size_t piece)
{
    int bound = LZ4_compressBound((int)size), packed;
    uint8_t *data = malloc(size), *wide = malloc((size_t)bound), *block, *want = malloc(size + 16);
    size_t wrong = 0, room = (size + PAGE - 1) / PAGE * PAGE + (piece + 16) * PAGE;

    make_data(data, size);
    packed = LZ4_compress_default((char *)data, (char *)wide, (int)size, bound);
    block = malloc((size_t)packed);
    memcpy(block, wide, (size_t)packed);
    for (size_t i = 0; i < 60; i++) {
        struct pages m = {mmap(NULL, room, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), size, 0, piece, i == 1};
        struct lz4_memory memory = {open_pages, &m, m.base};
        size_t at = dice((uint32_t)packed), limit = i == 2 ? size - 1 : size;
        int expected;
        long got;

        if (i > 2)
            block[at] ^= (uint8_t)(1 << i % 8);
        expected = LZ4_decompress_safe((char *)block, (char *)want, packed, (int)limit);
        got = lz4_block(block, (size_t)packed, m.base, limit, &memory);
        if (i == 1)
            wrong += got != LZ4_NO_MEMORY;
        else if (i == 2)
            wrong += got >= 0;
        else if (got >= 0 && expected >= 0) /* they differ in what damage they notice */
            wrong += got != expected || memcmp(m.base, want, (size_t)got) != 0;
        if (i == 0)
            wrong += got != (long)size;
        if (i > 2)
            block[at] ^= (uint8_t)(1 << i % 8);
        munmap(m.base, room);
    }
    check(wrong == 0, "%zu bytes in pieces of %zu pages: %zu of 60 blocks went wrong", size, piece, wrong);
    free(data);
    free(wide);
    free(block);
    free(want);
}

void test_unpack(void)
{
    struct kernel small = {.low = 0x100000, .bytes = 300000}, large = {.low = 0x100000, .bytes = 9 << 20};
    size_t size;
    uint8_t *elf = kernel_elf(&small, &size);

    for (enum packing how = 0; how < PACK_COUNT; how++) {
        whole(how, elf, size);
        damaged(how, elf, size);
    }
    free(elf);
    elf = kernel_elf(&large, &size); /* two blocks of lz4's */
    for (enum packing how = 0; how < PACK_COUNT; how++)
        whole(how, elf, size);
    free(elf);
    no_kernels();
    for (size_t i = 0; i < 40; i++)
        in_pages(1 + dice(400000), 1 + i % 5);
}
