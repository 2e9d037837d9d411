/* SPDX-License-Identifier: MIT */
/*
 * The model's version: before and after each compare-and-swap of a word another processor may do something (race.c).
 * All else is the real header.
 */
#ifndef WIRT_MODEL_BITS_H
#define WIRT_MODEL_BITS_H

#define atomic_cas64 real_atomic_cas64
#include_next "lib/bits.h"
#undef atomic_cas64

extern void (*race_hook)(void); /* NULL: nobody else runs */
static inline bool atomic_cas64(volatile u64 *p, u64 old, u64 next)
{
    bool is_done;
    if (race_hook)
        race_hook();
    is_done = real_atomic_cas64(p, old, next);
    if (race_hook)
        race_hook();
    return is_done;
}

#endif
