/* SPDX-License-Identifier: MIT */
/*
 * What can be tested without a machine: the guest's ring under every kind of index, the kept file against a model of
 * it, the policy's table, the bucket with a clock of ours, names and numbers of devices.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <xen/xen.h>
#include <xen/sched.h>

#include "bucket.h"
#include "check.h"
#include "crash.h"
#include "disk.h"
#include "keep.h"
#include "nic.h"
#include "policy.h"
#include "ring.h"

unsigned int check_passed, check_failed;

static struct xencons_interface page;

/* The guest's side: prints as much as fits. */
static size_t print(const char *bytes, size_t count)
{
    size_t done = 0;

    while (done < count && page.out_prod - page.out_cons < RING_OUT) {
        page.out[page.out_prod % RING_OUT] = bytes[done++];
        page.out_prod++;
    }
    return done;
}

static void test_ring(void)
{
    char sent[700], got[RING_OUT];
    struct ring ring;
    uint32_t from[] = {0, 1, 2047, 0x7fffffff, 0xffffff00u, 0xffffffffu};

    for (size_t i = 0; i < sizeof(from) / sizeof(from[0]); i++) {
        memset(&page, 0, sizeof(page));
        page.out_prod = page.out_cons = page.in_prod = page.in_cons = from[i];
        ring_start(&ring, &page, NULL);
        for (int round = 0; round < 50; round++) {
            size_t n;

            for (size_t k = 0; k < sizeof(sent); k++)
                sent[k] = (char)rand();
            CHECK(print(sent, sizeof(sent)) == sizeof(sent));
            n = ring_take(&ring, got);
            CHECK(n == sizeof(sent) && !memcmp(got, sent, n));
            CHECK(page.out_cons != page.out_prod); /* not told before it is kept */
            ring_taken(&ring, n);
            CHECK(page.out_cons == page.out_prod);
        }
        CHECK(ring.rubbish_count == 0);
    }
}

/* Whatever the guest writes: never more than the ring holds, and after it behaves again every byte is right. */
static void test_hostile(void)
{
    char got[RING_OUT], text[] = "after all this";
    struct ring ring;

    memset(&page, 0, sizeof(page));
    ring_start(&ring, &page, NULL);
    for (int i = 0; i < 200000; i++) {
        size_t n;

        if (rand() % 4) {
            page.out_prod = (uint32_t)rand() * 2u + (uint32_t)rand() % 2;
            if (rand() % 2)
                page.out_cons = page.out_prod - (uint32_t)rand() % 5000;
        }
        if (rand() % 4 == 0)
            page.in_cons = (uint32_t)rand() * 2u;
        n = ring_take(&ring, got);
        if (n > RING_OUT)
            CHECK(n <= RING_OUT);
        ring_taken(&ring, n);
        n = ring_put(&ring, text, sizeof(text));
        if (n > sizeof(text))
            CHECK(n <= sizeof(text));
    }
    CHECK(ring.rubbish_count > 1000);
    page.out_prod = page.out_cons;
    ring_taken(&ring, ring_take(&ring, got));
    page.out_cons = page.out_prod = ring.out_cons;
    CHECK(print(text, sizeof(text)) == sizeof(text));
    CHECK(ring_take(&ring, got) == sizeof(text) && !memcmp(got, text, sizeof(text)));
    page.out_prod = ring.out_cons + RING_OUT + 1;
    page.out_cons = ring.out_cons;
    CHECK(ring_take(&ring, got) == 0);
    page.out_prod = ring.out_cons + RING_OUT;
    CHECK(ring_take(&ring, got) == RING_OUT);
}

static void test_input(void)
{
    char bytes[3000];
    struct ring ring;

    memset(&page, 0, sizeof(page));
    page.in_prod = page.in_cons = 0xfffffff0u;
    ring_start(&ring, &page, NULL);
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)i;
    CHECK(ring_put(&ring, bytes, sizeof(bytes)) == RING_IN);
    CHECK(ring_put(&ring, bytes, 1) == 0);
    for (uint32_t i = 0; i < RING_IN; i++)
        if (page.in[(0xfffffff0u + i) % RING_IN] != bytes[i])
            CHECK(page.in[(0xfffffff0u + i) % RING_IN] == bytes[i]);
    page.in_cons += 10;
    CHECK(ring_put(&ring, bytes, sizeof(bytes)) == 10);
    page.in_cons = page.in_prod + 1; /* took what was never there */
    CHECK(ring_put(&ring, bytes, 5) == 5 && ring.rubbish_count == 1);
}

