/* SPDX-License-Identifier: MIT */
/* The host's version: the same names, with the shared tables and the direct map where a process can
 * have them. */
#ifndef WIRT_FAKE_LAYOUT_H
#define WIRT_FAKE_LAYOUT_H

#include_next "hw/layout.h"

#undef M2P_START
#undef FRAMES_START
#undef IMAGE_START
#undef DIRECT_START
#undef DIRECT_END
#define M2P_START    0x200000000000ul
#define FRAMES_START 0x208000000000ul
#define IMAGE_START  0x218000000000ul
#define DIRECT_START 0x220000000000ul
#define DIRECT_END   0x280000000000ul

#endif
