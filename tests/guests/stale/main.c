/* SPDX-License-Identifier: MIT */
/*
 * Class: missing TLB flushes. vCPU 1 writes through a mapping all the time, and so keeps it in its TLB; vCPU 0 takes
 * the mapping away without asking for any flush, and then gives the frame another life: another owner's, a page
 * table's, after a grant. From then on no write of vCPU 1's may reach it, whatever its TLB says.
 */
#include "domu.h"

#define MARK 0x57a1ebaeul /* as an entry of a page table: not present */

static volatile u64 *target; /* what vCPU 1 writes to */
static volatile u32 runs, faults;
static volatile u64 writes;

static bool second_faults(struct frame *f) /* only vCPU 1 takes exceptions here */
{
    extern u8 second_store[], second_next[];
    if (f->vector != V_PF || f->rip != (u64)second_store)
        return false;
    faults++;
    f->rip = (u64)second_next;
    return true;
}

static void second(void)
{
    for (u64 i = 1;; i++) {
        runs = 1;
        __asm__ volatile("second_store: movq %0, (%1)\n"
                         "second_next:\n"
                         :
                         : "r"(MARK), "r"(target)
                         : "memory");
        writes = i;
    }
}

static void let_it_write(void)
{
    for (u64 from = writes, end = now() + 20000000; writes < from + 20 && now() < end;)
        relax();
}

static s64 map_unflushed(const volatile void *va, u64 e)
{
    return call3(__HYPERVISOR_update_va_mapping, va, e, 0);
}

static u32 marks_in(const u64 *page)
{
    u32 n = 0;
    for (u32 i = 0; i < 512; i++)
        n += page[i] == MARK;
    return n;
}

static s64 reserve(u32 cmd, u64 *frame)
{
    struct xen_memory_reservation r = {.extent_start = (u64)frame, .nr_extents = 1, .domid = DOMID_SELF};
    return call2(__HYPERVISOR_memory_op, cmd, &r);
}

/* Given back, taken again: as often as not the same frame. */
static void given_back(u64 *page)
{
    u64 *window = page_new(), frame, last = mfn_of(page);
    u32 same_again = 0, rounds = 0, wrong = 0;
    test("given-back");
    EQ(map(window, 0), 0);
    for (u64 end = now() + 5000000000; now() < end && rounds < 40; rounds++) {
        frame = last;
        let_it_write();
        wrong += map_unflushed(target, 0) != 0 || reserve(XENMEM_decrease_reservation, &frame) != 1;
        u64 got = 5;
        wrong += reserve(XENMEM_populate_physmap, &got) != 1;
        same_again += got == last;
        wrong += map(window, got << 12 | RW_PAGE) != 0;
        let_it_write();
        wrong += marks_in(window);
        wrong += map(window, 0) != 0 || map_unflushed(target, got << 12 | RW_PAGE) != 0;
        last = got;
    }
    EQ(wrong, 0);
    TRUE(same_again > 0);
    print("  %u times, %u of them the same frame, %u faults\n", rounds, same_again, faults);
}

/* Write-protected and made a page table: it must not be written from then on. */
static void made_a_table(void)
{
    u64 *page = page_new();
    u32 rounds = 0, wrong = 0;
    test("made-a-table");
    for (u64 end = now() + 5000000000; now() < end && rounds < 40; rounds++) {
        wrong += map_unflushed(target, pte(page, RW_PAGE)) != 0;
        let_it_write();
        wrong += map_unflushed(target, 0) != 0;
        wrong += page_ro(page) != 0 || pin(1, page) != 0 || mmu1(maddr(page), 0) != 0;
        let_it_write();
        wrong += page[0] != 0;
        wrong += unpin(page) != 0 || page_rw(page) != 0;
    }
    EQ(wrong, 0);
    TRUE(rounds > 3);
}

static void after_a_grant(void)
{
    struct grant_entry_v1 *entry = grant_table();
    u64 *page = page_new();
    u32 rounds = 0, wrong = 0;
    test("after-a-grant");
    entry[9] = (struct grant_entry_v1){GTF_permit_access, (domid_t)domu_id(), (u32)mfn_of(page)};
    for (u64 end = now() + 5000000000; now() < end && rounds < 40; rounds++) {
        wrong += map_unflushed(target, 0) != 0;
        struct gnttab_map_grant_ref op = {
            .host_addr = (u64)target, .flags = GNTMAP_host_map, .ref = 9, .dom = DOMID_SELF};
        wrong += grant_op(GNTTABOP_map_grant_ref, &op, 1) != 0 || op.status != 0;
        let_it_write();
        struct gnttab_unmap_grant_ref gone = {.host_addr = (u64)target, .handle = op.handle};
        wrong += grant_op(GNTTABOP_unmap_grant_ref, &gone, 1) != 0 || gone.status != 0;
        page[0] = 0; /* the entry is free: from here on it is ours alone */
        let_it_write();
        wrong += page[0] != 0;
    }
    EQ(wrong, 0);
    TRUE(rounds > 3);
}

int main(void)
{
    traps_init();
    domu_init();
    u64 *page = page_new();
    target = page_new();
    trap_hook = second_faults;
    test("second-vcpu");
    EQ(map_unflushed(target, pte(page, RW_PAGE)), 0);
    EQ(map(page, 0), 0);
    EQ(second_start(second), 0);
    for (u32 i = 0; i < 500 && !runs; i++)
        sleep_ms(10);
    if (!TRUE(runs))
        return 0;
    given_back(page);
    made_a_table();
    after_a_grant();
    return 0;
}
