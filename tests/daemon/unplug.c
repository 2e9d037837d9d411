/* SPDX-License-Identifier: MIT */
/*
 * The end of devices, with a real xenstored over its socket and a guest and backend that are a thread of this process,
 * in a race with the command at each of its steps: a device is never pulled from under a guest that has taken it up,
 * what is offered meanwhile stays, and of what was removed no key is left, dom0's errors among them.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "device.h"
#include "internal.h"
#include "note.h"

#define GUEST  7u
#define NUMBER 51728u
#define FRONT  "/local/domain/7/device/vbd/51728"
#define BACK   "/local/domain/0/backend/vbd/7/51728"
#define ERRORS "/local/domain/0/error"

unsigned int check_passed, check_failed;
static struct wirt *w;
static pid_t daemon_pid;

/* ---- the store ---- */

static void start(const char *program, char *dir)
{
    if (!w || !mkdtemp(dir))
        abort();
    setenv("XENSTORED_RUNDIR", dir, 1);
    daemon_pid = fork();
    if (!daemon_pid) {
        execl(program, program, "--foreground", "--pid-file", "", "--log-file", "/dev/null", NULL);
        _exit(127);
    }
    for (int i = 0; i < 1000 && need_store(w); i++)
        usleep(10000);
}

static void stop(const char *dir)
{
    char command[200];

    kill(daemon_pid, SIGKILL);
    waitpid(daemon_pid, NULL, 0);
    snprintf(command, sizeof(command), "rm -rf '%s'", dir);
    if (system(command))
        check_failed++;
}

static bool is_key(const char *path)
{
    char *value = wirt_store_read(w, "%s", path);

    free(value);
    return value;
}

static struct device disk(uint32_t number)
{
    struct device d = {.kind = "vbd", .domid = GUEST, .number = number, .object = "a disk"};

    device_front(&d, "virtual-device", "%u", number);
    device_back(&d, "mode", "w");
    return d;
}

/* ---- the guest and its backend ---- */

static struct guest {
    unsigned int delay_us;
    bool has_taken, was_pulled;
} guest;

static int number_at(struct xs_handle *store, xs_transaction_t t, const char *path)
{
    char *text = xs_read(store, t, path, NULL);
    int number = text ? atoi(text) : 0;

    free(text);
    return number;
}

/* As Linux does: a state is only set where there is one. */
static bool move(struct xs_handle *store, const char *path, int from, const char *to)
{
    do {
        xs_transaction_t t = xs_transaction_start(store);
        bool is = number_at(store, t, path) == from && xs_write(store, t, path, to, 1);

        if (xs_transaction_end(store, t, !is))
            return is;
    } while (errno == EAGAIN);
    return false;
}

static void *live(void *unused)
{
    struct xs_handle *store = xs_open(XS_OPEN_SOCKETONLY);
    int state;

    usleep(guest.delay_us);
    guest.has_taken = move(store, FRONT "/state", 1, "3");
    while (guest.has_taken && (state = number_at(store, XBT_NULL, BACK "/state")) != 5)
        if (!state) {
            guest.was_pulled = true;
            break;
        }
    if (guest.has_taken && !guest.was_pulled) {
        move(store, FRONT "/state", 3, "6");
        move(store, BACK "/state", 5, "6");
    }
    xs_close(store);
    return unused;
}

static void test_race(void)
{
    unsigned int taken = 0, pulled = 0, left = 0, codes = 0;

    for (unsigned int i = 0; i < 400; i++) {
        struct device d = disk(NUMBER);
        pthread_t thread;

        if (device_offer(w, &d) || device_done(w, &d))
            abort();
        guest = (struct guest){.delay_us = i * 5};
        pthread_create(&thread, NULL, live, NULL);
        codes += device_unplug(w, &d) != 0;
        pthread_join(thread, NULL);
        taken += guest.has_taken;
        pulled += guest.was_pulled;
        left += is_key("/local/domain/7/device/vbd") || is_key("/local/domain/0/backend/vbd/7") || is_key(FRONT) ||
                is_key(NOTE_CHANGING "/vbd-7-51728");
    }
    printf("unplug: in %u of 400 rounds the guest was first\n", taken);
    CHECK(taken && taken < 400);
    CHECK(!pulled);
    CHECK(!left);
    CHECK(!codes);
}

