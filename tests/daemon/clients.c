/* SPDX-License-Identifier: MIT */
/*
 * The daemon's console half as it is, over real sockets and a real page of a guest that another process plays: replay,
 * several readers, a slow one, input, a flood, rubbish, and a daemon that is killed again and again while the guest
 * prints, after which every byte must have been kept once and in order. Only the hypervisor's part is played (play.c).
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
#include "daemon.h"
#include "internal.h"
#include "play.h"
#include "wirtd_client.h"

/* ---- memory, by ld's --wrap: the allocation with this number fails; 0: none ---- */
static unsigned int allocations, no_memory_at;
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *p, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *p, size_t size);

static bool is_the_one(void)
{
    return no_memory_at && ++allocations == no_memory_at;
}
void *__wrap_malloc(size_t size)
{
    return is_the_one() ? NULL : __real_malloc(size);
}
void *__wrap_calloc(size_t count, size_t size)
{
    return is_the_one() ? NULL : __real_calloc(count, size);
}
void *__wrap_realloc(void *p, size_t size)
{
    return is_the_one() ? NULL : __real_realloc(p, size);
}

static void test_readers(struct wirt *w)
{
    char sent[5000], got[8000], *text = NULL;
    int one, two, late;
    size_t bytes;

    fill(sent, sizeof(sent), 1);
    CHECK(wirt_console_open(w, "web", false, &one) == 0);
    CHECK(wirt_console_open(w, "7", false, &two) == 0);
    guest_print(sent, sizeof(sent));
    CHECK(read_some(one, got, sizeof(sent), 2000) == sizeof(sent) && !memcmp(got, sent, sizeof(sent)));
    CHECK(read_some(two, got, sizeof(sent), 2000) == sizeof(sent) && !memcmp(got, sent, sizeof(sent)));
    CHECK(wirt_console_open(w, "web", true, &late) == 0);
    CHECK(read_some(late, got, sizeof(sent), 2000) == sizeof(sent) && !memcmp(got, sent, sizeof(sent)));
    CHECK(wirt_console_log(w, "web", &text, &bytes) == 0 && bytes == sizeof(sent) && !memcmp(text, sent, bytes));
    free(text);
    close(one);
    guest_print("x", 1);
    CHECK(read_some(two, got, 1, 2000) == 1 && got[0] == 'x');
    close(two);
    close(late);
}

/* What two readers type reaches the guest, more than fits at once too, in the order of each. */
static void test_input(struct wirt *w)
{
    static char typed[20000], got[20000];
    size_t sent = 0, count = 0;
    int fd;

    fill(typed, sizeof(typed), 2);
    CHECK(wirt_console_open(w, "web", false, &fd) == 0);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    for (int i = 0; i < 20000 && count < sizeof(typed); i++) {
        struct xencons_interface *p = &shared->page;
        ssize_t n = sent < sizeof(typed) ? write(fd, typed + sent, sizeof(typed) - sent) : 0;
        uint32_t prod = __atomic_load_n(&p->in_prod, __ATOMIC_ACQUIRE);

        sent += n > 0 ? (size_t)n : 0;
        CHECK(prod - p->in_cons <= RING_IN);
        for (; p->in_cons != prod; p->in_cons++)
            got[count++] = p->in[p->in_cons % RING_IN];
        guest_event();
        usleep(500);
    }
    CHECK(count == sizeof(typed) && !memcmp(got, typed, sizeof(typed)));
    close(fd);
}

