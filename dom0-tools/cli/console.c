/* SPDX-License-Identifier: MIT */
/*
 * `wirt console`: the terminal becomes the guest's, raw, until the escape key, the end of the domain, or a signal; then
 * it is as it was. What the guest prints goes to the terminal as it is: that is what a console is. `wirt log` shows the
 * same without what a terminal would obey.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "cli.h"
#include "wirtd_client.h"

static struct termios before;
static volatile sig_atomic_t is_raw, is_asked_to_end;

static void restore(void)
{
    if (is_raw)
        tcsetattr(STDIN_FILENO, TCSADRAIN, &before);
    is_raw = 0;
}

static void on_signal(int number)
{
    (void)number;
    is_asked_to_end = 1;
}

static void make_raw(void)
{
    struct termios raw;
    struct sigaction action = {.sa_handler = on_signal};

    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &before))
        return;
    raw = before;
    cfmakeraw(&raw);
    is_raw = !tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
}

static bool write_all(int fd, const char *data, size_t bytes)
{
    while (bytes) {
        ssize_t now = write(fd, data, bytes);

        if (now < 0 && (errno == EINTR || errno == EAGAIN)) {
            poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, 100);
            continue;
        }
        if (now <= 0)
            return false;
        data += now;
        bytes -= (size_t)now;
    }
    return true;
}

enum end { END_NOT, END_ESCAPE, END_INPUT, END_GUEST };

/* From the keyboard to the guest, up to the escape key. */
static enum end pass_input(int fd, char escape)
{
    char data[512];
    ssize_t bytes = read(STDIN_FILENO, data, sizeof(data));
    const char *at;

    if (bytes < 0)
        return errno == EINTR || errno == EAGAIN ? END_NOT : END_INPUT;
    if (!bytes)
        return END_INPUT;
    at = is_raw ? memchr(data, escape, (size_t)bytes) : NULL;
    if (!write_all(fd, data, at ? (size_t)(at - data) : (size_t)bytes))
        return END_GUEST;
    return at ? END_ESCAPE : END_NOT;
}

static enum end pass_output(int fd)
{
    char data[4096];
    ssize_t bytes = read(fd, data, sizeof(data));

    if (bytes < 0)
        return errno == EINTR || errno == EAGAIN ? END_NOT : END_GUEST;
    return bytes && write_all(STDOUT_FILENO, data, (size_t)bytes) ? END_NOT : END_GUEST;
}

static enum end pass(int fd, char escape)
{
    struct pollfd waits[2] = {{.fd = fd, .events = POLLIN}, {.fd = STDIN_FILENO, .events = POLLIN}};
    enum end end = END_NOT;

    while (end == END_NOT && !is_asked_to_end) {
        if (poll(waits, 2, -1) < 0)
            continue;
        if (waits[1].revents)
            end = pass_input(fd, escape);
        if (end == END_INPUT && !is_raw) { /* the end of a script: what the guest answers still counts */
            waits[1].fd = -1;
            end = END_NOT;
        }
        if (end == END_NOT && waits[0].revents)
            end = pass_output(fd);
    }
    return end;
}

int console_attach(struct run *r, const char *name, char escape, bool does_replay)
{
    enum end end;
    int fd, code = wirt_console_open(r->w, name, does_replay, &fd);

    if (code)
        return code;
    if (isatty(STDIN_FILENO))
        fprintf(stderr, "wirt: console of %s; Ctrl-%c leaves\n", name, escape + '@');
    make_raw();
    end = pass(fd, escape);
    restore();
    close(fd);
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\nwirt: %s %s\n", end == END_GUEST ? "the console ended with" : "left the console of", name);
    return 0;
}

static int parse_escape(struct run *r, const char *text, char *escape)
{
    *escape = 0x1d;
    if (!text)
        return 0;
    if (text[0] != '^' || text[1] < '@' || text[1] > 'z' || text[2])
        return usage_fail(r, "--escape is '%.40s', and has to be ^ and a letter or one of [ \\ ] _", text);
    *escape = (char)(text[1] & 0x1f);
    return 0;
}

static int show_tty(struct run *r, const struct wirt_domain *d)
{
    char request[96], *reply = NULL, *tty;
    int code;

    snprintf(request, sizeof(request), "tty %s", d->name);
    code = wirt_daemon_request(r->w, request, &reply);
    if (code)
        return code;
    tty = wirt_daemon_member(reply, "tty");
    code = show_done(r, json_pack("{s:i, s:s, s:s?}", "id", (int)d->id, "name", d->name, "tty", tty), "%s", "");
    free(tty);
    free(reply);
    return code;
}

int run_console(struct run *r)
{
    struct wirt_domain d;
    char escape;
    int code = parse_escape(r, run_choice(r, 'e'), &escape);

    code = code ? code : find_domain(r, 0, &d);
    if (code)
        return code;
    return r->does_json ? show_tty(r, &d) : console_attach(r, d.name, escape, !run_choice(r, 'R'));
}

/* What is kept, then what comes: the console, read only, without its escapes on a terminal. */
static int follow(struct run *r, const char *name)
{
    bool is_raw_wanted = run_choice(r, 'r') || !isatty(STDOUT_FILENO);
    char data[4096];
    ssize_t bytes;
    int fd, code = wirt_console_open(r->w, name, true, &fd);

    if (code)
        return code;
    while ((bytes = read(fd, data, sizeof(data))) > 0 || (bytes < 0 && errno == EINTR)) {
        if (bytes > 0 && is_raw_wanted)
            fwrite(data, 1, (size_t)bytes, stdout);
        else if (bytes > 0)
            print_clean(stdout, data, (size_t)bytes);
        fflush(stdout);
    }
    close(fd);
    return 0;
}

int run_log(struct run *r)
{
    const char *name = r->arguments[0];
    char *text = NULL;
    size_t bytes = 0;
    int code;

    if (run_choice(r, 'f') && r->does_json)
        return usage_fail(r, "--follow has no end, and --json needs one");
    if (run_choice(r, 'f'))
        return follow(r, name);
    code = wirt_console_log(r->w, name, &text, &bytes);
    if (code)
        return code;
    if (r->does_json) {
        show_done(r, json_pack("{s:s, s:o}", "name", name, "text", json_bytes(text, bytes)), "%s", "");
        free(text);
        return 0;
    }
    if (!run_choice(r, 'r') || !bytes)
        return show_text(r, "text", text, bytes);
    fwrite(text, 1, bytes, stdout);
    free(text);
    return 0;
}
