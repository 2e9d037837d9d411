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
    bool is_left, is_zero, has_sign, has_space, is_alt, is_upper, is_negative;
    int width, precision; /* precision -1 = none */
    unsigned int base;
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

static void put_number(struct out *o, const struct spec *s, u64 v)
{
    const char *digits = s->is_upper ? "0123456789ABCDEF" : "0123456789abcdef";
    char text[24], prefix[3];
    int n = 0, prefix_count = 0, zeros, pad;
    bool has_hex_prefix = s->is_alt && s->base == 16 && v;

    do
        text[n++] = digits[v % s->base];
    while ((v /= s->base) != 0);
    if (s->precision == 0 && n == 1 && text[0] == '0')
        n = 0;
    if (s->is_negative || s->has_sign || s->has_space)
        prefix[prefix_count++] = s->is_negative ? '-' : s->has_sign ? '+' : ' ';
    if (has_hex_prefix) {
        prefix[prefix_count++] = '0';
        prefix[prefix_count++] = s->is_upper ? 'X' : 'x';
    }
    zeros = s->precision - n;
    if (s->precision < 0 && s->is_zero && !s->is_left)
        zeros = s->width - n - prefix_count;
    zeros = max(zeros, 0);
    pad = s->width - n - prefix_count - zeros;
    if (!s->is_left)
        put_many(o, ' ', pad);
    for (int i = 0; i < prefix_count; i++)
        put(o, prefix[i]);
    put_many(o, '0', zeros);
    while (n)
        put(o, text[--n]);
    if (s->is_left)
        put_many(o, ' ', pad);
}

static void put_string(struct out *o, const struct spec *s, const char *text)
{
    int n = 0;

    if (!text)
        text = "(null)";
    while ((s->precision < 0 || n < s->precision) && text[n])
        n++;
    if (!s->is_left)
        put_many(o, ' ', s->width - n);
    for (int i = 0; i < n; i++)
        put(o, text[i]);
    if (s->is_left)
        put_many(o, ' ', s->width - n);
}

static const char *flags_decode(const char *f, struct spec *s)
{
    for (;; f++) {
        if (*f == '-')
            s->is_left = true;
        else if (*f == '0')
            s->is_zero = true;
        else if (*f == '#')
            s->is_alt = true;
        else if (*f == '+')
            s->has_sign = true;
        else if (*f == ' ')
            s->has_space = true;
        else
            return f;
    }
}

static const char *digits_decode(const char *f, int *v)
{
    for (*v = 0; *f >= '0' && *f <= '9'; f++)
        *v = *v * 10 + (*f - '0');
    return f;
}

/* The letters h hh l ll z name the size of an argument; length -2..2, z = 1. */
static const char *length_decode(const char *f, int *length)
{
    for (*length = 0;; f++) {
        if (*f == 'l')
            ++*length;
        else if (*f == 'h')
            --*length;
        else if (*f == 'z')
            *length = 1;
        else
            return f;
    }
}

static u64 narrow(u64 v, int length, bool is_signed)
{
    if (length >= 1)
        return v;
    if (is_signed)
        return (u64)(length == 0 ? (s64)(s32)v : length == -1 ? (s64)(s16)v : (s64)(s8)v);
    return length == 0 ? (u32)v : length == -1 ? (u16)v : (u8)v;
}

static void put_conversion(struct out *o, struct spec *s, char c, u64 v, int length)
{
    if (c == 'd' || c == 'i') {
        v = narrow(v, length, true);
        s->is_negative = (s64)v < 0;
        s->base = 10;
        put_number(o, s, s->is_negative ? 0 - v : v);
        return;
    }
    s->has_sign = s->has_space = false;
    if (c == 'p') {
        s->is_alt = true;
        length = 1;
    }
    s->base = c == 'u' ? 10 : 16;
    s->is_upper = c == 'X';
    put_number(o, s, narrow(v, length, false));
}

int fmt_v(char *dst, size_t size, const char *f, va_list given)
{
    struct out o = {dst, size, 0};
    va_list args; /* of its own: a parameter va_list has pointer type */
    int length;

    va_copy(args, given);
    for (; *f; f++) {
        struct spec s = {.precision = -1};
        if (*f != '%') {
            put(&o, *f);
            continue;
        }
        f = flags_decode(f + 1, &s);
        if (*f == '*') {
            s.width = va_arg(args, int);
            f++;
        } else {
            f = digits_decode(f, &s.width);
        }
        if (s.width < 0) {
            s.is_left = true;
            s.width = -s.width;
        }
        if (*f == '.' && f[1] == '*') {
            s.precision = va_arg(args, int);
            f += 2;
        } else if (*f == '.') {
            f = digits_decode(f + 1, &s.precision);
        }
        f = length_decode(f, &length);
        if (*f == 's')
            put_string(&o, &s, va_arg(args, const char *));
        else if (*f == 'c')
            put(&o, (char)va_arg(args, int));
        else if (*f && strchr("diuxXp", *f))
            put_conversion(&o, &s, *f, length >= 1 || *f == 'p' ? va_arg(args, u64) : va_arg(args, u32), length);
        else
            put(&o, '%');
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
