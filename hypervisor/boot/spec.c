/* SPDX-License-Identifier: MIT */
/*
 * Speculation policy, decided once from CPUID and MSR_ARCH_CAPABILITIES. Only attacks of a guest on Wirt and of one
 * guest on another count; what happens inside a guest is its kernel's affair. An emulator that translates code does
 * not speculate, so nothing is done there.
 */
#include "boot/bringup.h"
#include "hw/spec.h"
#include "lib/fmt.h"
#include "lib/log.h"
#include "lib/string.h"

#define MSR_ARCH_CAPS     0x10au
#define CAP_RDCL_NO       BIT(0)
#define CAP_IBRS_ALL      BIT(1)
#define CAP_MDS_NO        BIT(5)
#define CAP_PSCHANGE_NO   BIT(6)
#define CAP_FB_CLEAR      BIT(17)
#define F_VMX             CPU_F(CPU_1C, 5)
#define F_INTEL_MD_CLEAR  CPU_F(CPU_7D, 10)
#define F_INTEL_IBRS      CPU_F(CPU_7D, 26) /* and IBPB */
#define F_ARCH_CAPS       CPU_F(CPU_7D, 29)
#define F_AMD_IBPB        CPU_F(CPU_E8B, 12)
#define F_AMD_IBRS        CPU_F(CPU_E8B, 14)
#define F_AMD_IBRS_ALWAYS CPU_F(CPU_E8B, 16)

static __init void spec_decide(void)
{
    u64 caps = 0;
    if (cpu_has(F_ARCH_CAPS) && !cpu_rdmsr_safe(MSR_ARCH_CAPS, &caps))
        caps = 0;
    bool is_intel = cpu_desc.vendor == CPU_INTEL;
    spec_policy.has_ibpb = cpu_has(F_INTEL_IBRS) || cpu_has(F_AMD_IBPB);
    bool has_ibrs = cpu_has(F_INTEL_IBRS) || cpu_has(F_AMD_IBRS);
    spec_policy.is_ibrs_always = has_ibrs && ((caps & CAP_IBRS_ALL) || cpu_has(F_AMD_IBRS_ALWAYS));
    if (has_ibrs && !spec_policy.is_ibrs_always)
        spec_policy.exit_flags |= SPEC_IBRS;
    spec_policy.exit_flags |= SPEC_RSB_ASSISTED;
    /* With SMEP a return target planted by ring 3 is not followed. */
    if (!cpu_has(CPU_F_SMEP))
        spec_policy.exit_flags |= SPEC_RSB;
    if (is_intel && cpu_has(F_INTEL_MD_CLEAR) && (!(caps & CAP_MDS_NO) || (caps & CAP_FB_CLEAR)))
        spec_policy.exit_flags |= SPEC_VERW;
    spec_policy.has_l1tf = is_intel && cpu_desc.family == 6 && !(caps & CAP_RDCL_NO);
    spec_policy.has_multihit = cpu_has(F_VMX) && !(caps & CAP_PSCHANGE_NO);
}

__init void spec_init(const char *option)
{
    char text[96];
    const char *why = NULL;
    if (option && (!strcmp(option, "no") || !strcmp(option, "off") || !strcmp(option, "0")))
        why = "switched off by spec-ctrl=no";
    else if (cpu_desc.is_tcg && !(option && !strcmp(option, "yes")))
        why = "nothing to do, the CPU is emulated (spec-ctrl=yes insists)";
    spec_decide();
    if (why) { /* page-table entries stay under suspicion: that is no matter of speed */
        spec_policy.exit_flags = 0;
        spec_policy.has_ibpb = spec_policy.is_ibrs_always = false;
        spec_policy.has_l1tf = spec_policy.has_l1tf && !cpu_desc.is_tcg;
        log_info("speculation: %s", why);
        return;
    }
    fmt(text, sizeof(text), "%s%s%s%s%s",
        spec_policy.exit_flags & SPEC_RSB ? " RSB filling" : " RSB filling behind PVH guests",
        spec_policy.exit_flags & SPEC_VERW ? " VERW" : "", spec_policy.exit_flags & SPEC_IBRS ? " IBRS" : "",
        spec_policy.is_ibrs_always ? " IBRS-always" : "", spec_policy.has_ibpb ? " IBPB" : "");
    log_info("speculation: in force:%s; L1TF %s", text, spec_policy.has_l1tf ? "affected" : "not affected");
}
