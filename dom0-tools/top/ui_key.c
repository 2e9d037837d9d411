/* SPDX-License-Identifier: MIT */
/* Keys, one function a mode. A click is a key too: the screen knows what lies where. */
#include <math.h>
#include <string.h>

#include "ui.h"

static void set_search(struct ui *u, size_t line)
{
    size_t page = (size_t)u->page, most = u->text->count > page ? u->text->count - page : 0;

    u->found = line + 1;
    u->scroll = line > page / 3 ? line - page / 3 : 0;
    u->scroll = u->scroll < most ? u->scroll : most;
}

/* The next line with the text, or the one before; by = 0: from where the page is. Around the end it goes on. */
static void find(struct ui *u, int by)
{
    size_t count = u->text ? u->text->count : 0, page = (size_t)u->page, at;

    if (!u->search[0]) {
        ui_say(u, true, "/ says first what to look for");
        return;
    }
    at = u->found ? u->found - 1 : u->scroll < count ? u->scroll : count > page ? count - page : 0;
    for (size_t i = by ? 1 : 0; i <= count; i++) {
        size_t line = by < 0 ? (at + 2 * count - i) % (count ? count : 1) : (at + i) % (count ? count : 1);
        if (line < count && strcasestr(u->text->line[line], u->search)) {
            bool is_around = by < 0 ? line > at : by > 0 && line < at;
            set_search(u, line);
            ui_say(u, false, "line %zu of %zu%s", line + 1, count, is_around ? ", round the end" : "");
            return;
        }
    }
    u->found = 0;
    ui_say(u, true, "nothing here has \"%s\"", u->search);
}

/* A line of text that is typed: its end is where the cursor is. True: it was changed. */
static bool edit(char *text, size_t most, int key)
{
    size_t length = strlen(text);

    if (key == UI_KEY_BACK && length) {
        text[length - 1] = 0;
    } else if (key == 21) { /* ^U */
        text[0] = 0;
    } else if (key >= ' ' && key < 127 && length < most) {
        text[length] = (char)key;
        text[length + 1] = 0;
    } else {
        return false;
    }
    return true;
}

static void key_filter(struct ui *u, const struct model *m, int key)
{
    if (key == UI_KEY_ENTER || (key == UI_KEY_BACK && !u->filter[0])) {
        u->mode = UI_LOOK;
    } else if (key == UI_KEY_ESCAPE) {
        u->mode = UI_LOOK;
        u->filter[0] = 0;
    } else if (key == UI_KEY_UP || key == UI_KEY_DOWN) {
        ui_move(u, m, key == UI_KEY_UP ? -1 : 1);
    } else {
        edit(u->filter, UI_FILTER_MAX, key);
    }
    ui_update(u, m);
}

static void key_search(struct ui *u, int key)
{
    if (key == UI_KEY_ENTER || key == UI_KEY_ESCAPE || (key == UI_KEY_BACK && !u->search[0])) {
        u->mode = UI_LOOK;
        if (key != UI_KEY_ENTER)
            u->search[0] = 0;
        u->found = u->search[0] ? u->found : 0;
    } else if (edit(u->search, UI_FILTER_MAX, key)) {
        u->scroll = u->from;
        u->found = 0;
        if (u->search[0])
            find(u, 0);
    }
}

static void key_input(struct ui *u, const struct model *m, int key)
{
    if (key == UI_KEY_ESCAPE) {
        u->mode = UI_LOOK;
        u->action = UI_NOTHING;
        ui_say(u, false, "nothing is changed");
    } else if (!edit(u->input, UI_INPUT_MAX, key)) {
        ui_input(u, m, key);
    }
}

static void sort_by(struct ui *u, const struct model *m, int column)
{
    struct top_order *by = &u->by[ui_table(u)];
    const struct table *t = &top_table[ui_table(u)];

    if (column == by->sort)
        by->is_descending = !by->is_descending;
    else /* the sense is that in which such things are looked for */
        by->is_descending = t->column[column].kind != C_TEXT && column != 0;
    by->sort = column;
    ui_say(u, false, "sorted by %s: %s", t->column[column].title, t->column[column].help);
    ui_update(u, m);
}

bool ui_steps(int key, long page, long *by)
{
    static const struct {
        int key;
        long by, pages;
    } moves[] = {{UI_KEY_UP, -1, 0},         {UI_KEY_DOWN, 1, 0},     {UI_KEY_WHEEL_UP, -3, 0},
                 {UI_KEY_WHEEL_DOWN, 3, 0},  {UI_KEY_PAGE_UP, 0, -1}, {UI_KEY_PAGE_DOWN, 0, 1},
                 {UI_KEY_HOME, -1000000, 0}, {UI_KEY_END, 1000000, 0}};

    for (size_t i = 0; i < sizeof(moves) / sizeof(moves[0]); i++)
        if (key == moves[i].key) {
            *by = moves[i].by + moves[i].pages * page;
            return true;
        }
    return false;
}

