/* SPDX-License-Identifier: MIT */
/*
 * The first instructions of an AP, copied to a frame below 1 MiB. From real mode
 * straight into 64-bit mode (paging and protection switched on by one write of CR0),
 * then onto the stack from the mailbox and into ap_main. No stack before that; an AP
 * that finds the mailbox empty came too late and sleeps. Layout: struct ap_mailbox.
 */
#define MSR_EFER 0xc0000080

        .section .init.data, "aw"
        .balign 16
        .globl ap_start, ap_start_64, ap_start_gdt, ap_start_box, ap_start_end
ap_start:
        .code16
        cli
        cld
        movw    %cs, %ax
        movw    %ax, %ds
        lgdtl   (box_gdt - ap_start)
        movl    $0xa0, %eax             /* CR4: PAE, PGE */
        movl    %eax, %cr4
        movl    (box_cr3 - ap_start), %eax
        movl    %eax, %cr3
        movl    $MSR_EFER, %ecx
        xorl    %edx, %edx
        movl    $0x900, %eax            /* LME, NXE */
        wrmsr
        movl    $0x80010033, %eax       /* PG WP NE ET MP PE; caches on */
        movl    %eax, %cr0
        ljmpl   *(box_jump - ap_start)

        .code64
ap_start_64:
        movl    $0x10, %eax
        movl    %eax, %ds
        movl    %eax, %es
        movl    %eax, %ss
        xorl    %eax, %eax
        movl    %eax, %fs
        movl    %eax, %gs
        xchgq   %rax, ap_start_box(%rip)
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
ap_start_gdt:
        .quad   0
        .quad   0x00af9b000000ffff      /* 0x08: 64-bit code */
        .quad   0x00cf93000000ffff      /* 0x10: data */
ap_start_gdt_last:
        .balign 8
ap_start_box:
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
        .word   ap_start_gdt_last - ap_start_gdt - 1
        .long   0
ap_start_end:
        .section .note.GNU-stack, "", @progbits
