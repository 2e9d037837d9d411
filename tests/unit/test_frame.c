/* SPDX-License-Identifier: MIT */
/*
 * core/frame.c against a bitmap of what is allocated: alignment, overlap, bounds, scrubbing,
 * coalescing, the zones, TLB debts, misuse, and the M2P. Every test gives back all that it took.
 */
#include "test.h"
#include <string.h>
#include "core/frame.h"
#include "core/work.h"
#include "hw/tlb.h"
#include "lib/errno.h"

#define SPAN 0x110000ul
static u64 taken[SPAN / 64];

static bool is_ram(u64 n)
{
    for (u32 r = 0; r < FAKE_RAM_COUNT; r++)
        if (n >= fake_ram[r].first && n <= fake_ram[r].last)
            return true;
    return false;
}

u64 test_free_now(void)
{
    struct frame_stats s;

    frame_stats(&s);
    return s.free;
}

static u64 first_word(u64 n)
{
    return *(volatile u64 *)frame_va(mfn(n));
}

static int check_block(u64 n, u32 order, u32 bits)
{
    int bad = (n & ((1ull << order) - 1)) != 0;

    bad += bits && (n + (1ull << order)) << PAGE_SHIFT > 1ull << bits;
    for (u64 i = n; i < n + (1ull << order); i++) {
        struct page *p = frame_page(mfn(i));
        bad += !is_ram(i) || !p || map_test(taken, i) || p->owner != PAGE_OWNER_HV || p->refs || p->type;
        bad += ((u64 *)frame_va(mfn(i)))[0] || ((u64 *)frame_va(mfn(i)))[511];
        map_set(taken, i);
        memset(frame_va(mfn(i)), 0xa5, 8);
        ((u64 *)frame_va(mfn(i)))[511] = ~0ull;
    }
    return bad;
}

static void give_back(u64 n, u32 order)
{
    for (u64 i = n; i < n + (1ull << order); i++)
        map_clear(taken, i);
    frame_free(mfn(n), order);
}

static void random_against_bitmap(void)
{
    enum { SLOTS = 400 };
    static struct {
        u64 n;
        u32 order;
    } have[SLOTS];
    u32 used = 0, none = 0;
    u64 held = 0;
    int bad = 0;

    for (int round = 0; round < 30000; round++) {
        if (used < SLOTS && fake_random(2)) {
            u32 order = (u32)(fake_random(20) ? fake_random(6) : fake_random(14));
            u32 bits = fake_random(3) ? 0 : (u32)(18 + fake_random(18));
            u64 n = frame_alloc(order, fake_random(2) ? FRAME_ZERO : 0, bits).n;
            if (n == MFN_NONE) {
                none++;
                continue;
            }
            bad += check_block(n, order, bits);
            have[used].n = n;
            have[used++].order = order;
            held += 1ull << order;
        } else if (used) {
            u32 i = (u32)fake_random(used);
            give_back(have[i].n, have[i].order);
            held -= 1ull << have[i].order;
            have[i] = have[--used];
        }
        if (!fake_random(50))
            frame_scrub();
        bad += test_free_now() + held != fake_free_at_start;
    }
    while (used--)
        give_back(have[used].n, have[used].order);
    CU_ASSERT_EQUAL(bad, 0);
    CU_ASSERT_EQUAL(test_free_now(), fake_free_at_start);
    CU_ASSERT(none < 10000);
}

/* Everything in blocks of one order; returns how many there were, and frees them if asked to. */
static u64 drain(u32 order, u32 bits, u32 *list, u64 room)
{
    u64 count = 0, n;

    while (count < room && (n = frame_alloc(order, FRAME_RAW, bits).n) != MFN_NONE)
        list[count++] = (u32)n;
    return count;
}

static void coalesces_to_the_last_frame(void)
{
    static u32 list[SPAN], big[4096];
    u64 before = drain(9, 0, big, ARRAY_COUNT(big)), count, after;

    for (u64 i = 0; i < before; i++)
        frame_free(mfn(big[i]), 9);
    count = drain(0, 0, list, ARRAY_COUNT(list));
    CU_ASSERT_EQUAL(count, fake_free_at_start);
    CU_ASSERT_EQUAL(frame_alloc(0, 0, 0).n, MFN_NONE);
    for (u64 i = count - 1; i > 0; i--) { /* shuffle */
        u64 j = fake_random(i + 1);
        u32 t = list[i];
        list[i] = list[j];
        list[j] = t;
    }
    for (u64 i = 0; i < count; i++)
        frame_free(mfn(list[i]), 0);
    after = drain(9, 0, big, ARRAY_COUNT(big));
    for (u64 i = 0; i < after; i++)
        frame_free(mfn(big[i]), 9);
    CU_ASSERT(before > 300);
    CU_ASSERT_EQUAL(after, before);
}

