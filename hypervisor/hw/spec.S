/* SPDX-License-Identifier: MIT */
/*
 * What the speculation policy does where guests come in and go out; hw/regs_asm.h has the macros that call this when
 * cpu_info's flags ask for it, on CPUs that need it. Both keep all registers; flags and rsp below them are free. No
 * stack but the CPU's own, interrupts off.
 */
#include "hw/layout.h"
#include "hw/regs_asm.h"

#define MSR_SPEC_CTRL 0x48

/* cpu_info of this CPU, from any depth of its stack. */
.macro FLAGS_TO_EAX
    movq %rsp, %rax
    orq $(STACK_SIZE - 1), %rax
    movl 1 - CPU_INFO_SIZE + CPU_INFO_EXIT_FLAGS(%rax), %eax
.endm
.macro SET_SPEC_CTRL value
    movl $MSR_SPEC_CTRL, %ecx
    movl $\value, %eax
    xorl %edx, %edx
    wrmsr
.endm

    .section .text.hot.spec, "ax", @progbits
    .globl spec_enter
spec_enter:
    PUSH_REGS rax, rcx, rdx
    FLAGS_TO_EAX
    testb $SPEC_IBRS, %al
    jz 1f
    SET_SPEC_CTRL 1
    FLAGS_TO_EAX
1:  testb $SPEC_RSB, %al
    jz 6f
8:  movl $16, %ecx /* 32 calls whose return addresses all lead to a trap for speculation */
2:  call 4f
3:  pause
    lfence
    jmp 3b
4:  call 5f
7:  pause
    lfence
    jmp 7b
5:  decl %ecx
    jnz 2b
    addq $256, %rsp
6:  POP_REGS rdx, rcx, rax
    ret

/* What a kernel planted, SMEP does not hold back. */
    .globl spec_enter_assisted
spec_enter_assisted:
    PUSH_REGS rax, rcx, rdx
    FLAGS_TO_EAX
    testb $SPEC_IBRS, %al
    jz 8b
    SET_SPEC_CTRL 1
    jmp 8b

    .globl spec_leave
spec_leave:
    PUSH_REGS rax, rcx, rdx
    FLAGS_TO_EAX
    testb $SPEC_IBRS, %al
    jz 1f
    SET_SPEC_CTRL 0
    FLAGS_TO_EAX
1:  testb $SPEC_VERW, %al
    POP_REGS rdx, rcx, rax
    jz 2f
    verw spec_selector(%rip)
2:  ret

    .section .rodata
spec_selector:
    .word SEL_USER_DS
    .section .note.GNU-stack, "", @progbits
