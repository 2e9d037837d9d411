/* SPDX-License-Identifier: MIT */
/*
 * Corners of entering and leaving: iret frames with selectors and addresses that no kernel would use, SYSCALL at the
 * last byte of the lower half, software interrupts, breakpoints on memory that Wirt reads and writes for the guest,
 * hypercalls that are continued while events come in. Each ends in the guest's own exception or in success.
 */
#include "guest.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define LOW_TOP  0x00007ffffffff000ul

static u64 *window;

/* The page is mapped at the very end of the lower half too, through tables of our own. */
static void map_low_top(void *page)
{
    u64 *l1 = page_new(), *l2 = page_new(), *l3 = page_new();
    l1[511] = pte(page, RW_PAGE | PTE_US);
    l2[511] = pte(l1, TABLE);
    l3[511] = pte(l2, TABLE);
    EQ(page_ro(l1) | page_ro(l2) | page_ro(l3), 0);
    EQ(mmu1(maddr((u64 *)si->pt_base + 255), pte(l3, TABLE)), 0);
}

/* Hypercall iret within the kernel to rip:cs, rflags, the same stack; comes back through the exception. */
#define IRET(cs, flags, rip, ss)                                                                                       \
    __asm__ volatile(TRY("mov %%rsp, %%rax\n push %3\n push %%rax\n push %1\n push %0\n push %2\n push $0\n"           \
                         "push $0\n push $0\n push $0\n mov $23, %%eax\n syscall\n")                                   \
                     :                                                                                                 \
                     : "r"((u64)(cs)), "r"((u64)(flags)), "r"((u64)(rip)), "r"((u64)(ss))                              \
                     : "rax", "rcx", "r11", "memory", "cc")

extern u8 landing[];
__asm__(".text\nlanding: ud2\n");

static void iret_kernel(void)
{
    static const u16 bad_cs[] = {0,      4,      8,      0x10,   0x18,   0xe008, 0xe010, 0xe020, 0xe028,
                                 0xe040, 0xe048, 0xe050, 0xe058, 0xeff8, 0xf000, 0xfff8, 0x000c, 0xfffc};
    static const u16 bad_ss[] = {8, 0xe008, 0xe010, 0xe020, 0xe030, 0xe040, 0xe050, 0xf000, 0xfff8, 0x0c};
    test("iret-to-itself"); /* ends at ud2: the frame was good */
    IRET(0xe030, 0x202, landing, 0xe028);
    TRUE(faulted(V_UD, 0));
    EQ(last_trap.rip, (u64)landing);
    test("iret-flags"); /* what a ring 3 kernel may not set is not set */
    IRET(0xe030, 0x3fb2d7 | 0x3000, landing, 0xe028);
    TRUE(trap_count == 1);
    EQ(last_trap.rflags & 0x1b3000, 0); /* IOPL, VM, RF, VIF, VIP */
    trap_count = 0;
    events_mask();
    test("iret-bad-cs");
    for (u32 i = 0; i < COUNT(bad_cs); i++) {
        if (bad_cs[i] == 0xe020)
            continue; /* 32-bit code: landing is not there */
        IRET(bad_cs[i], 0x202, landing, 0xe028);
        if (!TRUE(trap_count == 1 && (last_trap.vector == V_GP || last_trap.vector == V_NP) &&
                  last_trap.rip == (u64)landing))
            print("  cs 0x%x: %lu exceptions, vector %lu rip 0x%lx\n", bad_cs[i], trap_count, last_trap.vector,
                  last_trap.rip);
        trap_count = 0;
    }
    test("iret-bad-ss");
    for (u32 i = 0; i < COUNT(bad_ss); i++) {
        IRET(0xe030, 0x202, landing, bad_ss[i]);
        if (!TRUE(trap_count == 1 && (last_trap.vector == V_GP || last_trap.vector == V_SS)))
            print("  ss 0x%x: %lu exceptions, vector %lu\n", bad_ss[i], trap_count, last_trap.vector);
        trap_count = 0;
    }
    test("iret-bad-rip");
    const u64 bad_rip[] = {NON_CANONICAL, 0x8000000000000000, 0xffff7fffffffffff, HV_START, HV_IMAGE, HV_DIRECT, ~0ul};
    for (u32 i = 0; i < COUNT(bad_rip); i++) {
        IRET(0xe030, 0x202, bad_rip[i], 0xe028);
        if (!TRUE(trap_count == 1 && (last_trap.vector == V_GP || last_trap.vector == V_PF)))
            print("  rip 0x%lx: %lu exceptions, vector %lu\n", bad_rip[i], trap_count, last_trap.vector);
        trap_count = 0;
    }
}

