/* SPDX-License-Identifier: MIT */
/*
 * What a micro-guest needs in assembler: the ELF notes (each can be left out by a macro, see Makefile), the entry, which
 * keeps every register as it came, the stubs of all 256 vectors and callbacks, the way into user mode and back.
 * Frames of Wirt start with RCX and R11; the stubs make `struct frame` of them and return by hypercall iret.
 */
#include "guest_asm.h"

.macro NOTE_HEAD type
    .pushsection .note.xen, "a", @note
    .balign 4
    .long 4, 2f - 1f, \type
    .asciz "Xen"
1:
.endm
.macro NOTE_TAIL
2:  .balign 4
    .popsection
.endm
.macro NOTE_TEXT type, text
    NOTE_HEAD \type
    .asciz "\text"
    NOTE_TAIL
.endm
.macro NOTE_NUMBER type, value
    NOTE_HEAD \type
    .quad \value
    NOTE_TAIL
.endm

#ifdef OLD_SECTION
    .section __xen_guest, "", @progbits
    .asciz OLD_SECTION
#else
    NOTE_TEXT 6, "wirt-test"
    NOTE_TEXT 7, "1"
    NOTE_TEXT 8, "generic"
    NOTE_TEXT 5, "xen-3.0"
#ifndef NO_ENTRY_NOTE
    NOTE_NUMBER 1, start
#endif
#ifndef NO_VIRT_BASE
    NOTE_NUMBER 3, guest_base
    NOTE_NUMBER 4, 0
#endif
#ifdef PAGE_NOTE
    NOTE_NUMBER 2, hypercall_page
#endif
    NOTE_NUMBER 15, 0x8000000000
    NOTE_NUMBER 16, 1
#endif

    .text
    .globl start
start:
    movq %rax, entry_regs(%rip)
    movq %rbx, entry_regs + 8(%rip)
    movq %rcx, entry_regs + 16(%rip)
    movq %rdx, entry_regs + 24(%rip)
    movq %rsi, entry_regs + 32(%rip)
    movq %rdi, entry_regs + 40(%rip)
    movq %rbp, entry_regs + 48(%rip)
    movq %rsp, entry_regs + 56(%rip)
    movq %r8, entry_regs + 64(%rip)
    movq %r9, entry_regs + 72(%rip)
    movq %r10, entry_regs + 80(%rip)
    movq %r11, entry_regs + 88(%rip)
    movq %r12, entry_regs + 96(%rip)
    movq %r13, entry_regs + 104(%rip)
    movq %r14, entry_regs + 112(%rip)
    movq %r15, entry_regs + 120(%rip)
    leaq stack_top(%rip), %rsp
    pushfq
    popq entry_regs + 128(%rip)
    movw %cs, entry_regs + 136(%rip)
    movw %ss, entry_regs + 144(%rip)
    movw %ds, entry_regs + 152(%rip)
    movw %es, entry_regs + 160(%rip)
    movw %fs, entry_regs + 168(%rip)
    movw %gs, entry_regs + 176(%rip)
    movq %rsi, si(%rip)
    xorl %ebp, %ebp
    call main
    call finish

/* One stub of 32 bytes for each vector; the event and syscall callbacks look the same. */
    .globl trap_stubs
    .balign 32
trap_stubs:
    vec = 0
    .rept 256
    .balign 32
    popq %rcx
    popq %r11
    .if (vec != 8) && (vec != 17) && ((vec < 10) || (vec > 14))
    pushq $0
    .endif
    pushq $vec
    jmp trap_common
    vec = vec + 1
    .endr

.macro CALLBACK name, number
    .globl \name
\name:
    popq %rcx
    popq %r11
    pushq $0
    pushq $\number
    jmp trap_common
.endm
    CALLBACK event_entry, VECTOR_EVENT
    CALLBACK syscall_entry, VECTOR_SYSCALL
    CALLBACK nmi_entry, VECTOR_NMI_CALLBACK

/* Failsafe: RCX R11 DS ES FS GS, then as usual. */
    .globl failsafe_entry
failsafe_entry:
    popq %rcx
    popq %r11
    popq failsafe_selectors(%rip)
    popq failsafe_selectors + 8(%rip)
    popq failsafe_selectors + 16(%rip)
    popq failsafe_selectors + 24(%rip)
    pushq $0
    pushq $VECTOR_FAILSAFE

trap_common:
    pushq %rax
    pushq %rbx
    pushq %rcx
    pushq %rdx
    pushq %rsi
    pushq %rdi
    pushq %rbp
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %r11
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    cld
    movq %rsp, %rdi
    movq %rsp, %rbx
    andq $-16, %rsp
    call guest_trap
    movq %rbx, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %r11
    popq %r10
    popq %r9
    popq %r8
    popq %rbp
    popq %rdi
    popq %rsi
    popq %rdx
    popq %rcx
    popq %rbx
    popq %rax
    addq $16, %rsp
    pushq $0
    pushq %rcx
    pushq %r11
    pushq %rax
    movl $23, %eax
    syscall
    ud2

/* u64 user_enter(rip, rsp, rflags, cs, ss, argument): comes back through user_leave with its value. */
    .globl user_enter
user_enter:
    pushq %rbx
    pushq %rbp
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, user_saved(%rip)
    cmpq $0, user_return_top(%rip)
    je 1f
    movq user_return_top(%rip), %rsp
1:  pushq %r8
    pushq %rsi
    pushq %rdx
    pushq %rcx
    pushq %rdi
    movq %r9, %rdi
    cmpq $0, user_return_top(%rip)
    jne 2f
    pushq $0
    pushq $0x77 /* rcx */
    pushq $0x99 /* r11 */
    pushq $0x55 /* rax */
    movl $23, %eax
    syscall
    ud2
2:  subq $32, %rsp
    pushq $0x77 /* rcx */
    pushq $0x55 /* rax */
    subq $24, %rsp
    pushq $0x99 /* r11 */
    xorl %esp, %esp
    movl $56, %eax
    syscall
    ud2
    .globl user_leave
user_leave:
    movq %rdi, %rax
    movq user_saved(%rip), %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbp
    popq %rbx
    ret

/* Where user functions return to: the call number is of no interest, rdi is the result. */
    .globl user_exit
user_exit:
    movq %rax, %rdi
    syscall
    ud2

    .data
    .globl entry_regs, si, failsafe_selectors
    .balign 8
entry_regs: .fill 24, 8, 0xee
si: .quad 0
user_saved: .quad 0
    .globl user_return_top
user_return_top: .quad 0
failsafe_selectors: .fill 4, 8, 0
    .bss
    .balign 4096
    .globl stack_low, stack_top
stack_low:
    .skip 32768
stack_top:
#if defined(PAGE_NOTE) || defined(OLD_SECTION) || defined(PAGE_MSR)
    .section .hypercall_page, "ax", @progbits
    .globl hypercall_page
    .balign 4096
hypercall_page:
    .skip 4096, 0x90
#endif
    .section .note.GNU-stack, "", @progbits
