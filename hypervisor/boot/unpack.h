/* SPDX-License-Identifier: MIT */
/*
 * From a boot module to an ELF image: a Linux bzImage (boot protocol 2.08 or later) whose payload
 * is compressed with gzip, xz, lz4 or zstd (or not at all), such a payload by itself, or a plain
 * ELF. Boot only, CPU 0 only: errors are built in one static buffer that the next call reuses. The
 * module is hostile; nothing outside it is read. x86/boot protocol: Linux
 * Documentation/arch/x86/boot.rst, fields payload_offset and payload_length.
 */
#ifndef WIRT_BOOT_UNPACK_H
#define WIRT_BOOT_UNPACK_H

#include "lib/types.h"

/* Largest unpacked image that is believed (a corrupt length must not eat the machine), in bytes. */
#define UNPACK_SIZE_MAX (512ull << 20)
/* Memory for the decoders' own state, in bytes; page-aligned; free again when unpack_image returns.
 */
#define UNPACK_ARENA_SIZE (1ull << 20)

struct unpack_result {
    const char *format; /* "xz", "gzip", "lz4", "zstd", "none" */
    u64 size;           /* bytes that unpack_image writes */
};

/* true: the module is an ELF as it stands, use it in place. */
bool unpack_is_elf(const void *module, u64 module_size);
/* All three: NULL, or what is wrong in words. */
const char *unpack_probe(const void *module, u64 module_size, struct unpack_result *out) __must_use;
const char *unpack_size(const void *module, u64 module_size, u64 *image_size) __must_use;
/* dst_size at least what unpack_size says; *out_size: bytes written. arena: see above. dst must not
 * overlap the module. The caller allows SSE (CR4.OSFXSR); interrupts are off meanwhile, seconds on a slow machine. */
const char *unpack_image(const void *module, u64 module_size, void *dst, u64 dst_size, void *arena, u64 arena_size,
                         u64 *out_size) __must_use;

#endif
