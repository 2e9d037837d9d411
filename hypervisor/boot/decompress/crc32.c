/* SPDX-License-Identifier: MIT */
/*
 * CRC-32 (IEEE 802.3, reflected polynomial 0xedb88320) eight bytes a step. A kernel image is half
 * zeros (bss and padding lie in its file), so 64 zero bytes are passed in one step of four
 * look-ups: the register after n zero bytes is a linear function of the register before. Nothing
 * here fails.
 */
#include "boot/decompress/decompress.h"

static u64 crc32_load(const u8 *p)
{
    u64 v;

    __builtin_memcpy(&v, p, sizeof(v));
    return v;
}

static u32 crc32_step8(const struct crc32 *t, u32 crc, u64 v)
{
    v ^= crc;
    return t->slice[7][v & 0xff] ^ t->slice[6][(v >> 8) & 0xff] ^ t->slice[5][(v >> 16) & 0xff] ^
           t->slice[4][(v >> 24) & 0xff] ^ t->slice[3][(v >> 32) & 0xff] ^ t->slice[2][(v >> 40) & 0xff] ^
           t->slice[1][(v >> 48) & 0xff] ^ t->slice[0][v >> 56];
}

void crc32_init(struct crc32 *t)
{
    for (u32 b = 0; b < 256; b++) {
        u32 c = b;

        for (u32 i = 0; i < 8; i++)
            c = (c >> 1) ^ (0xedb88320u & (0u - (c & 1)));
        t->slice[0][b] = c;
    }
    for (u32 k = 1; k < 8; k++)
        for (u32 b = 0; b < 256; b++)
            t->slice[k][b] = t->slice[0][t->slice[k - 1][b] & 0xff] ^ (t->slice[k - 1][b] >> 8);
    for (u32 k = 0; k < 4; k++)
        for (u32 b = 0; b < 256; b++) {
            u32 c = b << (8 * k);

            for (u32 i = 0; i < CRC32_GAP; i += 8)
                c = crc32_step8(t, c, 0);
            t->gap[k][b] = c;
        }
}

/* Whether the first CRC32_GAP bytes are zero; the first word, which mostly is not, was seen
 * already. */
static bool crc32_is_gap(const u8 *p)
{
    u64 all = 0;

    for (u32 i = 8; i < CRC32_GAP; i += 8)
        all |= crc32_load(p + i);
    return all == 0;
}

u32 crc32_of(const struct crc32 *t, const u8 *p, u64 n)
{
    u32 crc = ~0u;
    const u8 *end = p + n;

    while ((u64)(end - p) >= 8) {
        u64 v = crc32_load(p);

        if (v == 0 && (u64)(end - p) >= CRC32_GAP && crc32_is_gap(p)) {
            crc = t->gap[0][crc & 0xff] ^ t->gap[1][(crc >> 8) & 0xff] ^ t->gap[2][(crc >> 16) & 0xff] ^
                  t->gap[3][crc >> 24];
            p += CRC32_GAP;
            continue;
        }
        crc = crc32_step8(t, crc, v);
        p += 8;
    }
    for (; p < end; p++)
        crc = t->slice[0][(crc ^ *p) & 0xff] ^ (crc >> 8);
    return ~crc;
}
