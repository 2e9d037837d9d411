/* SPDX-License-Identifier: MIT */
/*
 * Scrapers' connections. One request each, answered and closed. Nobody here is waited for: a client has a fixed room
 * for its request, a fixed time from its coming to its going, and a place among few; the answer is one text that all
 * share, so a slow reader costs its socket and nothing else. TCP is for the loopback interface alone, as there is
 * neither a password nor a cipher.
 */
#include "http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon.h"
#include "internal.h"
#include "metrics.h"

#define CLIENTS_MOST 16
#define HEAD_MOST    4096
#define ASK_MS       5000  /* from its coming to the end of its request */
#define ALL_MS       15000 /* and to its going */

struct http {
    struct source source; /* first: the loop hands out its address */
    struct http *next;
    int64_t until_ms;
    size_t have, at, head_size; /* of the request; of head and text, which of them are written */
    struct exposition *text;    /* NULL: the answer is all in head */
    bool is_ending;             /* all is written: what still comes is dropped until the other side closes */
    bool has_input_end;         /* it closed its sending side, and may still read */
    char request[HEAD_MOST], head[640];
};
static struct http *clients;
static unsigned int client_total;
static struct source listeners[2] = {{.fd = -1}, {.fd = -1}};

static void drop(struct http *h)
{
    struct http **at = &clients;

    while (*at != h)
        at = &(*at)->next;
    *at = h->next;
    client_total--;
    source_remove(&h->source);
    close(h->source.fd);
    metrics_put(h->text);
    free(h);
}

static const char *reason(int status)
{
    static const struct {
        int status;
        const char *text;
    } reasons[] = {{200, "OK"},
                   {400, "Bad Request"},
                   {404, "Not Found"},
                   {405, "Method Not Allowed"},
                   {408, "Request Timeout"},
                   {431, "Request Header Fields Too Large"},
                   {500, "Internal Server Error"},
                   {503, "Service Unavailable"},
                   {505, "HTTP Version Not Supported"}};

    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
        if (reasons[i].status == status)
            return reasons[i].text;
    return "Error";
}

/* A whole answer with a line of text. */
static size_t put_refusal(char *head, size_t size, int status, const char *why, bool is_head)
{
    char body[400];
    int n = snprintf(body, sizeof(body), "%d %s%s%.300s\n", status, reason(status), why[0] ? ": " : "", why);

    n = snprintf(head, size,
                 "HTTP/1.1 %d %s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\n"
                 "%sConnection: close\r\n\r\n%s",
                 status, reason(status), n, status == 405 ? "Allow: GET, HEAD\r\n" : "", is_head ? "" : body);
    return (size_t)n < size ? (size_t)n : size - 1;
}

static void put_answer(struct http *h, enum http_format format)
{
    static const char *const types[] = {"text/plain; version=0.0.4; charset=utf-8",
                                        "application/openmetrics-text; version=1.0.0; charset=utf-8"};

    h->head_size = (size_t)snprintf(h->head, sizeof(h->head),
                                    "HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
                                    "Cache-Control: no-store\r\nConnection: close\r\n\r\n",
                                    types[format], h->text->size);
}

/* Bytes written, 0: not now; is_ending: it is gone. */
static size_t put(struct http *h, const char *bytes, size_t count)
{
    ssize_t n = send(h->source.fd, bytes, count, MSG_NOSIGNAL);

    if (n < 0 && errno != EAGAIN && errno != EINTR)
        h->until_ms = 0;
    return n > 0 ? (size_t)n : 0;
}

static void write_rest(struct http *h)
{
    size_t all = h->head_size + (h->text ? h->text->size : 0), n = 1;

    while (n && h->at < all) {
        bool is_head = h->at < h->head_size;

        n = is_head ? put(h, h->head + h->at, h->head_size - h->at)
                    : put(h, h->text->text + (h->at - h->head_size), all - h->at);
        h->at += n;
    }
    if (h->at < all)
        return;
    /* Closed at once, a reset might overtake the answer where the client had sent more than we read. */
    shutdown(h->source.fd, SHUT_WR);
    h->is_ending = true;
    if (h->has_input_end)
        h->until_ms = 0;
    source_change(&h->source, EPOLLIN);
}

static void answer(struct http *h, int status, const struct http_request *request)
{
    char why[300] = "";

    if (status == 200)
        h->text = metrics_get(request->format);
    if (h->text) {
        put_answer(h, request->format);
    } else {
        if (status == 200)
            wirt_error_text(daemon_state.w, why, sizeof(why));
        status = status == 200 ? 503 : status;
        h->head_size = put_refusal(h->head, sizeof(h->head), status, status == 404 ? "there is only /metrics" : why,
                                   request->is_head);
    }
    if (request->is_head) {
        metrics_put(h->text);
        h->text = NULL;
    }
    h->until_ms = now_ms() + ALL_MS;
    source_change(&h->source, EPOLLIN | EPOLLOUT);
    write_rest(h);
}

static void read_request(struct http *h)
{
    ssize_t n = recv(h->source.fd, h->request + h->have, sizeof(h->request) - h->have, 0);
    struct http_request request = {0};
    size_t size;

    if (n <= 0) {
        if (n == 0 || (errno != EAGAIN && errno != EINTR))
            h->until_ms = 0;
        return;
    }
    h->have += (size_t)n;
    size = http_head(h->request, h->have);
    if (size)
        answer(h, http_parse(h->request, size, &request), &request);
    else if (h->have == sizeof(h->request))
        answer(h, 431, &request);
}

