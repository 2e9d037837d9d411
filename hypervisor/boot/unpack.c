/* SPDX-License-Identifier: MIT */
/*
 * Finds the kernel image inside a boot module and has it unpacked. The decoders (boot/decompress/,
 * with the distribution's libraries) are ordinary user-space code: they use the red zone, which is
 * safe while interrupts are off and as NMIs have a stack of their own; SSE registers, which nobody
 * else uses yet; and the stack protector, which reads its canary at fs:0x28: FS points at a page of
 * nothing while they run. Boot only, CPU 0, no lock; nothing outside the module is read.
 */
#include "boot/unpack.h"
#include "boot/decompress/decompress.h"
#include "lib/fmt.h"
#include "lib/safe.h"
#include "lib/string.h"
#ifndef WIRT_HOST
#include "hw/cpu.h"
#endif

/* The setup header of x86 Linux; offsets from the start of the file. */
#define SETUP_SECTS     0x1f1
#define BOOT_FLAG       0x1fe
#define HEADER_MAGIC    0x202 /* "HdrS" */
#define PROTOCOL        0x206
#define PAYLOAD_OFFSET  0x248
#define PAYLOAD_LENGTH  0x24c
#define HEADER_END      0x250
#define SECTOR          512u
#define PROTOCOL_NEEDED 0x208

struct payload {
    const u8 *data;
    u64 size;                                /* without the length that the kernel's build appends */
    u64 image_size;                          /* unpacked, as the module claims; bounded */
    const char *format;                      /* "xz" ... */
    const char *(*decode)(struct decode *d); /* NULL: not packed */
};

struct format {
    u8 magic[6], length;
    bool has_own_size; /* the unpacked size is the last word of the format itself, not appended */
    const char *name;
    const char *(*decode)(struct decode *d); /* NULL: known, not supported */
};

static const struct format unpack_formats[] = {
    {{0xfd, '7', 'z', 'X', 'Z', 0}, 6, false, "xz", xz_decode},
    {{0x1f, 0x8b}, 2, true, "gzip", gzip_decode},
    {{0x02, 0x21, 0x4c, 0x18}, 4, false, "lz4", lz4_decode},
    {{0x04, 0x22, 0x4d, 0x18}, 4, false, "lz4", lz4_decode},
    {{0x28, 0xb5, 0x2f, 0xfd}, 4, false, "zstd", zstd_decode},
    {{'B', 'Z', 'h'}, 3, false, "bzip2", NULL},
    {{0x5d, 0, 0}, 3, false, "lzma", NULL},
    {{0x89, 'L', 'Z', 'O'}, 4, false, "lzo", NULL},
};

static char __initdata unpack_message[160];
#define unpack_error(...) (fmt(unpack_message, sizeof(unpack_message), __VA_ARGS__), unpack_message)

static u32 __init unpack_le32(const u8 *p)
{
    return (u32)p[0] | (u32)p[1] << 8 | (u32)p[2] << 16 | (u32)p[3] << 24;
}

bool __init unpack_is_elf(const void *module, u64 module_size)
{
    return module_size >= 4 && memcmp(module, "\177ELF", 4) == 0;
}

static const struct format *__init unpack_format(const u8 *data, u64 size)
{
    for (u32 i = 0; i < ARRAY_COUNT(unpack_formats); i++) {
        const struct format *f = &unpack_formats[i];

        if (size >= f->length && memcmp(data, f->magic, f->length) == 0)
            return f;
    }
    return NULL;
}

/* out->data and out->size hold the payload with its trailer; the rest is filled in. */
static const char *__init unpack_payload(struct payload *out)
{
    const struct format *f = unpack_format(out->data, out->size);

    if (unpack_is_elf(out->data, out->size)) {
        out->format = "none";
        out->image_size = out->size;
        return NULL;
    }
    if (!f)
        return unpack_error("the payload starts with %02x %02x %02x %02x, which is neither xz, gzip, lz4, "
                            "zstd nor ELF",
                            out->data[0], out->data[1], out->data[2], out->data[3]);
    if (!f->decode)
        return unpack_error("the payload is packed with %s; Wirt unpacks xz, gzip, lz4 and zstd", f->name);
    out->format = f->name;
    out->decode = f->decode;
    out->image_size = unpack_le32(out->data + out->size - 4);
    if (!f->has_own_size)
        out->size -= 4;
    if (out->image_size < 64 || out->image_size > UNPACK_SIZE_MAX)
        return unpack_error("the %s payload claims to unpack to %lu bytes; expected are 64 to %lu "
                            "(is the file truncated?)",
                            f->name, (unsigned long)out->image_size, (unsigned long)UNPACK_SIZE_MAX);
    return NULL;
}

