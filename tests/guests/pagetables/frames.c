/* SPDX-License-Identifier: MIT */
/* Frames and whose they are: the machine-to-physical table, frames that are not ours, memory given back and taken. */
#include "frames.h"

void frames_machphys(u64 *data)
{
    const volatile u64 *m2p = (u64 *)HV_START;
    u64 mine = mfn_of(data), old = m2p[mine], foreign = m2p[0x200];
    test("machphys");
    EQ(mmu1(mine << 12 | MMU_MACHPHYS_UPDATE, 0x55aa), 0);
    EQ(m2p[mine], 0x55aa);
    EQ(mmu1(mine << 12 | MMU_MACHPHYS_UPDATE, old), 0);
    FAILS(mmu1(0x200000 | MMU_MACHPHYS_UPDATE, 0x55aa));
    EQ(m2p[0x200], foreign);
    test("m2p-read-only");
    __asm__ volatile(TRY("movq $1, (%0)") : : "r"(HV_START) : "memory");
    TRUE(faulted(V_PF, 3));
    const u64 hidden[] = {0xffff808000000000, 0xffff810000000000, HV_IMAGE,
                          HV_DIRECT,          0xffff87fffffff000, 0xffff803ffffff000};
    test("wirt-is-hidden");
    for (u32 i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++) {
        __asm__ volatile(TRY("mov (%0), %%rax") : : "r"(hidden[i]) : "rax", "memory");
        TRUE(trap_count == 1 && last_trap.vector == V_PF && last_cr2 == hidden[i] && !(last_trap.error & 6));
        trap_count = 0;
    }
}

static bool is_ours(u64 frame)
{
    if (grant_table() && frame == (*pte_of((u64)grant_table(), 1) & PTE_ADDR) >> 12)
        return true;
    u64 pfn = ((u64 *)HV_START)[frame];
    return pfn < si->nr_pages && ((u64 *)si->mfn_list)[pfn] == frame;
}

/* Every RAM frame that is not ours, by the machine's memory map; without it, all that the M2P has room for. */
void frames_foreign(u64 *window)
{
    static struct {
        u64 addr, size;
        u32 type;
    } __attribute__((packed)) e820[64];
    struct xen_memory_map m = {.nr_entries = 64, .buffer = (u64)e820};
    struct xen_machphys_mapping all;
    u32 tried = 0, opened = 0;
    test("foreign-frames");
    if (is_domu()) {
        EQ(call2(__HYPERVISOR_memory_op, XENMEM_machphys_mapping, &all), 0);
        m.nr_entries = e820[0].type = 1;
        e820[0].size = (all.max_mfn + 1) * PAGE;
    } else {
        EQ(call2(__HYPERVISOR_memory_op, XENMEM_machine_memory_map, &m), 0);
    }
    for (u32 i = 0; i < m.nr_entries; i++) {
        if (e820[i].type != 1)
            continue;
        for (u64 f = (e820[i].addr + PAGE - 1) / PAGE; f < (e820[i].addr + e820[i].size) / PAGE; f++) {
            if (is_domu() ? is_ours(f) : ((u64 *)HV_START)[f] != ~0ul || f < 0x100)
                continue;
            if (f == si->shared_info >> 12)
                continue;
            tried++;
            for (u32 rw = 0; rw < 2; rw++)
                if (map(window, f << 12 | (rw ? RW_PAGE : RO_PAGE)) == 0 && opened++ < 8)
                    print("  frame 0x%lx can be mapped\n", f);
            if (is_domu() && f % 16 == 0)
                TRUE(ext(MMUEXT_PIN_L1_TABLE, f, 0) < 0 && mmu1(f << 12, 0) < 0 &&
                     mmu1(f << 12 | MMU_MACHPHYS_UPDATE, 5) < 0);
        }
    }
    EQ(opened, 0);
    TRUE(tried > 500);
    EQ(page_rw(window), 0);
}

static s64 reserve(u32 sub, u64 *frame, u64 count)
{
    struct xen_memory_reservation r = {.extent_start = (u64)frame, .nr_extents = count, .domid = DOMID_SELF};
    return call2(__HYPERVISOR_memory_op, sub, &r);
}

void frames_reservation(void)
{
    u64 *page = page_new(), frame = mfn_of(page), pfn = ((u64)page - (u64)guest_base) >> 12;
    test("given-back");
    EQ(reserve(XENMEM_decrease_reservation, &frame, 1), 1);
    page[1] = 5; /* still ours until it is unmapped */
    EQ(reserve(XENMEM_decrease_reservation, &frame, 1), 0);
    EQ(((u64 *)HV_START)[frame], ~0ul);
    EQ(map(page, 0), 0);
    FAILS(map(page, frame << 12 | RO_PAGE));
    FAILS(map(page, frame << 12 | RW_PAGE));
    FAILS(ext(MMUEXT_PIN_L1_TABLE, frame, 0));
    test("taken");
    u64 got = pfn;
    EQ(reserve(XENMEM_populate_physmap, &got, 1), 1);
    EQ(((u64 *)HV_START)[got], pfn);
    EQ(map(page, got << 12 | RW_PAGE), 0);
    for (u32 i = 0; i < 512; i++)
        EQ(page[i], 0); /* scrubbed */
    ((u64 *)si->mfn_list)[pfn] = got;
    test("limit");
    u64 more = pfn;
    EQ(reserve(XENMEM_populate_physmap, &more, 1), 0);
    test("pinned-stays");
    EQ(page_ro(page), 0);
    EQ(pin(1, page), 0);
    frame = mfn_of(page);
    EQ(reserve(XENMEM_decrease_reservation, &frame, 1), 0);
    EQ(unpin(page), 0);
    EQ(page_rw(page), 0);
    frame = 0x200;
    EQ(reserve(XENMEM_decrease_reservation, &frame, 1), 0);
    frame = ~0ul;
    EQ(reserve(XENMEM_decrease_reservation, &frame, 1), 0);
}
