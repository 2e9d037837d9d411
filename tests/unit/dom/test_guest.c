/* SPDX-License-Identifier: MIT */
/*
 * dom/guest.c as shipped, assembly and all: a process plays the guest, and a SIGSEGV handler plays the exception
 * table. Each size up to 600 bytes at each end of a page that is followed by a hole, both directions.
 */
#include "../suite.h"
#define __USE_GNU
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include "hw/trap.h"
#include "lib/string.h"

/* The same entries in a section whose bounds the linker tells; and the ring-0 version of the file. */
#undef TRAP_FIX
#define TRAP_FIX(at, to) ".pushsection trap_fix, \"a\"; .balign 4; .long " #at " - ., " #to " - .; .popsection\n"
#undef WIRT_HOST
#include "dom/guest.c"

static u8 stack[STACK_SIZE] __aligned(64);
_Thread_local u32 fake_cpu;
u8 *percpu_stack[CPU_MAX] = {stack};
extern const struct trap_fix __start_trap_fix[], __stop_trap_fix[];
static u8 *page; /* one readable and writable page, a hole behind it */
static unsigned int faults;

static void on_fault(int sig, siginfo_t *info, void *context)
{
    greg_t *rip = &((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];

    (void)sig;
    (void)info;
    for (const struct trap_fix *f = __start_trap_fix; f < __stop_trap_fix; f++)
        if ((greg_t)&f->at + f->at == *rip) {
            *rip = (greg_t)&f->to + f->to;
            faults++;
            return;
        }
    signal(SIGSEGV, SIG_DFL); /* not ours: the instruction faults again and ends us */
}

static void test_sizes(void)
{
    u8 buffer[640], want[640];

    for (u32 n = 0; n <= 600; n++) {
        u8 *last = page + PAGE_SIZE - n;
        for (u32 i = 0; i < n; i++)
            last[i] = (u8)(i * 7 + n);
        memcpy(want, last, n);
        memset(buffer, 0xee, sizeof(buffer));
        CU_ASSERT(guest_read(buffer, guest_at((u64)last), n));
        CU_ASSERT(memcmp(buffer, want, n) == 0 && buffer[n] == 0xee);
        memset(last, 0, n);
        CU_ASSERT(guest_write(guest_at((u64)last), want, n));
        CU_ASSERT(memcmp(last, want, n) == 0);
    }
    CU_ASSERT_EQUAL(faults, 0);
}

static void test_holes(void)
{
    u8 buffer[640] = {0};

    for (u32 n = 1; n <= 600; n++)
        for (u32 inside = 0; inside < n; inside += 1 + inside / 3) {
            guest_ptr at = guest_at((u64)page + PAGE_SIZE - inside);
            faults = 0;
            CU_ASSERT_FALSE(guest_read(buffer, at, n));
            CU_ASSERT_FALSE(guest_write(at, buffer, n));
            CU_ASSERT_EQUAL(faults, 2);
        }
    CU_ASSERT_EQUAL(mprotect(page, PAGE_SIZE, PROT_READ), 0);
    CU_ASSERT(guest_read(buffer, guest_at((u64)page), 8));
    CU_ASSERT_FALSE(guest_write(guest_at((u64)page), buffer, 8));
    CU_ASSERT_FALSE(guest_write(guest_at((u64)page), buffer, 4));
    CU_ASSERT_EQUAL(mprotect(page, PAGE_SIZE, PROT_READ | PROT_WRITE), 0);
}

static void test_ranges(void)
{
    u64 word = 0;

    faults = 0;
    CU_ASSERT_FALSE(guest_read(&word, guest_at(HV_START), 8));
    CU_ASSERT_FALSE(guest_read(&word, guest_at(HV_END - 8), 8));
    CU_ASSERT_FALSE(guest_read(&word, guest_at(HV_START - 4), 8));
    CU_ASSERT_FALSE(guest_read(&word, guest_at(0x7ffffffffffcull), 8));
    CU_ASSERT_FALSE(guest_read(&word, guest_at(0x800000000000ull), 4));
    CU_ASSERT_FALSE(guest_read(&word, guest_at(~0ull), 4));
    CU_ASSERT_FALSE(guest_read(&word, guest_at(0x1000), ~0ull));
    CU_ASSERT_FALSE(guest_write(guest_at(HV_END - PAGE_SIZE), &word, 8));
    CU_ASSERT_EQUAL(faults, 0); /* refused before they are touched */
}

static u64 copies; /* bytes that the copier was asked for */

static bool copier(void *host, u64 va, u64 n, bool is_write)
{
    (void)host;
    copies += n;
    return va == 0x1000 && is_write == (n == 8);
}

/* A guest whose tables are not loaded has another way, and no address is followed here. */
static void test_copier(void)
{
    u64 value = 7;

    cpu_info()->copier = copier;
    CU_ASSERT(guest_put(guest_at(0x1000), &value));
    CU_ASSERT(!guest_get(&value, guest_at(0x1000)));
    CU_ASSERT(guest_read(&value, guest_at(0x1000), 4) && !guest_read(&value, guest_at(0x2000), 4));
    CU_ASSERT_EQUAL(copies, 24);
    cpu_info()->copier = NULL;
}

int main(void)
{
    CU_TestInfo tests[] = {{"sizes", test_sizes},
                           {"holes", test_holes},
                           {"ranges", test_ranges},
                           {"another way", test_copier},
                           CU_TEST_INFO_NULL};
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};

    page = mmap(NULL, 2 * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED || mprotect(page + PAGE_SIZE, PAGE_SIZE, PROT_NONE) || sigaction(SIGSEGV, &action, NULL))
        return 2;
    return suite_run("guest copies", tests);
}
