/* SPDX-License-Identifier: MIT */
/*
 * The daemon's own log: syslog, or standard error in the foreground. Names and texts of guests go into it, so control
 * characters are replaced; what a guest can cause again and again is said once a minute.
 */
#include <stdarg.h>
#include <stdio.h>
#include <syslog.h>

#include "daemon.h"

static bool is_to_stderr = true;

void log_open(bool is_foreground)
{
    is_to_stderr = is_foreground;
    if (!is_foreground)
        openlog("wirtd", LOG_PID, LOG_DAEMON);
}

static void say(int priority, const char *format, va_list args)
{
    char text[1200];

    vsnprintf(text, sizeof(text), format, args);
    for (char *c = text; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = '?';
    if (is_to_stderr)
        fprintf(stderr, "wirtd: %s\n", text);
    else
        syslog(priority, "%s", text);
}

void log_say(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    say(LOG_INFO, format, args);
    va_end(args);
}

void log_warn(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    say(LOG_WARNING, format, args);
    va_end(args);
}

void log_error(const char *what)
{
    char text[900];

    log_warn("%s: %s", what, wirt_error_text(daemon_state.w, text, sizeof(text)));
}

bool log_is_due(int64_t *last_ms)
{
    int64_t now = now_ms();

    if (*last_ms && now - *last_ms < 60000)
        return false;
    *last_ms = now;
    return true;
}
