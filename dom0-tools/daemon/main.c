/* SPDX-License-Identifier: MIT */
/*
 * wirtd: consoles of guests, and what is done when a guest ends. This file starts it: options, one instance,
 * detaching. It may be killed at any moment: guests go on, and the next one takes over from xenstore, the run directory
 * and the guests' rings.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
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
#include <unistd.h>

#include "batch.h"
#include "event.h"
#include "http.h"
#include "internal.h"
#include "metrics.h"
#include "wirtd_client.h"

struct daemon daemon_state = {.options = {.run_dir = "/run/wirt",
                                          .log_dir = "/var/log/wirt",
                                          .keep_bytes = 128 << 10,
                                          .dead_count = 32,
                                          .log_bytes = 1 << 20,
                                          .log_count = 3,
                                          .has_autostart = true,
                                          .has_policy = true},
                              .log_dir = -1};
static struct source signals;
static char socket_path[108];

static const char help[] =
    "usage: wirtd [OPTION]...\n"
    "Keeps the consoles of guests, does what their configuration says when they end, starts those that start with\n"
    "the machine. Detaches unless told otherwise.\n"
    "  --foreground        stay, and log to standard error instead of syslog\n"
    "  --no-autostart      start no domain at the start of the machine\n"
    "  --no-policy         leave domains that have ended as they are\n"
    "  --keep-bytes N      kept output of a domain, 8192 to 16777216 bytes (131072)\n"
    "  --keep-dead N       so many domains that are no more are remembered (32)\n"
    "  --log-bytes N       size of a log file before a new one is begun (1048576)\n"
    "  --log-count N       older log files kept beside it (3)\n"
    "  --log-dir DIR       where they are; none: no log files (/var/log/wirt)\n"
    "  --run-dir DIR       socket, kept output, restarts under way (/run/wirt)\n"
    "  --metrics ADDRESS   serve the metrics there too, on the loopback interface: 127.0.0.1:9177 or [::1]:9177\n"
    "  --list-metrics      say which metrics there are\n"
    "  --help, --version\n"
    "See wirtd(8).\n";

static bool number_option(const char *text, uint32_t least, uint32_t most, uint32_t *value)
{
    char *end;
    unsigned long n = strtoul(text, &end, 10);

    if (!*text || *end || n < least || n > most) {
        fprintf(stderr, "wirtd: %s: a number from %u to %u is wanted\n", text, least, most);
        return false;
    }
    *value = (uint32_t)n;
    return true;
}

enum {
    FOREGROUND = 256,
    NO_AUTOSTART,
    NO_POLICY,
    KEEP_BYTES,
    KEEP_DEAD,
    LOG_BYTES,
    LOG_COUNT,
    LOG_DIR,
    RUN_DIR,
    METRICS,
    LIST_METRICS,
    HELP,
    VERSION,
    JOB
};
static const struct option names[] = {{"foreground", no_argument, NULL, FOREGROUND},
                                      {"no-autostart", no_argument, NULL, NO_AUTOSTART},
                                      {"no-policy", no_argument, NULL, NO_POLICY},
                                      {"keep-bytes", required_argument, NULL, KEEP_BYTES},
                                      {"keep-dead", required_argument, NULL, KEEP_DEAD},
                                      {"log-bytes", required_argument, NULL, LOG_BYTES},
                                      {"log-count", required_argument, NULL, LOG_COUNT},
                                      {"log-dir", required_argument, NULL, LOG_DIR},
                                      {"run-dir", required_argument, NULL, RUN_DIR},
                                      {"metrics", required_argument, NULL, METRICS},
                                      {"list-metrics", no_argument, NULL, LIST_METRICS},
                                      {"help", no_argument, NULL, HELP},
                                      {"version", no_argument, NULL, VERSION},
                                      {"job", no_argument, NULL, JOB},
                                      {NULL, 0, NULL, 0}};

static bool set_option(int option, const char *value)
{
    struct options *o = &daemon_state.options;

    switch (option) {
    case FOREGROUND:
        o->is_foreground = true;
        return true;
    case NO_AUTOSTART:
        o->has_autostart = false;
        return true;
    case NO_POLICY:
        o->has_policy = false;
        return true;
    case KEEP_BYTES:
        return number_option(value, 8192, 16 << 20, &o->keep_bytes);
    case KEEP_DEAD:
        return number_option(value, 0, 100000, &o->dead_count);
    case LOG_BYTES:
        return number_option(value, 4096, 1 << 30, &o->log_bytes);
    case LOG_COUNT:
        return number_option(value, 0, 100, &o->log_count);
    case LOG_DIR:
        o->log_dir = strcmp(value, "none") ? value : NULL;
        return true;
    case RUN_DIR:
        o->run_dir = value;
        return true;
    case METRICS:
        o->metrics = value;
        if (http_check(value))
            fprintf(stderr, "wirtd: --metrics %s: %s\n", value, http_check(value));
        return !http_check(value);
    default:
        return false;
    }
}

/* What the options say to do at once, as an exit status; -1: be the daemon. */
static int read_options(int argc, char **argv)
{
    int option;

    while ((option = getopt_long(argc, argv, "", names, NULL)) >= 0) {
        if (option == HELP) {
            fputs(help, stdout);
            return WIRT_OK;
        }
        if (option == VERSION) {
            printf("wirtd %s\n", wirt_version);
            return WIRT_OK;
        }
        if (option == LIST_METRICS) {
            metrics_list(stdout);
            return WIRT_OK;
        }
        if (option == JOB)
            return job_main(argc - optind, argv + optind);
        if (!set_option(option, optarg)) {
            fputs("see wirtd --help\n", stderr);
            return WIRT_USAGE;
        }
    }
    if (optind == argc)
        return -1;
    fprintf(stderr, "wirtd: %s: no argument is expected; see wirtd --help\n", argv[optind]);
    return WIRT_USAGE;
}