/* A reader that does not read holds nobody up, and learns how much it missed. */
static void test_slow(struct wirt *w)
{
    static char sent[700000], got[1000000];
    int slow, quick;
    size_t n;

    fill(sent, sizeof(sent), 3);
    CHECK(wirt_console_open(w, "web", false, &slow) == 0);
    CHECK(wirt_console_open(w, "web", false, &quick) == 0);
    for (size_t at = 0; at < sizeof(sent); at += 1000) {
        guest_print(sent + at, 1000);
        n = read_some(quick, got, 1000, 5000);
        if (n != 1000 || memcmp(got, sent + at, 1000)) {
            printf("at %zu: %zu bytes: %.60s\n", at, n, got);
            CHECK(!"the quick reader gets all of it");
            break;
        }
    }
    n = read_some(slow, got, sizeof(got) - 1, 500);
    got[n] = 0;
    CHECK(n < sizeof(sent) && strstr(got, "bytes are not kept any more]"));
    CHECK(n > 10000 && !memcmp(got + n - 10000, sent + sizeof(sent) - 10000, 10000));
    close(slow);
    close(quick);
}

static double cpu_seconds(pid_t child)
{
    clockid_t clock;
    struct timespec t = {0};

    if (clock_getcpuclockid(child, &clock) || clock_gettime(clock, &t))
        return 0;
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* A guest that does nothing but print and knock: how much of it gets through, and what it costs. */
static void test_flood(struct wirt *w, pid_t child)
{
    uint32_t from = shared->page.out_cons, events = shared->event_count;
    double cpu = cpu_seconds(child);
    char *reply = NULL, *text = NULL;
    int64_t end = now_ms() + 4000;

    while (now_ms() < end) {
        shared->page.out_prod = shared->page.out_cons + RING_OUT;
        guest_event();
    }
    CHECK(shared->page.out_cons - from <= BUCKET_SIZE + 5 * BUCKET_RATE);
    CHECK(shared->page.out_cons - from >= 3 * BUCKET_RATE);
    CHECK(cpu_seconds(child) - cpu < 2.0);
    printf("flood: %u KiB and %u events in 4 s, %.2f s of CPU\n", (shared->page.out_cons - from) >> 10,
           shared->event_count - events, cpu_seconds(child) - cpu);
    CHECK(wirt_daemon_request(w, "list", &reply) == 0);
    text = reply ? wirt_daemon_member(reply, "floods") : NULL;
    CHECK(text && atoi(text) > 0);
    free(text);
    free(reply);
    sleep(1);
    for (end = now_ms() + 5000; shared->page.out_cons != shared->page.out_prod && now_ms() < end; usleep(1000))
        continue;
    CHECK(shared->page.out_cons == shared->page.out_prod && !shared->is_masked);
}

static void test_rubbish(struct wirt *w)
{
    char *reply = NULL, *count, got[16];
    int fd;

    for (int i = 0; i < 200; i++) {
        shared->page.out_prod = (uint32_t)rand() * 2u;
        shared->page.in_cons = (uint32_t)rand() * 2u;
        guest_event();
        usleep(500);
    }
    usleep(200000);
    CHECK(wirt_daemon_request(w, "list", &reply) == 0);
    count = reply ? wirt_daemon_member(reply, "rubbish") : NULL;
    CHECK(count && atoi(count) > 0);
    free(count);
    free(reply);
    CHECK(wirt_console_open(w, "web", false, &fd) == 0);
    shared->page.out_prod = shared->page.out_cons;
    guest_event();
    usleep(200000);
    read_some(fd, got, sizeof(got), 100);
    guest_print("sane again", 10);
    CHECK(read_some(fd, got, 10, 3000) == 10 && !memcmp(got, "sane again", 10));
    close(fd);
}

static void test_requests(struct wirt *w)
{
    static const struct {
        const char *request;
        int code;
    } table[] = {{"status", 0},
                 {"list", 0},
                 {"console nobody", WIRT_NOT_FOUND},
                 {"log nobody", WIRT_NOT_FOUND},
                 {"forget web", WIRT_REFUSED},
                 {"forget nobody", WIRT_NOT_FOUND},
                 {"cancel web", WIRT_NOT_FOUND},
                 {"cancel starts", WIRT_REFUSED},
                 {"cancel loops", 0},
                 {"", WIRT_USAGE},
                 {"dance", WIRT_USAGE},
                 {"console", WIRT_USAGE},
                 {"list all of them", WIRT_USAGE},
                 {"autostart later", WIRT_USAGE},
                 {"console ../../etc/passwd", WIRT_NOT_FOUND},
                 {"tty web", 0}};
    char long_one[700], *reply = NULL, *text;
    int fd;

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        CHECK(wirt_daemon_request(w, table[i].request, NULL) == table[i].code);
    memset(long_one, 'x', sizeof(long_one) - 1);
    long_one[sizeof(long_one) - 1] = 0;
    CHECK(wirt_daemon_request(w, long_one, NULL) == WIRT_USAGE);
    CHECK(wirt_daemon_request(w, "say \"\\\001\"", &reply) == WIRT_USAGE && w->error.cause[0]);
    CHECK(wirt_daemon_request(w, "tty web", &reply) == 0);
    text = reply ? wirt_daemon_member(reply, "tty") : NULL;
    CHECK(text && !strncmp(text, "/dev/pts/", 9));
    fd = text ? open(text, O_RDWR | O_NOCTTY | O_NONBLOCK) : -1;
    if (fd >= 0) {
        static char got[400000];

        while (read_some(fd, got, sizeof(got), 300) > 0)
            continue;
        guest_print("to the terminal", 15);
        CHECK(read_some(fd, got, 15, 3000) == 15 && !memcmp(got, "to the terminal", 15));
        shared->page.in_cons = shared->page.in_prod;
        CHECK(write(fd, "typed", 5) == 5);
        for (int i = 0; i < 300 && shared->page.in_prod - shared->page.in_cons < 5; i++)
            usleep(10000);
        CHECK(shared->page.in_prod - shared->page.in_cons == 5);
        shared->page.in_cons = shared->page.in_prod;
        close(fd);
    }
    free(text);
    free(reply);
}

/* Requests cut anywhere, rubbish, and clients that leave at any moment. */
static void test_rude(struct wirt *w)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    strcpy(address.sun_path, socket_path);
    for (int i = 0; i < 500; i++) {
        char bytes[600];
        size_t count = (size_t)rand() % sizeof(bytes);
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);

        for (size_t k = 0; k < count; k++)
            bytes[k] = (char)rand();
        if (i % 3 == 0)
            count = (size_t)snprintf(bytes, sizeof(bytes), "console web\nhello");
        if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
            CHECK(send(fd, bytes, count, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0 || errno == EPIPE);
        if (i % 5 == 0)
            shutdown(fd, SHUT_WR);
        close(fd);
    }
    CHECK(wirt_daemon_request(w, "status", NULL) == 0);
    shared->page.in_cons = shared->page.in_prod;
    guest_event();
}

