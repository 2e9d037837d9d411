// SPDX-License-Identifier: MIT
/*
 * Clients of the daemon: peers talk to it as programs and guests do, and what is said comes as text. Ring peers wait on
 * their bell, as a guest does that has nothing else to do.
 */
#include "rig.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

struct peer *peer_socket(void)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    struct peer *p = calloc(1, sizeof(*p));

    p->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(at.sun_path, sizeof(at.sun_path), "%.100s/socket", run_dir);
    for (int i = 0; connect(p->fd, (struct sockaddr *)&at, sizeof(at)); i++) {
        if (i > patience_ms / 5)
            return p;
        usleep(5000);
    }
    return p;
}

struct peer *peer_ring(unsigned domid)
{
    struct peer *p = calloc(1, sizeof(*p));
    char name[40];
    int fd;

    p->fd = -1;
    p->domid = domid;
    snprintf(name, sizeof(name), "%u.page", domid);
    fd = open(rig_path(name), O_RDWR);
    p->page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    snprintf(name, sizeof(name), "%u.bell", domid);
    p->bell = open(rig_path(name), O_RDWR | O_NONBLOCK);
    p->events = open(rig_path("events"), O_RDWR | O_NONBLOCK);
    if (p->page == MAP_FAILED)
        abort();
    return p;
}

struct peer *peer_domain(unsigned domid)
{
    struct peer *s = peer_socket();

    rig_domain(domid, false, false, domid + 1000);
    callf(s, XS_MKDIR, 0, "/local/domain/%u|", domid);
    callf(s, XS_SET_PERMS, 0, "/local/domain/%u|n%u|", domid, domid);
    IS(callf(s, XS_INTRODUCE, 0, "%u|%u|5|", domid, 1000 + domid), "OK|");
    peer_close(s);
    return peer_ring(domid);
}

void peer_close(struct peer *p)
{
    if (p->fd >= 0)
        close(p->fd);
    else {
        munmap((void *)p->page, 4096);
        close(p->bell);
        close(p->events);
    }
    free(p->queue);
    free(p);
}

static uint64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000u + (uint64_t)t.tv_nsec / 1000000u;
}

void peer_kick(struct peer *p)
{
    int32_t port = (int32_t)p->domid + 16;

    if (write(p->events, &port, sizeof(port)) < 0)
        errno = 0;
}

void peer_reconnect(struct peer *g)
{
    g->page->connection = XENSTORE_RECONNECT;
    peer_kick(g);
    for (int i = 0; i < 200 && g->page->connection != XENSTORE_CONNECTED; i++)
        usleep(5000);
    g->in_len = 0;
    CHECK(g->page->connection == XENSTORE_CONNECTED && g->page->error == XENSTORE_ERROR_NONE);
    CHECK(!g->page->req_prod && !g->page->req_cons && !g->page->rsp_prod && !g->page->rsp_cons);
}

/* And nothing but the bell wakes: who is not rung for does not look. */
static void sleep_on_bell(struct peer *p, uint64_t until)
{
    struct pollfd f = {.fd = p->bell, .events = POLLIN};
    uint64_t now = now_ms();
    char byte[64];

    if (poll(&f, 1, now < until ? (int)(until - now) : 0) > 0 && read(p->bell, byte, sizeof(byte)) < 0)
        errno = 0;
}

bool peer_put(struct peer *p, const void *data, size_t length, int timeout_ms)
{
    uint64_t until = now_ms() + (uint64_t)timeout_ms;
    const char *from = data;

    if (p->fd >= 0)
        return send(p->fd, data, length, MSG_NOSIGNAL) == (ssize_t)length;
    while (length) {
        uint32_t prod = p->page->req_prod;
        uint32_t room = XENSTORE_RING_SIZE - (prod - __atomic_load_n(&p->page->req_cons, __ATOMIC_ACQUIRE));

        if (room > XENSTORE_RING_SIZE || now_ms() > until)
            return false;
        if (room > length)
            room = (uint32_t)length;
        for (uint32_t i = 0; i < room; i++)
            p->page->req[MASK_XENSTORE_IDX(prod + i)] = from[i];
        __atomic_store_n(&p->page->req_prod, prod + room, __ATOMIC_RELEASE);
        from += room;
        length -= room;
        /* As Linux does: only who may have found nothing more to do is woken. */
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        if (prod == p->page->req_cons)
            peer_kick(p);
        if (length)
            sleep_on_bell(p, until);
    }
    return true;
}

