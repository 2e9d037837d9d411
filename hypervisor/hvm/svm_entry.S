/* SPDX-License-Identifier: MIT */
/*
 * In and out of a guest on AMD. The frame of the guest is at the top of the CPU's stack, as for PV; rax, rsp, rip and
 * rflags travel in the control block, the other registers here. VMRUN keeps what Wirt needs to come back, VMLOAD and
 * VMSAVE exchange the rest (FS, GS, TR, LDTR, SYSCALL). From CLGI to STGI nothing interrupts; with IF set an interrupt
 * that waits makes the guest leave at once, and is taken by Wirt behind STGI.
 */
#include "hw/layout.h"
#include "hw/regs_asm.h"
#include "offsets.h"

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
#define R_RBX 40

    .section .text.hot.svm_entry, "ax", @progbits

/* noreturn, from hvm.c: the frame is in place. */
    .globl svm_enter
svm_enter:
    movq %rsp, %rax
    orq $(STACK_SIZE - 1), %rax
    leaq 1 - CI_SIZE - R_SIZE(%rax), %rsp

svm_out:
    cli
    cmpl $0, R_SIZE + CI_WORK(%rsp)
    jne svm_work
    movq %rsp, %rdi
    CALL_C svm_prepare
    testq %rax, %rax
    jz svm_look
    movq %rax, %rbx
    clgi
    LOAD_REGS
    SPEC_EXIT R_SIZE
    movq %rbx, %rax
    movq R_RBX(%rsp), %rbx
    sti
    vmload %rax
    vmrun %rax
    vmsave %rax
    movq %rbx, R_RBX(%rsp)
    STORE_REGS
    movq R_SIZE + CI_HOST_CONTROL(%rsp), %rax
    vmload %rax
    cli
    stgi
    SPEC_ENTRY R_SIZE
    movq %rsp, %rdi
    CALL_C svm_exit /* turns interrupts on */
    jmp svm_out

svm_work:
    sti
    CALL_C work_run
    jmp svm_out
svm_look:
    sti
    movq %rsp, %rdi
    CALL_C hvm_look
    jmp svm_out

    .section .note.GNU-stack, "", @progbits
