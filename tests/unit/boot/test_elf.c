/* SPDX-License-Identifier: MIT */
/*
 * boot/elf.c and boot/elf_note.c: images made by hand, one mistake at a time, and random bytes. Files
 * lie in blocks of exactly their size, so that ASan sees a read behind the end. No state between
 * tests.
 */
#include "test_boot.h"
#include "boot/elf.h"
#include "lib/errno.h"
#include <elf.h>
#include <stdlib.h>
#include <string.h>

#define LIMIT (256ull << 20)

struct file {
    u8 bytes[16384];
    u64 size;
    Elf64_Ehdr *eh;
    Elf64_Phdr *ph;
};

/* Two load segments (1 MiB and 1.5 MiB, the second with bss), room for notes at 2048, sections at
 * 8192. */
static void file_start(struct file *f)
{
    memset(f, 0, sizeof(*f));
    f->size = 12288;
    f->eh = (void *)f->bytes;
    f->ph = (void *)(f->bytes + 64);
    memcpy(f->eh->e_ident, "\177ELF\2\1\1", 7);
    f->eh->e_type = ET_EXEC;
    f->eh->e_machine = EM_X86_64;
    f->eh->e_entry = 0x100010;
    f->eh->e_phoff = 64;
    f->eh->e_phentsize = 56;
    f->eh->e_phnum = 3;
    f->ph[0] = (Elf64_Phdr){.p_type = PT_LOAD,
                            .p_flags = 5,
                            .p_offset = 4096,
                            .p_paddr = 0x100000,
                            .p_vaddr = 0xffffffff80100000,
                            .p_filesz = 4096,
                            .p_memsz = 4096};
    f->ph[1] = (Elf64_Phdr){.p_type = PT_LOAD,
                            .p_flags = 6,
                            .p_offset = 8192,
                            .p_paddr = 0x180000,
                            .p_vaddr = 0xffffffff80180000,
                            .p_filesz = 100,
                            .p_memsz = 8192};
    f->ph[2] = (Elf64_Phdr){.p_type = PT_NOTE, .p_offset = 2048, .p_filesz = 0};
    memset(f->bytes + 4096, 0xaa, 4096);
    memset(f->bytes + 8192, 0xbb, 100);
}

static void file_note(struct file *f, u32 type, const void *desc, u32 size)
{
    u8 *p = f->bytes + f->ph[2].p_offset + f->ph[2].p_filesz;
    u32 word[3] = {4, size, type};

    memcpy(p, word, 12);
    memcpy(p + 12, "Xen", 4);
    memcpy(p + 16, desc, size);
    f->ph[2].p_filesz += 16 + ((size + 3) & ~3u);
}

static void file_number(struct file *f, u32 type, u64 v)
{
    file_note(f, type, &v, 8);
}

/* As Linux 6.1 has them */
static void file_linux(struct file *f)
{
    u64 pair[2] = {1, 1};
    u32 word = 0x8801;

    file_start(f);
    file_note(f, 6, "linux", 6);
    file_note(f, 7, "2.6", 4);
    file_note(f, 5, "xen-3.0", 8);
    file_number(f, 3, 0xffffffff80000000);
    file_number(f, 15, 0x8000000000);
    file_number(f, 1, 0xffffffff80100040);
    file_note(f, 10, "!writable_page_tables|pae_pgdir_above_4gb", 41); /* without a NUL, indeed */
    file_note(f, 17, &word, 4);
    file_note(f, 9, "yes", 4);
    file_note(f, 8, "generic", 8);
    file_note(f, 13, pair, 16);
    file_number(f, 14, 1);
    file_number(f, 16, 1);
    file_number(f, 12, 0xffff800000000000);
    file_number(f, 4, 0);
    file_number(f, 18, 0x100850);
}

static struct elf_image image;
static u8 *copy; /* of the file: the image points into it */

static const char *parse(const struct file *f)
{
    free(copy);
    copy = malloc(f->size ? f->size : 1);
    memcpy(copy, f->bytes, f->size);
    return elf_parse(&image, copy, f->size, LIMIT);
}

/* The file is refused with a message that contains `part`. */
static void refused(const struct file *f, const char *part)
{
    const char *error = parse(f);

    if (!error)
        error = elf_check_pv(&image);
    CU_ASSERT_PTR_NOT_NULL_FATAL(error);
    if (!strstr(error, part))
        printf("\n    \"%s\" lacks \"%s\"", error, part);
    CU_ASSERT_PTR_NOT_NULL(strstr(error, part));
}

