/* SPDX-License-Identifier: MIT */
/*
 * The hot paths between a PV guest and Wirt. A guest's kernel and its programs both run in ring 3;
 * vcpu.pv.in_kernel says which is running, and going from one to the other means the other CR3 and SWAPGS.
 *   SYSCALL from a program      -> frame on the guest kernel's stack, on to its handler: no C at all
 *   SYSCALL from the kernel     -> hypercall; number 23 (iret) to a program: no C either
 *   exceptions, interrupts      -> C with the full frame, then pv_exit
 * Every access to guest memory here is in the exception table and its address was checked against Wirt's range. Interrupts
 * are off except inside C. The frame of the guest is always at the top of the CPU's stack.
 */
#include "hw/layout.h"
#include "offsets.h"

#define REGS_SYSCALL_VECTOR 0x100
#define SYSCALL_MMU_UPDATE 1
#define SYSCALL_IRET 23
#define FLAGS_KEEP 0x244dd5 /* CF PF AF ZF SF TF DF OF NT AC ID: what an iret frame may set */

/* Guest speculation policy on entry (hw/spec.c): bit 0 = fill the return stack. */
.macro SPEC_ENTRY info_off
    testb $1, \info_off + CI_EXIT_FLAGS(%rsp)
    jnz 8f
7:
    .pushsection .text.hot.spec, "ax", @progbits
8:  call pv_fill_rsb
    jmp 7b
    .popsection
.endm
.macro FIX at, to
    .pushsection .trap_fix, "a"
    .balign 4
    .long \at - ., \to - .
    .popsection
.endm
.macro SAVE_REST /* from rdi on; rcx, r11 as they are */
    pushq %rdi
    pushq %rsi
    pushq %rdx
    pushq %rcx
    pushq %rax
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %r11
    pushq %rbx
    pushq %rbp
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
.endm

    .section .text.hot.pv_entry, "ax", @progbits

/* From the CPU's stub: rax = guest rsp, guest rax in scratch, rsp = cpu_info. */
    .globl pv_syscall_entry
    .balign 64
pv_syscall_entry:
    pushq $SEL_USER_DS
    pushq %rax
    pushq %r11
    pushq $SEL_USER_CS
    pushq %rcx
    SPEC_ENTRY 40
    movq 40 + CI_UNIT(%rsp), %r11
    cmpb $0, V_IN_KERNEL(%r11)
    movq 40 + CI_SCRATCH(%rsp), %rax
    jne from_kernel

    /* A program's system call. The kernel sees: SS RSP RFLAGS CS RIP R11 RCX, rcx at the lowest address. */
    movq V_INFO(%r11), %rcx
    cmpb $0, 1(%rcx) /* upcalls masked while in a program: unusual, the long way */
    jne syscall_slow
    cmpq $0, V_SYSCALL_RIP(%r11)
    je syscall_slow
    movzbl V_SYSCALL_MASKS(%r11), %eax
    movb %al, 1(%rcx)
    movb $1, V_IN_KERNEL(%r11)
    swapgs
    movq V_KERNEL_CR3(%r11), %rax
    movq %rax, %cr3
    movq V_SYSCALL_SP(%r11), %rcx
    movq (%rsp), %rax
1:  movq %rax, (%rcx)
2:  movq %rax, 16(%rcx)
    movq 16(%rsp), %rax
3:  movq %rax, 8(%rcx)
4:  movq %rax, 32(%rcx)
5:  movq $SEL_USER_CS, 24(%rcx)
    movq 24(%rsp), %rax
6:  movq %rax, 40(%rcx)
9:  movq $SEL_USER_DS, 48(%rcx)
    FIX 1b, syscall_bad_stack
    FIX 2b, syscall_bad_stack
    FIX 3b, syscall_bad_stack
    FIX 4b, syscall_bad_stack
    FIX 5b, syscall_bad_stack
    FIX 6b, syscall_bad_stack
    FIX 9b, syscall_bad_stack
    movq 40 + CI_SCRATCH(%rsp), %rax
    movq %rcx, %rsp
    movq V_SYSCALL_RIP(%r11), %rcx
    movl $0x202, %r11d
    sysretq

    .balign 16