static void merges_with_free_frames_only(void)
{
    u64 n = frame_alloc(1, 0, 0).n, other;

    frame_page(mfn(n + 1))->owner = PAGE_OWNER_DOMAIN + 5; /* a guest's, whatever its type says */
    frame_page(mfn(n + 1))->type = BIT(63);
    frame_free(mfn(n), 0);
    other = frame_alloc(1, 0, 0).n;
    CU_ASSERT_NOT_EQUAL(other, n);
    CU_ASSERT_EQUAL(frame_page(mfn(n + 1))->owner, PAGE_OWNER_DOMAIN + 5);
    frame_free(mfn(other), 1);
    frame_free(mfn(n + 1), 0);
    CU_ASSERT_EQUAL(test_free_now(), fake_free_at_start);
}

static void address_bits_and_preference(void)
{
    static u32 list[SPAN];
    struct frame_stats s, t;
    u64 n = frame_alloc(0, 0, 0).n, count;

    CU_ASSERT(n >= 0x100000);
    frame_stats(&s);
    frame_free(mfn(n), 0);
    frame_stats(&t);
    CU_ASSERT_EQUAL(s.below_4g_free, t.below_4g_free);
    CU_ASSERT_EQUAL(s.free + 1, t.free);
    frame_stats(&s);
    n = frame_alloc(3, 0, 32).n;
    CU_ASSERT(n >= 0x10000 && n + 8 <= 0x100000); /* the highest that fit */
    frame_stats(&t);
    CU_ASSERT_EQUAL(s.below_4g_free - t.below_4g_free, 8);
    frame_free(mfn(n), 3);
    CU_ASSERT_EQUAL(frame_alloc(0, 0, 12).n, MFN_NONE);
    n = frame_alloc(0, 0, 16).n;
    CU_ASSERT(n != 0 && n < 16);
    frame_free(mfn(n), 0);
    count = drain(0, 20, list, ARRAY_COUNT(list)); /* below 1 MiB: 2..0x9e were handed over */
    CU_ASSERT_EQUAL(count, 0x9d);
    for (u64 i = 0; i < count; i++)
        frame_free(mfn(list[i]), 0);
    CU_ASSERT_EQUAL(frame_alloc(FRAME_ORDER_MAX, 0, 0).n, MFN_NONE);
    CU_ASSERT_EQUAL(frame_alloc(FRAME_ORDER_MAX + 1, 0, 0).n, MFN_NONE);
    CU_ASSERT_EQUAL(test_free_now(), fake_free_at_start);
}

static void scrubs_before_it_gives_out(void)
{
    u64 n = frame_alloc(2, 0, 0).n;

    memset(frame_va(mfn(n)), 0x77, 4 * PAGE_SIZE);
    frame_free(mfn(n), 2);
    CU_ASSERT_EQUAL(frame_alloc(2, FRAME_RAW, 0).n, n); /* the same, as it was */
    CU_ASSERT_EQUAL(first_word(n), 0x7777777777777777ull);
    frame_free(mfn(n), 2);
    CU_ASSERT_EQUAL(frame_alloc(2, 0, 0).n, n);
    for (u64 i = 0; i < 4 * PAGE_SIZE / 8; i++)
        if (((u64 *)frame_va(mfn(n)))[i]) {
            CU_FAIL("a secret was left");
            break;
        }
    frame_free(mfn(n), 2);
}

static bool is_zero(u64 n, u64 count)
{
    for (u64 i = 0; i < count * PAGE_SIZE / 8; i++)
        if (((volatile u64 *)frame_va(mfn(n)))[i])
            return false;
    return true;
}

static u64 secret(u32 order)
{
    u64 n = frame_alloc(order, 0, 0).n;

    memset(frame_va(mfn(n)), 0x77, PAGE_SIZE << order);
    frame_free(mfn(n), order);
    return n;
}

