/* SPDX-License-Identifier: MIT */
/*
 * Wirt's own hypercall for a whole switch of threads (public/wirt.h): it is announced, does what the calls do that it
 * stands for, and refuses every stack, base and table that these would refuse, without having changed anything: no
 * base, no stack, no reference to a table.
 */
#include "guest.h"
#include "public/wirt.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static u64 *l1, *l2, *l3, *l4, *user_l4, *base, cell[2] __attribute__((aligned(16))) = {0xf5, 0x65};
static u8 entry[2 * PAGE] __attribute__((aligned(16)));
static u32 port;
static u64 stack = (u64)(entry + sizeof(entry)); /* for entries from programs */

static s64 switch_to(u64 sp, u64 fs, u64 gs, u64 kernel, u64 user)
{
    return call5(__HYPERVISOR_wirt_switch, sp, fs, gs, kernel, user);
}

static u64 at_fs(void)
{
    u64 value;
    __asm__ volatile("mov %%fs:0, %0" : "=r"(value) : : "memory");
    return value;
}

static u64 at_gs_of_program(u64 unused)
{
    u64 value;
    __asm__ volatile("mov %%gs:0, %0" : "=r"(value) : : "memory");
    return value;
}

static void cpuid(u32 leaf, u32 *a, u32 *b, u32 *c, u32 *d)
{
    __asm__ volatile("ud2\n .ascii \"xen\"\n cpuid" : "=a"(*a), "=b"(*b), "=c"(*c), "=d"(*d) : "0"(leaf), "2"(0));
}

static void announced(void)
{
    u32 a, b, c, d;
    test("switch-announced");
    cpuid(WIRT_CPUID_BASE, &a, &b, &c, &d);
    TRUE(a == WIRT_CPUID_BASE + 1 && b == WIRT_CPUID_SIGNATURE && c == b && d == b);
    cpuid(WIRT_CPUID_BASE + 1, &a, &b, &c, &d);
    TRUE(a & WIRT_FEATURE_switch);
    cpuid(WIRT_CPUID_BASE + 2, &a, &b, &c, &d);
    EQ(a | b | c | d, 0);
}

/* An L4 that has all that ours has. */
static u64 *copy_of_l4(void)
{
    u64 *new = page_new();
    for (u32 i = 0; i < 512; i++)
        new[i] = i < 256 || i >= 272 ? base[i] : 0;
    EQ(page_ro(new), 0);
    return new;
}

static void works(void)
{
    test("switch-bases");
    EQ(switch_to(stack, (u64)&cell[0], (u64)&cell[1], 0, 0), 0);
    EQ(at_fs(), 0xf5);
    EQ(user_run(at_gs_of_program, 0), 0x65);
    EQ(switch_to(stack, (u64)&cell[1], (u64)&cell[0], 0, mfn_of(l1)), 0); /* without a kernel's table: not looked at */
    EQ(at_fs(), 0x65);
    EQ(user_run(at_gs_of_program, 0), 0xf5);
    test("switch-tables"); /* a program can run in them, and they are in use */
    EQ(switch_to(stack, (u64)&cell[0], (u64)&cell[1], mfn_of(l4), mfn_of(user_l4)), 0);
    EQ(at_fs(), 0xf5);
    EQ(user_run(at_gs_of_program, 0), 0x65);
    EQ(page_rw(l4), E_INVAL);
    EQ(page_rw(user_l4), E_INVAL);
    test("switch-without-user");
    EQ(switch_to(stack, 0, 0, mfn_of(base), 0), 0);
    EQ(page_rw(l4) | page_rw(user_l4), 0);
    EQ(page_ro(l4) | page_ro(user_l4), 0);
    user_init();
    test("switch-often"); /* each takes two references and gives two back */
    for (u32 i = 0; i < 1000; i++)
        if (switch_to(stack, i, i, mfn_of(i % 2 ? base : l4), mfn_of(user_l4)))
            fact(false, "a switch is refused", i, 0, __LINE__);
    EQ(switch_to(stack, 0, 0, mfn_of(base), 0), 0);
    EQ(page_rw(l4) | page_rw(user_l4), 0);
    EQ(page_ro(l4) | page_ro(user_l4), 0);
    user_init();
}

