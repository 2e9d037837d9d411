/* SPDX-License-Identifier: MIT */
/* What processes that were killed at work left half done. */
#ifndef WIRT_COLLECT_H
#define WIRT_COLLECT_H

#include "internal.h"

/* Of domains and devices; count: how many domains, may be NULL. */
int collect_all(struct wirt *w, size_t *count);
/* note_collect_devices is the same for devices only. */

#endif
