/* SPDX-License-Identifier: MIT */
/*
 * How results are shown: a JSON value as it is, or the same value as a table or as lines, by a list of columns. Tables
 * fit 80 columns: names are never cut; one that is too long has a line of its own. What comes from guests is shown
 * without the characters that a terminal would obey.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

#define COLUMNS_MAX 12
#define NAME_ROOM   28 /* of the widest text column, before it takes a line of its own */

bool has_colour(FILE *out)
{
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

    return isatty(fileno(out)) && !(no && no[0]) && term && strcmp(term, "dumb");
}

json_t *json_bytes(const char *text, size_t bytes)
{
    json_t *value = json_stringn(text, bytes);
    char *escaped;
    size_t used = 0;

    if (value)
        return value;
    escaped = malloc(4 * bytes + 1);
    for (size_t i = 0; escaped && i < bytes; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c < 0x80 && c)
            escaped[used++] = (char)c;
        else
            used += (size_t)snprintf(escaped + used, 5, "\\x%02x", c);
    }
    value = escaped ? json_stringn(escaped, used) : json_null();
    free(escaped);
    return value;
}

json_t *json_uuid(const uint8_t uuid[16])
{
    char text[37];
    size_t used = 0;

    for (unsigned i = 0; i < 16; i++)
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%02x",
                                 i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", uuid[i]);
    return json_string(text);
}

/* An escape sequence is left out whole; other control characters but the end of a line and tabs, too. */
void print_clean(FILE *out, const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c == 0x1b && i + 1 < bytes && text[i + 1] == '[') {
            for (i += 2; i < bytes && !(text[i] >= 0x40 && text[i] <= 0x7e); i++)
                ;
            continue;
        }
        if ((c < ' ' && c != '\n' && c != '\t') || c == 0x7f)
            continue;
        fputc(c, out);
    }
}

static int print_json(json_t *value)
{
    json_dumpf(value, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY);
    printf("\n");
    json_decref(value);
    return 0;
}

/* One value as people read it. */
static void cell(char *text, size_t size, const json_t *value, enum kind kind)
{
    json_int_t number = json_integer_value(value);

    if (!value || json_is_null(value))
        snprintf(text, size, "-");
    else if (kind == K_TEXT && json_is_string(value))
        snprintf(text, size, "%s", json_string_value(value));
    else if (kind == K_MIB)
        snprintf(text, size, number % 1024 ? "%.1f" : "%.0f", (double)number / 1024);
    else if (kind == K_SECONDS)
        snprintf(text, size, "%.1f", (double)number / 1e9);
    else if (json_is_boolean(value))
        snprintf(text, size, "%s", json_is_true(value) ? "yes" : "no");
    else
        snprintf(text, size, "%lld", number);
}

/* Letters, not bytes, take room. */
static int width_of(const char *text)
{
    int width = 0;

    for (; *text; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

static void print_cell(const char *text, int width, bool is_right, bool is_last)
{
    int pad = width - width_of(text);

    printf("%*s%s", is_right && pad > 0 ? pad : 0, "", text);
    if (!is_last)
        printf("%*s  ", !is_right && pad > 0 ? pad : 0, "");
}

/* A text that does not fit stands whole: the last column's on the next line, another's with the rest beneath it. */
static void print_row(const json_t *row, const struct column *columns, const int *widths)
{
    int before = 0; /* what the columns in front take */

    for (const struct column *c = columns; c->title; before += *widths++ + 2, c++) {
        bool is_last = !c[1].title, is_text = c->kind == K_TEXT;
        char text[256];

        cell(text, sizeof(text), json_object_get(row, c->key), c->kind);
        if (is_last && is_text) {
            if (before + width_of(text) > 80)
                printf("\n    ");
            print_clean(stdout, text, strlen(text));
        } else if (is_text && width_of(text) > *widths) {
            printf("%s\n%*s", text, before + *widths + 2, "");
        } else {
            print_cell(text, *widths, !is_text && c->kind != K_BOOL, is_last);
        }
    }
    printf("\n");
}

/* Without a column that has neither a title nor anything in it. */
static void kept_columns(const json_t *rows, const struct column *columns, struct column *kept)
{
    for (; columns->title; columns++) {
        bool is_kept = columns->title[0];
        const json_t *row;
        size_t i;

        json_array_foreach(rows, i, row)
        {
            const char *text = json_string_value(json_object_get(row, columns->key));

            is_kept |= text && text[0];
        }
        if (is_kept)
            *kept++ = *columns;
    }
    *kept = (struct column){.title = NULL};
}

int show_rows(struct run *r, json_t *rows, const struct column *wanted)
{
    int widths[COLUMNS_MAX] = {0}, column = 0;
    const char *bold = has_colour(stdout) ? "\033[1m" : "", *plain = bold[0] ? "\033[0m" : "";
    struct column columns[COLUMNS_MAX + 1];
    json_t *row;
    size_t i;

    if (r->does_json)
        return print_json(rows);
    kept_columns(rows, wanted, columns);
    for (const struct column *c = columns; c->title; c++, column++) {
        widths[column] = width_of(c->title);
        json_array_foreach(rows, i, row)
        {
            char text[256];
            int width;

            cell(text, sizeof(text), json_object_get(row, c->key), c->kind);
            width = width_of(text);
            if (width > widths[column] && (c->kind != K_TEXT || width <= NAME_ROOM))
                widths[column] = width;
        }
    }
    column = 0;
    printf("%s", bold);
    for (const struct column *c = columns; c->title; c++, column++)
        print_cell(c->title, widths[column], c->kind != K_TEXT && c->kind != K_BOOL, !c[1].title);
    printf("%s\n", plain);
    json_array_foreach(rows, i, row) print_row(row, columns, widths);
    json_decref(rows);
    return 0;
}

int show_fields(struct run *r, json_t *fields, const struct column *columns)
{
    int width = 0;

    if (r->does_json)
        return print_json(fields);
    for (const struct column *c = columns; c->title; c++)
        width = width_of(c->title) > width ? width_of(c->title) : width;
    for (const struct column *c = columns; c->title; c++) {
        const json_t *value = json_object_get(fields, c->key);
        char text[512];

        cell(text, sizeof(text), value, c->kind);
        if (!value || json_is_null(value) || !text[0])
            continue;
        printf("%-*s  ", width, c->title);
        print_clean(stdout, text, strlen(text));
        printf("%s\n", c->kind == K_MIB ? " MiB" : c->kind == K_SECONDS ? " s" : "");
    }
    json_decref(fields);
    return 0;
}

int show_done(struct run *r, json_t *value, const char *sentence, ...)
{
    va_list args;

    if (r->does_json)
        return print_json(value);
    json_decref(value);
    va_start(args, sentence);
    vprintf(sentence, args);
    va_end(args);
    printf("\n");
    return 0;
}

int show_text(struct run *r, const char *key, char *text, size_t bytes)
{
    int code = 0;

    if (r->does_json)
        code = print_json(json_pack("{s:o}", key, json_bytes(text, bytes)));
    else if (isatty(STDOUT_FILENO))
        print_clean(stdout, text, bytes);
    else
        fwrite(text, 1, bytes, stdout);
    if (!r->does_json && bytes && text[bytes - 1] != '\n')
        printf("\n");
    free(text);
    return code;
}
