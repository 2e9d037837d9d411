/* SPDX-License-Identifier: MIT */
/* microbench.c - kernel-entry cost meter, TSC ticks. Static: gcc -O2 -static -o microbench microbench.c
 * Meant for QEMU -icount shift=0,sleep=off, where one TSC tick is one guest instruction (1 ns virtual).
 * usage: microbench [tag]        run everything, print "MB <tag> <test> n= unit= median= min= max= mean="
 *        microbench --true       exit 0 at once (static exec target) */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <stdint.h>
#include <unistd.h>
#include <fcntl.h>
#include <time.h>
#include <signal.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <sys/syscall.h>

typedef uint64_t u64;
static inline u64 tsc(void)
{
    uint32_t a, d;
    __asm__ volatile("lfence; rdtsc" : "=a"(a), "=d"(d)::"memory");
    return ((u64)d << 32) | a;
}
static u64 nsec(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (u64)t.tv_sec * 1000000000ull + t.tv_nsec;
}

#define MAXS 4096
static u64 s[MAXS];
static int ns;
static const char *tag = "x";
static void put(u64 v)
{
    if (ns < MAXS)
        s[ns++] = v;
}
static int cmp(const void *a, const void *b)
{
    u64 x = *(const u64 *)a, y = *(const u64 *)b;
    return x < y ? -1 : x > y;
}
/* samples hold ticks for `div` operations each */
static void report(const char *name, double div, const char *unit)
{
    double sum = 0;
    if (!ns) {
        printf("MB %s %s FAILED\n", tag, name);
        return;
    }
    qsort(s, ns, sizeof s[0], cmp);
    for (int i = 0; i < ns; i++)
        sum += s[i];
    printf("MB %s %-22s n=%-4d unit=%-10s median=%.1f min=%.1f max=%.1f mean=%.1f\n", tag, name, ns, unit,
           s[ns / 2] / div, s[0] / div, s[ns - 1] / div, sum / ns / div);
    fflush(stdout);
    ns = 0;
}
static void spin(u64 n)
{
    __asm__ volatile("1: dec %0; jnz 1b" : "+r"(n)::"cc");
}
static volatile sig_atomic_t hits;
static void onsig(int x)
{
    (void)x;
    hits++;
}

static char *anon(size_t len)
{
    char *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) {
        perror("mmap");
        exit(1);
    }
    madvise(p, len, MADV_NOHUGEPAGE);
    return p;
}
static void touch(char *p, size_t len)
{
    for (size_t o = 0; o < len; o += 4096)
        ((volatile char *)p)[o] = 1;
}

static void t_exec(const char *name, char *const argv[], int reps)
{
    for (int i = 0; i < reps; i++) {
        u64 a = tsc();
        pid_t c = fork();
        if (c == 0) {
            execv(argv[0], argv);
            _exit(127);
        }
        int st;
        waitpid(c, &st, 0);
        u64 b = tsc();
        if (WIFEXITED(st) && WEXITSTATUS(st) == 0)
            put(b - a);
    }
    report(name, 1, "op");
}

