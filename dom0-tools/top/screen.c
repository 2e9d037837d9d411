/* SPDX-License-Identifier: MIT */
/*
 * The screen by ncurses: top line, line of views, the view, line of messages. All of it is drawn each time; ncurses
 * sends what is another.
 */
#include <curses.h>
#include <string.h>

#include "screen.h"

#define WIDTH_LEAST  40
#define HEIGHT_LEAST 8
#define CONSOLE_WIDE 110 /* from here on the console is beside, else below if it is */
#define CONSOLE_HIGH 20
#define STORE_RECENT 3000 /* ms that a change is marked for */
#define STORE_LINES  200

/* ---- where things are ---- */

struct box {
    int y, x, height, width;
};

/* Of the console of UI_ONE: beside, below, or nowhere. */
static struct box console_box(void)
{
    int high = (LINES - 3) / 3;

    if (COLS >= CONSOLE_WIDE)
        return (struct box){2, COLS / 2 + 1, LINES - 3, COLS - COLS / 2 - 1};
    return LINES >= CONSOLE_HIGH ? (struct box){LINES - 1 - high, 0, high, COLS} : (struct box){0, 0, 0, 0};
}

int screen_page(const struct ui *u)
{
    struct box c = console_box();
    int rows = LINES - (ui_is_table(u) || u->view == UI_STORE ? 4 : 3) - (u->view == UI_HOST);

    if (u->view == UI_ONE && c.height && !c.x)
        rows -= c.height;
    return rows > 1 ? rows : 1;
}

int screen_text_width(const struct ui *u)
{
    struct box c = console_box();

    return u->view == UI_ONE && c.x ? c.x - 1 : COLS;
}

/* ---- pages of text ---- */

static void put_line(const struct ui *u, const char *text, int y, bool is_found)
{
    const char *at = u->search[0] && u->view != UI_ONE ? strcasestr(text, u->search) : NULL;

    screen_paint(PLAIN, 0);
    mvaddnstr(y, 0, text, -1);
    if (getcury(stdscr) == y)
        clrtoeol();
    if (at && at - text < COLS) {
        screen_paint(WAITS, is_found ? A_REVERSE | A_BOLD : A_BOLD);
        mvaddnstr(y, (int)(at - text), at, (int)strlen(u->search));
    }
}

static void draw_lines(const struct ui *u, const struct lines *l, int y)
{
    size_t page = (size_t)screen_page(u), most = l->count > page ? l->count - page : 0;
    size_t first = u->scroll < most ? u->scroll : most;

    for (size_t i = 0; i < page && first + i < l->count; i++)
        put_line(u, l->line[first + i], y + (int)i, u->found == first + i + 1);
}

static void draw_console(const struct ui *u, const struct console *c)
{
    struct box b = console_box();
    char title[120];

    if (!b.height)
        return;
    screen_paint(u->mode == UI_TYPE ? TITLE : DIM, u->mode == UI_TYPE ? A_BOLD | A_REVERSE : 0);
    for (int y = b.y; b.x && y < b.y + b.height; y++)
        mvaddch(y, b.x - 1, ' ');
    snprintf(title, sizeof(title), " console: %s",
             u->mode == UI_TYPE ? "keys go to the guest, Ctrl-] comes back"
                                : "c types on it, C takes the whole screen");
    move(b.y, b.x);
    screen_put(b.width, title);
    screen_paint(PLAIN, 0);
    for (int i = 1; i < b.height; i++) {
        const char *line = console_line(c, (unsigned int)(b.height - 1 - i));
        const char *text = !console_is_open(c) && i == 1 ? c->why : !console_is_open(c) || !line ? "" : line;
        move(b.y + i, b.x);
        screen_put(b.width, text);
    }
    if (u->mode == UI_TYPE && console_is_open(c)) {
        int x = b.x + (int)c->column < COLS ? b.x + (int)c->column : COLS - 1;
        mvchgat(b.y + b.height - 1, x, 1, A_REVERSE, 0, NULL);
    }
}

