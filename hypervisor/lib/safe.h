/* SPDX-License-Identifier: MIT */
/*
 * Checked arithmetic for numbers that come from a guest or from a file. Each
 * returns false and leaves *out unspecified when the true result does not fit.
 */
#ifndef WIRT_LIB_SAFE_H
#define WIRT_LIB_SAFE_H

#include "lib/types.h"

static inline __must_use bool safe_add(u64 a, u64 b, u64 *out)
{
    return !__builtin_add_overflow(a, b, out);
}
static inline __must_use bool safe_mul(u64 a, u64 b, u64 *out)
{
    return !__builtin_mul_overflow(a, b, out);
}
/* [off, off + len) lies inside [0, size) */
static inline __must_use bool safe_within(u64 off, u64 len, u64 size)
{
    return off <= size && len <= size - off;
}

#endif
