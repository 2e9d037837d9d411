/* SPDX-License-Identifier: MIT */
/*
 * Requests that go to xenstored together (libwirt/batch.c), with a real one over its socket: all of a batch or nothing;
 * what fails is named with its key; what is read together comes in its own places, also from a xenstored that was
 * started anew meanwhile, and when none is there, or one that hangs, that is said.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ask.h"
#include "batch.h"
#include "check.h"

#define MANY 700 /* names: more than one message holds */

unsigned int check_passed, check_failed;
static const char *program;
static struct wirt *w;
static pid_t daemon_pid;

static void start(void)
{
    daemon_pid = fork();
    if (!daemon_pid) {
        execl(program, program, "--foreground", "--pid-file", "", "--log-file", "/dev/null", NULL);
        _exit(127);
    }
    for (int i = 0; i < 1000; i++) {
        struct xs_handle *s = xs_open(XS_OPEN_SOCKETONLY);

        if (s) {
            xs_close(s);
            return;
        }
        usleep(10000);
    }
}

static void stop(void)
{
    kill(daemon_pid, SIGKILL);
    waitpid(daemon_pid, NULL, 0);
}

static bool is_value(const char *path, const char *wanted)
{
    char *value;
    bool is = !batch_read(w, &path, &value, 1) && (wanted ? value && !strcmp(value, wanted) : !value);

    free(value);
    return is;
}

/* The error names all of them. */
static bool does_name(enum wirt_code code, const char *object, const char *step, const char *cause)
{
    const struct wirt_error *e = wirt_error(w);

    return e->code == code && strstr(e->object, object) && strstr(e->step, step) && strstr(e->cause, cause);
}

static void writes(void)
{
    char path[32];
    struct batch b;

    batch_begin(&b, w);
    batch_mkdir(&b, "/t");
    batch_permit(&b, "/t", "n0", "r7");
    for (int i = 0; i < MANY; i++) {
        snprintf(path, sizeof(path), "/t/many/%05d", i);
        batch_write(&b, path, "%d", i);
    }
    CHECK(batch_commit(&b, "the object", "fill it") == 0);
    CHECK(is_value("/t/many/00000", "0"));
    CHECK(is_value("/t/many/00699", "699"));
    /* one request, without a transaction */
    batch_begin(&b, w);
    batch_write(&b, "/t/one", "%s", "1");
    CHECK(batch_commit(&b, "the object", "write one") == 0);
    CHECK(is_value("/t/one", "1"));
    batch_begin(&b, w);
    batch_remove(&b, "/t/none");
    CHECK(batch_commit(&b, "the object", "remove one") == 0);
    batch_begin(&b, w);
    batch_absent(&b, "/t/one");
    CHECK(batch_commit(&b, "the object", "look for one") == WIRT_EXISTS && !strcmp(b.taken, "/t/one"));
}

static void failures(void)
{
    struct batch b;

    batch_begin(&b, w);
    batch_write(&b, "/t/before", "%s", "x");
    batch_write(&b, "/t/not a path", "%s", "x");
    batch_write(&b, "/t/after", "%s", "x");
    CHECK(batch_commit(&b, "the object", "fail") != 0);
    CHECK(does_name(WIRT_REFUSED, "the object", "fail", "/t/not a path"));
    CHECK(is_value("/t/before", NULL));
    CHECK(is_value("/t/after", NULL));
    batch_begin(&b, w);
    batch_absent(&b, "/t/new");
    batch_absent(&b, "/t/one");
    batch_write(&b, "/t/new", "%s", "x");
    CHECK(batch_commit(&b, "the object", "take it") == WIRT_EXISTS && !strcmp(b.taken, "/t/one"));
    CHECK(does_name(WIRT_EXISTS, "the object", "take it", "/t/one"));
    CHECK(is_value("/t/new", NULL));
    /* there is no hypervisor here */
    batch_begin(&b, w);
    batch_introduce(&b, 7, 1234, 1);
    CHECK(batch_commit(&b, "domain 7", "introduce it") != 0);
    CHECK(does_name(WIRT_FAILED, "domain 7", "introduce it", "ENOSYS"));
    CHECK(is_value("/t/one", "1")); /* the connection is in step */
}

static void reads(void)
{
    static const char *const keys[] = {"/t/one", "/t/none", "/t/many/00042", "bad path", "/t/many/00001"};
    static const char *const directories[] = {"/t", "/t/none", "/t/many", "/t/one"};
    uint32_t names[4] = {9, 9, 9, 9};
    char *value[5];

    CHECK(batch_read(w, keys, value, 5) == 0);
    CHECK(value[0] && !strcmp(value[0], "1") && value[2] && !strcmp(value[2], "42") && value[4]);
    CHECK(!value[1] && !value[3]);
    for (int i = 0; i < 5; i++)
        free(value[i]);
    CHECK(batch_count(w, directories, names, 4) == 0);
    CHECK(names[0] == 2 && names[1] == 0 && names[2] == BATCH_MANY && names[3] == 0);
}