static u64 never(u64 unused)
{
    return unused;
}

static void iret_user(void)
{
    test("user-bad-frame"); /* the exception is the program's */
    const u64 frame[][3] = {{NON_CANONICAL, FLAT_USER_CS, FLAT_USER_SS},
                            {HV_DIRECT, FLAT_USER_CS, FLAT_USER_SS},
                            {(u64)never, 0xe00b, FLAT_USER_SS},
                            {(u64)never, 0xe043, FLAT_USER_SS},
                            {(u64)never, 3, FLAT_USER_SS},
                            {(u64)never, FLAT_USER_CS, 0xe013},
                            {(u64)never, FLAT_USER_CS, FLAT_USER_CS},
                            {0xffff7fffffffffff, 0xffff, 0xffff}};
    for (u32 i = 0; i < COUNT(frame); i++) {
        for (u64 flags = 2; flags <= 0x202; flags += 0x200) { /* the long way and the quick way */
            EQ(user_enter(frame[i][0], USER_STACK_TOP, flags, frame[i][1], frame[i][2], 0), ~0ul);
            TRUE(trap_count == 1 && last_trap.cs & 3);
            if (!EQ(last_trap.rip, frame[i][0]))
                print("  frame %u\n", i);
            trap_count = 0;
            events_mask();
        }
    }
    test("user-works-on");
    EQ(user_run(never, 5), 5);
    test("user-iopl");
    EQ(user_enter((u64)never, USER_STACK_TOP, 0x3202, FLAT_USER_CS, FLAT_USER_SS, 1), ~0ul); /* nowhere to return */
    trap_count = 0;
    EQ(last_trap.rflags & 0x3000, 0);
}

static void syscall_edge(void)
{
    u8 *page = (u8 *)window;
    u64 rax;
    map_low_top(page);
    test("syscall-edge"); /* SYSRET to the first non-canonical address must not happen in ring 0 */
    page[4094] = 0x0f;
    page[4095] = 0x05;
    for (u32 nr = 1; nr < 18; nr += 16) { /* the quick way out and the usual one */
        __asm__ volatile(TRY("jmp *%2")
                         : "=a"(rax)
                         : "a"(nr), "r"(LOW_TOP + 4094), "D"(0), "S"(0), "d"(0)
                         : "rcx", "r11", "r10", "memory");
        TRUE(trap_count == 1 && last_trap.vector == V_GP);
        EQ(last_trap.rip, NON_CANONICAL);
        trap_count = 0;
    }
    struct mmu_update u = {maddr(pte_of((u64)stack_low, 1) == NULL ? (void *)window : (void *)window), 0};
    register u64 r10 __asm__("r10") = DOMID_SELF; /* a request that succeeds, quickly or not */
    __asm__ volatile(TRY("jmp *%2")
                     : "=a"(rax)
                     : "a"(1), "r"(LOW_TOP + 4094), "D"(&u), "S"(1), "d"(0), "r"(r10)
                     : "rcx", "r11", "memory");
    EQ(last_trap.rax, 0);
    EQ(last_trap.rip, NON_CANONICAL);
    trap_count = 0;
    test("edge-of-code"); /* an instruction that is emulated, cut by the end */
    page[4094] = 0x0f;
    page[4095] = 0x32;
    __asm__ volatile(TRY("jmp *%0") : : "r"(LOW_TOP + 4094), "c"(0xc0000080) : "rax", "rdx", "memory");
    TRUE(trap_count == 1 && last_trap.vector == V_GP); /* executed, and then fetched behind it */
    EQ(last_trap.rip, NON_CANONICAL);
    trap_count = 0;
    page[4095] = 0x0f;
    page[4094] = 0x90;
    __asm__ volatile(TRY("jmp *%0") : : "r"(LOW_TOP + 4094) : "memory");
    TRUE(trap_count == 1);
    trap_count = 0;
}

