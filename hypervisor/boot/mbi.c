/* SPDX-License-Identifier: MIT */
/*
 * Multiboot information, read once at boot on CPU 0. Lengths and pointers in it are taken as
 * mistaken until checked: a tag ends where its size says, a string within its tag or, in version 1,
 * within 4 KiB. Strings are copied, so that the information may be overwritten later.
 * Specifications: Multiboot 0.6.96 (section 3.3), Multiboot2 2.0 (section 3.6).
 */
#include "boot/mbi.h"
#include "boot/string.h"
#include "lib/fmt.h"
#include "lib/log.h"
#include "lib/safe.h"

#ifdef WIRT_HOST
void *mbi_va(u64 phys); /* the test's memory */
#else
#include "hw/pgtab.h"
static void *__init mbi_va(u64 phys)
{
    return pgtab_va(paddr(phys));
}
#endif

#define STRING_MAX 4096u
#define POOL_SIZE  16384u

static char __initdata mbi_pool[POOL_SIZE];
static u32 __initdata mbi_pool_used;
static char __initdata mbi_message[160];
#define mbi_error(...) (fmt(mbi_message, sizeof(mbi_message), __VA_ARGS__), (const char *)mbi_message)

/* A copy of the string in p[0..max), or what fits. NULL: it does not end, or the pool is full. */
static const char *__init mbi_string(const char *p, u64 max)
{
    const char *end = memchr(p, 0, max), *copy = mbi_pool + mbi_pool_used;
    u64 n;

    if (!end)
        return NULL;
    n = (u64)(end - p) + 1;
    if (n > POOL_SIZE - mbi_pool_used)
        return NULL;
    memcpy(mbi_pool + mbi_pool_used, p, n);
    mbi_pool_used += (u32)n;
    return copy;
}

/* Behind the first word and the blanks after it. */
static const char *__init mbi_skip_word(const char *s)
{
    while (*s == ' ')
        s++;
    while (*s && *s != ' ')
        s++;
    while (*s == ' ')
        s++;
    return s;
}

static void __init mbi_map_add(struct boot_info *o, u64 base, u64 length, u32 type)
{
    if (length == 0)
        return;
    if (o->map_count == MBI_MAP_MAX) {
        o->map_dropped++;
        return;
    }
    o->map[o->map_count].base = base;
    o->map[o->map_count].length = length;
    o->map[o->map_count].type = type;
    o->map_count++;
}

static const char *__init mbi_module_add(struct boot_info *o, u32 start, u32 end, const char *cmdline)
{
    if (end < start)
        return mbi_error("boot module %u ends at 0x%x, before its start 0x%x", o->module_count, end, start);
    if (!cmdline)
        return mbi_error("the command line of boot module %u does not end, or all of them together have "
                         "more than %u bytes",
                         o->module_count, POOL_SIZE);
    if (o->module_count == MBI_MODULE_MAX) {
        o->module_dropped++;
        return NULL;
    }
    o->module[o->module_count].start = start;
    o->module[o->module_count].end = end;
    o->module[o->module_count].cmdline = cmdline;
    o->module_count++;
    return NULL;
}

/* Only conventional and extended memory are known, in KiB. */
static void __init mbi_map_guess(struct boot_info *o, u32 lower, u32 upper)
{
    o->map_source = "mem_lower and mem_upper";
    mbi_map_add(o, 0, (u64)min(lower, 640u) << 10, 1);
    mbi_map_add(o, 0x100000, (u64)upper << 10, 1);
}

/* Multiboot 1's and 2's framebuffer fields are the same; color points to the six position and size
 * bytes. */
static void __init mbi_video(struct boot_info *o, u64 base, const u32 *pitch_width_height, u8 bpp, u8 type,
                             const u8 *color)
{
    struct vga_mode *v = &o->video;

    v->kind = VGA_NONE;
    v->base = base;
    v->pitch = pitch_width_height[0];
    v->width = pitch_width_height[1];
    v->height = pitch_width_height[2];
    v->bpp = bpp;
    if (type == 2) {
        v->kind = VGA_TEXT;
    } else if (type == 1 && color && (bpp == 15 || bpp == 16 || bpp == 24 || bpp == 32)) {
        v->kind = VGA_FRAMEBUFFER;
        v->red_pos = color[0];
        v->red_size = color[1];
        v->green_pos = color[2];
        v->green_size = color[3];
        v->blue_pos = color[4];
        v->blue_size = color[5];
    }
    if (v->width == 0 || v->height == 0 || v->pitch < v->width * ((bpp + 7u) / 8u))
        v->kind = VGA_NONE;
}

