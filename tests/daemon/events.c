/* SPDX-License-Identifier: MIT */
/*
 * The journal and what makes its events, in this process and as a daemon with real clients: which events come of which
 * changes, in which order and how often; names that are no UTF-8; readers that come late, are slow, or ask for what is
 * not kept; numbers that go on over every death of the daemon. "serve DIR" is a daemon for events.sh, which drives the
 * command: each line on standard input is an event.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ask.h"
#include "check.h"
#include "event.h"
#include "hyper.h"
#include "internal.h"
#include "play.h"
#include "wirtd_client.h"

#include <xen/sched.h>

/* ---- a clock and a xenstore of ours ---- */
static int64_t skipped_ms;
int64_t __real_now_ms(void);
int64_t __wrap_now_ms(void);
int64_t __wrap_now_ms(void)
{
    return __real_now_ms() + skipped_ms;
}

static bool is_sure = true;
static struct {
    uint32_t domid, id;
    int state; /* 0: no such node */
} disks[20];
bool __wrap_store_number(uint64_t *number, const char *format, ...);
bool __wrap_store_number(uint64_t *number, const char *format, ...)
{
    char path[128];
    uint32_t domid, id;
    va_list args;

    va_start(args, format);
    vsnprintf(path, sizeof(path), format, args);
    va_end(args);
    if (sscanf(path, CHANGE_BACKEND "/vbd/%u/%u/state", &domid, &id) != 2)
        return false;
    for (int i = 0; i < 20; i++)
        if (disks[i].state && disks[i].domid == domid && disks[i].id == id) {
            *number = (uint64_t)disks[i].state;
            return true;
        }
    return false;
}
void store_set(const char *path, const char *format, ...)
{
}
bool store_is_sure(void)
{
    return is_sure;
}
/* In one block. */
char **ask_list(struct wirt *w, uint32_t t, const char *path, unsigned int *count)
{
    char **list = calloc(20, sizeof(char *) + 16), *text = (char *)(list + 20);
    uint32_t domid = 0;

    *count = 0;
    if (!strcmp(path, CHANGE_BACKEND)) {
        list[(*count)++] = strcpy(text, "vbd");
        return list;
    }
    sscanf(path, CHANGE_BACKEND "/vbd/%u", &domid);
    for (int i = 0; i < 20; i++)
        if (disks[i].state && disks[i].domid == domid) {
            list[(*count)++] = text;
            text += sprintf(text, "%u", disks[i].id) + 1;
        }
    return list;
}

/* ---- what the journal says ---- */
static uint64_t seen_at;
static char said[200000];

/* What came since the last call, without heads: "created web memory_kib=... " */
static const char *news(void)
{
    size_t n = keep_read(event_journal(), seen_at, said, sizeof(said) - 1);

    said[n] = 0;
    seen_at += n;
    return said;
}

static unsigned int count_of(const char *text, const char *what)
{
    unsigned int n = 0;

    for (; (text = strstr(text, what)); text++)
        n++;
    return n;
}

static struct xen_domctl_getdomaininfo domain(uint32_t id, uint32_t flags)
{
    struct xen_domctl_getdomaininfo d = {.domain = (domid_t)id,
                                         .flags = flags,
                                         .tot_pages = 1024,
                                         .max_pages = 2048,
                                         .nr_online_vcpus = 1,
                                         .max_vcpu_id = 1,
                                         .cpu_time = 5};
    memset(d.handle, (int)id, sizeof(d.handle));
    return d;
}
#define OVER(reason) (XEN_DOMINF_shutdown | (uint32_t)(reason) << XEN_DOMINF_shutdownshift)

