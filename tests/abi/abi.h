/*
 * SPDX-License-Identifier: MIT
 *
 * What the two tables and the comparison share. Names of ABI structs must not
 * appear here, as both sides include it next to headers that define them.
 */
#ifndef WIRT_TESTS_ABI_H
#define WIRT_TESTS_ABI_H

#include <stdint.h>

struct table;

/* name and attribute must outlive the table; running out of room ends the program. */
void table_add(struct table *t, const char *name, const char *attribute, uint64_t value);

/* As above, for a string constant: length and every character count. */
void table_add_text(struct table *t, const char *name, const char *text);

void table_wirt(struct table *t);
void table_libxen(struct table *t);

#endif