/* Somebody reads and asks, so that a short daemon needs its memory. */
static void ask_around(struct wirt *w)
{
    char *text = NULL;
    size_t bytes;

    wirt_daemon_request(w, "status", NULL);
    wirt_console_log(w, "web", &text, &bytes);
    free(text);
}

/* The guest prints numbered lines; the daemon is killed and started again all the time, and, if it is to be short, in
 * each life one of its allocations fails. */
static void test_killed(bool is_short)
{
    struct wirt *w = wirt_open();
    char *text = NULL, *at, line[64];
    size_t bytes;
    pid_t guest, daemon;
    int status, rounds = 0, is_refused = 0;
    long number = 0;

    memset(&shared->page, 0, sizeof(shared->page));
    CHECK(system("rm -f /tmp/wirtd-test.*/console/*") == 0);
    daemon = daemon_fork();
    guest = fork();
    if (guest == 0) {
        for (int i = 0; i < 4000; i++) {
            int n = snprintf(line, sizeof(line), "line %d of the guest\n", i);

            guest_print(line, (size_t)n);
            usleep((useconds_t)rand() % 1000);
        }
        _exit(0);
    }
    while (waitpid(guest, &status, WNOHANG) == 0) {
        if (is_short)
            ask_around(w);
        /* On a busy machine a life can be too short to do anything; later ones are longer and longer. */
        usleep((useconds_t)rand() % 60000 + (rounds < 60 ? 20000 : (useconds_t)(rounds - 50) * 40000));
        kill(daemon, SIGKILL);
        waitpid(daemon, &status, 0);
        CHECK(WIFSIGNALED(status) ? WTERMSIG(status) == SIGKILL : WEXITSTATUS(status) == 1);
        is_refused += WIFEXITED(status);
        no_memory_at = is_short ? (unsigned int)(rounds % 20) + 1 : 0;
        daemon = daemon_fork();
        no_memory_at = 0;
        rounds++;
    }
    daemon_kill(daemon);
    daemon = daemon_fork();
    wirt_close(w);
    w = connect_wirt();
    usleep(300000);
    CHECK(rounds > 10);
    CHECK(wirt_console_log(w, "web", &text, &bytes) == 0);
    for (at = text; at && *at; number++) {
        snprintf(line, sizeof(line), "line %ld of the guest\n", number);
        if (strncmp(at, line, strlen(line)))
            break;
        at += strlen(line);
    }
    printf("killed: %d times, %ld lines in order%s\n", rounds, number, is_short ? ", memory short each time" : "");
    CHECK(is_short || is_refused == 0);
    CHECK(number == 4000 && at && !*at);
    free(text);
    /* And with nobody there, from the file. */
    daemon_kill(daemon);
    CHECK(wirt_console_log(w, "web", &text, &bytes) == 0 && bytes > 50000);
    free(text);
    CHECK(wirt_console_log(w, "nobody", &text, &bytes) == WIRT_NO_HOST);
    wirt_close(w);
}

