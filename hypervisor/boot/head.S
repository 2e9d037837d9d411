/* SPDX-License-Identifier: MIT */
/*
 * From the boot loader to C. GRUB (multiboot 2, or 1) and QEMU (-kernel, multiboot 1) arrive in 32-bit
 * protected mode without paging; %esi holds the distance between where we were linked (physical) and where we
 * are. Checks the CPU for long mode, builds throw-away tables (identity and direct map of 4 GiB, the image),
 * and calls boot_main(magic, info) at the link address. A CPU that cannot go on gets one line on COM1 and the
 * screen and a halt. All of it but the header is freed before dom0 starts.
 */
#include "hw/layout.h"

#define PHYS(sym) ((sym) - IMAGE_START)
#define MB1_FLAGS 0x00010003 /* page-aligned modules, memory map, addresses in the header */

    .section .header, "a", @progbits
    .balign 8
mb1_header:
    .long 0x1badb002, MB1_FLAGS, -(0x1badb002 + MB1_FLAGS)
    .long PHYS(mb1_header), PHYS(image_start), PHYS(image_file_end), PHYS(image_end), PHYS(start)

    .balign 8
mb2_header:
    .long 0xe85250d6, 0, mb2_header_end - mb2_header
    .long -(0xe85250d6 + (mb2_header_end - mb2_header))
    .balign 8
    .short 6, 0 /* modules on page boundaries */
    .long 8
    .balign 8
    .short 10, 1 /* relocatable, but we need not be */
    .long 24
    .long 0x200000, 0xbfffffff, 0x200000, 1 /* lowest, highest, alignment, prefer low */
    .balign 8
    .short 5, 1 /* a framebuffer is welcome, not needed; 0 = any size */
    .long 20
    .long 0, 0, 0
    .balign 8
    .short 4, 1 /* text consoles are fine too */
    .long 12
    .long 2
    .balign 8
    .short 0, 0
    .long 8
mb2_header_end:

    .section .init.text, "ax", @progbits
    .code32
    .globl start
start:
    cli
    cld
    /* Where are we? There is no stack, but the loader's information is writable memory. */
    movl (%ebx), %edx
    leal 4(%ebx), %esp
    call 1f
1:  popl %esi
    movl %edx, (%ebx)
    subl $PHYS(1b), %esi
    leal PHYS(early_stack_end)(%esi), %esp
    movl %eax, %ebp

    movl $0x80000000, %eax
    pushl %ebx
    call has_cpuid
    leal PHYS(text_no_cpuid)(%esi), %edi
    jz early_halt
    cpuid
    cmpl $0x80000001, %eax
    leal PHYS(text_no_long)(%esi), %edi
    jb early_halt
    movl $0x80000001, %eax
    cpuid
    btl $29, %edx
    jnc early_halt
    leal PHYS(text_no_nx)(%esi), %edi /* SYSCALL is not looked for yet: Intel shows it to 64-bit code only */
    btl $20, %edx
    jnc early_halt
    popl %ebx

    /* L4: identity at 0, the image, the direct map. */
    leal PHYS(early_l3_direct) + 7(%esi), %eax
    movl %eax, PHYS(early_l4)(%esi)
    movl %eax, PHYS(early_l4) + 260 * 8(%esi)
    leal PHYS(early_l3_image) + 7(%esi), %eax
    movl %eax, PHYS(early_l4) + 259 * 8(%esi)
    leal PHYS(early_l2_image) + 7(%esi), %eax
    movl %eax, PHYS(early_l3_image)(%esi)
    leal PHYS(early_l2_direct) + 7(%esi), %eax
    xorl %ecx, %ecx
1:  movl %eax, PHYS(early_l3_direct)(%esi, %ecx, 8)
    addl $4096, %eax
    incl %ecx
    cmpl $4, %ecx
    jb 1b
    movl $0x83, %eax
    xorl %ecx, %ecx
1:  movl %eax, PHYS(early_l2_direct)(%esi, %ecx, 8)
    addl $0x200000, %eax
    incl %ecx
    cmpl $2048, %ecx
    jb 1b
    leal 0x200083(%esi), %eax
    movl $1, %ecx