static void test_life(void)
{
    struct xen_domctl_getdomaininfo d = domain(3, XEN_DOMINF_paused);
    const char *text;

    d.tot_pages = 10;
    change_seen(&d, "");
    CHECK(*news() == 0); /* its name is waited for */
    change_seen(&d, "web");
    text = news();
    CHECK(count_of(text, "\n") == 1 && strstr(text, "\"event\":\"created\",\"domid\":3,\"name\":\"web\","
                                                    "\"uuid\":\"03030303-0303-0303-0303-030303030303\""));
    d.tot_pages = 1024; /* it is being filled */
    change_seen(&d, "web");
    CHECK(*news() == 0);
    d.flags = 0;
    change_seen(&d, "web");
    text = news();
    CHECK(count_of(text, "\n") == 1 && strstr(text, "\"started\"") && strstr(text, "\"memory_kib\":4096,"));
    d.flags = XEN_DOMINF_paused;
    change_seen(&d, "web");
    change_seen(&d, "web");
    d.flags = 0;
    change_seen(&d, "web");
    text = news();
    CHECK(count_of(text, "\n") == 2 && count_of(text, "\"paused\"") == 1 && count_of(text, "\"unpaused\"") == 1);
    change_named(3, "shop");
    text = news();
    CHECK(strstr(text, "\"event\":\"renamed\",\"domid\":3,\"name\":\"shop\"") && strstr(text, ",\"was\":\"web\"}"));
    d.flags = OVER(SHUTDOWN_crash);
    change_seen(&d, "shop");
    change_seen(&d, "shop");
    change_policy(3, "on_crash", "restart", 4);
    d.flags |= XEN_DOMINF_dying | XEN_DOMINF_paused;
    change_seen(&d, "shop");
    change_gone(3);
    text = news();
    CHECK(count_of(text, "\n") == 3 && strstr(text, "\"crashed\"") && strstr(text, "\"reason\":\"crash\"}"));
    CHECK(strstr(text, "\"setting\":\"on_crash\",\"action\":\"restart\",\"delay_seconds\":4}"));
    CHECK(count_of(text, "\"destroyed\"") == 1);
    d = domain(4, OVER(SHUTDOWN_poweroff));
    change_seen(&d, "quick");
    change_gone(4);
    text = news();
    CHECK(count_of(text, "\n") == 4 && strstr(text, "\"started\"") && strstr(text, "\"reason\":\"poweroff\"}"));
    change_gone(4);
    CHECK(*news() == 0);
    d = domain(5, 0);
    change_seen(&d, "");
    change_gone(5); /* it had no name, and is not passed over */
    CHECK(count_of(news(), "\"name\":\"(unnamed)\"") == 2);
}

static void test_sizes(void)
{
    struct xen_domctl_getdomaininfo d = domain(6, 0);
    const char *text;

    change_seen(&d, "balloon");
    news();
    for (int i = 0; i < 5; i++) { /* it moves */
        d.tot_pages -= 50;
        change_seen(&d, "balloon");
        skipped_ms += 500;
    }
    CHECK(*news() == 0);
    skipped_ms += 1000;
    change_seen(&d, "balloon");
    text = news();
    CHECK(count_of(text, "\n") == 1 && strstr(text, "\"event\":\"memory\"") && strstr(text, "\"memory_kib\":3096,"));
    for (int i = 0; i < 30; i++) { /* and never stops */
        d.tot_pages -= 5;
        change_seen(&d, "balloon");
        skipped_ms += 500;
    }
    CHECK(count_of(news(), "\n") == 1);
    d.nr_online_vcpus = 2;
    change_seen(&d, "balloon");
    CHECK(strstr(news(), "\"event\":\"vcpus\"") && strstr(said, "\"vcpus\":2,\"max_vcpus\":2}"));
    /* One that does nothing else is held back, and what was left out is counted. */
    for (int i = 0; i < 1000; i++) {
        d.nr_online_vcpus = 1 + (uint32_t)i % 2;
        change_seen(&d, "balloon");
    }
    CHECK(count_of(news(), "\n") <= 66);
    change_gone(6);
    text = strstr(news(), "\"suppressed\":");
    CHECK(text && atoi(text + 13) >= 400);
}

static void test_console(void)
{
    struct xen_domctl_getdomaininfo d = domain(7, 0);

    change_printed(7, 5); /* nobody knows it yet */
    change_seen(&d, "loud");
    news();
    for (int i = 0; i < 100; i++) {
        change_printed(7, 10);
        skipped_ms += 250;
        change_seen(&d, "loud");
    }
    CHECK(count_of(news(), "\"event\":\"console\"") == 3);
    change_printed(7, 3);
    change_gone(7); /* what it printed last is said before its end */
    CHECK(strstr(news(), "\"console\"") && strstr(said, "\"console\"") < strstr(said, "\"destroyed\""));
}