static int open_dir(const char *parent, const char *name, mode_t mode)
{
    char path[256];
    int fd;

    snprintf(path, sizeof(path), "%s%s%s", parent, *name ? "/" : "", name);
    if (mkdir(path, mode) && errno != EEXIST) {
        log_warn("directory %s: %s", path, strerror(errno));
        return -1;
    }
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        log_warn("directory %s: %s", path, strerror(errno));
    return fd;
}

static bool open_dirs(void)
{
    const struct options *o = &daemon_state.options;

    daemon_state.run_dir = open_dir(o->run_dir, "", 0755);
    daemon_state.console_dir = open_dir(o->run_dir, "console", 0700);
    daemon_state.restart_dir = open_dir(o->run_dir, "restart", 0700);
    if (o->log_dir)
        daemon_state.log_dir = open_dir(o->log_dir, "", 0750);
    snprintf(socket_path, sizeof(socket_path), "%s/wirtd.sock", o->run_dir);
    daemon_state.options.socket = socket_path;
    return daemon_state.console_dir >= 0 && daemon_state.restart_dir >= 0;
}

/* The lock lasts as long as the process, however it ends. */
static bool be_the_only_one(void)
{
    char path[256];
    int fd;

    snprintf(path, sizeof(path), "%s/wirtd.pid", daemon_state.options.run_dir);
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB)) {
        if (fd >= 0 && errno == EWOULDBLOCK)
            log_warn("%s: another wirtd is running", path);
        else
            log_warn("%s: %s", path, strerror(errno));
        return false;
    }
    if (ftruncate(fd, 0) || dprintf(fd, "%d\n", (int)getpid()) < 0)
        log_warn("%s: %s", path, strerror(errno));
    return true;
}

static void signal_ready(struct source *source, uint32_t events)
{
    struct signalfd_siginfo info;

    (void)events;
    if (read(source->fd, &info, sizeof(info)) == sizeof(info) && info.ssi_signo != SIGHUP)
        daemon_state.is_ending = true;
}

