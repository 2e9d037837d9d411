/* SPDX-License-Identifier: MIT */
/* Who keeps a dead domain's memory, in words: "web (3) maps 2 of its grants; ...", or an empty text. */
#ifndef WIRT_HOLDER_H
#define WIRT_HOLDER_H

#include "wirt.h"

void holder_text(struct wirt *w, uint32_t domid, char *text, size_t size);

#endif
