/* SPDX-License-Identifier: MIT */
/*
 * A terminal that knows lines, carriage return, backspace and tabulators; escape sequences are swallowed whole. That is
 * enough to read along and to type commands; for what paints the screen there is the whole terminal (C).
 */
#include "console.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "wirtd_client.h"

#define ANSWER_MS 300 /* wirtd has it at once; when it does not, the screen goes on and it may come later */
#define PIECES    64  /* of 4 KiB at a time: a guest that floods does not stop the screen */
enum { TEXT, BEGUN, CONTROL, STRING, STRING_END };

static uint64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

void console_close(struct console *c)
{
    if (c->fd > 0)
        close(c->fd);
    memset(c, 0, sizeof(*c));
}

void console_open(struct console *c, struct wirt *w, const char *name, double id)
{
    char text[800];
    int fd;

    if (strcmp(c->name, name) == 0 && c->id == id)
        return;
    console_close(c);
    snprintf(c->name, sizeof(c->name), "%s", name);
    c->id = id;
    if (id == 0) {
        snprintf(c->why, sizeof(c->why), "%s has the machine's own console.", name);
    } else if (wirt_console_ask(w, name, &fd)) {
        snprintf(c->why, sizeof(c->why), "%.290s", wirt_error_text(w, text, sizeof(text)));
    } else {
        c->fd = fd;
        c->w = w;
        c->is_asked = true;
        c->asked_ms = now_ms();
        poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, ANSWER_MS);
        console_poll(c);
    }
}

bool console_is_open(const struct console *c)
{
    return c->fd > 0 && !c->is_asked;
}

static void end(struct console *c, const char *why)
{
    close(c->fd);
    c->fd = 0;
    c->is_asked = false;
    snprintf(c->why, sizeof(c->why), "%.290s", why);
}

/* Byte by byte: what is behind the line is the guest's. */
static void take_answer(struct console *c)
{
    char text[800], byte = 0;
    ssize_t n = 0;

    while (c->answered + 1 < sizeof(c->answer) && (n = recv(c->fd, &byte, 1, MSG_DONTWAIT)) == 1 && byte != '\n')
        c->answer[c->answered++] = byte;
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        snprintf(c->why, sizeof(c->why), "wirtd does not answer, for %lu s now",
                 (unsigned long)(now_ms() - c->asked_ms) / 1000);
        return;
    }
    c->answer[c->answered] = 0;
    c->is_asked = false;
    c->why[0] = 0;
    if (n != 1 || wirt_console_answer(c->w, c->answer)) /* a line that is too long is no answer either */
        end(c,
            n == 0 ? "wirtd: open the console: it closed the connection" : wirt_error_text(c->w, text, sizeof(text)));
}

static char *line_at(struct console *c, unsigned int line)
{
    return c->text[line % CONSOLE_LINES];
}

static void new_line(struct console *c)
{
    c->line++;
    c->column = 0;
    line_at(c, c->line)[0] = 0;
}

static void put(struct console *c, char character)
{
    char *line = line_at(c, c->line);
    size_t length = strlen(line);

    if (c->column >= CONSOLE_WIDTH)
        new_line(c), line = line_at(c, c->line), length = 0;
    for (; length < c->column; length++)
        line[length] = ' ';
    line[c->column] = character;
    if (c->column++ >= length)
        line[c->column] = 0;
}

/* False: the character is a part of a sequence. */
static bool is_text(struct console *c, unsigned char character)
{
    switch (c->escape) {
    case BEGUN:
        c->escape = character == '[' ? CONTROL : character == ']' || character == 'P' ? STRING : TEXT;
        return false;
    case CONTROL:
        if (character >= '@' && character <= '~')
            c->escape = TEXT;
        return false;
    case STRING:
        c->escape = character == 7 ? TEXT : character == 27 ? STRING_END : STRING;
        return false;
    case STRING_END:
        c->escape = TEXT;
        return false;
    default:
        if (character == 27)
            c->escape = BEGUN;
        return character != 27;
    }
}

static void take(struct console *c, unsigned char character)
{
    if (!is_text(c, character))
        return;
    if (character == '\n')
        new_line(c);
    else if (character == '\r')
        c->column = 0;
    else if (character == '\b')
        c->column -= c->column > 0;
    else if (character == '\t')
        do
            put(c, ' ');
        while (c->column % 8);
    else if (character >= ' ' && character != 127)
        put(c, character < 127 ? (char)character : '?');
}

void console_poll(struct console *c)
{
    char piece[4096];

    if (c->is_asked)
        take_answer(c);
    for (int i = 0; console_is_open(c) && i < PIECES; i++) {
        ssize_t n = read(c->fd, piece, sizeof(piece));
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n <= 0) {
            end(c, n == 0 ? "The console has ended: the domain has gone, or wirtd." : strerror(errno));
            return;
        }
        for (ssize_t k = 0; k < n; k++)
            take(c, (unsigned char)piece[k]);
    }
}

bool console_send(struct console *c, const char *data, size_t size)
{
    return console_is_open(c) && send(c->fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)size;
}

const char *console_line(const struct console *c, unsigned int back)
{
    return back > c->line || back >= CONSOLE_LINES ? NULL : c->text[(c->line - back) % CONSOLE_LINES];
}
