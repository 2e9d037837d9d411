/* SPDX-License-Identifier: MIT */
/*
 * What a kernel image says to Xen: notes named "Xen" in PT_NOTE segments, else in SHT_NOTE
 * sections, else the older string of NAME=VALUE pairs in the section __xen_guest; then the
 * defaults, and whether a PV guest can be made of it. The numbers are hostile: only elf_check_pv
 * says what they may be. No state. Source: public/elfnote.h.
 */
#include "boot/elf_note.h"
#include "lib/safe.h"

/* Notes, types of public/elfnote.h */
enum {
    NOTE_ENTRY = 1,
    NOTE_HYPERCALL_PAGE,
    NOTE_VIRT_BASE,
    NOTE_PADDR_OFFSET,
    NOTE_XEN_VERSION,
    NOTE_GUEST_OS,
    NOTE_GUEST_VERSION,
    NOTE_LOADER,
    NOTE_PAE,
    NOTE_FEATURES,
    NOTE_BSD_SYMTAB,
    NOTE_HV_START_LOW,
    NOTE_L1_MFN,
    NOTE_SUSPEND_CANCEL,
    NOTE_INIT_P2M,
    NOTE_MOD_START_PFN,
    NOTE_SUPPORTED_FEATURES,
    NOTE_PHYS32_ENTRY
};

static const struct elf_note {
    const char *name;
    u16 offset, size; /* of the field in struct elf_image; size 0: special, 8: a number, else text */
} elf_notes[ELF_NOTE_TYPES] = {
#define NOTE(n, f)                                                                                                     \
    {                                                                                                                  \
        n, offsetof(struct elf_image, f), sizeof(((struct elf_image *)0)->f)                                           \
    }
    [NOTE_ENTRY] = NOTE("ENTRY", entry),
    [NOTE_HYPERCALL_PAGE] = NOTE("HYPERCALL_PAGE", hypercall_page),
    [NOTE_VIRT_BASE] = NOTE("VIRT_BASE", virt_base),
    [NOTE_PADDR_OFFSET] = NOTE("PADDR_OFFSET", paddr_offset),
    [NOTE_XEN_VERSION] = NOTE("XEN_VERSION", xen_version),
    [NOTE_GUEST_OS] = NOTE("GUEST_OS", guest_os),
    [NOTE_GUEST_VERSION] = NOTE("GUEST_VERSION", guest_version),
    [NOTE_LOADER] = NOTE("LOADER", loader),
    [NOTE_PAE] = NOTE("PAE_MODE", pae),
    [NOTE_FEATURES] = NOTE("FEATURES", features),
    [NOTE_BSD_SYMTAB] = {"BSD_SYMTAB", 0, 0},
    [NOTE_HV_START_LOW] = NOTE("HV_START_LOW", hv_start_low),
    [NOTE_L1_MFN] = {"L1_MFN_VALID", 0, 0},
    [NOTE_SUSPEND_CANCEL] = NOTE("SUSPEND_CANCEL", suspend_cancel),
    [NOTE_INIT_P2M] = NOTE("INIT_P2M", init_p2m),
    [NOTE_MOD_START_PFN] = NOTE("MOD_START_PFN", mod_start_pfn),
    [NOTE_SUPPORTED_FEATURES] = NOTE("SUPPORTED_FEATURES", supported_features),
    [NOTE_PHYS32_ENTRY] = NOTE("PHYS32_ENTRY", phys32_entry),
#undef NOTE
};

static const char *__init elf_note_l1_mfn(struct elf_image *image, const u8 *desc, u64 size)
{
    if (size == 0 || size % 16 != 0 || size > 16 * ELF_L1_MFN_MAX)
        return elf_error(image, "note L1_MFN_VALID has %lu bytes; 1 to %u pairs of 16 are expected",
                         (unsigned long)size, ELF_L1_MFN_MAX);
    memcpy(image->l1_mfn, desc, size);
    image->l1_mfn_count = (u32)(size / 16);
    return NULL;
}

