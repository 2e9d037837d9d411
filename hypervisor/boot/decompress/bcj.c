/* SPDX-License-Identifier: MIT */
/*
 * The x86 branch filter of xz, undone. The encoder turned the relative operand of a CALL or JMP
 * (e8, e9) into an absolute one if its top byte was 00 or ff, unless one of the three bytes before
 * looked like such an opcode too and made the guess doubtful; the decoder sees the same bytes and
 * draws the same conclusions. Kernels hold an opcode byte about once in sixty bytes: eight bytes a
 * step are searched for one. Works in place on one block that starts at address 0.
 */
#include "boot/decompress/decompress.h"

#define LOW_BITS  0x0101010101010101ull
#define HIGH_BITS 0x8080808080808080ull

static bool bcj_is_top(u32 byte)
{
    return byte == 0 || byte == 0xff;
}

/* Distance to the next e8 or e9 at or behind p, or n. */
static u64 bcj_find(const u8 *p, u64 n)
{
    u64 i = 0;

    for (; n - i >= 8; i += 8) {
        u64 v;

        __builtin_memcpy(&v, p + i, sizeof(v));
        v = (v & ~LOW_BITS) ^ (0xe8 * LOW_BITS); /* a hit is a zero byte now */
        v = (v - LOW_BITS) & ~v & HIGH_BITS;     /* lowest set bit: the first zero byte */
        if (v)
            return i + ((u64)__builtin_ctzll(v) >> 3);
    }
    while (i < n && (p[i] & 0xfe) != 0xe8)
        i++;
    return i;
}

/* Operand at address `next` - 4 .. next - 1, with an untouched opcode `near` bytes (0: none) before
 * ours. */
static u32 bcj_relative(u32 operand, u32 next, u32 near)
{
    u32 value = operand - next;

    if (near) {
        u32 below = 0xffffffffu >> (8 * near); /* the bits up to that opcode's top byte */
        /* The encoder must not produce what would make the earlier opcode a candidate, and
         * converts once more with these bits inverted; the inverse is the same again. */
        if (bcj_is_top((value >> (24 - 8 * near)) & 0xff))
            value = (value ^ below) - next;
    }
    return value;
}

void bcj_x86_decode(u8 *p, u64 n)
{
    u32 left = 0;     /* bit k: the byte k + 1 before was an opcode that stayed */
    u32 left_top = 0; /* of these, whose operand had a top byte */
    u64 at = 0;

    if (n < 5)
        return;
    while (at < n - 4) {
        u64 skip = bcj_find(p + at, n - 4 - at);
        u32 operand;
        bool is_top;

        at += skip;
        if (at >= n - 4)
            break;
        left = skip > 2 ? 0 : (left << skip) & 7;
        left_top = skip > 2 ? 0 : (left_top << skip) & 7;
        __builtin_memcpy(&operand, p + at + 1, sizeof(operand));
        is_top = bcj_is_top(operand >> 24);
        if (is_top && !left_top && !(left & (left - 1))) {
            u32 near = left ? (u32)__builtin_ctz(left) + 1 : 0;
            u32 value = bcj_relative(operand, (u32)at + 5, near);

            value = (value & 0x1ffffff) | (value & 0x1000000 ? 0xfe000000 : 0);
            __builtin_memcpy(p + at + 1, &value, sizeof(value));
            at += 5;
            left = left_top = 0;
        } else {
            at++;
            left = ((left << 1) | 1) & 7;
            left_top = ((left_top << 1) | (is_top ? 1u : 0u)) & 7;
        }
    }
}
