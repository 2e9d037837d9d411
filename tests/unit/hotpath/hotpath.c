/* SPDX-License-Identifier: MIT */
/*
 * Counts the instructions of the scheduler's commonest round, as shipped: a unit alone on its CPU
 * blocks, the idle unit is entered, a timer's callback wakes the unit, it is entered again. The
 * parent single-steps the child between two marks. The bound is a budget, not a measurement of the
 * machine: it fails when somebody makes that path longer.
 */
#include <stdio.h>
#include <stdlib.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>
#include "fake.h"
#include "core/console.h"
#include "core/sched.h"
#include "core/work.h"

#define BUDGET 960 /* of which a third are the debug build's lock checks; the fake machine takes some 80 */

static struct unit u;

static void op_leave(struct unit *x)
{
}
static __noreturn void op_enter(struct unit *x)
{
    fake_entered(x);
}
static void op_account(struct unit *x, u32 state, u64 now)
{
}
static const struct unit_ops ops = {op_leave, op_enter, op_account};

static void run_work(void)
{
    if (setjmp(fake_back) == 0)
        work_run();
}

static void only_jump(void)
{
    if (setjmp(fake_back) == 0)
        fake_entered(NULL);
}

static void mark(void)
{
    raise(SIGUSR1);
}

static void child(void)
{
    fake_log_to_stderr();
    fake_init(2);
    for (u32 c = 2; c-- > 0;) {
        fake_cpu_set(c);
        timer_init_this();
        sched_init_this();
    }
    sched_init();
    u = (struct unit){.ops = &ops, .state = UNIT_OFFLINE, .name = "u"};
    sched_add(&u, 0);
    sched_wake(&u);
    run_work();
    ptrace(PTRACE_TRACEME, 0, NULL, NULL);
    for (int i = 0; i < 3; i++) {
        mark(); /* what the marks themselves cost */
        mark();
        mark(); /* and a jump back to the test */
        only_jump();
        mark();
        fake_now += 1000;
        mark();
        sched_block();
        run_work();
        fake_now += 1000;
        sched_wake(&u);
        run_work();
        mark();
    }
    _exit(sched_current() == &u ? 0 : 1);
}

int main(void)
{
    int status, marks = 0;
    long steps = 0, round[9] = {0}, cost;
    pid_t pid = fork();

    if (pid == 0)
        child();
    for (waitpid(pid, &status, 0); WIFSTOPPED(status); waitpid(pid, &status, 0)) {
        if (WSTOPSIG(status) == SIGUSR1) {
            if (++marks % 2 == 0 && marks <= 18)
                round[marks / 2 - 1] = steps;
            steps = 0;
        } else {
            steps++;
        }
        ptrace(marks % 2 ? PTRACE_SINGLESTEP : PTRACE_CONT, pid, NULL, NULL);
    }
    cost = round[8] - round[6] - 2 * (round[7] - round[6]); /* the last round: all is bound and warm */
    printf("block, idle, wake, enter: %ld instructions (budget %d)\n", cost, BUDGET);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0 && marks == 18 && cost > 50 && cost <= BUDGET)
        puts("1 passed, 0 failed");
    else
        printf("child's status 0x%x, %d marks\n0 passed, 1 failed\n", status, marks);
    return 0;
}