/* Ticks per known instruction, and ticks per ns of the kernel's clock. */
static void t_scale(void)
{
    for (int i = 0; i < 51; i++) {
        u64 a = tsc();
        spin(100000);
        put(tsc() - a);
    }
    report("loop2insn", 200000, "insn");
    for (int i = 0; i < 51; i++) {
        u64 a = tsc();
        put(tsc() - a);
    }
    report("tsc_overhead", 1, "op");
    u64 n0 = nsec(), a = tsc();
    spin(50000000);
    u64 b = tsc(), n1 = nsec();
    printf("MB %s clock ticks=%llu ns=%llu ticks_per_ns=%.6f\n", tag, (unsigned long long)(b - a),
           (unsigned long long)(n1 - n0), (double)(b - a) / (n1 - n0));
}
static void t_calls(void)
{
    for (int i = 0; i < 101; i++) {
        u64 a = tsc();
        for (int j = 0; j < 100; j++)
            syscall(SYS_getppid);
        put(tsc() - a);
    }
    report("getppid", 100, "call");

    for (int i = 0; i < 101; i++) {
        struct timespec t;
        u64 a = tsc();
        for (int j = 0; j < 100; j++)
            clock_gettime(CLOCK_MONOTONIC, &t);
        put(tsc() - a);
    }
    report("clock_gettime", 100, "call");
}
/* One at a time (median of the single fault), and the batch of 4096. */
static void t_faults(void)
{
    {
        char *p = anon(4096ul * 4096);
        for (int i = 0; i < 4096; i++) {
            u64 a = tsc();
            ((volatile char *)p)[i * 4096ul] = 1;
            put(tsc() - a);
        }
        report("pagefault_single", 1, "fault");
        munmap(p, 4096ul * 4096);
    }
    for (int i = 0; i < 9; i++) {
        char *p = anon(4096ul * 4096);
        u64 a = tsc();
        touch(p, 4096ul * 4096);
        put(tsc() - a);
        munmap(p, 4096ul * 4096);
    }
    report("pagefault_4096", 4096, "fault");
}
static void t_forks(void)
{
    for (int i = 0; i < 41; i++) {
        u64 a = tsc();
        pid_t c = fork();
        if (c == 0)
            _exit(0);
        waitpid(c, NULL, 0);
        put(tsc() - a);
    }
    report("fork_exit_wait", 1, "op");
    {
        char *p = anon(16ul << 20);
        touch(p, 16ul << 20);
        for (int i = 0; i < 11; i++) {
            u64 a = tsc();
            pid_t c = fork();
            if (c == 0)
                _exit(0);
            waitpid(c, NULL, 0);
            put(tsc() - a);
        }
        report("fork_exit_wait_16MB", 1, "op");
        munmap(p, 16ul << 20);
    }
    {
        char *av[] = {"/bin/true", NULL};
        t_exec("fork_exec_true", av, 31);
    }
    {
        char *av[] = {"/proc/self/exe", "--true", NULL};
        t_exec("fork_exec_static", av, 31);
    }
}
static void t_pingpong(void)
{
    int ab[2], ba[2];
    char c = 0;
    if (pipe(ab) || pipe(ba)) {
        perror("pipe");
        exit(1);
    }
    pid_t k = fork();
    if (k == 0) {
        close(ab[1]);
        close(ba[0]);
        while (read(ab[0], &c, 1) == 1)
            if (write(ba[1], &c, 1) != 1)
                break;
        _exit(0);
    }
    close(ab[0]);
    close(ba[1]);
    for (int i = 0; i < 501; i++) {
        u64 a = tsc();
        if (write(ab[1], &c, 1) != 1 || read(ba[0], &c, 1) != 1)
            break;
        put(tsc() - a);
    }
    report("pipe_pingpong", 1, "roundtrip");
    close(ab[1]);
    waitpid(k, NULL, 0);
    close(ba[0]);
}
static void t_pipe_self(void)
{
    int p[2];
    char c = 0;
    if (pipe(p))
        exit(1);
    for (int i = 0; i < 201; i++) {
        u64 a = tsc();
        if (write(p[1], &c, 1) != 1 || read(p[0], &c, 1) != 1)
            break;
        put(tsc() - a);
    }
    report("pipe_self", 1, "write+read");
    close(p[0]);
    close(p[1]);
}
static void t_mmap(void)
{
    static u64 m[9], t[9], u[9];
    size_t len = 64ul << 20;
    int n = 9;
    for (int i = 0; i < n; i++) {
        u64 a = tsc();
        char *p = anon(len);
        u64 b = tsc();
        touch(p, len);
        u64 c = tsc();
        munmap(p, len);
        u64 d = tsc();
        m[i] = b - a;
        t[i] = c - b;
        u[i] = d - c;
    }
    for (int i = 0; i < n; i++)
        put(m[i]);
    report("mmap64_map", 1, "op");
    for (int i = 0; i < n; i++)
        put(t[i]);
    report("mmap64_touch", 16384, "page");
    for (int i = 0; i < n; i++)
        put(u[i]);
    report("mmap64_unmap", 16384, "page");
    for (int i = 0; i < n; i++)
        put(m[i] + t[i] + u[i]);
    report("mmap64_total", 1, "op");
}
static void t_mprotect(void)
{
    char *p = anon(1 << 20);
    touch(p, 1 << 20);
    for (int i = 0; i < 101; i++) {
        u64 a = tsc();
        mprotect(p, 1 << 20, PROT_READ);
        mprotect(p, 1 << 20, PROT_READ | PROT_WRITE);
        put(tsc() - a);
    }
    report("mprotect_256pg_x2", 1, "op");
    munmap(p, 1 << 20);
}
static void t_signal(void)
{
    signal(SIGUSR1, onsig);
    pid_t me = getpid();
    for (int i = 0; i < 201; i++) {
        u64 a = tsc();
        kill(me, SIGUSR1);
        put(tsc() - a);
    }
    report("signal_self", 1, "op");
}

int main(int argc, char **argv)
{
    static void (*const step[])(void) = {t_scale,     t_calls, t_faults,   t_forks, t_pingpong,
                                         t_pipe_self, t_mmap,  t_mprotect, t_signal};
    if (argc > 1 && !strcmp(argv[1], "--true"))
        return 0;
    if (argc > 1)
        tag = argv[1];
    setvbuf(stdout, NULL, _IOLBF, 0);
    cpu_set_t cs;
    CPU_ZERO(&cs);
    CPU_SET(0, &cs);
    sched_setaffinity(0, sizeof cs, &cs);
    for (size_t i = 0; i < sizeof step / sizeof step[0]; i++)
        step[i]();
    printf("MB %s DONE hits=%d\n", tag, (int)hits);
    return 0;
}
