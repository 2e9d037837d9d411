/* SPDX-License-Identifier: MIT */
/*
 * Text from a format and values, into a caller's buffer that can never overflow: the whole length
 * is counted on, only what fits is stored. Pure; no floating point, no allocation, no locale.
 * Formats come from our own code only and are checked by the compiler (__printf).
 */
#include "lib/fmt.h"
#include "lib/string.h"

struct out {
    char *dst;
    size_t size, length;
};
struct spec {
    bool is_left, is_zero;
    int width, precision; /* precision -1 = none */
};

static void put(struct out *o, char c)
{
    if (o->length + 1 < o->size)
        o->dst[o->length] = c;
    o->length++;
}

static void put_many(struct out *o, char c, int count)
{
    for (; count > 0; count--)
        put(o, c);
}

/* n characters at text, filled up to the width; zeroes go behind a sign. */
static void put_field(struct out *o, const struct spec *s, const char *text, int n, bool is_negative)
{
    int pad = s->width - n - is_negative;

    if (!s->is_left && !s->is_zero)
        put_many(o, ' ', pad);
    if (is_negative)
        put(o, '-');
    if (!s->is_left && s->is_zero)
        put_many(o, '0', pad);
    for (int i = 0; i < n; i++)
        put(o, text[i]);
    if (s->is_left)
        put_many(o, ' ', pad);
}

static void put_number(struct out *o, const struct spec *s, u64 v, unsigned int base, bool is_negative)
{
    char text[20];
    int at = sizeof(text);

    do
        text[--at] = "0123456789abcdef"[v % base];
    while ((v /= base) != 0);
    put_field(o, s, text + at, (int)sizeof(text) - at, is_negative);
}

static void put_string(struct out *o, struct spec *s, const char *text)
{
    int n = 0;

    if (!text)
        text = "(null)";
    while ((s->precision < 0 || n < s->precision) && text[n])
        n++;
    s->is_zero = false;
    put_field(o, s, text, n, false);
}

static const char *digits_decode(const char *f, int *v)
{
    for (*v = 0; *f >= '0' && *f <= '9'; f++)
        *v = *v * 10 + (*f - '0');
    return f;
}

int fmt_v(char *dst, size_t size, const char *f, va_list given)
{
    struct out o = {dst, size, 0};
    va_list args; /* of its own: a parameter va_list has pointer type */

    va_copy(args, given);
    for (; *f; f++) {
        struct spec s = {.precision = -1};
        bool is_long = false;
        if (*f != '%') {
            put(&o, *f);
            continue;
        }
        for (f++; *f == '-' || *f == '0'; f++)
            *(*f == '-' ? &s.is_left : &s.is_zero) = true;
        f = digits_decode(f, &s.width);
        if (*f == '.' && f[1] == '*') {
            s.precision = va_arg(args, int);
            f += 2;
        } else if (*f == '.') {
            f = digits_decode(f + 1, &s.precision);
        }
        for (; *f == 'l' || *f == 'z'; f++)
            is_long = true;
        if (*f == 's') {
            put_string(&o, &s, va_arg(args, const char *));
        } else if (*f == 'c') {
            put(&o, (char)va_arg(args, int));
        } else if (*f == 'd') {
            s64 v = is_long ? va_arg(args, s64) : va_arg(args, s32);
            put_number(&o, &s, v < 0 ? 0 - (u64)v : (u64)v, 10, v < 0);
        } else if (*f == 'u' || *f == 'x') {
            put_number(&o, &s, is_long ? va_arg(args, u64) : va_arg(args, u32), *f == 'u' ? 10 : 16, false);
        } else if (*f == 'p') {
            put(&o, '0');
            put(&o, 'x');
            put_number(&o, &s, va_arg(args, u64), 16, false);
        } else {
            put(&o, '%');
        }
        if (!*f)
            break;
    }
    va_end(args);
    if (size)
        dst[o.length < size ? o.length : size - 1] = 0;
    return (int)o.length;
}

int fmt(char *dst, size_t size, const char *format, ...)
{
    va_list args;
    int n;

    va_start(args, format);
    n = fmt_v(dst, size, format, args);
    va_end(args);
    return n;
}
