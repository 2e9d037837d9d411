/* SPDX-License-Identifier: MIT */
/* Small zeroed allocations for Wirt's own structures, power-of-two classes from 64 bytes to 2
 * pages, larger ones straight from frame.c. Lock: RANK_SLAB. Objects are aligned to their class
 * size (at most a page). */
#ifndef WIRT_CORE_SLAB_H
#define WIRT_CORE_SLAB_H

#include "lib/types.h"

void *slab_alloc(size_t size);        /* NULL without memory; zero size is an error (panic) */
void slab_free(void *p, size_t size); /* size as given to slab_alloc; p may be NULL */
u64 slab_bytes(void);                 /* frames held, in bytes */

#endif
