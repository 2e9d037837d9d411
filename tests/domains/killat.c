/* SPDX-License-Identifier: MIT */
/*
 * Ends a process with SIGKILL at its Nth step. A step is a system call by which a process changes something beyond
 * itself: an ioctl (hypercalls, mappings, ports, loop devices), a byte that it sends or writes, a shared mapping, a
 * file that is made, renamed or removed, and its end. The process is stopped at the entry of each and dies before the
 * call is made, so that "killed at N" is "did all before N and nothing after", each time.
 * usage: killat N COMMAND [ARGUMENT]...   its exit status, or 137; N = 0: nobody dies, the steps are counted
 *        killat -p PID N                  comes back when it is attached, with the number of the child that stays at it
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define STATUS_KILLED 137
#define TCGETS        0x5401u
#define TIOCGWINSZ    0x5413u

static void die(const char *what)
{
    fprintf(stderr, "killat: %s: %s\n", what, strerror(errno));
    exit(126);
}

/* The calls that may be steps, and by their arguments which are. */
static const unsigned short calls[] = {SYS_ioctl,    SYS_write,     SYS_writev,    SYS_mmap,      SYS_openat,
                                       SYS_open,     SYS_pwrite64,  SYS_sendto,    SYS_sendmsg,   SYS_unlink,
                                       SYS_unlinkat, SYS_rename,    SYS_renameat,  SYS_renameat2, SYS_mkdir,
                                       SYS_mkdirat,  SYS_ftruncate, SYS_exit_group};
#define CALLS (sizeof(calls) / sizeof(calls[0]))

static bool is_step(const struct user_regs_struct *r)
{
    switch (r->orig_rax) {
    case SYS_ioctl:
        return r->rsi != TCGETS && r->rsi != TIOCGWINSZ;
    case SYS_write:
    case SYS_writev:
        return r->rdi > 2;
    case SYS_mmap:
        return r->r10 & MAP_SHARED;
    case SYS_openat:
    case SYS_open:
        return (r->orig_rax == SYS_open ? r->rsi : r->rdx) & 0100; /* O_CREAT */
    default:
        for (unsigned int i = 0; i < CALLS; i++)
            if (calls[i] == r->orig_rax)
                return true;
        return false;
    }
}

/* Only these calls stop the process, so that all others are as fast as ever. */
static int filter_others(void)
{
    struct sock_filter code[CALLS + 3] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr))};
    struct sock_fprog program = {.len = CALLS + 3, .filter = code};

    for (unsigned int i = 0; i < CALLS; i++)
        code[1 + i] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, calls[i], (unsigned char)(CALLS - i), 0);
    code[CALLS + 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    code[CALLS + 2] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE);
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

/* Whether the stop with this status is at the entry of a call. */
static bool is_entry(pid_t pid, int status)
{
    struct __ptrace_syscall_info info;

    if (status >> 8 == (SIGTRAP | PTRACE_EVENT_SECCOMP << 8))
        return true;
    return WSTOPSIG(status) == (SIGTRAP | 0x80) && ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) > 0 &&
           info.op == PTRACE_SYSCALL_INFO_ENTRY;
}

/* The tracee is stopped and goes on by `request`; returns the exit status of the one that ended, or STATUS_KILLED. */
static int follow(pid_t pid, int request, unsigned long wanted, unsigned long *steps)
{
    struct user_regs_struct r;
    int status, signal_sent = 0;

    for (*steps = 0;;) {
        if (ptrace(request, pid, 0, signal_sent) && errno != ESRCH)
            die("go on");
        if (waitpid(pid, &status, __WALL) < 0)
            die("wait");
        if (WIFEXITED(status))
            return WEXITSTATUS(status);
        if (WIFSIGNALED(status))
            return 128 + WTERMSIG(status);
        signal_sent = status >> 16 || WSTOPSIG(status) == (SIGTRAP | 0x80) ? 0 : WSTOPSIG(status);
        if (is_entry(pid, status) && !ptrace(PTRACE_GETREGS, pid, 0, &r) && is_step(&r) && ++*steps == wanted) {
            r.orig_rax = (unsigned long long)-1; /* the call is not made, whatever comes first */
            ptrace(PTRACE_SETREGS, pid, 0, &r);
            kill(pid, SIGKILL);
            while (waitpid(pid, &status, __WALL) == pid && !WIFSIGNALED(status) && !WIFEXITED(status))
                continue;
            return STATUS_KILLED;
        }
    }
}

static int run(unsigned long wanted, char **argv)
{
    unsigned long steps;
    int status;
    pid_t pid = fork();

    if (pid < 0)
        die("fork");
    if (!pid) {
        ptrace(PTRACE_TRACEME, 0, 0, 0);
        raise(SIGSTOP);
        if (filter_others())
            die("filter");
        execvp(argv[0], argv);
        die(argv[0]);
    }
    if (waitpid(pid, &status, 0) < 0 || !WIFSTOPPED(status))
        die("start");
    if (ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESECCOMP | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL))
        die("trace");
    status = follow(pid, PTRACE_CONT, wanted, &steps);
    if (!wanted)
        printf("steps %lu\n", steps);
    return status;
}

static int attach(pid_t pid, unsigned long wanted)
{
    unsigned long steps;
    int ends[2], status;
    pid_t child;
    char byte;

    if (pipe(ends) || (child = fork()) < 0)
        die("fork");
    if (child) {
        close(ends[1]);
        printf("%d\n", (int)child);
        return read(ends[0], &byte, 1) == 1 ? 0 : 126;
    }
    if (ptrace(PTRACE_SEIZE, pid, 0, PTRACE_O_TRACESYSGOOD) || ptrace(PTRACE_INTERRUPT, pid, 0, 0) ||
        waitpid(pid, &status, __WALL) < 0)
        die("attach");
    if (write(ends[1], "", 1) != 1)
        die("say so");
    close(ends[0]);
    close(ends[1]);
    fclose(stdout);
    setsid();
    follow(pid, PTRACE_SYSCALL, wanted, &steps);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 4 && !strcmp(argv[1], "-p"))
        return attach((pid_t)atoi(argv[2]), strtoul(argv[3], NULL, 10));
    if (argc > 2)
        return run(strtoul(argv[1], NULL, 10), argv + 2);
    fputs("usage: killat N COMMAND [ARGUMENT]... | killat -p PID N\n", stderr);
    return 126;
}
