/* SPDX-License-Identifier: MIT */
/* The checksum of a record. */
#ifndef CRC_H
#define CRC_H

#include <stddef.h>
#include <stdint.h>

uint32_t crc_of(const char *data, size_t length);

#endif