static const char *__init unpack_bzimage(const u8 *m, u64 size, struct payload *out)
{
    u32 protocol = m[PROTOCOL] | (u32)m[PROTOCOL + 1] << 8;
    u64 setup = m[SETUP_SECTS] ? m[SETUP_SECTS] : 4;
    u64 start, length = unpack_le32(m + PAYLOAD_LENGTH);

    if (protocol < PROTOCOL_NEEDED)
        return unpack_error("the bzImage has boot protocol %u.%02u; 2.08 or later is needed (Linux 2.6.26)",
                            protocol >> 8, protocol & 0xff);
    start = (setup + 1) * SECTOR + unpack_le32(m + PAYLOAD_OFFSET);
    if (length < 16 || !safe_within(start, length, size))
        return unpack_error("the bzImage is truncated: its payload lies at %lu + %lu, the file has %lu bytes",
                            (unsigned long)start, (unsigned long)length, (unsigned long)size);
    out->data = m + start;
    out->size = length;
    return unpack_payload(out);
}

static const char *__init unpack_find(const void *module, u64 size, struct payload *out)
{
    const u8 *m = module;

    *out = (struct payload){.data = m, .size = size};
    if (size < 64)
        return unpack_error("the module has only %lu bytes", (unsigned long)size);
    if (unpack_is_elf(m, size) || (m[0] == 0x1f && m[1] == 0x8b))
        return unpack_payload(out);
    if (size >= HEADER_END && m[BOOT_FLAG] == 0x55 && m[BOOT_FLAG + 1] == 0xaa &&
        memcmp(m + HEADER_MAGIC, "HdrS", 4) == 0)
        return unpack_bzimage(m, size, out);
    if (unpack_format(m, size))
        return unpack_error("the module is a bare %s file; only gzip is taken outside of a bzImage",
                            unpack_format(m, size)->name);
    return unpack_error("the module is no kernel: neither a bzImage nor an ELF file (it starts with "
                        "%02x %02x %02x %02x)",
                        m[0], m[1], m[2], m[3]);
}

const char *__init unpack_probe(const void *module, u64 module_size, struct unpack_result *out)
{
    struct payload p;
    const char *error = unpack_find(module, module_size, &p);

    if (!error)
        *out = (struct unpack_result){.format = p.format, .size = p.image_size};
    return error;
}

const char *__init unpack_size(const void *module, u64 module_size, u64 *image_size)
{
    struct unpack_result r;
    const char *error = unpack_probe(module, module_size, &r);

    if (!error)
        *image_size = r.size;
    return error;
}

static const char *__init unpack_run(const struct payload *p, struct decode *d)
{
    const char *error;
#ifndef WIRT_HOST
    static u64 __initdata canary_page[8]; /* the canary at 0x28 is 0, for everybody */
    u64 fs = cpu_rdmsr(MSR_FS_BASE), flags = cpu_irq_save();

    cpu_wrmsr(MSR_FS_BASE, (u64)canary_page);
    error = p->decode(d);
    cpu_wrmsr(MSR_FS_BASE, fs);
    cpu_irq_restore(flags);
#else
    error = p->decode(d);
#endif
    return error;
}

const char *__init unpack_image(const void *module, u64 module_size, void *dst, u64 dst_size, void *arena,
                                u64 arena_size, u64 *out_size)
{
    struct payload p;
    const char *error = unpack_find(module, module_size, &p);
    struct decode d;

    if (error)
        return error;
    if (p.image_size > dst_size)
        return unpack_error("the image unpacks to %lu bytes, the buffer has %lu", (unsigned long)p.image_size,
                            (unsigned long)dst_size);
    d = (struct decode){.src = p.data,
                        .src_size = p.size,
                        .dst = dst,
                        .dst_size = p.image_size,
                        .arena = arena,
                        .arena_size = arena_size};
    if (p.decode) {
        error = unpack_run(&p, &d);
    } else {
        memcpy(dst, p.data, p.size);
        d.out_size = p.size;
    }
    if (!error && d.out_size != p.image_size)
        return unpack_error("the %s data is corrupt: it unpacks to %lu bytes, its trailer says %lu", p.format,
                            (unsigned long)d.out_size, (unsigned long)p.image_size);
    if (!error && !unpack_is_elf(dst, d.out_size))
        return unpack_error("the %s payload is no ELF file", p.format);
    *out_size = d.out_size;
    return error;
}
