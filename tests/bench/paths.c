/* SPDX-License-Identifier: MIT */
/*
 * Does each operation of the meter between two calls of mark(), so that the plugin marks.c can count what
 * is executed for it and where. Prints the names in their order, and how often each was done. Static; the only program
 * of the machine that paths.sh starts, which it switches off at the end.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGES 1024ul
#define BYTES (PAGES * 4096)

static char *area, *self;
static int to[2], from[2];
static volatile sig_atomic_t hits;

__attribute__((noinline)) void mark(void);
void mark(void)
{
    __asm__ volatile("" ::: "memory");
}

static void on_signal(int number)
{
    hits += number;
}

static void null_call(void)
{
    syscall(SYS_getppid);
}

static void signal_self(void)
{
    kill(getpid(), SIGUSR1);
}

static void round_trip(void)
{
    char c = 0;
    if (write(to[1], &c, 1) != 1 || read(from[0], &c, 1) != 1)
        exit(1);
}

static void fork_exit(void)
{
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    waitpid(child, NULL, 0);
}

static void fork_exec(void)
{
    pid_t child = fork();
    if (child == 0)
        execl(self, self, "--true", NULL);
    waitpid(child, NULL, 0);
}

static void map(void)
{
    area = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (area == MAP_FAILED || madvise(area, BYTES, MADV_NOHUGEPAGE))
        (void)0; /* a kernel without huge pages refuses the advice */
}

static void touch(void)
{
    for (unsigned long i = 0; i < PAGES; i++)
        ((volatile char *)area)[i * 4096] = 1;
}

static void protect(void)
{
    mprotect(area, BYTES, PROT_READ);
    mprotect(area, BYTES, PROT_READ | PROT_WRITE);
}

static void unmap(void)
{
    munmap(area, BYTES);
}

static const struct {
    const char *name;
    void (*fn)(void);
    unsigned times, each; /* how often it is called, how many operations a call is */
} op[] = {
    {"null-call", null_call, 1000, 1}, {"signal", signal_self, 500, 1},          {"round-trip", round_trip, 500, 1},
    {"fork-exit", fork_exit, 200, 1},  {"fork-exec", fork_exec, 200, 1},         {"map", map, 1, 1},
    {"touch-page", touch, 1, PAGES},   {"mprotect-page", protect, 4, PAGES * 2}, {"unmap-page", unmap, 1, PAGES}};

static void answer(void)
{
    char c;
    while (read(to[0], &c, 1) == 1 && write(from[1], &c, 1) == 1)
        ;
    _exit(0);
}

int main(int argc, char **argv)
{
    if (argc > 1 && !strcmp(argv[1], "--true"))
        return 0;
    self = argv[0];
    signal(SIGUSR1, on_signal);
    if (pipe(to) || pipe(from))
        return 1;
    pid_t child = fork();
    if (child == 0)
        answer();
    for (unsigned i = 0; i < sizeof(op) / sizeof(op[0]); i++) {
        if (i < 5)
            op[i].fn(); /* what is done once is not counted */
        mark();
        for (unsigned n = 0; n < op[i].times; n++)
            op[i].fn();
        mark();
        printf("PATHS %u %s %u\n", i, op[i].name, op[i].times * op[i].each);
        fflush(stdout);
    }
    kill(child, SIGKILL);
    printf("PATHS DONE\n");
    fflush(stdout);
    return getpid() == 1 ? reboot(RB_POWER_OFF) : 0;
}
