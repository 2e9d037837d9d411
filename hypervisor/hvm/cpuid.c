/* SPDX-License-Identifier: MIT */
/*
 * The CPU that a guest with hardware assistance sees: the real one, less what Wirt does not switch, plus an x2APIC and
 * the ABI's hypervisor leaves. Masks are lists of what may pass.
 */
#include "hvm/hvm.h"
#include "hw/time.h"

#define BITS(a, b)    (((b) == 31 ? 0xffffffffu : (1u << ((b) + 1)) - 1) & ~((1u << (a)) - 1))
#define HVM_CPUID_EBX BIT(3) /* the vCPU's number is in ebx */

static struct cpuid hv_leaf(const struct vcpu *v, u32 leaf, u32 sub)
{
    struct time_scale s;

    switch (leaf & 0xff) {
    case 0:
        return (struct cpuid){0x40000005, 0x566e6558, 0x65584d4d, 0x4d4d566e}; /* "XenVMMXenVMM" */
    case 1:
        return (struct cpuid){4u << 16 | 17, 0, 0, 0};
    case 2:
        return (struct cpuid){1, 0x40000000, 0, 0};
    case 3:
        if (sub == 0)
            return (struct cpuid){0, 2, (u32)time_tsc_khz(), 0};
        if (sub == 1) {
            time_scale_get(&s);
            return (struct cpuid){0, 0, s.mul, (u32)s.shift};
        }
        return (struct cpuid){(u32)time_tsc_khz(), 0, 0, 0};
    case 4:
        return (struct cpuid){(u32)HVM_CPUID_EBX, v->id, 0, 0};
    default:
        return (struct cpuid){0, 0, 0, 0};
    }
}

static struct cpuid leaf_1(const struct vcpu *v)
{
    struct cpuid c = cpuid(1, 0);

    c.edx = cpu_desc.word[CPU_1D] &
            (u32)(BITS(0, 6) | BITS(8, 9) | BIT(11) | BIT(13) | BITS(15, 17) | BIT(19) | BITS(23, 26));
    c.ecx = cpu_desc.word[CPU_1C] &
            (u32)(BIT(0) | BIT(1) | BIT(9) | BIT(13) | BIT(19) | BIT(20) | BIT(22) | BIT(23) | BIT(25) | BIT(30));
    c.ecx |= (u32)(BIT(31) | BIT(21)); /* hypervisor, x2APIC */
    c.edx |= (u32)BIT(9);
    c.ebx = (c.ebx & 0xff00) | 1u << 16 | (v->id * 2 & 0xff) << 24;
    return c;
}

struct cpuid hvm_cpuid(const struct vcpu *v, u32 leaf, u32 sub)
{
    static const struct cpuid none = {0, 0, 0, 0};
    struct cpuid c;

    if (leaf >= 0x40000000 && leaf < 0x40010000)
        return leaf <= 0x40000005 ? hv_leaf(v, leaf, sub) : none;
    if (leaf > cpu_desc.max_leaf && (leaf < 0x80000000 || leaf > cpu_desc.max_ext))
        return none;
    switch (leaf) {
    case 0:
        c = cpuid(0, 0);
        c.eax = min(c.eax, 0xbu);
        return c;
    case 1:
        return leaf_1(v);
    case 7: /* FSGSBASE BMI1 SMEP BMI2 ERMS RDSEED ADX SMAP CLFLUSHOPT CLWB SHA */
        if (sub)
            return none;
        return (struct cpuid){0,
                              cpu_desc.word[CPU_7B] & (u32)(BIT(0) | BIT(3) | BIT(7) | BIT(8) | BIT(9) | BITS(18, 20) |
                                                            BIT(23) | BIT(24) | BIT(29)),
                              0, 0};
    case 0xb:
        return (struct cpuid){0, sub ? 0 : 1, (sub & 0xff) | (sub == 0 ? 0x100u : 0), v->id * 2};
    case 2:
    case 4:
    case 0x80000000:
    case 0x80000002 ... 0x80000006:
        return cpuid(leaf, sub);
    case 0x80000001:
        c = cpuid(leaf, 0);
        c.edx = cpu_desc.word[CPU_E1D] & (u32)(BITS(0, 6) | BIT(8) | BIT(9) | BIT(11) | BIT(13) | BITS(15, 17) |
                                               BIT(20) | BITS(22, 26) | BIT(29));
        c.ecx = cpu_desc.word[CPU_E1C] & (u32)(BIT(0) | BITS(5, 8));
        return c;
    case 0x80000007:
        return (struct cpuid){0, 0, 0, cpu_desc.word[CPU_E7D] & (u32)BIT(8)};
    case 0x80000008:
        c = cpuid(leaf, 0);
        return (struct cpuid){(c.eax & 0xff00) | min(c.eax & 0xff, 40u), 0, 0, 0};
    default:
        return none;
    }
}