static void scrubs_while_idle(void)
{
    u64 n = secret(3), before = test_free_now();

    work_raise(WORK_TIMER);
    frame_scrub(); /* there is other work */
    CU_ASSERT_EQUAL(first_word(n), 0x7777777777777777ull);
    cpu_info()->work = 0;
    frame_scrub();
    CU_ASSERT(is_zero(n, 8));
    CU_ASSERT_EQUAL(test_free_now(), before);
    CU_ASSERT_EQUAL(frame_alloc(3, 0, 0).n, n);
    CU_ASSERT(is_zero(n, 8));
    for (u64 i = n; i < n + 8; i++)
        CU_ASSERT_EQUAL(frame_page(mfn(i))->type, 0);
    frame_free(mfn(n), 3);
    CU_ASSERT_EQUAL(secret(3), n); /* what was clean once is given out, written to, and comes back */
    CU_ASSERT_EQUAL(frame_alloc(3, 0, 0).n, n);
    CU_ASSERT(is_zero(n, 8));
    frame_page(mfn(n + 3))->stamp = tlb_now();
    memset(frame_va(mfn(n)), 0x77, 8 * PAGE_SIZE);
    frame_free(mfn(n), 0); /* a clean frame merges with others that are not */
    frame_scrub();
    for (u32 i = 1; i < 8; i++)
        frame_free(mfn(n + i), 0);
    CU_ASSERT_EQUAL(frame_alloc(3, FRAME_RAW, 0).n, n);
    CU_ASSERT(is_zero(n, 1) && first_word(n + 1) && first_word(n + 7));
    frame_free(mfn(n), 3);
    CU_ASSERT_EQUAL(frame_alloc(3, 0, 0).n, n);
    CU_ASSERT(is_zero(n, 8));
    frame_free(mfn(n), 3);
    frame_scrub();
}

/* A secret that was scrubbed before its debt was paid could be written once more. */
static void pays_tlb_debts_while_idle(void)
{
    u64 n = frame_alloc(0, 0, 0).n;
    u32 flushes, settled;

    tlb_flush_cpus(cpu_online);
    frame_page(mfn(n))->stamp = tlb_now();
    flushes = fake_flushes[1];
    frame_free(mfn(n), 0);
    frame_scrub();
    CU_ASSERT_EQUAL(fake_flushes[1], flushes + 1);
    settled = fake_settle_count;
    CU_ASSERT_EQUAL(frame_alloc(0, 0, 0).n, n);
    CU_ASSERT_EQUAL(fake_settle_count, settled); /* once */
    frame_free(mfn(n), 0);
}

static void pays_tlb_debts(void)
{
    u64 n = frame_alloc(2, 0, 0).n;
    u32 settled = fake_settle_count, flushes = fake_flushes[1], stamp;

    frame_free(mfn(n), 2);
    CU_ASSERT_EQUAL(frame_alloc(2, 0, 0).n, n);
    CU_ASSERT_EQUAL(fake_settle_count, settled); /* no debt, no question */
    tlb_flush_cpus(cpu_online);
    frame_page(mfn(n + 1))->stamp = tlb_now() - 1;
    frame_page(mfn(n + 2))->stamp = stamp = tlb_now();
    flushes = fake_flushes[1];
    frame_free(mfn(n), 2);
    CU_ASSERT_EQUAL(frame_alloc(2, 0, 0).n, n);
    CU_ASSERT_EQUAL(fake_settle_count, settled + 1);
    CU_ASSERT_EQUAL(fake_settle_stamp, stamp); /* the latest, once */
    CU_ASSERT_EQUAL(fake_flushes[1], flushes + 1);
    CU_ASSERT_EQUAL(frame_page(mfn(n + 2))->stamp, 0);
    frame_free(mfn(n), 2);
}

static void misuse_panics(void)
{
    u64 n = frame_alloc(0, 0, 0).n;

    frame_page(mfn(n))->refs = 1;
    CU_ASSERT_TRUE(FAKE_PANICS(frame_free(mfn(n), 0)));
    CU_ASSERT_PTR_NOT_NULL(strstr(fake_panic_text, "referenced"));
    frame_page(mfn(n))->refs = 0;
    frame_free(mfn(n), 0);
    CU_ASSERT_TRUE(FAKE_PANICS(frame_free(mfn(n), 0)));
    CU_ASSERT_PTR_NOT_NULL(strstr(fake_panic_text, "free already"));
    CU_ASSERT_TRUE(FAKE_PANICS(frame_free(mfn(0xa0), 0)));
    CU_ASSERT_PTR_NOT_NULL(strstr(fake_panic_text, "not RAM"));
    CU_ASSERT_TRUE(FAKE_PANICS(frame_free(mfn(0x50000), 0)));
    CU_ASSERT_PTR_NOT_NULL(strstr(fake_panic_text, "not RAM"));
    CU_ASSERT_TRUE(FAKE_PANICS(frame_free(mfn(3), 1)));
    CU_ASSERT_EQUAL(test_free_now(), fake_free_at_start);
}

