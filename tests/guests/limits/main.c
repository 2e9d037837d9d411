/* SPDX-License-Identifier: MIT */
/*
 * Numbers at their limits and frames in a second use: stores to page tables by odd instructions, batches within
 * batches, all event channels there are, Wirt's ports and MSRs, tables given away or lent to hypercalls that write to
 * them.
 */
#include "guest.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static u64 *l1, *data;

/* --- stores to a page table that is in use --- */

#define STORE(text, value)                                                                                             \
    ({                                                                                                                 \
        u64 v_ = (value);                                                                                              \
        trap_count = 0;                                                                                                \
        l1_set(0);                                                                                                     \
        __asm__ volatile("mov %%rsp, %%rbx\n" TRY(text) "mov %%rbx, %%rsp\n"                                           \
                         : "+r"(v_)                                                                                    \
                         : "r"(slot), "a"(0ul), "d"(0ul)                                                               \
                         : "rbx", "rcx", "rdi", "memory", "cc");                                                       \
        bool ok_ = trap_count == 0;                                                                                    \
        trap_count = 0;                                                                                                \
        ok_;                                                                                                           \
    })

static u64 *slot;

static void l1_set(u64 value)
{
    mmu1(maddr(slot), value);
}

static void stores(void)
{
    u64 good = pte(data, RW_PAGE | PTE_US), self = pte(l1, RW_PAGE | PTE_US), wirts = 0x200000 | RW_PAGE;
    EQ(page_ro(l1), 0);
    EQ(pin(1, l1), 0);
    slot = &l1[5];
    test("store-good");
    TRUE(STORE("movq %0, (%1)", good) && (l1[5] & PTE_ADDR) == (good & PTE_ADDR));
    TRUE(STORE("xchgq %0, (%1)", good) && (l1[5] & PTE_ADDR) == (good & PTE_ADDR));
    TRUE(STORE("lock cmpxchgq %0, (%1)", good) && (l1[5] & PTE_ADDR) == (good & PTE_ADDR));
    TRUE(STORE("lock orq %0, (%1)", good) && (l1[5] & PTE_ADDR) == (good & PTE_ADDR));
    test("store-refused"); /* each form, a writable mapping of the table and of Wirt's image */
    for (u32 i = 0; i < 2; i++) {
        u64 bad = i ? wirts : self;
        TRUE(!STORE("movq %0, (%1)", bad) && l1[5] == 0);
        TRUE(!STORE("xchgq %0, (%1)", bad) && l1[5] == 0);
        TRUE(!STORE("lock cmpxchgq %0, (%1)", bad) && l1[5] == 0);
        TRUE(!STORE("lock orq %0, (%1)", bad) && l1[5] == 0);
        TRUE(!STORE("lock xorq %0, (%1)", bad) && l1[5] == 0);
        TRUE(!STORE("lock addq %0, (%1)", bad) && l1[5] == 0);
    }
    test("store-other"); /* instructions that nobody writes entries with: their own page fault, nothing stored */
    TRUE(!STORE("movdqu %%xmm0, (%1)", 0));
    TRUE(!STORE("lock xaddq %0, (%1)", good) && l1[5] == 0);
    TRUE(!STORE("mov $1, %%ecx\n mov %1, %%rdi\n mov %0, %%rdx\n rep stosq", good) && l1[5] == 0);
    TRUE(!STORE("lock incq (%1)", 0) && l1[5] == 0);
    TRUE(!STORE("notq (%1)", 0) && l1[5] == 0);
    TRUE(!STORE("shlq $1, (%1)", 0) && l1[5] == 0);
    TRUE(!STORE("fnstcw (%1)", 0) && l1[5] == 0);
    TRUE(!STORE("pushq %0\n popq (%1)", good) && l1[5] == 0);
    test("store-across"); /* two entries, or the end of the table */
    TRUE(!STORE("movq %0, 4(%1)", good) && l1[5] == 0 && l1[6] == 0);
    TRUE(!STORE("movl %k0, 6(%1)", good) && l1[5] == 0);
    slot = &l1[511];
    TRUE(!STORE("movq %0, 4(%1)", good) && l1[511] == 0);
    slot = &l1[5];
    test("store-halves"); /* a half that leaves an entry nobody may have */
    TRUE(STORE("movl %k0, (%1)", good & 0xffffffff));
    TRUE(STORE("movb %b0, (%1)", 0));
    TRUE(!STORE("movl $0x000ff000, 4(%1)\n movl %k0, (%1)", RW_PAGE)); /* beyond the machine's addresses */
    TRUE(STORE("orb $0x20, (%1)", 0) && l1[5] == 0x20);
    l1_set(0);
    test("store-to-l2"); /* upper tables are for hypercalls */
    u64 *l2 = page_new();
    EQ(page_ro(l2) | pin(2, l2), 0);
    __asm__ volatile(TRY("movq %1, (%0)") : : "r"(&l2[3]), "r"(pte(l1, TABLE)) : "memory");
    TRUE(faulted(V_PF, 3));
    EQ(l2[3], 0);
    EQ(unpin(l2) | page_rw(l2), 0);
}

