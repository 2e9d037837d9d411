/* SPDX-License-Identifier: MIT */
/*
 * What the entry files of hw/ and pv/ share: struct regs pushed and popped register by register (hw/regs.h has the
 * layout), instructions that may fault on guest memory, calls into C from a stack that holds a whole frame, and the
 * places where the speculation policy acts.
 */
#ifndef WIRT_HW_REGS_ASM_H
#define WIRT_HW_REGS_ASM_H
#define CPU_INFO_SIZE       64 /* of hw/percpu.h's struct cpu_info */
#define CPU_INFO_EXIT_FLAGS 32
#define REGS_SIZE           168 /* of hw/regs.h's struct regs */
#define SPEC_RSB            1   /* bits of cpu_info.exit_flags: fill the return stack */
#define SPEC_VERW           2   /* VERW before going out */
#define SPEC_IBRS           4   /* IBRS on in Wirt, off in guests */
#define SPEC_RSB_ASSISTED   8   /* fill the return stack behind a guest that has ring 0 */
#define SPEC_AT_ENTRY       (SPEC_RSB | SPEC_IBRS)
#define SPEC_AT_EXIT        (SPEC_VERW | SPEC_IBRS)

#ifdef __ASSEMBLER__
/* clang-format off */

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
/* Speculation (hw/spec.c), where a guest comes in to C, all registers saved, and where it goes out again, none to lose:
 * one look at cpu_info's flags, which lie `info` bytes above rsp. Paths without C need neither: they follow no
 * indirect branch and touch nothing but the vCPU's own. */
.macro SPEC_ACT bits, function, info
    testb $\bits, \info + CPU_INFO_EXIT_FLAGS(%rsp)
    jnz .Lspec\@
.Lback\@:
    .pushsection .text.hot.spec, "ax", @progbits
.Lspec\@:
    call \function
    jmp .Lback\@
    .popsection
.endm
.macro SPEC_ENTRY info
    SPEC_ACT SPEC_AT_ENTRY, spec_enter, \info
.endm
.macro SPEC_ENTRY_ASSISTED info
    SPEC_ACT SPEC_AT_ENTRY | SPEC_RSB_ASSISTED, spec_enter_assisted, \info
.endm
.macro SPEC_EXIT info
    SPEC_ACT SPEC_AT_EXIT, spec_leave, \info
.endm
.macro CALL_C function
    subq $8, %rsp
    call \function
    addq $8, %rsp
.endm

#endif
#endif