from_kernel:
    cmpq $SYSCALL_IRET, %rax
    je fast_iret
    cmpq $SYSCALL_MMU_UPDATE, %rax
    jne hypercall

    /* One page-table entry, the hypercall behind each page fault: C keeps rbx, rbp, r12-r15; we keep what else the ABI
     * promises. Interrupts stay off, so what would be due on the way out comes as an interrupt right after. */
    pushq %rdi
    pushq %rsi
    pushq %rdx
    pushq %r10
    pushq %r8
    pushq %r9
    subq $8, %rsp
    movq %r10, %rcx
    call pv_mmu_update_quick
    addq $8, %rsp
    popq %r9
    popq %r8
    popq %r10
    popq %rdx
    popq %rsi
    popq %rdi
    testq %rax, %rax
    jnz 1f
    movq (%rsp), %rcx
    movq %rcx, %r11
    sarq $47, %r11
    incl %r11d
    cmpl $1, %r11d
    ja 1f /* not canonical: the long way does nothing twice, the entry is the same by now */
    movq 16(%rsp), %r11
    movq 24(%rsp), %rsp
    sysretq
1:  movl $SYSCALL_MMU_UPDATE, %eax
    movq (%rsp), %rcx
hypercall:
    movq 16(%rsp), %r11 /* no pointer of ours in a guest's frame */
    pushq $0
    movl $REGS_SYSCALL_VECTOR, 4(%rsp)
    SAVE_REST
    sti
    movq %rsp, %rdi
    subq $8, %rsp
    call *pv_call_door(%rip)
    addq $8, %rsp
    /* fall through */

/* The one way out to a guest: frame at rsp. */
    .globl pv_exit
pv_exit:
    cli
    cmpl $0, R_SIZE + CI_WORK(%rsp)
    jne exit_work
    movq R_SIZE + CI_UNIT(%rsp), %rbx
    cmpb $0, V_MUST_LOOK(%rbx)
    jne exit_look
    movq V_INFO(%rbx), %rax
    cmpw $1, (%rax) /* pending = 1 and mask = 0, as one 16-bit word */
    je exit_upcall
exit_now:
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbp
    popq %rbx
    popq %r11
    popq %r10
    popq %r9
    popq %r8
    popq %rax
    popq %rcx
    popq %rdx
    popq %rsi
    popq %rdi
    cmpl $REGS_SYSCALL_VECTOR, 4(%rsp)
    jne exit_iret
    /* SYSRET is for frames whose rcx and r11 are free and whose rip is canonical (it faults in ring 0 otherwise). */
    movq 8(%rsp), %rcx
    movq %rcx, %r11
    sarq $47, %r11
    incl %r11d
    cmpl $1, %r11d
    ja exit_iret
    movq 24(%rsp), %r11
    movq 32(%rsp), %rsp
    sysretq
exit_iret:
    addq $8, %rsp
1:  iretq
    FIX 1b, iret_fault

exit_work:
    sti
    subq $8, %rsp
    call work_run
    addq $8, %rsp
    jmp pv_exit
exit_look:
    sti
    movq %rsp, %rdi
    subq $8, %rsp
    call pv_exit_look
    addq $8, %rsp
    jmp pv_exit
exit_upcall:
    movq %rsp, %rdi
    subq $8, %rsp
    call pv_exit_upcall
    addq $8, %rsp
    jmp pv_exit

/* Hypercall 23 from the guest kernel: rsp has 40 bytes of frame, r11 = vCPU, rcx and r11 are free. */
    .balign 16
fast_iret:
    movq 24(%rsp), %rcx
    movabsq $HV_END, %rax
    cmpq %rax, %rcx
    jb iret_slow /* a stack in the lower half is odd, one in Wirt's range hostile */
1:  testb $3, 40(%rcx)
    jz iret_slow /* to the kernel itself */
2:  testb $1, 25(%rcx) /* VGCF_in_syscall */
    jnz iret_slow
3:  movq 48(%rcx), %rax
    testl $0x200, %eax
    jz iret_slow /* events stay masked: the long way */
    cmpq $0, V_USER_CR3(%r11)
    je iret_slow
    andl $FLAGS_KEEP, %eax
    orl $0x202, %eax
    movq %rax, 16(%rsp)