/* Version 1: one structure whose flags say which fields are there. */
struct mb1_info {
    u32 flags, mem_lower, mem_upper, boot_device, cmdline, mods_count, mods_addr, syms[4];
    u32 mmap_length, mmap_addr, drives_length, drives_addr, config_table, loader_name, apm_table;
    u32 vbe[4];
    u64 fb_addr;
    u32 fb_pitch, fb_width, fb_height;
    u8 fb_bpp, fb_type, fb_color[6];
} __packed;

static const char *__init mb1_modules(struct boot_info *o, const struct mb1_info *m, bool has_path)
{
    struct mb1_module {
        u32 start, end, string, reserved;
    } module;
    const char *error = NULL;

    for (u32 i = 0; i < m->mods_count && !error; i++) {
        const char *line = "";

        if (i > 1024)
            return mbi_error("the boot loader counts %u modules", m->mods_count);
        memcpy(&module, (u8 *)mbi_va(m->mods_addr) + i * sizeof(module), sizeof(module));
        if (module.string)
            line = mbi_string(mbi_va(module.string), STRING_MAX);
        if (line && has_path)
            line = mbi_skip_word(line);
        error = mbi_module_add(o, module.start, module.end, line);
    }
    return error;
}

static const char *__init mb1_map(struct boot_info *o, const struct mb1_info *m)
{
    struct mb1_entry {
        u32 size; /* of the rest */
        u64 base, length;
        u32 type;
    } __packed e;
    u32 at = 0;

    o->map_source = "multiboot memory map";
    while (m->mmap_length - at >= sizeof(e)) {
        memcpy(&e, (u8 *)mbi_va(m->mmap_addr) + at, sizeof(e));
        if (e.size < sizeof(e) - 4 || e.size > m->mmap_length - at - 4)
            return mbi_error("the memory map's entry at byte %u of %u has the impossible size %u", at, m->mmap_length,
                             e.size);
        mbi_map_add(o, e.base, e.length, e.type);
        at += e.size + 4;
    }
    return NULL;
}

/* GRUB 2 leaves the file names out; GRUB legacy, QEMU and others put them first. */
static bool __init mb1_has_path(const char *loader)
{
    return !(strncmp(loader, "GRUB ", 5) == 0 && loader[5] >= '1' && strncmp(loader, "GRUB 0.", 7) != 0);
}

static const char *__init mb1_parse(u64 info, struct boot_info *o)
{
    struct mb1_info m;
    const char *s, *error = NULL;
    bool has_path;

    memcpy(&m, mbi_va(info), sizeof(m));
    o->version = 1;
    o->info_start = info;
    o->info_end = info + sizeof(m);
    if ((m.flags & (1u << 9)) && m.loader_name) {
        s = mbi_string(mbi_va(m.loader_name), 256);
        o->loader = s ? s : o->loader;
    }
    has_path = mb1_has_path(o->loader);
    if (m.flags & (1u << 12)) {
        u32 geometry[3] = {m.fb_pitch, m.fb_width, m.fb_height};

        mbi_video(o, m.fb_addr, geometry, m.fb_bpp, m.fb_type, m.fb_color);
    }
    if ((m.flags & (1u << 2)) && m.cmdline) {
        s = mbi_string(mbi_va(m.cmdline), STRING_MAX);
        if (!s)
            return mbi_error("the command line has more than %u bytes", STRING_MAX);
        o->cmdline = has_path ? mbi_skip_word(s) : s;
    }
    if (m.flags & (1u << 6))
        error = mb1_map(o, &m);
    if (!error && (m.flags & 1) && o->map_count == 0)
        mbi_map_guess(o, m.mem_lower, m.mem_upper);
    if (!error && (m.flags & (1u << 3)))
        error = mb1_modules(o, &m, has_path);
    return error;
}

