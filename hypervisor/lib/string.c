/* SPDX-License-Identifier: MIT */
/*
 * Memory and strings. Bulk copies move eight bytes an iteration: emulators count each one, and
 * real CPUs do not care. Nothing here allocates, fails or looks at a locale. On the host the C
 * library supplies the standard names and only the str_ functions are built.
 */
#include "lib/string.h"

#ifndef WIRT_HOST
typedef u64 __attribute__((may_alias, aligned(1))) word_t;

static inline void copy_up(u8 *d, const u8 *s, size_t n)
{
    size_t words = n / 8, tail = n % 8;
    __asm__ volatile("rep movsq" : "+D"(d), "+S"(s), "+c"(words)::"memory");
    if (tail)
        __asm__ volatile("rep movsb" : "+D"(d), "+S"(s), "+c"(tail)::"memory");
}

void *memcpy(void *restrict dst, const void *restrict src, size_t n)
{
    u8 *d = dst;
    const u8 *s = src;

    if (n < 8) {
        while (n--) {
            *d++ = *s++;
            barrier(); /* or the compiler makes this loop a call of itself */
        }
        return dst;
    }
    /* The last word first, by itself: no byte-wise tail remains. */
    *(word_t *)(void *)(d + n - 8) = *(const word_t *)(const void *)(s + n - 8);
    n = (n - 1) / 8;
    __asm__ volatile("rep movsq" : "+D"(d), "+S"(s), "+c"(n)::"memory");
    return dst;
}

void *memmove(void *dst, const void *src, size_t n)
{
    u8 *d = dst;
    const u8 *s = src;

    if ((uintptr_t)d - (uintptr_t)s >= n) {
        copy_up(d, s, n);
    } else {
        d += n - 1;
        s += n - 1;
        __asm__ volatile("std; rep movsb; cld" : "+D"(d), "+S"(s), "+c"(n)::"memory");
    }
    return dst;
}

void *memset(void *dst, int c, size_t n)
{
    u8 *d = dst;
    u64 v = 0x0101010101010101ull * (u8)c;

    if (n < 8) {
        while (n--) {
            *d++ = (u8)c;
            barrier();
        }
        return dst;
    }
    *(word_t *)(void *)(d + n - 8) = v;
    n = (n - 1) / 8;
    __asm__ volatile("rep stosq" : "+D"(d), "+c"(n) : "a"(v) : "memory");
    return dst;
}

int memcmp(const void *a, const void *b, size_t n)
{
    const u8 *x = a, *y = b;

    for (; n; n--, x++, y++)
        if (*x != *y)
            return *x - *y;
    return 0;
}

size_t strlen(const char *s)
{
    const char *p = s;

    while (*p) {
        p++;
        barrier();
    }
    return (size_t)(p - s);
}

int strncmp(const char *a, const char *b, size_t n)
{
    for (; n; n--, a++, b++)
        if (*a != *b || !*a)
            return (u8)*a - (u8)*b;
    return 0;
}

int strcmp(const char *a, const char *b)
{
    return strncmp(a, b, SIZE_MAX);
}

char *strchr(const char *s, int c)
{
    for (;; s++) {
        if (*s == (char)c)
            return (char *)(uintptr_t)s;
        if (!*s)
            return NULL;
    }
}

#endif

size_t str_copy(char *dst, const char *src, size_t size)
{
    size_t n = strlen(src), k = n < size ? n : size - 1;

    memcpy(dst, src, k);
    dst[k] = 0;
    return n;
}