bool peer_send(struct peer *p, uint32_t type, uint32_t tx, const void *data, size_t length)
{
    char message[16 + 8192];
    struct xsd_sockmsg h = {type, ++p->next_id, tx, (uint32_t)length};

    memcpy(message, &h, sizeof(h));
    memcpy(message + sizeof(h), data, length);
    if (p->fd < 0) /* a guest's kernel puts one piece after the other */
        return peer_put(p, message, sizeof(h), 2 * patience_ms) &&
               peer_put(p, message + sizeof(h), length / 2, 2 * patience_ms) &&
               peer_put(p, message + sizeof(h) + length / 2, length - length / 2, 2 * patience_ms);
    return peer_put(p, message, sizeof(h) + length, 2 * patience_ms);
}

struct pile pile;
void peer_add(struct peer *p, uint32_t type, uint32_t tx, const char *format, ...)
{
    char *payload = pile.data + pile.used + sizeof(struct xsd_sockmsg);
    struct xsd_sockmsg h = {type, ++p->next_id, tx, 0};
    va_list args;

    va_start(args, format);
    h.len = (uint32_t)vsnprintf(payload, XENSTORE_PAYLOAD_MAX + 1, format, args);
    va_end(args);
    for (char *c = payload; (c = memchr(c, '|', (size_t)(payload + h.len - c)));)
        *c = 0;
    memcpy(pile.data + pile.used, &h, sizeof(h));
    pile.used += sizeof(h) + h.len;
}

void peer_go(struct peer *p)
{
    CHECK(peer_put(p, pile.data, pile.used, patience_ms));
    pile.used = 0;
}

bool peer_is_over(struct peer *p)
{
    struct pollfd f = {.fd = p->fd, .events = POLLIN};
    char byte;

    return poll(&f, 1, patience_ms) > 0 && recv(p->fd, &byte, 1, 0) == 0;
}

static bool more(struct peer *p, size_t want, uint64_t until)
{
    while (p->in_len < want) {
        uint64_t now = now_ms();
        int left = now < until ? (int)(until - now) : 0;

        if (p->fd >= 0) {
            struct pollfd f = {.fd = p->fd, .events = POLLIN};
            ssize_t n;

            if (poll(&f, 1, left) <= 0)
                return false;
            n = recv(p->fd, p->in + p->in_len, want - p->in_len, MSG_DONTWAIT);
            if (n <= 0)
                return false;
            p->in_len += (size_t)n;
        } else {
            uint32_t cons = p->page->rsp_cons;
            uint32_t ready = __atomic_load_n(&p->page->rsp_prod, __ATOMIC_ACQUIRE) - cons;

            if (!ready) {
                if (!left)
                    return false;
                sleep_on_bell(p, until);
                continue;
            }
            if (ready > want - p->in_len)
                ready = (uint32_t)(want - p->in_len);
            for (uint32_t i = 0; i < ready; i++)
                p->in[p->in_len + i] = p->page->rsp[MASK_XENSTORE_IDX(cons + i)];
            p->in_len += ready;
            __atomic_store_n(&p->page->rsp_cons, cons + ready, __ATOMIC_RELEASE);
            __atomic_thread_fence(__ATOMIC_SEQ_CST);
            if (p->page->rsp_prod - cons >= XENSTORE_RING_SIZE)
                peer_kick(p);
        }
    }
    return true;
}

bool peer_next(struct peer *p, struct message *m, int timeout_ms)
{
    uint64_t until = now_ms() + (uint64_t)timeout_ms;

    if (!more(p, sizeof(m->h), until))
        return false;
    memcpy(&m->h, p->in, sizeof(m->h));
    if (m->h.len > XENSTORE_PAYLOAD_MAX || !more(p, sizeof(m->h) + m->h.len, until))
        return false;
    memcpy(m->data, p->in + sizeof(m->h), m->h.len);
    m->data[m->h.len] = 0;
    p->in_len = 0;
    return true;
}

