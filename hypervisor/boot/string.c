/* SPDX-License-Identifier: MIT */
/*
 * Strings that only boot takes apart: the command line, the loader's information, what kernels say of themselves. On
 * the host the C library supplies the standard names, as for lib/string.c.
 */
#include "boot/string.h"

#ifndef WIRT_HOST
__init void *memchr(const void *s, int c, size_t n)
{
    const u8 *p = s;

    for (; n; n--, p++)
        if (*p == (u8)c)
            return (void *)(uintptr_t)p;
    return NULL;
}

__init char *strstr(const char *s, const char *needle)
{
    size_t n = strlen(needle);

    for (;; s++) {
        if (strncmp(s, needle, n) == 0)
            return (char *)(uintptr_t)s;
        if (!*s)
            return NULL;
    }
}
#endif

static __init u32 digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return (u32)(c - '0');
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? (u32)(c - 'a') + 10 : 99;
}

__init u64 str_to_u64(const char *s, const char **end)
{
    unsigned int base = 10;
    bool is_over = false;
    u64 v = 0;

    if (s[0] == '0') {
        base = 8;
        if ((s[1] | 0x20) == 'x' && digit_of(s[2]) < 16) {
            base = 16;
            s += 2;
        }
    }
    for (; digit_of(*s) < base; s++)
        is_over |= __builtin_mul_overflow(v, (u64)base, &v) || __builtin_add_overflow(v, (u64)digit_of(*s), &v);
    if (end)
        *end = s;
    return is_over ? ~0ull : v;
}
