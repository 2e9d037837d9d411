/* SPDX-License-Identifier: MIT */
/* core/lock.c: order by rank and address, recursion, interrupts, and exclusion between threads. */
#include "test.h"
#include <string.h>
#include "core/lock.h"

static struct lock pair[2] = {LOCK_INIT(RANK_STAT), LOCK_INIT(RANK_STAT)};
static struct lock high = LOCK_INIT(RANK_DOMAIN), low = LOCK_INIT(RANK_FRAME);

static void order_by_rank(void)
{
    lock_take(&high);
    lock_take(&low);
    CU_ASSERT_TRUE(lock_is_mine(&low));
    lock_drop(&high); /* out of order is allowed */
    CU_ASSERT_TRUE(FAKE_PANICS(lock_take(&high)));
    CU_ASSERT_PTR_NOT_NULL(strstr(fake_panic_text, "rank 0x3e"));
    CU_ASSERT_PTR_NOT_NULL(strstr(fake_panic_text, "0x26"));
    lock_drop(&low);
    CU_ASSERT_FALSE(lock_is_mine(&low));
    CU_ASSERT_FALSE(FAKE_PANICS(lock_take(&high)));
    lock_drop(&high);
}

static void order_by_address(void)
{
    lock_take(&pair[0]);
    CU_ASSERT_FALSE(FAKE_PANICS(lock_take(&pair[1])));
    lock_drop(&pair[1]);
    lock_drop(&pair[0]);
    lock_take(&pair[1]);
    CU_ASSERT_TRUE(FAKE_PANICS(lock_take(&pair[0])));
    CU_ASSERT_TRUE(lock_try(&pair[0])); /* does not wait, so it may */
    lock_drop(&pair[0]);
    lock_drop(&pair[1]);
}

static void recursion_and_strangers(void)
{
    lock_take(&low);
    CU_ASSERT_TRUE(FAKE_PANICS(lock_take(&low)));
    CU_ASSERT_FALSE(lock_try(&low));
    lock_drop(&low);
    CU_ASSERT_TRUE(FAKE_PANICS(lock_drop(&low)));
}

static void handlers_nest_freely(void)
{
    volatile u64 flags = 0;

    CU_ASSERT_TRUE(cpu_irq_is_enabled());
    lock_take(&low); /* interrupts stay on: a handler may come now and take a _irq lock of higher rank */
    fake_irq_is_off = true;
    CU_ASSERT_FALSE(FAKE_PANICS(flags = lock_take_irq(&pair[0])));
    CU_ASSERT_TRUE(FAKE_PANICS(lock_take(&high))); /* but not one above what it took itself */
    lock_drop_irq(&pair[0], flags);
    CU_ASSERT_FALSE(cpu_irq_is_enabled());
    fake_irq_is_off = false;
    CU_ASSERT_TRUE(FAKE_PANICS(flags = lock_take_irq(&pair[0])));
    fake_irq_is_off = false;
    lock_drop(&low);
    flags = lock_take_irq(&low);
    CU_ASSERT_FALSE(cpu_irq_is_enabled());
    lock_drop_irq(&low, flags);
    CU_ASSERT_TRUE(cpu_irq_is_enabled());
}

static struct {
    struct lock lock;
    volatile u64 a;
} shared = {LOCK_INIT(RANK_FRAME), 0};

static u32 mismatches, started;

static void contender(u32 cpu)
{
    fake_cpu_set(cpu);
    atomic_add(&started, 1u);
    while (atomic_load(&started) < TEST_CPUS) /* all at once */
        cpu_relax();
    for (int i = 0; i < 20000; i++) {
        if (i % 4) {
            lock_take(&shared.lock);
        } else {
            while (!lock_try(&shared.lock))
                cpu_relax();
        }
        u64 before = shared.a;
        if (i % 8 == 0)
            for (int k = 0; k < 3; k++)
                cpu_relax(); /* somebody else's turn, if the lock lets them */
        mismatches += shared.a != before;
        shared.a = before + 1;
        lock_drop(&shared.lock);
    }
}

static void threads_exclude(void)
{
    test_threads(contender);
    CU_ASSERT_EQUAL(mismatches, 0);
    CU_ASSERT_EQUAL(shared.a, 20000u * TEST_CPUS);
    CU_ASSERT_EQUAL(shared.lock.next, shared.lock.serving);
}

CU_TestInfo test_lock[] = {{"rank order", order_by_rank},
                           {"address order within a rank", order_by_address},
                           {"recursion, foreign drop", recursion_and_strangers},
                           {"interrupt handlers", handlers_nest_freely},
                           {"threads exclude each other", threads_exclude},
                           CU_TEST_INFO_NULL};
