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
#include "hw/regs_asm.h"
#include "offsets.h"

#define REGS_SYSCALL_VECTOR 0x100
#define SYSCALL_MMU_UPDATE 1
#define SYSCALL_IRET 23
#define SYSCALL_RETURN 56
/* its frame, seen from where a system call's begins: struct wirt_return and seven words */
#define FRAME_R11 (-64)
#define FRAME_RAX (-32)
#define FRAME_RCX (-24)
#define FRAME_RIP 16
#define FLAGS_KEEP 0x244dd5 /* CF PF AF ZF SF TF DF OF NT AC ID: what an iret frame may set */

/* The frame at rsp goes to C, then out. */
.macro HANDLE function
    SPEC_ENTRY REGS_SIZE
    movq %rsp, %rdi
    CALL_C \function
    jmp pv_exit
.endm
/* The rest of a return: rcx = the kernel's frame, rax = RFLAGS of it, r11 = vCPU, the hypercall's frame at rsp. */
.macro TO_PROGRAM rax, r11, rcx, rip
    andl $FLAGS_KEEP, %eax
    orl $0x202, %eax
    movq %rax, 16(%rsp)
    TRY iret_spoilt, movq \rip(%rcx), %rax
    movq %rax, (%rsp)
    TRY iret_spoilt, movzwl \rip + 8(%rcx), %eax
    orl $3, %eax
    movq %rax, 8(%rsp)
    TRY iret_spoilt, movq \rip + 24(%rcx), %rax
    movq %rax, 24(%rsp)
    TRY iret_spoilt, movzwl \rip + 32(%rcx), %eax
    orl $3, %eax
    movq %rax, 32(%rsp)
    TRY iret_spoilt, pushq \rax(%rcx)
    TRY iret_spoilt, pushq \r11(%rcx)
    TRY iret_spoilt, movq \rcx(%rcx), %rcx
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
    TRY iret_fault, iretq
.endm
.macro FRAME_AT_TOP /* rsp: where the guest's frame lies, whatever was pushed below */
    movq %rsp, %rax
    orq $(STACK_SIZE - 1), %rax
    leaq 1 - CI_SIZE - R_SIZE(%rax), %rsp
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
    TRY syscall_bad_stack, movq %rax, (%rcx)
    TRY syscall_bad_stack, movq %rax, 16(%rcx)
    movq 16(%rsp), %rax
    TRY syscall_bad_stack, movq %rax, 8(%rcx)
    TRY syscall_bad_stack, movq %rax, 32(%rcx)
    TRY syscall_bad_stack, movq $SEL_USER_CS, 24(%rcx)
    movq 24(%rsp), %rax
    TRY syscall_bad_stack, movq %rax, 40(%rcx)
    TRY syscall_bad_stack, movq $SEL_USER_DS, 48(%rcx)
    movq 40 + CI_SCRATCH(%rsp), %rax
    movq %rcx, %rsp
    movq V_SYSCALL_RIP(%r11), %rcx
    movl $0x202, %r11d
    sysretq

    .balign 16
from_kernel:
    cmpq $SYSCALL_IRET, %rax
    je fast_iret
    cmpq $SYSCALL_RETURN, %rax
    je fast_return
    cmpq $SYSCALL_MMU_UPDATE, %rax
    jne hypercall

    /* One page-table entry, the hypercall behind each page fault: C keeps rbx, rbp, r12-r15; we keep what else the ABI
     * promises. Interrupts stay off, so what would be due on the way out comes as an interrupt right after. */
    PUSH_REGS rdi, rsi, rdx, r10, r8, r9
    SPEC_ENTRY 88
    movq %r10, %rcx
    CALL_C pv_mmu_update_quick
    POP_REGS r9, r8, r10, rdx, rsi, rdi
    testq %rax, %rax
    jnz 1f
    movq (%rsp), %rcx
    movq %rcx, %r11
    sarq $47, %r11
    incl %r11d
    cmpl $1, %r11d
    ja 1f /* not canonical: the long way does nothing twice, the entry is the same by now */
    SPEC_EXIT 40
    movq 16(%rsp), %r11
    movq 24(%rsp), %rsp
    sysretq
1:  movl $SYSCALL_MMU_UPDATE, %eax
    movq (%rsp), %rcx
hypercall:
    movq 16(%rsp), %r11 /* no pointer of ours in a guest's frame */
    SAVE_FRAME REGS_SYSCALL_VECTOR
    SPEC_ENTRY REGS_SIZE
    sti
    movq %rsp, %rdi
    CALL_C *pv_call_door(%rip)
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
    RESTORE_REGS
    SPEC_EXIT 48
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
    TRY iret_fault, iretq

exit_work:
    sti
    CALL_C work_run
    jmp pv_exit
exit_look:
    sti
    movq %rsp, %rdi
    CALL_C pv_exit_look
    jmp pv_exit
exit_upcall: /* one each time: another vCPU may take the mask back at once, and we would never come out */
    movq %rsp, %rdi
    CALL_C pv_exit_upcall
    cmpl $0, R_SIZE + CI_WORK(%rsp)
    jne exit_work
    jmp exit_now

/* Hypercall 23 from the guest kernel: rsp has 40 bytes of frame, r11 = vCPU, rcx and r11 are free. */
    .balign 16