/* --- batches --- */

static void batches(void)
{
    struct multicall_entry *m = page_new();
    test("multicall-refuses"); /* a batch in a batch, a return in a batch */
    m[0] = (struct multicall_entry){.op = __HYPERVISOR_multicall, .args = {(u64)(m + 4), 1}};
    m[1] = (struct multicall_entry){.op = __HYPERVISOR_iret};
    m[2] = (struct multicall_entry){.op = 1ul << 32 | __HYPERVISOR_xen_version};
    m[3] = (struct multicall_entry){.op = __HYPERVISOR_xen_version};
    m[4] = (struct multicall_entry){.op = __HYPERVISOR_xen_version, .result = 77};
    EQ(call2(__HYPERVISOR_multicall, m, 4), 0);
    FAILS(m[0].result);
    FAILS(m[1].result);
    EQ(m[2].result, E_NOSYS);
    EQ(m[3].result, 4 << 16 | 17);
    EQ(m[4].result, 77);
    test("multicall-changes-itself"); /* an entry that replaces those behind it: they are read when it is their turn */
    m[5] = (struct multicall_entry){.op = __HYPERVISOR_xen_version};
    m[0] = (struct multicall_entry){.op = __HYPERVISOR_mmu_update, .args = {(u64)(m + 8), 1, 0, DOMID_SELF}};
    *(struct mmu_update *)(m + 8) = (struct mmu_update){maddr(&m[1].op), __HYPERVISOR_xen_version};
    m[1] = (struct multicall_entry){.op = __HYPERVISOR_iret};
    EQ(call2(__HYPERVISOR_multicall, m, 2), 0);
    EQ(m[0].result, 0);
    EQ(m[1].result, 4 << 16 | 17);
    test("multicall-edges");
    struct multicall_entry *end = m + PAGE / sizeof(*m); /* one more would cross the page's end */
    EQ(map((u8 *)m + PAGE, 0), 0);
    for (u32 i = 0; i < PAGE / sizeof(*m); i++)
        m[i] = (struct multicall_entry){.op = __HYPERVISOR_xen_version};
    EQ(call2(__HYPERVISOR_multicall, m, ~0ul), E_FAULT);
    EQ(end[-1].result, 4 << 16 | 17);
    EQ(call2(__HYPERVISOR_multicall, m, 0), 0);
    EQ(page_rw((u8 *)m + PAGE), 0);
    test("multicall-read-only"); /* the result cannot be stored: the batch stops */
    m[0] = m[1] = (struct multicall_entry){.op = __HYPERVISOR_xen_version};
    EQ(page_ro(m), 0);
    EQ(call2(__HYPERVISOR_multicall, m, 2), E_FAULT);
    EQ(page_rw(m), 0);
}

/* --- event channels --- */

