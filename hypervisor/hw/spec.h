/* SPDX-License-Identifier: MIT */
/* Speculation: what this CPU is open to, what entry.S does against it, what a switch of guests
 * does. */
#ifndef WIRT_HW_SPEC_H
#define WIRT_HW_SPEC_H

#include "lib/types.h"

/* cpu_info.exit_flags, looked at by entry.S */
#define SPEC_RSB  1u /* fill the return stack on entry from a guest */
#define SPEC_VERW 2u /* VERW before going back to a guest */
#define SPEC_IBRS 4u /* MSR_SPEC_CTRL.IBRS on at entry, off at exit */

struct spec_policy {
    u32 exit_flags;
    bool has_ibpb, is_ibrs_always;
    bool has_l1tf; /* non-present entries with an address are dangerous on this CPU */
};
extern struct spec_policy spec_policy; /* sealed */

void spec_init_this(void); /* every CPU: fills cpu_info.exit_flags */
/* Before a vCPU of `owner` runs here: a barrier if another owner ran before. */
void spec_switch_vcpu(const void *owner);

#endif