fast_iret:
    movq 24(%rsp), %rcx
    movabsq $HV_END, %rax
    cmpq %rax, %rcx
    jb iret_slow /* a stack in the lower half is odd, one in Wirt's range hostile */
    TRY iret_slow, testb $3, 40(%rcx)
    jz iret_slow /* to the kernel itself */
    TRY iret_slow, testb $1, 25(%rcx) /* VGCF_in_syscall */
    jnz iret_slow
    TRY iret_slow, movq 48(%rcx), %rax
    testl $0x200, %eax
    jz iret_slow /* events stay masked: the long way */
    cmpq $0, V_USER_CR3(%r11)
    je iret_slow
    cmpw $0, V_MUST_LOOK(%r11) /* and nmi_masked behind it */
    jne iret_slow
    TO_PROGRAM rax=0, r11=8, rcx=16, rip=32

/* Hypercall 56, Wirt's own: to a program, events unmasked; the frame is where its entry left it. */
    .balign 16
fast_return:
    movq V_SYSCALL_SP(%r11), %rcx
    cmpq $0, V_USER_CR3(%r11)
    je return_slow
    cmpw $0, V_MUST_LOOK(%r11)
    jne return_slow
    TRY iret_spoilt, movq FRAME_RIP + 16(%rcx), %rax
    TO_PROGRAM rax=FRAME_RAX, r11=FRAME_R11, rcx=FRAME_RCX, rip=FRAME_RIP

/* An upcall waits: finish the frame as if the program had been interrupted at once. */
iret_pending:
    movb $0, V_IN_KERNEL(%r11)
    movq V_USER_CR3(%r11), %rax
    movq %rax, %cr3
    swapgs
    popq %r11
    popq %rax
    pushq $0
    SAVE_REGS
    SPEC_ENTRY REGS_SIZE
    jmp pv_exit

iret_slow: /* the frame on our stack is still the hypercall's, if none of it was replaced */
    movl $SYSCALL_IRET, %eax
    movq 16(%rsp), %r11
    SAVE_FRAME REGS_SYSCALL_VECTOR
    HANDLE pv_iret

return_slow:
    movl $SYSCALL_RETURN, %eax
    movq 16(%rsp), %r11
    SAVE_FRAME REGS_SYSCALL_VECTOR
    HANDLE pv_iret_return

iret_spoilt: /* the guest's stack went away half-way through the frame */
    movq %r11, %rdi
    FRAME_AT_TOP
    SPEC_ENTRY REGS_SIZE
    CALL_C pv_iret_spoilt /* crashes the domain; comes back only to be descheduled */
    jmp pv_exit

/* IRET to the guest faulted (bad cs, ss or rip in its frame): rsp at the five words, guest registers live. Make
 * it the guest's own #GP, as if the first instruction there had faulted. */
iret_fault:
    SAVE_FRAME 13
    jmp pv_trap_entry

syscall_bad_stack:
    movq 40 + CI_SCRATCH(%rsp), %rax
    movq (%rsp), %rcx
    movq 16(%rsp), %r11
    SAVE_FRAME REGS_SYSCALL_VECTOR
    HANDLE pv_bad_stack

syscall_slow:
    movq 40 + CI_SCRATCH(%rsp), %rax
    movq (%rsp), %rcx
    movq 16(%rsp), %r11
    SAVE_FRAME REGS_SYSCALL_VECTOR
    HANDLE pv_syscall_slow

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
    SAVE_FRAME 6
    jmp pv_trap_entry

/* trap_hooks.guest_page_fault: #PF from ring 3; rsp at error code and vector, below the processor's five words. One of a
 * program goes to the kernel's handler from here; the rest takes the long way. */
    .globl pv_page_fault_entry
    .balign 16
pv_page_fault_entry:
    PUSH_REGS rax, rcx, rdx
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
    TRY page_fault_bad_stack, movq %rdx, -8(%rax)
    TRY page_fault_bad_stack, movq %r11, (%rax)
    movl 24(%rsp), %edx
    TRY page_fault_bad_stack, movq %rdx, 8(%rax)
    movq 32(%rsp), %rdx
    TRY page_fault_bad_stack, movq %rdx, 16(%rax)
    movq 40(%rsp), %rdx
    TRY page_fault_bad_stack, movq %rdx, 24(%rax)
    movq 48(%rsp), %rdx
    TRY page_fault_bad_stack, movq %rdx, 32(%rax)
    movq 56(%rsp), %rdx
    TRY page_fault_bad_stack, movq %rdx, 40(%rax)
    movq 64(%rsp), %rdx
    TRY page_fault_bad_stack, movq %rdx, 48(%rax)
    leaq -8(%rax), %r11
    movq V_PF_RIP(%rcx), %rcx
    popq %rdx
    addq $8, %rsp
    popq %rax
    movq %r11, %rsp
    movl $0x202, %r11d
    sysretq
page_fault_long:
    POP_REGS rdx, rcx, rax
    SAVE_REGS
    cld
    jmp pv_trap_entry
page_fault_bad_stack:
    POP_REGS rdx, rcx, rax
    SAVE_REGS
    cld
    HANDLE pv_bad_stack

/* trap_hooks.guest_entry: an exception, the full frame at rsp. */
    .globl pv_trap_entry
pv_trap_entry:
    HANDLE pv_trap

/* noreturn, from pv/vcpu.c: the frame is in place at the top of this CPU's stack. */
    .globl pv_enter_guest
pv_enter_guest:
    FRAME_AT_TOP
    jmp pv_exit

    .section .note.GNU-stack, "", @progbits
