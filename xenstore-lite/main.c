// SPDX-License-Identifier: MIT
/*
 * xenstored. One thread, one loop: wait; read and answer what everyone has asked, one request of a domain, a bounded
 * handful of a program of dom0's (conn.c); write what came of it to the log; only then send. Fairness is the round:
 * nobody gets a second turn before everybody who was ready got a first. The daemon may be killed at any instruction.
 */
#include "conn.h"
#include "control.h"
#include "domain.h"
#include "host.h"
#include "log.h"
#include "loop.h"
#include "state.h"
#include "store.h"
#include "watch.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define RUN_DIR  "/run/xenstored"
#define PID_FILE "/run/xen/xenstored.pid"
#define EVENTS   64

static struct options {
    const char *run_dir, *pid_file, *log_file;
    bool is_foreground, is_fresh, traces;
} options = {.run_dir = RUN_DIR, .pid_file = PID_FILE};

static int epoll_fd, listen_fd, signal_fd;
static bool is_ending, is_full; /* no file descriptor is left: clients wait */

static void usage(FILE *to)
{
    fprintf(to, "usage: xenstored [OPTION]...\n"
                "Serves xenstore to dom0's programs, dom0's kernel and all domains.\n"
                "  -f, --foreground     stay in the foreground, log to standard error\n"
                "  -r, --run-dir DIR    socket, state and lock (default " RUN_DIR ", or $XENSTORED_RUNDIR)\n"
                "  -p, --pid-file FILE  (default " PID_FILE "; none: \"\")\n"
                "  -l, --log-file FILE  log there instead of syslog\n"
                "  -t, --trace          log every request\n"
                "      --fresh          give up the state that an earlier xenstored left\n"
                "  -h, --help           this text\n"
                "  -V, --version        version\n"
                "SIGTERM ends it; its state stays in DIR and the next start goes on from there.\n");
}

static void read_options(int argc, char **argv)
{
    static const struct option names[] = {
        {"foreground", 0, NULL, 'f'}, {"no-fork", 0, NULL, 'f'}, {"run-dir", 1, NULL, 'r'}, {"pid-file", 1, NULL, 'p'},
        {"log-file", 1, NULL, 'l'},   {"trace", 0, NULL, 't'},   {"fresh", 0, NULL, 'F'},   {"help", 0, NULL, 'h'},
        {"version", 0, NULL, 'V'},    {NULL, 0, NULL, 0},
    };
    int c;

    if (getenv("XENSTORED_RUNDIR"))
        options.run_dir = getenv("XENSTORED_RUNDIR");
    while ((c = getopt_long(argc, argv, "fNr:p:l:thV", names, NULL)) != -1)
        switch (c) {
        case 'f':
        case 'N':
            options.is_foreground = true;
            break;
        case 'r':
            options.run_dir = optarg;
            break;
        case 'p':
            options.pid_file = optarg;
            break;
        case 'l':
            options.log_file = optarg;
            break;
        case 't':
            log_traces = true;
            break;
        case 'F':
            options.is_fresh = true;
            break;
        case 'h':
            usage(stdout);
            exit(0);
        case 'V':
            puts(CONTROL_VERSION);
            exit(0);
        default:
            usage(stderr);
            exit(2);
        }
    if (optind == argc)
        return;
    fprintf(stderr, "xenstored: unexpected argument \"%s\"\n", argv[optind]);
    usage(stderr);
    exit(2);
}

void loop_poll(int fd, void *conn, uint32_t events)
{
    struct epoll_event e = {.events = events, .data.ptr = conn};

    epoll_ctl(epoll_fd, EPOLL_CTL_MOD, fd, &e);
}

static void poll_add(int fd, void *data)
{
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = data};

    if (fd >= 0)
        epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &e);
}

/* Fails with a reason that names what. */
static void must(bool is, const char *what, const char *name)
{
    if (is)
        return;
    log_line("cannot start: %s %s: %s", what, name, strerror(errno));
    exit(1);
}

/* The parent leaves when the child says, through the pipe, that it serves; or with its failure. */
static int detach(void)
{
    int ends[2];
    char byte;

    must(!pipe2(ends, O_CLOEXEC), "pipe", "");
    switch (fork()) {
    case -1:
        must(false, "fork", "");
        break;
    case 0:
        close(ends[0]);
        setsid();
        return ends[1];
    }
    close(ends[1]);
    if (read(ends[0], &byte, 1) == 1)
        _exit(0);
    _exit(1);
}

static void tell_started(int pipe_fd)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    int fd;

    if (pipe_fd >= 0) {
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);

        if (chdir("/") || write(pipe_fd, "", 1) != 1)
            log_line("the program that started this one is gone");
        for (int i = 0; i < 3; i++)
            dup2(null, i);
        close(pipe_fd);
    }
    if (!path || strlen(path) >= sizeof(to.sun_path))
        return;
    strcpy(to.sun_path, path);
    if (*path == '@')
        to.sun_path[0] = 0;
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || sendto(fd, "READY=1", 7, 0, (struct sockaddr *)&to,
                         (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path))) < 0)
        log_line("cannot tell the service manager at %s: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
}