static void test_devices(void)
{
    struct xen_domctl_getdomaininfo d = domain(8, 0);
    const char *text;

    disks[0].domid = 8, disks[0].id = 51712, disks[0].state = 2;
    change_seen(&d, "disks");
    text = news();
    CHECK(strstr(text, "\"device-attached\"") &&
          strstr(text, "\"device\":\"vbd\",\"id\":51712,\"state\":\"waiting\"}"));
    change_device(CHANGE_BACKEND "/vbd/8/51712/sectors");
    change_device(CHANGE_BACKEND "/vbd/8/51712/state");
    CHECK(*news() == 0);
    disks[0].state = 4;
    change_device(CHANGE_BACKEND "/vbd/8/51712/state");
    CHECK(strstr(news(), "\"device-state\"") && strstr(said, "\"connected\""));
    disks[1].domid = 8, disks[1].id = 51728, disks[1].state = 1;
    change_device(CHANGE_BACKEND); /* xenstore came anew: all is looked at */
    CHECK(count_of(news(), "\n") == 1 && strstr(said, "51728"));
    disks[0].state = 0;
    is_sure = false; /* it cannot be had, which is not that it is not there */
    change_device(CHANGE_BACKEND "/vbd/8/51712");
    CHECK(*news() == 0);
    is_sure = true;
    change_device(CHANGE_BACKEND "/vbd/8/51712");
    CHECK(count_of(news(), "\n") == 1 && strstr(said, "\"device-detached\""));
    disks[1].state = 0;
    change_device(CHANGE_BACKEND "/vbd/8");
    CHECK(count_of(news(), "\"device-detached\"") == 1);
    change_device(CHANGE_BACKEND "/vbd/99/1/state");
    change_device(CHANGE_BACKEND "/vbd/x/1/state");
    change_device("/other");
    CHECK(*news() == 0);
    disks[2].domid = 8, disks[2].id = 1, disks[2].state = 4;
    d.flags = XEN_DOMINF_dying;
    change_seen(&d, "disks");
    news();
    change_device(CHANGE_BACKEND "/vbd/8/1/state"); /* its devices end with it */
    CHECK(*news() == 0);
    change_gone(8);
    CHECK(*news() == 0);
}

