/* SPDX-License-Identifier: MIT */
/*
 * Who reads consoles and events: clients of the socket, and pseudo terminals for programs that want one. A reader is a
 * position in the console's kept output and nothing more: it takes bytes as fast as it likes, and one that falls behind
 * further than is kept is told how much it missed. So a slow reader holds up neither the guest nor the others.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include "event.h"

#define LINE_MAX_BYTES 512
#define CLIENT_MAX     512
#define AT_ONCE        (32u << 10) /* bytes for one reader before the others get their turn */

struct client {
    struct source source; /* first: the loop hands out its address */
    struct client *next;
    struct console *console; /* NULL: still asks, is being answered, or follows the events */
    const struct keep *from; /* what it reads */
    uint64_t at, end;        /* what it gets next; where its log ends */
    bool is_log, is_tty, is_last, has_input_end, is_waiting_room, is_waiting_out, is_dead;
    int slave;
    char *answer; /* rest of a line that did not fit */
    size_t answer_at, answer_size;
    uint32_t line_count;
    char line[LINE_MAX_BYTES];
};

static struct client *clients;
static uint32_t client_total;
static struct source listener = {.fd = -1};

static void client_ready(struct source *source, uint32_t events);

static struct client *client_new(int fd)
{
    struct client *cl = calloc(1, sizeof(*cl));

    if (!cl)
        return NULL;
    cl->source = (struct source){.ready = client_ready, .fd = fd};
    cl->slave = -1;
    if (!source_add(&cl->source, EPOLLIN)) {
        free(cl);
        return NULL;
    }
    cl->next = clients;
    clients = cl;
    client_total++;
    return cl;
}

static void client_free(struct client *cl)
{
    struct client **at = &clients;

    while (*at != cl)
        at = &(*at)->next;
    *at = cl->next;
    client_total--;
    if (cl->console && cl->is_tty)
        cl->console->tty = NULL;
    source_remove(&cl->source);
    close(cl->source.fd);
    if (cl->slave >= 0)
        close(cl->slave);
    free(cl->answer);
    free(cl);
}

/* What the loop shall say about this client. */
static void listen_for(struct client *cl)
{
    bool does_read = !cl->has_input_end && !cl->is_waiting_room && !cl->is_log;

    source_change(&cl->source, (does_read ? EPOLLIN : 0u) | (cl->is_waiting_out ? EPOLLOUT : 0u));
}

/* Bytes written, 0: not now, -1: the reader is gone. */
static ssize_t put(struct client *cl, const char *bytes, size_t count)
{
    ssize_t n = write(cl->source.fd, bytes, count);

    if (n >= 0)
        return n;
    if (errno == EAGAIN || errno == EINTR)
        return 0;
    return -1;
}

static bool put_answer(struct client *cl)
{
    ssize_t n;

    while (cl->answer) {
        n = put(cl, cl->answer + cl->answer_at, cl->answer_size - cl->answer_at);
        if (n < 0)
            cl->is_dead = true;
        if (n <= 0)
            return false;
        cl->answer_at += (size_t)n;
        if (cl->answer_at == cl->answer_size) {
            free(cl->answer);
            cl->answer = NULL;
        }
    }
    return true;
}

/* These bytes come before anything else; NULL: there was no memory for them, and the reader cannot go on. */
static void answer_with(struct client *cl, char *bytes, size_t count)
{
    cl->answer = bytes;
    cl->answer_at = 0;
    cl->answer_size = count;
    cl->is_dead = !bytes;
}

/* Tells a reader that fell behind. Into its answer, so that it comes whole. */
static void say_missed(struct client *cl, uint64_t count)
{
    char text[96];
    int n =
        snprintf(text, sizeof(text), "\r\n[wirtd: %llu bytes are not kept any more]\r\n", (unsigned long long)count);

    answer_with(cl, strdup(text), (size_t)n);
}

/* Lines of the journal, always whole ones; who falls behind goes on with the oldest that is there, and sees by its
 * number what is missing. True: all of it. */
static bool put_lines(struct client *cl)
{
    char bytes[2 * EVENT_LINE_MAX];

    for (size_t done = 0; done < AT_ONCE;) {
        uint64_t first = event_first();
        const char *end;
        size_t count;
        ssize_t n;

        cl->at = cl->at < first ? first : cl->at;
        count = keep_read(cl->from, cl->at, bytes, sizeof(bytes));
        end = memrchr(bytes, '\n', count);
        if (!end)
            return true;
        count = (size_t)(end - bytes) + 1;
        n = put(cl, bytes, count);
        cl->is_dead = n < 0;
        if (n <= 0)
            return false;
        end = memchr(bytes + n - 1, '\n', count - (size_t)n + 1);
        cl->at += (uint64_t)(end - bytes) + 1;
        done += (size_t)n;
        if (end >= bytes + n) {
            size_t left = (size_t)(end + 1 - bytes) - (size_t)n;
            char *rest = malloc(left);

            if (rest)
                memcpy(rest, bytes + n, left);
            answer_with(cl, rest, left);
            return false;
        }
    }
    return false;
}

