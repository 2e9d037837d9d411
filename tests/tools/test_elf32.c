/* SPDX-License-Identifier: MIT */
/*
 * 32-bit ELF files: what is widened says the same, and whatever bytes the headers have, nothing outside of the file is
 * read (the copy has exactly its size, and the sanitizer looks). Boot loaders and Linux kernels are taken for PVH
 * guests, plain or packed, and refused in words for PV ones.
 */
#include "elf32.h"
#include "image.h"
#include "test.h"

#include "boot/elf.h"
#include <elf.h>
#include <stdlib.h>
#include <string.h>

#define NOTE_AT 0x300u
#define SIZE    0x2000u
#define PAGE    4096u

static void make(uint8_t *file)
{
    const uint32_t note[] = {4, 4, 18, 0x6e6558, 0x100010,          /* "Xen", PHYS32_ENTRY */
                             4, 6, 6,  0x6e6558, 0x42555247, 0x20}; /* GUEST_OS "GRUB " */
    Elf32_Ehdr h = {.e_type = ET_EXEC,
                    .e_machine = EM_386,
                    .e_version = 1,
                    .e_entry = 0x100000,
                    .e_phoff = sizeof(h),
                    .e_phentsize = sizeof(Elf32_Phdr),
                    .e_phnum = 2};
    const Elf32_Phdr p[] = {{.p_type = PT_LOAD,
                             .p_offset = 0x1000,
                             .p_paddr = 0x100000,
                             .p_vaddr = 0x100000,
                             .p_filesz = 0x800,
                             .p_memsz = 0x3000,
                             .p_flags = 7},
                            {.p_type = PT_NOTE, .p_offset = NOTE_AT, .p_filesz = sizeof(note)}};

    memset(file, 0, SIZE);
    memcpy(h.e_ident, ELFMAG, SELFMAG);
    h.e_ident[EI_CLASS] = ELFCLASS32;
    h.e_ident[EI_DATA] = ELFDATA2LSB;
    memcpy(file, &h, sizeof(h));
    memcpy(file + sizeof(h), p, sizeof(p));
    memcpy(file + NOTE_AT, note, sizeof(note));
    memset(file + 0x1000, 0x5a, 0x1000);
}

/* Widened and parsed; NULL, or what is wrong. */
static const char *parse(const uint8_t *file, size_t size, struct elf_image *image, uint8_t *first)
{
    uint8_t *room = malloc(PAGE + size);
    const char *wrong;

    memcpy(room + PAGE, file, size);
    wrong = elf32_widen(room, room + PAGE, size);
    if (!wrong)
        wrong = elf_parse(image, room, PAGE + size, 1ul << 30);
    if (!wrong)
        *first = room[image->segment[0].offset];
    free(room);
    return wrong;
}

static void damaged(uint8_t *file)
{
    struct elf_image image;
    unsigned int refused = 0;
    uint8_t first, kept;

    for (size_t size = sizeof(Elf32_Ehdr); size < 0x120; size++)
        refused += parse(file, size, &image, &first) != NULL;
    check(refused == 0x120 - sizeof(Elf32_Ehdr), "%u truncated files refused", refused);
    for (size_t at = 0; at < sizeof(Elf32_Ehdr) + 2 * sizeof(Elf32_Phdr); at++)
        for (int bit = 0; bit < 9; bit++) {
            kept = file[at];
            file[at] = (uint8_t)(bit == 8 ? 0xff : kept ^ 1 << bit);
            (void)parse(file, SIZE, &image, &first);
            file[at] = kept;
        }
    check(!parse(file, SIZE, &image, &first), "as it was");
}

/* What is said of these bytes as a guest's kernel; "" when they are taken. */
static const char *opened(const uint8_t *bytes, size_t size, bool is_pvh)
{
    static char text[400];
    struct image image = {.is_pvh = is_pvh};
    struct wirt *w = fake_handle();

    if (image_open(w, kernel_write(bytes, size), 1ul << 30, &image))
        return wirt_error_text(w, text, sizeof(text));
    check(image.low == 0x100000 && image.elf->segment[0].offset == 0x1000, "offsets are those of the file");
    image_close(&image);
    return "";
}

static void kinds(uint8_t *file)
{
    const char *said = opened(file, SIZE, true);
    uint8_t *packed;
    size_t size;

    check(!*said, "a boot loader: %s", said);
    memcpy(file + NOTE_AT + 36, "linux", 6);
    said = opened(file, SIZE, true);
    check(!*said, "Linux: %s", said);
    said = opened(file, SIZE, false);
    check(strstr(said, "it is a 32-bit kernel"), "Linux as PV: %s", said);
    packed = kernel_bzimage(PACK_XZ, file, SIZE, &size);
    said = opened(packed, size, true);
    check(!*said, "Linux, packed: %s", said);
    said = opened(packed, size, false);
    check(strstr(said, "it is a 32-bit kernel"), "Linux as PV, packed: %s", said);
    free(packed);
}

void test_elf32(void)
{
    uint8_t *file = malloc(SIZE), first = 0;
    struct elf_image image;
    const char *wrong;

    make(file);
    check(elf32_is(file, SIZE) && !elf32_is(file, sizeof(Elf32_Ehdr) - 1), "told apart");
    wrong = parse(file, SIZE, &image, &first);
    check(!wrong, "%s", wrong ? wrong : "");
    check(!wrong && image.phys32_entry == 0x100010 && image.low == 0x100000 && image.high == 0x103000, "entry 0x%lx",
          (unsigned long)image.phys32_entry);
    check(first == 0x5a && image.segment[0].filesz == 0x800, "the bytes are those of the file");
    file[EI_CLASS] = ELFCLASS64;
    check(!elf32_is(file, SIZE), "a 64-bit one");
    file[EI_CLASS] = ELFCLASS32;
    ((Elf32_Ehdr *)(void *)file)->e_machine = EM_ARM;
    check(parse(file, SIZE, &image, &first) != NULL, "for another processor");
    ((Elf32_Ehdr *)(void *)file)->e_machine = EM_386;
    damaged(file);
    kinds(file);
    free(file);
}
