/* SPDX-License-Identifier: MIT */
/*
 * dom/cpuid.c as shipped, on a processor that claims every feature there is: what must stay hidden from each kind of
 * guest does, what depends on a part of the extended state goes with it, an emulator that does not stop XSETBV has no
 * XSAVE for guests with hardware assistance, and no leaf says anything of a processor that has nothing.
 */
#include "../suite.h"
#include <stdio.h>
#include <string.h>

#include "dom/cpuid.c"

struct cpu_desc cpu_desc;
static u64 xcr0;

u64 fpu_xcr0_allowed(void)
{
    return xcr0;
}
u64 time_tsc_khz(void)
{
    return 2000000;
}
void time_scale_get(struct time_scale *s)
{
    *s = (struct time_scale){.mul = 1, .shift = -1};
}

static void machine(u32 word, u64 components, bool is_tcg)
{
    cpu_desc = (struct cpu_desc){.max_leaf = 0x20, .max_ext = 0x80000021, .phys_bits = 48, .is_tcg = is_tcg};
    for (u32 i = 0; i < CPU_WORD_COUNT; i++)
        cpu_desc.word[i] = word;
    xcr0 = components;
    cpuid_init();
}

static bool has(enum domain_kind kind, u32 feature)
{
    return words[kind][feature / 32] >> feature % 32 & 1;
}

static void hidden_from_all(void)
{
    static const u16 never[] = {CPU_F(CPU_1C, 3),   CPU_F(CPU_1C, 5),   CPU_F(CPU_1C, 6),   CPU_F(CPU_1C, 15),
                                CPU_F(CPU_1C, 17),  CPU_F(CPU_1C, 24),  CPU_F(CPU_1D, 7),   CPU_F(CPU_1D, 12),
                                CPU_F(CPU_1D, 14),  CPU_F(CPU_1D, 21),  CPU_F(CPU_1D, 22),  CPU_F(CPU_1D, 28),
                                CPU_F(CPU_E1C, 1),  CPU_F(CPU_E1C, 2),  CPU_F(CPU_E1C, 10), CPU_F(CPU_E1C, 12),
                                CPU_F(CPU_E1C, 23), CPU_F(CPU_E1C, 29), CPU_F(CPU_E1D, 12), CPU_F(CPU_7B, 2),
                                CPU_F(CPU_7B, 10),  CPU_F(CPU_7B, 14),  CPU_F(CPU_7B, 25),  CPU_F(CPU_7C, 3),
                                CPU_F(CPU_7C, 16),  CPU_F(CPU_7C, 22),  CPU_F(CPU_7D, 26),  CPU_F(CPU_D1A, 3),
                                CPU_F(CPU_E8B, 12)}; /* MWAIT VMX .. PCID .. MTRR .. SVM IBS MWAITX TSC_ADJUST INVPCID
                                                        MPX PT PKU LA57 RDPID .. */

    machine(~0u, 0xe7, false);
    for (u32 i = 0; i < ARRAY_COUNT(never); i++)
        CU_ASSERT(!has(DOMAIN_PV, never[i]) && !has(DOMAIN_HVM, never[i]));
    CU_ASSERT(!has(DOMAIN_PV, CPU_F_PGE) && !has(DOMAIN_PV, CPU_F_SMEP) && !has(DOMAIN_PV, CPU_F(CPU_7B, 0)));
    CU_ASSERT(has(DOMAIN_HVM, CPU_F_PGE) && has(DOMAIN_HVM, CPU_F_SMEP) && has(DOMAIN_HVM, CPU_F(CPU_7B, 0)));
    CU_ASSERT(has(DOMAIN_PV, CPU_F(CPU_E1D, 27)) && !has(DOMAIN_HVM, CPU_F(CPU_E1D, 27)));
    CU_ASSERT(!has(DOMAIN_PV, CPU_F_X2APIC) && has(DOMAIN_HVM, CPU_F_X2APIC));
}

static void goes_with_its_state(void)
{
    for (u32 k = 0; k < DOMAIN_KINDS; k++) {
        machine(~0u, 0xe7, false);
        CU_ASSERT(has(k, CPU_F_XSAVE) && has(k, CPU_F_OSXSAVE) && has(k, CPU_F(CPU_1C, 28)) &&
                  has(k, CPU_F(CPU_7B, 16)));
        machine(~0u, 7, false);
        CU_ASSERT(has(k, CPU_F(CPU_1C, 28)) && has(k, CPU_F(CPU_7B, 5)) && !(words[k][CPU_7B] & 0xd4230000));
        CU_ASSERT(!(words[k][CPU_7C] & 0x5842) && has(k, CPU_F(CPU_7C, 9)));
        machine(~0u, 3, false);
        CU_ASSERT(has(k, CPU_F_XSAVE) && !has(k, CPU_F(CPU_7B, 5)) && !has(k, CPU_F(CPU_7C, 10)));
        machine(~0u, 0, false);
        CU_ASSERT(!(words[k][CPU_1C] & 0x3c001000) && !words[k][CPU_D1A] && !(words[k][CPU_E1C] & 0x10800));
        CU_ASSERT_EQUAL(cpuid_leaf(k, 0, 0xd, 0).eax, 0);
    }
}

