/* SPDX-License-Identifier: MIT */
/*
 * The one place where the scheduler leaves C: start the CPU's stack afresh, below the room for a
 * guest's frame, and go on in fn. What was on the stack is gone; units saved what they need in
 * their leave(). Unit tests have another version of this file that goes back to the test.
 */
#ifndef WIRT_CORE_SCHED_STACK_H
#define WIRT_CORE_SCHED_STACK_H

#include "hw/percpu.h"

static inline __noreturn void sched_stack_restart(void (*fn)(void))
{
    __asm__ volatile("mov %0, %%rsp; xor %%ebp, %%ebp; jmp *%1" : : "r"(cpu_guest_regs()), "r"(fn) : "memory");
    __builtin_unreachable();
}

#endif