static void knows_what_is_ram(void)
{
    struct frame_stats s;
    u64 ram = 0;

    for (u32 r = 0; r < FAKE_RAM_COUNT; r++)
        ram += fake_ram[r].last - fake_ram[r].first + 1;
    frame_stats(&s);
    CU_ASSERT_EQUAL(s.total, ram);
    CU_ASSERT_EQUAL(s.used, ram - s.free);
    CU_ASSERT_EQUAL(s.table_bytes, 4 * 2ul << 20); /* three with RAM, one for all holes */
    CU_ASSERT_EQUAL(s.m2p_bytes, 2 * 2ul << 20);
    CU_ASSERT_EQUAL(frame_page(mfn(0))->owner, PAGE_OWNER_IO);
    CU_ASSERT_EQUAL(frame_page(mfn(0xa0))->owner, PAGE_OWNER_IO);
    CU_ASSERT_EQUAL(frame_page(mfn(1))->owner, PAGE_OWNER_HV);
    CU_ASSERT_EQUAL(frame_page(mfn(0x20000))->owner, PAGE_OWNER_IO); /* a hole between chunks */
    CU_ASSERT(frame_is_hole(mfn(0x20000)) && !frame_is_hole(mfn(0xa0)));
    CU_ASSERT_PTR_NULL(frame_page(mfn(frame_limit)));
    CU_ASSERT_PTR_NULL(frame_page(mfn(MFN_NONE)));
    CU_ASSERT_EQUAL(frame_mfn(frame_page(mfn(0x1234))).n, 0x1234);
}

static void machine_to_phys(void)
{
    const u64 *seen = (const u64 *)M2P_START;

    CU_ASSERT_EQUAL(frame_m2p_get(mfn(0x123)), M2P_INVALID);
    frame_m2p_set(mfn(0x123), 42);
    frame_m2p_set(mfn(0x100001), 43);
    CU_ASSERT_EQUAL(frame_m2p_get(mfn(0x123)), 42);
    CU_ASSERT_EQUAL(seen[0x123], 42); /* where guests look */
    CU_ASSERT_EQUAL(seen[0x100001], 43);
    CU_ASSERT_EQUAL(seen[0x124], M2P_INVALID);
    frame_m2p_set(mfn(0x50000), 7); /* a hole */
    CU_ASSERT_EQUAL(frame_m2p_get(mfn(0x50000)), M2P_INVALID);
    frame_m2p_set(mfn(1ull << 40), 7); /* beyond everything */
    CU_ASSERT_EQUAL(frame_m2p_get(mfn(1ull << 40)), M2P_INVALID);
    CU_ASSERT_EQUAL(frame_m2p_limit(), 0x13ffff);
    frame_m2p_set(mfn(0x123), M2P_INVALID);
}

static void hammer(u32 cpu)
{
    u32 state = cpu * 7919 + 1;
    u64 have[16];

    fake_cpu_set(cpu);
    memset(have, 0xff, sizeof(have));
    for (int i = 0; i < 8000; i++) {
        if (cpu == 0 && i % 4 == 0)
            frame_scrub();
        u32 slot = (state = state * 1664525 + 1013904223) >> 28, order = slot % 4;
        if (have[slot] == MFN_NONE) {
            have[slot] = frame_alloc(order, 0, 0).n;
            for (u64 k = 0; have[slot] != MFN_NONE && k < 1u << order; k++)
                if (first_word(have[slot] + k))
                    abort(); /* somebody else has it too, or it was not scrubbed */
                else
                    *(u64 *)frame_va(mfn(have[slot] + k)) = have[slot] * 64 + cpu;
        } else {
            for (u64 k = 0; k < 1u << order; k++)
                if (first_word(have[slot] + k) != have[slot] * 64 + cpu)
                    abort(); /* scrubbed, though it was not free */
            frame_free(mfn(have[slot]), order);
            have[slot] = MFN_NONE;
        }
    }
    for (u32 slot = 0; slot < 16; slot++)
        if (have[slot] != MFN_NONE)
            frame_free(mfn(have[slot]), slot % 4);
}

static void threads_share_it(void)
{
    test_threads(hammer);
    CU_ASSERT_EQUAL(test_free_now(), fake_free_at_start);
}

CU_TestInfo test_frame[] = {{"random against a bitmap", random_against_bitmap},
                            {"coalesces", coalesces_to_the_last_frame},
                            {"merges with free frames only", merges_with_free_frames_only},
                            {"address_bits, high memory first", address_bits_and_preference},
                            {"scrubs", scrubs_before_it_gives_out},
                            {"pays TLB debts", pays_tlb_debts},
                            {"scrubs while idle", scrubs_while_idle},
                            {"pays TLB debts while idle", pays_tlb_debts_while_idle},
                            {"misuse panics", misuse_panics},
                            {"knows what is RAM", knows_what_is_ram},
                            {"machine-to-physical table", machine_to_phys},
                            {"threads", threads_share_it},
                            CU_TEST_INFO_NULL};
