/* SPDX-License-Identifier: MIT */
/*
 * An empty set of tables for ICU, on which libxml2 stands when it is linked statically. ICU finds the header, no entry
 * behind it, and says of every encoding that needs a table that it does not know it; the ones that a domain's XML is
 * written in need none.
 */
#include <stdint.h>

struct tables {
    uint16_t header_size;
    uint8_t magic[2];
    uint16_t info_size, reserved;
    uint8_t is_big_endian, is_ebcdic, char_size, zero;
    uint8_t format[4], format_version[4], data_version[4];
    uint8_t pad[8];
    uint32_t count, none[3];
};

extern const struct tables ICU_NAME;
const struct tables ICU_NAME __attribute__((aligned(16))) = {
    .header_size = 32,
    .magic = {0xda, 0x27},
    .info_size = 20,
    .char_size = 2,
    .format = {'T', 'o', 'C', 'P'},
    .format_version = {1},
};
