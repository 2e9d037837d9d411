/* SPDX-License-Identifier: MIT */
/*
 * Speculation policy at work: decided once by boot/spec.c, sealed, applied in entry.S through
 * cpu_info.exit_flags and here, when another guest's vCPU comes onto a CPU.
 */
#include "hw/spec.h"

#include "hw/cpu.h"
#include "hw/percpu.h"

#define SPEC_CTRL_IBRS 1u

__sealed struct spec_policy spec_policy;
static PERCPU(u64, spec_owner);

void spec_init_this(void)
{
    cpu_info()->exit_flags = spec_policy.exit_flags;
    if (spec_policy.is_ibrs_always)
        cpu_wrmsr(MSR_SPEC_CTRL, SPEC_CTRL_IBRS);
}

void spec_switch_vcpu(u64 owner)
{
    if (!spec_policy.has_ibpb || *this_cpu(spec_owner) == owner)
        return;
    *this_cpu(spec_owner) = owner;
    cpu_wrmsr(MSR_PRED_CMD, 1);
}
