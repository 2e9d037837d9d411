/* SPDX-License-Identifier: MIT */
/*
 * What guests may see of each feature word: PV kernels what paravirtualisation can give; those with hardware assistance
 * all of that (but RDTSCP, whose register is not switched) and what is their own with nested paging. Hidden from both
 * is what is not virtualised: VMX, SVM, MTRR, MONITOR and MWAITX, PCID, the performance counters, the controls against
 * speculation. The words are made once, at boot.
 */
#include "dom/cpuid.h"
#include "hw/fpu.h"
#include "hw/time.h"
#include "lib/string.h"
#include "public/wirt.h"

#define BITS(a, b)        (((b) == 31 ? 0xffffffffu : (1u << ((b) + 1)) - 1) & ~((1u << (a)) - 1))
#define B(n)              (1u << (n))
#define HV_BASE           0x40000000u
#define HV_LAST           0x40000005u
#define HAS_VCPU_ID       BIT(3) /* leaf 4: the vCPU's number is in ebx */
#define HYPERVISOR        B(31)
#define X2APIC            B(21)
#define XSAVES_SUBS       62u
#define PHYS_BITS_PV_MOST 44u /* of frames that a PV guest can name */
#define PHYS_BITS_HVM     40u

static const struct {
    u32 pv, hvm; /* what hvm has besides, and what it has not */
    u32 not_hvm;
} pass[CPU_WORD_COUNT] = {
    /* FPU DE TSC MSR PAE CX8 APIC CMOV PAT CLFSH MMX FXSR SSE SSE2 SS; VME PSE SEP PGE PSE36 */
    [CPU_1D] = {B(0) | B(2) | BITS(4, 6) | B(8) | B(9) | B(15) | B(16) | B(19) | BITS(23, 27),
                B(1) | B(3) | B(11) | B(13) | B(17), 0},
    /* SSE3 PCLMUL SSSE3 FMA CX16 SSE4.1 SSE4.2 MOVBE POPCNT AES XSAVE OSXSAVE AVX F16C RDRAND */
    [CPU_1C] = {B(0) | B(1) | B(9) | B(12) | B(13) | B(19) | B(20) | B(22) | B(23) | BITS(25, 30), 0, 0},
    /* the copies of 1D, SYSCALL NX MMXEXT FXSR_OPT RDTSCP LM 3DNOW; PGE PSE36 1GB */
    [CPU_E1D] = {B(0) | B(2) | BITS(4, 6) | B(8) | B(9) | B(11) | B(15) | B(16) | B(20) | BITS(22, 25) | B(27) |
                     BITS(29, 31),
                 B(1) | B(3) | B(13) | B(17) | B(26), B(27)},
    /* LAHF ABM SSE4A MISALIGN 3DNOWPREFETCH XOP FMA4 TBM */
    [CPU_E1C] = {B(0) | BITS(5, 8) | B(11) | B(16) | B(21), 0, 0},
    /* BMI1 AVX2 BMI2 ERMS AVX512* RDSEED ADX CLFLUSHOPT CLWB SHA; FSGSBASE SMEP SMAP */
    [CPU_7B] = {B(3) | B(5) | B(8) | B(9) | BITS(16, 19) | B(21) | B(23) | B(24) | B(26) | BITS(28, 31),
                B(0) | B(7) | B(20), 0},
    /* AVX512 VBMI.. VAES VPCLMUL VNNI BITALG VPOPCNTDQ */
    [CPU_7C] = {B(1) | B(6) | BITS(8, 12) | B(14), 0, 0},
    /* FSRM, AVX512 4VNNIW 4FMAPS VP2INTERSECT */
    [CPU_7D] = {BITS(2, 4) | B(8), 0, 0},
    [CPU_D1A] = {7, 0, 0}, /* XSAVEOPT XSAVEC XGETBV1 */
    [CPU_E7D] = {B(8), 0, 0},
};

/* And not without these components of the extended state. */
static const struct {
    enum cpu_word word;
    u32 bits, xcr0;
} needs[] = {
    {CPU_1C, B(12) | BITS(26, 29), XCR0_X87},
    {CPU_E1C, B(11) | B(16), XCR0_X87},
    {CPU_D1A, 7, XCR0_X87},
    {CPU_7B, B(5), XCR0_AVX},
    {CPU_7C, B(9) | B(10), XCR0_AVX},
    {CPU_7B, B(16) | B(17) | B(21) | B(26) | B(28) | B(30) | B(31), XCR0_AVX512},
    {CPU_7C, B(1) | B(6) | B(11) | B(12) | B(14), XCR0_AVX512},
    {CPU_7D, B(2) | B(3) | B(8), XCR0_AVX512},
};

static __sealed u32 words[DOMAIN_KINDS][CPU_WORD_COUNT];

/* QEMU's SVM lets a guest write XCR0 unseen: such a one has no XSAVE. */
u64 cpuid_xcr0(enum domain_kind kind)
{
    return kind == DOMAIN_HVM && cpu_desc.is_tcg ? 0 : fpu_xcr0_allowed();
}