static void test_linux(void)
{
    struct file f;
    u8 *flat;

    file_linux(&f);
    CU_ASSERT_PTR_NULL_FATAL(parse(&f));
    CU_ASSERT_PTR_NULL(elf_check_pv(&image));
    CU_ASSERT_EQUAL(image.source, ELF_XEN_NOTES);
    CU_ASSERT_EQUAL(image.entry, 0xffffffff80100040);
    CU_ASSERT_EQUAL(image.virt_base, 0xffffffff80000000);
    CU_ASSERT_EQUAL(image.init_p2m, 0x8000000000);
    CU_ASSERT_EQUAL(image.hypercall_page, ELF_UNSET);
    CU_ASSERT_EQUAL(image.supported_features, 0x8801);
    CU_ASSERT_EQUAL(image.phys32_entry, 0x100850);
    CU_ASSERT_EQUAL(image.mod_start_pfn, 1);
    CU_ASSERT_EQUAL(image.hv_start_low, 0xffff800000000000);
    CU_ASSERT_STRING_EQUAL(image.features, "!writable_page_tables|pae_pgdir_above_4gb");
    CU_ASSERT_STRING_EQUAL(image.loader, "generic");
    CU_ASSERT_STRING_EQUAL(image.pae, "yes");
    CU_ASSERT_EQUAL(image.l1_mfn_count, 1);
    CU_ASSERT_EQUAL(image.low, 0x100000);
    CU_ASSERT_EQUAL(image.high, 0x182000);
    CU_ASSERT_EQUAL(image.virt_base + image.low, 0xffffffff80100000);
    flat = malloc(0x82000);
    memset(flat, 0x55, 0x82000);
    CU_ASSERT_EQUAL(elf_load_flat(&image, flat, 0x81fff), -ENOSPC);
    CU_ASSERT_EQUAL(elf_load_flat(&image, flat, 0x82000), 0);
    CU_ASSERT(flat[0] == 0xaa && flat[4095] == 0xaa && flat[4096] == 0x55);
    CU_ASSERT(flat[0x80000] == 0xbb && flat[0x80063] == 0xbb && flat[0x80064] == 0 && flat[0x81fff] == 0);
    free(flat);
}

/* The least that Xen takes: a loader and a version. Laid out from address 0, as unikernels are. */
static void test_from_zero(void)
{
    struct file f;

    file_start(&f);
    f.ph[0].p_paddr = 0;
    f.ph[1].p_paddr = 0x1000;
    f.eh->e_entry = 0;
    file_note(&f, 8, "generic", 8);
    file_note(&f, 5, "xen-3.0", 8);
    file_number(&f, 2, 0x1000);
    CU_ASSERT_PTR_NULL_FATAL(parse(&f));
    CU_ASSERT_PTR_NULL(elf_check_pv(&image));
    CU_ASSERT(!image.has_entry && !image.has_virt_base);
    CU_ASSERT(image.virt_base == 0 && image.entry == 0 && image.low == 0 && image.high == 0x3000);
    CU_ASSERT_EQUAL(image.hypercall_page, 0x1000);
    CU_ASSERT(image.l1_mfn_count == 1 && image.l1_mfn[0].mask == 1 && image.l1_mfn[0].value == 1);
    file_number(&f, 2, 0x1000); /* said twice, the same */
    CU_ASSERT_PTR_NULL(parse(&f));
}

static void file_guest(struct file *f, const char *text)
{
    Elf64_Shdr *sh = (void *)(f->bytes + 10240);

    file_start(f);
    f->eh->e_phnum = 2;
    f->eh->e_shoff = 10240;
    f->eh->e_shentsize = 64;
    f->eh->e_shnum = 3;
    f->eh->e_shstrndx = 2;
    memcpy(f->bytes + 9216, "\0.shstrtab\0__xen_guest", 23);
    strcpy((char *)f->bytes + 9472, text);
    sh[1] = (Elf64_Shdr){.sh_name = 11, .sh_type = 1, .sh_offset = 9472, .sh_size = strlen(text)};
    sh[2] = (Elf64_Shdr){.sh_name = 1, .sh_type = 3, .sh_offset = 9216, .sh_size = 23};
}