static volatile u32 hits;
static bool count_hits(struct frame *f)
{
    if (f->vector != V_DB)
        return false;
    hits++;
    return true;
}

static void watch(u32 n, u64 address, u32 rw_len)
{
    EQ(call2(__HYPERVISOR_set_debugreg, n, address), 0);
    EQ(call2(__HYPERVISOR_set_debugreg, 7, 0x400 | 3u << n * 2 | (u64)rw_len << (16 + n * 4)), 0);
}

static void breakpoints(void)
{
    static volatile u64 word[8] __attribute__((aligned(64)));
    struct xen_feature_info f = {0};
    const u64 wirts[] = {HV_START,           HV_IMAGE,           HV_DIRECT,          HV_DIRECT + 0x1000,
                         0xffff87fffffffff8, 0xffff7ffffffffffc, 0xffff810000000000, 0xffff810010000000};
    trap_hook = count_hits;
    test("breakpoint-refused");
    for (u32 n = 0; n < 4; n++)
        for (u32 i = 0; i < COUNT(wirts); i++)
            EQ(call2(__HYPERVISOR_set_debugreg, n, wirts[i]), E_PERM);
    EQ(call2(__HYPERVISOR_set_debugreg, 7, 0x2400), E_PERM);      /* general detect */
    EQ(call2(__HYPERVISOR_set_debugreg, 7, 0x20000 | 3), E_PERM); /* I/O */
    EQ(call2(__HYPERVISOR_set_debugreg, 7, 1ul << 32), E_PERM);
    EQ(call2(__HYPERVISOR_set_debugreg, 8, 0), E_INVAL);
    __asm__ volatile(TRY("mov %0, %%dr0") : : "r"(HV_IMAGE));
    TRUE(faulted(V_GP, 0));
    EQ(call1(__HYPERVISOR_get_debugreg, 0), 0);
    test("breakpoint-own");
    watch(0, (u64)&word[0], 0xd); /* writes, 4 bytes */
    hits = 0;
    word[0] = 1;
    EQ(hits, 1);
    test("breakpoint-in-hypercall"); /* memory that Wirt writes and reads for us: its own #DB is no business of ours */
    watch(1, (u64)&f.submap, 0xf);
    hits = 0;
    EQ(call2(__HYPERVISOR_xen_version, XENVER_get_features, &f), 0);
    TRUE(f.submap != 0);
    test("breakpoint-on-stack"); /* exception frames are written over it, iret frames read from it */
    u64 sp;
    __asm__ volatile("mov %%rsp, %0" : "=r"(sp));
    for (u32 back = 0; back < 40; back++) {
        watch(2, (sp & ~15ul) - back * 8, 0xf);
        trap_count = 0;
        __asm__ volatile(TRY("ud2") : : : "memory");
        trap_count = 0;
    }
    call2(__HYPERVISOR_set_debugreg, 7, 0x400);
    test("mov-ss-shadow"); /* the breakpoint of MOV SS fires behind the next instruction: in Wirt's entry */
    static u16 ss __attribute__((aligned(8))) = FLAT_KERNEL_SS;
    watch(0, (u64)&ss, 0x7); /* reads and writes, 2 bytes */
    u64 rax = __HYPERVISOR_xen_version;
    __asm__ volatile("mov %1, %%ss\n syscall" : "+a"(rax) : "m"(ss), "D"(0), "S"(0) : "rcx", "r11", "memory");
    EQ(rax, 4 << 16 | 17);
    __asm__ volatile(TRY("mov %0, %%ss\n ud2") : : "m"(ss) : "memory");
    __asm__ volatile(TRY("mov %0, %%ss\n int3") : : "m"(ss) : "memory");
    __asm__ volatile(TRY("mov %0, %%ss\n int $0x80") : : "m"(ss) : "memory");
    trap_count = 0;
    call2(__HYPERVISOR_set_debugreg, 7, 0x400);
    test("single-step"); /* TF over SYSCALL, into the hypercall and out */
    hits = 0;
    rax = __HYPERVISOR_xen_version;
    __asm__ volatile("pushfq\n orq $0x100, (%%rsp)\n popfq\n nop\n syscall\n pushfq\n andq $~0x100, (%%rsp)\n popfq\n"
                     : "+a"(rax)
                     : "D"(0), "S"(0)
                     : "rcx", "r11", "memory", "cc");
    EQ(rax, 4 << 16 | 17);
    TRUE(hits >= 3);
    trap_hook = NULL;
}

