/* SPDX-License-Identifier: MIT */
/*
 * One way to say something, from every room. The text goes to the sink that core/console.c (or a
 * unit test) installs; before that it is kept for it. A message is one line without a newline and
 * names the object, the step and the cause.
 */
#ifndef WIRT_LIB_LOG_H
#define WIRT_LIB_LOG_H

#include <stdarg.h>
#include "lib/types.h"

enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };
typedef void log_sink_fn(enum log_level level, const char *line);
extern log_sink_fn *log_sink;         /* read only; set it with: */
void log_sink_set(log_sink_fn *sink); /* before other CPUs run; plays back what was said so far */

void log_error(const char *format, ...) __printf(1, 2);
void log_warn(const char *format, ...) __printf(1, 2);
void log_info(const char *format, ...) __printf(1, 2);
void log_debug(const char *format, ...) __printf(1, 2);

/* Broken hypervisor: never returns. panic_fn is core/panic.c's door. */
extern void (*log_panic_door)(const char *line) __noreturn;
void panic(const char *format, ...) __printf(1, 2) __noreturn;
#define ASSERT(e)                                                                                                      \
    do {                                                                                                               \
        if (unlikely(!(e)))                                                                                            \
            panic("%s:%d: assertion failed: %s", __FILE__, __LINE__, #e);                                              \
    } while (0)

#endif
