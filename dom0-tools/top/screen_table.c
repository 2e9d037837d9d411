/* SPDX-License-Identifier: MIT */
/* A table on the screen: titles, rows, groups. Texts are as wide as their longest, up to half of the screen. */
#include <curses.h>
#include <stdlib.h>
#include <string.h>

#include "screen.h"

#define NAME         1 /* the column that stays when others are scrolled away */
#define COLUMNS_MOST 40

void screen_put(int width, const char *text)
{
    int used = 0;

    for (; *text && used < width; text++, used++)
        addch(used == width - 1 && text[1] ? '~' : *text >= ' ' && *text < 127 ? (chtype)*text : '?');
    for (; used < width; used++)
        addch(' ');
}

static int state_colour(const char *text)
{
    static const struct {
        const char *state;
        int colour;
    } states[] = {{"running", GOOD}, {"paused", WAITS}, {"waiting", WAITS}, {"building", WAITS}, {"crashed", BAD},
                  {"dying", BAD},    {"defined", DIM},  {"offline", DIM},   {"unbound", WAITS},  {"(gone)", BAD}};

    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
        if (strcmp(text, states[i].state) == 0)
            return states[i].colour;
    return PLAIN;
}

static void measure(const struct ui *u, const struct model *m, const struct table *t, int *width)
{
    int most = COLS / 2 > 12 ? COLS / 2 : 12, indent = u->by[ui_table(u)].is_tree ? 2 : 0;

    for (int k = 0; k < t->columns; k++) {
        width[k] = t->column[k].width;
        for (size_t i = 0; i < u->count && t->column[k].kind == C_TEXT; i++) {
            const struct ui_line *l = &u->line[i];
            const char *row = (const char *)m->row[ui_table(u)] + u->order[l->at] * t->row_size;
            int length = (int)strlen(row + t->column[k].at) + (k == NAME ? l->members ? 8 : indent : 0);
            width[k] = length > width[k] ? length : width[k];
        }
        width[k] = width[k] < most || t->column[k].kind != C_TEXT ? width[k] : most;
    }
}

static void put_cell(const struct column *c, const void *row, int width, int indent, int attributes, bool is_sorted,
                     bool is_head)
{
    char text[2 * WIRT_NAME_MAX + 2] = "  ";

    if (!row) {
        snprintf(text, sizeof(text), "%s", c->title);
        screen_paint(TITLE, attributes | (is_sorted ? A_UNDERLINE : 0));
    } else {
        column_text(c, row, text + indent, sizeof(text) - (size_t)indent);
        if (is_head && strcmp(text, "-") == 0)
            text[0] = 0;
        screen_paint(c->kind == C_TEXT ? state_colour(text + indent) : PLAIN, attributes);
    }
    if (c->kind == C_TEXT)
        screen_put(width, text);
    else
        printw("%*.*s", width, width, text);
}

/* One line of the table: titles if row is NULL. */
static void put_row(const struct ui *u, const struct table *t, int y, const int *width, const void *row, int indent,
                    int attributes)
{
    int at = 0, shift = t->column[NAME].kind == C_TEXT ? u->shift : 0;

    move(y, 0);
    for (int k = 0; k < t->columns; k++) {
        int wide = width[k];

        if (k > NAME && k <= NAME + shift)
            continue;
        if (at + wide + (at > 0) > COLS)
            break;
        if (at > 0) {
            screen_paint(PLAIN, attributes);
            addch(' ');
        }
        if (k == t->columns - 1 && t->column[k].kind == C_TEXT && COLS - at - 1 > wide)
            wide = COLS - at - 1;
        if (!row)
            screen_note(y, at, at + wide + 1, UI_KEY_COLUMN + k);
        put_cell(&t->column[k], row, wide, k == NAME ? indent : 0, attributes, k == u->by[ui_table(u)].sort,
                 row && attributes & A_BOLD);
        at += wide + (at > 0);
    }
    screen_paint(PLAIN, attributes);
    while (row && at++ < COLS && getcurx(stdscr) < COLS && getcury(stdscr) == y)
        addch(' ');
}

void screen_table(const struct scene *s, int y)
{
    const struct ui *u = s->ui;
    const struct table *t = &top_table[ui_table(u)];
    int width[COLUMNS_MOST], page = screen_page(u);
    bool is_tree = u->by[ui_table(u)].is_tree && t->group[0] >= 0;
    bool is_known = u->view == UI_DOMAINS || (u->view == UI_EVENTS   ? s->model->now.has_channels
                                              : u->view == UI_GRANTS ? s->model->now.has_mappings
                                                                     : s->model->now.has_statistics);
    void *row = malloc(t->row_size);

    measure(u, s->model, t, width);
    put_row(u, t, y, width, NULL, 0, A_BOLD);
    for (int i = 0; row && i < page && u->first + (size_t)i < u->count; i++) {
        const struct ui_line *l = &u->line[u->first + (size_t)i];
        int attributes = (u->first + (size_t)i == u->cursor ? A_REVERSE : 0) | (l->members ? A_BOLD : 0);
        ui_row(u, s->model, l, row);
        put_row(u, t, y + 1 + i, width, row, is_tree && !l->members ? 2 : 0, attributes);
        screen_note(y + 1 + i, 0, COLS, UI_KEY_ROW + i);
    }
    free(row);
    screen_paint(DIM, 0);
    if (!u->count)
        mvaddnstr(y + 1, 0,
                  u->filter[0] ? "nothing matches: Esc shows all"
                  : is_known   ? "none"
                               : "this hypervisor does not tell: it is not Wirt, or not this version of it",
                  COLS);
}