/* One note named "Xen". */
static const char *__init elf_note_take(struct elf_image *image, u32 type, const u8 *desc, u64 size)
{
    const struct elf_note *n = &elf_notes[type];
    u8 *field = (u8 *)image + n->offset;

    if (type == NOTE_L1_MFN)
        return elf_note_l1_mfn(image, desc, size);
    if (n->size == 8) {
        u64 v = 0;

        if (size != 4 && size != 8)
            return elf_error(image, "note %s has %lu bytes; a number of 4 or 8 is expected", n->name,
                             (unsigned long)size);
        memcpy(&v, desc, size);
        memcpy(field, &v, sizeof(v));
        return NULL;
    }
    const u8 *end = size ? memchr(desc, 0, size) : NULL; /* Linux writes FEATURES without a final NUL */
    u64 length = end ? (u64)(end - desc) : size;
    if (type == NOTE_BSD_SYMTAB) {
        image->has_bsd_symtab = length == 3 && memcmp(desc, "yes", 3) == 0;
        return NULL;
    }
    if (length >= n->size)
        return elf_error(image, "note %s is longer than %u characters", n->name, n->size - 1u);
    memcpy(field, desc, length);
    field[length] = 0;
    return NULL;
}

/* A second note of a type may only repeat the first. */
static const char *__init elf_note_add(struct elf_image *image, u32 type, const u8 *desc, u64 size, const u8 **seen)
{
    const u8 *before = seen[type];

    if (before) {
        u32 old_size;

        memcpy(&old_size, before - 12, sizeof(old_size)); /* 4 + 4 bytes of type and name lie between */
        if (old_size == size && memcmp(before, desc, size) == 0)
            return NULL;
        return elf_error(image, "two notes %s contradict each other", elf_notes[type].name);
    }
    seen[type] = desc;
    image->has_note[type] = true;
    image->source = ELF_XEN_NOTES;
    return elf_note_take(image, type, desc, size);
}

/* The notes in [p, p + size); those with other names are passed over. */
static const char *__init elf_note_walk(struct elf_image *image, const u8 *p, u64 size, const u8 **seen)
{
    const u8 *end = p + size;

    while (end - p >= 12) {
        u32 word[3]; /* size of the name, size of the description, type */
        u64 name, desc;
        const char *error;

        memcpy(word, p, sizeof(word));
        name = round_up((u64)word[0], 4ull);
        desc = round_up((u64)word[1], 4ull);
        if (name + word[1] > (u64)(end - p) - 12)
            return elf_error(image, "a note of %lu + %lu bytes reaches over the end of its segment",
                             (unsigned long)name, (unsigned long)word[1]);
        if (word[0] == 4 && memcmp(p + 12, "Xen", 4) == 0 && word[2] < ELF_NOTE_TYPES && elf_notes[word[2]].name) {
            error = elf_note_add(image, word[2], p + 12 + name, word[1], seen);
            if (error)
                return error;
        }
        p += min(12 + name + desc, (u64)(end - p));
    }
    return NULL;
}

static const char *__init elf_note_ranges(struct elf_image *image, const struct elf_header *h, const u8 **seen)
{
    u64 start = 0, end = 0; /* the range before */

    for (u32 i = 0; i < h->phnum; i++) {
        struct elf_phdr p = elf_phdr_at(image, h, i);
        const char *error;

        if (p.type != PT_NOTE || p.filesz == 0)
            continue;
        if (!safe_within(p.offset, p.filesz, image->size))
            return elf_error(image, "the file is truncated: notes lie at %lu + %lu, the file has %lu bytes",
                             (unsigned long)p.offset, (unsigned long)p.filesz, (unsigned long)image->size);
        if (p.offset < end && p.offset + p.filesz > start)
            return elf_error(image, "note segments overlap: %lu + %lu and %lu + %lu", (unsigned long)start,
                             (unsigned long)(end - start), (unsigned long)p.offset, (unsigned long)p.filesz);
        start = p.offset;
        end = p.offset + p.filesz;
        error = elf_note_walk(image, image->file + p.offset, p.filesz, seen);
        if (error)
            return error;
    }
    for (u32 i = 0; i < h->shnum && image->source == ELF_XEN_NONE; i++) {
        struct elf_shdr s = elf_shdr_at(image, h, i);
        const char *error;

        if (s.type != SHT_NOTE || !safe_within(s.offset, s.size, image->size))
            continue;
        error = elf_note_walk(image, image->file + s.offset, s.size, seen);
        if (error)
            return error;
    }
    return NULL;
}

