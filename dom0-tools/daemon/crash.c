/* SPDX-License-Identifier: MIT */
/* A crash page taken apart. Pure functions of a copy: nothing here looks at the guest's memory. */
#include <string.h>

#include "crash.h"

#define MAGIC "crashlog"
#define PANIC "Kernel panic"

size_t crash_text(const unsigned char page[CRASH_PAGE], char text[CRASH_TEXT])
{
    uint32_t length;
    size_t n = 0;

    memcpy(&length, page + 8, sizeof(length));
    if (memcmp(page, MAGIC, 8) || length > CRASH_PAGE - CRASH_HEAD)
        return 0;
    for (uint32_t i = 0; i < length; i++) {
        unsigned char c = page[CRASH_HEAD + i];

        if (c == '\n')
            text[n++] = '\r';
        text[n++] = c == '\n' || (c >= ' ' && c < 0x7f) ? (char)c : c == '\t' ? ' ' : '?';
    }
    return n;
}

/* "[   12.345678] " and blanks before the words. */
static const char *words(const char *at, const char *end)
{
    const char *close = at < end && *at == '[' ? memchr(at, ']', (size_t)(end - at)) : NULL;

    if (close && close - at < 24)
        at = close + 1;
    while (at < end && *at == ' ')
        at++;
    return at;
}

void crash_reason(const char *text, size_t count, char reason[CRASH_REASON])
{
    const char *end = text + count, *found = text, *found_end = text;

    for (const char *at = text; at < end;) {
        const char *newline = memchr(at, '\n', (size_t)(end - at)), *stop = newline ? newline : end;
        const char *last = stop > at && stop[-1] == '\r' ? stop - 1 : stop, *first = words(at, last);

        if (first < last) {
            found = first;
            found_end = last;
            if (last - first >= (ptrdiff_t)strlen(PANIC) && !memcmp(first, PANIC, strlen(PANIC)))
                break;
        }
        at = stop + 1;
    }
    count = (size_t)(found_end - found) < CRASH_REASON ? (size_t)(found_end - found) : CRASH_REASON - 1;
    memcpy(reason, found, count);
    reason[count] = 0;
}
