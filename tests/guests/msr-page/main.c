/* SPDX-License-Identifier: MIT */
/*
 * A kernel that asks for its hypercall page by MSR, as its very first act and before any trap table: forced-emulation
 * CPUID tells that Xen's ABI is here and which MSR it is. Then all the frames that must not be filled.
 */
#include "guest.h"

struct cpuid {
    u32 a, b, c, d;
};

static struct cpuid forced(u32 leaf, u32 sub)
{
    struct cpuid c;
    __asm__ volatile(XEN_EMULATE_PREFIX "cpuid" : "=a"(c.a), "=b"(c.b), "=c"(c.c), "=d"(c.d) : "0"(leaf), "2"(sub));
    return c;
}

static void wrmsr(u32 msr, u64 value)
{
    __asm__ volatile(TRY("wrmsr") : : "c"(msr), "a"((u32)value), "d"((u32)(value >> 32)) : "memory");
}

static s64 page_call(u64 nr, u64 a, u64 b)
{
    s64 rc;
    __asm__ volatile("call *%%rax"
                     : "=a"(rc), "+D"(a), "+S"(b)
                     : "0"(hypercall_page + nr * 32)
                     : "rcx", "r11", "memory");
    return rc;
}

static void features(void)
{
    struct cpuid one = forced(1, 0);
    test("features");
    TRUE(one.c >> 31);
    EQ(one.d & (1u << 3 | 1u << 12 | 1u << 13 | 1u << 17), 0);         /* PSE MTRR PGE PSE36 */
    TRUE(one.d >> 9 & 1);                                              /* APIC */
    EQ(forced(7, 0).b & (1u << 0 | 1u << 7 | 1u << 10 | 1u << 20), 0); /* FSGSBASE SMEP INVPCID SMAP */
    TRUE(forced(0x80000001, 0).d >> 11 & 1);                           /* SYSCALL */
    TRUE(forced(0x80000001, 0).d >> 20 & 1);                           /* NX */
    EQ(forced(0x80000001, 0).d >> 26 & 1, 0);                          /* 1 GiB pages */
}

/* All the frames that must not be filled, and one more that may. */
static void refused(u32 msr)
{
    u8 *plain = page_new(), *table = page_new();
    test("refused");
    wrmsr(msr, maddr(plain) | 1);
    TRUE(faulted(V_GP, 0)); /* there is only one page */
    wrmsr(msr, ~0ul << 12);
    TRUE(faulted(V_GP, 0));
    wrmsr(msr, 0x000000fffffff000);
    TRUE(faulted(V_GP, 0));
    wrmsr(msr, 0x200000);
    TRUE(faulted(V_GP, 0)); /* Wirt's own image */
    wrmsr(msr, 0xfee00000);
    TRUE(faulted(V_GP, 0));
    wrmsr(msr, maddr((void *)si->pt_base));
    TRUE(faulted(V_GP, 0));
    EQ(page_ro(table), 0);
    EQ(pin(1, table), 0);
    wrmsr(msr, maddr(table));
    TRUE(faulted(V_GP, 0));
    EQ(table[0], 0);
    test("again");
    wrmsr(msr, maddr(plain));
    TRUE(faulted_not());
    TRUE(same(plain, hypercall_page, PAGE));
}

int main(void)
{
    struct cpuid id = forced(0x40000000, 0), pages = forced(0x40000002, 0), version;
    bool was_empty = hypercall_page[0] == 0x90;

    wrmsr(pages.b, maddr(hypercall_page)); /* no handler yet: a fault here is the end */
    s64 rc = page_call(__HYPERVISOR_xen_version, XENVER_version, 0);
    version = forced(0x40000001, 0);

    test("signature");
    EQ(id.b, XEN_CPUID_SIGNATURE_EBX);
    EQ(id.c, XEN_CPUID_SIGNATURE_ECX);
    EQ(id.d, XEN_CPUID_SIGNATURE_EDX);
    TRUE(id.a >= 0x40000002 && id.a < 0x40000100);
    EQ(version.a, 4 << 16 | 17);
    test("leaf-2");
    EQ(pages.a, 1);
    EQ(pages.b, 0x40000000);
    TRUE(pages.c & XEN_CPUID_FEAT1_MMU_PT_UPDATE_PRESERVE_AD);
    test("filled");
    TRUE(was_empty);
    EQ(rc, 4 << 16 | 17);
    EQ(page_call(60, 0, 0), E_NOSYS);
    test("other-bases");
    for (u32 leaf = 0x40000100; leaf < 0x40010000; leaf += 0x100)
        if (!EQ(forced(leaf, 0).b == XEN_CPUID_SIGNATURE_EBX, 0))
            break;
    features();
    traps_init();
    refused(pages.b);
    return 0;
}