/* A successor takes up the ring where its predecessor's record says, if that can be. */
static void test_takeover(void)
{
    struct ring ring;
    uint32_t kept;

    memset(&page, 0, sizeof(page));
    page.out_prod = 1000;
    page.out_cons = 200;
    kept = 700;
    ring_start(&ring, &page, &kept);
    CHECK(ring.out_cons == 700);
    kept = 100;
    ring_start(&ring, &page, &kept);
    CHECK(ring.out_cons == 200);
    kept = 1001;
    ring_start(&ring, &page, &kept);
    CHECK(ring.out_cons == 200);
    kept = 5000000;
    ring_start(&ring, &page, &kept);
    CHECK(ring.out_cons == 200);
}

static void test_names(void)
{
    static const char *const good[] = {"web", "a", "domain-3", "A.b_c+d-e", "0web"};
    static const char *const bad[] = {
        "",      ".",   "..",  ".hidden", "a/b",
        "../up", "a b", "a\n", "a\x80",   "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        CHECK(keep_name_is_valid(good[i]));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK(!keep_name_is_valid(bad[i]));
}

/* The file against the whole stream, which the test remembers. */
static void test_keep(int dir)
{
    static char stream[300000], got[300000];
    struct keep keep, again;
    size_t total = 0;

    CHECK(keep_open(&keep, dir, "web", 16384) == 0);
    while (total < sizeof(stream) - 4096) {
        size_t n = (size_t)rand() % 4097, first;

        for (size_t i = 0; i < n; i++)
            stream[total + i] = (char)rand();
        CHECK(keep_append(&keep, stream + total, n, (uint32_t)total) == 0);
        total += n;
        first = keep_first(&keep);
        CHECK(keep.head.total == total && total - first <= 16384 && (total < 12288 || total - first == 12288));
        CHECK(keep_read(&keep, first, got, sizeof(got)) == total - first);
        CHECK(!memcmp(got, stream + first, total - first));
    }
    CHECK(keep_append(&keep, stream, 4097, 0) != 0 && keep.head.total == total);
    CHECK(keep_read(&keep, total, got, 1) == 0 && keep_read(&keep, 0, got, 1) == 0);
    /* A reader of the file, while it is open and after. */
    CHECK(keep_open(&again, dir, "web", 0) == 0 && again.head.total == total);
    keep_close(&again);
    keep_close(&keep);
    CHECK(keep_open(&keep, dir, "web", 8192) == 0 && keep.head.total == total && keep.head.capacity == 16384);
    keep_close(&keep);
}

/* Killed between the data and the header: nothing that is readable has changed. */
static void test_keep_killed(int dir)
{
    char bytes[4096], before[16384], after[16384];
    struct keep keep, dead;
    size_t n;

    memset(bytes, 'a', sizeof(bytes));
    CHECK(keep_open(&keep, dir, "killed", 16384) == 0);
    for (int i = 0; i < 9; i++)
        CHECK(keep_append(&keep, bytes, 4000, 0) == 0);
    n = keep_read(&keep, keep_first(&keep), before, sizeof(before));
    dead = keep;
    memset(bytes, 'b', sizeof(bytes));
    for (int i = 0; i < 4096; i++) /* what keep_append writes before its header */
        CHECK(pwrite(dead.fd, bytes + i, 1, (off_t)(sizeof(dead.head) + (dead.head.total + (size_t)i) % 16384)) == 1);
    keep_close(&keep);
    CHECK(keep_open(&keep, dir, "killed", 16384) == 0);
    CHECK(keep_read(&keep, keep_first(&keep), after, sizeof(after)) == n && !memcmp(before, after, n));
    keep_close(&keep);
}

static void test_keep_damaged(int dir)
{
    struct keep_head head;
    struct keep keep;
    char byte;

    CHECK(keep_open(&keep, dir, "nothing", 0) != 0);
    for (int i = 0; i < 2000; i++) {
        int fd = openat(dir, "damaged", O_RDWR | O_CREAT | O_TRUNC, 0600);

        memset(&head, 0, sizeof(head));
        memcpy(head.magic, KEEP_MAGIC, 8);
        head.capacity = 16384;
        head.total = head.logged = 5000;
        for (int k = rand() % 4; k >= 0; k--)
            ((unsigned char *)&head)[(size_t)rand() % sizeof(head)] ^= (unsigned char)(1 << rand() % 8);
        CHECK(fd >= 0 && write(fd, &head, (size_t)rand() % (sizeof(head) + 1)) >= 0);
        close(fd);
        if (keep_open(&keep, dir, "damaged", i % 2 ? 0 : 16384))
            continue;
        keep_read(&keep, keep_first(&keep), &byte, 1);
        if (i % 2 == 0)
            CHECK(keep_append(&keep, "x", 1, 0) == 0);
        keep_close(&keep);
    }
    CHECK(symlinkat("/etc/passwd", dir, "link") == 0 && keep_open(&keep, dir, "link", 16384) != 0);
}

static void test_policy(void)
{
    struct policy_case c = {.on_poweroff = WIRT_DESTROY, .on_reboot = WIRT_RESTART, .on_crash = WIRT_PRESERVE};
    static const struct {
        uint8_t reason;
        enum policy_act act;
    } table[] = {{SHUTDOWN_poweroff, POLICY_DESTROY},
                 {SHUTDOWN_reboot, POLICY_RESTART},
                 {SHUTDOWN_crash, POLICY_LEAVE},
                 {SHUTDOWN_watchdog, POLICY_LEAVE},
                 {SHUTDOWN_suspend, POLICY_LEAVE},
                 {SHUTDOWN_soft_reset, POLICY_LEAVE},
                 {200, POLICY_LEAVE}};
    uint32_t last = 0;

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        c.reason = table[i].reason;
        CHECK(policy_decide(&c).act == table[i].act);
        CHECK(policy_decide(&c).reason && policy_decide(&c).setting);
    }
    c = (struct policy_case){.reason = SHUTDOWN_crash, .on_crash = WIRT_RENAME_RESTART, .lived_s = 3600};
    CHECK(policy_decide(&c).act == POLICY_RENAME_RESTART && policy_decide(&c).delay_s == 0);
    /* The guard: the first quick end costs nothing, each further doubles the wait, up to five minutes. */
    c = (struct policy_case){.reason = SHUTDOWN_crash, .on_crash = WIRT_RESTART, .lived_s = 1};
    for (int i = 0; i < 100; i++) {
        struct policy_verdict v = policy_decide(&c);

        CHECK(v.quick_count == (uint32_t)i + 1 && v.delay_s >= last && v.delay_s <= POLICY_DELAY_S);
        CHECK(i == 0 ? v.delay_s == 0 : i > 10 ? v.delay_s == POLICY_DELAY_S : v.delay_s == 1u << (i - 1) || i > 8);
        last = v.delay_s;
        c.quick_count = v.quick_count;
    }
    c.lived_s = POLICY_QUICK_S;
    CHECK(policy_decide(&c).delay_s == 0 && policy_decide(&c).quick_count == 0);
}

