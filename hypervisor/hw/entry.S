/* SPDX-License-Identifier: MIT */
/*
 * Entries by exception and interrupt. 256 stubs of 16 bytes push error code and vector, then one of three tails
 * builds struct regs. From ring 3 the frame lies at the very top of the CPU's stack, under cpu_info, and
 * control goes up through trap_hooks (pv/entry.S); from Wirt itself it comes back here.
 * #DB, NMI, #DF and #MC have stacks of their own, as they can hit the three instructions after SYSCALL.
 */
#include "hw/layout.h"
#include "hw/regs_asm.h"


#define REGS_CS 136

    .section .text.hot.entry, "ax", @progbits
    .globl entry_stubs
    .balign 16
entry_stubs:
    vec = 0
    .rept 256
    .balign 16
    .if (vec == 8) || (vec >= 10 && vec <= 14) || (vec == 17) || (vec == 21) || (vec == 29) || (vec == 30)
    movl $vec, 4(%rsp)
    .else
    pushq $0
    movl $vec, 4(%rsp)
    .endif
    .if vec == 1
    jmp entry_debug
    .elseif (vec == 2) || (vec == 8) || (vec == 18)
    jmp entry_ist
    .elseif vec == 14
    jmp entry_page_fault
    .elseif (vec < 32) || (vec == 0x80)
    jmp entry_trap
    .else
    jmp entry_irq
    .endif
    vec = vec + 1
    .endr

    .balign 16
entry_trap:
    SAVE_REGS
    cld
    testb $3, REGS_CS(%rsp)
    jz entry_back
    movq trap_hooks(%rip), %rax /* guest_entry */
    jmp *%rax
entry_back:
    movq %rsp, %rdi
    CALL_C trap_from_hv
    RESTORE_REGS
    addq $8, %rsp
    iretq

/* The commonest exception of guests: up before anything is saved. */
    .balign 16
entry_page_fault:
    testb $3, 16(%rsp)
    jz entry_trap
    jmp *trap_hooks + 24(%rip) /* guest_page_fault */

    .balign 16
entry_irq:
    SAVE_REGS
    cld
    testb $3, REGS_CS(%rsp)
    jz 1f
    SPEC_ENTRY REGS_SIZE
    movq %rsp, %rdi
    CALL_C irq_handle
    movq trap_hooks + 8(%rip), %rax /* guest_return */
    jmp *%rax
1:  movq %rsp, %rdi
    CALL_C irq_handle
    RESTORE_REGS
    addq $8, %rsp
    iretq

/* #DB: from a guest it moves to the ordinary stack and is an ordinary exception. From Wirt: a guest's
 * data breakpoint that was held back over SYSCALL; trap_from_hv looks and drops it. */
entry_debug:
    SAVE_REGS
    cld
    testb $3, REGS_CS(%rsp)
    jz entry_back
    movq %rsp, %rsi
    movq %rsp, %rax
    orq $(STACK_SIZE - 1), %rax
    leaq 1 - CPU_INFO_SIZE - REGS_SIZE(%rax), %rdi
    movq %rdi, %rsp
    movl $21, %ecx
    rep movsq
    movq trap_hooks(%rip), %rax
    jmp *%rax

/* NMI, #DF, #MC: handled where they are; trap_from_hv knows what is fatal. */
entry_ist:
    SAVE_REGS
    cld
    jmp entry_back

    .section .note.GNU-stack, "", @progbits
