/*
 * SPDX-License-Identifier: MIT
 *
 * Compares the two tables line by line and says by name what differs. Both come
 * from one list, so a difference in length or order is a defect of the test
 * itself and counts as a failure. Exit status 1 if anything failed.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abi.h"

#define ROOM 16384

struct line {
    const char *name;
    const char *attribute;
    uint64_t value;
    const char *text;
};

struct table {
    const char *who;
    size_t count;
    struct line lines[ROOM];
};

static struct table wirt = {.who = "wirt"};
static struct table libxen = {.who = "libxen-dev"};

static void add(struct table *t, struct line l)
{
    if (t->count == ROOM) {
        fprintf(stderr, "abi: the table of %s is full at %s: raise ROOM in main.c\n", t->who, l.name);
        exit(2);
    }
    t->lines[t->count++] = l;
}

void table_add(struct table *t, const char *name, const char *attribute, uint64_t value)
{
    add(t, (struct line){name, attribute, value, NULL});
}

void table_add_text(struct table *t, const char *name, const char *text)
{
    add(t, (struct line){name, "text", strlen(text), text});
}

/* Returns 1 if the two lines agree. */
static int line_check(const struct line *a, const struct line *b)
{
    if (strcmp(a->name, b->name) != 0 || strcmp(a->attribute, b->attribute) != 0) {
        printf("FAIL the tables are out of step: %s (%s) against %s (%s)\n", a->name, a->attribute, b->name,
               b->attribute);
        return 0;
    }
    if (a->text != NULL && strcmp(a->text, b->text) != 0) {
        printf("FAIL %s: %s \"%s\", %s \"%s\"\n", a->name, wirt.who, a->text, libxen.who, b->text);
        return 0;
    }
    if (a->value != b->value) {
        printf("FAIL %s: %s: %s %" PRId64 " (0x%" PRIx64 "), %s %" PRId64 " (0x%" PRIx64 ")\n", a->name, a->attribute,
               wirt.who, (int64_t)a->value, a->value, libxen.who, (int64_t)b->value, b->value);
        return 0;
    }
    return 1;
}

int main(void)
{
    size_t passed = 0;
    size_t failed = 0;

    table_wirt(&wirt);
    table_libxen(&libxen);
    if (wirt.count != libxen.count || wirt.count == 0) {
        printf("FAIL %zu lines from %s, %zu from %s\n", wirt.count, wirt.who, libxen.count, libxen.who);
        failed++;
    }
    for (size_t i = 0; i < wirt.count && i < libxen.count; i++) {
        if (line_check(&wirt.lines[i], &libxen.lines[i]))
            passed++;
        else
            failed++;
    }
    printf("abi: %zu passed, %zu failed\n", passed, failed);
    return failed != 0;
}
