/* SPDX-License-Identifier: MIT */
/* printf-like formatting: %d %u %x %p %s %c %% with flags 0 -, width, for %s also .precision or .*, and length l ll z;
 * see fmt.c. */
#ifndef WIRT_LIB_FMT_H
#define WIRT_LIB_FMT_H

#include <stdarg.h>
#include "lib/types.h"

/* Write at most size bytes including the final NUL; return the length that the whole text has. */
int fmt_v(char *dst, size_t size, const char *format, va_list args);
int fmt(char *dst, size_t size, const char *format, ...) __printf(3, 4);

#endif
