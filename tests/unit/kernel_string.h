/* SPDX-License-Identifier: MIT */
/* lib/string.c as the hypervisor builds it, under other names beside the C library's. */
#ifndef WIRT_TEST_KERNEL_STRING_H
#define WIRT_TEST_KERNEL_STRING_H

#include <stddef.h>

void *k_memcpy(void *restrict dst, const void *restrict src, size_t n);
void *k_memmove(void *dst, const void *src, size_t n);
void *k_memset(void *dst, int c, size_t n);
int k_memcmp(const void *a, const void *b, size_t n);
void *k_memchr(const void *s, int c, size_t n);
size_t k_strlen(const char *s);
int k_strcmp(const char *a, const char *b);
int k_strncmp(const char *a, const char *b, size_t n);
char *k_strchr(const char *s, int c);
char *k_strstr(const char *s, const char *needle);

#endif
