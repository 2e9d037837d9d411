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
    int width; /* at least; a C_TEXT is as wide as its longest */
    size_t at;
    bool adds; /* rows of a group: together they have so much */
};
struct table {
    const char *name, *title; /* the key of its array in JSON; of its view */
    const struct column *column;
    int columns, sort; /* sort: the column by which it begins */
    bool is_descending;
    size_t row_size;
    int group[2];          /* columns by which the tree groups rows; -1: none */
    bool is_tree, is_open; /* how it begins: as a tree, and with its groups open */
};

/* As it stands on the screen, unpadded; returns its length. */
int column_text(const struct column *c, const void *row, char *buffer, size_t size);
double column_number(const struct column *c, const void *row); /* not a number for a text */
int column_compare(const struct column *c, const void *a, const void *b);
json_t *column_json(const struct column *c, const void *row);
json_t *table_json(const struct table *t, const void *rows, size_t count);
/* Whether a text of the row holds `part`, capital letters or not. */
bool table_matches(const struct table *t, const void *row, const char *part);

/* One row of those `rows` numbers: what adds, added; texts that are alike; what makes the group; the rest not known. */
void table_sum(const struct table *t, const void *all, const size_t *rows, size_t count, void *out);

#endif
