/* SPDX-License-Identifier: MIT */
/*
 * The local APIC from inside: its timer and an interrupt between two HLTs, priorities by CR8, the page of an xAPIC,
 * INIT and SIPI to a vCPU that runs. Each of these is 64-bit code that we put at 0x1000; it ends in the list of
 * hypercalls (APIC_DONE) or, where something is not as it should be, in a triple fault.
 */
#define APIC_DONE 0x1800 /* where guest_code is put for these */
#define TABLES    FREE   /* the page with the guest's IDT and, from 0x800 on, its GDT */
#define REAL      10u    /* the page of the second vCPU's real mode */

#define APIC_CODE(name, text)                                                                                          \
    void name(void), name##_end(void);                                                                                 \
    __asm__(".pushsection .text\n" #name ":\n" text "mov $0x1800, %eax\njmp *%rax\n"                                   \
            "9: ud2\n" #name "_end:\n.popsection\n")
#define WRMSR(msr, value) "mov $" #msr ", %ecx\nmov $" #value ", %eax\nxor %edx, %edx\nwrmsr\n"
#define X2APIC            WRMSR(0x1b, 0xfee00d00)

/* Vector 0x40 adds one to 0x3800, 0x41 to 0x3808; handlers are at 0x1000 and 0x1040. */
APIC_CODE(apic_handlers, "incq 0x3800\n"
                         "jmp 1f\n"
                         ".org apic_handlers + 0x40\n"
                         "incq 0x3808\n"
                         "1: push %rax\n push %rcx\n push %rdx\n" WRMSR(0x80b, 0) "pop %rdx\n pop %rcx\n pop %rax\n"
                                                                                  "iretq\n");
/* Five ticks of a periodic timer, each awaited by HLT. */
APIC_CODE(apic_timer,
          X2APIC WRMSR(0x80f, 0x1ff) WRMSR(0x83e, 0xb) WRMSR(0x832, 0x20040) WRMSR(0x838, 1000000) "1: sti\n"
                                                                                                   "hlt\n"
                                                                                                   "cli\n"
                                                                                                   "cmpq $5, 0x3800\n"
                                                                                                   "jb 1b\n");
/* What CR8 holds back comes as soon as it lets it, and not before. */
APIC_CODE(apic_cr8,
          X2APIC WRMSR(0x80f, 0x1ff) "mov $4, %eax\n"
                                     "mov %rax, %cr8\n"
                                     "sti\n" WRMSR(0x83f, 0x41) "nop\n"
                                                                "cmpq $0, 0x3808\n"
                                                                "jne 9f\n"
                                                                "mov $0x808, %ecx\n"
                                                                "rdmsr\n"
                                                                "cmp $0x40, %eax\n"
                                                                "jne 9f\n"
                                                                "xor %eax, %eax\n"
                                                                "mov %rax, %cr8\n"
                                                                "mov $1000, %ecx\n"
                                                                "1: cmpq $1, 0x3808\n"
                                                                "loopne 1b\n"
                                                                "jne 9f\n" WRMSR(0x808, 0x50) "mov %cr8, %rax\n"
                                                                                              "cmp $5, %eax\n"
                                                                                              "jne 9f\n"
                                                                                              "cli\n");
/* The page, as it is there from the start and again after x2APIC: a timer and an IPI to itself, without interrupts; IRR
 * tells. */
APIC_CODE(apic_page,
          "mov $0x1b, %ecx\n"
          "rdmsr\n"
          "cmp $0xfee00900, %eax\n"
          "jne 9f\n"
          "mov $0xfee00000, %edi\n"
          "movl $0x1ff, 0xf0(%rdi)\n"
          "mov 0xf0(%rdi), %eax\n"
          "cmp $0x1ff, %eax\n"
          "jne 9f\n" X2APIC WRMSR(0x1b, 0xfee00100)
              WRMSR(0x1b, 0xfee00900) "mov $0xfee00000, %edi\n"
                                      "movl $0x1ff, 0xf0(%rdi)\n"
                                      "movl $0xb, 0x3e0(%rdi)\n"
                                      "movl $0x40, 0x320(%rdi)\n"
                                      "mov $1000000, %eax\n"
                                      "mov %eax, 0x380(%rdi)\n"
                                      "1: mov 0x390(%rdi), %r9d\n"
                                      "test %r9d, %r9d\n"
                                      "jnz 1b\n"
                                      "2: mov 0x220(%rdi), %eax\n" /* the count is over a moment before it is told */
                                      "test $1, %eax\n"
                                      "jz 2b\n"
                                      "movl $0x40041, 0x300(%rdi)\n"
                                      "movabs 0xfee00220, %eax\n"
                                      "cmp $3, %eax\n"
                                      "jne 9f\n");
APIC_CODE(apic_bytes, "mov $0xfee00000, %edi\n"
                      "movb $1, 0x80(%rdi)\n");
APIC_CODE(apic_gone, WRMSR(0x1b, 0xfee00100) "mov $0xfee00000, %edi\n"
                                             "mov 0x20(%rdi), %eax\n"
                                             "cmp $-1, %eax\n"
                                             "jne 9f\n"
                                             "movl $1, 0x80(%rdi)\n");
/* The second vCPU counts at 0x3810 in real mode, is stopped by INIT, and counts again from SIPI on. */
APIC_CODE(apic_init, X2APIC "sti\n" /* so that one CPU is enough for both in every emulator */
                            "mov $0x830, %ecx\n"
                            "mov $2, %edx\n"
                            "mov $2, %esi\n"
                            "1: mov $0x500, %eax\n"
                            "wrmsr\n"
                            "mov $0x60a, %eax\n"
                            "wrmsr\n"
                            "mov 0x3810, %rbx\n"
                            "2: pause\n"
                            "cmp %rbx, 0x3810\n" /* it moves */
                            "je 2b\n"
                            "mov $0x500, %eax\n"
                            "wrmsr\n"
                            "3: mov $100000, %ebp\n"
                            "mov 0x3810, %rbx\n"
                            "4: pause\n"
                            "dec %ebp\n"
                            "jnz 4b\n"
                            "cmp %rbx, 0x3810\n" /* until it stands */
                            "jne 3b\n"
                            "dec %esi\n"
                            "jnz 1b\n");
APIC_CODE(apic_init_self, X2APIC WRMSR(0x830, 0x500) "1: jmp 1b\n");

static const struct {
    const char *name;
    void (*code)(void), (*end)(void);
    u32 reason;
} apic_acts[] = {
    {"apic-timer", apic_timer, apic_timer_end, SHUTDOWN_poweroff},
    {"apic-cr8", apic_cr8, apic_cr8_end, SHUTDOWN_poweroff},
    {"apic-page", apic_page, apic_page_end, SHUTDOWN_poweroff},
    {"apic-bytes", apic_bytes, apic_bytes_end, SHUTDOWN_crash},
    {"apic-gone", apic_gone, apic_gone_end, SHUTDOWN_poweroff},
    {"apic-init", apic_init, apic_init_end, SHUTDOWN_poweroff},
    {"apic-init-self", apic_init_self, apic_init_self_end, SHUTDOWN_crash},
};

static void apic_tables(void)
{
    static const u64 gdt[3] = {0, 0x00af9b000000ffff, 0x00cf93000000ffff};

    EQ(show(win, AT(TABLES) | RW_PAGE, dom), 0);
    for (u32 vector = 0x40; vector <= 0x41; vector++)
        ((u64 *)win)[vector * 2] = (AT(11) + (vector & 1) * 0x40) | 8 << 16 | 0x8eull << 40;
    memcpy(win + 0x800, gdt, sizeof(gdt));
    EQ(show(win, AT(L3) | RW_PAGE, dom), 0);
    ((u64 *)win)[3] = AT(L2) | TABLE; /* the APIC's page where it is */
    EQ(show(win, AT(L2) | RW_PAGE, dom), 0);
    ((u64 *)win)[0xfee00000 >> 21 & 511] = 0xfee00000 | RW_PAGE | PTE_PSE;
    EQ(map(win, 0), 0);
}

/* QEMU's TCG, to whom programs' CPUID goes by itself. */
static bool is_tcg(void)
{
    u32 a = 0x40000000, b, c, d;
    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "=c"(c), "=d"(d));
    return b == 0x54474354;
}

static void apic(u32 i)
{
    static const u8 count[] = {0xfb, 0xff, 0x06, 0x10, 0x38, 0xeb, 0xfa}; /* sti; incw 0x3810; again */

    if (apic_acts[i].code == apic_cr8 && is_tcg()) /* it has a defect there: hvm/svm_exit.c */
        return;
    test(apic_acts[i].name);
    if (!create())
        return;
    furnish();
    apic_tables();
    list[0].nr = LIST_END;
    data[511] = SHUTDOWN_poweroff;
    write_code(REAL, count, sizeof(count));
    write_code(11, apic_handlers, (u64)apic_handlers_end - (u64)apic_handlers);
    EQ(show(win, AT(CODE) | RW_PAGE, dom), 0);
    code_put(win + APIC_DONE - AT(CODE));
    memcpy(win, apic_acts[i].code, (u64)apic_acts[i].end - (u64)apic_acts[i].code);
    EQ(map(win, 0), 0);
    run();
    EQ(reason(), apic_acts[i].reason);
    end();
}
