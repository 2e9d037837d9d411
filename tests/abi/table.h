/*
 * SPDX-License-Identifier: MIT
 *
 * The same list of checks, compiled once against our headers and once against
 * libxen-dev's: the includer has the headers and defines TABLE. Each line of the
 * list becomes calls of table_add with a name and a value. Nothing here knows
 * which side it is on.
 */
#include <stddef.h>
#include <stdint.h>

#include "abi.h"

/* 1 for a signed integer of any width; 0 for everything else, pointers and structs too. */
#define SIGNED(x)     _Generic((x), signed char : 1, short : 1, int : 1, long : 1, long long : 1, default : 0)
#define AT(tag, path) (((struct tag *)0)->path)

#define CONST(name)             table_add(t, #name, "value", (uint64_t)(name));
#define TEXT(name)              table_add_text(t, #name, name);
#define TYPE(name)              table_add(t, #name, "size", sizeof(name));
#define STRUCT(tag)             table_add(t, "struct " #tag, "size", sizeof(struct tag));
#define MACRO(name, expression) table_add(t, #name "()", "value", (uint64_t)(expression));
#define FIELD(tag, path)                                                                                               \
    table_add(t, #tag "." #path, "offset", offsetof(struct tag, path));                                                \
    table_add(t, #tag "." #path, "size", sizeof(AT(tag, path)));                                                       \
    table_add(t, #tag "." #path, "signed", SIGNED(AT(tag, path)));
#define FLEX(tag, path)                                                                                                \
    table_add(t, #tag "." #path, "offset", offsetof(struct tag, path));                                                \
    table_add(t, #tag "." #path, "element size", sizeof(AT(tag, path)[0]));

void TABLE(struct table *t)
{
#include "abi_list.inc"
#include "macros.def"
}