static u64 does_int80(u64 unused)
{
    __asm__ volatile("int $0x80" : : : "memory");
    return unused;
}

static void interrupts(void)
{
    test("int-refused"); /* vectors whose handlers are for the kernel alone, and of Wirt's interrupts */
    extern u8 int_stubs[];
    for (u32 v = 0; v < 256; v++) {
        if (v == V_BP || v == V_OF || v == 0x80)
            continue;
        trap_count = 0;
        __asm__ volatile(TRY("mov %%rsp, %%rbx\n call *%0") "mov %%rbx, %%rsp\n"
                         :
                         : "r"(int_stubs + v * 4)
                         : "rbx", "memory");
        if (!TRUE(trap_count == 1 && last_trap.vector == V_GP && last_trap.error == v * 8 + 2))
            print("  int %u: %lu exceptions, vector %lu error 0x%lx\n", v, trap_count, last_trap.vector,
                  last_trap.error);
    }
    trap_count = 0;
    test("int-offered");
    EQ(trap_set(0x80, 3, (u64)trap_stubs + 0x80 * 32), 0);
    __asm__ volatile(TRY("int $0x80") : : : "memory");
    TRUE(faulted(0x80, 0));
    test("trap-table");
    struct trap_info *t = page_new();
    for (u32 i = 0; i < PAGE / sizeof(*t); i++)
        t[i] = (struct trap_info){0x90, 0, FLAT_KERNEL_CS, (u64)trap_stubs + 0x90 * 32};
    EQ(map(page_new(), 0), 0);
    struct trap_info *last = t + PAGE / sizeof(*t) - 1;
    EQ(call1(__HYPERVISOR_set_trap_table, last), E_FAULT); /* no end before the memory ends */
    last->address = 0;
    EQ(call1(__HYPERVISOR_set_trap_table, last), 0);
    static struct trap_info endless[300];
    for (u32 i = 0; i < 300; i++)
        endless[i] = (struct trap_info){(u8)(i | 0x90), 0, FLAT_KERNEL_CS, (u64)trap_stubs};
    EQ(call1(__HYPERVISOR_set_trap_table, endless), E_INVAL);
    const u64 wild[] = {HV_IMAGE, HV_START, NON_CANONICAL, 0xffff7ffffffffff8, 0xffff87ffffffffff};
    for (u32 i = 0; i < COUNT(wild); i++) {
        EQ(trap_set(0x91, 0, wild[i]), E_INVAL);
        for (u32 type = 0; type < 8; type++)
            FAILS(callback((u16)type, 0, (void (*)(void))wild[i]));
        EQ(call3(__HYPERVISOR_set_callbacks, wild[i], failsafe_entry, syscall_entry), E_INVAL);
        if (wild[i] != NON_CANONICAL) /* the end of the lower half is a fine end of a stack */
            EQ(call2(__HYPERVISOR_stack_switch, FLAT_KERNEL_SS, wild[i] & ~0xfful), E_INVAL);
    }
    traps_init();
}
__asm__(".text\n.globl int_stubs\n.balign 4\nint_stubs:\n.set n, 0\n.rept 256\n.byte 0xcd, n\nret\n.balign 4\n"
        ".set n, n + 1\n.endr\n");

