/* SPDX-License-Identifier: MIT */
/*
 * Reading and writing xenstore, one key at a time, outside of transactions. What a step needs as a whole it does in a
 * transaction of its own with the calls of ask.h. An absent key is no error: read gives NULL with the
 * code WIRT_NOT_FOUND, remove gives success.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ask.h"

/* What xenstored's answers mean; a closed connection gives all of the others. */
static int store_fail(struct wirt *w, const char *path, const char *step)
{
    switch (errno) {
    case ENOENT:
        return wirt_fail(w, WIRT_NOT_FOUND, path, step, "", "there is no such key in xenstore");
    case EACCES:
        return wirt_fail(w, WIRT_REFUSED, path, step, "", "xenstored does not allow it");
    case EINVAL:
        return wirt_fail(w, WIRT_REFUSED, path, step, "", "xenstored does not take this path or value");
    case ENOSPC:
    case E2BIG:
    case EDQUOT:
        return fail_errno(w, WIRT_NO_ROOM, path, step, "", "a quota of xenstored is used up");
    default:
        return ask_fail(w, WIRT_NO_HOST, path, step, "is xenstored running?", "xenstored does not answer as it should");
    }
}

char *wirt_store_read(struct wirt *w, const char *format, ...)
{
    char path[XENSTORE_ABS_PATH_MAX + 1];
    unsigned int length;
    char *value;
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(path, sizeof(path), format, args);
    va_end(args);
    if (n >= (int)sizeof(path)) {
        wirt_fail(w, WIRT_REFUSED, path, "read a key", "", "the path has %d bytes, %zu are allowed", n,
                  sizeof(path) - 1);
        return NULL;
    }
    value = ask_read(w, 0, path, &length);
    if (!value)
        store_fail(w, path, "read a key");
    return value;
}

int wirt_store_write(struct wirt *w, const char *path, const char *format, ...)
{
    char *value;
    va_list args;
    int n, code = 0;

    va_start(args, format);
    n = vasprintf(&value, format, args);
    va_end(args);
    if (n < 0)
        return wirt_fail(w, WIRT_NO_ROOM, path, "write a key", "", "dom0 is out of memory");
    if (!ask_write(w, 0, path, value, (size_t)n))
        code = store_fail(w, path, "write a key");
    free(value);
    return code;
}

int wirt_store_remove(struct wirt *w, const char *path)
{
    if (!ask_remove(w, 0, path) && errno != ENOENT)
        return store_fail(w, path, "remove a key");
    return 0;
}
