/* SPDX-License-Identifier: MIT */
/*
 * The connection to xenstored, which stays with the handle. A connection that owes an answer when patience has ended is
 * not given up, and nothing is asked before that has come: what comes there tells that xenstored lives, and a xenstored
 * that is stopped gets no more connections from here than one.
 */
#include "batch_wire.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define AGAIN_MS 5000

void wire_hang_up(struct wirt *w)
{
    if (w->batch_fd > 0)
        close(w->batch_fd);
    w->batch_fd = 0;
    w->owes_answer = false;
}

static uint64_t clock_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

void batch_patience(struct wirt *w, int ms)
{
    w->patience_ms = ms;
    w->does_recover = true;
}

uint64_t batch_silence_ms(const struct wirt *w)
{
    return w->silent_ms ? clock_ms() + 1 - w->silent_ms : 0;
}

static void be_silent(struct wirt *w, bool is_late)
{
    w->is_late = is_late;
    w->silences++;
    if (!w->silent_ms)
        w->silent_ms = clock_ms() - (is_late ? (uint64_t)w->patience_ms : 0);
}

/* The process that has the socket, and what is to be done about it. */
static void who_hangs(int pid, char who[96], char next[96])
{
    char path[32], name[17] = "", state = 0;
    FILE *file;

    snprintf(who, 96, "who has its socket is not known");
    snprintf(next, 96, "see whether xenstored is stopped or busy");
    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    file = pid > 0 ? fopen(path, "re") : NULL;
    if (!file)
        return;
    if (fscanf(file, "%*d (%16[^)]) %c", name, &state) == 2) {
        snprintf(who, 96, "process %d (%s) has its socket and %s", pid, name,
                 state == 'T' || state == 't' ? "is stopped" : "hangs or is busy");
        snprintf(next, 96,
                 state == 'T' || state == 't' ? "try kill -CONT %d" : "see /proc/%d/stack and xenstored's log", pid);
    }
    fclose(file);
}

int wire_give_up(struct wirt *w, const char *object, const char *step)
{
    char who[96], next[96];

    be_silent(w, w->is_late);
    if (!w->owes_answer)
        wire_hang_up(w);
    if (!w->is_late)
        return wirt_fail(w, WIRT_NO_HOST, object, step, "is xenstored running?", "xenstored hung up");
    who_hangs(w->store_pid, who, next);
    return wirt_fail(w, WIRT_NO_HOST, object, step, next, "xenstored does not answer, for %lu s now: %s waits; %s",
                     (unsigned long)batch_silence_ms(w) / 1000, w->asked, who);
}

/* No room for more: a connection that has taken half a question is of no use, and another one is not made at once. */
static bool is_full(struct wirt *w)
{
    wire_hang_up(w);
    w->again_ms = clock_ms() + AGAIN_MS;
    w->is_late = true;
    return false;
}

static bool connect_to(struct wirt *w)
{
    struct timeval most = {.tv_sec = w->patience_ms / 1000, .tv_usec = w->patience_ms % 1000 * 1000};
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    struct ucred peer = {0};
    socklen_t size = sizeof(peer);

    snprintf(to.sun_path, sizeof(to.sun_path), "%s", xs_daemon_socket());
    w->batch_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (w->batch_fd < 0 || setsockopt(w->batch_fd, SOL_SOCKET, SO_SNDTIMEO, &most, sizeof(most)) ||
        connect(w->batch_fd, (struct sockaddr *)&to, sizeof(to)))
        return false;
    getsockopt(w->batch_fd, SOL_SOCKET, SO_PEERCRED, &peer, &size);
    w->store_pid = peer.pid;
    return true;
}

