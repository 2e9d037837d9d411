/* SPDX-License-Identifier: MIT */
/*
 * In and out of a guest on AMD. The frame of the guest is at the top of the CPU's stack, as for PV; rax, rsp, rip and
 * rflags travel in the control block, the other registers here. VMRUN keeps what Wirt needs to come back, VMLOAD and
 * VMSAVE exchange the rest (FS, GS, TR, LDTR, SYSCALL). From CLGI to STGI nothing interrupts; with IF set an interrupt
 * that waits makes the guest leave at once, and is taken by Wirt behind STGI.
 */
#include "hvm/entry_asm.h"

    WAY_IN svm
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
    SPEC_ENTRY_ASSISTED R_SIZE
    movq %rsp, %rdi
    CALL_C svm_exit /* turns interrupts on */
    jmp svm_out

    .section .note.GNU-stack, "", @progbits
