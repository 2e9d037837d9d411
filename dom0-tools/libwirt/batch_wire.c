/* SPDX-License-Identifier: MIT */
/*
 * The connection that batches go over, which stays with the handle. Who is not patient (batch_patience) does not give a
 * connection up that owes an answer, and asks nothing before that has come: for what comes there tells that xenstored
 * lives, and a xenstored that is stopped gets no more connections from here than one.
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

void wire_hang_up(struct wirt *w)
{
    if (w->batch_fd > 0)
        close(w->batch_fd);
    w->batch_fd = 0;
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
}

uint64_t batch_silence_ms(const struct wirt *w)
{
    return w->silent_ms ? clock_ms() + 1 - w->silent_ms : 0;
}

static void be_silent(struct wirt *w)
{
    if (!w->silent_ms)
        w->silent_ms = clock_ms() - (uint64_t)w->patience_ms;
}

int wire_give_up(struct wirt *w, const char *object, const char *step)
{
    be_silent(w);
    if (w->owes_answer)
        return wirt_fail(w, WIRT_NO_HOST, object, step, "see whether xenstored is stopped or busy",
                         "xenstored does not answer, for %lu s now", (unsigned long)batch_silence_ms(w) / 1000);
    wire_hang_up(w);
    return wirt_fail(w, WIRT_NO_HOST, object, step, "is xenstored running?", "xenstored hung up");
}

int wire_call_up(struct wirt *w)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    struct pollfd late = {.fd = w->batch_fd, .events = POLLIN};

    if (w->owes_answer && poll(&late, 1, 0) == 0)
        return wire_give_up(w, "xenstored", "wait for its answer");
    if (w->owes_answer)
        wire_hang_up(w);
    w->owes_answer = false;
    if (w->batch_fd > 0)
        return 0;
    snprintf(to.sun_path, sizeof(to.sun_path), "%s", xs_daemon_socket());
    w->batch_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | (w->patience_ms ? SOCK_NONBLOCK : 0), 0);
    if (w->batch_fd < 0 || connect(w->batch_fd, (struct sockaddr *)&to, sizeof(to))) {
        fail_errno(w, WIRT_NO_HOST, "xenstored", "connect", "is it running? try systemctl start xenstored",
                   "it does not answer on %s", to.sun_path);
        wire_hang_up(w);
        be_silent(w);
        return WIRT_NO_HOST;
    }
    return 0;
}

bool wire_send(struct wirt *w, const char *data, size_t size)
{
    while (size) {
        ssize_t n = send(w->batch_fd, data, size, MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
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
    in->w->owes_answer = true;
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
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
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