/* Refused, and nothing is different from before. */
static void refused(u64 sp, u64 fs, u64 gs, u64 kernel, u64 user)
{
    if (!FAILS(switch_to(sp, fs, gs, kernel, user)) || !EQ(at_fs(), 0xf5) || !EQ(user_run(at_gs_of_program, 0), 0x65))
        print("  0x%lx 0x%lx 0x%lx 0x%lx 0x%lx\n", sp, fs, gs, kernel, user);
}

static void refuses(void)
{
    const u64 fs = (u64)&cell[0], gs = (u64)&cell[1], other = (u64)&cell[1];
    const u64 stacks[] = {0, 8, PAGE - 16, HV_START + 16, HV_IMAGE, HV_DIRECT, 0xffff880000000000};
    const u64 bases[] = {NON_CANONICAL, 0xffff7fffffffffff, 1ul << 63, 0x7fffffffffffffff};
    const u64 frames[] = {mfn_of(l1), mfn_of(l2), mfn_of(l3), mfn_of(cell), si->shared_info >> 12, 1ul << 40,
                          ~0ul,       0xb8,       0xfee00,    ~0ul >> 12,   mfn_of(l4) | 1ul << 52};
    EQ(switch_to(stack, fs, gs, 0, 0), 0);
    test("switch-bad-stack");
    for (u32 i = 0; i < COUNT(stacks); i++)
        refused(stacks[i], other, other, mfn_of(l4), mfn_of(user_l4));
    test("switch-bad-base");
    for (u32 i = 0; i < COUNT(bases); i++) {
        refused(stack, bases[i], other, mfn_of(l4), mfn_of(user_l4));
        refused(stack, other, bases[i], mfn_of(l4), mfn_of(user_l4));
    }
    test("switch-bad-tables");
    for (u32 i = 0; i < COUNT(frames); i++) {
        refused(stack, other, other, frames[i], mfn_of(user_l4));
        refused(stack, other, other, mfn_of(l4), frames[i]); /* the first one is given back */
    }
    test("switch-gives-back");
    EQ(page_rw(l4) | page_rw(user_l4), 0);
    EQ(page_ro(l4) | page_ro(user_l4), 0);
}

/* All that a program's registers begin with by user_enter: rax 0x55, rcx 0x77, r11 0x99, rdi. */
u64 sees(u64 unused);
__asm__(".text\nsees: lea (%rcx,%rcx,2), %rcx\n lea (%r11,%r11,4), %r11\n add %rcx, %rax\n add %r11, %rax\n"
        " add %rdi, %rax\n ret\n");

static u64 in_user(u64 count)
{
    return count + event_count[port];
}

static void returns(void)
{
    u32 a, b, c, d;
    user_init(); /* the stack for entries is its own */
    test("return-registers");
    cpuid(WIRT_CPUID_BASE + 1, &a, &b, &c, &d);
    TRUE(a & WIRT_FEATURE_return && user_by_return(true));
    for (u32 i = 0; i < 3; i++)
        EQ(user_run(sees, i), 0x55 + 3 * 0x77 + 5 * 0x99 + i);
    test("return-takes-events"); /* that wait: before the program's first instruction */
    events_init();
    struct evtchn_alloc_unbound alloc = {.dom = DOMID_SELF, .remote_dom = DOMID_SELF};
    EQ(evtchn(EVTCHNOP_alloc_unbound, &alloc), 0);
    struct evtchn_bind_interdomain pair = {.remote_dom = DOMID_SELF, .remote_port = alloc.port};
    EQ(evtchn(EVTCHNOP_bind_interdomain, &pair), 0);
    port = alloc.port;
    events_mask();
    struct evtchn_send send = {pair.local_port};
    EQ(evtchn(EVTCHNOP_send, &send), 0);
    EQ(event_count[port], 0);
    EQ(user_run(in_user, 7), 8);
    test("return-not-in-batch");
    struct multicall_entry batch = {.op = __HYPERVISOR_wirt_return};
    EQ(call2(__HYPERVISOR_multicall, &batch, 1), 0);
    EQ(batch.result, E_NOSYS);
    user_by_return(false);
}

int main(void)
{
    traps_init();
    shared_init();
    user_init();
    base = (u64 *)si->pt_base;
    l1 = page_new();
    l2 = page_new();
    l3 = page_new();
    EQ(page_ro(l1) | page_ro(l2) | page_ro(l3), 0);
    EQ(pin(1, l1) | pin(2, l2) | pin(3, l3), 0);
    l4 = copy_of_l4();
    user_l4 = copy_of_l4();
    announced();
    works();
    refuses();
    returns();
    finish();
}