4:  movq 32(%rcx), %rax
    movq %rax, (%rsp)
5:  movzwl 40(%rcx), %eax
    orl $3, %eax
    movq %rax, 8(%rsp)
6:  movq 56(%rcx), %rax
    movq %rax, 24(%rsp)
7:  movzwl 64(%rcx), %eax
    orl $3, %eax
    movq %rax, 32(%rsp)
8:  pushq (%rcx)
9:  pushq 8(%rcx)
10: movq 16(%rcx), %rcx
    movq V_INFO(%r11), %rax
    movb $0, 1(%rax)
    cmpb $0, (%rax)
    jne iret_pending
    movb $0, V_IN_KERNEL(%r11)
    movq V_USER_CR3(%r11), %rax
    movq %rax, %cr3
    swapgs
    popq %r11
    popq %rax
11: iretq
    FIX 1b, iret_slow
    FIX 2b, iret_slow
    FIX 3b, iret_slow
    FIX 4b, iret_spoilt
    FIX 5b, iret_spoilt
    FIX 6b, iret_spoilt
    FIX 7b, iret_spoilt
    FIX 8b, iret_spoilt
    FIX 9b, iret_spoilt
    FIX 10b, iret_spoilt
    FIX 11b, iret_fault

/* An upcall waits: finish the frame as if the program had been interrupted at once. */
iret_pending:
    movb $0, V_IN_KERNEL(%r11)
    movq V_USER_CR3(%r11), %rax
    movq %rax, %cr3
    swapgs
    popq %r11
    popq %rax
    pushq $0
    SAVE_REST
    jmp pv_exit

iret_slow: /* the frame on our stack is still the hypercall's, if none of it was replaced */
    movl $SYSCALL_IRET, %eax
    movq 16(%rsp), %r11
    pushq $0
    movl $REGS_SYSCALL_VECTOR, 4(%rsp)
    SAVE_REST
    movq %rsp, %rdi
    subq $8, %rsp
    call pv_iret
    addq $8, %rsp
    jmp pv_exit

iret_spoilt: /* the guest's stack went away half-way through the frame */
    movq %r11, %rdi
    leaq -R_SIZE - 8(%rsp), %rsp
    andq $-16, %rsp
    call pv_iret_spoilt /* crashes the domain; comes back only to be descheduled */
    movq %rsp, %rax
    orq $(STACK_SIZE - 1), %rax
    leaq 1 - CI_SIZE - R_SIZE(%rax), %rsp
    jmp pv_exit

/* IRET to the guest faulted (bad cs, ss or rip in its frame): rsp at the five words, guest registers live. Make
 * it the guest's own #GP, as if the first instruction there had faulted. */
iret_fault:
    pushq $0
    movl $13, 4(%rsp)
    SAVE_REST
    jmp pv_trap_entry

syscall_bad_stack:
    movq 40 + CI_SCRATCH(%rsp), %rax
    pushq $0
    movl $REGS_SYSCALL_VECTOR, 4(%rsp)
    SAVE_REST
    movq %rsp, %rdi
    subq $8, %rsp
    call pv_bad_stack
    addq $8, %rsp
    jmp pv_exit

syscall_slow:
    movq 40 + CI_SCRATCH(%rsp), %rax
    movq (%rsp), %rcx
    movq 16(%rsp), %r11
    pushq $0
    movl $REGS_SYSCALL_VECTOR, 4(%rsp)
    SAVE_REST
    movq %rsp, %rdi
    subq $8, %rsp
    call pv_syscall_slow
    addq $8, %rsp
    jmp pv_exit

/* SYSCALL in compatibility mode (AMD): not offered, so it is an invalid instruction. */
    .globl pv_syscall32_entry
pv_syscall32_entry:
    pushq $SEL_USER_DS
    pushq %rax
    pushq %r11
    pushq $SEL_USER32
    subq $2, %rcx
    pushq %rcx
    movq 40 + CI_SCRATCH(%rsp), %rax
    pushq $0
    movl $6, 4(%rsp)
    SAVE_REST
    /* fall through */

