/* SPDX-License-Identifier: MIT */
/*
 * The headers of a 32-bit ELF file in 64-bit form, in the page before the file, so that what the segments hold is where
 * their offsets say, one page later. Numbers are only carried over: who parses the result checks them.
 */
#include "elf32.h"

#include <elf.h>
#include <string.h>

#define PAGE         4096u
#define SEGMENTS_MAX ((PAGE - sizeof(Elf64_Ehdr)) / sizeof(Elf64_Phdr))

int elf32_is(const uint8_t *file, size_t size)
{
    return size >= sizeof(Elf32_Ehdr) && memcmp(file, ELFMAG, SELFMAG) == 0 && file[EI_CLASS] == ELFCLASS32;
}

static const char *check(const Elf32_Ehdr *h, size_t size)
{
    if (h->e_ident[EI_DATA] != ELFDATA2LSB || h->e_machine != EM_386)
        return "it is a 32-bit ELF file, but not for x86";
    if (h->e_phentsize != sizeof(Elf32_Phdr) || h->e_phnum > SEGMENTS_MAX)
        return "its program headers are not those of a 32-bit ELF file";
    if (h->e_phoff > size || h->e_phnum * sizeof(Elf32_Phdr) > size - h->e_phoff)
        return "the file is truncated: its program headers lie behind the end";
    return NULL;
}

const char *elf32_widen(uint8_t *page, const uint8_t *file, size_t size)
{
    Elf64_Ehdr wide = {.e_type = ET_EXEC, .e_machine = EM_X86_64, .e_version = EV_CURRENT};
    const char *wrong;
    Elf32_Ehdr h;

    memcpy(&h, file, sizeof(h));
    wrong = check(&h, size);
    if (wrong)
        return wrong;
    memcpy(wide.e_ident, h.e_ident, EI_NIDENT);
    wide.e_ident[EI_CLASS] = ELFCLASS64;
    wide.e_entry = h.e_entry;
    wide.e_phoff = wide.e_ehsize = sizeof(wide);
    wide.e_phentsize = sizeof(Elf64_Phdr);
    wide.e_phnum = h.e_phnum;
    memcpy(page, &wide, sizeof(wide));
    for (size_t i = 0; i < h.e_phnum; i++) {
        Elf32_Phdr p;
        Elf64_Phdr w;
        memcpy(&p, file + h.e_phoff + i * sizeof(p), sizeof(p));
        w = (Elf64_Phdr){.p_type = p.p_type,
                         .p_flags = p.p_flags,
                         .p_offset = (uint64_t)p.p_offset + PAGE,
                         .p_vaddr = p.p_vaddr,
                         .p_paddr = p.p_paddr,
                         .p_filesz = p.p_filesz,
                         .p_memsz = p.p_memsz,
                         .p_align = p.p_align};
        memcpy(page + sizeof(wide) + i * sizeof(w), &w, sizeof(w));
    }
    return NULL;
}