/* The older way. HYPERCALL_PAGE is a page number there, to be added to VIRT_BASE. */
static const struct elf_key {
    const char *name;
    u32 type;
} elf_keys[] = {
    {"LOADER", NOTE_LOADER},
    {"GUEST_OS", NOTE_GUEST_OS},
    {"GUEST_VER", NOTE_GUEST_VERSION},
    {"XEN_VER", NOTE_XEN_VERSION},
    {"PAE", NOTE_PAE},
    {"FEATURES", NOTE_FEATURES},
    {"VIRT_BASE", NOTE_VIRT_BASE},
    {"VIRT_ENTRY", NOTE_ENTRY},
    {"ENTRY", NOTE_ENTRY},
    {"ELF_PADDR_OFFSET", NOTE_PADDR_OFFSET},
    {"HYPERCALL_PAGE", NOTE_HYPERCALL_PAGE},
    {"BSD_SYMTAB", NOTE_BSD_SYMTAB},
};

static const char *__init elf_key_take(struct elf_image *image, const char *name, const char *value)
{
    for (u32 i = 0; i < ARRAY_COUNT(elf_keys); i++) {
        u32 type = elf_keys[i].type;
        const struct elf_note *n = &elf_notes[type];
        u8 *field = (u8 *)image + n->offset;

        if (strcmp(name, elf_keys[i].name) != 0)
            continue;
        image->has_note[type] = true;
        if (type == NOTE_BSD_SYMTAB) {
            image->has_bsd_symtab = true; /* its presence counts */
        } else if (n->size == 8) {
            const char *end;
            u64 v = str_to_u64(value, &end);

            if (end == value || *end)
                return elf_error(image, "__xen_guest has %s=%s; a number is expected", name, value);
            memcpy(field, &v, sizeof(v));
        } else {
            str_copy((char *)field, value, n->size);
        }
    }
    return NULL; /* unknown names are passed over */
}

static const char *__init elf_guest_string(struct elf_image *image, const u8 *p, u64 size)
{
    const u8 *end = memchr(p, 0, size);
    const char *error = NULL;

    if (!end)
        end = p + size;
    image->source = ELF_XEN_SECTION;
    while (p < end && !error) {
        char word[224], *value;
        const u8 *comma = memchr(p, ',', (u64)(end - p));
        u64 n = (u64)((comma ? comma : end) - p);

        if (n >= sizeof(word))
            return elf_error(image, "__xen_guest has a pair of more than %lu characters",
                             (unsigned long)sizeof(word) - 1);
        memcpy(word, p, n);
        word[n] = 0;
        p += n + (comma ? 1 : 0);
        value = strchr(word, '=');
        if (value)
            *value++ = 0;
        error = elf_key_take(image, word, value ? value : "");
    }
    if (image->has_note[NOTE_HYPERCALL_PAGE])
        image->hypercall_page = image->virt_base + (image->hypercall_page << PAGE_SHIFT);
    return error;
}