/* Log files: all that was printed, in files of a bounded size and number. */
static void test_logs(void)
{
    char path[128];
    struct stat status;

    snprintf(path, sizeof(path), "%s/web.log", log_path);
    CHECK(stat(path, &status) == 0 && status.st_size <= (64 << 10) + 4096);
    snprintf(path, sizeof(path), "%s/web.log.2", log_path);
    CHECK(stat(path, &status) == 0 && status.st_size <= (64 << 10) + 4096);
    snprintf(path, sizeof(path), "%s/web.log.3", log_path);
    CHECK(stat(path, &status) != 0);
}

/* Consoles of domains that are over: so many are kept, the oldest go; a name that comes back goes on. */
static void test_dead(void)
{
    static const char *const names_[] = {"one", "two", "three"};

    start_daemon();
    console_stop(console_find("web"), true);
    console_find("web")->keep.head.ended = 1;
    for (int i = 0; i < 3; i++) {
        struct console *c = console_get(names_[i]);

        memset(&shared->page, 0, sizeof(shared->page));
        CHECK(c && console_start(c, (uint32_t)i + 20, 1, 1));
        memcpy(shared->page.out, "last words", 10);
        shared->page.out_prod = 10;
        console_stop(c, true); /* nothing told us of these: they are taken all the same */
        c->keep.head.ended = 1000 + i;
    }
    CHECK(!console_find("one") && console_find("two") && console_find("three"));
    CHECK(console_find("three") && console_find("three")->keep.head.total == 10);
    client_close_socket();
}

int main(void)
{
    struct wirt *w;
    pid_t child;

    srand(3);
    play_start();
    child = daemon_fork();
    w = connect_wirt();
    test_readers(w);
    test_input(w);
    test_slow(w);
    test_flood(w, child);
    test_rubbish(w);
    test_requests(w);
    test_rude(w);
    CHECK(kill(child, 0) == 0 && waitpid(child, NULL, WNOHANG) == 0);
    daemon_kill(child);
    wirt_close(w);
    test_killed(false);
    test_killed(true);
    test_logs();
    test_dead();
    play_end();
    return check_end("clients");
}