/* What comes behind the request is not for us. */
static void drop_input(struct http *h)
{
    char bytes[4096];
    ssize_t n = recv(h->source.fd, bytes, sizeof(bytes), 0);

    if ((n == 0 && h->is_ending) || (n < 0 && errno != EAGAIN && errno != EINTR))
        h->until_ms = 0;
    h->has_input_end |= n == 0;
    if (n == 0 && !h->is_ending)
        source_change(&h->source, EPOLLOUT);
}

static void http_ready(struct source *source, uint32_t events)
{
    struct http *h = (struct http *)source;

    if (events & EPOLLIN) {
        if (h->head_size)
            drop_input(h);
        else
            read_request(h);
    }
    if (events & EPOLLOUT && h->until_ms && h->head_size && !h->is_ending)
        write_rest(h);
    if (!h->until_ms || events & (EPOLLERR | EPOLLHUP))
        drop(h);
}

static void listener_ready(struct source *source, uint32_t events)
{
    int fd = accept4(source->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    struct http *h = client_total < CLIENTS_MOST && fd >= 0 ? calloc(1, sizeof(*h)) : NULL;
    char full[400];

    (void)events;
    if (h) {
        h->source = (struct source){.ready = http_ready, .fd = fd};
        h->until_ms = now_ms() + ASK_MS;
        if (source_add(&h->source, EPOLLIN)) {
            h->next = clients;
            clients = h;
            client_total++;
            return;
        }
        free(h);
    }
    if (fd < 0)
        return;
    if (send(fd, full, put_refusal(full, sizeof(full), 503, "too many are connected", false), MSG_NOSIGNAL) < 0)
        (void)0; /* it has gone already */
    close(fd);
}

int64_t http_due(int64_t now)
{
    int64_t next = INT64_MAX;

    for (struct http *h = clients, *after; h; h = after) {
        after = h->next;
        if (h->until_ms <= now) {
            if (!h->head_size) {
                h->head_size = put_refusal(h->head, sizeof(h->head), 408, "", false);
                put(h, h->head, h->head_size);
            }
            drop(h);
        } else if (h->until_ms < next) {
            next = h->until_ms;
        }
    }
    return next;
}

/* "127.0.0.1:9177", "[::1]:9177" into an address; NULL or what is wrong. */
static const char *read_address(const char *text, struct sockaddr_storage *address, socklen_t *size)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)address;
    const char *colon = strrchr(text, ':');
    char host[INET6_ADDRSTRLEN + 2], *end;
    unsigned long port = colon ? strtoul(colon + 1, &end, 10) : 0;
    size_t length = colon ? (size_t)(colon - text) : 0;

    memset(address, 0, sizeof(*address));
    if (!colon || colon[1] < '0' || colon[1] > '9' || *end || !port || port > 65535 || length >= sizeof(host))
        return "it has to be an address and a port: 127.0.0.1:9177 or [::1]:9177";
    memcpy(host, text, length);
    host[length] = 0;
    if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons((uint16_t)port);
        *size = sizeof(*v4);
        return ntohl(v4->sin_addr.s_addr) >> 24 == 127
                   ? NULL
                   : "this is no address of the loopback interface; the "
                     "metrics have no password: let a proxy in dom0 that has one serve them to others";
    }
    if (length < 2 || host[0] != '[' || host[length - 1] != ']')
        return "the address has to be a number: 127.0.0.1 or [::1]";
    host[length - 1] = 0;
    if (inet_pton(AF_INET6, host + 1, &v6->sin6_addr) != 1)
        return "the address has to be a number: 127.0.0.1 or [::1]";
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons((uint16_t)port);
    *size = sizeof(*v6);
    return IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr)
               ? NULL
               : "this is no address of the loopback interface; the metrics "
                 "have no password: let a proxy in dom0 that has one serve them to others";
}

const char *http_check(const char *address)
{
    struct sockaddr_storage unused;
    socklen_t size;

    return read_address(address, &unused, &size);
}

static bool listen_on(struct source *listener, const void *address, socklen_t size, const char *name)
{
    int family = ((const struct sockaddr *)address)->sa_family, one = 1;
    mode_t mask = umask(0177);
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool is_bad;

    if (family != AF_UNIX)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    is_bad = fd < 0 || bind(fd, address, size) || listen(fd, CLIENTS_MOST);
    umask(mask);
    if (is_bad) {
        log_warn("metrics on %s: %s", name, strerror(errno));
        if (fd >= 0)
            close(fd);
        return false;
    }
    *listener = (struct source){.ready = listener_ready, .fd = fd};
    return source_add(listener, EPOLLIN);
}

static bool socket_address(struct sockaddr_un *address)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    return (size_t)snprintf(address->sun_path, sizeof(address->sun_path), "%s/metrics.sock",
                            daemon_state.options.run_dir) < sizeof(address->sun_path);
}

bool http_listen(void)
{
    const char *tcp = daemon_state.options.metrics;
    struct sockaddr_storage address;
    struct sockaddr_un path;
    socklen_t size;

    if (!socket_address(&path)) {
        log_warn("metrics: the path of their socket in %s is too long", daemon_state.options.run_dir);
        return false;
    }
    unlink(path.sun_path);
    if (!listen_on(&listeners[0], &path, sizeof(path), path.sun_path))
        return false;
    return !tcp || (!read_address(tcp, &address, &size) && listen_on(&listeners[1], &address, size, tcp));
}

void http_close(void)
{
    struct sockaddr_un path;

    if (listeners[0].fd >= 0 && socket_address(&path))
        unlink(path.sun_path);
}
