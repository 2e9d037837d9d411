/* SPDX-License-Identifier: MIT */
/*
 * Between elf.c and elf_note.c: the layout of an ELF file and how its tables are read. Not for
 * other rooms. Layout: System V ABI, chapters 4 and 5; AMD64 supplement.
 */
#ifndef WIRT_BOOT_ELF_NOTE_H
#define WIRT_BOOT_ELF_NOTE_H

#include "boot/elf.h"
#include "boot/string.h"
#include "lib/fmt.h"

#define ET_EXEC   2
#define ET_DYN    3
#define EM_X86_64 62
#define PT_LOAD   1
#define PT_NOTE   4
#define SHT_NOTE  7

struct elf_header {
    u8 ident[16];
    u16 type, machine;
    u32 version;
    u64 entry, phoff, shoff;
    u32 flags;
    u16 ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};
struct elf_phdr {
    u32 type, flags;
    u64 offset, vaddr, paddr, filesz, memsz, align;
};
struct elf_shdr {
    u32 name, type;
    u64 flags, addr, offset, size;
    u32 link, info;
    u64 addralign, entsize;
};
_Static_assert(sizeof(struct elf_header) == 64 && sizeof(struct elf_phdr) == 56 && sizeof(struct elf_shdr) == 64,
               "sizes of the System V ABI");

#define elf_error(image, ...) (fmt((image)->error, sizeof((image)->error), __VA_ARGS__), (const char *)(image)->error)

/* The file may lie at any address, so headers are copied out. elf.c checked the range of both
 * tables. */
static inline struct elf_phdr elf_phdr_at(const struct elf_image *image, const struct elf_header *h, u32 i)
{
    struct elf_phdr p;

    memcpy(&p, image->file + h->phoff + (u64)i * sizeof(p), sizeof(p));
    return p;
}

static inline struct elf_shdr elf_shdr_at(const struct elf_image *image, const struct elf_header *h, u32 i)
{
    struct elf_shdr s;

    memcpy(&s, image->file + h->shoff + (u64)i * sizeof(s), sizeof(s));
    return s;
}

/* Fills in what the image says to Xen and the defaults for the rest. NULL or image->error. */
const char *elf_note_parse(struct elf_image *image, const struct elf_header *h) __must_use;

#endif
