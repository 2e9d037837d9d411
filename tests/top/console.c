/* SPDX-License-Identifier: MIT */
/* The console beside: what a guest prints, whatever it is, becomes lines; what is typed goes to it, until it has gone.
 */
#include "console.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test.h"
#include "wirtd_client.h"

static int ends[2];
static bool is_away, is_stopped;

/* Of libwirt: wirtd is the other end of a pair of sockets. */
int wirt_console_ask(struct wirt *w, const char *name_or_id, int *fd)
{
    (void)name_or_id;
    if (is_away || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends))
        return wirt_fail(w, WIRT_NO_HOST, "wirtd", "connect", "", "no answer");
    *fd = ends[0];
    check(is_stopped || write(ends[1], "yes\n", 4) == 4);
    return 0;
}
int wirt_console_answer(struct wirt *w, const char *line)
{
    return strcmp(line, "yes") ? wirt_fail(w, WIRT_NOT_FOUND, "db", "open the console", "", "%s", line) : 0;
}

const char *wirt_error_text(const struct wirt *w, char *buffer, size_t size)
{
    (void)w;
    snprintf(buffer, size, "wirtd: connect: no answer");
    return buffer;
}

static void prints(struct console *c, const char *text, size_t size)
{
    while (size) {
        ssize_t n = write(ends[1], text, size > 4096 ? 4096 : size);
        if (n <= 0)
            break;
        text += n;
        size -= (size_t)n;
        console_poll(c);
    }
}

static bool has(const struct console *c, unsigned int back, const char *text)
{
    const char *line = console_line(c, back);

    if (line && strcmp(line, text) == 0)
        return true;
    printf("line %u is \"%s\"\n", back, line ? line : "(none)");
    return false;
}

#define PRINTS(c, text) prints(c, text, sizeof(text) - 1)
void test_console(void)
{
    static struct console c;
    static char flood[200000];
    char got[8] = "";

    console_open(&c, NULL, "web", 3);
    PRINTS(&c, "one\r\ntwo\b\bW\033[31;1mred\033[0m\r\n\033]0;title\007a\tb\0\001\302\244");
    check(has(&c, 2, "one") && has(&c, 1, "tWred") && has(&c, 0, "a       b??") && !console_line(&c, 3));
    PRINTS(&c, "\rA\033");
    PRINTS(&c, "[2");
    PRINTS(&c, "Kz");
    check(has(&c, 0, "Az      b??"));
    memset(flood, 'x', sizeof(flood)); /* one line without end, then lines without text */
    prints(&c, flood, sizeof(flood));
    check(strlen(console_line(&c, 1)) == CONSOLE_WIDTH);
    memset(flood, '\n', sizeof(flood));
    prints(&c, flood, sizeof(flood));
    check(has(&c, 0, "") && has(&c, CONSOLE_LINES - 1, "") && !console_line(&c, CONSOLE_LINES));
    PRINTS(&c, "\b\b\b\033[");
    prints(&c, "\033]no end", 9);
    check(console_send(&c, "ls\r", 3) && read(ends[1], got, sizeof(got)) == 3 && strcmp(got, "ls\r") == 0);
    close(ends[1]);
    console_poll(&c);
    check(c.fd == 0 && strstr(c.why, "has ended") && !console_send(&c, "x", 1));
    is_stopped = true; /* what it says comes later, in pieces, with what the guest prints at once behind it */
    console_open(&c, NULL, "late", 5);
    check(c.fd > 0 && !console_is_open(&c) && strstr(c.why, "wirtd does not answer") && !console_send(&c, "x", 1));
    PRINTS(&c, "ye");
    check(!console_is_open(&c));
    PRINTS(&c, "s\nlogin:");
    check(console_is_open(&c) && has(&c, 0, "login:") && !c.why[0]);
    console_open(&c, NULL, "none", 6);
    PRINTS(&c, "no such\n");
    check(c.fd == 0 && strstr(c.why, "no answer"));
    console_open(&c, NULL, "gone", 7);
    close(ends[1]);
    console_poll(&c);
    check(c.fd == 0 && strstr(c.why, "it closed the connection"));
    is_away = true;
    console_open(&c, NULL, "db", 4);
    check(c.fd == 0 && strstr(c.why, "no answer"));
    console_open(&c, NULL, "Domain-0", 0);
    check(strstr(c.why, "machine's own"));
    console_close(&c);
}
