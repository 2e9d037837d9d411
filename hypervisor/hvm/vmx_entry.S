/* SPDX-License-Identifier: MIT */
/*
 * In and out of a guest on Intel. rsp, rip and rflags travel in the control structure, which also says where Wirt goes
 * on (vmx_left) and with which stack pointer; the other registers travel here. An entry that fails goes on behind its
 * instruction, with the guest's registers in place. Interrupts are off all the time: one that waits makes the guest leave.
 */
#include "hvm/entry_asm.h"

    WAY_IN vmx
    SPEC_EXIT R_SIZE
    cmpl $2, %ebx
    LOAD_REGS
    movq R_RAX(%rsp), %rax
    movq R_RBX(%rsp), %rbx
    je 1f
    vmlaunch
    jmp 2f
1:  vmresume
2:  SPEC_ENTRY_ASSISTED R_SIZE
    movq %rsp, %rdi
    CALL_C vmx_refused /* turns interrupts on */
    jmp vmx_out

    .globl vmx_left
vmx_left:
    STORE_REGS
    movq %rax, R_RAX(%rsp)
    movq %rbx, R_RBX(%rsp)
    SPEC_ENTRY_ASSISTED R_SIZE
    movq %rsp, %rdi
    CALL_C vmx_exit /* turns interrupts on */
    jmp vmx_out

    .section .note.GNU-stack, "", @progbits