static bool catch_signals(void)
{
    sigset_t set;

    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signals = (struct source){.ready = signal_ready, .fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)};
    return signals.fd >= 0 && source_add(&signals, EPOLLIN);
}

/* At the start of the machine once: what a person has ended since stays ended when the daemon is started again. */
static void autostart_once(void)
{
    char path[256];
    int fd;

    snprintf(path, sizeof(path), "%s/autostarted", daemon_state.options.run_dir);
    fd = daemon_state.options.has_autostart ? open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644) : -1;
    if (fd < 0)
        return;
    close(fd);
    ends_autostart();
}

static bool start(void)
{
    struct rlimit files = {.rlim_cur = 65536, .rlim_max = 65536};

    daemon_state.started_ms = now_ms();
    daemon_state.w = wirt_open();
    daemon_state.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (!daemon_state.w || daemon_state.epoll < 0 || !open_dirs() || !be_the_only_one() || !catch_signals())
        return false;
    setrlimit(RLIMIT_NOFILE, &files);
    if (need_call(daemon_state.w) || need_memory(daemon_state.w) || need_events(daemon_state.w) ||
        need_store(daemon_state.w)) {
        log_error("wirtd cannot start");
        return false;
    }
    batch_patience(daemon_state.w, STORE_MS);
    fcntl(xenevtchn_fd(daemon_state.w->events), F_SETFL, O_NONBLOCK);
    console_init();
    event_init();
    if (!guest_init())
        return false;
    ends_init();
    if (!client_listen() || !http_listen())
        return false;
    autostart_once();
    return true;
}

/* Whoever started us is told that we are ready: systemd, or the parent that waits. */
static void say_ready(int parent)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *path = getenv("NOTIFY_SOCKET");
    int fd;

    if (parent >= 0 && write(parent, "", 1) == 1)
        close(parent);
    if (!path || strlen(path) >= sizeof(address.sun_path))
        return;
    memcpy(address.sun_path, path, strlen(path));
    if (path[0] == '@')
        address.sun_path[0] = 0;
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    sendto(fd, "READY=1", 7, MSG_NOSIGNAL, (struct sockaddr *)&address,
           (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path)));
    close(fd);
}

/* In the parent: waits until the child is ready or gone; does not return. In the child: the pipe to say it through. */
static int detach(void)
{
    int ends[2];
    char byte;
    pid_t child;

    if (pipe2(ends, O_CLOEXEC) || (child = fork()) < 0) {
        fprintf(stderr, "wirtd: cannot detach: %s\n", strerror(errno));
        exit(WIRT_FAILED);
    }
    if (child) {
        close(ends[1]);
        exit(read(ends[0], &byte, 1) == 1 ? WIRT_OK : WIRT_NO_HOST);
    }
    close(ends[0]);
    setsid();
    if (chdir("/"))
        _exit(WIRT_FAILED);
    return ends[1];
}

static void drop_terminal(void)
{
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

    for (int i = 0; fd >= 0 && i < 3; i++)
        dup2(fd, i);
    if (fd > 2)
        close(fd);
}

int main(int argc, char **argv)
{
    int parent = -1, status = read_options(argc, argv);

    if (status >= 0)
        return status;
    if (!daemon_state.options.is_foreground)
        parent = detach();
    /* Until it runs, whoever started it shall read why it does not. */
    log_open(true);
    if (!start())
        return WIRT_NO_HOST;
    say_ready(parent);
    if (!daemon_state.options.is_foreground) {
        log_open(false);
        drop_terminal();
    }
    log_say("version %s is running", wirt_version);
    while (!daemon_state.is_ending)
        loop_turn();
    client_close_socket();
    http_close();
    event_say(NULL, "wirtd-ended", "%s", "");
    log_say("ended by a signal; guests go on");
    return WIRT_OK;
}
