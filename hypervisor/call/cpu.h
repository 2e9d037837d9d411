/* SPDX-License-Identifier: MIT */
/* The processor that guests see, for the tools: call/cpu.c. */
#ifndef WIRT_CALL_CPU_H
#define WIRT_CALL_CPU_H

#include "call/domctl.h"
#include "public/sysctl.h"

s64 call_cpu_featureset(struct xen_sysctl_cpu_featureset *op);
s64 call_cpu_policy(struct xen_sysctl_cpu_policy *op);
domctl_fn cpu_policy_get, cpu_policy_set;

#endif
