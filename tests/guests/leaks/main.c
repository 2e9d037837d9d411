/* SPDX-License-Identifier: MIT */
/*
 * Class: information leaks. All memory that a domU was given and did not write is zero, though others had it before;
 * so is what it takes later. No register, debug register or FPU state comes from elsewhere, at the start or while
 * others run. Answers hold nothing that was not answered: bytes beyond the facts are zero or the caller's own.
 */
#include "domu.h"

static u8 *window;

static bool is_zero(const u64 *page)
{
    for (u32 i = 0; i < 512; i++)
        if (page[i])
            return false;
    return true;
}

static void memory(void)
{
    u32 dirty = 0, looked = 0;
    test("memory-is-scrubbed");
    for (u64 pfn = 0; pfn < si->nr_pages; pfn++) {
        u64 va = (u64)guest_base + (pfn << 12);
        u64 *e = pte_of(va, 2) && *pte_of(va, 2) & PTE_P ? pte_of(va, 1) : NULL;
        if (e && *e & PTE_P)
            continue;
        if (map(window, ((u64 *)si->mfn_list)[pfn] << 12 | RO_PAGE))
            continue; /* a table of the p2m's */
        looked++;
        if (!is_zero((u64 *)window) && !(pfn >= si->first_p2m_pfn && pfn < si->first_p2m_pfn + si->nr_p2m_frames))
            dirty++;
    }
    EQ(dirty, 0);
    TRUE(looked > 500);
    print("  %u pages that nobody wrote\n", looked);
    test("taken-again");
    for (u32 i = 0; i < 500; i++) {
        u64 *page = page_new(), frame = mfn_of(page);
        struct xen_memory_reservation r = {.extent_start = (u64)&frame, .nr_extents = 1, .domid = DOMID_SELF};
        page[i] = 0x5ec2e7;
        EQ(map(page, 0), 0);
        EQ(call2(__HYPERVISOR_memory_op, XENMEM_decrease_reservation, &r), 1);
        frame = ((u64)page - (u64)guest_base) >> 12;
        EQ(call2(__HYPERVISOR_memory_op, XENMEM_populate_physmap, &r), 1);
        EQ(map(window, frame << 12 | RO_PAGE), 0);
        TRUE(is_zero((u64 *)window));
        EQ(map(window, 0), 0);
        if (i == 300)
            break; /* leave pages for the rest */
    }
    test("grant-table-is-empty");
    struct grant_entry_v1 *entry = grant_table();
    for (u32 i = 8; i < PAGE / sizeof(*entry); i++)
        TRUE(entry[i].flags == 0 && entry[i].domid == 0 && entry[i].frame == 0);
}

static void registers(void)
{
    static u64 xmm[32] __attribute__((aligned(16)));
    u64 mine[2] = {0x1122334455667788, 0x99aabbccddeeff00 ^ now()};
    test("fpu-at-start");
    __asm__ volatile("movdqu %%xmm0, (%0)\n movdqu %%xmm1, 16(%0)\n movdqu %%xmm7, 32(%0)\n movdqu %%xmm15, 48(%0)"
                     :
                     : "r"(xmm)
                     : "memory");
    for (u32 i = 0; i < 8; i++)
        EQ(xmm[i], 0);
    test("fpu-is-ours"); /* while others have theirs */
    __asm__ volatile("movdqu (%0), %%xmm0\n movdqu (%0), %%xmm15" : : "r"(mine) : "memory");
    for (u32 i = 0; i < 200; i++) {
        sleep_ms(1);
        call2(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
        __asm__ volatile("movdqu %%xmm0, (%0)\n movdqu %%xmm15, 16(%0)" : : "r"(xmm) : "memory");
        if (!TRUE(xmm[0] == mine[0] && xmm[1] == mine[1] && xmm[2] == mine[0] && xmm[3] == mine[1]))
            break;
    }
    test("debug-registers");
    for (u32 i = 0; i < 4; i++)
        EQ(call1(__HYPERVISOR_get_debugreg, i), 0);
    EQ(call1(__HYPERVISOR_get_debugreg, 7) & 0xff, 0);
}

static bool is_wirts(u64 v)
{
    return v >= 0xffff808000000000 && v < 0xffff880000000000;
}

/* Structures full of a pattern: after the call each word is the pattern or no address of Wirt's. */
static void answers(void)
{
    static const struct {
        u64 nr, cmd;
        u8 where; /* argument that points to the answer */
        u64 extra;
    } asked[] = {{__HYPERVISOR_xen_version, XENVER_extraversion, 1, 0},
                 {__HYPERVISOR_xen_version, XENVER_compile_info, 1, 0},
                 {__HYPERVISOR_xen_version, XENVER_capabilities, 1, 0},
                 {__HYPERVISOR_xen_version, XENVER_changeset, 1, 0},
                 {__HYPERVISOR_xen_version, XENVER_platform_parameters, 1, 0},
                 {__HYPERVISOR_xen_version, XENVER_get_features, 1, 0},
                 {__HYPERVISOR_xen_version, XENVER_guest_handle, 1, 0},
                 {__HYPERVISOR_xen_version, XENVER_commandline, 1, 0},
                 {__HYPERVISOR_xen_version, XENVER_build_id, 1, 0},
                 {__HYPERVISOR_vcpu_op, VCPUOP_get_runstate_info, 2, 0},
                 {__HYPERVISOR_memory_op, XENMEM_machphys_mapping, 1, 0},
                 {__HYPERVISOR_memory_op, XENMEM_memory_map, 1, 0},
                 {__HYPERVISOR_grant_table_op, GNTTABOP_query_size, 1, 1},
                 {__HYPERVISOR_event_channel_op, EVTCHNOP_status, 1, 0},
                 {__HYPERVISOR_physdev_op, PHYSDEVOP_irq_status_query, 1, 0},
                 {__HYPERVISOR_physdev_op, PHYSDEVOP_get_free_pirq, 1, 0}};
    u64 *answer = page_new();
    test("answers");
    for (u32 i = 0; i < COUNT(asked); i++) {
        fill(answer, 0, PAGE);
        for (u32 k = 16; k < 512; k++)
            answer[k] = 0xa5a5a5a5a5a5a5a5;
        u64 a[3] = {asked[i].cmd, asked[i].where == 2 ? 0 : (u64)answer,
                    asked[i].where == 2 ? (u64)answer : asked[i].extra};
        call3(asked[i].nr, a[0], a[1], a[2]);
        for (u32 k = 0; k < 512; k++)
            if (is_wirts(answer[k]) && !TRUE(asked[i].cmd == XENMEM_machphys_mapping))
                print("  call %lu.%lu answers 0x%lx in word %u\n", asked[i].nr, asked[i].cmd, answer[k], k);
        for (u32 k = 256; k < 512; k++)
            EQ(answer[k], 0xa5a5a5a5a5a5a5a5);
    }
}

int main(void)
{
    traps_init();
    domu_init();
    window = page_new();
    registers();
    memory();
    answers();
    return 0;
}
