/* SPDX-License-Identifier: MIT */
/*
 * Bits and atomics. Plain helpers work on words; the atomic_* ones are full
 * barriers (x86 LOCK). Bitmaps are arrays of u64, bit n in word n / 64.
 */
#ifndef WIRT_LIB_BITS_H
#define WIRT_LIB_BITS_H

#include "lib/types.h"

#define BIT(n) (1ull << (n))

static inline u64 bits_get(u64 v, unsigned int lo, unsigned int width)
{
    return (v >> lo) & ((1ull << width) - 1);
}
static inline unsigned int bit_lowest(u64 v) /* v != 0 */
{
    return (unsigned int)__builtin_ctzll(v);
}
static inline unsigned int bit_highest(u64 v) /* v != 0 */
{
    return 63u - (unsigned int)__builtin_clzll(v);
}
static inline unsigned int order_of(u64 pages) /* smallest o with 2^o >= pages */
{
    return pages <= 1 ? 0 : bit_highest(pages - 1) + 1;
}

static inline bool map_test(const volatile u64 *map, u64 n)
{
    return (map[n / 64] >> (n % 64)) & 1;
}
static inline void map_set(u64 *map, u64 n)
{
    map[n / 64] |= BIT(n % 64);
}
static inline void map_clear(u64 *map, u64 n)
{
    map[n / 64] &= ~BIT(n % 64);
}
/* Both return the old bit. */
static inline bool atomic_test_set(volatile u64 *map, u64 n)
{
    return __atomic_fetch_or(&map[n / 64], BIT(n % 64), __ATOMIC_SEQ_CST) & BIT(n % 64);
}
static inline bool atomic_test_clear(volatile u64 *map, u64 n)
{
    return __atomic_fetch_and(&map[n / 64], ~BIT(n % 64), __ATOMIC_SEQ_CST) & BIT(n % 64);
}
#define atomic_add(p, v)   __atomic_add_fetch((p), (v), __ATOMIC_SEQ_CST)
#define atomic_sub(p, v)   __atomic_sub_fetch((p), (v), __ATOMIC_SEQ_CST)
#define atomic_or(p, v)    __atomic_fetch_or((p), (v), __ATOMIC_SEQ_CST)
#define atomic_and(p, v)   __atomic_fetch_and((p), (v), __ATOMIC_SEQ_CST)
#define atomic_xchg(p, v)  __atomic_exchange_n((p), (v), __ATOMIC_SEQ_CST)
#define atomic_load(p)     __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define atomic_store(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)

/* Store `new` if *p is still *old, else reload *old; true on success. */
static inline bool atomic_update64(volatile u64 *p, u64 *old, u64 new)
{
    return __atomic_compare_exchange_n(p, old, new, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}
/* Store `new` if *p is still `old`; true on success. */
static inline bool atomic_cas64(volatile u64 *p, u64 old, u64 new)
{
    return __atomic_compare_exchange_n(p, &old, new, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

#endif