static void test_guest_section(void)
{
    struct file f;

    file_guest(&f, "GUEST_OS=linux,GUEST_VER=2.6,XEN_VER=xen-3.0,VIRT_BASE=0xffffffff80000000,"
                   "ELF_PADDR_OFFSET=0x0,VIRT_ENTRY=0xffffffff80100000,HYPERCALL_PAGE=0x100,"
                   "FEATURES=writable_page_tables|auto_translated_physmap,PAE=yes,BSD_SYMTAB,LOADER=generic");
    CU_ASSERT_PTR_NULL_FATAL(parse(&f));
    CU_ASSERT_PTR_NULL(elf_check_pv(&image));
    CU_ASSERT_EQUAL(image.source, ELF_XEN_SECTION);
    CU_ASSERT_EQUAL(image.entry, 0xffffffff80100000);
    CU_ASSERT_EQUAL(image.hypercall_page, 0xffffffff80100000);
    CU_ASSERT_EQUAL(image.low, 0x100000);
    CU_ASSERT(image.has_bsd_symtab);
    CU_ASSERT_STRING_EQUAL(image.features, "writable_page_tables|auto_translated_physmap");

    /* No ELF_PADDR_OFFSET: p_paddr holds virtual addresses. */
    file_guest(&f, "LOADER=generic,XEN_VER=xen-3.0,VIRT_BASE=0xc0000000");
    f.ph[0].p_paddr = 0xc0100000;
    f.ph[1].p_paddr = 0xc0180000;
    f.eh->e_entry = 0xc0100000;
    CU_ASSERT_PTR_NULL_FATAL(parse(&f));
    CU_ASSERT_PTR_NULL(elf_check_pv(&image));
    CU_ASSERT_EQUAL(image.paddr_offset, 0xc0000000);
    CU_ASSERT_EQUAL(image.low, 0x100000);
    CU_ASSERT_EQUAL(image.segment[1].paddr, 0x180000);
    f.ph[0].p_paddr = 0x100000;
    refused(&f, "below the address 0xc0000000");
    file_guest(&f, "LOADER=generic,XEN_VER=xen-3.0,VIRT_BASE=high");
    refused(&f, "VIRT_BASE=high; a number is expected");
}

static void test_section_notes(void)
{
    struct file f;
    Elf64_Shdr *sh = (void *)(f.bytes + 10240);

    file_linux(&f);
    f.ph[2].p_type = PT_NULL;
    f.eh->e_shoff = 10240;
    f.eh->e_shentsize = 64;
    f.eh->e_shnum = 2;
    sh[1] = (Elf64_Shdr){.sh_type = SHT_NOTE, .sh_offset = 2048, .sh_size = f.ph[2].p_filesz};
    CU_ASSERT_PTR_NULL_FATAL(parse(&f));
    CU_ASSERT_EQUAL(image.virt_base, 0xffffffff80000000);
    f.eh->e_shnum = 0xffff; /* a cut table: no notes then */
    refused(&f, "neither Xen ELF notes nor");
}

#define MISTAKE(change, part)                                                                                          \
    do {                                                                                                               \
        file_linux(&f);                                                                                                \
        change;                                                                                                        \
        refused(&f, part);                                                                                             \
    } while (0)

