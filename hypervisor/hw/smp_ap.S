/* SPDX-License-Identifier: MIT */
/*
 * The first instructions of an AP, copied to a frame below 1 MiB. From real mode
 * straight into 64-bit mode (paging and protection switched on by one write of CR0),
 * then onto the stack from the mailbox and into smp_ap_main. No stack before that; an AP
 * that finds the mailbox empty came too late and sleeps. Layout: struct smp_mailbox.
 */
#define MSR_EFER 0xc0000080

        .section .init.data, "aw"
        .balign 16
        .globl smp_trampoline, smp_trampoline_64, smp_trampoline_gdt, smp_trampoline_box, smp_trampoline_end
smp_trampoline:
        .code16
        cli
        cld
        movw    %cs, %ax
        movw    %ax, %ds
        lgdtl   (box_gdt - smp_trampoline)
        movl    $0xa0, %eax             /* CR4: PAE, PGE */
        movl    %eax, %cr4
        movl    (box_cr3 - smp_trampoline), %eax
        movl    %eax, %cr3
        movl    $MSR_EFER, %ecx
        xorl    %edx, %edx
        movl    $0x900, %eax            /* LME, NXE */
        wrmsr
        movl    $0x80010033, %eax       /* PG WP NE ET MP PE; caches on */
        movl    %eax, %cr0
        ljmpl   *(box_jump - smp_trampoline)

        .code64
smp_trampoline_64:
        movl    $0x10, %eax
        movl    %eax, %ds
        movl    %eax, %es
        movl    %eax, %ss
        xorl    %eax, %eax
        movl    %eax, %fs
        movl    %eax, %gs
        xchgq   %rax, smp_trampoline_box(%rip)
        testq   %rax, %rax
        jz      1f
        movq    %rax, %rsp
        movl    box_cpu(%rip), %edi
        xorl    %ebp, %ebp
        callq   *box_entry(%rip)
1:      cli
        hlt
        jmp     1b

        .balign 8
smp_trampoline_gdt:
        .quad   0
        .quad   0x00af9b000000ffff      /* 0x08: 64-bit code */
        .quad   0x00cf93000000ffff      /* 0x10: data */
smp_trampoline_gdt_end:
        .balign 8
smp_trampoline_box:
        .quad   0                       /* stack */
box_entry:
        .quad   0
box_cpu:
        .long   0
box_cr3:
        .long   0
box_jump:
        .long   0
        .word   0x08
box_gdt:
        .word   smp_trampoline_gdt_end - smp_trampoline_gdt - 1
        .long   0
smp_trampoline_end:
        .section .note.GNU-stack, "", @progbits
