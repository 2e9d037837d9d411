/* SPDX-License-Identifier: MIT */
/*
 * Speculation policy, decided once from CPUID and MSR_ARCH_CAPABILITIES, sealed, and
 * applied in entry.S through cpu_info.exit_flags. Only attacks of a guest on Wirt and of one
 * guest on another count; what happens inside a guest is its kernel's affair. An
 * emulator that translates code does not speculate, so nothing is done there.
 */
#include "hw/spec.h"

#include "hw/cpu.h"
#include "hw/percpu.h"
#include "lib/fmt.h"
#include "lib/log.h"
#include "lib/string.h"

#define MSR_ARCH_CAPS     0x10au
#define CAP_RDCL_NO       BIT(0)
#define CAP_IBRS_ALL      BIT(1)
#define CAP_MDS_NO        BIT(5)
#define CAP_FB_CLEAR      BIT(17)
#define SPEC_CTRL_IBRS    1u
#define F_INTEL_MD_CLEAR  CPU_F(CPU_7D, 10)
#define F_INTEL_IBRS      CPU_F(CPU_7D, 26) /* and IBPB */
#define F_ARCH_CAPS       CPU_F(CPU_7D, 29)
#define F_AMD_IBPB        CPU_F(CPU_E8B, 12)
#define F_AMD_IBRS        CPU_F(CPU_E8B, 14)
#define F_AMD_IBRS_ALWAYS CPU_F(CPU_E8B, 16)

static __sealed struct {
    u32 exit_flags;
    bool has_ibpb, has_l1tf, is_ibrs_always;
} policy;
static PERCPU(const void *, spec_owner);

static void spec_decide(void)
{
    u64 caps = 0;
    if (cpu_has(F_ARCH_CAPS) && !cpu_rdmsr_safe(MSR_ARCH_CAPS, &caps))
        caps = 0;
    bool is_intel = cpu_desc.vendor == CPU_INTEL;
    policy.has_ibpb = cpu_has(F_INTEL_IBRS) || cpu_has(F_AMD_IBPB);
    bool has_ibrs = cpu_has(F_INTEL_IBRS) || cpu_has(F_AMD_IBRS);
    policy.is_ibrs_always = has_ibrs && ((caps & CAP_IBRS_ALL) || cpu_has(F_AMD_IBRS_ALWAYS));
    if (has_ibrs && !policy.is_ibrs_always)
        policy.exit_flags |= SPEC_IBRS;
    /* With SMEP a return target planted by ring 3 is not followed. */
    if (!cpu_has(CPU_F_SMEP))
        policy.exit_flags |= SPEC_RSB;
    if (is_intel && cpu_has(F_INTEL_MD_CLEAR) && (!(caps & CAP_MDS_NO) || (caps & CAP_FB_CLEAR)))
        policy.exit_flags |= SPEC_VERW;
    policy.has_l1tf = is_intel && cpu_desc.family == 6 && !(caps & CAP_RDCL_NO);
}

void spec_init(const char *option)
{
    char text[96];
    const char *why = NULL;
    if (option && (!strcmp(option, "no") || !strcmp(option, "off") || !strcmp(option, "0")))
        why = "switched off by spec-ctrl=no";
    else if (cpu_desc.is_tcg && !(option && !strcmp(option, "yes")))
        why = "nothing to do, the CPU is emulated (spec-ctrl=yes insists)";
    spec_decide();
    if (why) { /* page-table entries stay under suspicion: that is no matter of speed */
        policy.exit_flags = 0;
        policy.has_ibpb = policy.is_ibrs_always = false;
        policy.has_l1tf = policy.has_l1tf && !cpu_desc.is_tcg;
        log_info("speculation: %s", why);
        return;
    }
    fmt(text, sizeof(text), "%s%s%s%s%s", policy.exit_flags & SPEC_RSB ? " RSB filling" : "",
        policy.exit_flags & SPEC_VERW ? " VERW" : "", policy.exit_flags & SPEC_IBRS ? " IBRS" : "",
        policy.is_ibrs_always ? " IBRS-always" : "", policy.has_ibpb ? " IBPB" : "");
    log_info("speculation: in force:%s; L1TF %s", *text ? text : " nothing",
             policy.has_l1tf ? "affected" : "not affected");
}

void spec_init_this(void)
{
    cpu_info()->exit_flags = policy.exit_flags;
    if (policy.is_ibrs_always)
        cpu_wrmsr(MSR_SPEC_CTRL, SPEC_CTRL_IBRS);
}

void spec_switch_vcpu(const void *owner)
{
    if (!policy.has_ibpb || *this_cpu(spec_owner) == owner)
        return;
    *this_cpu(spec_owner) = owner;
    cpu_wrmsr(MSR_PRED_CMD, 1);
}

bool spec_has_l1tf(void)
{
    return policy.has_l1tf;
}
