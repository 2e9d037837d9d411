/* SPDX-License-Identifier: MIT */
/* core/console.c and console_key.c: levels, the ring's three readers, rates, input, keys. */
#include "test.h"
#include <string.h>
#include "core/console.h"
#include "lib/log.h"

static char out[CONSOLE_RING_SIZE + 1];

static void set_level(int level)
{
    console_wires.level = level;
}

static void early_lines_and_bad_options(void)
{
    u32 index = 0;
    size_t n = console_ring_read(out, CONSOLE_RING_SIZE, &index, false, false);

    out[n] = 0;
    CU_ASSERT_PTR_NOT_NULL(strstr(out, "(WIRT) said before there was a console\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(out, "com2=!: made to fail"));
    CU_ASSERT_PTR_NOT_NULL(strstr(out, "console=nonsense is unknown"));
    CU_ASSERT_EQUAL(fake_wire[1][0], 0); /* com2 failed: nothing goes there */
}

static void levels(void)
{
    fake_wire_clear();
    set_level(LOG_WARNING);
    log_info("not shown");
    log_warn("shown %d", 1);
    CU_ASSERT_STRING_EQUAL(fake_wire[0], "(WIRT) shown 1\n");
    CU_ASSERT_STRING_EQUAL(fake_wire[2], "(WIRT) shown 1\n");
    console_ring_tail(out, 100);
    CU_ASSERT_PTR_NOT_NULL(strstr(out, "(WIRT) not shown\n(WIRT) shown 1\n")); /* kept nevertheless */
    set_level(LOG_DEBUG);
    log_debug("now shown");
    CU_ASSERT_PTR_NOT_NULL(strstr(fake_wire[0], "now shown"));
    set_level(LOG_INFO);
}

static void ring_clear(void)
{
    u32 index = 0;

    console_ring_read(out, CONSOLE_RING_SIZE, &index, true, false);
}

static void ring_readers(void)
{
    u32 index = 0, all = 0;
    size_t n;

    ring_clear();
    log_info("one");
    log_info("two");
    n = console_ring_read(out, 6, &index, false, false);
    CU_ASSERT(n == 6 && !memcmp(out, "(WIRT)", 6));
    n = console_ring_read(out, sizeof(out), &index, false, true);
    out[n] = 0;
    CU_ASSERT_STRING_EQUAL(out, " one\n(WIRT) two\n");
    CU_ASSERT_EQUAL(console_ring_read(out, sizeof(out), &index, false, true), 0);
    log_info("three");
    n = console_ring_read(out, sizeof(out), &index, false, true);
    CU_ASSERT(n == 13 && !memcmp(out, "(WIRT) three\n", 13));
    n = console_ring_read(out, sizeof(out), &all, true, false); /* everything, and forget it */
    CU_ASSERT_EQUAL(n, 35);
    all = 0;
    CU_ASSERT_EQUAL(console_ring_read(out, sizeof(out), &all, false, false), 0);
    index = 12345678; /* nonsense: start at the oldest */
    log_info("four");
    CU_ASSERT_EQUAL(console_ring_read(out, sizeof(out), &index, false, true), 12);
}

static void ring_wraps(void)
{
    u32 index = 0;
    size_t n;
    char *last;

    ring_clear();
    set_level(LOG_ERROR);
    for (int i = 0; i < 20000; i++)
        log_info("line %05d", i);
    set_level(LOG_INFO);
    n = console_ring_read(out, sizeof(out), &index, false, false);
    out[n] = 0;
    CU_ASSERT_EQUAL(n, CONSOLE_RING_SIZE);
    last = strstr(out, "line 19999\n");
    CU_ASSERT(last && !last[11]);
    console_ring_tail(out, 60); /* whole lines only */
    CU_ASSERT_EQUAL(strncmp(out, "(WIRT) line 1999", 16), 0);
    CU_ASSERT_EQUAL(strlen(out), 54);
}

static void long_lines_are_cut(void)
{
    char text[1000];

    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = 0;
    fake_wire_clear();
    log_info("%s", text);
    CU_ASSERT(strlen(fake_wire[0]) < 420);
    CU_ASSERT_EQUAL(fake_wire[0][strlen(fake_wire[0]) - 1], '\n');
}

static void dom0_and_we_share_the_wire(void)
{
    fake_wire_clear();
    console_put_raw("login: \x1b[1m", 11);
    log_info("hello");
    console_put_raw("x\n", 2);
    CU_ASSERT_STRING_EQUAL(fake_wire[0], "login: \x1b[1m\n(WIRT) hello\nx\n");
    console_ring_tail(out, 40);
    CU_ASSERT_PTR_NULL(strstr(out, "login"));
}

static void rate_of_an_object(void)
{
    struct rate_limit r = {0};
    u32 ok = 0;

    for (int i = 0; i < 100; i++)
        ok += console_rate_ok(&r, 5, 2);
    CU_ASSERT_EQUAL(ok, 5);
    CU_ASSERT_EQUAL(r.dropped, 95);
    for (int i = 0; i < 1000; i++) { /* ten seconds in small steps: rounding loses nothing */
        fake_now += 10000000;
        ok += console_rate_ok(&r, 5, 2);
    }
    CU_ASSERT(ok >= 24 && ok <= 25);
    while (console_rate_ok(&r, 5, 2))
        ;
    fake_wire_clear();
    fake_now += 100000000000ull;
    CU_ASSERT_TRUE(console_rate_ok(&r, 5, 2));
    CU_ASSERT_PTR_NOT_NULL(strstr(fake_wire[0], "lines like the next were left out"));
}

static u32 dom0_calls, key_calls;
static void dom0_door(void)
{
    dom0_calls++;
}
static void key_z(void)
{
    key_calls++;
}

static void type(const char *keys)
{
    fake_type(0, keys);
    test_work_run(0);
}

static size_t dom0_reads(void)
{
    size_t n = console_input(out, 100);

    out[n] = 0;
    return n;
}

static void input_and_switch(void)
{
    console_key_bind('z', "a test's key", key_z);
    type("z"); /* no dom0 yet: keys are ours, and Ctrl-A means nothing */
    CU_ASSERT_EQUAL(key_calls, 1);
    console_input_door = dom0_door;
    type("abc");
    CU_ASSERT_EQUAL(dom0_calls, 1);
    CU_ASSERT_EQUAL(console_input(out, 2), 2);
    CU_ASSERT_EQUAL(dom0_reads(), 1);
    CU_ASSERT_STRING_EQUAL(out, "c");
    type("\x01\x01x\x01"); /* not three: they are dom0's */
    type("y");
    CU_ASSERT_EQUAL(dom0_reads(), 5);
    CU_ASSERT_STRING_EQUAL(out, "\x01\x01x\x01y");
    fake_wire_clear();
    type("\x01\x01");
    type("\x01z");
    CU_ASSERT_EQUAL(key_calls, 2);
    CU_ASSERT_EQUAL(dom0_reads(), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(fake_wire[0], "Serial input goes to Wirt"));
    type("\x01\x01\x01z");
    CU_ASSERT_EQUAL(key_calls, 2);
    CU_ASSERT_EQUAL(dom0_reads(), 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(fake_wire[0], "Serial input goes to dom0"));
    for (int i = 0; i < 300; i++)
        type("0123456789"); /* nobody reads: bounded */
    CU_ASSERT_EQUAL(console_input(out, sizeof(out)), 1024);
    CU_ASSERT_EQUAL(memcmp(out, "0123", 4), 0);
    console_input_door = NULL;
}

static void keys(void)
{
    fake_wire_clear();
    key_calls = 0;
    type("h");
    CU_ASSERT_PTR_NOT_NULL(strstr(fake_wire[0], "  z  a test's key\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(fake_wire[0], "  r  run queues\n"));
    type("!");
    CU_ASSERT_PTR_NOT_NULL(strstr(fake_wire[0], "no such key; 'h'"));
    type("*");
    CU_ASSERT_EQUAL(key_calls, 1);
    CU_ASSERT_EQUAL(fake_reboots, 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(fake_wire[0], "run queues at"));
    CU_ASSERT_TRUE(FAKE_PANICS(console_key_press('R')));
    CU_ASSERT_EQUAL(fake_reboots, 1);
    CU_ASSERT_TRUE(FAKE_PANICS(console_key_bind('z', "again", key_z)));
    CU_ASSERT_TRUE(FAKE_PANICS(console_key_bind((char)0xe4, "not ASCII", key_z)));
    console_key_press((char)0xe4);
    console_key_press('\n');
}

CU_TestInfo test_console[] = {{"early lines, bad options", early_lines_and_bad_options},
                              {"levels", levels},
                              {"ring: three ways to read", ring_readers},
                              {"ring: wrap and tail", ring_wraps},
                              {"long lines", long_lines_are_cut},
                              {"dom0's text", dom0_and_we_share_the_wire},
                              {"rate limit", rate_of_an_object},
                              {"input and the switch", input_and_switch},
                              {"keys", keys},
                              CU_TEST_INFO_NULL};
