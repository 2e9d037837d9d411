/* SPDX-License-Identifier: MIT */
/*
 * A kernel without the ENTRY note starts at its ELF header's entry. The rest is as usual.
 */
#include "guest.h"

int main(void)
{
    test("started");
    EQ((u64)guest_base, 0xffffffff80000000);
    EQ(entry_regs[R_RSI], (u64)si);
    TRUE(same(si->magic, "xen-3.0-x86_64", 15));
    test("p2m");
    EQ(si->mfn_list, 0x8000000000);
    EQ(((u64 *)HV_START)[mfn_of(guest_end)], (guest_end - guest_base) >> 12);
    return 0;
}