/* ---- xenstore ---- */

static void draw_store(const struct scene *s, int y)
{
    struct node *list[STORE_LINES];
    int page = screen_page(s->ui);
    size_t count = store_visible(s->store, list, (size_t)(page < STORE_LINES ? page : STORE_LINES));
    char path[512] = "", line[1600];

    for (size_t i = 0; i < count; i++) {
        const struct node *n = list[i];
        bool is_new = n->changed_ms && s->now_ms - n->changed_ms < STORE_RECENT;
        int indent = 2 * (int)store_depth(n) - 2;

        snprintf(line, sizeof(line), "%*s%c %s%s%s%s", indent, "",
                 n->is_leaf   ? ' '
                 : n->is_open ? '-'
                              : '+',
                 n->name, n->value && n->value[0] ? " = \"" : "", n->value ? n->value : "",
                 n->value && n->value[0] ? "\"" : "");
        screen_paint(is_new       ? WAITS
                     : n->is_leaf ? PLAIN
                                  : TITLE,
                     (n == s->store->cursor ? A_REVERSE : 0) | (is_new ? A_BOLD : 0));
        move(y + (int)i, 0);
        screen_put(COLS, line);
        screen_note(y + (int)i, 0, COLS, UI_KEY_ROW + (int)i);
    }
    screen_paint(s->store->why[0] ? BAD : DIM, s->store->why[0] ? A_BOLD : 0);
    if (s->store->cursor)
        store_path(s->store->cursor, path, sizeof(path));
    if (s->store->why[0])
        snprintf(line, sizeof(line), "%s", s->store->why);
    else if (s->store->cursor)
        snprintf(line, sizeof(line), "%s   %s   %zu below", path, s->store->cursor->access, s->store->cursor->children);
    else
        line[0] = 0;
    move(LINES - 2, 0);
    screen_put(COLS, line);
}

/* ---- all of it ---- */

static void draw_views(const struct ui *u)
{
    static const char *const names[] = {"1 domains",  "2 vCPUs",    "3 host", "4 events", "5 grants",
                                        "6 xenstore", "one domain", "l log",  "? help"};
    bool is_narrow = COLS < 90;

    move(1, 0);
    for (int v = 0; v <= UI_HELP; v++) {
        bool is_here = (int)u->view == v;
        int from = getcurx(stdscr);
        if (v == UI_ONE && !is_here)
            continue;
        screen_paint(is_here ? TITLE : DIM, is_here ? A_BOLD | A_REVERSE : 0);
        printw(is_narrow && !is_here ? "%s " : " %s ", v == UI_ONE ? u->name : names[v]);
        if (v != UI_ONE)
            screen_note(1, from, getcurx(stdscr), UI_KEY_VIEW + v);
        if (getcury(stdscr) != 1)
            return;
    }
    screen_paint(WAITS, A_BOLD);
    if (ui_is_table(u) && (u->filter[0] || u->mode == UI_FILTER))
        printw(" /%.*s%s", COLS - getcurx(stdscr) - 4 > 0 ? COLS - getcurx(stdscr) - 4 : 0, u->filter,
               u->mode == UI_FILTER ? "_" : "");
}

static const char *keys_of(const struct ui *u)
{
    switch (u->view) {
    case UI_STORE:
        return "Right Left open, shut   e edit   D remove   ? help   q quit";
    case UI_ONE:
        return "Esc back   c C console   S p D m v w % act   ? help   q quit";
    case UI_LOG:
        return u->shows_daemon ? "wirtd's log   Tab hypervisor's   / search   n N again   Esc back   q quit"
                               : "hypervisor's log   Tab wirtd's   / search   n N again   Esc back   q quit";
    case UI_HELP:
        return "Esc back   Up Down scroll   / search   q quit";
    case UI_DOMAINS:
        return "Enter one  / filter  < > sort  t tree  s S p D m v w % c act  ? help  q quit";
    default:
        return "Enter one   / filter   < > sort   r reverse   t tree   ? help   q quit";
    }
}

