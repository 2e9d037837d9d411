/* SPDX-License-Identifier: MIT */
/*
 * The terminal in and out, by ncurses. A handler of a fatal signal writes the sequences that ncurses would, taken from
 * terminfo at the start, and restores the line's settings, with calls that a handler may make; then the signal does
 * what it would have done.
 */
#include <curses.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <term.h>
#include <termios.h>
#include <unistd.h>
#undef columns /* term.h has names for everything */
#undef lines

#include "screen.h"

#define MOUSE_OFF "\033[?1006l\033[?1000l"

volatile int screen_signal;
static struct termios before;
static char restore[256];
static size_t restore_length;
static bool has_utf8, has_colour, is_raw_now;
static struct {
    int y, from, to, key;
} note[512];
static size_t notes;

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

static void add_restore(const char *text)
{
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

static void prepare_restore(void)
{
    static const char *const capabilities[] = {"sgr0", "rmkx", "cnorm", "rmcup"};

    if (tigetstr("kmous") && tigetstr("kmous") != (char *)-1)
        add_restore(MOUSE_OFF);
    for (size_t i = 0; i < sizeof(capabilities) / sizeof(capabilities[0]); i++)
        add_restore(tigetstr(capabilities[i]));
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
    timeout(0);
    curs_set(0);
    mouseinterval(0);
    start_colours();
    prepare_restore();
    catch_signals();
    return true;
}

void screen_end(void)
{
    screen_mouse(false);
    endwin();
}
void screen_leave(void)
{
    screen_mouse(false);
    def_prog_mode();
    endwin();
}
void screen_return(void)
{
    reset_prog_mode();
    clearok(stdscr, true);
    refresh();
}

void screen_raw(bool is_raw)
{
    if (is_raw == is_raw_now)
        return;
    is_raw_now = is_raw;
    keypad(stdscr, !is_raw);
    if (is_raw)
        raw();
    else
        noraw(), cbreak();
}

void screen_mouse(bool is_used)
{
    static bool was;

    if (is_used == was)
        return;
    was = is_used;
    mousemask(is_used ? BUTTON1_PRESSED | BUTTON1_CLICKED | BUTTON4_PRESSED | BUTTON5_PRESSED : 0, NULL);
}

void screen_note(int y, int from, int to, int key)
{
    if (y < 0)
        notes = 0;
    else if (notes < sizeof(note) / sizeof(note[0])) {
        note[notes].y = y;
        note[notes].from = from;
        note[notes].to = to;
        note[notes++].key = key;
    }
}

static int clicked(void)
{
    MEVENT e;

    if (getmouse(&e) != OK)
        return 0;
    if (e.bstate & BUTTON4_PRESSED)
        return UI_KEY_WHEEL_UP;
    if (e.bstate & BUTTON5_PRESSED)
        return UI_KEY_WHEEL_DOWN;
    for (size_t i = 0; i < notes && e.bstate & (BUTTON1_PRESSED | BUTTON1_CLICKED); i++)
        if (note[i].y == e.y && e.x >= note[i].from && e.x < note[i].to)
            return note[i].key;
    return 0;
}

static int translate(int key)
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

    if (key == KEY_MOUSE)
        return clicked();
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]) && !is_raw_now; i++)
        if (key == keys[i].curses)
            return keys[i].ui;
    return key > 255 ? 0 : key;
}

int screen_key(int timeout_ms, const int *fds, size_t count)
{
    struct pollfd waits[8] = {{.fd = STDIN_FILENO, .events = POLLIN}};
    int key = getch();

    if (key != ERR)
        return translate(key);
    for (size_t i = 0; i < count && i < 7; i++)
        waits[i + 1] = (struct pollfd){.fd = fds[i], .events = POLLIN};
    if (poll(waits, 1 + count, timeout_ms) == 0)
        return -1;
    if (waits[0].revents & (POLLHUP | POLLERR | POLLNVAL)) { /* the terminal has gone, and no signal came for it */
        screen_signal = SIGHUP;
        return 0;
    }
    key = getch();
    return key == ERR ? 0 : translate(key);
}

int screen_width(void)
{
    return COLS;
}
bool screen_has_utf8(void)
{
    return has_utf8;
}

void screen_paint(int colour, int extra)
{
    attrset((has_colour && colour ? COLOR_PAIR(colour) : 0) | extra);
}