static void take_lock(void)
{
    int dir = open(options.run_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int fd = dir >= 0 ? openat(dir, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;

    must(fd >= 0, "lock in", options.run_dir);
    close(dir);
    if (flock(fd, LOCK_EX | LOCK_NB)) {
        log_line("cannot start: another xenstored serves %s", options.run_dir);
        exit(1);
    }
}

static void write_pid(void)
{
    FILE *f;

    if (!*options.pid_file)
        return;
    f = fopen(options.pid_file, "we");
    if (!f && errno == ENOENT && !strcmp(options.pid_file, PID_FILE) && !mkdir("/run/xen", 0755))
        f = fopen(options.pid_file, "we");
    if (!f || fprintf(f, "%d\n", (int)getpid()) < 0 || fclose(f))
        log_line("the pid file %s cannot be written: %s", options.pid_file, strerror(errno));
}

static void listen_on_socket(void)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX, .sun_path = "socket"};
    mode_t mask = umask(0177);

    listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    unlink("socket");
    must(listen_fd >= 0 && !bind(listen_fd, (struct sockaddr *)&at, sizeof(at)) && !listen(listen_fd, 128), "socket in",
         options.run_dir);
    umask(mask);
}

static void take_signals(void)
{
    sigset_t set;

    signal(SIGPIPE, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a log that may not grow is a failed write */
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void take_state(void)
{
    struct timespec from, to;
    bool was_replayed;
    unsigned domains = 0;

    clock_gettime(CLOCK_MONOTONIC, &from);
    store_init();
    if (!state_open(".", options.is_fresh, &was_replayed))
        exit(1);
    if (!was_replayed)
        store_populate();
    if (!state_start())
        exit(1);
    clock_gettime(CLOCK_MONOTONIC, &to);
    for (struct domain *d = domain_all; d; d = d->next)
        domains++;
    if (was_replayed)
        log_line("went on from the state of an earlier xenstored: %u domains, %u watches, in %ld ms", domains,
                 watch_count(), (to.tv_sec - from.tv_sec) * 1000 + (to.tv_nsec - from.tv_nsec) / 1000000);
}

/* Each client is a file: as many as the host allows, not the few that a program gets if it does not ask. */
static void raise_limits(void)
{
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files))
        return;
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
}

static void accept_clients(void)
{
    bool was_full = is_full;
    int fd;

    while ((fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
        struct conn *c = conn_create(0, fd, NULL);

        c->polled = EPOLLIN;
        poll_add(fd, c);
    }
    is_full = errno == EMFILE || errno == ENFILE;
    if (is_full != was_full)
        loop_poll(listen_fd, &listen_fd, is_full ? 0 : EPOLLIN);
    if (is_full && !was_full)
        log_domain(0, LOG_HELD, "no file descriptors left: new clients on the socket wait until others go");
}

static void take_host_events(void)
{
    int port;

    while ((port = host_next()) >= 0)
        if (port == host_alarm())
            domain_scan();
        else
            domain_event(port);
}

static void take_signal(void)
{
    struct signalfd_siginfo info;

    is_ending = read(signal_fd, &info, sizeof(info)) > 0;
}

/* While the log cannot be written nothing else is listened to, as all that came of it would have to be kept. */
static int wait_for_signal(void)
{
    if (poll(&(struct pollfd){.fd = signal_fd, .events = POLLIN}, 1, 100) > 0)
        take_signal();
    return 0;
}

static void dispatch(const struct epoll_event *e)
{
    struct conn *c = e->data.ptr;

    if (e->data.ptr == &listen_fd)
        accept_clients();
    else if (e->data.ptr == &epoll_fd)
        take_host_events();
    else if (e->data.ptr == &signal_fd)
        take_signal();
    else {
        conn_ready(c);
        if (c->out) /* room again, or gone: sending finds out */
            conn_dirty(c);
    }
}

static void step_ready(void)
{
    struct conn *c = conn_take_ready(), *next;

    for (; c; c = next) {
        next = c->ready_next;
        c->is_ready = false;
        if (c->is_dead)
            conn_destroy(c);
        else
            conn_step(c);
    }
}

/* Rings that are to begin anew do so before anybody reads the answer to whom asked for it. */
static void flush_dirty(void)
{
    struct conn *first = conn_take_dirty(), *next;

    for (struct conn *c = first; c; c = c->dirty_next)
        if (!c->is_dead && c->domain)
            domain_begin_anew(c->domain);
    for (struct conn *c = first; c; c = next) {
        next = c->dirty_next;
        c->is_dirty = false;
        if (c->is_dead)
            conn_destroy(c);
        else
            conn_flush(c);
    }
}

static void loop(void)
{
    struct epoll_event events[EVENTS];
    bool is_stalled = false, has_work = false;

    while (!is_ending) {
        int timeout = has_work || conn_has_ready() ? 0 : is_full ? 1000 : -1;
        int n = is_stalled ? wait_for_signal() : epoll_wait(epoll_fd, events, EVENTS, timeout);

        for (int i = 0; i < n; i++)
            dispatch(&events[i]);
        if (!is_stalled)
            step_ready();
        is_stalled = !state_commit();
        if (is_stalled)
            continue;
        flush_dirty();
        if (is_full)
            accept_clients();
        /* Flushing may have found a ring broken: that must be in the log before anything else is told. */
        is_stalled = !state_commit();
        has_work = state_work();
    }
}

int main(int argc, char **argv)
{
    int pipe_fd = -1;

    read_options(argc, argv);
    umask(022);
    if (!options.is_foreground)
        pipe_fd = detach();
    must(!mkdir(options.run_dir, 0700) || errno == EEXIST, "directory", options.run_dir);
    must(log_open(options.log_file, true), "log file", options.log_file);
    take_lock();
    write_pid();
    must(!chdir(options.run_dir), "directory", options.run_dir);
    take_signals();
    raise_limits();
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    take_state();
    domain_connect();
    listen_on_socket();
    poll_add(listen_fd, &listen_fd);
    poll_add(signal_fd, &signal_fd);
    if (domain_has_host())
        poll_add(host_fd(), &epoll_fd);
    if (!options.log_file)
        log_open(NULL, options.is_foreground);
    tell_started(pipe_fd);
    loop();
    log_line("ended by a signal; the state stays in %s", options.run_dir);
    return 0;
}
