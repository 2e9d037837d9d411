/* SPDX-License-Identifier: MIT */
/*
 * Entry of the meter: a PVH note, identity tables of 2 MiB pages for the first 4 GiB, long mode, and the handlers of
 * four vectors. A fault (#GP) is answered by going on behind the instruction that main() named.
 */
    .pushsection .note.xen, "a", @note
    .balign 4
    .long 4, 8, 18 /* PHYS32_ENTRY */
    .asciz "Xen"
    .quad start
    .popsection

    .text
    .code32
    .globl start
start:
    movl $stack_top, %esp
    movl %ebx, %esi
    movl $tables + 0x1003, tables
    movl $0, %ecx
1:  leal tables + 0x2003, %eax /* four tables of the second level */
    movl %ecx, %edx
    shll $12, %edx
    addl %edx, %eax
    movl %eax, tables + 0x1000(, %ecx, 8)
    incl %ecx
    cmpl $4, %ecx
    jne 1b
    xorl %ecx, %ecx
2:  movl %ecx, %eax
    shll $21, %eax
    orl $0x83, %eax
    movl %eax, tables + 0x2000(, %ecx, 8)
    incl %ecx
    cmpl $2048, %ecx
    jne 2b
    movl %cr4, %eax
    orl $0x20, %eax
    movl %eax, %cr4
    movl $tables, %eax
    movl %eax, %cr3
    movl $0xc0000080, %ecx
    rdmsr
    orl $0x100, %eax
    wrmsr
    movl %cr0, %eax
    orl $0x80000001, %eax
    movl %eax, %cr0
    lgdt gdt_at
    ljmp $8, $long_mode

    .code64
long_mode:
    movl $16, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    movl $stack_top, %esp
    movl %esi, %edi
    call main
3:  cli
    hlt
    jmp 3b

/* #GP: rip becomes what main() stored; the error code goes. */
    .globl on_fault, on_event, on_vector
on_fault:
    addq $8, %rsp
    pushq %rax
    movq resume(%rip), %rax
    movq %rax, 8(%rsp)
    movl $1, has_faulted(%rip)
    popq %rax
    iretq
/* The upcall: when it came, and nothing is pending any more. */
on_event:
    pushq %rax
    pushq %rdx
    rdtsc
    movl %eax, event_tsc(%rip)
    movl %edx, event_tsc + 4(%rip)
    movb $0, shared(%rip) /* vcpu_info[0].evtchn_upcall_pending */
    popq %rdx
    popq %rax
    iretq
/* A vector of the APIC's own: end of interrupt by MSR. */
on_vector:
    pushq %rax
    pushq %rcx
    pushq %rdx
    incl vectors(%rip)
    movl $0x80b, %ecx
    xorl %eax, %eax
    xorl %edx, %edx
    wrmsr
    popq %rdx
    popq %rcx
    popq %rax
    iretq

    .data
    .balign 8
gdt:
    .quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff
gdt_at:
    .word 23
    .long gdt
    .globl resume, has_faulted, event_tsc, vectors
    .balign 8
resume: .quad 0
event_tsc: .quad 0
has_faulted: .long 0
vectors: .long 0

    .bss
    .globl shared
    .balign 4096
tables:
    .skip 6 * 4096
shared:
    .skip 4096
    .skip 8192
stack_top:
    .section .note.GNU-stack, "", @progbits
