/* SPDX-License-Identifier: MIT */
/*
 * The processor that guests see: one table of what may pass of the real one's features, for each way to run, so that a
 * feature nobody thought of stays hidden; and the ABI's hypervisor leaves.
 */
#ifndef WIRT_DOM_CPUID_H
#define WIRT_DOM_CPUID_H

#include "dom/domain.h"
#include "hw/cpu.h"

void cpuid_init(void); /* boot, when hw/fpu.c has started */
/* Of guests of that kind, as a vCPU of that number sees it. OSXSAVE is on, where there is XSAVE. */
struct cpuid cpuid_leaf(enum domain_kind kind, u32 vcpu, u32 leaf, u32 sub);
u64 cpuid_xcr0(enum domain_kind kind); /* what such guests may choose from; 0: they have no XSAVE */

#endif
