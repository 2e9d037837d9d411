/* SPDX-License-Identifier: MIT */
/*
 * 32-bit ELF files, which only a PVH guest can start from (32-bit Linux, Debian's grub-i386-xen_pvh.bin): widened to
 * what the one parser of kernels reads. Sections are left out, segments and notes stay.
 */
#ifndef LIBWIRT_ELF32_H
#define LIBWIRT_ELF32_H

#include <stddef.h>
#include <stdint.h>

int elf32_is(const uint8_t *file, size_t size);
/* 64-bit headers into the page that lies before the file. NULL, or what is wrong with the file's own. */
const char *elf32_widen(uint8_t *page, const uint8_t *file, size_t size);

#endif
