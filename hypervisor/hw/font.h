/* SPDX-License-Identifier: MIT */
/* The 8x16 letters of the framebuffer console (ASCII; anything else is a box). */
#ifndef WIRT_HW_FONT_H
#define WIRT_HW_FONT_H

#include "lib/types.h"

u8 font_row(char c, u32 y); /* y 0..15; bit 7 is the leftmost pixel */

#endif
