/* SPDX-License-Identifier: MIT */
/*
 * A domain's console beside what else is shown of it: the last lines of what it prints, without what a terminal would
 * obey, and a way for keys. It is a client of wirtd like `wirt console`, and waits for nothing.
 */
#ifndef WIRT_TOP_CONSOLE_H
#define WIRT_TOP_CONSOLE_H

#include "wirt.h"

#define CONSOLE_LINES 500
#define CONSOLE_WIDTH 250
struct console {
    int fd; /* 0: none */
    struct wirt *w;
    bool is_asked;     /* wirtd has not said yet whether there is one: */
    uint64_t asked_ms; /* since when, */
    size_t answered;   /* and what has come of its line */
    char answer[1200];
    char name[WIRT_NAME_MAX + 1];
    double id; /* of the domain; the name may be another one's later */
    char text[CONSOLE_LINES][CONSOLE_WIDTH + 1];
    unsigned int line, column; /* where it writes; lines before: the ring, by number */
    int escape;                /* in a sequence for a terminal: how far */
    char why[300];             /* there is none, or not yet: why */
};

/* That of this domain, if it is not already. */
void console_open(struct console *c, struct wirt *w, const char *name, double id);
void console_close(struct console *c);
void console_poll(struct console *c); /* what has come */
bool console_is_open(const struct console *c);
bool console_send(struct console *c, const char *data, size_t size); /* false: it does not take it */
/* A line by its distance from the last one; NULL: there was none. */
const char *console_line(const struct console *c, unsigned int back);

#endif
