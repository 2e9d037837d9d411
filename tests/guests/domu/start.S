/* SPDX-License-Identifier: MIT */
/*
 * The micro-guest's notes and entry: a stack, the start_info page as argument, no way back.
 */
.macro NOTE type, directive, value:vararg
    .pushsection .note.xen, "a", @note
    .balign 4
    .long 4, 2f - 1f, \type
    .asciz "Xen"
1:  \directive \value
2:  .balign 4
    .popsection
.endm
    NOTE 6, .asciz, "wirt-micro"
    NOTE 7, .asciz, "1"
    NOTE 8, .asciz, "generic"
    NOTE 5, .asciz, "xen-3.0"
    NOTE 1, .quad, start
    NOTE 3, .quad, guest_base
    NOTE 4, .quad, 0

    .text
    .globl start
start:
    leaq stack_top(%rip), %rsp
    xorl %ebp, %ebp
    movq %rsi, %rdi
    call micro_main
    ud2

    .bss
    .balign 16
    .skip 4096
stack_top:
    .section .note.GNU-stack, "", @progbits
