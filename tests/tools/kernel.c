/* SPDX-License-Identifier: MIT */
/*
 * Kernels made up for the tests: an ELF image with Xen's notes whose bytes can be told from one another, the same
 * packed in each of the four ways, and a bzImage around that.
 */
#include "test.h"

#include <elf.h>
#include <fcntl.h>
#include <lz4.h>
#include <lzma.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#define VIRT_BASE 0xffffffff80000000ul
#define SETUP     1024u /* boot sector and one of setup */
#define ODD       0x234u
#define BLOCK     ((size_t)8 << 20)

static uint8_t *note(uint8_t *at, uint32_t type, const void *data, uint32_t size)
{
    const uint32_t head[3] = {4, size, type};

    memcpy(at, head, sizeof(head));
    memcpy(at + 12, "Xen", 4);
    memcpy(at + 16, data, size);
    return at + 16 + ((size + 3) & ~3u);
}

uint64_t kernel_entry(const struct kernel *k)
{
    return VIRT_BASE + k->low + (k->is_odd ? ODD : 0) + 64;
}

static uint32_t notes(const struct kernel *k, uint8_t *at)
{
    const uint64_t base = VIRT_BASE, offset = 0, entry = kernel_entry(k), one = 1;
    uint8_t *end = at;

    if (k->has_no_notes)
        return 0;
    end = note(end, 5, "xen-3.0", 8);
    end = note(end, 6, "linux", 6);
    end = note(end, 8, "generic", 8);
    end = note(end, 3, &base, 8);
    end = note(end, 4, &offset, 8);
    end = note(end, 1, &entry, 8);
    if (!k->maps_initrd)
        end = note(end, 16, &one, 8);
    if (k->init_p2m)
        end = note(end, 15, &k->init_p2m, 8);
    return (uint32_t)(end - at);
}

uint8_t *kernel_elf(const struct kernel *k, size_t *size)
{
    size_t odd = k->is_odd ? ODD : 0, first = 0x1000 + odd, second = first + ((k->bytes + 0xfff) & ~0xffful) + 0x1000;
    uint32_t *words;
    uint8_t *file;
    Elf64_Ehdr h = {.e_type = ET_EXEC,
                    .e_machine = EM_X86_64,
                    .e_version = 1,
                    .e_phoff = 64,
                    .e_ehsize = 64,
                    .e_phentsize = 56,
                    .e_phnum = 3,
                    .e_entry = 0x1234};
    Elf64_Phdr p[3] = {
        {.p_type = PT_LOAD, .p_offset = first, .p_paddr = k->low + odd, .p_filesz = k->bytes, .p_memsz = k->bytes},
        {.p_type = PT_LOAD, .p_offset = second, .p_filesz = 0x1800, .p_memsz = 0x5000},
        {.p_type = PT_NOTE}};

    p[1].p_paddr = ((k->low + odd + k->bytes + 0xfff) & ~0xffful) + odd;
    *size = second + 0x1800 + 100;
    file = calloc(1, *size + 4);
    words = (uint32_t *)(void *)file;
    for (size_t i = first / 4; i < *size / 4; i++)
        words[i] = (uint32_t)(i * 2654435761u) >> (i % 64 < 48 ? 20 : 0); /* packs, but not to nothing */
    memcpy(h.e_ident, "\177ELF\2\1\1", 7);
    memcpy(file, &h, sizeof(h));
    p[2].p_offset = first + 128;
    p[2].p_filesz = p[2].p_memsz = notes(k, file + first + 128);
    memcpy(file + 64, p, sizeof(p));
    return file;
}

static size_t pack_lz4(const uint8_t *in, size_t size, uint8_t *out)
{
    size_t used = 4;

    memcpy(out, "\x02\x21\x4c\x18", 4);
    for (size_t at = 0; at < size; at += BLOCK) {
        size_t n = size - at < BLOCK ? size - at : BLOCK;
        uint32_t packed = (uint32_t)LZ4_compress_default((const char *)in + at, (char *)out + used + 4, (int)n,
                                                         LZ4_compressBound((int)n));

        memcpy(out + used, &packed, 4);
        used += 4 + packed;
    }
    return used;
}

static size_t pack_gzip(const uint8_t *in, size_t size, uint8_t *out, size_t room)
{
    z_stream s = {.next_in = (uint8_t *)in, .avail_in = (uInt)size, .next_out = out, .avail_out = (uInt)room};

    deflateInit2(&s, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
    deflate(&s, Z_FINISH);
    deflateEnd(&s);
    return s.total_out;
}

uint8_t *kernel_pack(enum packing how, const uint8_t *elf, size_t size, size_t *packed)
{
    size_t room = size + size / 64 + 65536, used = 0;
    uint8_t *out = malloc(room);
    uint32_t length = (uint32_t)size;

    if (how == PACK_LZ4)
        used = pack_lz4(elf, size, out);
    else if (how == PACK_GZIP)
        used = pack_gzip(elf, size, out, room);
    else if (how == PACK_XZ)
        lzma_easy_buffer_encode(0, LZMA_CHECK_CRC32, NULL, elf, size, out, &used, room);
    else
        used = ZSTD_compress(out, room, elf, size, 1);
    if (how != PACK_GZIP) {
        memcpy(out + used, &length, 4);
        used += 4;
    }
    *packed = used;
    return out;
}

uint8_t *kernel_bzimage(enum packing how, const uint8_t *elf, size_t size, size_t *total)
{
    size_t packed;
    uint8_t *payload = kernel_pack(how, elf, size, &packed), *file;
    const uint32_t place[2] = {64, (uint32_t)packed};

    *total = SETUP + 64 + packed + 500;
    file = calloc(1, *total);
    file[0x1f1] = 1;
    memcpy(file + 0x202, "HdrS\x0f\x02", 6);
    memcpy(file + 0x248, place, sizeof(place));
    memcpy(file + SETUP + 64, payload, packed);
    free(payload);
    return file;
}

const char *kernel_write(const uint8_t *data, size_t size)
{
    static char path[64];
    int fd;

    if (!path[0])
        snprintf(path, sizeof(path), "/tmp/wirt-test-kernel.%d", (int)getpid());
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        perror(path);
    close(fd);
    return path;
}
