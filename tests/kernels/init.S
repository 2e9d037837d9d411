/* SPDX-License-Identifier: MIT */
/*
 * The smallest first program: says "WIRT-GUEST tiny up" on its console and switches the guest off. It is linked where
 * no other program is, so that who counts instructions knows its first one.
 */
    .globl _start
_start:
    movl $1, %eax /* write */
    movl $1, %edi
    leaq text(%rip), %rsi
    movl $text_end - text, %edx
    syscall
    movl $169, %eax /* reboot, by its two magic numbers: power off */
    movl $0xfee1dead, %edi
    movl $672274793, %esi
    movl $0x4321fedc, %edx
    xorl %r10d, %r10d
    syscall
1:  movl $34, %eax /* pause */
    syscall
    jmp 1b
text:
    .ascii "WIRT-GUEST tiny up\n"
text_end:
    .section .note.GNU-stack, "", @progbits
