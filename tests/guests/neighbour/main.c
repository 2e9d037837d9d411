/* SPDX-License-Identifier: MIT */
/*
 * Who lives beside the hostile ones: a domU that only does what it may. Ten times a second it counts in xenstore, which
 * takes its vCPU, its timer, its port and its ring; it looks whether its memory is as it left it, and says so on its
 * console the moment that it is not.
 */
#include "domu.h"

int main(void)
{
    static u64 kept[64][512];
    u32 wrong = 0;
    traps_init();
    domu_init();
    test("begins");
    for (u32 i = 0; i < 64; i++)
        for (u32 k = 0; k < 512; k++)
            kept[i][k] = i * 0x9e3779b97f4a7c15 ^ k;
    XS_IS(xs(XS_WRITE, 0, "data/beat", "0"), "");
    test("goes-on");
    for (u64 beat = 1; wrong == 0; beat++) {
        sleep_ms(100);
        for (u32 i = 0; i < 64; i++)
            for (u32 k = 0; k < 512; k++)
                wrong += kept[i][k] != (i * 0x9e3779b97f4a7c15 ^ k);
        if (!XS_IS(xs(XS_WRITE, 0, "data/beat", numbered("", beat, "")), ""))
            break;
    }
    EQ(wrong, 0);
    return 0;
}