static bool key_move(struct ui *u, const struct model *m, int key)
{
    long by;

    if (ui_steps(key, u->page > 1 ? u->page - 1 : 1, &by))
        ui_move(u, m, by);
    else if (key == UI_KEY_LEFT)
        u->shift -= u->shift > 0;
    else if (key == UI_KEY_RIGHT)
        u->shift += u->shift < top_table[ui_table(u)].columns - 3;
    else
        return false;
    return true;
}

/* Into what is under the cursor. */
static void enter(struct ui *u, const struct model *m)
{
    if (!ui_is_table(u))
        ui_leave(u, m);
    else if (u->cursor < u->count && u->line[u->cursor].members)
        ui_fold(u, m, 0);
    else if (u->view != UI_HOST && u->cursor < u->count && !isnan(u->domain))
        ui_show(u, m, UI_ONE);
    else
        ui_leave(u, m);
}

static bool key_click(struct ui *u, const struct model *m, int key)
{
    size_t was = u->cursor;

    if (key >= UI_KEY_ROW && ui_is_table(u)) {
        if (u->first + (size_t)(key - UI_KEY_ROW) >= u->count)
            return true;
        u->cursor = u->first + (size_t)(key - UI_KEY_ROW);
        ui_move(u, m, 0);
        if (u->cursor == was)
            enter(u, m);
    } else if (key >= UI_KEY_VIEW && key < UI_KEY_ROW) {
        ui_show(u, m, (enum ui_view)(key - UI_KEY_VIEW));
    } else if (key >= UI_KEY_COLUMN && key < UI_KEY_VIEW && ui_is_table(u)) {
        sort_by(u, m, key - UI_KEY_COLUMN);
    }
    return key >= UI_KEY_COLUMN;
}

/* What changes how things are shown. */
static bool key_show(struct ui *u, const struct model *m, int key)
{
    static const char views[] = "123456";
    struct top_order *by = &u->by[ui_table(u)];
    int columns = top_table[ui_table(u)].columns;
    const char *view = key > 0 && key < 128 ? strchr(views, key) : NULL;

    if (view && *view) {
        ui_show(u, m, (enum ui_view)(view - views));
    } else if (key == '?' || key == 'h') {
        ui_show(u, m, UI_HELP);
    } else if (key == 'l') {
        ui_show(u, m, UI_LOG);
    } else if (key == '/') {
        u->mode = ui_is_table(u) ? UI_FILTER : UI_SEARCH;
        u->found = 0;
        u->from = u->scroll;
    } else if ((key == 'n' || key == 'N') && !ui_is_table(u)) {
        find(u, key == 'n' ? 1 : -1);
    } else if (key == '\t' && u->view == UI_LOG) {
        u->shows_daemon = !u->shows_daemon;
        u->scroll = SIZE_MAX;
        u->found = 0;
    } else if (key == '<' || key == '>') {
        sort_by(u, m, (by->sort + (key == '<' ? columns - 1 : 1)) % columns);
    } else if (key == 'r') {
        by->is_descending = !by->is_descending;
        ui_update(u, m);
    } else if (key == 't' && top_table[ui_table(u)].group[0] >= 0) {
        by->is_tree = !by->is_tree;
        ui_update(u, m);
    } else {
        return false;
    }
    return true;
}

static void key_look(struct ui *u, const struct model *m, int key)
{
    if (key_move(u, m, key))
        return;
    u->message[0] = 0;
    if (key_click(u, m, key) || ui_ask_key(u, m, key) || key_show(u, m, key))
        return;
    if (key == 'q' || key == 3) {
        u->wants_quit = true;
    } else if (key == UI_KEY_ENTER) {
        enter(u, m);
    } else if (key == UI_KEY_ESCAPE || key == UI_KEY_BACK) {
        ui_leave(u, m);
    } else if (key == ' ') {
        u->is_frozen = !u->is_frozen;
    } else if (key == '+' || key == '-') {
        u->delay_ms = key == '+' ? u->delay_ms * 2 : u->delay_ms / 2;
        u->delay_ms = u->delay_ms < 250 ? 250 : u->delay_ms > 60000 ? 60000 : u->delay_ms;
        ui_say(u, false, "every %g s", u->delay_ms / 1000.0);
    } else if (key == 'M') {
        u->has_mouse = !u->has_mouse;
        ui_say(u, false, "the mouse is %s", u->has_mouse ? "used here" : "the terminal's own: it marks text");
    } else if (key == 12) { /* ^L */
        u->wants_refresh = true;
    } else if (key > ' ' && key < 127) {
        ui_say(u, true, "%c means nothing here: ? has all keys", key);
    }
}

void ui_key(struct ui *u, const struct model *m, int key)
{
    if (u->mode == UI_LOOK)
        key_look(u, m, key);
    else if (u->mode == UI_FILTER)
        key_filter(u, m, key);
    else if (u->mode == UI_SEARCH)
        key_search(u, key);
    else if (u->mode == UI_INPUT)
        key_input(u, m, key);
    else if (u->mode == UI_ASK || u->mode == UI_ASK_AGAIN)
        ui_answer(u, key);
}
