/* SPDX-License-Identifier: MIT */
/* The few string functions of C that we use, plus str_copy; see string.c. */
#ifndef WIRT_LIB_STRING_H
#define WIRT_LIB_STRING_H

#include "lib/types.h"

#ifdef WIRT_HOST
#include <string.h>
#else
void *memcpy(void *restrict dst, const void *restrict src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);
#endif
/* Copies at most size - 1 characters and always ends dst with NUL (size > 0).
 * Returns strlen(src): truncated if >= size. */
size_t str_copy(char *dst, const char *src, size_t size);

#endif
