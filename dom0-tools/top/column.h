/* SPDX-License-Identifier: MIT */
/*
 * A table of `wirt top` is rows, which are structures, and columns, which say all about a member: where it lies, its
 * title and width on the screen, its key and unit in JSON, how it is written and how two are compared. The screen,
 * --batch, --json, sorting, filtering and the help all read the columns, and nothing else knows what is in a row.
 * Members are char arrays (C_TEXT) or double; a double that is not a number is not known: "-", null.
 */
#ifndef WIRT_TOP_COLUMN_H
#define WIRT_TOP_COLUMN_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum column_kind {
    C_TEXT,
    C_COUNT,   /* a whole number */
    C_PERCENT, /* one decimal */
    C_KIB,     /* written with K, M, G behind it, as all below */
    C_BYTES,   /* a second */
    C_RATE,    /* a second */
    C_SECONDS, /* of life: 12s, 3m07, 5h12, 4d03 */
    C_MICROS   /* microseconds */
};
struct column {
    const char *title, *key, *unit, *help;
    enum column_kind kind;
    int width; /* at least; of C_TEXT the one that grows */
    size_t at;
};
struct table {
    const char *name, *title; /* the key of its array in JSON; of its view */
    const struct column *column;
    int columns, sort; /* sort: the column by which it begins */
    bool is_descending;
    size_t row_size;
};

/* As it stands on the screen, unpadded; returns its length. */
int column_text(const struct column *c, const void *row, char *buffer, size_t size);
double column_number(const struct column *c, const void *row); /* not a number for a text */
int column_compare(const struct column *c, const void *a, const void *b);
json_t *column_json(const struct column *c, const void *row);
json_t *table_json(const struct table *t, const void *rows, size_t count);
/* Whether a text of the row holds `part`, capital letters or not. */
bool table_matches(const struct table *t, const void *row, const char *part);

#endif
