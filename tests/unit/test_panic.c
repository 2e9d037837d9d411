/* SPDX-License-Identifier: MIT */
/* core/panic.c and symbols.sh: names of addresses, bounded backtraces, the whole way into a record
 * and out again. */
#include "test.h"
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "boot/panic.h"
#include "core/console.h"
#include "core/lock.h"
#include "core/panic.h"
#include "hw/trap.h"
#include "lib/log.h"

static void is_symbol(u64 offset, const char *name, u64 plus)
{
    u64 at;

    CU_ASSERT_STRING_EQUAL(panic_symbol(IMAGE_START + offset, &at), name);
    CU_ASSERT_EQUAL(at, plus);
}

static void symbols(void)
{
    u64 at;

    is_symbol(0x200000, "image_start", 0);
    is_symbol(0x20003f, "image_start", 0x3f);
    is_symbol(0x200040, "first_fn", 0); /* not its alias */
    is_symbol(0x2000ff, "first_fn", 0xbf);
    is_symbol(0x200250, "second_fn", 0x150); /* data and local labels do not count */
    is_symbol(0x201008, "last_fn", 8);
    CU_ASSERT_STRING_EQUAL(panic_symbol(IMAGE_START + 0x1fffff, &at), "?");
    CU_ASSERT_STRING_EQUAL(panic_symbol(1, &at), "?");
    CU_ASSERT_STRING_EQUAL(panic_symbol(DIRECT_START, &at), "?");
}

static u32 count_of(const char *needle)
{
    u32 n = 0;

    for (const char *s = fake_wire[0]; (s = strstr(s, needle)) != NULL; s++)
        n++;
    return n;
}

static void backtraces_are_bounded(void)
{
    u64 *stack = (u64 *)(void *)percpu_stack[0] + 100, top = (u64)percpu_stack[0] + STACK_SIZE;
    u64 base = (u64)stack;

    stack[0] = base + 32; /* a chain of two frames */
    stack[1] = IMAGE_START + 0x200045;
    stack[4] = 0;
    stack[5] = IMAGE_START + 0x200105;
    fake_wire_clear();
    panic_backtrace(IMAGE_START + 0x201001, base, base - 8);
    CU_ASSERT_PTR_NOT_NULL(strstr(fake_wire[0], "last_fn+0x1\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(fake_wire[0], "first_fn+0x5\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(fake_wire[0], "second_fn+0x5\n"));
    CU_ASSERT_EQUAL(count_of("fn+"), 3);
    stack[0] = base; /* a loop */
    fake_wire_clear();
    panic_backtrace(0, base, base);
    CU_ASSERT_EQUAL(count_of("fn+"), 1);
    stack[0] = base - 64; /* backwards, and then out of the stack, unaligned, half outside */
    fake_wire_clear();
    panic_backtrace(0, base, base);
    panic_backtrace(0, 8, base);
    panic_backtrace(0, base + 1, base);
    panic_backtrace(0, top - 8, base);
    panic_backtrace(0, ~0ull - 7, base);
    CU_ASSERT_EQUAL(count_of("fn+"), 1);
    for (u32 i = 0; i < 200; i++) { /* a very long chain */
        stack[2 * i] = (u64)&stack[2 * i + 2];
        stack[2 * i + 1] = IMAGE_START + 0x200045;
    }
    fake_wire_clear();
    panic_backtrace(0, base, base);
    CU_ASSERT_EQUAL(count_of("fn+"), 24);
}

/* A child dies in every way; what it left in the record is found by this "next boot". */
static int die_in_child(bool does_reboot, bool is_trap)
{
    int status;
    pid_t child;

    fflush(stdout);
    child = fork();
    if (child == 0) {
        struct regs r = {.vector = TRAP_PF, .error = 2, .rip = IMAGE_START + 0x200110, .rax = 0xabcd1234};
        static bool ok;
        panic_init(does_reboot);
        fake_cpu_set(1);
        lock_break_all(); /* die() does it too; the exit below must not wait */
        log_info("the last thing before");
        fake_panic_is_caught = true;
        fake_reboots = 0;
        fake_wire_clear();
        if (setjmp(fake_panic_back) == 0) {
            if (is_trap)
                trap_hooks.fatal(&r, "page fault in Wirt");
            else
                panic("gave up at step %d", 7);
        }
        ok = strstr(fake_wire[0],
                    is_trap ? "Wirt panic on CPU 1: page fault in Wirt" : "Wirt panic on CPU 1: gave up at step 7") &&
             strstr(fake_wire[0], "the log's last lines") && strstr(fake_wire[0], "the last thing before") &&
             strstr(fake_wire[0], "Backtrace:") && (fake_reboots == 1) == does_reboot;
        if (is_trap)
            ok = ok && strstr(fake_wire[0], "rax 00000000abcd1234") && strstr(fake_wire[0], "second_fn+0x10");
        for (volatile u32 i = 0; i < 2; i++) /* whatever goes wrong meanwhile is said, once */
            if (setjmp(fake_panic_back) == 0)
                trap_hooks.fatal(&r, "page fault again");
        ok = ok && count_of("Wirt panicked in its panic: page fault again, rip ") == 1;
        if (!ok)
            fprintf(stderr, "%s\nreboots %u, \"%s\"\n", fake_wire[0], fake_reboots, fake_panic_text);
        _exit(ok ? 0 : 1);
    }
    waitpid(child, &status, 0);
    return status;
}

static void record_survives(void)
{
    mfn_t m = frame_alloc(2, 0, 0);
    u32 *length = (u32 *)frame_va(m) + 2;

    panic_record_init(m, 4);
    fake_wire_clear();
    panic_report_previous();
    CU_ASSERT_EQUAL(fake_wire[0][0], 0); /* nothing there, nothing said */
    CU_ASSERT_EQUAL(die_in_child(true, false), 0);
    panic_report_previous();
    CU_ASSERT_PTR_NOT_NULL(strstr(fake_wire[0], "The previous run of Wirt died"));
    CU_ASSERT_PTR_NOT_NULL(strstr(fake_wire[0], "| (WIRT) the last thing before\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(fake_wire[0], "| (WIRT) Wirt panic on CPU 1: gave up at step 7\n"));
    fake_wire_clear();
    panic_report_previous();
    CU_ASSERT_EQUAL(fake_wire[0][0], 0); /* once only */
    CU_ASSERT_EQUAL(die_in_child(false, true), 0);
    panic_report_previous();
    CU_ASSERT_PTR_NOT_NULL(strstr(fake_wire[0], "second_fn+0x10"));
    CU_ASSERT_EQUAL(die_in_child(false, false), 0);
    ((char *)frame_va(m))[40] ^= 1; /* a bit rots */
    fake_wire_clear();
    panic_report_previous();
    CU_ASSERT_PTR_NOT_NULL(strstr(fake_wire[0], "its record is damaged"));
    CU_ASSERT_EQUAL(die_in_child(false, false), 0);
    *length = 0x7fffffff; /* or the length does */
    fake_wire_clear();
    panic_report_previous();
    CU_ASSERT_PTR_NOT_NULL(strstr(fake_wire[0], "its record is damaged"));
}

CU_TestInfo test_panic[] = {{"names of addresses", symbols},
                            {"bounded backtraces", backtraces_are_bounded},
                            {"crash record", record_survives},
                            CU_TEST_INFO_NULL};
