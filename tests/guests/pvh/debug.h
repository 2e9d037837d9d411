/* SPDX-License-Identifier: MIT */
/*
 * Exceptions that make a guest leave so that they cannot recur in the processor for ever, and come back as if they had
 * not: single steps, also over an instruction that Wirt does, INT1, breakpoints, the guard of the debug registers. And
 * addresses that end where 32-bit code ends. Part of main.c.
 */
#define STEPS_BEGIN "pushfq\norq $0x100, (%rsp)\npopfq\n"
#define STEPS_END   "pushfq\nandq $~0x100, (%rsp)\npopfq\n" /* three steps */

/* Vector 1: counts at 0x3800 and collects DR6 at 0x3808. */
APIC_CODE(debug_handler, "push %rax\n"
                         "incq 0x3800\n"
                         "mov %dr6, %rax\n"
                         "or %rax, 0x3808\n"
                         "mov $0xffff0ff0, %eax\n"
                         "mov %rax, %dr6\n"
                         "pop %rax\n"
                         "iretq\n");
#define DEBUG_CAME(times, cause) "cmpq $" #times ", 0x3800\njne 9f\nbtq $" #cause ", 0x3808\njnc 9f\n"
APIC_CODE(debug_step, STEPS_BEGIN "nop\n" STEPS_END DEBUG_CAME(4, 14));
APIC_CODE(debug_step_exit, STEPS_BEGIN "mov $0, %eax\ncpuid\n" STEPS_END DEBUG_CAME(5, 14));
APIC_CODE(debug_int1, ".byte 0xf1\n"
                      "cmpq $1, 0x3800\n"
                      "jne 9f\n");
APIC_CODE(debug_watch, "mov $0x3810, %eax\n"
                       "mov %rax, %dr0\n"
                       "mov $0xd0401, %eax\n" /* four bytes, written */
                       "mov %rax, %dr7\n"
                       "movl $1, 0x3810\n" DEBUG_CAME(1, 0));
/* Its handler may touch them, as the guard is off there. */
APIC_CODE(debug_guard, "mov $0x2400, %eax\n"
                       "mov %rax, %dr7\n"
                       "mov %dr0, %rcx\n" DEBUG_CAME(1, 13));
APIC_CODE(debug_guard_off, "mov $0x2400, %eax\n"
                           "mov %rax, %dr7\n"
                           "mov %dr0, %rcx\n"
                           "cmpq $1, 0x3800\n"
                           "jne 9f\n");
/* The registers that it was given. */
APIC_CODE(debug_given, "mov %dr1, %rax\n"
                       "cmp $0x1234, %rax\n"
                       "jne 9f\n"
                       "mov %dr7, %rax\n"
                       "cmp $0x404, %rax\n"
                       "jne 9f\n"
                       "mov %dr6, %rax\n"
                       "mov $0xffff4ff0, %ecx\n"
                       "cmp %rcx, %rax\n"
                       "jne 9f\n");

/* By the processor's name. */
static bool is_qemu(void)
{
    u32 a = 0x80000002, b, c = 0, d;
    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    return a == 0x554d4551;
}

/* QEMU's SVM tells INT1 as no exit, and ends by the guard; Bochs's (a Ryzen) does not put DR6 into the block. */
enum { ON_INTEL = 1, ON_QEMU = 2, ON_RYZEN = 4 };
static const struct {
    const char *name;
    void (*code)(void), (*end)(void);
    u32 on;
} debugs[] = {
    {"debug-step", debug_step, debug_step_end, ON_INTEL | ON_QEMU},
    {"debug-step-exit", debug_step_exit, debug_step_exit_end, ON_INTEL | ON_QEMU},
    {"debug-int1", debug_int1, debug_int1_end, ON_INTEL | ON_RYZEN},
    {"debug-watch", debug_watch, debug_watch_end, ON_INTEL | ON_QEMU},
    {"debug-guard", debug_guard, debug_guard_end, ON_INTEL},
    {"debug-guard-off", debug_guard_off, debug_guard_off_end, ON_INTEL | ON_RYZEN},
    {"debug-given", debug_given, debug_given_end, ON_INTEL | ON_QEMU | ON_RYZEN},
};

