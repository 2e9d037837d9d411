/* SPDX-License-Identifier: MIT */
/*
 * Watches over the wire: requests are written whole, messages are read into one buffer and handed out one by one.
 * Answers to our own requests are dropped unless they are refusals; so nothing needs to be queued.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <xenstore.h>

#include "watch.h"

#define HEAD sizeof(struct xsd_sockmsg)

static int open_socket(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *path = xs_daemon_socket();
    int fd;

    if (!path || strlen(path) >= sizeof(address.sun_path))
        return -1;
    strcpy(address.sun_path, path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address))) {
        int error = errno;

        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

int watch_open(struct watch *watch)
{
    watch->next_id = 1;
    watch->have = watch->taken = 0;
    watch->fd = open("/dev/xen/xenbus", O_RDWR | O_CLOEXEC);
    if (watch->fd < 0 && errno == ENOENT)
        watch->fd = open("/proc/xen/xenbus", O_RDWR | O_CLOEXEC);
    if (watch->fd < 0 && errno == ENOENT)
        watch->fd = open_socket();
    return watch->fd < 0 ? errno : 0;
}

int watch_open_socket(struct watch *watch)
{
    watch->next_id = 1;
    watch->have = watch->taken = 0;
    watch->fd = open_socket();
    return watch->fd < 0 ? errno : 0;
}

void watch_close(struct watch *watch)
{
    if (watch->fd >= 0)
        close(watch->fd);
    watch->fd = -1;
}

static int request(struct watch *watch, uint32_t type, const char *path, const char *token)
{
    size_t path_size = strlen(path) + 1, token_size = strlen(token) + 1;
    struct xsd_sockmsg head = {.type = type, .req_id = watch->next_id++, .len = (uint32_t)(path_size + token_size)};
    char message[HEAD + XENSTORE_PAYLOAD_MAX];
    ssize_t n;

    if (path_size + token_size > XENSTORE_PAYLOAD_MAX)
        return E2BIG;
    memcpy(message, &head, HEAD);
    memcpy(message + HEAD, path, path_size);
    memcpy(message + HEAD + path_size, token, token_size);
    do
        n = write(watch->fd, message, HEAD + head.len);
    while (n < 0 && errno == EINTR);
    return n == (ssize_t)(HEAD + head.len) ? 0 : n < 0 ? errno : EIO;
}

int watch_add(struct watch *watch, const char *path, const char *token)
{
    return request(watch, XS_WATCH, path, token);
}

int watch_remove(struct watch *watch, const char *path, const char *token)
{
    return request(watch, XS_UNWATCH, path, token);
}

/* A whole message at the buffer's start: its bytes, 0 if more must be read, or -EPROTO. */
static ssize_t whole(const struct watch *watch)
{
    struct xsd_sockmsg head;

    if (watch->have < HEAD)
        return 0;
    memcpy(&head, watch->buffer, HEAD);
    if (head.len > XENSTORE_PAYLOAD_MAX)
        return -EPROTO;
    return watch->have < HEAD + head.len ? 0 : (ssize_t)(HEAD + head.len);
}

/* Looks at the message of `size` bytes: as watch_next, 0 if it says nothing to the caller. */
static int decode(struct watch *watch, size_t size, const char **path, const char **token)
{
    char *body = watch->buffer + HEAD, *end = watch->buffer + size;
    struct xsd_sockmsg head;
    char *zero;

    memcpy(&head, watch->buffer, HEAD);
    if (head.type == XS_WATCH_EVENT) {
        zero = memchr(body, 0, head.len);
        if (!zero || !memchr(zero + 1, 0, (size_t)(end - zero - 1)))
            return -EPROTO;
        *path = body;
        *token = zero + 1;
        return 1;
    }
    if (head.type != XS_ERROR)
        return 0;
    if (!head.len || end[-1])
        return -EPROTO;
    *path = body;
    return -EREMOTE;
}

/* How long is left of timeout_ms since start. */
static int left_ms(const struct timespec *start, int timeout_ms)
{
    struct timespec now;
    int64_t gone;

    if (timeout_ms < 0)
        return -1;
    clock_gettime(CLOCK_MONOTONIC, &now);
    gone = (now.tv_sec - start->tv_sec) * 1000 + (now.tv_nsec - start->tv_nsec) / 1000000;
    return gone >= timeout_ms ? 0 : timeout_ms - (int)gone;
}

int watch_next(struct watch *watch, int timeout_ms, const char **path, const char **token)
{
    struct timespec start;

    clock_gettime(CLOCK_MONOTONIC, &start);
    for (;;) {
        struct pollfd wait = {.fd = watch->fd, .events = POLLIN};
        ssize_t size;
        int ready;

        memmove(watch->buffer, watch->buffer + watch->taken, watch->have - watch->taken);
        watch->have -= watch->taken;
        watch->taken = 0;
        size = whole(watch);
        if (size < 0)
            return (int)size;
        if (size > 0) {
            int result = decode(watch, (size_t)size, path, token);

            watch->taken = (size_t)size;
            if (result)
                return result;
            continue;
        }
        ready = poll(&wait, 1, left_ms(&start, timeout_ms));
        if (ready == 0)
            return 0;
        if (ready < 0 && errno == EINTR)
            continue;
        size = ready < 0 ? -1 : read(watch->fd, watch->buffer + watch->have, sizeof(watch->buffer) - 1 - watch->have);
        if (size < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (size <= 0)
            return size < 0 ? -errno : -ECONNRESET;
        watch->have += (size_t)size;
    }
}
