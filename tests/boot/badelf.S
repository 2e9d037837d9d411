/* SPDX-License-Identifier: MIT */
/*
 * Theory: small ELF kernels that a boot must refuse. NOTES picks what the notes say: 0 none at all, 1 a
 * right set, 2 a note that runs past its segment, 3 an entry outside the image. Where the segment
 * lies is the linker script's business (badinput.sh). Nothing here ever runs.
 */
    .text
    .globl _start
_start:
    hlt
    jmp _start
    .balign 4096

    .macro note type, text
    .balign 4
    .long 4, 9f - 8f, \type
    .asciz "Xen"
8:  .asciz "\text"
9:
    .endm
    .macro number type, value
    .balign 4
    .long 4, 8, \type
    .asciz "Xen"
    .quad \value
    .endm

#if NOTES != 0
    .section .note.Xen, "a", @note
    note 6, "linux"
    note 5, "xen-3.0"
    note 8, "generic"
    note 9, "yes"
    number 3, 0xffffffff80000000
    number 4, 0
#if NOTES == 3
    number 1, 0xffffffff00000000
#else
    number 1, _start
#endif
#if NOTES == 2
    .balign 4
    .long 4, 0x7ffffff0, 10
    .asciz "Xen"
#endif
#endif
