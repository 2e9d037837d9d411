/* SPDX-License-Identifier: MIT */
/*
 * 32-bit ELF files, which only a PVH guest can start from (Debian's grub-i386-xen_pvh.bin): widened to what the one
 * parser of kernels reads. Sections are left out, segments and notes stay.
 */
#ifndef LIBWIRT_ELF32_H
#define LIBWIRT_ELF32_H

#include <stddef.h>
#include <stdint.h>

int elf32_is(const uint8_t *file, size_t size);
/* A mapping of *bytes, for the caller to give up by munmap: 64-bit headers, then the file. NULL: *wrong says why. */
uint8_t *elf32_widen(const uint8_t *file, size_t size, size_t *bytes, const char **wrong);

#endif
