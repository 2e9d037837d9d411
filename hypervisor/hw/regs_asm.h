/* SPDX-License-Identifier: MIT */
/*
 * What the entry files of hw/ and pv/ share: struct regs pushed and popped register by register (hw/regs.h has the
 * layout), instructions that may fault on guest memory, calls into C from a stack that holds a whole frame.
 */
#ifndef WIRT_HW_REGS_ASM_H
#define WIRT_HW_REGS_ASM_H
#ifdef __ASSEMBLER__

.macro PUSH_REGS list:vararg
    .irp reg, \list
    pushq %\reg
    .endr
.endm
.macro POP_REGS list:vararg
    .irp reg, \list
    popq %\reg
    .endr
.endm
/* Below error code and vector: the rest of struct regs. */
.macro SAVE_REGS
    PUSH_REGS rdi, rsi, rdx, rcx, rax, r8, r9, r10, r11, rbx, rbp, r12, r13, r14, r15
.endm
.macro RESTORE_REGS
    POP_REGS r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi
.endm
/* Error code 0 and a vector, then the registers: a whole frame above the processor's five words. */
.macro SAVE_FRAME vector
    pushq $0
    movl $\vector, 4(%rsp)
    SAVE_REGS
.endm
/* One instruction; if it faults, go on at `fix`. */
.macro TRY fix, instruction:vararg
.Ltry\@:
    \instruction
    .pushsection .trap_fix, "a"
    .balign 4
    .long .Ltry\@ - ., \fix - .
    .popsection
.endm
.macro CALL_C function
    subq $8, %rsp
    call \function
    addq $8, %rsp
.endm

#endif
#endif
