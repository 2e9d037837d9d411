/* SPDX-License-Identifier: MIT */
/*
 * The table that core/symbols.sh generates from the linked image (section .symbols, at the image's
 * end, so that its size moves nothing): functions in the order of their addresses. Names are
 * offsets into one blob of NUL-terminated strings.
 */
#ifndef WIRT_CORE_SYMBOLS_H
#define WIRT_CORE_SYMBOLS_H

#include "lib/types.h"

struct symbol {
    u32 offset; /* from IMAGE_START */
    u32 name;   /* into symbols_text */
};
extern const u32 symbols_count;
extern const struct symbol symbols_table[];
extern const char symbols_text[];

#endif
