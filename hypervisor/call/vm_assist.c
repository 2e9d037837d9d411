/* SPDX-License-Identifier: MIT */
/*
 * vm_assist: habits that a guest asks for. Accepted is what changes nothing here (segments of 4 GiB, extended
 * CR3), what Wirt always does (stores to page tables are emulated) and the runstate update flag.
 */
#include "call/call.h"
#include "lib/errno.h"

#define ASSISTS                                                                                                        \
    (BIT(VMASST_TYPE_4gb_segments) | BIT(VMASST_TYPE_writable_pagetables) | BIT(VMASST_TYPE_pae_extended_cr3) |        \
     BIT(VMASST_TYPE_runstate_update_flag))

s64 call_vm_assist(const struct call_args *args)
{
    u32 *word = &domain_current()->vm_assist;
    u32 bit;

    if (args->a[1] >= 32 || !(ASSISTS & BIT(args->a[1])))
        return -EINVAL;
    bit = 1u << args->a[1];
    if (args->a[0] == VMASST_CMD_enable)
        atomic_or(word, bit);
    else if (args->a[0] == VMASST_CMD_disable)
        atomic_and(word, ~bit);
    else
        return -ENOSYS;
    return 0;
}
