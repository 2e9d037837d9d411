// SPDX-License-Identifier: MIT
/*
 * CRC-32 (polynomial 0x04c11db7, bits reflected, as in IEEE 802.3), four bytes at a time: each of the four has a table
 * of what it comes to once the others have gone through.
 */
#include "crc.h"

#include <string.h>

/* table[n]: what a byte comes to when n more have followed it. */
static void prepare(uint32_t table[4][256])
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;

        for (int k = 0; k < 8; k++)
            c = c >> 1 ^ (c & 1 ? 0xedb88320u : 0);
        table[0][i] = c;
    }
    for (int n = 1; n < 4; n++)
        for (uint32_t i = 0; i < 256; i++)
            table[n][i] = table[n - 1][i] >> 8 ^ table[0][table[n - 1][i] & 255];
}

uint32_t crc_of(const char *p, size_t length)
{
    static uint32_t table[4][256];
    uint32_t crc = ~0u, four;

    if (!table[0][1])
        prepare(table);
    for (; length >= 4; length -= 4, p += 4) { /* little-endian, as this machine is */
        memcpy(&four, p, 4);
        crc ^= four;
        crc = table[3][crc & 255] ^ table[2][crc >> 8 & 255] ^ table[1][crc >> 16 & 255] ^ table[0][crc >> 24];
    }
    while (length--)
        crc = crc >> 8 ^ table[0][(crc ^ (unsigned char)*p++) & 255];
    return ~crc;
}
