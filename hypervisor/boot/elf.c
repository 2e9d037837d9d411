/* SPDX-License-Identifier: MIT */
/*
 * Kernel images: header, load segments, the copy into memory. What the image says to Xen is read in
 * elf_note.c. Each check ends in one sentence about the first thing that is wrong. No state;
 * nothing outside the file is read.
 */
#include "boot/elf.h"
#include "boot/elf_note.h"
#include "lib/errno.h"
#include "lib/safe.h"

static const char *__init elf_header_check(struct elf_image *image, struct elf_header *h)
{
    if (image->size < sizeof(*h))
        return elf_error(image, "the file is truncated: it has %lu bytes, an ELF header has 64",
                         (unsigned long)image->size);
    memcpy(h, image->file, sizeof(*h));
    if (memcmp(h->ident, "\177ELF", 4) != 0)
        return elf_error(image, "the file is no ELF: it starts with %02x %02x %02x %02x", h->ident[0], h->ident[1],
                         h->ident[2], h->ident[3]);
    if (h->ident[4] != 2 || h->ident[5] != 1)
        return elf_error(image, "ELF class %u, byte order %u; a 64-bit little-endian image is needed", h->ident[4],
                         h->ident[5]);
    if (h->machine != EM_X86_64)
        return elf_error(image, "ELF machine %u; x86-64 (%u) is needed", h->machine, EM_X86_64);
    if (h->type != ET_EXEC && h->type != ET_DYN)
        return elf_error(image, "ELF type %u; an executable (2 or 3) is needed", h->type);
    if (h->phnum == 0 || h->phentsize != sizeof(struct elf_phdr))
        return elf_error(image, "%u program headers of %u bytes; at least one, of 56, is needed", h->phnum,
                         h->phentsize);
    if (!safe_within(h->phoff, (u64)h->phnum * sizeof(struct elf_phdr), image->size))
        return elf_error(image, "the file is truncated: program headers at %lu, size %lu", (unsigned long)h->phoff,
                         (unsigned long)image->size);
    /* Sections are a second source of notes only: a stripped or cut table just yields none. */
    if (h->shentsize != sizeof(struct elf_shdr) ||
        !safe_within(h->shoff, (u64)h->shnum * sizeof(struct elf_shdr), image->size))
        h->shnum = 0;
    image->e_entry = h->entry;
    return NULL;
}

static const char *__init elf_segment_add(struct elf_image *image, const struct elf_phdr *p, u32 index)
{
    u64 end;
    u32 at;

    if (p->filesz > p->memsz)
        return elf_error(image, "segment %u has 0x%lx bytes in the file but 0x%lx in memory", index,
                         (unsigned long)p->filesz, (unsigned long)p->memsz);
    if (!safe_within(p->offset, p->filesz, image->size))
        return elf_error(image, "the file is truncated: segment %u lies at %lu + %lu, the file has %lu bytes", index,
                         (unsigned long)p->offset, (unsigned long)p->filesz, (unsigned long)image->size);
    if (p->memsz == 0)
        return NULL;
    if (!safe_add(p->paddr, p->memsz, &end))
        return elf_error(image, "segment %u at 0x%lx wraps around the end of the address space", index,
                         (unsigned long)p->paddr);
    if (image->segment_count == ELF_SEGMENT_MAX)
        return elf_error(image, "more than %u load segments", ELF_SEGMENT_MAX);
    at = image->segment_count++;
    for (; at > 0 && image->segment[at - 1].paddr > p->paddr; at--)
        image->segment[at] = image->segment[at - 1];
    image->segment[at] = (struct elf_segment){.offset = p->offset,
                                              .filesz = p->filesz,
                                              .paddr = p->paddr,
                                              .memsz = p->memsz,
                                              .vaddr = p->vaddr,
                                              .flags = p->flags};
    return NULL;
}

static const char *__init elf_segments(struct elf_image *image, const struct elf_header *h)
{
    const char *error = NULL;

    for (u32 i = 0; i < h->phnum && !error; i++) {
        struct elf_phdr p = elf_phdr_at(image, h, i);

        if (p.type == PT_LOAD)
            error = elf_segment_add(image, &p, i);
    }
    if (error)
        return error;
    if (image->segment_count == 0)
        return elf_error(image, "no segment to load (PT_LOAD) among %u program headers", h->phnum);
    for (u32 i = 1; i < image->segment_count; i++) {
        const struct elf_segment *a = &image->segment[i - 1], *b = a + 1;

        if (a->paddr + a->memsz > b->paddr)
            return elf_error(image, "load segments overlap: 0x%lx + 0x%lx and 0x%lx + 0x%lx", (unsigned long)a->paddr,
                             (unsigned long)a->memsz, (unsigned long)b->paddr, (unsigned long)b->memsz);
    }
    return NULL;
}

/* From p_paddr to the guest's own addresses, now that the notes are known; and do they exist? */
static const char *__init elf_segments_place(struct elf_image *image, u64 limit)
{
    for (u32 i = 0; i < image->segment_count; i++) {
        struct elf_segment *s = &image->segment[i];

        if (s->paddr < image->paddr_offset)
            return elf_error(image,
                             "a segment lies at 0x%lx, below the address 0x%lx that the image "
                             "names as its physical zero",
                             (unsigned long)s->paddr, (unsigned long)image->paddr_offset);
        s->paddr -= image->paddr_offset;
        if (!safe_within(s->paddr, s->memsz, limit))
            return elf_error(image, "a segment lies at 0x%lx + 0x%lx, outside of the guest's memory of %lu MiB",
                             (unsigned long)s->paddr, (unsigned long)s->memsz, (unsigned long)(limit >> 20));
        image->high = s->paddr + s->memsz;
    }
    image->low = image->segment[0].paddr;
    return NULL;
}

const char *__init elf_parse(struct elf_image *image, const void *file, u64 size, u64 limit)
{
    struct elf_header h;
    const char *error;

    memset(image, 0, sizeof(*image));
    image->file = file;
    image->size = size;
    error = elf_header_check(image, &h);
    if (!error)
        error = elf_segments(image, &h);
    if (!error)
        error = elf_note_parse(image, &h);
    if (!error)
        error = elf_segments_place(image, limit);
    return error;
}

int __init elf_load(const struct elf_image *image, const struct elf_sink *sink)
{
    int result = 0;

    for (u32 i = 0; i < image->segment_count && result == 0; i++) {
        const struct elf_segment *s = &image->segment[i];

        if (s->filesz)
            result = sink->copy(sink->context, s->paddr, image->file + s->offset, s->filesz);
        if (result == 0 && s->memsz > s->filesz)
            result = sink->zero(sink->context, s->paddr + s->filesz, s->memsz - s->filesz);
    }
    return result;
}

struct elf_flat {
    u8 *dst;
    u64 low;
};

static int __init elf_flat_copy(void *context, u64 paddr, const void *from, u64 count)
{
    const struct elf_flat *f = context;

    memcpy(f->dst + (paddr - f->low), from, count);
    return 0;
}

static int __init elf_flat_zero(void *context, u64 paddr, u64 count)
{
    const struct elf_flat *f = context;

    memset(f->dst + (paddr - f->low), 0, count);
    return 0;
}

int __init elf_load_flat(const struct elf_image *image, void *dst, u64 dst_size)
{
    struct elf_flat flat = {.dst = dst, .low = image->low};
    struct elf_sink sink = {elf_flat_copy, elf_flat_zero, &flat};

    if (dst_size < image->high - image->low)
        return -ENOSPC;
    return elf_load(image, &sink);
}
