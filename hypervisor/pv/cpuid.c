/* SPDX-License-Identifier: MIT */
/*
 * The CPU that a PV kernel sees (through forced emulation): the real one, less what paravirtualisation cannot give.
 * Masks are lists of what may pass, so that a feature nobody thought of stays hidden. Leaves 0x40000000.. are the ABI's
 * hypervisor leaves.
 */
#include "hw/fpu.h"
#include "hw/time.h"
#include "pv/pv.h"

#define BITS(a, b) (((b) == 31 ? 0xffffffffu : (1u << ((b) + 1)) - 1) & ~((1u << (a)) - 1))

/* What a PV kernel may see of each feature word. */
static u32 pass(enum cpu_word w)
{
    switch (w) {
    case CPU_1D: /* FPU DE TSC MSR PAE CX8 APIC SEP PGE(no) CMOV PAT CLFSH MMX FXSR SSE SSE2 SS HTT(no) */
        return BIT(0) | BIT(2) | BIT(4) | BIT(5) | BIT(6) | BIT(8) | BIT(9) | BIT(15) | BIT(16) | BIT(19) |
               BITS(23, 27);
    case CPU_1C: /* SSE3 PCLMUL SSSE3 FMA CX16 SSE4.1 SSE4.2 MOVBE POPCNT AES XSAVE OSXSAVE AVX F16C RDRAND HYPERVISOR
                  */
        return (u32)(BIT(0) | BIT(1) | BIT(9) | BIT(12) | BIT(13) | BIT(19) | BIT(20) | BIT(22) | BIT(23) | BIT(25) |
                     BIT(26) | BIT(27) | BIT(28) | BIT(29) | BIT(30));
    case CPU_E1D: /* the copies of 1D, SYSCALL NX MMXEXT FXSR_OPT RDTSCP LM 3DNOW */
        return (u32)(BIT(0) | BIT(2) | BIT(4) | BIT(5) | BIT(6) | BIT(8) | BIT(9) | BIT(11) | BIT(15) | BIT(16) |
                     BIT(20) | BITS(22, 25) | BIT(27) | BITS(29, 31));
    case CPU_E1C: /* LAHF CMP_LEGACY(no) ABM SSE4A MISALIGN 3DNOWPREFETCH XOP(FMA4, TBM) */
        return BIT(0) | BITS(5, 8) | BIT(11) | BIT(16) | BIT(21);
    case CPU_7B: /* BMI1 AVX2 BMI2 ERMS AVX512* RDSEED ADX CLFLUSHOPT CLWB SHA; not FSGSBASE SMEP SMAP INVPCID MPX */
        return (u32)(BIT(3) | BIT(5) | BIT(8) | BIT(9) | BIT(16) | BIT(17) | BIT(18) | BIT(19) | BIT(21) | BIT(23) |
                     BIT(24) | BIT(26) | BITS(28, 31));
    case CPU_7C: /* AVX512 VBMI.. VAES VPCLMUL VNNI BITALG VPOPCNTDQ RDPID(no) */
        return BIT(1) | BIT(6) | BITS(8, 12) | BIT(14);
    case CPU_7D: /* FSRM, AVX512 4VNNIW 4FMAPS VP2INTERSECT */
        return BIT(2) | BIT(3) | BIT(4) | BIT(8);
    case CPU_D1A:
        return 7; /* XSAVEOPT XSAVEC XGETBV1 */
    case CPU_E7D:
        return BIT(8);
    default:
        return 0;
    }
}

static u32 word(enum cpu_word w)
{
    return cpu_desc.word[w] & pass(w);
}