/* However it prints: over time no more than the rate and what the bucket holds, and who waited goes on. */
static void test_bucket(void)
{
    struct bucket b;
    int64_t now = 1000, until = 0;
    uint64_t spent = 0, events = 0;

    bucket_start(&b, now);
    while (now < 61000) {
        if (until <= now) {
            until = bucket_spend(&b, now, RING_OUT);
            spent += RING_OUT;
            CHECK(until == 0 || until > now);
        } else {
            now = until;
        }
        if (until == 0 && rand() % 2)
            now++;
    }
    CHECK(spent <= BUCKET_SIZE + (uint64_t)BUCKET_RATE * 61 && spent >= (uint64_t)BUCKET_RATE * 58);
    /* Events that bring nothing are bounded too. */
    bucket_start(&b, 0);
    for (now = until = 0; now<60000; now = until> now ? until : now)
        until = bucket_spend(&b, now, 0), events++;
    CHECK(events < (BUCKET_SIZE + BUCKET_RATE * 60ull) / BUCKET_EVENT + 100);
    /* One line a second costs nothing. */
    bucket_start(&b, 0);
    for (int i = 0; i < 10000; i++)
        if (bucket_spend(&b, i * 1000, 80))
            CHECK(!"a quiet guest waits");
}

static void test_disk_names(void)
{
    static const struct {
        const char *name;
        uint32_t number;
    } table[] = {{"xvda", 51712},
                 {"xvdb", 51728},
                 {"xvdp", 51952},
                 {"xvda1", 51713},
                 {"xvda15", 51727},
                 {"xvda16", 1 << 28 | 16},
                 {"xvdq", 1 << 28 | 16 << 8},
                 {"xvdz", 1 << 28 | 25 << 8},
                 {"xvdaa", 1 << 28 | 26 << 8},
                 {"hda", 768},
                 {"hdb", 832},
                 {"hdc", 5632},
                 {"hdd", 5696},
                 {"sda", 2048},
                 {"sdb", 2064},
                 {"sdp", 2288},
                 {"sda1", 2049}};
    static const char *const bad[] = {"",        "x",        "xvd", "xvd1",  "xvda0",  "xvda01",
                                      "xvdA",    "xvdaaa",   "hde", "sdq",   "sda16",  "hda64",
                                      "xvda256", "xvda1000", "vda", "xvda/", "xvda 1", "../xvda"};
    uint32_t number;

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        CHECK(disk_number(table[i].name, &number) && number == table[i].number);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK(!disk_number(bad[i], &number));
}

