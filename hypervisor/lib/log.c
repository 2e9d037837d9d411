/* SPDX-License-Identifier: MIT */
/*
 * The mouth of every room. A line is formatted on the stack and handed to the sink; what is said
 * before a sink exists waits in a small buffer (level byte, text, NUL) that log_sink_set() plays
 * back. Only CPU 0 runs that early, so there is no lock here; the sink has its own.
 */
#include "lib/fmt.h"
#include "lib/log.h"
#include "lib/string.h"

#define LINE_SIZE 320

static char early[2048];
static size_t early_used;

static void early_sink(enum log_level level, const char *line)
{
    size_t n = strlen(line) + 2;

    if (n > sizeof(early) - early_used)
        return;
    early[early_used] = (char)level;
    memcpy(&early[early_used + 1], line, n - 1);
    early_used += n;
}

log_sink_fn *log_sink = early_sink;

void log_sink_set(log_sink_fn *sink)
{
    log_sink = sink;
    for (size_t at = 0; at < early_used; at += strlen(&early[at + 1]) + 2)
        sink((enum log_level)early[at], &early[at + 1]);
    early_used = 0;
}

static void log_v(enum log_level level, const char *format, va_list args)
{
    char line[LINE_SIZE];

    fmt_v(line, sizeof(line), format, args);
    log_sink(level, line);
}

#define LOG_FN(name, level)                                                                                            \
    void name(const char *format, ...)                                                                                 \
    {                                                                                                                  \
        va_list args;                                                                                                  \
        va_start(args, format);                                                                                        \
        log_v(level, format, args);                                                                                    \
        va_end(args);                                                                                                  \
    }
LOG_FN(log_error, LOG_ERROR)
LOG_FN(log_warn, LOG_WARNING)
LOG_FN(log_info, LOG_INFO)
LOG_FN(log_debug, LOG_DEBUG)

static __noreturn void no_door(const char *line)
{
    log_sink(LOG_ERROR, line);
    for (;;)
        barrier();
}

void (*log_panic_door)(const char *line) __noreturn = no_door;

void panic(const char *format, ...)
{
    char line[LINE_SIZE];
    va_list args;

    va_start(args, format);
    fmt_v(line, sizeof(line), format, args);
    va_end(args);
    log_panic_door(line);
}
