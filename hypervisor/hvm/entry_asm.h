/* SPDX-License-Identifier: MIT */
/*
 * What the ways in and out of guests have in common, whatever the make of processor: the frame of the guest lies at the
 * top of the CPU's stack, as for PV, and the loop looks for deferred work before each entry.
 */
#ifndef WIRT_HVM_ENTRY_ASM_H
#define WIRT_HVM_ENTRY_ASM_H
#ifdef __ASSEMBLER__
#include "hw/layout.h"
#include "hw/regs_asm.h"
#include "offsets.h"

#define R_RBX 40
#define R_RAX 80

/* clang-format off */
/* Everything but rax and rsp, which travel in the control block, and rbx, which comes last and goes first. */
.macro LOAD_REGS
    movq 0(%rsp), %r15
    movq 8(%rsp), %r14
    movq 16(%rsp), %r13
    movq 24(%rsp), %r12
    movq 32(%rsp), %rbp
    movq 48(%rsp), %r11
    movq 56(%rsp), %r10
    movq 64(%rsp), %r9
    movq 72(%rsp), %r8
    movq 88(%rsp), %rcx
    movq 96(%rsp), %rdx
    movq 104(%rsp), %rsi
    movq 112(%rsp), %rdi
.endm
.macro STORE_REGS
    movq %r15, 0(%rsp)
    movq %r14, 8(%rsp)
    movq %r13, 16(%rsp)
    movq %r12, 24(%rsp)
    movq %rbp, 32(%rsp)
    movq %r11, 48(%rsp)
    movq %r10, 56(%rsp)
    movq %r9, 64(%rsp)
    movq %r8, 72(%rsp)
    movq %rcx, 88(%rsp)
    movq %rdx, 96(%rsp)
    movq %rsi, 104(%rsp)
    movq %rdi, 112(%rsp)
.endm
/* MAKE_enter, noreturn, from hvm.c: the frame is in place. MAKE_out: on to the guest, if MAKE_prepare says something
 * else than 0, with that in rbx and interrupts off. */
.macro WAY_IN make
    .section .text.hot.\make\()_entry, "ax", @progbits
    .globl \make\()_enter
\make\()_enter:
    movq %rsp, %rax
    orq $(STACK_SIZE - 1), %rax
    leaq 1 - CI_SIZE - R_SIZE(%rax), %rsp
    jmp \make\()_out
\make\()_work:
    sti
    CALL_C work_run
    jmp \make\()_out
\make\()_look:
    sti
    movq %rsp, %rdi
    CALL_C hvm_look
\make\()_out:
    cli
    cmpl $0, R_SIZE + CI_WORK(%rsp)
    jne \make\()_work
    movq %rsp, %rdi
    CALL_C \make\()_prepare
    testq %rax, %rax
    jz \make\()_look
    movq %rax, %rbx
.endm

#endif
#endif
