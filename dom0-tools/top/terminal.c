/* SPDX-License-Identifier: MIT */
/*
 * The terminal in and out, by ncurses. What draws is a child, so that it may be killed in any way: whoever started the
 * program waits for the parent, the guard, which then writes the sequences that ncurses would have written, taken from
 * terminfo at the start, and restores the line's settings. The guard passes signals on and stops when the child stops;
 * if it is killed itself, the child is told and ends.
 */
#include <curses.h>
#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <term.h>
#include <termios.h>
#include <unistd.h>
#undef columns /* term.h has names for everything */
#undef lines

#include "screen.h"

#define GUARD     "top-guard"
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
    static const int ends[] = {SIGTERM, SIGHUP, SIGINT};
    struct sigaction a = {.sa_handler = asked_to_end};

    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
        sigaction(ends[i], &a, NULL);
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

/* ---- the guard ---- */

static volatile pid_t drawing; /* in the guard: the child */
static pid_t guarding;         /* in the child: the guard */

static void pass_on(int signal)
{
    if (drawing > 0)
        kill(drawing, signal);
}

/* As the child ended, so does the guard. */
static _Noreturn void end_like(int status)
{
    if (WIFEXITED(status))
        _exit(WEXITSTATUS(status));
    (void)!write(STDOUT_FILENO, restore, restore_length);
    signal(SIGTTOU, SIG_IGN);
    tcsetattr(STDIN_FILENO, TCSADRAIN, &before);
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}); /* the child's is the one to look at */
    signal(WTERMSIG(status), SIG_DFL);
    raise(WTERMSIG(status));
    _exit(128 + WTERMSIG(status));
}

static _Noreturn void guard(void)
{
    static const int passed[] = {SIGTERM, SIGHUP, SIGINT, SIGQUIT};
    struct sigaction a = {.sa_handler = pass_on};
    int status;

    /* Who kills all that are called wirt does not mean this one. */
    prctl(PR_SET_NAME, GUARD);
    strncpy(program_invocation_name, GUARD, strlen(program_invocation_name));
    for (size_t i = 0; i < sizeof(passed) / sizeof(passed[0]); i++)
        sigaction(passed[i], &a, NULL);
    signal(SIGTSTP, SIG_IGN);
    for (;;) {
        if (waitpid(drawing, &status, WUNTRACED) != drawing)
            continue;
        if (!WIFSTOPPED(status))
            end_like(status);
        raise(SIGSTOP);
        kill(drawing, SIGCONT);
    }
}

void screen_guard(void)
{
    int error;

    guarding = getpid();
    signal(SIGCHLD, SIG_DFL);
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO) || tcgetattr(STDIN_FILENO, &before) ||
        setupterm(NULL, STDOUT_FILENO, &error) != OK)
        return; /* screen_begin says what is wrong */
    prepare_restore();
    drawing = fork();
    if (drawing > 0)
        guard();
    if (drawing < 0) /* then without */
        return;
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != guarding)
        screen_signal = SIGTERM;
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
    catch_signals();
    return true;
}

void screen_end(void)
{
    if (drawing == 0 && getppid() != guarding) /* the guard is gone, and a shell may have the terminal */
        signal(SIGTTOU, SIG_IGN);
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
