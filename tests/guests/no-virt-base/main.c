/* SPDX-License-Identifier: MIT */
/*
 * A kernel without the VIRT_BASE note: pfn 0 lies at address 0 and all else follows from there. It is linked at 1 MiB.
 */
#include "guest.h"

static u64 data = 0x1234;

int main(void)
{
    test("layout");
    EQ((u64)guest_base, 0);
    TRUE((u64)si < 0x10000000 && (u64)si >= (u64)guest_end);
    TRUE(si->pt_base > (u64)si && si->pt_base < 0x10000000);
    EQ((u64)&data >> 28, 0);
    EQ(data, 0x1234);
    test("address-0");
    volatile u64 *zero = (void *)0;
    __asm__("" : "+r"(zero));
    *zero = 0x77; /* pfn 0 is memory like any other */
    EQ(*zero, 0x77);
    test("tables");
    u64 *e = pte_of(0, 1);
    TRUE(e != NULL);
    EQ(e ? (*e & PTE_ADDR) >> 12 : 0, ((u64 *)si->mfn_list)[0]);
    EQ(pte_of(0, 4) - (u64 *)si->pt_base, 0);
    test("p2m");
    EQ(si->mfn_list, 0x8000000000);
    for (u64 i = 0; i < si->nr_pages; i++)
        if (!EQ(((u64 *)HV_START)[((u64 *)si->mfn_list)[i]], i))
            break;
    return 0;
}
