/* SPDX-License-Identifier: MIT */
/* What the cases of a file and those of the table of rules share. */
#ifndef TEST_XML_H
#define TEST_XML_H

#include "config.h"

void say(bool is_good, const char *name, const char *why);
/* FRAGMENT at its PLACE of a whole domain; lines stay where they are. Freed by the caller. */
char *whole(const char *place, const char *fragment);
/* PLACE is "L:C"; WORDS is the whole cause; the schema says VALIDITY of it too, if that is not negative. */
void refuse(const char *name, const char *text, size_t bytes, const char *place, const char *words, int validity);
void run_table(void); /* rows.c */

#endif