static void an_emulator(void)
{
    machine(~0u, 7, true);
    CU_ASSERT(cpuid_xcr0(DOMAIN_PV) == 7 && has(DOMAIN_PV, CPU_F_XSAVE));
    CU_ASSERT(cpuid_xcr0(DOMAIN_HVM) == 0 && !has(DOMAIN_HVM, CPU_F_XSAVE) && !has(DOMAIN_HVM, CPU_F(CPU_7B, 5)));
    CU_ASSERT_EQUAL(cpuid_leaf(DOMAIN_HVM, 0, 0xd, 1).eax, 0);
}

static void nothing(void)
{
    machine(0, 0, false);
    CU_ASSERT_EQUAL(words[DOMAIN_PV][CPU_1C], HYPERVISOR);
    CU_ASSERT_EQUAL(words[DOMAIN_HVM][CPU_1C], HYPERVISOR | X2APIC);
    CU_ASSERT_EQUAL(words[DOMAIN_HVM][CPU_1D], 1u << 9);
    for (u32 w = CPU_E1D; w < CPU_WORD_COUNT; w++)
        CU_ASSERT(!words[DOMAIN_PV][w] && !words[DOMAIN_HVM][w]);
}

static void leaves(void)
{
    struct cpuid c;

    machine(~0u, 7, false);
    CU_ASSERT(cpuid_leaf(DOMAIN_HVM, 3, 1, 0).ebx >> 16 == (6 << 8 | 1));
    CU_ASSERT(cpuid_leaf(DOMAIN_HVM, 3, 0xb, 0).edx == 6 && cpuid_leaf(DOMAIN_HVM, 3, 0xb, 1).ecx == 1);
    CU_ASSERT_EQUAL(cpuid_leaf(DOMAIN_PV, 3, 0xb, 0).edx, 0);
    CU_ASSERT(cpuid_leaf(DOMAIN_HVM, 3, 0x40000004, 0).ebx == 3 && !cpuid_leaf(DOMAIN_PV, 3, 0x40000004, 0).eax);
    CU_ASSERT(cpuid_leaf(DOMAIN_PV, 0, 0x40000002, 0).ecx == 1 && !cpuid_leaf(DOMAIN_HVM, 0, 0x40000002, 0).ecx);
    CU_ASSERT(cpuid_leaf(DOMAIN_PV, 0, 0x40000005, 0).ebx == 44);
    c = cpuid_leaf(DOMAIN_PV, 0, 0x40000100, 0);
    CU_ASSERT(c.eax == 0x40000101 && c.ebx == c.ecx && c.ebx == c.edx && !memcmp(&c.ebx, "Wirt", 4));
    CU_ASSERT_EQUAL(cpuid_leaf(DOMAIN_HVM, 0, 0x40000100, 0).eax, 0x40000101);
    CU_ASSERT_EQUAL(cpuid_leaf(DOMAIN_PV, 0, 0x40000101, 0).eax, WIRT_FEATURE_switch | WIRT_FEATURE_return);
    for (u32 leaf = 0x40000006; leaf < 0x40000200; leaf++) { /* nothing of what PV kernels are offered is for others */
        if (leaf == 0x40000100)
            continue;
        c = cpuid_leaf(DOMAIN_HVM, 0, leaf, 0);
        CU_ASSERT(!(c.eax | c.ebx | c.ecx | c.edx));
    }
    CU_ASSERT((cpuid_leaf(DOMAIN_HVM, 0, 0x80000008, 0).eax & 0xff) <= 40 &&
              !cpuid_leaf(DOMAIN_HVM, 0, 0x80000008, 0).ebx);
    CU_ASSERT(cpuid_leaf(DOMAIN_PV, 0, 0, 0).eax <= 0xd);
    for (u32 leaf = 5; leaf < 0x20; leaf++) /* MONITOR, thermal, counters, SGX, PT, frequencies */
        if (leaf != 7 && leaf != 0xb && leaf != 0xd)
            for (u32 k = 0; k < DOMAIN_KINDS; k++) {
                c = cpuid_leaf(k, 0, leaf, 0);
                CU_ASSERT(!(c.eax | c.ebx | c.ecx | c.edx));
            }
    c = cpuid_leaf(DOMAIN_HVM, 0, 0x8000000a, 0); /* SVM's own */
    CU_ASSERT(!(c.eax | c.ebx | c.ecx | c.edx));
}

int main(void)
{
    CU_TestInfo tests[] = {{"hidden from all", hidden_from_all},
                           {"goes with its state", goes_with_its_state},
                           {"an emulator", an_emulator},
                           {"nothing", nothing},
                           {"leaves", leaves},
                           CU_TEST_INFO_NULL};

    return suite_run("cpuid", tests);
}
