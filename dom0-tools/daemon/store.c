/* SPDX-License-Identifier: MIT */
/*
 * Keys of xenstore as the daemon reads them. A xenstored that is stopped or hangs is waited for once, and then asked no
 * more until it has answered: consoles and clients go on. A key that cannot be had is taken for one that is not there,
 * so whoever acts on that asks store_is_sure() behind it; all is looked at again when xenstored is back (guest.c).
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "ask.h"
#include "daemon.h"

static unsigned int silences; /* that were made up for */

bool store_is_sure(void)
{
    return daemon_state.w->silences == silences;
}

bool store_is_back(void)
{
    static bool was_named;

    if (!ask_lives(daemon_state.w)) {
        if (!was_named)
            log_error("consoles go on, the rest waits");
        was_named = true;
        return false;
    }
    if (was_named)
        log_say("xenstored answers again");
    was_named = false;
    silences = daemon_state.w->silences;
    return true;
}

char *store_text(const char *format, ...)
{
    char path[256];
    va_list args;

    va_start(args, format);
    vsnprintf(path, sizeof(path), format, args);
    va_end(args);
    return wirt_store_read(daemon_state.w, "%s", path);
}

bool store_number(uint64_t *number, const char *format, ...)
{
    char path[256], *text, *end;
    va_list args;
    bool is_number;

    va_start(args, format);
    vsnprintf(path, sizeof(path), format, args);
    va_end(args);
    text = store_text("%s", path);
    errno = 0;
    *number = text ? strtoull(text, &end, 10) : 0;
    is_number = text && *text && !*end && !errno;
    free(text);
    return is_number;
}

void store_set(const char *path, const char *format, ...)
{
    char value[256];
    va_list args;

    va_start(args, format);
    vsnprintf(value, sizeof(value), format, args);
    va_end(args);
    if (wirt_store_write(daemon_state.w, path, "%s", value))
        log_error("a key of xenstore could not be written");
}
