/* SPDX-License-Identifier: MIT */
/*
 * Texts that others chose, inside quotes: as JSON wants them, or as the value of a metric's label. Either must be
 * UTF-8, and a name in xenstore can be any bytes: what is no UTF-8 comes out as the replacement character, byte by
 * byte.
 */
#include <string.h>

#include "daemon.h"

/* Bytes of the character at c, 0: it is none. Overlong forms, surrogates and what is beyond U+10FFFF are none. */
static size_t utf8(const unsigned char *c)
{
    size_t size = c[0] < 0x80 ? 1 : c[0] >= 0xc2 && c[0] < 0xe0 ? 2 : (c[0] & 0xf0) == 0xe0 ? 3 : 4;

    if (size == 4 && (c[0] < 0xf0 || c[0] > 0xf4))
        return 0;
    for (size_t i = 1; i < size; i++)
        if ((c[i] & 0xc0) != 0x80)
            return 0;
    if ((c[0] == 0xe0 && c[1] < 0xa0) || (c[0] == 0xed && c[1] > 0x9f) || (c[0] == 0xf0 && c[1] < 0x90) ||
        (c[0] == 0xf4 && c[1] > 0x8f))
        return 0;
    return size;
}

static void put(FILE *out, const char *text, const char *control)
{
    putc('"', out);
    for (const unsigned char *c = (const unsigned char *)text; *c;) {
        size_t size = utf8(c);

        if (!size)
            fputs("\xef\xbf\xbd", out);
        else if (*c == '"' || *c == '\\')
            fprintf(out, "\\%c", *c);
        else if (*c < ' ' || *c == 0x7f)
            fprintf(out, control, *c);
        else
            fwrite(c, 1, size, out);
        c += size ? size : 1;
    }
    putc('"', out);
}

void text_json(FILE *out, const char *text)
{
    put(out, text, "\\u%04x");
}

/* A label could have a newline, and no other control character: it has none. */
void text_label(FILE *out, const char *text)
{
    put(out, text, "?");
}