/* Output up to what there is, or AT_ONCE; true: all of it. */
static bool put_output(struct client *cl)
{
    const struct keep *keep = cl->from;
    uint64_t end = cl->is_log ? cl->end : keep->head.total;
    char bytes[4096];

    for (size_t done = 0; cl->at < end;) {
        uint64_t first = keep_first(keep);
        size_t count = sizeof(bytes);
        ssize_t n;

        if (cl->at < first) {
            if (!cl->is_log)
                say_missed(cl, first - cl->at);
            cl->at = first;
            if (!put_answer(cl))
                return false;
            continue;
        }
        if (count > end - cl->at)
            count = (size_t)(end - cl->at);
        count = keep_read(keep, cl->at, bytes, count);
        n = count ? put(cl, bytes, count) : -1;
        if (n < 0)
            cl->is_dead = true;
        if (n <= 0)
            return false;
        cl->at += (uint64_t)n;
        done += (size_t)n;
        if (done >= AT_ONCE)
            return false;
    }
    return true;
}

/* Whatever there is to send. The client may be dead then, and is freed by its caller. */
static void push(struct client *cl)
{
    bool is_done = put_answer(cl) && (!cl->from || (cl->console ? put_output(cl) : put_lines(cl)));

    cl->is_waiting_out = !is_done;
    if (is_done && (cl->is_last || cl->is_log))
        cl->is_dead = true;
    if (!cl->is_dead)
        listen_for(cl);
}

static void act(struct client *cl)
{
    struct answer answer = {0};
    size_t length;

    cl->line[strcspn(cl->line, "\r\n")] = 0;
    request_answer(cl->line, &answer);
    length = answer.text ? strlen(answer.text) : 0;
    cl->answer = realloc(answer.text, length + 2);
    if (!cl->answer) {
        free(answer.text);
        cl->is_dead = true;
        return;
    }
    cl->answer[length] = '\n';
    cl->answer_size = length + 1;
    cl->console = answer.console;
    cl->from = answer.does_follow ? event_journal() : answer.console ? &answer.console->keep : NULL;
    cl->is_log = answer.is_log;
    cl->is_last = !cl->from;
    cl->has_input_end = !answer.console;
    cl->at = answer.at;
    if (answer.console) {
        cl->end = answer.console->keep.head.total;
        cl->at = answer.does_replay || answer.is_log ? keep_first(&answer.console->keep) : cl->end;
    }
    push(cl);
}

static void read_request(struct client *cl)
{
    ssize_t n = read(cl->source.fd, cl->line + cl->line_count, 1);

    /* Byte by byte: what is typed behind the line belongs to the guest. */
    while (n == 1) {
        if (cl->line[cl->line_count] == '\n' || cl->line_count == LINE_MAX_BYTES - 1) {
            cl->line[cl->line_count] = 0;
            act(cl);
            return;
        }
        cl->line_count++;
        n = read(cl->source.fd, cl->line + cl->line_count, 1);
    }
    if (n == 0 || (errno != EAGAIN && errno != EINTR))
        cl->is_dead = true;
}

static void read_typed(struct client *cl)
{
    char bytes[INPUT_SIZE];
    ssize_t n;

    if (!console_has_room(cl->console)) {
        cl->is_waiting_room = true;
        listen_for(cl);
        return;
    }
    n = read(cl->source.fd, bytes, INPUT_SIZE - (size_t)cl->console->input_count);
    if (n > 0) {
        console_type(cl->console, bytes, (size_t)n);
    } else if (n == 0) {
        cl->has_input_end = true; /* it types no more, but may go on reading */
        listen_for(cl);
    } else if (errno != EAGAIN && errno != EINTR) {
        cl->is_dead = !cl->is_tty; /* a terminal that nobody has open says so by an error */
    }
}

static void client_ready(struct source *source, uint32_t events)
{
    struct client *cl = (struct client *)source;

    if (events & EPOLLIN) {
        if (cl->console && !cl->is_log)
            read_typed(cl);
        else if (!cl->from && !cl->is_last)
            read_request(cl);
    }
    if (!cl->is_dead && (events & EPOLLOUT))
        push(cl);
    if (cl->is_dead || (!cl->is_tty && events & (EPOLLHUP | EPOLLERR)))
        client_free(cl);
}

