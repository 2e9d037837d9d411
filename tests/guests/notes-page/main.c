/* SPDX-License-Identifier: MIT */
/*
 * A kernel that asks for its hypercall page by ELF note: the page is full before the first instruction, each slot
 * makes its call and keeps all registers but rax, and slot 23 returns by iret.
 */
#include "guest.h"

static u64 regs_before[16], regs_after[16];

/* Slot `nr` called with known registers: result, and whether rbx..r15, rcx and r11 came back. */
static s64 page_call(u64 nr, u64 a, u64 b, u64 c)
{
    s64 rc;
    __asm__ volatile(
        "push %%rbp\n push %%rbx\n push %%r12\n push %%r13\n push %%r14\n push %%r15\n"
        "mov $0x1111, %%ecx\n mov $0x2222, %%r11d\n mov $0x3333, %%ebx\n mov $0x4444, %%ebp\n"
        "mov $0x5555, %%r12d\n mov $0x6666, %%r13d\n mov $0x7777, %%r14d\n mov $0x8888, %%r15d\n"
        "mov $0x9999, %%r9d\n"
        "call *%%rax\n"
        "mov %%rcx, regs_after\n mov %%r11, regs_after+8\n mov %%rbx, regs_after+16\n mov %%rbp, regs_after+24\n"
        "mov %%r12, regs_after+32\n mov %%r13, regs_after+40\n mov %%r14, regs_after+48\n mov %%r15, regs_after+56\n"
        "mov %%r9, regs_after+64\n mov %%rdi, regs_after+72\n mov %%rsi, regs_after+80\n mov %%rdx, regs_after+88\n"
        "pop %%r15\n pop %%r14\n pop %%r13\n pop %%r12\n pop %%rbx\n pop %%rbp\n"
        : "=a"(rc), "+D"(a), "+S"(b), "+d"(c)
        : "0"(hypercall_page + nr * 32)
        : "rcx", "r8", "r9", "r10", "r11", "memory");
    return rc;
}

/* From slot 23: a frame that leads to `1:` with other flags and all registers changed. */
static u64 page_iret(void)
{
    u64 result, flags;
    __asm__ volatile("mov %%rsp, %%rdx\n"
                     "pushq $0xe02b\n push %%rdx\n pushq $0x603\n" /* IF was off before: DF and CF on, IF on */
                     "pushq $0xe030\n pushq $1f\n"
                     "pushq $0\n" /* flags */
                     "jmp *%[slot]\n"
                     "1: pushfq\n pop %[flags]\n cld\n mov %%rax, %[result]\n"
                     : [result] "=&b"(result), [flags] "=&S"(flags)
                     : [slot] "D"(hypercall_page + 23 * 32), "a"(0xabcd)
                     : "rcx", "rdx", "r11", "memory", "cc");
    return result == 0xabcd && (flags & 0xe01) == 0x601 ? 1 : flags << 32 | result;
}

int main(void)
{
    static const u64 want[9] = {0x1111, 0x2222, 0x3333, 0x4444, 0x5555, 0x6666, 0x7777, 0x8888, 0x9999};
    struct xen_feature_info f = {0, 0};

    test("filled");
    TRUE(hypercall_page[0] != 0x90 && hypercall_page[4095] != 0x90);
    test("version");
    EQ(page_call(__HYPERVISOR_xen_version, XENVER_version, 0, 0), 4 << 16 | 17);
    test("registers");
    fill(regs_before, 0, sizeof(regs_before));
    EQ(page_call(__HYPERVISOR_xen_version, XENVER_get_features, (u64)&f, 7), 0);
    TRUE(same(regs_after, want, sizeof(want)));
    EQ(regs_after[9], XENVER_get_features);
    EQ(regs_after[10], (u64)&f);
    EQ(regs_after[11], 7);
    test("features");
    EQ(f.submap & (1u << XENFEAT_mmu_pt_update_preserve_ad | 1u << XENFEAT_gnttab_map_avail_bits | 1u << XENFEAT_dom0),
       1u << XENFEAT_mmu_pt_update_preserve_ad | 1u << XENFEAT_gnttab_map_avail_bits | 1u << XENFEAT_dom0);
    EQ(f.submap & (1u << XENFEAT_writable_page_tables | 1u << XENFEAT_auto_translated_physmap |
                   1u << XENFEAT_supervisor_mode_kernel),
       0);
    test("unknown");
    EQ(page_call(63, 0, 0, 0), E_NOSYS);
    EQ(page_call(127, 0, 0, 0), E_NOSYS);
    test("iret");
    EQ(page_iret(), 1);
    return 0;
}
