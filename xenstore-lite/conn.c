// SPDX-License-Identifier: MIT
/*
 * Connections. A client's next request is not looked at before its last answer has left, so that what waits for a
 * client that does not read is bounded: one answer, and events up to a quota. Of a client on the socket, which is
 * dom0's, a pass answers as many requests as came together, as long as their answers are no more than the longest one.
 * Beyond the quota a watch collapses: its further events become one, for the watched path itself, sent when there is
 * room again. So a client always learns that something changed below its path, and no answer is ever lost.
 * What goes to a ring goes into the log first; rings go on from there after a restart (state.c, domain.c).
 */
#include "conn.h"
#include "domain.h"
#include "log.h"
#include "loop.h"
#include "mem.h"
#include "quota.h"
#include "request.h"
#include "state.h"
#include "txn.h"
#include "watch.h"

#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define DOM0_EVENTS 64u         /* times the quota: dom0 watches all domains */
#define READ_BYTES  (16u << 10) /* of a socket, at a time */
#define BURST       64u         /* requests of a socket, in a pass */
#define PIECES      64u         /* messages that one send takes */

struct conn *conn_all;
static struct conn *ready, **ready_last = &ready, *dirty, **dirty_last = &dirty;

struct conn *conn_create(uint32_t domid, int fd, struct domain *domain)
{
    struct conn *c = mem_alloc(sizeof(*c));

    c->who = (struct who){domid, PERM_NO_TARGET};
    c->fd = fd;
    c->domain = domain;
    c->out_last = &c->out;
    c->next = conn_all;
    c->link = &conn_all;
    if (c->next)
        c->next->link = &c->next;
    conn_all = c;
    return c;
}

void conn_reset(struct conn *c)
{
    while (c->watches)
        watch_destroy(c->watches);
    while (c->txns)
        txn_destroy(c->txns);
    if (c->domain)
        state_put(&(struct state_entry){STATE_RESET, c->who.domid});
}

static void pop(struct conn *c)
{
    struct out *o = c->out;

    c->out = o->next;
    if (!c->out)
        c->out_last = &c->out;
    *(o->is_event ? &c->event_bytes : &c->answer_bytes) -= o->len;
    c->out_off = 0;
    mem_free(o);
}

void conn_clear(struct conn *c)
{
    while (c->out)
        pop(c);
    mem_free(c->in);
    c->in = NULL;
    c->in_len = 0;
}

void conn_set_partial(struct conn *c, const char *data, size_t length)
{
    mem_free(c->in);
    c->in = NULL;
    c->in_len = 0;
    if (!length || length > WIRE_MAX)
        return;
    c->in = mem_alloc(WIRE_MAX);
    memcpy(c->in, data, length);
    c->in_len = (uint32_t)length;
}

size_t conn_waiting(const struct conn *c)
{
    size_t sum = 0;

    for (const struct out *o = c->out; o; o = o->next)
        sum += o->len;
    return sum - c->out_off;
}

void conn_skip(struct conn *c, size_t length)
{
    while (c->out && length >= c->out->len - c->out_off) {
        length -= c->out->len - c->out_off;
        pop(c);
    }
    c->out_off += (uint32_t)length;
}

/* A connection on one of the lists is left there, dead, until the loop comes past. */
void conn_destroy(struct conn *c)
{
    if (!c->is_dead) {
        conn_reset(c);
        conn_clear(c);
        if (c->fd >= 0)
            close(c->fd);
        *c->link = c->next;
        if (c->next)
            c->next->link = c->link;
        c->is_dead = true;
    }
    if (!c->is_ready && !c->is_dirty)
        mem_free(c);
}

void conn_ready(struct conn *c)
{
    if (c->is_ready)
        return;
    c->is_ready = true;
    c->ready_next = NULL;
    *ready_last = c;
    ready_last = &c->ready_next;
}

void conn_dirty(struct conn *c)
{
    if (c->is_dirty)
        return;
    c->is_dirty = true;
    c->dirty_next = NULL;
    *dirty_last = c;
    dirty_last = &c->dirty_next;
}

struct conn *conn_take_ready(void)
{
    struct conn *c = ready;

    ready = NULL;
    ready_last = &ready;
    return c;
}

struct conn *conn_take_dirty(void)
{
    struct conn *c = dirty;

    dirty = NULL;
    dirty_last = &dirty;
    return c;
}

