/* SPDX-License-Identifier: MIT */
/*
 * The daemon as a process of its own, with its console half as it is, and what it stands on played here: the guest's
 * page is shared memory, its event channel an eventfd.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "event.h"
#include "internal.h"
#include "play.h"
#include "wirtd_client.h"

#define WEAK   __attribute__((weak))
#define DOMAIN 7
#define PORT   3

unsigned int check_passed, check_failed;
struct daemon daemon_state = {.log_dir = -1};

/* ---- the hypervisor's part ---- */
struct shared *shared;
static int event_fd;

WEAK void *xenforeignmemory_map(xenforeignmemory_handle *h, uint32_t dom, int prot, size_t pages,
                                const xen_pfn_t *frames, int *error)
{
    *error = 0;
    return &shared->page;
}
int xenforeignmemory_unmap(xenforeignmemory_handle *h, void *page, size_t pages)
{
    return 0;
}
int xenevtchn_fd(xenevtchn_handle *h)
{
    return event_fd;
}
xenevtchn_port_or_error_t xenevtchn_bind_interdomain(xenevtchn_handle *h, uint32_t domid, evtchn_port_t port)
{
    shared->is_masked = 0;
    return PORT;
}
int xenevtchn_unbind(xenevtchn_handle *h, evtchn_port_t port)
{
    return 0;
}
int xenevtchn_notify(xenevtchn_handle *h, evtchn_port_t port)
{
    shared->notify_count++;
    return 0;
}
xenevtchn_port_or_error_t xenevtchn_pending(xenevtchn_handle *h)
{
    uint64_t count;

    if (read(event_fd, &count, sizeof(count)) != sizeof(count)) {
        errno = EAGAIN;
        return -1;
    }
    shared->is_masked = 1;
    shared->is_pending = 0;
    shared->event_count++;
    return PORT;
}
int xenevtchn_unmask(xenevtchn_handle *h, evtchn_port_t port)
{
    uint64_t one = 1;

    __atomic_store_n(&shared->is_masked, 0, __ATOMIC_SEQ_CST);
    return !shared->is_pending || write(event_fd, &one, sizeof(one)) == sizeof(one) ? 0 : -1;
}

/* ---- the daemon's other half, where a test does not bring its own: no domain ever ends here ---- */
WEAK int64_t guest_due(int64_t now)
{
    return INT64_MAX;
}
WEAK int64_t http_due(int64_t now)
{
    return INT64_MAX;
}
WEAK void change_printed(uint32_t domid, size_t bytes)
{
}
WEAK int64_t ends_due(int64_t now)
{
    return INT64_MAX;
}
WEAK bool ends_is_pending(const char *name)
{
    return false;
}
WEAK enum wirt_code ends_cancel(const char *name)
{
    return !strcmp(name, "starts") ? WIRT_REFUSED : strcmp(name, "loops") ? WIRT_NOT_FOUND : WIRT_OK;
}
WEAK void ends_autostart(void)
{
}
WEAK void ends_list(FILE *out)
{
}

/* ---- the guest's part ---- */
void guest_event(void)
{
    uint64_t one = 1;

    __atomic_store_n(&shared->is_pending, 1, __ATOMIC_SEQ_CST);
    if (!shared->is_masked && write(event_fd, &one, sizeof(one)) < 0)
        abort();
}

/* Prints all of it; waits for room as a guest does. */
void guest_print(const char *bytes, size_t count)
{
    struct xencons_interface *p = &shared->page;

    while (count) {
        uint32_t cons = __atomic_load_n(&p->out_cons, __ATOMIC_ACQUIRE), prod = p->out_prod;

        for (; count && prod - cons < RING_OUT; count--)
            p->out[prod++ % RING_OUT] = *bytes++;
        __atomic_store_n(&p->out_prod, prod, __ATOMIC_RELEASE);
        guest_event();
        if (count)
            usleep(200);
    }
}

/* ---- the daemon as a process ---- */
char dir[40] = "/tmp/wirtd-test.XXXXXX", log_path[64], socket_path[64], console_path[64];

void start_daemon(void)
{
    struct console *c;

    daemon_state.options = (struct options){.run_dir = dir,
                                            .log_dir = log_path,
                                            .socket = socket_path,
                                            .keep_bytes = 128 << 10,
                                            .dead_count = 2,
                                            .log_bytes = 64 << 10,
                                            .log_count = 2};
    daemon_state.w = wirt_open();
    if (!daemon_state.w)
        _exit(1);
    daemon_state.w->events = (void *)1;
    daemon_state.w->memory = (void *)1;
    daemon_state.epoll = epoll_create1(EPOLL_CLOEXEC);
    daemon_state.console_dir = open(console_path, O_RDONLY | O_DIRECTORY);
    daemon_state.log_dir = open(log_path, O_RDONLY | O_DIRECTORY);
    daemon_state.run_dir = open(dir, O_RDONLY | O_DIRECTORY);
    signal(SIGPIPE, SIG_IGN);
    log_open(true);
    console_init();
    event_init();
    c = console_get("web");
    if (!c || !console_start(c, DOMAIN, 1, 1) || !client_listen())
        _exit(1);
}

pid_t daemon_fork(void)
{
    pid_t child = fork();

    if (child == 0) {
        start_daemon();
        for (;;)
            loop_turn();
    }
    return child;
}

void daemon_kill(pid_t child)
{
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

/* A living daemon that answers. */
struct wirt *connect_wirt(void)
{
    struct wirt *w = wirt_open();

    for (int i = 0; i < 500 && wirt_daemon_request(w, "status", NULL); i++)
        usleep(10000);
    return w;
}

/* Up to count bytes within the time. */
size_t read_some(int fd, char *bytes, size_t count, int ms)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    size_t done = 0;

    while (done < count && poll(&wait, 1, ms) == 1) {
        ssize_t n = read(fd, bytes + done, count - done);

        if (n <= 0)
            break;
        done += (size_t)n;
    }
    return done;
}

void fill(char *bytes, size_t count, uint32_t seed)
{
    for (size_t i = 0; i < count; i++) {
        seed = seed * 1664525 + 1013904223;
        bytes[i] = (char)('a' + (seed >> 24) % 26);
    }
}

void play_start(void)
{
    CHECK(mkdtemp(dir) != NULL);
    play_start_in(dir);
}

void play_start_in(const char *in)
{
    if (in != dir)
        snprintf(dir, sizeof(dir), "%s", in);
    snprintf(log_path, sizeof(log_path), "%s/log", dir);
    snprintf(console_path, sizeof(console_path), "%s/console", dir);
    snprintf(socket_path, sizeof(socket_path), "%s/sock", dir);
    mkdir(log_path, 0700);
    mkdir(console_path, 0700);
    setenv("WIRTD_SOCKET", socket_path, 1);
    setenv("WIRTD_CONSOLE", console_path, 1);
    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    event_fd = eventfd(0, EFD_NONBLOCK);
}

void play_end(void)
{
    char command[64];

    snprintf(command, sizeof(command), "rm -rf %s", dir);
    CHECK(system(command) == 0);
}
