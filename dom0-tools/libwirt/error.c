/* SPDX-License-Identifier: MIT */
/*
 * How a failure is put into words: the object, the step, the cause, and where to look next. The error belongs to the
 * handle and lasts until the next failure. A text that does not fit is cut and ends in dots, so that nobody takes half
 * a path for a whole one. What guests and files supply may hold anything: control characters become question marks, as
 * the text goes to a terminal.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "internal.h"

static void clean(char *text, size_t size, bool is_cut)
{
    for (char *c = text; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = '?';
    if (is_cut)
        memcpy(text + size - 4, "...", 4);
}

static void set(char *field, size_t size, const char *text)
{
    int length = snprintf(field, size, "%s", text ? text : "");

    clean(field, size, length >= (int)size);
}

static int fail(struct wirt *w, enum wirt_code code, const char *object, const char *step, const char *next,
                const char *cause, va_list args)
{
    struct wirt_error e = {.code = code};
    int length = vsnprintf(e.cause, sizeof(e.cause), cause, args);

    clean(e.cause, sizeof(e.cause), length >= (int)sizeof(e.cause));
    set(e.object, sizeof(e.object), object);
    set(e.step, sizeof(e.step), step);
    set(e.next, sizeof(e.next), next);
    w->error = e;
    return (int)code;
}

int wirt_fail(struct wirt *w, enum wirt_code code, const char *object, const char *step, const char *next,
              const char *cause, ...)
{
    va_list args;

    va_start(args, cause);
    fail(w, code, object, step, next, cause, args);
    va_end(args);
    return (int)code;
}

int fail_errno(struct wirt *w, enum wirt_code code, const char *object, const char *step, const char *next,
               const char *cause, ...)
{
    char text[sizeof(w->error.cause)];
    int number = errno;
    va_list args;

    va_start(args, cause);
    vsnprintf(text, sizeof(text), cause, args);
    va_end(args);
    wirt_fail(w, code, object, step, next, "%s: %s", text, strerror(number));
    errno = number;
    return (int)code;
}

const struct wirt_error *wirt_error(const struct wirt *w)
{
    return &w->error;
}

const char *wirt_error_text(const struct wirt *w, char *buffer, size_t size)
{
    const struct wirt_error *e = &w->error;
    bool has_next = e->next[0];

    snprintf(buffer, size, "%s: %s: %s%s%s%s", e->object, e->step, e->cause, has_next ? " (" : "", e->next,
             has_next ? ")" : "");
    return buffer;
}

struct wirt_error error_keep(const struct wirt *w)
{
    return w->error;
}

int error_restore(struct wirt *w, const struct wirt_error *kept)
{
    w->error = *kept;
    return (int)kept->code;
}