int wire_call_up(struct wirt *w)
{
    struct pollfd late = {.fd = w->batch_fd, .events = POLLIN};

    if ((w->is_late && !w->does_recover) || w->again_ms > clock_ms() || (w->owes_answer && poll(&late, 1, 0) == 0))
        return wire_give_up(w, "xenstored", "wait for its answer");
    if (w->owes_answer)
        wire_hang_up(w);
    w->is_late = false;
    if (w->batch_fd > 0 || connect_to(w))
        return 0;
    if (errno == EAGAIN) {
        snprintf(w->asked, sizeof(w->asked), "a connection");
        is_full(w);
        return wire_give_up(w, "xenstored", "connect");
    }
    fail_errno(w, WIRT_NO_HOST, "xenstored", "connect", "is it running? try systemctl start xenstored",
               "it does not answer on %s", xs_daemon_socket());
    wire_hang_up(w);
    be_silent(w, false);
    return WIRT_NO_HOST;
}

/* In words, the first of those in `data`. */
static void note_asked(struct wirt *w, const char *data)
{
    static const char *const words[] = {[XS_DIRECTORY] = "list",
                                        [XS_READ] = "read",
                                        [XS_GET_PERMS] = "read who may use",
                                        [XS_TRANSACTION_START] = "begin a transaction",
                                        [XS_TRANSACTION_END] = "end a transaction",
                                        [XS_INTRODUCE] = "introduce domain",
                                        [XS_RELEASE] = "release domain",
                                        [XS_WRITE] = "write",
                                        [XS_MKDIR] = "make",
                                        [XS_RM] = "remove",
                                        [XS_SET_PERMS] = "say who may use",
                                        [XS_DIRECTORY_PART] = "list more of"};
    const char *path = data + sizeof(struct xsd_sockmsg), *word = NULL;
    struct xsd_sockmsg m;

    memcpy(&m, data, sizeof(m));
    if (m.type < sizeof(words) / sizeof(words[0]))
        word = words[m.type];
    if (m.type == XS_TRANSACTION_START || m.type == XS_TRANSACTION_END)
        path = "";
    snprintf(w->asked, sizeof(w->asked), "'%s%s%.60s'", word ? word : "ask", *path ? " " : "", path);
}

bool wire_send(struct wirt *w, const char *data, size_t size)
{
    note_asked(w, data);
    while (size) {
        ssize_t n = send(w->batch_fd, data, size, MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return is_full(w);
        if (n <= 0)
            return false;
        data += n;
        size -= (size_t)n;
    }
    return true;
}

void wire_begin(struct wire_inbox *in, struct wirt *w)
{
    in->w = w;
    in->until_ms = clock_ms() + (uint64_t)w->patience_ms;
    in->have = in->taken = 0;
}

/* False: not in time. */
static bool has_come(const struct wire_inbox *in)
{
    struct pollfd wait = {.fd = in->w->batch_fd, .events = POLLIN};
    uint64_t now = clock_ms();

    if (!in->w->patience_ms || poll(&wait, 1, in->until_ms > now ? (int)(in->until_ms - now) : 0))
        return true;
    in->w->owes_answer = in->w->is_late = true;
    return false;
}

/* At least `size` bytes that are not taken yet. */
static bool receive(struct wire_inbox *in, size_t size)
{
    if (in->have - in->taken >= size)
        return true;
    memmove(in->data, in->data + in->taken, in->have - in->taken);
    in->have -= in->taken;
    in->taken = 0;
    while (in->have < size) {
        ssize_t n;

        if (!has_come(in))
            return false;
        n = recv(in->w->batch_fd, in->data + in->have, sizeof(in->data) - in->have, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        in->have += (size_t)n;
    }
    return true;
}

bool wire_answer(struct wire_inbox *in, uint32_t id, struct xsd_sockmsg *m, char text[XENSTORE_PAYLOAD_MAX + 1])
{
    do {
        if (!receive(in, sizeof(*m)))
            return false;
        memcpy(m, in->data + in->taken, sizeof(*m));
        if (m->len > XENSTORE_PAYLOAD_MAX || !receive(in, sizeof(*m) + m->len))
            return false;
        memcpy(text, in->data + in->taken + sizeof(*m), m->len);
        in->taken += sizeof(*m) + m->len;
    } while (m->type == XS_WATCH_EVENT);
    text[m->len] = 0;
    return m->req_id == id;
}
