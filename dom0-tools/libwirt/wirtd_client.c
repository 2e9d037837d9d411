/* SPDX-License-Identifier: MIT */
/*
 * The client's half of wirtd's protocol. One connection per request; the answer's line is read byte by byte, so that
 * not one byte of a console behind it is swallowed. A daemon that does not answer within ten seconds counts as absent:
 * it does nothing that takes as long.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "internal.h"
#include "keep.h"
#include "wirtd_client.h"

#define ANSWER_MS  10000
#define ANSWER_MAX (256u << 10)
#define HINT       "is wirtd running? try systemctl start wirtd"

static const char *from_environment(const char *name, const char *otherwise)
{
    const char *value = getenv(name);

    return value && value[0] ? value : otherwise;
}

static int connect_to(struct wirt *w, int *fd, bool does_wait)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *path = from_environment("WIRTD_SOCKET", WIRTD_SOCKET);

    if (strlen(path) >= sizeof(address.sun_path))
        return wirt_fail(w, WIRT_USAGE, path, "connect to wirtd", "", "the path of the socket is too long");
    strcpy(address.sun_path, path);
    *fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | (does_wait ? 0 : SOCK_NONBLOCK), 0);
    if (*fd < 0)
        return fail_errno(w, WIRT_NO_HOST, "wirtd", "connect", "", "no socket");
    if (connect(*fd, (struct sockaddr *)&address, sizeof(address))) {
        fail_errno(w, WIRT_NO_HOST, "wirtd", "connect", errno == EACCES ? "use sudo" : HINT, "no answer on %s", path);
        close(*fd);
        return WIRT_NO_HOST;
    }
    return 0;
}

static int send_line(struct wirt *w, int fd, const char *request)
{
    char line[600];
    int length = snprintf(line, sizeof(line), "%s\n", request);

    if (length >= (int)sizeof(line) || strchr(request, '\n'))
        return wirt_fail(w, WIRT_USAGE, request, "ask wirtd", "", "a request is one line of at most 510 bytes");
    if (send(fd, line, (size_t)length, MSG_NOSIGNAL) != length)
        return fail_errno(w, WIRT_NO_HOST, "wirtd", "ask", HINT, "it does not take the request");
    return 0;
}

/* The answer's line into *line, at most ANSWER_MAX bytes. */
static int read_line(struct wirt *w, int fd, char **line)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    size_t length = 0, size = 0;
    char *text = NULL, byte;

    for (;;) {
        int ready = poll(&wait, 1, ANSWER_MS);
        ssize_t n = ready > 0 ? recv(fd, &byte, 1, 0) : -1;

        if (ready < 0 && errno == EINTR)
            continue;
        if (n != 1 || length == ANSWER_MAX) {
            free(text);
            if (ready == 0)
                return wirt_fail(w, WIRT_TIMEOUT, "wirtd", "wait for its answer", "see its log",
                                 "none came within %d s", ANSWER_MS / 1000);
            return wirt_fail(w, WIRT_NO_HOST, "wirtd", "wait for its answer", HINT, "it closed the connection");
        }
        if (length + 1 >= size) {
            char *more = realloc(text, size += 256);

            if (!more) {
                free(text);
                return wirt_fail(w, WIRT_NO_ROOM, "wirtd", "wait for its answer", "", "dom0 is out of memory");
            }
            text = more;
        }
        text[length] = 0;
        if (byte == '\n')
            break;
        text[length++] = byte;
    }
    *line = text;
    return 0;
}

/* One character after a backslash; moves *from behind it. Only what our own writer makes: \uXXXX below 0x80. */
static char unescape(const char **from)
{
    char c = *(*from)++;
    char hex[5] = "";

    switch (c) {
    case 'n':
        return '\n';
    case 't':
        return '\t';
    case 'r':
        return '\r';
    case 'u':
        for (int i = 0; i < 4 && **from; i++)
            hex[i] = *(*from)++;
        return (char)strtoul(hex, NULL, 16);
    default:
        return c;
    }
}

static char *string_value(const char *from)
{
    char *text = malloc(strlen(from) + 1), *to = text;

    while (text && *from && *from != '"') {
        char c = *from++;

        if (c == '\\' && *from)
            c = unescape(&from);
        *to++ = c;
    }
    if (text)
        *to = 0;
    return text;
}

char *wirt_daemon_member(const char *reply, const char *name)
{
    size_t length = strlen(name);
    bool is_inside = false;

    for (const char *c = reply; *c; c++) {
        if (*c == '\\' && c[1]) {
            c++;
        } else if (*c == '"') {
            if (!is_inside && !strncmp(c + 1, name, length) && !strncmp(c + 1 + length, "\":", 2)) {
                c += length + 3;
                return *c == '"' ? string_value(c + 1) : strndup(c, strcspn(c, ",}"));
            }
            is_inside = !is_inside;
        }
    }
    return NULL;
}

/* The daemon's refusal becomes ours, in its own words. */
static int pass_on(struct wirt *w, const char *reply)
{
    char *code = wirt_daemon_member(reply, "code"), *object = wirt_daemon_member(reply, "object");
    char *step = wirt_daemon_member(reply, "step"), *cause = wirt_daemon_member(reply, "cause");
    char *next = wirt_daemon_member(reply, "next");
    int number = code ? atoi(code) : 0;

    if (number < WIRT_FAILED || number > WIRT_REFUSED)
        number = WIRT_FAILED;
    wirt_fail(w, (enum wirt_code)number, object ? object : "wirtd", step ? step : "answer", next, "%s",
              cause ? cause : "it refused and gave no reason");
    free(code);
    free(object);
    free(step);
    free(cause);
    free(next);
    return number;
}