bool peer_answer(struct peer *p, struct message *m, int timeout_ms)
{
    while (peer_next(p, m, timeout_ms)) {
        if (m->h.type != XS_WATCH_EVENT)
            return true;
        if (p->queued == p->queue_size) {
            p->queue_size = p->queue_size * 2 + 8;
            p->queue = realloc(p->queue, p->queue_size * sizeof(*m));
        }
        p->queue[p->queued++] = *m;
    }
    return false;
}

static char *text_slot(void)
{
    static char slots[16][XENSTORE_PAYLOAD_MAX + 8];
    static unsigned turn;

    return slots[turn++ % 16];
}

static const char *as_text(const struct message *m)
{
    char *t = text_slot(), *at = t;

    if (m->h.type == XS_ERROR)
        *at++ = '!';
    for (uint32_t i = 0; i < m->h.len; i++)
        *at++ = m->data[i] ? m->data[i] : '|';
    if (m->h.type == XS_ERROR && at > t && at[-1] == '|')
        at--;
    *at = 0;
    return t;
}

const char *peer_said(struct peer *p)
{
    struct message m;
    char *marked;

    if (!peer_next(p, &m, patience_ms))
        return "(none)";
    if (m.h.type != XS_WATCH_EVENT)
        return as_text(&m);
    marked = text_slot();
    snprintf(marked, XENSTORE_PAYLOAD_MAX + 8, "*%.*s", XENSTORE_PAYLOAD_MAX, as_text(&m));
    return marked;
}

const char *call(struct peer *p, uint32_t type, uint32_t tx, const char *payload)
{
    char data[8192];
    size_t length = strlen(payload);
    struct message m;

    for (size_t i = 0; i < length; i++)
        data[i] = payload[i] == '|' ? 0 : payload[i];
    if (!peer_send(p, type, tx, data, length) || !peer_answer(p, &m, patience_ms))
        return "(none)";
    if (m.h.req_id != p->next_id || m.h.tx_id != tx || (m.h.type != type && m.h.type != XS_ERROR))
        return "(an answer to something else)";
    return as_text(&m);
}

const char *callf(struct peer *p, uint32_t type, uint32_t tx, const char *format, ...)
{
    char payload[8192];
    va_list args;

    va_start(args, format);
    vsnprintf(payload, sizeof(payload), format, args);
    va_end(args);
    return call(p, type, tx, payload);
}

unsigned rig_reported(struct peer *p, const char *word)
{
    const char *text = call(p, XS_CONTROL, 0, "memreport|"), *at = strstr(text, word);

    if (*word != ' ')
        return at ? (unsigned)strtoul(at + strlen(word), NULL, 10) : ~0u;
    while (at > text && at[-1] >= '0' && at[-1] <= '9')
        at--;
    return at ? (unsigned)strtoul(at, NULL, 10) : ~0u;
}

uint32_t txn(struct peer *p)
{
    const char *text = call(p, XS_TRANSACTION_START, 0, "|");

    check(text[0] != '!' && text[0] != '(', __FILE__, __LINE__, "a transaction starts", text);
    return (uint32_t)strtoul(text, NULL, 10);
}

const char *end(struct peer *p, uint32_t tx, bool is_commit)
{
    return call(p, XS_TRANSACTION_END, tx, is_commit ? "T|" : "F|");
}

const char *event_in(struct peer *p, int timeout_ms)
{
    struct message m;

    if (p->queued) {
        m = p->queue[0];
        memmove(p->queue, p->queue + 1, --p->queued * sizeof(m));
        return as_text(&m);
    }
    return peer_next(p, &m, timeout_ms) && m.h.type == XS_WATCH_EVENT ? as_text(&m) : "(none)";
}

const char *event(struct peer *p)
{
    return event_in(p, 1000);
}

const char *no_event(struct peer *p)
{
    if (!p->queued)
        call(p, XS_GET_DOMAIN_PATH, 0, "1|");
    return p->queued ? event_in(p, 0) : "(none)";
}