/* A guest that never lets go: 10 s, then it loses the device. That of a killed command is ended likewise. */
static void test_stubborn(void)
{
    struct device d = disk(NUMBER);

    CHECK(!device_offer(w, &d));
    CHECK(!wirt_store_write(w, FRONT "/state", "4"));
    wirt_fail(w, WIRT_NO_ROOM, "x", "y", "", "z");
    CHECK(device_give_up(w, &d) == WIRT_NO_ROOM);
    CHECK(!is_key(FRONT "/state") && !is_key(BACK "/state"));
    CHECK(!device_offer(w, &d));
    CHECK(!wirt_store_write(w, NOTE_CHANGING "/vbd-7-51728", "1 1"));
    wirt_fail(w, WIRT_NO_ROOM, "x", "y", "", "z");
    CHECK(!note_end_devices(w));
    CHECK(!is_key(FRONT "/state") && !is_key(BACK "/state") && !is_key(NOTE_CHANGING "/vbd-7-51728"));
}

/* ---- what is offered while another one goes ---- */

static void *offer_others(void *arg)
{
    struct wirt *own = wirt_open();
    unsigned int *lost = arg;

    for (unsigned int i = 0; i < 400; i++) {
        struct device d = disk(51744);

        if (device_offer(own, &d))
            abort();
        usleep(i * 2);
        *lost += device_read_state(own, &d) != 1;
        if (device_withdraw(own, &d))
            abort();
    }
    wirt_close(own);
    return NULL;
}

static void test_neighbours(void)
{
    unsigned int lost = 0;
    pthread_t thread;

    pthread_create(&thread, NULL, offer_others, &lost);
    for (unsigned int i = 0; i < 400; i++) {
        struct device d = disk(NUMBER);

        if (device_offer(w, &d) || device_withdraw(w, &d))
            abort();
    }
    pthread_join(thread, NULL);
    CHECK(!lost);
}

/* ---- dom0's errors ---- */

static void test_errors(void)
{
    struct device d = disk(NUMBER), other = disk(51744);

    CHECK(!device_offer(w, &d) && !device_offer(w, &other));
    CHECK(!wirt_store_write(w, ERRORS "/backend/vbd/7/51728/error", "22 reading rubbish"));
    CHECK(!device_withdraw(w, &d));
    CHECK(!is_key(ERRORS)); /* nothing else is in it */
    CHECK(!wirt_store_write(w, ERRORS "/backend/vbd/7/51744/error", "22 reading rubbish"));
    CHECK(!wirt_store_write(w, ERRORS "/backend/vbd/7/51760/error", "of one that is gone already"));
    CHECK(!wirt_store_write(w, ERRORS "/backend/vbd/77/51760/error", "of another's"));
    CHECK(!device_withdraw(w, &other));
    CHECK(is_key(ERRORS "/backend/vbd/7/51760/error"));
    CHECK(!wirt_store_write(w, ERRORS "/backend/vif/7/0/error", "of one that is gone already"));
    wirt_fail(w, WIRT_NO_ROOM, "x", "y", "", "z");
    CHECK(!wirt_devices_remove(w, GUEST));
    CHECK(!is_key(ERRORS "/backend/vbd/7") && !is_key(ERRORS "/backend/vif"));
    CHECK(is_key(ERRORS "/backend/vbd/77/51760/error"));
    CHECK(!wirt_devices_remove(w, 77));
    CHECK(!is_key(ERRORS));
    CHECK(!wirt_devices_remove(w, 77)); /* with nothing there */
}

int main(void)
{
    const char *program = getenv("XENSTORED");
    char dir[] = "/tmp/wirt-unplug.XXXXXX";

    w = wirt_open();
    start(program ? program : "xenstored", dir);
    CHECK(!wirt_store_write(w, "/local/domain/7/name", "guest"));
    CHECK(!wirt_store_write(w, "/local/domain/7/device", "%s", ""));
    test_race();
    test_neighbours();
    test_errors();
    test_stubborn();
    wirt_close(w);
    stop(dir);
    return check_end("unplug");
}
