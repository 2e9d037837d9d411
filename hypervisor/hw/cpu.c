/* SPDX-License-Identifier: MIT */
/*
 * What every room asks about the processors: their description, which boot/cpu.c reads and seals, and which of them
 * run. And the MSR read that may fail.
 */
#include "hw/cpu.h"

#include "hw/trap.h"

__sealed struct cpu_desc cpu_desc;
cpuset_t cpu_online = 1;
u32 cpu_count = 1;

bool cpu_rdmsr_safe(u32 msr, u64 *v)
{
    u32 lo, hi, ok;
    __asm__ volatile("1: rdmsr; movl $1, %2; jmp 3f\n"
                     "2: xorl %2, %2; xorl %0, %0; xorl %1, %1\n"
                     "3:\n" TRAP_FIX(1b, 2b)
                     : "=a"(lo), "=d"(hi), "=&r"(ok)
                     : "c"(msr));
    *v = ((u64)hi << 32) | lo;
    return ok;
}