/* `good` is a port that is there. */
static void wild_ports(u32 good)
{
    test("no-such-port");
    const u32 wild[] = {0, 4096, 4097, 0x20000, 0x7fffffff, 0x80000000, ~0u};
    for (u32 i = 0; i < COUNT(wild); i++) {
        struct evtchn_close close = {wild[i]};
        struct evtchn_unmask unmask = {wild[i]};
        struct evtchn_bind_vcpu bind = {wild[i], 0};
        struct evtchn_status status = {.dom = DOMID_SELF, .port = wild[i]};
        struct evtchn_bind_interdomain inter = {.remote_dom = DOMID_SELF, .remote_port = wild[i]};
        struct evtchn_send send = {wild[i]};
        EQ(evtchn(EVTCHNOP_send, &send), E_INVAL);
        EQ(evtchn(EVTCHNOP_close, &close), E_INVAL);
        EQ(evtchn(EVTCHNOP_unmask, &unmask), wild[i] ? E_INVAL : evtchn(EVTCHNOP_unmask, &unmask));
        EQ(evtchn(EVTCHNOP_bind_vcpu, &bind), E_INVAL);
        FAILS(evtchn(EVTCHNOP_bind_interdomain, &inter));
        if (wild[i])
            FAILS(evtchn(EVTCHNOP_status, &status));
    }
    struct evtchn_bind_ipi far = {.vcpu = 1000};
    FAILS(evtchn(EVTCHNOP_bind_ipi, &far));
    struct evtchn_bind_vcpu bind = {good, 1u << 31};
    FAILS(evtchn(EVTCHNOP_bind_vcpu, &bind));
    for (u32 v = 24; v < 1u << 30; v = v * 3 + 1) {
        struct evtchn_bind_virq virq = {.virq = v};
        EQ(evtchn(EVTCHNOP_bind_virq, &virq), E_INVAL);
    }
    struct evtchn_bind_pirq pirq = {.pirq = ~0u};
    FAILS(evtchn(EVTCHNOP_bind_pirq, &pirq));
}

static void wild_polls(void)
{
    test("poll-limits");
    u32 *list = (u32 *)page_new();
    struct sched_poll poll = {.ports = (u64)list, .nr_ports = 129, .timeout = 1};
    EQ(call2(__HYPERVISOR_sched_op, SCHEDOP_poll, &poll), E_INVAL);
    poll.nr_ports = ~0u;
    EQ(call2(__HYPERVISOR_sched_op, SCHEDOP_poll, &poll), E_INVAL);
    poll.nr_ports = 1;
    list[0] = 4096;
    EQ(call2(__HYPERVISOR_sched_op, SCHEDOP_poll, &poll), E_INVAL);
}

/* Takes all ports that there are, and gives them back at the end. */
static void ports(void)
{
    u32 got = 0, first = 0, last = 0, closed = 0;
    s64 rc = 0;
    struct evtchn_bind_ipi ipi = {0};
    test("all-ports");
    for (; got < 5000 && rc == 0; got += rc == 0) {
        rc = evtchn(EVTCHNOP_bind_ipi, &ipi);
        last = rc == 0 ? ipi.port : last;
        first = first ? first : last; /* those before are a domU's rings */
    }
    EQ(rc, E_NOSPC);
    TRUE(got > 1000 && got < 4096 && last < 4096);
    struct evtchn_alloc_unbound unbound = {.dom = DOMID_SELF, .remote_dom = DOMID_SELF};
    EQ(evtchn(EVTCHNOP_alloc_unbound, &unbound), E_NOSPC);
    struct evtchn_bind_virq virq = {.virq = VIRQ_DEBUG};
    EQ(evtchn(EVTCHNOP_bind_virq, &virq), E_NOSPC);
    test("last-port");
    shared->evtchn_pending[last / 64] = 0;
    struct evtchn_send send = {last};
    EQ(evtchn(EVTCHNOP_send, &send), 0);
    TRUE(bit_test(shared->evtchn_pending, last));
    wild_ports(last);
    wild_polls();
    test("close-all");
    for (u32 p = first; p < 4096; p++) {
        struct evtchn_close close = {p};
        closed += evtchn(EVTCHNOP_close, &close) == 0;
    }
    EQ(closed, got);
    EQ(evtchn(EVTCHNOP_bind_ipi, &ipi), 0);
    fill(shared->evtchn_pending, 0, sizeof(shared->evtchn_pending));
}

/* --- ports and MSRs --- */

static u32 in8(u16 port)
{
    u64 v = 0;
    trap_count = 0;
    __asm__ volatile(TRY("inb %%dx, %%al") : "+a"(v) : "d"(port) : "memory");
    return trap_count ? 0x100 : (u32)v & 0xff;
}

static void io_ports(void)
{
    struct physdev_set_iopl iopl = {0};
    static const u16 hidden[] = {0x20, 0x21, 0xa0, 0xa1, 0x40, 0x41, 0x42, 0x43, 0x3f8, 0x3fd};
    call2(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iopl, &iopl);
    test("ports-without-iopl");
    EQ(in8(0x80), 0x100);
    TRUE(faulted(V_GP, 0));
    iopl.iopl = 4;
    FAILS(call2(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iopl, &iopl));
    iopl.iopl = ~0u;
    FAILS(call2(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iopl, &iopl));
    iopl.iopl = 1;
    EQ(call2(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iopl, &iopl), 0);
    test("wirts-ports");
    for (u32 i = 0; i < COUNT(hidden); i++)
        EQ(in8(hidden[i]), 0xff);
    __asm__ volatile(TRY("outl %%eax, %%dx") : : "a"(0x0e0e0e0e), "d"(0x1e) : "memory"); /* reaches into them */
    TRUE(faulted_not());
}