static __init void words_make(enum domain_kind kind)
{
    u32 *word = words[kind];
    u64 xcr0 = cpuid_xcr0(kind);

    for (u32 w = 0; w < CPU_WORD_COUNT; w++)
        word[w] = cpu_desc.word[w] & (kind == DOMAIN_PV ? pass[w].pv : (pass[w].pv | pass[w].hvm) & ~pass[w].not_hvm);
    word[CPU_1C] |= HYPERVISOR;
    if (xcr0)
        word[CPU_1C] |= B(26) | B(27);
    if (kind == DOMAIN_HVM) {
        word[CPU_1C] |= X2APIC;
        word[CPU_1D] |= B(9);
    }
    for (u32 i = 0; i < ARRAY_COUNT(needs); i++)
        if ((xcr0 & needs[i].xcr0) != needs[i].xcr0)
            word[needs[i].word] &= ~needs[i].bits;
}

__init void cpuid_init(void)
{
    words_make(DOMAIN_PV);
    words_make(DOMAIN_HVM);
}

static struct cpuid hv_leaf(enum domain_kind kind, u32 vcpu, u32 leaf, u32 sub)
{
    struct time_scale s;

    switch (leaf & 0xff) {
    case 0:
        return (struct cpuid){HV_LAST, 0x566e6558, 0x65584d4d, 0x4d4d566e}; /* "XenVMMXenVMM" */
    case 1:
        return (struct cpuid){4u << 16 | 17, 0, 0, 0};
    case 2: /* one hypercall page, its MSR; preserve_ad */
        return (struct cpuid){1, HV_BASE, kind == DOMAIN_PV, 0};
    case 3:
        if (sub == 0)
            return (struct cpuid){0, 2, (u32)time_tsc_khz(), 0}; /* native TSC */
        if (sub == 1) {
            time_scale_get(&s);
            return (struct cpuid){0, 0, s.mul, (u32)s.shift};
        }
        return (struct cpuid){(u32)time_tsc_khz(), 0, 0, 0};
    case 4:
        return kind == DOMAIN_HVM ? (struct cpuid){(u32)HAS_VCPU_ID, vcpu, 0, 0} : (struct cpuid){0, 0, 0, 0};
    default:
        return (struct cpuid){0, kind == DOMAIN_PV ? min(cpu_desc.phys_bits, PHYS_BITS_PV_MOST) : 0, 0, 0};
    }
}

/* Wirt's own leaves, public/wirt.h. */
static struct cpuid wirt_leaf(enum domain_kind kind, u32 leaf)
{
    if (leaf == WIRT_CPUID_BASE)
        return (struct cpuid){WIRT_CPUID_BASE + 1, WIRT_CPUID_SIGNATURE, WIRT_CPUID_SIGNATURE, WIRT_CPUID_SIGNATURE};
    return (struct cpuid){kind == DOMAIN_PV ? WIRT_FEATURE_switch | WIRT_FEATURE_return : 0, 0, 0, 0};
}

static struct cpuid xstate_leaf(enum domain_kind kind, u32 sub)
{
    u64 allowed = cpuid_xcr0(kind);
    struct cpuid c = cpuid(0xd, sub);

    if (!allowed || (sub > 1 && (sub > XSAVES_SUBS || !(allowed & BIT(sub)))))
        return (struct cpuid){0, 0, 0, 0};
    if (sub == 0) {
        c.eax = (u32)allowed;
        c.edx = (u32)(allowed >> 32);
    } else if (sub == 1) { /* ebx: the size of what XSAVEC writes */
        c = (struct cpuid){words[kind][CPU_D1A], words[kind][CPU_D1A] & 2 ? c.ebx : 0, 0, 0};
    }
    return c;
}

struct cpuid cpuid_leaf(enum domain_kind kind, u32 vcpu, u32 leaf, u32 sub)
{
    static const struct cpuid none = {0, 0, 0, 0};
    const u32 *word = words[kind];
    struct cpuid c;

    if (leaf - WIRT_CPUID_BASE < 2)
        return wirt_leaf(kind, leaf);
    if (leaf >= HV_BASE && leaf < HV_BASE + 0x10000)
        return leaf <= HV_LAST ? hv_leaf(kind, vcpu, leaf, sub) : none;
    if (leaf > cpu_desc.max_leaf && (leaf < 0x80000000 || leaf > cpu_desc.max_ext))
        return none;
    switch (leaf) {
    case 0:
        c = cpuid(0, 0);
        c.eax = min(c.eax, 0xdu);
        return c;
    case 1:
        c = cpuid(1, 0);
        return (struct cpuid){c.eax, (c.ebx & 0xffff) | 1u << 16 | (vcpu * 2 & 0xff) << 24, word[CPU_1C], word[CPU_1D]};
    case 7:
        return sub ? none : (struct cpuid){0, word[CPU_7B], word[CPU_7C], word[CPU_7D]};
    case 0xb:
        return kind == DOMAIN_PV ? none : (struct cpuid){0, sub ? 0 : 1, (sub & 0xff) | (sub ? 0 : 0x100u), vcpu * 2};
    case 0xd:
        return xstate_leaf(kind, sub);
    case 2:
    case 4:
    case 0x80000000:
    case 0x80000002 ... 0x80000006:
        return cpuid(leaf, sub);
    case 0x80000001:
        c = cpuid(leaf, 0);
        return (struct cpuid){c.eax, c.ebx, word[CPU_E1C], word[CPU_E1D]};
    case 0x80000007:
        return (struct cpuid){0, 0, 0, word[CPU_E7D]};
    case 0x80000008:
        c = cpuid(leaf, 0);
        if (kind == DOMAIN_HVM)
            c.eax = (c.eax & 0xff00) | min(c.eax & 0xff, PHYS_BITS_HVM);
        return (struct cpuid){c.eax & 0xffff, 0, 0, 0};
    default:
        return none;
    }
}