bool conn_has_ready(void)
{
    return ready;
}

static bool is_mute(const struct conn *c)
{
    return c->is_dead || (c->domain && c->domain->is_broken);
}

void conn_push(struct conn *c, const void *data, size_t length, bool is_event)
{
    struct out *o;

    if (is_mute(c))
        return;
    o = mem_alloc(sizeof(*o) + length);
    o->len = (uint32_t)length;
    o->is_event = is_event;
    memcpy(o->data, data, length);
    *c->out_last = o;
    c->out_last = &o->next;
    *(is_event ? &c->event_bytes : &c->answer_bytes) += o->len;
    if (c->domain)
        domain_owes(c->domain, data, length, is_event);
    conn_dirty(c);
}

void conn_reply(struct conn *c, const struct xsd_sockmsg *to, const void *data, size_t length)
{
    struct {
        struct xsd_sockmsg header;
        char payload[XENSTORE_PAYLOAD_MAX];
    } message;

    message.header = *to;
    message.header.len = (uint32_t)length;
    if (length)
        memcpy(message.payload, data, length);
    conn_push(c, &message, WIRE_HEADER + length, false);
}

void conn_error(struct conn *c, const struct xsd_sockmsg *to, int errnum)
{
    const char *name = wire_error_name(errnum);
    struct xsd_sockmsg header = *to;

    header.type = XS_ERROR;
    conn_reply(c, &header, name, strlen(name) + 1);
}

static uint64_t event_limit(const struct conn *c)
{
    uint64_t limit = quota_table[QUOTA_EVENT_BYTES].limit;

    return c->who.domid ? limit : limit * DOM0_EVENTS;
}

static void collapse(struct conn *c, struct watch *w, bool is)
{
    const char *path = watch_path(w);

    w->is_collapsed = is;
    c->collapsed_count += is ? 1u : -1u;
    if (c->domain)
        state_put(
            &(struct state_entry){STATE_COLLAPSE, c->who.domid, is, path, w->token, strlen(path), strlen(w->token)});
}

void conn_event(struct conn *c, struct watch *w, const char *path)
{
    char message[WIRE_MAX];
    struct xsd_sockmsg header = {.type = XS_WATCH_EVENT};
    size_t path_size = strlen(path) + 1, token_size = strlen(w->token) + 1;

    if (w->is_collapsed || is_mute(c))
        return;
    header.len = (uint32_t)(path_size + token_size);
    if (c->event_bytes + WIRE_HEADER + header.len > event_limit(c)) {
        log_domain(c->who.domid, LOG_HELD,
                   "does not read its events: more than %llu bytes wait (quota event-bytes); "
                   "further ones of a watch become one",
                   (unsigned long long)event_limit(c));
        collapse(c, w, true);
        return;
    }
    memcpy(message, &header, WIRE_HEADER);
    memcpy(message + WIRE_HEADER, path, path_size);
    memcpy(message + WIRE_HEADER + path_size, w->token, token_size);
    conn_push(c, message, WIRE_HEADER + header.len, true);
}

/* Gives collapsed watches their one event. */
static void unfold(struct conn *c)
{
    for (struct watch *w = c->watches; w && c->collapsed_count; w = w->conn_next) {
        if (c->event_bytes > event_limit(c) / 2)
            return;
        if (w->is_collapsed) {
            collapse(c, w, false);
            conn_event(c, w, watch_path(w));
        }
    }
}

static void refuse_length(struct conn *c, uint32_t length)
{
    if (c->domain)
        domain_break(c->domain, XENSTORE_ERROR_PROTO, "a request of %u bytes, %u are allowed", length,
                     XENSTORE_PAYLOAD_MAX);
    else {
        log_line("a client on the socket sent a request of %u bytes, %u are allowed: connection closed", length,
                 XENSTORE_PAYLOAD_MAX);
        conn_destroy(c);
    }
}

/* The bytes of the request that begins here, as far as the first `have` of them say: its header, if no more. */
static size_t size_of(const char *data, size_t have)
{
    struct xsd_sockmsg header;

    if (have < WIRE_HEADER)
        return WIRE_HEADER;
    memcpy(&header, data, WIRE_HEADER);
    return WIRE_HEADER + (size_t)header.len;
}