/* All of one key, and of one with more names than a message holds. */
static void looks(void)
{
    struct batch_look l;
    const char *name;
    int names = 0;

    CHECK(batch_look(w, "/t", &l) == 0 && !l.is_absent);
    CHECK(l.access.bytes == 6 && !memcmp(l.access.data, "n0\0r7", 6));
    CHECK(l.names.bytes == 9 && (!memcmp(l.names.data, "many\0one", 9) || !memcmp(l.names.data, "one\0many", 9)));
    batch_look_end(&l);
    CHECK(batch_look(w, "/t/one", &l) == 0 && l.value.bytes == 1 && !strcmp(l.value.data, "1") && !l.names.bytes);
    batch_look_end(&l);
    CHECK(batch_look(w, "/t/none", &l) == 0 && l.is_absent && !l.value.bytes && !l.names.bytes && !*l.value.data);
    batch_look_end(&l);
    CHECK(batch_look(w, "/t/many", &l) == 0 && l.names.bytes == MANY * 6);
    for (name = l.names.data; name < l.names.data + l.names.bytes; name += strlen(name) + 1)
        names += strlen(name) == 5 && atoi(name) == names;
    CHECK(names == MANY);
    batch_look_end(&l);
}

/* Single questions; and what a transaction began, nobody else sees before its end. */
static void asks(void)
{
    struct xs_permissions *access,
        wanted[] = {{.id = 0, .perms = XS_PERM_NONE}, {.id = 7, .perms = XS_PERM_READ | XS_PERM_WRITE}};
    unsigned int count, bytes;
    uint32_t t = ask_begin(w);
    char *value, **names;

    CHECK(t && ask_write(w, t, "/a/one", "x\0y", 3) && ask_mkdir(w, t, "/a/two"));
    CHECK(!ask_read(w, 0, "/a/one", NULL) && errno == ENOENT);
    CHECK(ask_end(w, t, true));
    value = ask_read(w, 0, "/a/one", &bytes);
    CHECK(value && bytes == 3 && !memcmp(value, "x\0y", 4));
    free(value);
    names = ask_list(w, 0, "/a", &count);
    CHECK(names && count == 2 && !strcmp(names[0], "one") && !strcmp(names[1], "two"));
    free(names);
    names = ask_list(w, 0, "/a/two", &count);
    CHECK(names && count == 0);
    free(names);
    CHECK(!ask_list(w, 0, "/a/three", &count) && errno == ENOENT && count == 0);
    names = ask_list(w, 0, "/t/many", &count); /* more than a message holds */
    CHECK(names && count == MANY && !strcmp(names[42], "00042") && !strcmp(names[MANY - 1], "00699"));
    free(names);
    CHECK(ask_permit(w, 0, "/a/one", wanted, 2));
    access = ask_access(w, "/a/one", &count);
    CHECK(access && count == 2 && access[0].perms == XS_PERM_NONE && access[1].id == 7 && access[1].perms == 3);
    free(access);
    t = ask_begin(w);
    CHECK(t && ask_remove(w, t, "/a") && ask_end(w, t, false) && ask_remove(w, 0, "/a"));
    CHECK(!ask_remove(w, 0, "/a/one") && errno == ENOENT);
    CHECK(!ask_write(w, 0, "/not a path", "", 0) && errno == EINVAL);
    CHECK(ask_fail(w, WIRT_REFUSED, "it", "do it", "", "no") == WIRT_REFUSED &&
          does_name(WIRT_REFUSED, "it", "do", "no: "));
}

/* A command, which had an answer just now: it waits so long, says who hangs, and does nothing more, whatever comes. */
static void gives_up(void)
{
    const char *path = "/t/one";
    char text[80], *value;
    struct wirt *kept = w;
    uint32_t t;

    setenv("WIRT_WAIT", "1", 1);
    w = wirt_open();
    unsetenv("WIRT_WAIT");
    CHECK(ask_lives(w) && (t = ask_begin(w)));
    kill(daemon_pid, SIGSTOP);
    CHECK(!ask_write(w, t, path, "2", 1) && errno == ETIMEDOUT);
    CHECK(ask_fail(w, WIRT_FAILED, "a disk", "offer it", "", "refused") == WIRT_NO_HOST);
    CHECK(
        does_name(WIRT_NO_HOST, "a disk", "offer it", "does not answer, for 1 s now: 'write /t/one' waits; process "));
    snprintf(text, sizeof(text), "%d (xenstored) has its socket and is stopped", daemon_pid);
    CHECK(strstr(wirt_error(w)->cause, text) && strstr(wirt_error(w)->next, "try kill -CONT"));
    kill(daemon_pid, SIGCONT);
    CHECK(!ask_lives(w) && !wirt_store_read(w, "%s", path) && wirt_error(w)->code == WIRT_NO_HOST);
    CHECK(wirt_store_write(w, path, "%s", "2") == WIRT_NO_HOST && batch_read(w, &path, &value, 1) == WIRT_NO_HOST);
    wirt_close(w);
    w = kept;
    CHECK(is_value(path, "1"));
}

