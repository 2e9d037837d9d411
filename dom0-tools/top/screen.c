/* SPDX-License-Identifier: MIT */
/*
 * ncurses and nothing else: top line, line of views, header, rows, line of messages. A handler of a fatal signal writes
 * the sequences that ncurses would, taken from terminfo at the start, and restores the line's settings, with calls that
 * a handler may make; then the signal does what it would have done.
 */
#include "screen.h"

#include <curses.h>
#include <langinfo.h>
#include <locale.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <term.h>
#include <termios.h>
#include <unistd.h>
#undef columns /* term.h has names for everything */
#undef lines

#define WIDTH_LEAST  40
#define HEIGHT_LEAST 8
#define NAME         1 /* the column that grows is the first text */

volatile int screen_signal;
static struct termios before;
static char restore[256];
static size_t restore_length;
static bool has_utf8, has_colour;
enum { PLAIN, TITLE, GOOD, WAITS, BAD, DIM };

/* ---- in and out ---- */

static void asked_to_end(int signal)
{
    screen_signal = signal;
}

static void fatal(int signal)
{
    ssize_t ignored = write(STDOUT_FILENO, restore, restore_length);

    (void)ignored;
    tcsetattr(STDIN_FILENO, TCSANOW, &before);
    raise(signal); /* its old action is back: SA_RESETHAND */
}

static void add_restore(const char *capability)
{
    const char *text = tigetstr(capability);
    size_t length = text && text != (char *)-1 ? strlen(text) : 0;

    if (restore_length + length < sizeof(restore)) {
        memcpy(restore + restore_length, length ? text : "", length);
        restore_length += length;
    }
}

