/* SPDX-License-Identifier: MIT */
/*
 * Claims of core/frame.c: what one domain has claimed nobody else can take, by one thread and by all of them at once;
 * what comes back is anybody's, and a claim goes down with what it gave.
 */
#include "test.h"
#include "core/frame.h"
#include "lib/errno.h"

static u64 claimed_now(void)
{
    struct frame_stats s;

    frame_stats(&s);
    return s.claimed;
}

static void claims_keep_frames(void)
{
    u64 a = 0, b = 0, all = test_free_now(), n, some[4];

    CU_ASSERT_EQUAL(frame_claim(&a, all + 1), -ENOMEM);
    CU_ASSERT_EQUAL(frame_claim(&a, ~0ull), -ENOMEM);
    CU_ASSERT_EQUAL(frame_claim(&a, 1ull << 63), -ENOMEM);
    CU_ASSERT(a == 0 && claimed_now() == 0);
    CU_ASSERT_EQUAL(frame_claim(&a, all - 20), 0);
    CU_ASSERT_EQUAL(frame_claim(&b, 21), -ENOMEM);
    CU_ASSERT_EQUAL(frame_claim(&b, 20), 0);
    CU_ASSERT_EQUAL(claimed_now(), all);
    CU_ASSERT_EQUAL(frame_alloc(0, FRAME_RAW, 0).n, MFN_NONE); /* others */
    n = frame_alloc_claimed(&b, 2, FRAME_RAW, 0).n;
    CU_ASSERT(n != MFN_NONE && b == 16 && claimed_now() == all - 4 && test_free_now() == all - 4);
    CU_ASSERT_EQUAL(frame_alloc_claimed(&b, 5, FRAME_RAW, 0).n, MFN_NONE); /* more than one's own */
    CU_ASSERT_EQUAL(b, 16);
    frame_free(mfn(n), 2);
    CU_ASSERT_EQUAL(b, 16); /* what comes back is anybody's */
    n = frame_alloc(2, FRAME_RAW, 0).n;
    CU_ASSERT_NOT_EQUAL(n, MFN_NONE);
    frame_free(mfn(n), 2);
    n = frame_alloc_claimed(&b, 4, FRAME_RAW, 0).n;
    CU_ASSERT(n != MFN_NONE && b == 0);
    frame_free(mfn(n), 4);
    CU_ASSERT_EQUAL(frame_claim(&a, 2), 0); /* less */
    CU_ASSERT(a == 2 && claimed_now() == 2);
    n = frame_alloc_claimed(&a, 3, FRAME_RAW, 0).n; /* the claim, and six of the others */
    CU_ASSERT(n != MFN_NONE && a == 0 && claimed_now() == 0);
    frame_free(mfn(n), 3);
    for (u32 i = 0; i < 4; i++)
        CU_ASSERT_NOT_EQUAL(some[i] = frame_alloc_claimed(&a, 0, FRAME_RAW, 0).n, MFN_NONE); /* as without one */
    for (u32 i = 0; i < 4; i++)
        frame_free(mfn(some[i]), 0);
    CU_ASSERT(a == 0 && claimed_now() == 0 && test_free_now() == all);
}

/* Each thread claims, and must get what it claimed while the others take whatever they can. */
static void hammer_claims(u32 cpu)
{
    u32 state = cpu * 7919 + 1, count;
    u64 claim = 0, have[64];

    fake_cpu_set(cpu);
    for (int i = 0; i < 2000; i++) {
        state = state * 1664525 + 1013904223;
        if (state >> 31 && frame_claim(&claim, state >> 16 & 63) && claim)
            abort();
        for (count = 0; count < 64; count++) {
            bool is_promised = claim != 0;
            have[count] = frame_alloc_claimed(&claim, 0, FRAME_RAW, 0).n;
            if (have[count] == MFN_NONE && is_promised)
                abort();
            if (have[count] == MFN_NONE)
                break;
        }
        while (count > 0)
            frame_free(mfn(have[--count]), 0);
        (void)frame_claim(&claim, 0);
    }
}

static void claims_hold_in_a_race(void)
{
    static u64 kept[1 << 16];
    u64 claim = 0;
    u32 count = 0, order = FRAME_ORDER_MAX;

    while (test_free_now() > 100 && count < 1u << 16) { /* next to nothing is left */
        u64 n = test_free_now() - 100 >= 1ull << order ? frame_alloc(order, FRAME_RAW, 0).n : MFN_NONE;
        if (n != MFN_NONE)
            kept[count++] = n << 8 | order;
        else if (order-- == 0)
            break;
    }
    CU_ASSERT_EQUAL(test_free_now(), 100);
    test_threads(hammer_claims);
    CU_ASSERT_EQUAL(test_free_now(), 100);
    CU_ASSERT_EQUAL(claimed_now(), 0);
    CU_ASSERT_EQUAL(frame_claim(&claim, 101), -ENOMEM);
    while (count > 0) {
        count--;
        frame_free(mfn(kept[count] >> 8), (u32)(kept[count] & 0xff));
    }
    CU_ASSERT_EQUAL(test_free_now(), fake_free_at_start);
}

CU_TestInfo test_claim[] = {
    {"claims", claims_keep_frames}, {"claims by threads", claims_hold_in_a_race}, CU_TEST_INFO_NULL};
