/* SPDX-License-Identifier: MIT */
/*
 * The register frame that every entry into Wirt builds at the top of the CPU's
 * stack, in the order of the ABI's cpu_user_regs up to ss. Above it lies
 * struct cpu_info (percpu.h). `cs` keeps 64 bits: a guest's saved upcall mask
 * travels in bits 32-39 only in frames on guest stacks, never here.
 */
#ifndef WIRT_HW_REGS_H
#define WIRT_HW_REGS_H

#include "lib/types.h"

struct regs {
    u64 r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
    u32 error, vector; /* vector: exception or interrupt; REGS_SYSCALL for SYSCALL */
    u64 rip, cs, rflags, rsp, ss;
};
_Static_assert(sizeof(struct regs) == 168, "frame pushed by entry.S");

#define REGS_SYSCALL 0x100

#define RFLAGS_MBS  0x2u
#define RFLAGS_TF   0x100u
#define RFLAGS_IF   0x200u
#define RFLAGS_DF   0x400u
#define RFLAGS_IOPL 0x3000u
#define RFLAGS_NT   0x4000u
#define RFLAGS_RF   0x10000u
#define RFLAGS_VM   0x20000u
#define RFLAGS_AC   0x40000u

#endif
