/* SPDX-License-Identifier: MIT */
/* core/slab.c: zeroed, aligned, disjoint objects; empty frames go back; misuse and exhaustion. */
#include "test.h"
#include <string.h>
#include "core/frame.h"
#include "core/slab.h"

static u64 free_now(void)
{
    struct frame_stats s;

    frame_stats(&s);
    return s.free;
}

static size_t class_size(size_t size)
{
    size_t c = 64;

    while (c < size)
        c *= 2;
    return c;
}

static bool is_filled(const u8 *p, size_t size, u8 with)
{
    for (size_t i = 0; i < size; i++)
        if (p[i] != with)
            return false;
    return true;
}

static void random_sizes(void)
{
    enum { SLOTS = 600 };
    static struct {
        u8 *p;
        size_t size;
        u8 fill;
    } have[SLOTS];
    u64 free_before = free_now(), bytes_before = slab_bytes();
    int bad = 0;

    for (int round = 0; round < 60000; round++) {
        u64 i = fake_random(SLOTS);
        if (have[i].p) {
            bad += !is_filled(have[i].p, have[i].size, have[i].fill); /* nobody else wrote there */
            slab_free(have[i].p, have[i].size);
            have[i].p = NULL;
            continue;
        }
        have[i].size = 1 + fake_random(fake_random(10) ? 700 : 20000);
        have[i].fill = (u8)(1 + fake_random(255));
        have[i].p = slab_alloc(have[i].size);
        bad += ((u64)have[i].p & (min(class_size(have[i].size), PAGE_SIZE) - 1)) != 0;
        bad += !is_filled(have[i].p, have[i].size, 0);
        memset(have[i].p, have[i].fill, have[i].size);
    }
    CU_ASSERT((slab_bytes() - bytes_before) / PAGE_SIZE == free_before - free_now());
    for (int i = 0; i < SLOTS; i++)
        if (have[i].p)
            slab_free(have[i].p, have[i].size);
    CU_ASSERT_EQUAL(bad, 0);
    CU_ASSERT_EQUAL(slab_bytes(), bytes_before);
    CU_ASSERT_EQUAL(free_now(), free_before);
    slab_free(NULL, 64);
}

static void misuse_panics(void)
{
    u8 *p = slab_alloc(100), *q = slab_alloc(100), *r = slab_alloc(5000);

    CU_ASSERT_TRUE(FAKE_PANICS(slab_free(p, 300)));
    CU_ASSERT_TRUE(FAKE_PANICS(slab_free(p + 8, 100)));
    CU_ASSERT_TRUE(FAKE_PANICS((void)slab_alloc(0)));
    slab_free(p, 100);
    slab_free(q, 100); /* the frame goes back with its last object */
    CU_ASSERT_TRUE(FAKE_PANICS(slab_free(q, 100)));
    slab_free(r, 5000);
}

static void no_memory_is_null(void)
{
    static u32 list[0x40000];
    u64 count = 0, n;

    while ((n = frame_alloc(0, FRAME_RAW, 0).n) != MFN_NONE)
        list[count++] = (u32)n;
    CU_ASSERT_PTR_NULL(slab_alloc(64));
    CU_ASSERT_PTR_NULL(slab_alloc(9000));
    while (count)
        frame_free(mfn(list[--count]), 0);
}

CU_TestInfo test_slab[] = {{"random sizes", random_sizes},
                           {"misuse panics", misuse_panics},
                           {"out of memory", no_memory_is_null},
                           CU_TEST_INFO_NULL};
