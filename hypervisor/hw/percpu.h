/* SPDX-License-Identifier: MIT */
/*
 * Per-CPU data hangs off the stack: each CPU's stack is STACK_SIZE bytes,
 * aligned, with struct cpu_info at its top, so rsp alone finds it (GS belongs to
 * the guest). PERCPU variables live in a section that is copied once per CPU; the
 * info holds the distance from the template to this CPU's copy.
 */
#ifndef WIRT_HW_PERCPU_H
#define WIRT_HW_PERCPU_H

#include "hw/layout.h"
#include "hw/regs.h"
#include "hw/regs_asm.h"
#include "lib/types.h"

struct cpu_info {
    void *unit;     /* what runs here: core/sched.h's struct unit, embedded in a vCPU */
    u64 percpu_off; /* add to &variable */
    u32 cpu;        /* 0-based index */
    u32 work;       /* pending deferred work bits, core/work.h; set remotely with LOCK */
    u64 scratch;    /* entry stub keeps rax here for three instructions */
    u64 exit_flags; /* speculation policy bits for entry.S */
    bool (*copier)(void *host, u64 va, u64 n, bool is_write); /* dom/guest.c: of a guest whose tables are not loaded */
    u64 host_control; /* hvm/: physical address of what keeps Wirt's own state while a guest runs */
    u64 pad[1];
};
_Static_assert(sizeof(struct cpu_info) == CPU_INFO_SIZE, "entry.S knows it");
_Static_assert(offsetof(struct cpu_info, exit_flags) == CPU_INFO_EXIT_FLAGS, "entry.S knows it");
_Static_assert(sizeof(struct regs) == REGS_SIZE, "entry.S knows it");

#define PERCPU(type, name)         __attribute__((section(".percpu"), used)) __typeof__(type) percpu_##name
#define PERCPU_DECLARE(type, name) extern __typeof__(type) percpu_##name

static inline struct cpu_info *cpu_info(void)
{
    u64 sp;
    __asm__("mov %%rsp, %0" : "=r"(sp));
    return (struct cpu_info *)((sp | (STACK_SIZE - 1)) + 1) - 1;
}
static inline struct regs *cpu_guest_regs(void) /* the frame of the guest that was interrupted */
{
    return (struct regs *)(void *)cpu_info() - 1;
}
static inline u32 cpu_id(void)
{
    return cpu_info()->cpu;
}

extern u64 percpu_offset[CPU_MAX];
/* Pointer to this CPU's / a given CPU's copy. */
#define this_cpu(name)   ((__typeof__(&percpu_##name))(void *)((u8 *)&percpu_##name + cpu_info()->percpu_off))
#define cpu_var(name, c) ((__typeof__(&percpu_##name))(void *)((u8 *)&percpu_##name + percpu_offset[c]))

extern u8 *percpu_stack[CPU_MAX]; /* lowest byte of each CPU's stack */

#endif