/* The one gate that is open to programs whether the kernel wants that or not. */
static void int80(void)
{
    user_init();
    test("int80-without-handler");
    __asm__ volatile(TRY("int $0x80") : : : "memory");
    TRUE(faulted(V_GP, 0x402));
    EQ(user_run(does_int80, 0), ~0ul);
    TRUE(faulted(V_GP, 0x402));
    test("int80-for-the-kernel");
    EQ(trap_set(0x80, 1, (u64)trap_stubs + 0x80 * 32), 0);
    __asm__ volatile(TRY("int $0x80") : : : "memory");
    TRUE(faulted(0x80, 0));
    EQ(user_run(does_int80, 0), ~0ul);
    TRUE(faulted(V_GP, 0x402));
}

/* Linux has its handler in the trap table. One that comes while the handler runs waits for its hypercall iret. */
static u32 nmi_count, nmi_depth, nmi_nested;

static bool nmi_hook(struct frame *f)
{
    if (f->vector != V_NMI)
        return false;
    nmi_nested += nmi_depth++ != 0;
    if (nmi_count++ == 0)
        call3(__HYPERVISOR_vcpu_op, VCPUOP_send_nmi, 0, 0);
    nmi_depth--;
    return true;
}

static void nmi(void)
{
    test("nmi-by-trap-table");
    trap_hook = nmi_hook;
    EQ(call3(__HYPERVISOR_vcpu_op, VCPUOP_send_nmi, 0, 0), 0);
    for (u64 end = now() + 100000000; now() < end && nmi_count < 2;)
        call3(__HYPERVISOR_xen_version, 0, 0, 0);
    trap_hook = NULL;
    EQ(nmi_count, 2);
    EQ(nmi_nested, 0);
}

/* Long calls while a timer goes off all the time: answers and registers belong to the call, events to the handler. */
static void continued(void)
{
    u32 bad = 0, rounds = 0, restarts;
    struct evtchn_bind_virq timer = {.virq = VIRQ_TIMER};
    struct multicall_entry *m = page_new();
    events_init();
    EQ(evtchn(EVTCHNOP_bind_virq, &timer), 0);
    events_unmask();
    test("events-in-long-calls");
    for (u64 end = now() + 1500000000; now() < end; rounds++) {
        u64 b = 0xb0b0, r12 = 0x1212, rax = __HYPERVISOR_multicall, soon = now() + 20000 + random() % 200000;
        for (u32 i = 0; i < 128 && i < PAGE / sizeof(*m); i++) {
            m[i] = (struct multicall_entry){.op = __HYPERVISOR_mmuext_op};
            static struct mmuext_op flush = {.cmd = MMUEXT_TLB_FLUSH_LOCAL};
            m[i].args[0] = (u64)&flush, m[i].args[1] = 1, m[i].args[3] = DOMID_SELF;
        }
        call1(__HYPERVISOR_set_timer_op, soon);
        register u64 r12_ __asm__("r12") = r12;
        __asm__ volatile("syscall"
                         : "+a"(rax), "+b"(b), "+r"(r12_)
                         : "D"(m), "S"(PAGE / sizeof(*m))
                         : "rcx", "r11", "memory");
        bad += rax != 0 || b != 0xb0b0 || r12_ != r12;
        for (u32 i = 0; i < PAGE / sizeof(*m); i++)
            bad += m[i].result != 0;
    }
    EQ(bad, 0);
    restarts = event_count[timer.port];
    TRUE(rounds > 20 && restarts > 20);
    events_mask();
}

int main(void)
{
    traps_init();
    shared_init();
    if (is_case("int80")) {
        int80();
        return 0;
    }
    window = page_new();
    iret_kernel();
    syscall_edge();
    user_init();
    iret_user();
    if (user_by_return(true)) {
        iret_user();
        user_by_return(false);
    }
    interrupts();
    breakpoints();
    nmi();
    continued();
    return 0;
}