/* Version 2: a list of tags. */
enum {
    TAG_END,
    TAG_CMDLINE,
    TAG_LOADER,
    TAG_MODULE,
    TAG_MEMORY,
    TAG_BOOTDEV,
    TAG_MAP,
    TAG_VBE,
    TAG_VIDEO,
    TAG_ELF,
    TAG_APM,
    TAG_EFI32,
    TAG_EFI64,
    TAG_SMBIOS,
    TAG_RSDP1,
    TAG_RSDP2,
    TAG_NETWORK,
    TAG_EFI_MAP,
    TAG_EFI_SERVICES,
    TAG_EFI32_IMAGE,
    TAG_EFI64_IMAGE,
    TAG_LOAD_BASE
};

struct mb2 {
    struct boot_info *out;
    const u8 *tag; /* the whole tag: type, size, then what `size` counts */
    u32 size;
    u64 phys;
    u32 lower, upper;
    bool has_lower;
};

static u32 __init mb2_u32(const struct mb2 *t, u32 offset)
{
    u32 v;

    memcpy(&v, t->tag + offset, sizeof(v));
    return v;
}

static u64 __init mb2_u64(const struct mb2 *t, u32 offset)
{
    return mb2_u32(t, offset) | (u64)mb2_u32(t, offset + 4) << 32;
}

static const char *__init mb2_map(struct mb2 *t)
{
    u32 step = mb2_u32(t, 8);

    if (step < 24 || step % 8 != 0)
        return mbi_error("the memory map's entries have the impossible size %u", step);
    t->out->map_source = "multiboot2 memory map";
    t->out->map_count = t->out->map_dropped = 0; /* better than one from EFI */
    for (u32 at = 16; t->size - at >= step && at < t->size; at += step)
        mbi_map_add(t->out, mb2_u64(t, at), mb2_u64(t, at + 8), mb2_u32(t, at + 16));
    return NULL;
}

/* UEFI Specification 2.10, table 7.6; memory that only the boot services used is free. */
static u32 __init mbi_efi_type(u32 type)
{
    switch (type) {
    case 1:
    case 2:
    case 3:
    case 4:
    case 7: /* loader and boot services code and data, free */
        return 1;
    case 8:
        return 5;
    case 9:
        return 3;
    case 10:
        return 4;
    case 14:
        return 7;
    default:
        return 2;
    }
}

static const char *__init mb2_efi_map(struct mb2 *t)
{
    u32 step = mb2_u32(t, 8);
    struct boot_info *o = t->out;

    if (step < 40 || step % 8 != 0)
        return mbi_error("the EFI memory map's entries have the impossible size %u", step);
    o->efi_map = t->phys + 16;
    o->efi_map_size = t->size - 16;
    o->efi_descriptor_size = step;
    o->efi_descriptor_version = mb2_u32(t, 12);
    o->is_efi = true;
    if (o->map_count > 0)
        return NULL;
    o->map_source = "EFI memory map";
    for (u32 at = 16; t->size - at >= step && at < t->size; at += step) {
        u64 pages = mb2_u64(t, at + 24);

        if (pages < 1ull << 52)
            mbi_map_add(o, mb2_u64(t, at + 8), pages << 12, mbi_efi_type(mb2_u32(t, at)));
    }
    return NULL;
}

static const char *__init mb2_module(struct mb2 *t)
{
    return mbi_module_add(t->out, mb2_u32(t, 8), mb2_u32(t, 12), mbi_string((const char *)t->tag + 16, t->size - 16));
}

static const char *__init mb2_strings(struct mb2 *t, const char **where)
{
    const char *s = mbi_string((const char *)t->tag + 8, t->size - 8);

    if (!s)
        return mbi_error("the string in tag %u does not end, or is longer than %u bytes", mb2_u32(t, 0), POOL_SIZE);
    *where = s;
    return NULL;
}

static void __init mb2_video(struct mb2 *t)
{
    u32 geometry[3] = {mb2_u32(t, 16), mb2_u32(t, 20), mb2_u32(t, 24)};

    mbi_video(t->out, mb2_u64(t, 8), geometry, t->tag[28], t->tag[29], t->size >= 38 ? t->tag + 32 : NULL);
}