static int verdict(struct wirt *w, const char *line)
{
    char *ok = wirt_daemon_member(line, "ok");
    int code = ok && !strcmp(ok, "true") ? 0 : pass_on(w, line);

    free(ok);
    return code;
}

/* Sends a request and takes the answer's line; *fd stays open for what follows it. */
static int ask(struct wirt *w, const char *request, char **reply, int *fd)
{
    char *line = NULL;
    int code = connect_to(w, fd, true);

    if (code)
        return code;
    code = send_line(w, *fd, request);
    if (!code)
        code = read_line(w, *fd, &line);
    if (!code)
        code = verdict(w, line);
    if (code || !reply) {
        free(line);
        line = NULL;
    }
    if (code)
        close(*fd);
    if (reply)
        *reply = line;
    return code;
}

int wirt_daemon_request(struct wirt *w, const char *request, char **reply)
{
    int fd, code = ask(w, request, reply, &fd);

    if (!code)
        close(fd);
    return code;
}

int wirt_daemon_stream(struct wirt *w, const char *request, char **reply, int *fd)
{
    return ask(w, request, reply, fd);
}

bool wirt_restart_waits(const char *name)
{
    DIR *dir = opendir(from_environment("WIRTD_RESTART", WIRTD_RESTART));
    const struct dirent *entry;
    bool is_found = false;

    while (dir && !is_found && (entry = readdir(dir)))
        is_found = entry->d_name[0] != '.' && (!name || !strcmp(entry->d_name, name));
    if (dir)
        closedir(dir);
    return is_found;
}

#define CONSOLE_REQUEST (WIRT_NAME_MAX + 32)
static int console_request(struct wirt *w, const char *name_or_id, bool does_replay, char request[CONSOLE_REQUEST])
{
    if (strlen(name_or_id) > WIRT_NAME_MAX || strpbrk(name_or_id, " \n"))
        return wirt_fail(w, WIRT_NOT_FOUND, name_or_id, "open the console", "", "this cannot be a domain's name");
    snprintf(request, CONSOLE_REQUEST, "console %s %s", name_or_id, does_replay ? "replay" : "new");
    return 0;
}

int wirt_console_open(struct wirt *w, const char *name_or_id, bool does_replay, int *fd)
{
    char request[CONSOLE_REQUEST];
    int code = console_request(w, name_or_id, does_replay, request);

    return code ? code : ask(w, request, NULL, fd);
}

int wirt_console_ask(struct wirt *w, const char *name_or_id, int *fd)
{
    char request[CONSOLE_REQUEST];
    int code = console_request(w, name_or_id, true, request);

    if (!code)
        code = connect_to(w, fd, false);
    if (!code && (code = send_line(w, *fd, request)))
        close(*fd);
    return code;
}

int wirt_console_answer(struct wirt *w, const char *line)
{
    return verdict(w, line);
}

/* All that comes until the end of file. */
static int read_all(struct wirt *w, int fd, char **text, size_t *bytes)
{
    size_t size = 0;
    ssize_t n;

    *text = NULL;
    *bytes = 0;
    do {
        if (*bytes + 1 >= size) {
            char *more = realloc(*text, size += 64u << 10);

            if (!more) {
                free(*text);
                return wirt_fail(w, WIRT_NO_ROOM, "wirtd", "read the log", "", "dom0 is out of memory");
            }
            *text = more;
        }
        n = read(fd, *text + *bytes, size - *bytes - 1);
        if (n > 0)
            *bytes += (size_t)n;
    } while (n > 0 || (n < 0 && errno == EINTR));
    (*text)[*bytes] = 0;
    if (n == 0)
        return 0;
    free(*text);
    *text = NULL;
    return fail_errno(w, WIRT_FAILED, "wirtd", "read the log", "", "the connection broke");
}

/* Without the daemon: the file itself. It may be written at the same moment only by a daemon, and there is none. */
static int log_from_file(struct wirt *w, const char *name, char **text, size_t *bytes)
{
    const char *dir = from_environment("WIRTD_CONSOLE", WIRTD_CONSOLE);
    struct keep keep;
    int dir_fd, code = 0;

    if (!keep_name_is_valid(name))
        return w->error.code;
    dir_fd = open(dir, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
    if (dir_fd < 0)
        return w->error.code;
    if (keep_open(&keep, dir_fd, name, 0)) {
        close(dir_fd);
        return w->error.code;
    }
    *bytes = (size_t)(keep.head.total - keep_first(&keep));
    *text = malloc(*bytes + 1);
    if (!*text)
        code = wirt_fail(w, WIRT_NO_ROOM, name, "read the log", "", "dom0 is out of memory");
    else
        *bytes = keep_read(&keep, keep_first(&keep), *text, *bytes);
    if (*text)
        (*text)[*bytes] = 0;
    keep_close(&keep);
    close(dir_fd);
    return code;
}

int wirt_console_log(struct wirt *w, const char *name_or_id, char **text, size_t *bytes)
{
    char request[WIRT_NAME_MAX + 32];
    int fd, code;

    *text = NULL;
    if (strlen(name_or_id) > WIRT_NAME_MAX || strpbrk(name_or_id, " \n"))
        return wirt_fail(w, WIRT_NOT_FOUND, name_or_id, "read the log", "", "this cannot be a domain's name");
    snprintf(request, sizeof(request), "log %s", name_or_id);
    code = ask(w, request, NULL, &fd);
    if (code == WIRT_NO_HOST)
        return log_from_file(w, name_or_id, text, bytes);
    if (code)
        return code;
    code = read_all(w, fd, text, bytes);
    close(fd);
    return code;
}