static void draw_bottom(const struct ui *u)
{
    char text[UI_INPUT_MAX + 700];
    const char *shown = u->message[0]          ? u->message
                        : u->mode == UI_FILTER ? "type a part of a name   Enter keep   Esc all"
                                               : keys_of(u);
    int length, from, lines;

    if (u->mode == UI_SEARCH)
        snprintf(text, sizeof(text), "/%s_   %s", u->search, u->message);
    else if (u->mode == UI_INPUT)
        snprintf(text, sizeof(text), "%s %s_   (Enter sets, Esc leaves it)", u->message, u->input);
    else
        snprintf(text, sizeof(text), "%s", shown);
    length = (int)strlen(text);
    lines = u->message[0] && length ? (length + COLS - 2) / (COLS - 1) : 1; /* what was said is shown whole */
    lines = lines < LINES / 3 ? lines : LINES / 3;
    from = u->mode == UI_INPUT && length > lines * (COLS - 1) ? length - lines * (COLS - 1) : 0; /* where one types */
    screen_paint(u->message[0] ? u->is_bad ? BAD : WAITS : DIM, u->message[0] ? A_BOLD : 0);
    for (int i = 0; i < lines; i++, from += COLS - 1) {
        move(LINES - lines + i, 0);
        clrtoeol();
        addnstr(from < length ? text + from : "", COLS - 1);
    }
}

static void draw_view(const struct scene *s)
{
    char text[512];
    int y = 2;

    if (s->ui->view == UI_HOST) {
        screen_paint(PLAIN, 0);
        mvprintw(y, 0, "memory [");
        lines_memory(s->model, s->model->now.uses ? COLS - 27 : COLS - 44 > 10 ? COLS - 44 : 10, text, sizeof(text));
        printw("%s] %sh Wirt, . free", text, s->model->now.uses ? "" : "0 dom0, G guests, ");
        y++;
    }
    if (ui_is_table(s->ui))
        screen_table(s, y);
    if (s->ui->view == UI_HOST) {
        y += (int)s->ui->count + 2;
        screen_paint(PLAIN, 0);
        for (size_t i = 0; i < s->lines->count && y < LINES - 1; i++, y++)
            mvaddnstr(y, 0, s->lines->line[i], COLS);
    }
    if (ui_is_table(s->ui))
        return;
    if (s->ui->view == UI_STORE)
        draw_store(s, y);
    else
        draw_lines(s->ui, s->lines, y);
    if (s->ui->view == UI_ONE)
        draw_console(s->ui, s->console);
}

void screen_draw(const struct scene *s)
{
    char text[700];

    if (s->ui->wants_refresh)
        clearok(stdscr, true);
    erase();
    screen_note(-1, 0, 0, 0);
    screen_paint(PLAIN, 0);
    if (LINES < HEIGHT_LEAST || COLS < WIDTH_LEAST) {
        snprintf(text, sizeof(text), "too small: %dx%d of %dx%d; q quits", COLS, LINES, WIDTH_LEAST, HEIGHT_LEAST);
        mvaddnstr(0, 0, text, COLS * LINES - 1);
        refresh();
        return;
    }
    screen_paint(TITLE, A_BOLD);
    lines_summary(s->model, s->ui, text, sizeof(text));
    mvaddnstr(0, 0, text, COLS);
    if (s->trouble) {
        screen_paint(BAD, A_BOLD);
        mvaddnstr(0, COLS - (int)strlen(s->trouble) - 1 > 0 ? COLS - (int)strlen(s->trouble) - 1 : 0, s->trouble, -1);
    }
    draw_views(s->ui);
    draw_view(s);
    draw_bottom(s->ui);
    refresh();
}
