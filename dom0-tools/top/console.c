/* SPDX-License-Identifier: MIT */
/*
 * A terminal that knows lines, carriage return, backspace and tabulators; escape sequences are swallowed whole. That is
 * enough to read along and to type commands; for what paints the screen there is the whole terminal (C).
 */
#include "console.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "wirtd_client.h"

#define PIECES 64 /* of 4 KiB at a time: a guest that floods does not stop the screen */
enum { TEXT, BEGUN, CONTROL, STRING, STRING_END };

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
    } else if (wirt_console_open(w, name, true, &fd)) {
        snprintf(c->why, sizeof(c->why), "%.290s", wirt_error_text(w, text, sizeof(text)));
    } else {
        c->fd = fd;
        fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    }
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

    for (int i = 0; c->fd > 0 && i < PIECES; i++) {
        ssize_t n = read(c->fd, piece, sizeof(piece));
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n <= 0) {
            close(c->fd);
            c->fd = 0;
            snprintf(c->why, sizeof(c->why), "%s",
                     n == 0 ? "The console has ended: the domain has gone, or wirtd." : strerror(errno));
            return;
        }
        for (ssize_t k = 0; k < n; k++)
            take(c, (unsigned char)piece[k]);
    }
}

bool console_send(struct console *c, const char *data, size_t size)
{
    return c->fd > 0 && send(c->fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)size;
}

const char *console_line(const struct console *c, unsigned int back)
{
    return back > c->line || back >= CONSOLE_LINES ? NULL : c->text[(c->line - back) % CONSOLE_LINES];
}
