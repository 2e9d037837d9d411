/* SPDX-License-Identifier: MIT */
/* The screen: VGA text at 0xb8000 or a linear framebuffer (EFI) with an own font. Output only. */
#ifndef WIRT_HW_VGA_H
#define WIRT_HW_VGA_H

#include "lib/types.h"

struct vga_mode {
    enum { VGA_NONE, VGA_TEXT, VGA_FRAMEBUFFER } kind;
    u64 base;                      /* physical */
    u32 width, height, pitch, bpp; /* pixels, pixels, bytes, bits (16, 24, 32); text: characters */
    u8 red_pos, red_size, green_pos, green_size, blue_pos, blue_size;
};
void vga_init_early(const struct vga_mode *mode, void *va); /* va: where base is mapped right now */
void vga_remap(void); /* move to the ioremap window (write-combining) once page tables are ours */
void vga_put(const char *s, size_t n);
const struct vga_mode *vga_mode(void);

#endif
