/* SPDX-License-Identifier: MIT */
/*
 * The host's version: a fake CPU's info lies at the top of a static stack, per-CPU variables are
 * arrays. Which CPU a thread plays is fake_cpu (hw/cpu.h).
 */
#ifndef WIRT_HW_PERCPU_H
#define WIRT_HW_PERCPU_H

#include "hw/layout.h"
#include "hw/regs.h"
#include "lib/types.h"

struct cpu_info { /* as the real one */
    void *unit;
    u64 percpu_off;
    u32 cpu;
    u32 work;
    u64 scratch;
    u64 exit_flags;
    bool (*copier)(void *host, u64 va, u64 n, bool is_write);
    u64 host_control;
    u64 pad[1];
};

extern _Thread_local u32 fake_cpu;
extern u8 *percpu_stack[CPU_MAX];

#define PERCPU(type, name)         type percpu_##name[CPU_MAX]
#define PERCPU_DECLARE(type, name) extern type percpu_##name[CPU_MAX]
#define this_cpu(name)             (&percpu_##name[fake_cpu])
#define cpu_var(name, c)           (&percpu_##name[c])

static inline struct cpu_info *cpu_info(void)
{
    return (struct cpu_info *)(void *)(percpu_stack[fake_cpu] + STACK_SIZE) - 1;
}
static inline struct regs *cpu_guest_regs(void)
{
    return (struct regs *)(void *)cpu_info() - 1;
}
static inline u32 cpu_id(void)
{
    return fake_cpu;
}

#endif