static struct cpuid hv_leaf(const struct vcpu *v, u32 leaf, u32 sub)
{
    struct time_scale s;
    switch (leaf & 0xff) {
    case 0:
        return (struct cpuid){0x40000005, 0x566e6558, 0x65584d4d, 0x4d4d566e}; /* "XenVMMXenVMM" */
    case 1:
        return (struct cpuid){4u << 16 | 17, 0, 0, 0};
    case 2:
        return (struct cpuid){1, 0x40000000, 1, 0}; /* one hypercall page, its MSR; preserve_ad */
    case 3:
        if (sub == 0)
            return (struct cpuid){0, 2, (u32)time_tsc_khz(), 0}; /* native TSC */
        if (sub == 1) {
            time_scale_get(&s);
            return (struct cpuid){0, 0, s.mul, (u32)s.shift};
        }
        return (struct cpuid){(u32)time_tsc_khz(), 0, 0, 0};
    case 5:
        return (struct cpuid){0, min(cpu_desc.phys_bits, 44u), 0, 0};
    default:
        return (struct cpuid){0, 0, 0, 0};
    }
}

static struct cpuid xstate_leaf(const struct vcpu *v, u32 sub)
{
    u64 allowed = fpu_xcr0_allowed();
    struct cpuid c = cpuid(0xd, sub);
    if (!allowed)
        return (struct cpuid){0, 0, 0, 0};
    if (sub == 0) {
        c.eax = (u32)allowed;
        c.edx = (u32)(allowed >> 32);
    } else if (sub == 1) {
        c = (struct cpuid){word(CPU_D1A), 0, 0, 0};
    } else if (sub > 62 || !(allowed & BIT(sub))) {
        c = (struct cpuid){0, 0, 0, 0};
    }
    return c;
}

static struct cpuid leaf_1(const struct vcpu *v)
{
    struct cpuid c = cpuid(1, 0);
    c.edx = word(CPU_1D);
    c.ecx = word(CPU_1C) & ~(u32)(BIT(26) | BIT(27));
    if (fpu_xcr0_allowed())
        c.ecx |= (u32)(BIT(26) | BIT(27));
    else
        c.ecx &= ~(u32)(BIT(12) | BIT(28) | BIT(29));
    c.ecx |= (u32)BIT(31);
    c.ebx = (c.ebx & 0xffff) | 1u << 16 | (v->id & 0x7f) << 25;
    return c;
}

static struct cpuid leaf_7(u32 sub)
{
    if (sub)
        return (struct cpuid){0, 0, 0, 0};
    struct cpuid c = {0, word(CPU_7B), word(CPU_7C), word(CPU_7D)};
    if (!(fpu_xcr0_allowed() & 4)) {
        c.ebx &= ~(u32)(BIT(5));
        c.ecx &= ~(u32)(BIT(9) | BIT(10));
    }
    if ((fpu_xcr0_allowed() & 0xe0) != 0xe0) {
        c.ebx &= ~(u32)(BIT(16) | BIT(17) | BIT(21) | BIT(26) | BIT(28) | BIT(30) | BIT(31));
        c.ecx &= ~(u32)(BIT(1) | BIT(6) | BIT(11) | BIT(12) | BIT(14));
        c.edx = c.edx & ~(u32)(BIT(2) | BIT(3) | BIT(8));
    }
    return c;
}

struct cpuid pv_cpuid(const struct vcpu *v, u32 leaf, u32 sub)
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
        c.eax = min(c.eax, 0xdu);
        return c;
    case 1:
        return leaf_1(v);
    case 7:
        return leaf_7(sub);
    case 0xd:
        return xstate_leaf(v, sub);
    case 2:
    case 4:
    case 0x80000000:
    case 0x80000002 ... 0x80000006:
        return cpuid(leaf, sub);
    case 0x80000001:
        c = cpuid(leaf, 0);
        c.edx = word(CPU_E1D);
        c.ecx = word(CPU_E1C);
        if (!fpu_xcr0_allowed())
            c.ecx &= ~(u32)(BIT(11) | BIT(16));
        return c;
    case 0x80000007:
        return (struct cpuid){0, 0, 0, word(CPU_E7D)};
    case 0x80000008:
        c = cpuid(leaf, 0);
        return (struct cpuid){c.eax & 0xffff, 0, 0, 0};
    default:
        return none;
    }
}