static const char *__init elf_guest_section(struct elf_image *image, const struct elf_header *h)
{
    static const char name[] = "__xen_guest";
    struct elf_shdr names;

    if (h->shstrndx >= h->shnum)
        return NULL;
    names = elf_shdr_at(image, h, h->shstrndx);
    if (!safe_within(names.offset, names.size, image->size))
        return NULL;
    for (u32 i = 0; i < h->shnum; i++) {
        struct elf_shdr s = elf_shdr_at(image, h, i);

        if (safe_within(s.name, sizeof(name), names.size) &&
            memcmp(image->file + names.offset + s.name, name, sizeof(name)) == 0 &&
            safe_within(s.offset, s.size, image->size))
            return elf_guest_string(image, image->file + s.offset, s.size);
    }
    return NULL;
}

const char *__init elf_note_parse(struct elf_image *image, const struct elf_header *h)
{
    const u8 *seen[ELF_NOTE_TYPES] = {NULL};
    const char *error;

    image->hypercall_page = image->init_p2m = image->hv_start_low = ELF_UNSET;
    image->phys32_entry = ELF_UNSET;
    image->entry = image->e_entry;
    error = elf_note_ranges(image, h, seen);
    if (!error && image->source == ELF_XEN_NONE)
        error = elf_guest_section(image, h);
    if (error)
        return error;
    image->has_entry = image->has_note[NOTE_ENTRY];
    image->has_virt_base = image->has_note[NOTE_VIRT_BASE];
    image->has_paddr_offset = image->has_note[NOTE_PADDR_OFFSET];
    if (image->source == ELF_XEN_SECTION && !image->has_paddr_offset)
        image->paddr_offset = image->virt_base;
    if (image->l1_mfn_count == 0) {
        image->l1_mfn[0].mask = image->l1_mfn[0].value = 1;
        image->l1_mfn_count = 1;
    }
    return NULL;
}

static bool __init elf_is_for_xen(const struct elf_image *image)
{
    bool is_generic = strncmp(image->loader, "generic", 7) == 0;
    bool is_linux = strncmp(image->guest_os, "linux", 5) == 0;

    return is_generic || is_linux;
}

const char *__init elf_check_pv(struct elf_image *image)
{
    u64 low, high;

    if (image->source == ELF_XEN_NONE)
        return elf_error(image, "the kernel has neither Xen ELF notes nor a __xen_guest section: it "
                                "was built without support for Xen PV");
    if (!elf_is_for_xen(image))
        return elf_error(image, "loader \"%s\", guest OS \"%s\"; loader \"generic\" or OS \"linux\" is needed",
                         image->loader, image->guest_os);
    if (strncmp(image->xen_version, "xen-3.0", 7) != 0)
        return elf_error(image, "the kernel is for Xen version \"%s\"; \"xen-3.0\" is needed", image->xen_version);
    if (image->has_paddr_offset && !image->has_virt_base)
        return elf_error(image, "the kernel gives PADDR_OFFSET without VIRT_BASE");
    if (!safe_add(image->virt_base, image->low, &low) || !safe_add(image->virt_base, image->high, &high))
        return elf_error(image, "the image at 0x%lx + 0x%lx wraps around the end of the address space",
                         (unsigned long)image->virt_base, (unsigned long)image->high);
    if (image->entry < low || image->entry >= high)
        return elf_error(image, "the entry 0x%lx is outside of the image, 0x%lx to 0x%lx", (unsigned long)image->entry,
                         (unsigned long)low, (unsigned long)high);
    if (image->hypercall_page != ELF_UNSET &&
        (image->hypercall_page % PAGE_SIZE != 0 || image->hypercall_page < round_down(low, PAGE_SIZE) ||
         image->hypercall_page >= high))
        return elf_error(image, "the hypercall page 0x%lx is no page of the image, 0x%lx to 0x%lx",
                         (unsigned long)image->hypercall_page, (unsigned long)low, (unsigned long)high);
    if (image->init_p2m != ELF_UNSET && image->init_p2m >= low && image->init_p2m < high)
        return elf_error(image, "the p2m list's place 0x%lx is inside the image, 0x%lx to 0x%lx",
                         (unsigned long)image->init_p2m, (unsigned long)low, (unsigned long)high);
    return NULL;
}