/* A xenstored that is stopped takes so many connections; then one is not waited for again and again. */
static void is_full(void)
{
    static struct wirt *crowd[400];
    const char *path = "/t/one";
    struct timespec from, to;
    char *value;
    int count = 0;

    kill(daemon_pid, SIGSTOP);
    clock_gettime(CLOCK_MONOTONIC, &from);
    do {
        crowd[count] = wirt_open();
        batch_patience(crowd[count], 50);
        CHECK(batch_read(crowd[count], &path, &value, 1) == WIRT_NO_HOST);
    } while (!strstr(wirt_error(crowd[count])->cause, "a connection waits") && ++count < 400);
    CHECK(count > 100 && count < 400);
    for (int i = 0; i < 1000 && count < 400; i++)
        CHECK(batch_read(crowd[count], &path, &value, 1) == WIRT_NO_HOST);
    clock_gettime(CLOCK_MONOTONIC, &to);
    CHECK(to.tv_sec - from.tv_sec < 45); /* 1,000 waits are 50 s */
    kill(daemon_pid, SIGCONT);
    for (int i = 0; i <= count && i < 400; i++)
        wirt_close(crowd[i]);
}

/* One that is stopped: who has no patience waits once, and then asks no more before it goes on. */
static void hangs(void)
{
    const char *path = "/t/one";
    struct timespec from, to;
    struct batch_look l;
    struct batch b;
    char *value;

    batch_patience(w, 200);
    CHECK(is_value(path, "1") && batch_silence_ms(w) == 0);
    kill(daemon_pid, SIGSTOP);
    clock_gettime(CLOCK_MONOTONIC, &from);
    CHECK(batch_read(w, &path, &value, 1) == WIRT_NO_HOST && !value);
    CHECK(does_name(WIRT_NO_HOST, "/t/one", "read xenstore", "xenstored does not answer, for 0 s now"));
    for (int i = 0; i < 1000; i++)
        CHECK(batch_look(w, path, &l) == WIRT_NO_HOST && !l.value.data);
    batch_begin(&b, w);
    batch_write(&b, path, "%s", "2");
    CHECK(batch_commit(&b, "the object", "write") == WIRT_NO_HOST);
    clock_gettime(CLOCK_MONOTONIC, &to);
    CHECK(to.tv_sec - from.tv_sec < 60); /* not 200 ms each */
    sleep(1);
    CHECK(batch_silence_ms(w) > 1200 && batch_read(w, &path, &value, 1));
    CHECK(does_name(WIRT_NO_HOST, "xenstored", "wait for its answer", "does not answer, for"));
    kill(daemon_pid, SIGCONT);
    for (int i = 0; i < 500 && batch_read(w, &path, &value, 1); i++)
        usleep(10000);
    CHECK(value && !strcmp(value, "1") && batch_silence_ms(w) == 0); /* what could not be asked was not done */
    free(value);
    kill(daemon_pid, SIGSTOP);
    CHECK(batch_read(w, &path, &value, 1) == WIRT_NO_HOST);
    stop(); /* and never goes on */
    CHECK(batch_read(w, &path, &value, 1) == WIRT_NO_HOST && does_name(WIRT_NO_HOST, "xenstored", "connect", ""));
    start();
    CHECK(batch_read(w, &path, &value, 1) == 0 && value);
    free(value);
    batch_patience(w, 0);
}

/* The connection is one to a xenstored that is no more; then there is none at all. */
static void restarts(void)
{
    const char *path = "/t/one";
    char *value;

    stop();
    start();
    CHECK(is_value("/t/one", "1"));
    stop();
    CHECK(batch_read(w, &path, &value, 1) == WIRT_NO_HOST && !value);
    CHECK(does_name(WIRT_NO_HOST, "xenstored", "connect", "does not answer"));
    start();
    CHECK(is_value("/t/one", "1"));
    stop();
}

int main(void)
{
    char dir[] = "/tmp/wirt-together.XXXXXX", command[200];

    program = getenv("XENSTORED");
    w = wirt_open();
    if (!program || !w || !mkdtemp(dir))
        return 1;
    setenv("XENSTORED_RUNDIR", dir, 1);
    start();
    writes();
    failures();
    reads();
    looks();
    asks();
    hangs();
    gives_up();
    is_full();
    restarts();
    wirt_close(w);
    snprintf(command, sizeof(command), "rm -rf '%s'", dir);
    if (system(command))
        check_failed++;
    return check_end("together");
}