/* trap_hooks.guest_page_fault: #PF from ring 3; rsp at error code and vector, below the processor's five words. One of a
 * program goes to the kernel's handler from here; the rest takes the long way. */
    .globl pv_page_fault_entry
    .balign 16
pv_page_fault_entry:
    pushq %rax
    pushq %rcx
    pushq %rdx
    SPEC_ENTRY 72
    movq 72 + CI_UNIT(%rsp), %rcx
    movq V_INFO(%rcx), %rdx
    movb V_IN_KERNEL(%rcx), %al
    orb 1(%rdx), %al /* in the kernel, or upcalls masked */
    jnz page_fault_long
    testb $4, 24(%rsp) /* the processor's own access: a descriptor table */
    jz page_fault_long
    movq V_PF_RIP(%rcx), %rax
    testq %rax, %rax
    jz page_fault_long
    movq %cr2, %rax
    movq %rax, 16(%rdx)
    movb V_PF_FLAGS(%rcx), %al
    shrb $2, %al
    andb $1, %al
    movb %al, 1(%rdx)
    movb $1, V_IN_KERNEL(%rcx)
    swapgs
    movq V_KERNEL_CR3(%rcx), %rax
    movq %rax, %cr3
    movq V_SYSCALL_SP(%rcx), %rax
    movq 8(%rsp), %rdx
1:  movq %rdx, -8(%rax)
2:  movq %r11, (%rax)
    movl 24(%rsp), %edx
3:  movq %rdx, 8(%rax)
    movq 32(%rsp), %rdx
4:  movq %rdx, 16(%rax)
    movq 40(%rsp), %rdx
5:  movq %rdx, 24(%rax)
    movq 48(%rsp), %rdx
6:  movq %rdx, 32(%rax)
    movq 56(%rsp), %rdx
9:  movq %rdx, 40(%rax)
    movq 64(%rsp), %rdx
10: movq %rdx, 48(%rax)
    FIX 1b, page_fault_bad_stack
    FIX 2b, page_fault_bad_stack
    FIX 3b, page_fault_bad_stack
    FIX 4b, page_fault_bad_stack
    FIX 5b, page_fault_bad_stack
    FIX 6b, page_fault_bad_stack
    FIX 9b, page_fault_bad_stack
    FIX 10b, page_fault_bad_stack
    leaq -8(%rax), %r11
    movq V_PF_RIP(%rcx), %rcx
    popq %rdx
    addq $8, %rsp
    popq %rax
    movq %r11, %rsp
    movl $0x202, %r11d
    sysretq
page_fault_long:
    popq %rdx
    popq %rcx
    popq %rax
    SAVE_REST
    cld
    jmp pv_trap_long
page_fault_bad_stack:
    popq %rdx
    popq %rcx
    popq %rax
    SAVE_REST
    movq %rsp, %rdi
    subq $8, %rsp
    call pv_bad_stack
    addq $8, %rsp
    jmp pv_exit

/* trap_hooks.guest_entry: an exception, the full frame at rsp. */
    .globl pv_trap_entry
pv_trap_entry:
    SPEC_ENTRY R_SIZE
pv_trap_long:
    movq %rsp, %rdi
    subq $8, %rsp
    call pv_trap
    addq $8, %rsp
    jmp pv_exit

/* trap_hooks.guest_return: after an interrupt. */
    .globl pv_irq_return
pv_irq_return:
    jmp pv_exit

/* noreturn, from pv/vcpu.c: the frame is in place at the top of this CPU's stack. */
    .globl pv_enter_guest
pv_enter_guest:
    movq %rsp, %rax
    orq $(STACK_SIZE - 1), %rax
    leaq 1 - CI_SIZE - R_SIZE(%rax), %rsp
    jmp pv_exit

/* 32 calls whose return addresses all lead to a trap for speculation; rsp is put back. */
pv_fill_rsb:
    movl $16, %ecx
1:  call 2f
3:  pause
    lfence
    jmp 3b
2:  call 4f
5:  pause
    lfence
    jmp 5b
4:  decl %ecx
    jnz 1b
    addq $256, %rsp
    ret

    .section .note.GNU-stack, "", @progbits
