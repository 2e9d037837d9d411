/* SPDX-License-Identifier: MIT */
/* Memory that is always there: without it the daemon ends, and its successor takes over from the log. */
#ifndef MEM_H
#define MEM_H

#include <stddef.h>

void *mem_alloc(size_t size) __attribute__((malloc, returns_nonnull)); /* zeroed */
void *mem_grow(void *p, size_t size) __attribute__((returns_nonnull));
char *mem_string(const char *s) __attribute__((malloc, returns_nonnull));
void mem_free(void *p);

#endif
