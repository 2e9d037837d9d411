/* SPDX-License-Identifier: MIT */
/* Pages of text that scroll: one domain, logs, the help. Also what the top line says. */
#ifndef WIRT_TOP_LINES_H
#define WIRT_TOP_LINES_H

#include "ui.h"

void lines_clear(struct lines *l);
void lines_one(struct lines *l, const struct model *m, const struct ui *u, bool has_utf8, int width);
void lines_host(struct lines *l, const struct model *m, int width); /* hypercalls and events by kind, side by side */
void lines_help(struct lines *l, const struct ui *u);
void lines_log(struct lines *l, const char *text);
void lines_summary(const struct model *m, const struct ui *u, char *buffer, size_t size);
/* Lines of the system's log that wirtd wrote; NULL: there are none, and why. The caller frees. */
char *lines_daemon_log(char *why, size_t size);
/* ---- memory.c: a bar of `width` characters, and the table below it: titles, then a row for each owner; false: no such
 * row, or uses are not known ---- */
void lines_memory(const struct model *m, int width, char *buffer, size_t size);
bool lines_memory_row(const struct model *m, size_t row, char *buffer, size_t size);

#endif
