/* SPDX-License-Identifier: MIT */
/* What only boot reads: numbers in options and images, and two more functions of C. */
#ifndef WIRT_BOOT_STRING_H
#define WIRT_BOOT_STRING_H

#include "lib/string.h"

#ifndef WIRT_HOST
void *memchr(const void *s, int c, size_t n);
char *strstr(const char *s, const char *needle);
#endif
/* Decimal, 0x hex or 0 octal; *end (may be NULL) points behind the number. Overflow saturates. */
u64 str_to_u64(const char *s, const char **end);

#endif