/* From and to memory that is Wirt's. */
static void string_io(void)
{
    test("string-io");
    const u64 wirts[] = {HV_DIRECT, HV_IMAGE, NON_CANONICAL};
    for (u32 i = 0; i < COUNT(wirts); i++) {
        u64 count = 5, at = wirts[i];
        __asm__ volatile(TRY("rep insb") : "+c"(count), "+D"(at) : "d"(0x80) : "memory");
        TRUE(trap_count == 1 && count == 5 && at == wirts[i]);
        trap_count = 0;
        __asm__ volatile(TRY("rep outsb") : "+c"(count), "+S"(at) : "d"(0x80) : "memory");
        TRUE(trap_count == 1 && count == 5 && at == wirts[i]);
        trap_count = 0;
    }
    u64 count = 3, at = (u64)l1;
    __asm__ volatile(TRY("rep insb") : "+c"(count), "+D"(at) : "d"(0x80) : "memory");
    TRUE(trap_count == 1 && count == 3); /* a page table */
    trap_count = 0;
    count = 2000, at = (u64)data;
    __asm__ volatile(TRY("rep insb") : "+c"(count), "+D"(at) : "d"(0x3f8) : "memory");
    TRUE(faulted_not() && count == 0 && at == (u64)data + 2000);
}

static void msrs(void)
{
    test("msr-refused");
    static const u32 msr[] = {0x10,       0x1b,       0x1d9,      0x174,      0x175,      0x176,      0x277,
                              0xc0000080, 0xc0000081, 0xc0000082, 0xc0000083, 0xc0000084, 0xc0000103, 0x800,
                              0x79,       0xc0010114, 0xc0010117, 0x480,      0x3a,       0xffffffff};
    for (u32 i = 0; i < COUNT(msr); i++) {
        __asm__ volatile(TRY("wrmsr") : : "c"(msr[i]), "a"(0xfee00900), "d"(0) : "memory");
        if (!TRUE(faulted(V_GP, 0)))
            print("  MSR 0x%x can be written\n", msr[i]);
        trap_count = 0;
    }
    static const u32 base[] = {0xc0000100, 0xc0000101, 0xc0000102};
    for (u32 i = 0; i < COUNT(base); i++) {
        __asm__ volatile(TRY("wrmsr") : : "c"(base[i]), "a"(0), "d"(0x8000) : "memory");
        TRUE(faulted(V_GP, 0));
        EQ(call2(__HYPERVISOR_set_segment_base, i, NON_CANONICAL), E_INVAL);
    }
    test("hypercall-page-on-table");
    u64 before = l1[7];
    __asm__ volatile(TRY("wrmsr") : : "c"(0x40000000), "a"((u32)maddr(l1)), "d"((u32)(maddr(l1) >> 32)) : "memory");
    TRUE(faulted(V_GP, 0));
    EQ(l1[7], before);
    __asm__ volatile(TRY("wrmsr") : : "c"(0x40000000), "a"(0x200000), "d"(0) : "memory");
    TRUE(faulted(V_GP, 0));
}

static void privileged(void)
{
    test("privileged");
    __asm__ volatile(TRY("lgdt (%0)") : : "r"(data) : "memory");
    TRUE(faulted(V_GP, 0));
    __asm__ volatile(TRY("lidt (%0)") : : "r"(data) : "memory");
    TRUE(faulted(V_GP, 0));
    __asm__ volatile(TRY("hlt") : : : "memory");
    TRUE(faulted(V_GP, 0));
    __asm__ volatile(TRY("mov %0, %%cr3") : : "r"(maddr((void *)si->pt_base)) : "memory");
    TRUE(faulted(V_GP, 0));
    __asm__ volatile(TRY("mov %0, %%cr0") : : "r"(0x33ul) : "memory");
    TRUE(faulted(V_GP, 0));
    __asm__ volatile(TRY("sysretq") : : "c"(HV_IMAGE) : "r11", "memory");
    TRUE(trap_count == 1);
    trap_count = 0;
    __asm__ volatile(TRY("swapgs") : : : "memory");
    TRUE(faulted(V_GP, 0));
    __asm__ volatile(TRY("invlpg (%0)") : : "r"(HV_IMAGE) : "memory");
    TRUE(trap_count == 1);
    trap_count = 0;
}