static void start(u64 rip)
{
    struct xen_domctl op = {0};

    context.cpu.rip = rip;
    EQ(set_context(), 0);
    EQ(domctl(XEN_DOMCTL_unpausedomain, dom, &op), 0);
    wait_for_end();
    EQ(reason(), SHUTDOWN_poweroff);
    end();
}

static void debug_put(const void *code, const void *code_end, u64 stack)
{
    write_code(12, debug_handler, (u64)debug_handler_end - (u64)debug_handler);
    EQ(show(win, AT(TABLES) | RW_PAGE, dom), 0);
    ((u64 *)win)[2] = AT(12) | 8 << 16 | stack << 32 | 0x8eull << 40;
    EQ(show(win, AT(CODE) | RW_PAGE, dom), 0);
    code_put(win + APIC_DONE - AT(CODE));
    memcpy(win, code, (u64)code_end - (u64)code);
    EQ(map(win, 0), 0);
}

static void debug(u32 i)
{
    if (!(debugs[i].on & (is_intel() ? ON_INTEL : is_qemu() ? ON_QEMU : ON_RYZEN)))
        return;
    test(debugs[i].name);
    if (!create())
        return;
    furnish();
    apic_tables();
    list[0].nr = LIST_END;
    data[511] = SHUTDOWN_poweroff;
    debug_put(debugs[i].code, debugs[i].end, 0);
    context_of(0);
    if (debugs[i].code == debug_given)
        context.cpu.dr1 = 0x1234, context.cpu.dr6 = 0xffff4ff0, context.cpu.dr7 = 0x404;
    start(AT(CODE));
}

/* The frame of #DB is written where a breakpoint raises the next: no instruction comes between two of them. We go on,
 * and put an end to it. */
APIC_CODE(debug_recurs, "mov $0x3df8, %eax\n"
                        "mov %rax, %dr0\n"
                        "mov $0x90401, %eax\n" /* eight bytes, written */
                        "mov %rax, %dr7\n"
                        ".byte 0xf1\n");
static void recurs(void)
{
    struct xen_domctl op = {0};

    test("debug-recurs");
    if (!create())
        return;
    furnish();
    apic_tables();
    debug_put(debug_recurs, debug_recurs_end, 1);
    EQ(show(win, AT(0) | RW_PAGE, dom), 0);
    *(u64 *)(win + 0x24) = 0x3e00; /* the first of its TSS's stacks */
    EQ(map(win, 0), 0);
    context_of(AT(CODE));
    EQ(set_context(), 0);
    EQ(domctl(XEN_DOMCTL_unpausedomain, dom, &op), 0);
    for (u64 until = now() + 200000000; now() < until;)
        call2(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
    EQ(domctl(XEN_DOMCTL_pausedomain, dom, &op), 0);
    EQ(state_of(dom) & XEN_DOMINF_shutdown, 0);
    EQ(data[0x800 / 8], 0); /* its handler never ran */
    end();
}

/* CPUID in the last two bytes of 4 GiB; behind them comes the first page, which goes on to the list. */
static void last_bytes(void)
{
    static const u8 code[] = {0xb8, 0x00, 0x10, 0x00, 0x00, 0xff, 0xe0};
    u64 gfn = PAGES - 1;

    test("last-bytes");
    if (!create())
        return;
    furnish();
    EQ(memory(XENMEM_decrease_reservation, dom, &gfn, 1), 1);
    gfn = 0xfffff;
    EQ(memory(XENMEM_populate_physmap, dom, &gfn, 1), 1);
    EQ(show(win, gfn * PAGE | RW_PAGE, dom), 0);
    memcpy(win + PAGE - 2, "\x0f\xa2", 2);
    write_code(0, code, sizeof(code));
    list[0].nr = LIST_END;
    data[511] = SHUTDOWN_poweroff;
    EQ(show(win, AT(CODE) | RW_PAGE, dom), 0);
    code_copy(win, (const void *)narrow_list, (u64)narrow_code_end - (u64)narrow_list);
    EQ(map(win, 0), 0);
    context_of(0);
    context.cpu.cr0 = 0x11;
    context.cpu.cr3 = context.cpu.cr4 = context.cpu.msr_efer = 0;
    context.cpu.cs_arbytes = 0xc9b;
    start(0xfffffffe);
}
