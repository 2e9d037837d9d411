/* SPDX-License-Identifier: MIT */
/* Numbers as a person and as a program want them. */
#include "column.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char *text_at(const struct column *c, const void *row)
{
    return (const char *)row + c->at;
}

double column_number(const struct column *c, const void *row)
{
    double value;

    if (c->kind == C_TEXT)
        return NAN;
    memcpy(&value, (const char *)row + c->at, sizeof(value));
    return value;
}

/* Three digits or four characters at most: 0, 7.2K, 999K, 1.0M. */
static int scaled(double value, double step, const char *letters, char *buffer, size_t size)
{
    unsigned int i = 0;

    while (value >= 999.5 && letters[i + 1]) {
        value /= step;
        i++;
    }
    if (letters[i] == ' ')
        return snprintf(buffer, size, "%.0f", value);
    return snprintf(buffer, size, value < 9.95 ? "%.1f%c" : "%.0f%c", value, letters[i]);
}

static int seconds(double value, char *buffer, size_t size)
{
    unsigned long s = (unsigned long)value;

    if (s < 60)
        return snprintf(buffer, size, "%lus", s);
    if (s < 3600)
        return snprintf(buffer, size, "%lum%02lu", s / 60, s % 60);
    if (s < 86400)
        return snprintf(buffer, size, "%luh%02lu", s / 3600, s / 60 % 60);
    return snprintf(buffer, size, "%lud%02lu", s / 86400, s / 3600 % 24);
}

int column_text(const struct column *c, const void *row, char *buffer, size_t size)
{
    double value = column_number(c, row);

    if (c->kind == C_TEXT)
        return snprintf(buffer, size, "%s", text_at(c, row));
    if (isnan(value))
        return snprintf(buffer, size, "-");
    switch (c->kind) {
    case C_PERCENT:
        return snprintf(buffer, size, value < 999.95 ? "%.1f" : "%.0f", value);
    case C_KIB:
        return scaled(value, 1024, "KMGTP", buffer, size);
    case C_BYTES:
        return scaled(value, 1024, " KMGTP", buffer, size);
    case C_RATE:
    case C_MICROS:
        return scaled(value, 1000, " KMGTP", buffer, size);
    case C_SECONDS:
        return seconds(value, buffer, size);
    default:
        return snprintf(buffer, size, "%.0f", value);
    }
}

/* What is not known comes last, whichever way the table is sorted: it counts as less than nothing. */
int column_compare(const struct column *c, const void *a, const void *b)
{
    double x = column_number(c, a), y = column_number(c, b);

    if (c->kind == C_TEXT)
        return strcasecmp(text_at(c, a), text_at(c, b));
    x = isnan(x) ? -1 : x;
    y = isnan(y) ? -1 : y;
    return x < y ? -1 : x > y;
}

json_t *column_json(const struct column *c, const void *row)
{
    double value = column_number(c, row);

    if (c->kind == C_TEXT) {
        json_t *text = json_string(text_at(c, row));
        return text ? text : json_string("?"); /* not UTF-8 */
    }
    if (isnan(value))
        return json_null();
    return c->kind == C_COUNT || c->kind == C_KIB ? json_integer((json_int_t)value)
                                                  : json_real(round(value * 100) / 100);
}

json_t *table_json(const struct table *t, const void *rows, size_t count)
{
    json_t *list = json_array();

    for (size_t i = 0; i < count; i++) {
        json_t *o = json_object();
        for (int k = 0; k < t->columns; k++)
            json_object_set_new(o, t->column[k].key, column_json(&t->column[k], (const char *)rows + i * t->row_size));
        json_array_append_new(list, o);
    }
    return list;
}

bool table_matches(const struct table *t, const void *row, const char *part)
{
    for (int k = 0; k < t->columns; k++)
        if (t->column[k].kind == C_TEXT && strcasestr(text_at(&t->column[k], row), part))
            return true;
    return !part[0];
}

static void sum_column(const struct table *t, int column, const char *all, const size_t *rows, size_t count, char *out)
{
    const struct column *c = &t->column[column];
    size_t row_size = t->row_size;
    bool is_group = column == t->group[0] || column == t->group[1];
    double sum = 0, first = column_number(c, all + rows[0] * row_size);
    bool is_alike = true, is_known = false;

    for (size_t i = 0; i < count; i++) {
        const char *row = all + rows[i] * row_size;
        double value = column_number(c, row);

        if (c->kind == C_TEXT)
            is_alike &= strcmp(text_at(c, row), text_at(c, all + rows[0] * row_size)) == 0;
        else
            is_alike &= value == first;
        is_known |= !isnan(value);
        sum += isnan(value) ? 0 : value;
    }
    if (c->kind == C_TEXT) {
        strcpy(out + c->at, is_alike ? text_at(c, all + rows[0] * row_size) : "");
        return;
    }
    sum = c->adds && is_known ? sum : !c->adds && is_alike && is_group ? first : NAN;
    memcpy(out + c->at, &sum, sizeof(sum));
}

void table_sum(const struct table *t, const void *all, const size_t *rows, size_t count, void *out)
{
    for (int k = 0; k < t->columns; k++)
        sum_column(t, k, all, rows, count, out);
}
