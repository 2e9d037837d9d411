/* SPDX-License-Identifier: MIT */
/*
 * The terminal. It is put back as it was on every way out: screen_end, and for whatever kills the program a guard. Only
 * if that is killed at the same moment it stays as it is: reset(1) helps then.
 */
#ifndef WIRT_TOP_SCREEN_H
#define WIRT_TOP_SCREEN_H

#include "console.h"
#include "lines.h"
#include "store.h"

/* ---- terminal.c ---- */
void screen_guard(void); /* before anything is opened or mapped: what comes behind it is done by a child */
bool screen_begin(char *why, size_t size); /* false: the terminal cannot do it, and why */
void screen_end(void);
void screen_leave(void); /* for another program, until screen_return */
void screen_return(void);
/* UI_KEY_* or a character; 0: one without a meaning, another size, or one of fds (-1: none) has something to say; -1:
 * none came in time. */
int screen_key(int timeout_ms, const int *fds, size_t count);
void screen_raw(bool is_raw); /* keys come as the bytes that the terminal sends, all of them */
void screen_mouse(bool is_used);
void screen_note(int y, int from, int to, int key); /* a click there is that key; y < 0: forget all */
int screen_width(void);
bool screen_has_utf8(void);
enum { PLAIN, TITLE, GOOD, WAITS, BAD, DIM };
void screen_paint(int colour, int extra);
extern volatile int screen_signal; /* that asks to end; 0: none */

/* ---- screen.c ---- */
struct scene {
    const struct ui *ui;
    const struct model *model;
    const struct lines *lines;
    struct store *store;
    const struct console *console;
    const char *trouble; /* what cannot be had now, or NULL */
    uint64_t now_ms;
};
int screen_page(const struct ui *u);       /* rows of a table, or lines, that fit */
int screen_text_width(const struct ui *u); /* that lines may have */
void screen_draw(const struct scene *s);

/* ---- screen_table.c ---- */
void screen_table(const struct scene *s, int y);
void screen_put(int width, const char *text); /* padded, or cut; what a terminal would obey is a question mark */

#endif