static void catch_signals(void)
{
    static const int ends[] = {SIGTERM, SIGHUP, SIGINT}, kills[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGQUIT};
    struct sigaction a = {.sa_handler = asked_to_end}, k = {.sa_handler = fatal, .sa_flags = SA_RESETHAND | SA_NODEFER};

    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
        sigaction(ends[i], &a, NULL);
    for (size_t i = 0; i < sizeof(kills) / sizeof(kills[0]); i++)
        sigaction(kills[i], &k, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static void start_colours(void)
{
    has_colour = has_colors() && !(getenv("NO_COLOR") && *getenv("NO_COLOR"));
    if (!has_colour)
        return;
    start_color();
    use_default_colors();
    init_pair(TITLE, COLOR_CYAN, -1);
    init_pair(GOOD, COLOR_GREEN, -1);
    init_pair(WAITS, COLOR_YELLOW, -1);
    init_pair(BAD, COLOR_RED, -1);
    init_pair(DIM, COLORS >= 256 ? 244 : COLOR_BLUE, -1);
}

bool screen_begin(char *why, size_t size)
{
    const char *term = getenv("TERM");

    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
        snprintf(why, size, "input and output are no terminal");
        return false;
    }
    if (!setlocale(LC_ALL, ""))
        setlocale(LC_ALL, "C.UTF-8");
    has_utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    tcgetattr(STDIN_FILENO, &before);
    set_escdelay(50);
    if (!newterm(NULL, stdout, stdin)) {
        snprintf(why, size, "nothing is known of a terminal \"%.40s\" (TERM)", term ? term : "");
        return false;
    }
    cbreak();
    noecho();
    nonl();
    keypad(stdscr, true);
    curs_set(0);
    start_colours();
    add_restore("sgr0");
    add_restore("rmkx");
    add_restore("cnorm");
    add_restore("rmcup");
    catch_signals();
    return true;
}

void screen_end(void)
{
    endwin();
}
void screen_leave(void)
{
    def_prog_mode();
    endwin();
}
void screen_return(void)
{
    reset_prog_mode();
    clearok(stdscr, true);
    refresh();
}

int screen_key(int timeout_ms)
{
    static const struct {
        int curses, ui;
    } keys[] = {{KEY_UP, UI_KEY_UP},         {KEY_DOWN, UI_KEY_DOWN},
                {KEY_LEFT, UI_KEY_LEFT},     {KEY_RIGHT, UI_KEY_RIGHT},
                {KEY_PPAGE, UI_KEY_PAGE_UP}, {KEY_NPAGE, UI_KEY_PAGE_DOWN},
                {KEY_HOME, UI_KEY_HOME},     {KEY_END, UI_KEY_END},
                {KEY_ENTER, UI_KEY_ENTER},   {'\r', UI_KEY_ENTER},
                {'\n', UI_KEY_ENTER},        {KEY_BACKSPACE, UI_KEY_BACK},
                {127, UI_KEY_BACK},          {8, UI_KEY_BACK},
                {27, UI_KEY_ESCAPE}};
    int key;

    timeout(timeout_ms);
    key = getch();
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        if (key == keys[i].curses)
            return keys[i].ui;
    return key == ERR ? -1 : key > 255 ? 0 : key; /* 0: a key without a meaning, or another size */
}

int screen_width(void)
{
    return COLS;
}
bool screen_has_utf8(void)
{
    return has_utf8;
}

int screen_page(const struct ui *u)
{
    int rows = LINES - (u->view < UI_ONE ? 4 : 3) - (u->view == UI_HOST);

    return rows > 1 ? rows : 1;
}

/* ---- drawing ---- */

static void paint(int colour, int extra)
{
    attrset((has_colour && colour ? COLOR_PAIR(colour) : 0) | extra);
}

/* Text of others: what a terminal would obey, or takes more than one place, is a question mark. */
static void put_name(int width, const char *text)
{
    int used = 0;

    for (; *text && used < width; text++, used++)
        addch((chtype)(*text < ' ' || *text == 127 ? '?' : *text));
    for (; used < width; used++)
        addch(' ');
}

static int longest_name(const struct ui *u, const struct model *m, const struct table *t)
{
    int longest = 12, most = COLS / 3 > 12 ? COLS / 3 : 12;

    for (size_t i = 0; i < u->count && t->column[NAME].kind == C_TEXT; i++) {
        const char *row = (const char *)m->row[ui_table(u)] + u->order[i] * t->row_size;
        int length = (int)strlen(row + t->column[NAME].at);
        longest = length > longest ? length : longest;
    }
    return longest < most ? longest : most;
}

static int state_colour(const char *text)
{
    static const struct {
        const char *state;
        int colour;
    } states[] = {{"running", GOOD}, {"paused", WAITS}, {"waiting", WAITS}, {"building", WAITS},
                  {"crashed", BAD},  {"dying", BAD},    {"defined", DIM},   {"offline", DIM}};

    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
        if (strcmp(text, states[i].state) == 0)
            return states[i].colour;
    return PLAIN;
}

/* One line of the table: titles if row is NULL. */
static void put_row(const struct ui *u, const struct table *t, int y, int name_width, const void *row, int attributes)
{
    bool has_name = t->column[NAME].kind == C_TEXT;
    int at = 0;
    char text[80];

    move(y, 0);
    for (int k = 0; k < t->columns; k++) {
        const struct column *c = &t->column[k];
        int width = has_name && k == NAME ? name_width : c->width;
        bool is_left = c->kind == C_TEXT, is_last = k == t->columns - 1;

        if (has_name && k > NAME && k <= NAME + u->shift)
            continue;
        if (at + width + (at > 0) > COLS)
            break;
        if (row)
            column_text(c, row, text, sizeof(text));
        else
            snprintf(text, sizeof(text), "%s", c->title);
        paint(row ? is_left ? state_colour(text) : PLAIN : TITLE,
              attributes | (!row && k == u->sort[ui_table(u)] ? A_UNDERLINE : 0));
        if (at > 0)
            addch(' ');
        if (is_left)
            put_name(is_last && COLS - at - 1 > width ? COLS - at - 1 : width, text);
        else
            printw("%*.*s", width, width, text);
        at += width + (at > 0);
    }
    paint(PLAIN, attributes);
    while (row && at++ < COLS && getcurx(stdscr) < COLS && getcury(stdscr) == y)
        addch(' ');
}

static void draw_table(const struct ui *u, const struct model *m, int y)
{
    const struct table *t = &top_table[ui_table(u)];
    int width = longest_name(u, m, t), page = screen_page(u);

    put_row(u, t, y, width, NULL, A_BOLD);
    for (int i = 0; i < page && u->first + (size_t)i < u->count; i++) {
        size_t n = u->first + (size_t)i;
        put_row(u, t, y + 1 + i, width, (const char *)m->row[ui_table(u)] + u->order[n] * t->row_size,
                n == u->cursor ? A_REVERSE : 0);
    }
    paint(DIM, 0);
    if (!u->count)
        mvaddnstr(y + 1, 0,
                  u->filter[0]            ? "nothing matches: Esc shows all"
                  : m->now.has_statistics ? "none"
                                          : "this hypervisor does not tell: it is not Wirt",
                  COLS);
}

static void draw_lines(const struct ui *u, const struct lines *l, int y)
{
    size_t page = (size_t)screen_page(u), most = l->count > page ? l->count - page : 0;
    size_t first = u->scroll < most ? u->scroll : most;

    paint(PLAIN, 0);
    for (size_t i = 0; i < page && first + i < l->count; i++) {
        mvaddnstr(y + (int)i, 0, l->line[first + i], -1);
        clrtoeol();
    }
}

static void draw_views(const struct ui *u)
{
    static const char *const names[] = {"1 domains", "2 vCPUs", "3 host", "one domain", "l log", "? help"};

    move(1, 0);
    for (int v = 0; v <= UI_HELP; v++) {
        bool is_here = (int)u->view == v;
        if (v == UI_ONE && !is_here)
            continue;
        paint(is_here ? TITLE : DIM, is_here ? A_BOLD | A_REVERSE : 0);
        printw(" %s ", v == UI_ONE ? u->name : names[v]);
    }
    paint(WAITS, A_BOLD);
    if (u->filter[0] || u->mode == UI_FILTER)
        printw("  /%s%s", u->filter, u->mode == UI_FILTER ? "_" : "");
}

static void draw_bottom(const struct ui *u)
{
    const char *keys = u->mode == UI_FILTER ? "type a part of a name   Enter keep   Esc all"
                       : u->view >= UI_ONE  ? "Esc back   Up Down scroll   ? help   q quit"
                                            : "Enter one   / filter   < > sort   s S p D c act   ? help   q quit";

    paint(u->message[0] ? u->is_bad ? BAD : WAITS : DIM, u->message[0] ? A_BOLD : 0);
    mvaddnstr(LINES - 1, 0, u->message[0] ? u->message : keys, COLS - 1);
    clrtoeol();
}

void screen_draw(const struct ui *u, const struct model *m, const struct lines *l)
{
    char text[512];
    int y = 2;

    if (u->wants_refresh)
        clearok(stdscr, true);
    erase();
    paint(PLAIN, 0);
    if (LINES < HEIGHT_LEAST || COLS < WIDTH_LEAST) {
        snprintf(text, sizeof(text), "too small: %dx%d of %dx%d; q quits", COLS, LINES, WIDTH_LEAST, HEIGHT_LEAST);
        mvaddnstr(0, 0, text, COLS * LINES - 1);
        refresh();
        return;
    }
    paint(TITLE, A_BOLD);
    lines_summary(m, u, text, sizeof(text));
    mvaddnstr(0, 0, text, COLS);
    draw_views(u);
    if (u->view == UI_HOST) {
        paint(PLAIN, 0);
        mvprintw(y, 0, "memory [");
        lines_memory(m, COLS - 44 > 10 ? COLS - 44 : 10, text, sizeof(text));
        printw("%s] 0 dom0, G guests, h Wirt, . free", text);
        y++;
    }
    if (u->view < UI_ONE)
        draw_table(u, m, y);
    else
        draw_lines(u, l, y);
    draw_bottom(u);
    refresh();
}