/* The smallest size of each tag that is read. */
static const u8 mb2_size_min[] = {
    [TAG_CMDLINE] = 9, [TAG_LOADER] = 9, [TAG_MODULE] = 17, [TAG_MEMORY] = 16, [TAG_MAP] = 16,     [TAG_VIDEO] = 32,
    [TAG_EFI32] = 12,  [TAG_EFI64] = 16, [TAG_RSDP1] = 28,  [TAG_RSDP2] = 44,  [TAG_EFI_MAP] = 16,
};

static const char *__init mb2_tag(struct mb2 *t, u32 type)
{
    struct boot_info *o = t->out;

    if (type < ARRAY_COUNT(mb2_size_min) && t->size < mb2_size_min[type])
        return mbi_error("multiboot2 tag %u has %u bytes, at least %u are expected", type, t->size, mb2_size_min[type]);
    switch (type) {
    case TAG_CMDLINE:
        return mb2_strings(t, &o->cmdline);
    case TAG_LOADER:
        return mb2_strings(t, &o->loader);
    case TAG_MODULE:
        return mb2_module(t);
    case TAG_MEMORY:
        t->lower = mb2_u32(t, 8);
        t->upper = mb2_u32(t, 12);
        t->has_lower = true;
        return NULL;
    case TAG_MAP:
        return mb2_map(t);
    case TAG_EFI_MAP:
        return mb2_efi_map(t);
    case TAG_VIDEO:
        mb2_video(t);
        return NULL;
    case TAG_EFI32:
    case TAG_EFI64:
        o->is_efi = true;
        o->is_efi32 = type == TAG_EFI32;
        o->efi_system_table = type == TAG_EFI32 ? mb2_u32(t, 8) : mb2_u64(t, 8);
        return NULL;
    case TAG_EFI_SERVICES:
        o->is_efi = o->has_boot_services = true;
        return NULL;
    case TAG_RSDP1:
    case TAG_RSDP2: /* the newer one wins, whatever the order */
        if (o->rsdp == 0 || type == TAG_RSDP2) {
            o->rsdp = t->phys + 8;
            o->rsdp_size = t->size - 8;
        }
        return NULL;
    default:
        return NULL;
    }
}

static const char *__init mb2_parse(u64 info, struct boot_info *o)
{
    const u8 *base = mbi_va(info);
    struct mb2 t = {.out = o, .tag = base};
    u32 total = mb2_u32(&t, 0), at = 8;
    const char *error = NULL;

    o->version = 2;
    if (total < 16 || total > (1u << 20))
        return mbi_error("the multiboot2 information has the impossible size %u", total);
    o->info_start = info;
    o->info_end = info + total;
    while (!error) {
        u32 type;

        if (total - at < 8)
            return mbi_error("the multiboot2 information of %u bytes has no end tag", total);
        t.tag = base + at;
        t.phys = info + at;
        type = mb2_u32(&t, 0);
        t.size = mb2_u32(&t, 4);
        if (t.size < 8 || t.size > total - at)
            return mbi_error("multiboot2 tag %u at byte %u of %u has the impossible size %u", type, at, total, t.size);
        if (type == TAG_END)
            break;
        error = mb2_tag(&t, type);
        at += min(round_up(t.size, 8u), total - at);
    }
    if (!error && o->map_count == 0 && t.has_lower)
        mbi_map_guess(o, t.lower, t.upper);
    return error;
}

const char *__init mbi_parse(u32 magic, u32 info, struct boot_info *out)
{
    const char *error;

    memset(out, 0, sizeof(*out));
    mbi_pool_used = 0;
    out->loader = "unknown";
    out->cmdline = "";
    out->map_source = "nothing";
    if (magic == MBI_MAGIC1)
        error = mb1_parse(info, out);
    else if (magic == MBI_MAGIC2)
        error = mb2_parse(info, out);
    else
        return mbi_error("started by something else than multiboot: EAX is 0x%08x, not 0x%08x or 0x%08x", magic,
                         MBI_MAGIC1, MBI_MAGIC2);
    if (!error && out->map_count == 0)
        return mbi_error("the boot loader \"%s\" gives no memory map", out->loader);
    return error;
}

const char *__init mbi_map_type_name(u32 type)
{
    static const char *const names[] = {"RAM", "reserved", "ACPI data", "ACPI NVS", "unusable"};

    if (type == 7)
        return "persistent";
    return type >= 1 && type <= ARRAY_COUNT(names) ? names[type - 1] : "other";
}
