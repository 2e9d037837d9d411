/* SPDX-License-Identifier: MIT */
/*
 * Memory that is none, from inside: whatever reads it finds ones, MOV to it changes nothing, all else that writes there
 * is the end of the guest, and so are tables and stacks there. In 64-bit, 32-bit and 16-bit code. Part of main.c.
 */
#define HOLE_GFN 0x100u /* the code below has its address */

#define HOLE_BLOCK(name, bits, text)                                                                                   \
    void name(void), name##_end(void);                                                                                 \
    __asm__(".pushsection .text\n.code" #bits "\n" #name ":\n" text #name "_end:\n.code64\n.popsection\n")
/* To the end without paging, as narrow_code has it. */
#define HOLE_DONE                                                                                                      \
    "mov $29, %eax\nmov $2, %ebx\nmov $0x3ff8, %ecx\nvmmcall\n"                                                        \
    "9: ud2\n"

APIC_CODE(hole_read, "mov $0x100000, %ebx\n"
                     "xor %eax, %eax\n"
                     "mov (%rbx), %al\n"
                     "cmp $0xff, %eax\n"
                     "jne 9f\n"
                     "mov 9(%rbx), %ax\n"
                     "cmp $0xffff, %eax\n"
                     "jne 9f\n"
                     "mov 0xffc(%rbx), %eax\n"
                     "cmp $-1, %eax\n"
                     "jne 9f\n"
                     "mov 0xffd(%rbx), %rcx\n" /* two holes */
                     "inc %rcx\n"
                     "jnz 9f\n"
                     "movswq (%rbx), %rcx\n"
                     "inc %rcx\n"
                     "jnz 9f\n"
                     "cmpb $-1, 0x4000(%rbx)\n"
                     "jne 9f\n"
                     "mov %rbx, %rsi\n"
                     "mov $0x3800, %edi\n"
                     "mov $16, %ecx\n"
                     "rep movsb\n"
                     "cmpq $-1, 0x3808\n"
                     "jne 9f\n"
                     "mov 0x3fffd, %rax\n" /* three bytes of memory before it */
                     "mov $0xffffffffff000000, %rcx\n"
                     "cmp %rcx, %rax\n"
                     "jne 9f\n");
APIC_CODE(hole_write, "mov $0x100000, %ebx\n"
                      "mov $0x10, %ecx\n"
                      "mov $0x1234, %eax\n"
                      "1: movb $1, (%rbx)\n"
                      "movw $0x1234, 2(%rbx)\n"
                      "movl $0x12345678, 0x100(%rbx)\n"
                      "movq $5, (%rbx,%rcx,8)\n"
                      "mov %al, (%rbx)\n"
                      "mov %ax, 0xffe(%rbx)\n"
                      "mov %eax, (%rbx)\n"
                      "mov %r9, 8(%rbx,%rcx,1)\n"
                      "movabs %al, 0x100000\n"
                      "movabs %ax, 0x100000\n"
                      "movabs %rax, 0x100008\n"
                      "mov %rax, 0x101000(%rip)\n"
                      "cmpl $-1, (%rbx)\n" /* from here on it is shown */
                      "jne 9f\n"
                      "cmpl $-1, 0x80(%rbx)\n"
                      "jne 9f\n"
                      "cmp $0x1234, %eax\n"
                      "jne 9f\n"
                      "dec %ecx\n"
                      "jnz 1b\n");
/* Read, then filled with a page that the guest gives back elsewhere: it is memory at once. */
APIC_CODE(hole_filled, "mov $0x100000, %ebp\n"
                       "cmpq $-1, (%rbp)\n"
                       "jne 9f\n"
                       "mov $12, %eax\n"
                       "mov $1, %edi\n"
                       "mov $0x3100, %esi\n"
                       "vmmcall\n"
                       "cmp $1, %rax\n"
                       "jne 9f\n"
                       "mov $12, %eax\n"
                       "mov $6, %edi\n"
                       "mov $0x3140, %esi\n"
                       "vmmcall\n"
                       "cmp $1, %rax\n"
                       "jne 9f\n"
                       "cmpq $0, (%rbp)\n"
                       "jne 9f\n"
                       "lock incl (%rbp)\n"
                       "cmpq $1, (%rbp)\n"
                       "jne 9f\n"
                       "cmpq $-1, 0x30000\n" /* and where that page was there is nothing */
                       "jne 9f\n");
APIC_CODE(hole_changed, "incl 0x100000\n");
APIC_CODE(hole_string, "mov $0x100000, %edi\nmov $4, %ecx\nrep stosb\n");
APIC_CODE(hole_idt, "movw $0x7ff, 0x3100\n"
                    "movq $0x100000, 0x3102\n"
                    "lidt 0x3100\n"
                    "int $0x40\n");
APIC_CODE(hole_stack, "mov $0x100800, %esp\nint $0x40\n");
APIC_CODE(hole_stack_event, X2APIC WRMSR(0x80f, 0x1ff) WRMSR(0x83f, 0x40) "mov $0x100800, %esp\nsti\nnop\n1: jmp 1b\n");
APIC_CODE(cpuid_loop, "mov $20000, %esi\n"
                      "1: mov %esi, %eax\n"
                      "xor %ecx, %ecx\n"
                      "cpuid\n"
                      "dec %esi\n"
                      "jnz 1b\n");
/* As GRUB looks for its firmware: the second read goes over the end of 4 GiB. Then the APIC's page. */
HOLE_BLOCK(hole_narrow, 32,
           "mov 0xfffffffc, %eax\n"
           "cmp $-1, %eax\n"
           "jne 9f\n"
           "cmpl $0x4342524f, (%eax)\n"
           "je 9f\n"
           "mov $0x100000, %ebx\n"
           "mov $4, %ecx\n"
           "movb $1, (%ebx)\n"
           "movw $2, 4(%ebx,%ecx,2)\n"
           "movl $3, 0x100000\n"
           "mov %eax, 0x100000\n"
           "mov %cx, 0x1000(%ebx)\n"
           "mov %cl, 0x100000(,%ecx,8)\n"
           "cmpl $-1, (%ebx)\n"
           "jne 9f\n"
           "movl $0x1ff, 0xfee000f0\n"
           "mov 0xfee000f0, %eax\n"
           "cmp $0x1ff, %eax\n"
           "jne 9f\n" HOLE_DONE);
/* Its data segment begins in the hole. */
HOLE_BLOCK(hole_short, 16,
           "movb $1, (%bx,%si)\n"
           "movw $2, 0x80(%di)\n"
           "movl $3, 0x1234(%si)\n"
           "mov %ax, 0x10\n"
           "mov %ecx, (%bx)\n"
           "mov 0x1002, %ax\n"
           "cmp $-1, %ax\n"
           "jne 9f\n"
           "mov %dl, 0x1002\n"
           "cmpw $-1, 0x1002\n"
           "jne 9f\n" HOLE_DONE);
/* Apart so far that each asks for a table. */
HOLE_BLOCK(hole_many, 32,
           "mov $0x200000, %ebx\n"
           "1: mov (%ebx), %eax\n"
           "add $0x200000, %ebx\n"
           "jnz 1b\n" HOLE_DONE);

static const struct {
    const char *name;
    void (*code)(void), (*end)(void);
    u32 reason, access; /* of its code segment: 64-bit code has the tables of apic.h, others no paging */
} holes[] = {
    {"hole-read", hole_read, hole_read_end, SHUTDOWN_poweroff, 0xa9b},
    {"hole-write", hole_write, hole_write_end, SHUTDOWN_poweroff, 0xa9b},
    {"hole-filled", hole_filled, hole_filled_end, SHUTDOWN_poweroff, 0xa9b},
    {"hole-changed", hole_changed, hole_changed_end, SHUTDOWN_crash, 0xa9b},
    {"hole-string", hole_string, hole_string_end, SHUTDOWN_crash, 0xa9b},
    {"hole-idt", hole_idt, hole_idt_end, SHUTDOWN_crash, 0xa9b},
    {"hole-stack", hole_stack, hole_stack_end, SHUTDOWN_crash, 0xa9b},
    {"hole-stack-event", hole_stack_event, hole_stack_event_end, SHUTDOWN_crash, 0xa9b},
    {"cpuid-loop", cpuid_loop, cpuid_loop_end, SHUTDOWN_poweroff, 0xa9b},
    {"hole-narrow", hole_narrow, hole_narrow_end, SHUTDOWN_poweroff, 0xc9b},
    {"hole-short", hole_short, hole_short_end, SHUTDOWN_poweroff, 0x09b},
    {"hole-many", hole_many, hole_many_end, SHUTDOWN_crash, 0xc9b},
};

static void hole(u32 i)
{
    struct xen_memory_reservation *r = (void *)((u8 *)data + 0x100);
    struct xen_domctl op = {0};

    test(holes[i].name);
    if (!create())
        return;
    furnish();
    apic_tables();
    list[0].nr = LIST_END;
    data[0x200 / 8] = 0x30;
    data[0x208 / 8] = HOLE_GFN;
    r[0] = (struct xen_memory_reservation){.extent_start = AT(DATA) + 0x200, .nr_extents = 1, .domid = DOMID_SELF};
    r = (void *)((u8 *)data + 0x140);
    r[0] = (struct xen_memory_reservation){.extent_start = AT(DATA) + 0x208, .nr_extents = 1, .domid = DOMID_SELF};
    data[511] = SHUTDOWN_poweroff;
    write_code(11, apic_handlers, (u64)apic_handlers_end - (u64)apic_handlers);
    EQ(show(win, AT(CODE) | RW_PAGE, dom), 0);
    code_put(win + APIC_DONE - AT(CODE));
    code_copy(win, (const void *)holes[i].code, (u64)holes[i].end - (u64)holes[i].code);
    EQ(map(win, 0), 0);
    context_of(AT(CODE));
    context.cpu.cs_arbytes = holes[i].access;
    if (holes[i].access != 0xa9b) {
        context.cpu.cr0 = 0x11;
        context.cpu.cr3 = context.cpu.cr4 = context.cpu.msr_efer = 0;
    }
    if (holes[i].access == 0x09b)
        context.cpu.ds_base = HOLE_GFN * PAGE, context.cpu.cs_limit = 0xffff;
    EQ(set_context(), 0);
    EQ(domctl(XEN_DOMCTL_unpausedomain, dom, &op), 0);
    wait_for_end();
    EQ(reason(), holes[i].reason);
    end();
}
