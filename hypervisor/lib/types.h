/* SPDX-License-Identifier: MIT */
/*
 * Names for numbers. A frame number is a one-field struct so that a machine
 * frame (mfn), a guest's pseudo-physical frame (pfn) and a byte address (paddr)
 * never turn into one another silently; x_n() and mfn_x() style helpers are the
 * only way across. Units: frames are 4 KiB, paddr is bytes.
 */
#ifndef WIRT_LIB_TYPES_H
#define WIRT_LIB_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef int64_t s64;
typedef unsigned __int128 u128;

typedef struct {
    u64 n;
} mfn_t;
typedef struct {
    u64 n;
} pfn_t;
typedef struct {
    u64 a;
} paddr_t;
typedef u16 domid_t;

#define PAGE_SHIFT 12
#define PAGE_SIZE  4096ul
#define PAGE_MASK  (~(PAGE_SIZE - 1))

static inline mfn_t mfn(u64 n)
{
    return (mfn_t){n};
}
static inline pfn_t pfn(u64 n)
{
    return (pfn_t){n};
}
static inline paddr_t paddr(u64 a)
{
    return (paddr_t){a};
}
static inline mfn_t paddr_mfn(paddr_t p)
{
    return (mfn_t){p.a >> PAGE_SHIFT};
}
static inline paddr_t mfn_paddr(mfn_t m)
{
    return (paddr_t){m.n << PAGE_SHIFT};
}
#define MFN_NONE (~0ull) /* .n of "no such frame" */

#define ARRAY_COUNT(a)        (sizeof(a) / sizeof((a)[0]))
#define container_of(p, t, m) ((t *)(void *)((u8 *)(p)-offsetof(t, m)))
#define round_up(x, a)        (((x) + (a)-1) & ~((a)-1)) /* a: power of two */
#define round_down(x, a)      ((x) & ~((a)-1))
#define min(a, b)             ((a) < (b) ? (a) : (b)) /* no side effects in arguments */
#define max(a, b)             ((a) > (b) ? (a) : (b))

#define likely(x)       __builtin_expect(!!(x), 1)
#define unlikely(x)     __builtin_expect(!!(x), 0)
#define __must_use      __attribute__((warn_unused_result))
#define __noreturn      __attribute__((noreturn))
#define __printf(f, a)  __attribute__((format(printf, f, a)))
#define __packed        __attribute__((packed))
#define __aligned(n)    __attribute__((aligned(n)))
#define __inline_always static inline __attribute__((always_inline))
#define __used          __attribute__((used))

/* Sections. On the host (unit tests) they are ordinary text and data. */
#ifdef WIRT_HOST
#define __init
#define __initdata
#define __sealed
#else
#define __init     __attribute__((section(".init.text"), noinline, cold)) /* freed before dom0 */
#define __initdata __attribute__((section(".init.data")))
#define __sealed   __attribute__((section(".sealed"))) /* written at boot, read-only after */
#endif

#define barrier()        __asm__ volatile("" ::: "memory")
#define READ_ONCE(x)     (*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v) (*(volatile __typeof__(x) *)&(x) = (v))

#endif