static void listener_ready(struct source *source, uint32_t events)
{
    static int64_t last_ms;
    int fd = accept4(source->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    (void)events;
    if (fd < 0)
        return;
    if (client_total >= CLIENT_MAX || !client_new(fd)) {
        static const char full[] =
            "{\"ok\":false,\"code\":5,\"object\":\"wirtd\",\"step\":\"take a client\",\"cause\":\"too many are "
            "connected\",\"next\":\"\"}\n";

        if (write(fd, full, sizeof(full) - 1) < 0 && log_is_due(&last_ms))
            log_warn("a client was sent away: %u are connected", client_total);
        close(fd);
    }
}

bool client_listen(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *path = daemon_state.options.socket;
    mode_t mask;
    int fd, bad;

    if (strlen(path) >= sizeof(address.sun_path)) {
        log_warn("socket %s: its path is longer than %zu bytes", path, sizeof(address.sun_path) - 1);
        return false;
    }
    strcpy(address.sun_path, path);
    unlink(path);
    mask = umask(0177);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bad = fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) || listen(fd, 64);
    umask(mask);
    if (bad) {
        log_warn("socket %s: %s", path, strerror(errno));
        return false;
    }
    listener = (struct source){.ready = listener_ready, .fd = fd};
    return source_add(&listener, EPOLLIN);
}

void client_close_socket(void)
{
    if (listener.fd >= 0)
        unlink(daemon_state.options.socket);
}

void client_kick(const struct keep *from)
{
    for (struct client *cl = clients, *next; cl; cl = next) {
        next = cl->next;
        if (cl->from != from || cl->is_waiting_out)
            continue;
        push(cl);
        if (cl->is_dead)
            client_free(cl);
    }
}

void client_hangup(struct console *c)
{
    for (struct client *cl = clients, *next; cl; cl = next) {
        next = cl->next;
        if (cl->console != c || cl->is_tty)
            continue;
        cl->is_last = true;
        push(cl);
        /* Who does not take the rest at once loses it only if the console itself is dropped. */
        if (cl->is_dead)
            client_free(cl);
    }
}

void client_drop(struct console *from)
{
    for (struct client *cl = clients, *next; cl; cl = next) {
        next = cl->next;
        if (cl->console == from)
            client_free(cl);
    }
}

void client_room(struct console *c)
{
    for (struct client *cl = clients; cl; cl = cl->next)
        if (cl->console == c && cl->is_waiting_room) {
            cl->is_waiting_room = false;
            listen_for(cl);
        }
}

uint32_t client_count(const struct console *c)
{
    uint32_t count = 0;

    for (struct client *cl = clients; cl; cl = cl->next)
        count += cl->console == c && !cl->is_tty && !cl->is_log;
    return count;
}

uint32_t client_count_all(void)
{
    return client_total;
}

/* A terminal that passes bytes as they are. Our own end of the other side keeps it from hanging up. */
static int open_terminal(char *name, size_t size, int *slave)
{
    int fd = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    struct termios mode;

    if (fd < 0)
        return -1;
    *slave = -1;
    if (!grantpt(fd) && !unlockpt(fd) && !ptsname_r(fd, name, size))
        *slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (*slave >= 0 && tcgetattr(*slave, &mode) == 0) {
        cfmakeraw(&mode);
        tcsetattr(*slave, TCSANOW, &mode);
        return fd;
    }
    if (*slave >= 0)
        close(*slave);
    close(fd);
    return -1;
}

const char *client_tty(struct console *c)
{
    static char name[64];
    char path[64];
    int fd, slave;

    if (c->tty)
        return ptsname_r(c->tty->source.fd, name, sizeof(name)) ? NULL : name;
    fd = open_terminal(name, sizeof(name), &slave);
    if (fd < 0) {
        log_warn("console of %s: no pseudo terminal: %s", c->name, strerror(errno));
        return NULL;
    }
    c->tty = client_new(fd);
    if (!c->tty) {
        close(fd);
        close(slave);
        return NULL;
    }
    c->tty->console = c;
    c->tty->from = &c->keep;
    c->tty->is_tty = true;
    c->tty->slave = slave;
    c->tty->at = keep_first(&c->keep);
    snprintf(path, sizeof(path), "/local/domain/%u/console/tty", c->keep.head.domid);
    store_set(path, "%s", name);
    push(c->tty);
    return name;
}

void client_tty_close(struct console *c)
{
    if (c->tty)
        client_free(c->tty);
}