static void test_mistakes(void)
{
    struct file f;

    MISTAKE(f.size = 63, "truncated: it has 63 bytes");
    MISTAKE(f.bytes[0] = 0, "no ELF: it starts with 00 45 4c 46");
    MISTAKE(f.bytes[4] = 1, "class 1");
    MISTAKE(f.eh->e_machine = EM_386, "machine 3; x86-64 (62)");
    MISTAKE(f.eh->e_type = ET_REL, "type 1");
    MISTAKE(f.eh->e_phnum = 0, "0 program headers");
    MISTAKE(f.eh->e_phentsize = 32, "of 32 bytes");
    MISTAKE(f.eh->e_phoff = ~0ull - 8, "program headers at");
    MISTAKE(f.ph[0].p_type = f.ph[1].p_type = 0, "no segment to load");
    MISTAKE(f.ph[0].p_filesz = 4097, "0x1001 bytes in the file but 0x1000 in memory");
    MISTAKE(f.ph[1].p_offset = f.size - 99, "truncated: segment 1");
    MISTAKE(f.ph[1].p_offset = ~0ull - 50, "truncated: segment 1");
    MISTAKE(f.size = 6000, "truncated: segment 0");
    MISTAKE(f.ph[1].p_paddr = ~0ull - 4096, "wraps around");
    MISTAKE(f.ph[1].p_paddr = 0x100fff, "load segments overlap: 0x100000 + 0x1000 and 0x100fff");
    MISTAKE(f.ph[1].p_paddr = LIMIT - 8191, "outside of the guest's memory of 256 MiB");
    MISTAKE(f.ph[1].p_memsz = LIMIT, "outside of the guest's memory");
    MISTAKE(f.ph[2].p_filesz = f.size, "truncated: notes lie at");
    MISTAKE(f.ph[2].p_filesz -= 4, "reaches over the end");
    MISTAKE(f.ph[1] = f.ph[2]; f.ph[2].p_offset += 32, "note segments overlap");
    MISTAKE(file_number(&f, 3, 0x1000), "two notes VIRT_BASE contradict");
    MISTAKE(file_note(&f, 2, "abcdef", 6), "HYPERCALL_PAGE has 6 bytes");
    MISTAKE(f.ph[2].p_filesz = 0, "neither Xen ELF notes nor");
    MISTAKE(f.ph[2].p_filesz = 0; file_note(&f, 13, "123456789abcdefg1", 17), "L1_MFN_VALID has 17");
    MISTAKE(f.ph[2].p_filesz = 0; file_note(&f, 8, "a rather long name", 19), "longer than 15");
    MISTAKE(f.ph[2].p_filesz = 0; file_note(&f, 8, "own", 4), "loader \"own\"");
    MISTAKE(f.ph[2].p_filesz = 0; file_note(&f, 8, "generic", 8), "Xen version \"\"");
    MISTAKE(f.ph[2].p_filesz = 24; file_note(&f, 5, "xen-3.0", 8);
            file_number(&f, 4, 0), "PADDR_OFFSET without VIRT_BASE");
    MISTAKE(file_number(&f, 2, 0x1234), "hypercall page 0x1234 is no page");
    MISTAKE(file_number(&f, 2, 0xffffffff80182000), "hypercall page");
    MISTAKE(f.ph[1].p_paddr = 0x80000; f.ph[0].p_memsz = 0; f.ph[0].p_filesz = 0, "the entry");
}

/* Every cut of a good file, and random damage: an answer, and no read outside (ASan). */
static void test_damage(void)
{
    struct file f;
    u32 good = 0;

    file_linux(&f);
    for (u64 n = 0; n < 8292; n += n < 600 ? 1 : 97) {
        f.size = n;
        CU_ASSERT_PTR_NOT_NULL(parse(&f));
    }
    for (u32 i = 0; i < test_rounds * 5; i++) {
        static const u32 place[][2] = {{0, 64}, {64, 168}, {2048, 600}, {9216, 400}, {10240, 192}};
        u32 hits = 1 + (u32)(test_random() % 4);

        if (i & 1)
            file_linux(&f);
        else
            file_guest(&f, "GUEST_OS=linux,XEN_VER=xen-3.0,VIRT_BASE=0x80000000,LOADER=generic,A=,B,=C,,");
        while (hits--) {
            const u32 *w = place[test_random() % 5];

            f.bytes[w[0] + test_random() % w[1]] ^= (u8)(1u << test_random() % 8);
        }
        if (!parse(&f)) {
            struct elf_image before = image;

            good++;
            CU_ASSERT(image.high <= LIMIT && image.low < image.high);
            if (!elf_check_pv(&image)) {
                u8 *flat = malloc(image.high - image.low);

                CU_ASSERT_EQUAL(elf_load_flat(&image, flat, before.high - before.low), 0);
                free(flat);
            }
        }
    }
    CU_ASSERT(good > 0);
    free(copy);
    copy = NULL;
}

void test_elf_register(void)
{
    CU_pSuite s = CU_add_suite("elf", NULL, NULL);

    CU_add_test(s, "notes of Linux, loading", test_linux);
    CU_add_test(s, "laid out from 0, no ENTRY, no VIRT_BASE", test_from_zero);
    CU_add_test(s, "__xen_guest", test_guest_section);
    CU_add_test(s, "notes in sections", test_section_notes);
    CU_add_test(s, "mistakes are named", test_mistakes);
    CU_add_test(s, "damage", test_damage);
}
