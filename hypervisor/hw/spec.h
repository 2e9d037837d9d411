/* SPDX-License-Identifier: MIT */
/* Speculation: what this CPU is open to, what entry.S does against it, what a switch of guests
 * does. */
#ifndef WIRT_HW_SPEC_H
#define WIRT_HW_SPEC_H

#include "hw/regs_asm.h"
#include "lib/types.h"

struct spec_policy {
    u32 exit_flags; /* SPEC_* of hw/regs_asm.h, each CPU has them in its cpu_info */
    bool has_ibpb, is_ibrs_always;
    bool has_l1tf;     /* non-present entries with an address are dangerous on this CPU */
    bool has_multihit; /* so are executable large leaves of nested tables: CVE-2018-12207 */
};
extern struct spec_policy spec_policy; /* sealed */

void spec_init_this(void); /* every CPU: fills cpu_info.exit_flags */
/* Before a vCPU of `owner`, a number never used again, runs here: a barrier if another owner ran before. */
void spec_switch_vcpu(u64 owner);

#endif