/* --- frames in a second use --- */

static void second_use(void)
{
    const u64 taken[] = {mfn_of(l1), mfn_of((void *)si->pt_base), 0x200, ~0ul, 1ul << 40, 0xfee00};
    test("vcpu-info-on-table");
    for (u32 i = 0; i < COUNT(taken); i++) {
        struct vcpu_register_vcpu_info info = {.mfn = taken[i]};
        FAILS(vcpu_op(VCPUOP_register_vcpu_info, 0, &info));
        struct physdev_pirq_eoi_gmfn eoi = {.gmfn = taken[i]};
        FAILS(call2(__HYPERVISOR_physdev_op, PHYSDEVOP_pirq_eoi_gmfn_v2, &eoi));
    }
    struct vcpu_register_vcpu_info across = {.mfn = mfn_of(data), .offset = PAGE - 8};
    FAILS(vcpu_op(VCPUOP_register_vcpu_info, 0, &across));
    test("exchange-in-use"); /* tables, mapped memory, memory of others */
    for (u32 i = 0; i < COUNT(taken) + 1; i++) {
        u64 in = i < COUNT(taken) ? taken[i] : mfn_of(data), out = 5;
        struct xen_memory_exchange x = {.in = {.extent_start = (u64)&in, .nr_extents = 1, .domid = DOMID_SELF},
                                        .out = {.extent_start = (u64)&out, .nr_extents = 1, .domid = DOMID_SELF}};
        FAILS(call2(__HYPERVISOR_memory_op, XENMEM_exchange, &x));
        EQ(out, 5);
        x.in.nr_extents = ~0ul;
        x.in.extent_order = 63;
        FAILS(call2(__HYPERVISOR_memory_op, XENMEM_exchange, &x));
        x.in.extent_start = HV_DIRECT;
        x.in.nr_extents = 1;
        x.in.extent_order = 0;
        FAILS(call2(__HYPERVISOR_memory_op, XENMEM_exchange, &x));
        x.in.extent_start = (u64)&in;
        x.out.extent_start = HV_IMAGE; /* XSA-212: the list of results in Wirt's memory */
        FAILS(call2(__HYPERVISOR_memory_op, XENMEM_exchange, &x));
        x.out.extent_start = HV_DIRECT - 8;
        x.nr_exchanged = ~0ul / 8;
        FAILS(call2(__HYPERVISOR_memory_op, XENMEM_exchange, &x));
    }
    test("release-table"); /* a table that is not ours any more as memory still is a table */
    u64 *t = page_new(), frame = mfn_of(t), one = 1;
    EQ(page_ro(t) | pin(1, t), 0);
    struct xen_memory_reservation r = {.extent_start = (u64)&frame, .nr_extents = 1, .domid = DOMID_SELF};
    EQ(call2(__HYPERVISOR_memory_op, XENMEM_decrease_reservation, &r), 0);
    EQ(page_rw(t), E_INVAL);
    EQ(unpin(t), 0);
    EQ(page_rw(t), 0);
    EQ(one, 1);
}

/* A vCPU's first state: bases that WRMSR would refuse, and a state that is all right, for comparison. */
static void contexts(void)
{
    static struct vcpu_guest_context c;
    const u64 odd[] = {1ul << 63, 0x0000800000000000, 0xffff7fffffffffff};
    c = (struct vcpu_guest_context){.flags = VGCF_in_kernel};
    c.user_regs.rip = (u64)main;
    c.ctrlreg[3] = maddr((void *)si->pt_base);
    test("contexts");
    for (u32 i = 0; i < COUNT(odd); i++) {
        u64 *const field[] = {&c.fs_base, &c.gs_base_kernel, &c.gs_base_user, &c.user_regs.rip};
        for (u32 k = 0; k < COUNT(field); k++) {
            u64 was = *field[k];
            *field[k] = odd[i];
            EQ(vcpu_op(VCPUOP_initialise, 1, &c), E_INVAL);
            *field[k] = was;
        }
    }
    EQ(vcpu_op(VCPUOP_initialise, 1, &c), 0);
}

int main(void)
{
    traps_init();
    shared_init();
    l1 = page_new();
    data = page_new();
    stores();
    batches();
    ports();
    second_use();
    io_ports();
    string_io();
    msrs();
    privileged();
    contexts();
    return 0;
}
