/* SPDX-License-Identifier: MIT */
/*
 * The terminal. It is put back as it was on every way out: screen_end, exit, and signals that kill, for which what has
 * to be written is kept ready. Only SIGKILL leaves it as it is: reset(1) helps then.
 */
#ifndef WIRT_TOP_SCREEN_H
#define WIRT_TOP_SCREEN_H

#include "lines.h"

bool screen_begin(char *why, size_t size); /* false: the terminal cannot do it, and why */
void screen_end(void);
void screen_leave(void); /* for another program, until screen_return */
void screen_return(void);
int screen_key(int timeout_ms);      /* UI_KEY_* or a character; -1: none came in time */
int screen_page(const struct ui *u); /* rows of a table, or lines, that fit */
int screen_width(void);
bool screen_has_utf8(void);
extern volatile int screen_signal; /* that asks to end; 0: none */
void screen_draw(const struct ui *u, const struct model *m, const struct lines *l);

#endif
