// SPDX-License-Identifier: MIT
/*
 * A machine made of files, for the daemon under test: below $XENSTORED_SIM, N.page is domain N's ring page, N.bell a
 * pipe that a notification to N goes into, `events` a pipe of port numbers that come in, and `domains` a text file of
 * who lives ("DOMID DYING SHUTDOWN HANDLE" a line). Peers are other processes, as guests are; all survives the daemon,
 * but what is sent to it while there is none, as a port that nobody has bound keeps no event.
 * Everything above this file is what runs in dom0.
 */
#include "host.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define ALARM      1
#define FIRST_PORT 16
#define DOMIDS     32768

static const char *dir;
static int events_fd = -1;
static int bells[DOMIDS];

/* The daemon dies here, if this is the step at which it shall. */
static void step(void)
{
    static long left = -1;

    if (left < 0)
        left = getenv("XENSTORED_DIES_AT") ? atol(getenv("XENSTORED_DIES_AT")) : 0;
    if (left && !--left)
        raise(SIGKILL);
}

/* Writes of the log; the linker puts this before the real one. */
ssize_t __real_pwrite(int fd, const void *data, size_t length, off_t at);
ssize_t __wrap_pwrite(int fd, const void *data, size_t length, off_t at);
ssize_t __wrap_pwrite(int fd, const void *data, size_t length, off_t at)
{
    ssize_t n;

    step();
    n = __real_pwrite(fd, data, length, at);
    step();
    return n;
}

/* Answers to the socket. A kernel may take less than it is given, down to a byte: this one does, if the daemon is to
 * die, so that it dies within a message as well; and with XENSTORED_LINGERS a client has read all that it was sent
 * before the daemon does anything else. */
ssize_t __real_sendmsg(int fd, const struct msghdr *all, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *all, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *all, int flags)
{
    struct iovec piece[3];
    struct msghdr some = *all;
    ssize_t n;

    step();
    if (getenv("XENSTORED_DIES_AT") && all->msg_iovlen > 3) {
        memcpy(piece, all->msg_iov, sizeof(piece));
        piece[2].iov_len = 5; /* of a header's sixteen */
        some.msg_iov = piece;
        some.msg_iovlen = 3;
    }
    n = __real_sendmsg(fd, &some, flags);
    step();
    if (getenv("XENSTORED_LINGERS"))
        usleep(30000);
    return n;
}

/* A folder of which nothing more can be read after its first names. */
struct dirent *__real_readdir(DIR *d);
struct dirent *__wrap_readdir(DIR *d);
struct dirent *__wrap_readdir(DIR *d)
{
    static unsigned count;

    if (!getenv("XENSTORED_FOLDER_FAILS") || count++ < 3)
        return __real_readdir(d);
    errno = EIO;
    return NULL;
}

static int open_in(const char *format, uint32_t domid, int flags)
{
    char path[300];
    size_t n = (size_t)snprintf(path, sizeof(path), "%s/", dir);

    snprintf(path + n, sizeof(path) - n, format, domid);
    return open(path, flags | O_CLOEXEC);
}

bool host_open(char *why, size_t size)
{
    dir = getenv("XENSTORED_SIM");
    if (!dir) {
        snprintf(why, size, "no XENSTORED_SIM");
        return false;
    }
    memset(bells, -1, sizeof(bells));
    events_fd = open_in("events", 0, O_RDWR | O_NONBLOCK);
    if (events_fd < 0)
        snprintf(why, size, "%s/events: %s", dir, strerror(errno));
    while (events_fd >= 0 && host_next() >= 0) /* what was sent while nobody was bound is lost */
        continue;
    return events_fd >= 0;
}

int host_fd(void)
{
    return events_fd;
}

int host_next(void)
{
    int32_t port;

    step();
    return read(events_fd, &port, sizeof(port)) == sizeof(port) ? port : -1;
}

int host_alarm(void)
{
    return ALARM;
}

static struct xenstore_domain_interface *map(uint32_t domid)
{
    int fd = open_in("%u.page", domid, O_RDWR);
    void *page;

    if (fd < 0)
        return NULL;
    page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    return page == MAP_FAILED ? NULL : page;
}

struct xenstore_domain_interface *host_map_own(uint32_t *remote_port)
{
    *remote_port = 1;
    return map(0);
}

struct xenstore_domain_interface *host_map(uint32_t domid, uint64_t mfn)
{
    (void)mfn;
    step();
    return map(domid);
}

void host_unmap(struct xenstore_domain_interface *page)
{
    munmap((void *)page, 4096);
}

int host_bind(uint32_t domid, uint32_t remote_port)
{
    if (remote_port > 1000) {
        errno = EINVAL;
        return -1;
    }
    step();
    bells[domid] = open_in("%u.bell", domid, O_RDWR | O_NONBLOCK);
    return bells[domid] < 0 ? -1 : (int)domid + FIRST_PORT;
}

void host_unbind(int port)
{
    close(bells[port - FIRST_PORT]);
    bells[port - FIRST_PORT] = -1;
}

void host_notify(int port)
{
    step();
    /* A full pipe is a bell that rings already. */
    if (write(bells[port - FIRST_PORT], "", 1) < 0)
        errno = 0;
    step();
}

long host_domains(uint32_t first, struct host_domain *out, size_t max)
{
    int fd = open_in("domains", 0, O_RDONLY);
    FILE *f = fd >= 0 ? fdopen(fd, "r") : NULL;
    unsigned id, dying, shutdown, handle;
    long n = 0;

    if (!f)
        return -1;
    while (n < (long)max && fscanf(f, "%u %u %u %u", &id, &dying, &shutdown, &handle) == 4)
        if (id >= first) {
            out[n] = (struct host_domain){.domid = id, .is_dying = dying, .is_shutdown = shutdown};
            memcpy(out[n++].handle, &handle, sizeof(handle));
        }
    fclose(f);
    return n;
}