/* Names that other tools' domains may have. */
static void test_names(void)
{
    static const struct {
        const char *name, *text;
    } names[] = {{"a\"b\\c", "\"a\\\"b\\\\c\""},
                 {"\x01\n\x7f", "\"\\u0001\\u000a\\u007f\""},
                 {"gr\xc3\xbc\xc3\x9f", "\"gr\xc3\xbc\xc3\x9f\""},
                 {"\xff\xc0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
                 {"\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
                 {"\xf4\x90\x80\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
                 {"\xf0\x9f\x98\x80\xe2\x82", "\"\xf0\x9f\x98\x80\xef\xbf\xbd\xef\xbf\xbd\""}};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct xen_domctl_getdomaininfo d = domain(100 + (uint32_t)i, 0);

        change_seen(&d, names[i].name);
        CHECK(strstr(news(), names[i].text));
        change_gone(d.domain);
        news();
    }
}

/* ---- over the socket ---- */

static void say_many(uint32_t count)
{
    struct subject who = {.domid = 9, .name = "many"};

    for (uint32_t i = 0; i < count; i++)
        event_say(&who, "console", ",\"bytes\":%u", i);
}

/* Reads whole lines up to the one with number `until` and counts them; the first and the last number, and how often one
 * did not follow the one before. */
static size_t read_lines(int fd, uint64_t until, uint64_t *first, uint64_t *last, unsigned int *jumps)
{
    static char bytes[4 << 20];
    size_t n = 0, count = 0;
    char *at = bytes;

    *first = *last = *jumps = 0;
    for (int64_t end_ms = __real_now_ms() + 60000; *last < until && __real_now_ms() < end_ms;) {
        n += read_some(fd, bytes + n, 1, 1000);
        n += read_some(fd, bytes + n, sizeof(bytes) - 1 - n, 0);
        bytes[n] = 0;
        for (char *end; (end = strchr(at, '\n')); at = end + 1, count++) {
            uint64_t number = 0;

            CHECK(sscanf(at, "{\"seq\":%lu,\"time\":\"2", &number) == 1 && end[-1] == '}');
            *jumps += *last && number != *last + 1;
            *first = *first ? *first : number;
            *last = number;
        }
    }
    return count;
}

static int follow(struct wirt *w, const char *request, uint64_t *next)
{
    char *reply = NULL, *text;
    int fd = -1;

    CHECK(wirt_daemon_stream(w, request, &reply, &fd) == 0);
    text = reply ? wirt_daemon_member(reply, "next") : NULL;
    *next = text ? strtoull(text, NULL, 10) : 0;
    free(text);
    free(reply);
    return fd;
}

/* ---- a daemon that says events when it is told to: a letter for each, more for each capital ---- */
#define MANY 8000 /* more than are kept */
static int control = -1;

int64_t guest_due(int64_t now)
{
    static uint32_t left;
    char bytes[64];
    ssize_t n = control < 0 ? 0 : read(control, bytes, sizeof(bytes));
    uint32_t some;

    for (ssize_t i = 0; i < n; i++)
        if (bytes[i] != '\n')
            left += bytes[i] < 'a' ? MANY : 1;
    some = left < 200 ? left : 200;
    say_many(some);
    left -= some;
    return now + (left ? 0 : 5);
}

static pid_t serve(int *to)
{
    int ends[2];
    pid_t child;

    CHECK(pipe2(ends, O_NONBLOCK) == 0);
    child = fork();
    if (child == 0) {
        control = ends[0];
        close(ends[1]);
        start_daemon();
        for (;;)
            loop_turn();
    }
    close(ends[0]);
    *to = ends[1];
    return child;
}

static void test_readers(void)
{
    uint64_t next, first, last, other;
    unsigned int jumps;
    int to, fd, slow;
    pid_t child = serve(&to);
    struct wirt *w = connect_wirt();

    fd = follow(w, "events new", &next);
    slow = follow(w, "events new", &other);
    CHECK(next > 1 && next == other);
    CHECK(write(to, "aaa", 3) == 3);
    CHECK(read_lines(fd, next + 2, &first, &last, &jumps) == 3 && first == next && jumps == 0);
    /* More than are kept: who reads gets lines, whole ones, and sees by their numbers what he missed. */
    CHECK(write(to, "A", 1) == 1);
    read_lines(fd, next + MANY + 2, &first, &last, &jumps);
    CHECK(last == next + MANY + 2);
    CHECK(read_lines(slow, last, &first, &last, &jumps) > 1000);
    CHECK(first == next && last == next + MANY + 2 && jumps >= 1);
    close(slow);
    close(fd);
    slow = follow(w, "events 0", &other);
    CHECK(other == next + MANY + 3);
    CHECK(read_lines(slow, other - 1, &first, &last, &jumps) > 1000 && jumps == 0 && first > next + MANY / 4);
    close(slow);
    fd = follow(w, "events 99999999", &other);
    CHECK(write(to, "a", 1) == 1 && read_lines(fd, other, &first, &last, &jumps) == 1 && first == other);
    CHECK(wirt_daemon_request(w, "events -1", NULL) == WIRT_USAGE);
    CHECK(wirt_daemon_request(w, "events old", NULL) == WIRT_USAGE);
    CHECK(wirt_daemon_request(w, "events 1 2", NULL) == WIRT_USAGE);
    daemon_kill(child);
    CHECK(read_some(fd, said, 10, 1000) == 0);
    close(fd);
    close(to);
    /* The next one goes on with the numbers, and says that it is another. */
    child = serve(&to);
    wirt_close(w);
    w = connect_wirt();
    snprintf(said, sizeof(said), "events %lu", first);
    fd = follow(w, said, &next);
    CHECK(next == first + 2);
    CHECK(read_some(fd, said, 100, 500) >= 80 && strstr(said, "\"event\":\"wirtd-started\""));
    close(fd);
    daemon_kill(child);
    close(to);
    wirt_close(w);
}

/* Killed at any moment while it writes: numbers go up by one, lines are whole. */
static void test_killed(void)
{
    uint64_t next, first, last;
    unsigned int jumps, rounds = 20;
    struct wirt *w;
    int to, fd;

    for (unsigned int i = 0; i < rounds; i++) {
        pid_t child = serve(&to);

        w = connect_wirt();
        CHECK(write(to, "AAAA", 4) == 4);
        usleep((useconds_t)rand() % 20000);
        daemon_kill(child);
        close(to);
        wirt_close(w);
    }
    daemon_kill(serve(&to));
    close(to);
    pid_t child = serve(&to);
    w = connect_wirt();
    fd = follow(w, "events 0", &next);
    CHECK(read_lines(fd, next - 1, &first, &last, &jumps) > 1000 && jumps == 0);
    close(fd);
    close(to);
    daemon_kill(child);
    wirt_close(w);
}

int main(int argc, char **argv)
{
    srand(4);
    if (argc == 3 && !strcmp(argv[1], "serve")) { /* until its input ends */
        pid_t child;
        char byte;
        int to;

        play_start_in(argv[2]);
        child = serve(&to);
        while (read(0, &byte, 1) == 1)
            if (write(to, &byte, 1) != 1)
                break;
        daemon_kill(child);
        return 0;
    }
    play_start();
    start_daemon();
    news();
    change_started();
    test_life();
    test_sizes();
    test_console();
    test_devices();
    test_names();
    client_close_socket();
    skipped_ms = 0;
    test_readers();
    test_killed();
    play_end();
    return check_end("events");
}
