/* SPDX-License-Identifier: MIT */
/*
 * Keys of xenstore as the daemon reads them: a connection that xenstored has dropped is made anew once; a key that
 * cannot be had is one that is not there, and is looked at again with the next event.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon.h"
#include "internal.h"

void store_check(void)
{
    struct wirt *w = daemon_state.w;

    if (w->store)
        xs_close(w->store);
    w->store = NULL;
}

char *store_text(const char *format, ...)
{
    char path[256], *text = NULL;
    va_list args;

    va_start(args, format);
    vsnprintf(path, sizeof(path), format, args);
    va_end(args);
    for (int i = 0; i < 2 && !text; i++) {
        text = wirt_store_read(daemon_state.w, "%s", path);
        if (text || wirt_error(daemon_state.w)->code != WIRT_NO_HOST)
            return text;
        store_check();
    }
    return text;
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
    if (wirt_error(daemon_state.w)->code == WIRT_NO_HOST)
        store_check();
}