static void test_mac(void)
{
    uint8_t uuid[16], seen[64][6];
    uint8_t mac[6], again[6];

    for (int i = 0; i < 16; i++)
        uuid[i] = (uint8_t)rand();
    for (uint32_t i = 0; i < 64; i++) {
        nic_mac(uuid, i, mac);
        nic_mac(uuid, i, again);
        CHECK(!memcmp(mac, again, 6) && mac[0] == 0 && mac[1] == 0x16 && mac[2] == 0x3e && mac[3] < 0x80);
        for (uint32_t k = 0; k < i; k++)
            CHECK(memcmp(mac, seen[k], 6));
        memcpy(seen[i], mac, 6);
    }
}

static size_t report(unsigned char crash[CRASH_PAGE], const char *words, uint32_t length, char text[CRASH_TEXT])
{
    memset(crash, 0, CRASH_PAGE);
    memcpy(crash, "crashlog", 8);
    memcpy(crash + 8, &length, 4);
    memcpy(crash + CRASH_HEAD, words, strlen(words));
    return crash_text(crash, text);
}

static void check_reason(const char *text, const char *want)
{
    char reason[CRASH_REASON];

    crash_reason(text, strlen(text), reason);
    CHECK(!strcmp(reason, want));
}

/* What a guest writes into its page: a report, one that is full, and anything else. */
static void test_crash(void)
{
    static unsigned char crash[CRASH_PAGE];
    static char text[CRASH_TEXT];
    char reason[CRASH_REASON];
    size_t n = report(crash, "one\ntwo\tx\033[2J\200\n", 15, text);

    CHECK(n == 17 && !memcmp(text, "one\r\ntwo x?[2J?\r\n", 17));
    CHECK(report(crash, "", 0, text) == 0);
    CHECK(report(crash, "x", CRASH_PAGE - CRASH_HEAD + 1, text) == 0);
    CHECK(report(crash, "x", UINT32_MAX, text) == 0);
    memset(crash + CRASH_HEAD, '\n', CRASH_PAGE - CRASH_HEAD);
    memcpy(crash + 8, &(uint32_t){CRASH_PAGE - CRASH_HEAD}, 4);
    CHECK(crash_text(crash, text) == CRASH_TEXT);
    crash[0] = 'C';
    CHECK(crash_text(crash, text) == 0);
    check_reason("", "");
    check_reason("\r\n\r\n", "");
    check_reason("a\r\n[    1.000000] Kernel panic - not syncing: why\r\n[    1.1] CPU: 0\r\n",
                 "Kernel panic - not syncing: why");
    check_reason("[    1.0] BUG: a\r\n[    1.1] last", "last");
    check_reason("[no end", "[no end");
    check_reason("[ 1.0]", "");
    memset(text, 'y', CRASH_TEXT);
    crash_reason(text, CRASH_TEXT, reason);
    CHECK(strlen(reason) == CRASH_REASON - 1);
    for (int round = 0; round < 20000; round++) {
        uint32_t length = (uint32_t)rand() % 5000;

        for (int i = 0; i < 64; i++)
            crash[CRASH_HEAD + rand() % (CRASH_PAGE - CRASH_HEAD)] = (unsigned char)"[] \nK\177\r\0"[rand() % 8];
        memcpy(crash, "crashlog", 8);
        memcpy(crash + 8, &length, 4);
        n = crash_text(crash, text);
        CHECK(n <= CRASH_TEXT && (length <= CRASH_PAGE - CRASH_HEAD) == (n > 0 || !length));
        crash_reason(text, n, reason);
        CHECK(!strpbrk(reason, "\r\n\177"));
    }
}

int main(void)
{
    char path[] = "/tmp/wirt-keep.XXXXXX", command[64];
    int dir;

    srand(20);
    test_ring();
    test_hostile();
    test_input();
    test_takeover();
    test_names();
    CHECK(mkdtemp(path) != NULL);
    dir = open(path, O_RDONLY | O_DIRECTORY);
    test_keep(dir);
    test_keep_killed(dir);
    test_keep_damaged(dir);
    snprintf(command, sizeof(command), "rm -rf %s", path);
    CHECK(system(command) == 0);
    test_policy();
    test_bucket();
    test_disk_names();
    test_mac();
    test_crash();
    return check_end("pure");
}