1:  movl %eax, PHYS(early_l2_image)(%esi, %ecx, 8)
    addl $0x200000, %eax
    incl %ecx
    cmpl $17, %ecx
    jb 1b

    movl %cr4, %eax
    orl $0x620, %eax /* PAE, OSFXSR, OSXMMEXCPT */
    movl %eax, %cr4
    leal PHYS(early_l4)(%esi), %eax
    movl %eax, %cr3
    movl $0xc0000080, %ecx
    rdmsr
    orl $0x901, %eax /* SCE, LME, NXE */
    wrmsr
    movl %cr0, %eax
    andl $~0xc, %eax /* EM, TS */
    orl $0x80010022, %eax /* PG, WP, NE, MP */
    movl %eax, %cr0

    leal PHYS(early_gdt)(%esi), %eax
    movl %eax, PHYS(early_gdtr) + 2(%esi)
    lgdt PHYS(early_gdtr)(%esi)
    leal PHYS(start64)(%esi), %eax
    pushl $8
    pushl %eax
    lret

/* ZF set if the CPU has no CPUID: then EFLAGS.ID cannot be changed. Keeps eax, ebx. */
has_cpuid:
    pushfl
    popl %ecx
    movl %ecx, %edx
    xorl $0x200000, %ecx
    pushl %ecx
    popfl
    pushfl
    popl %ecx
    xorl %edx, %ecx
    testl $0x200000, %ecx
    ret

/* edi: text. COM1 at 115200 and VGA text, then the end. */
early_halt:
    movw $0x3fb, %dx
    movb $0x80, %al
    outb %al, %dx
    movw $0x3f8, %dx
    movb $1, %al
    outb %al, %dx
    incw %dx
    movb $0, %al
    outb %al, %dx
    movw $0x3fb, %dx
    movb $3, %al
    outb %al, %dx
    movl $0xb8000, %ebx
1:  movb (%edi), %cl
    testb %cl, %cl
    jz 3f
    movb %cl, (%ebx)
    movb $0x4f, 1(%ebx)
    movw $0x3fd, %dx
    movl $100000, %ebp
2:  inb %dx, %al
    testb $0x20, %al
    jnz 4f
    decl %ebp
    jnz 2b
4:  movw $0x3f8, %dx
    movb %cl, %al
    outb %al, %dx
    incl %edi
    addl $2, %ebx
    jmp 1b
3:  cli
    hlt
    jmp 3b

    .code64
start64:
    movabsq $1f, %rax
    jmp *%rax
1:  xorl %eax, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    movl %eax, %fs
    movl %eax, %gs
    movslq %esi, %rsi
    movq %rsi, pgtab_image_phys(%rip)
    /* Compiled libraries may look for a stack canary at %fs:0x28: let it be a zero of ours. */
    leaq early_fs(%rip), %rax
    movq %rax, %rdx
    shrq $32, %rdx
    movl $0xc0000100, %ecx
    wrmsr
    leaq boot_stack + STACK_SIZE - 64(%rip), %rsp
    movl %ebp, %edi
    movl %ebx, %esi
    xorl %ebp, %ebp
    call boot_main
    ud2

    .section .init.data, "aw", @progbits
    .balign 8
early_gdt:
    .quad 0
    .quad 0x00af9b000000ffff /* 64-bit code */
early_gdtr:
    .short 15
    .long 0
    .balign 16
early_fs:
    .fill 64, 1, 0
    .fill 64, 4, 0
early_stack_end:
text_no_cpuid:
    .asciz "\r\n(WIRT) Wirt: this CPU has no CPUID instruction: Wirt needs a 64-bit x86 CPU with NX and SYSCALL. Halted.\r\n"
text_no_long:
    .asciz "\r\n(WIRT) Wirt: this CPU has no long mode (64-bit): Wirt needs a 64-bit x86 CPU with NX and SYSCALL. Halted.\r\n"
text_no_nx:
    .asciz "\r\n(WIRT) Wirt: this CPU has no NX (no-execute pages), or firmware has it switched off: enable it there. Halted.\r\n"

    .section .init.bss, "aw", @progbits
    .balign 4096
early_l4:        .skip 4096
early_l3_direct: .skip 4096
early_l3_image:  .skip 4096
early_l2_image:  .skip 4096
early_l2_direct: .skip 4 * 4096

    .section .bss.boot_stack, "aw", @nobits
    .balign 4096 /* wirt.lds aligns it to STACK_SIZE: an alignment here would move the file offset of the header */
    .globl boot_stack
boot_stack:
    .skip STACK_SIZE

    .section .note.GNU-stack, "", @progbits