/* True: a whole request of a domain's stands in c->in. */
static bool fill(struct conn *c)
{
    size_t want;
    long n;

    if (!c->in)
        c->in = mem_alloc(WIRE_MAX);
    for (;;) {
        want = size_of(c->in, c->in_len);
        if (want > WIRE_MAX) {
            refuse_length(c, (uint32_t)(want - WIRE_HEADER));
            return false;
        }
        if (c->in_len == want)
            return true;
        n = domain_take(c->domain, c->in + c->in_len, want - c->in_len);
        if (n < 0)
            return false;
        if (!n)
            break;
        c->in_len += (uint32_t)n;
    }
    domain_keep_partial(c->domain);
    if (!c->in_len) {
        mem_free(c->in);
        c->in = NULL;
    }
    return false;
}

static void step_ring(struct conn *c)
{
    char *in;

    if (!fill(c))
        return;
    in = c->in;
    c->in = NULL;
    c->in_len = 0;
    domain_consumed(c->domain);
    request_handle(c, in);
    mem_free(in);
    conn_ready(c);
}

/* What has been read of a socket and is not yet done. */
static void keep(struct conn *c, const char *data, size_t length)
{
    char *in = length ? mem_alloc(length) : NULL;

    if (length)
        memcpy(in, data, length);
    mem_free(c->in);
    c->in = in;
    c->in_len = (uint32_t)length;
}

static void step_socket(struct conn *c)
{
    static char data[READ_BYTES];
    size_t have = c->in_len, at = 0, size = size_of(c->in, have);
    unsigned done = 0;

    if (have)
        memcpy(data, c->in, have);
    if (have < size && size <= WIRE_MAX) {
        ssize_t n = recv(c->fd, data + have, sizeof(data) - have, MSG_DONTWAIT);

        if (n <= 0) {
            if (!n || (errno != EAGAIN && errno != EINTR))
                conn_destroy(c);
            return;
        }
        have += (size_t)n;
    }
    while (size = size_of(data + at, have - at), size <= have - at && size <= WIRE_MAX) {
        if (done == BURST || c->answer_bytes >= XENSTORE_PAYLOAD_MAX)
            break;
        request_handle(c, data + at);
        at += size;
        done++;
    }
    if (size > WIRE_MAX && !done) {
        refuse_length(c, (uint32_t)(size - WIRE_HEADER));
        return;
    }
    keep(c, data + at, have - at);
    if (size <= have - at || size > WIRE_MAX)
        conn_ready(c);
}

void conn_step(struct conn *c)
{
    if (is_mute(c))
        return;
    unfold(c);
    c->waits_for_out = c->out;
    if (c->out)
        return;
    if (c->domain)
        step_ring(c);
    else
        step_socket(c);
}

static bool send_out(struct conn *c)
{
    while (c->out) {
        struct iovec piece[PIECES];
        struct msghdr all = {.msg_iov = piece};
        size_t skip = c->out_off;
        ssize_t n;

        for (struct out *o = c->out; o && all.msg_iovlen < PIECES; o = o->next, skip = 0)
            piece[all.msg_iovlen++] = (struct iovec){o->data + skip, o->len - skip};
        n = sendmsg(c->fd, &all, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return true;
        if (n < 0)
            return false;
        conn_skip(c, (size_t)n);
    }
    return true;
}

static bool put_out(struct conn *c)
{
    while (c->out) {
        struct out *o = c->out;
        long n = ring_put(&c->domain->ring, o->data + c->out_off, o->len - c->out_off);

        if (n < 0)
            return false;
        c->out_off += (uint32_t)n;
        if (c->out_off < o->len)
            break;
        pop(c);
    }
    return true;
}

void conn_flush(struct conn *c)
{
    if (c->is_dead)
        return;
    if (c->domain) {
        if (!domain_is_served(c->domain))
            return;
        do {
            if (!put_out(c)) {
                domain_break(c->domain, XENSTORE_ERROR_RINGIDX, "impossible indexes in the replies' ring");
                return;
            }
            domain_publish(c->domain);
        } while (c->out && ring_has_room(&c->domain->ring));
    } else if (!send_out(c)) {
        conn_destroy(c);
        return;
    } else if (c->polled != (c->out ? EPOLLOUT : EPOLLIN)) {
        c->polled = c->out ? EPOLLOUT : EPOLLIN;
        loop_poll(c->fd, c, c->polled);
    }
    if (!c->out && (c->waits_for_out || c->collapsed_count))
        conn_ready(c);
}
