/* SPDX-License-Identifier: MIT */
/*
 * Class: speculation. What a guest could reach for: the controls of the CPU, which are Wirt's; entries that are not
 * present and name memory; Wirt's memory by plain loads and by prefetches. An emulator does not speculate: this shows
 * that the controls are out of reach, not that they work (docs/THREATS.md, section 4).
 */
#include "domu.h"

static u32 features(u32 leaf, u32 *edx)
{
    u32 a = leaf, b, c = 0, d;
    __asm__ volatile("ud2\n .ascii \"xen\"\n cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    *edx = d;
    return b;
}

int main(void)
{
    static const u32 control[] = {0x48, 0x49, 0x10b, 0x123, 0x122, 0x1b01, 0xc001011f, 0xc0011029, 0xc0011020};
    u8 *page = page_new();
    u32 edx;
    traps_init();
    domu_init();
    test("controls");
    for (u32 i = 0; i < COUNT(control); i++)
        for (u32 value = 0; value < 2; value++) {
            trap_count = 0;
            __asm__ volatile(TRY("wrmsr") : : "c"(control[i]), "a"(value ? ~0u : 1), "d"(value ? ~0u : 0) : "memory");
            if (!TRUE(trap_count <= 1 && (trap_count == 0 || last_trap.vector == V_GP)))
                print("  MSR 0x%x\n", control[i]);
            trap_count = 0;
        }
    test("what-is-offered"); /* a feature that CPUID names has its MSR */
    features(7, &edx);
    if (edx & 1u << 26) {
        __asm__ volatile(TRY("rdmsr") : : "c"(0x48) : "rax", "rdx", "memory");
        TRUE(faulted_not());
    }
    trap_count = 0;
    test("not-present-entries"); /* an entry may hold anything if it is not present; on leaky CPUs it is refused */
    u64 other = 0x200000;
    s64 rc = map(page, other | PTE_RW | PTE_US);
    TRUE(rc == 0 || rc == E_INVAL || rc == E_PERM);
    __asm__ volatile(TRY("movb (%0), %%al") : : "r"(page) : "rax", "memory");
    TRUE(rc ? trap_count == 0 : trap_count == 1);
    trap_count = 0;
    EQ(page_rw(page), 0);
    test("prefetch");
    const u64 wirts[] = {HV_IMAGE, HV_DIRECT, 0xffff808000000000, HV_START - PAGE};
    for (u32 i = 0; i < COUNT(wirts); i++) {
        __asm__ volatile(TRY("prefetcht0 (%0)\n prefetchw (%0)\n clflush (%1)")
                         :
                         : "r"(wirts[i]), "r"(page)
                         : "memory");
        TRUE(faulted_not());
    }
    return 0;
}
