/* SPDX-License-Identifier: MIT */
/*
 * Class: the tools' trust in what a guest wrote. Everything of a domU that dom0 looks at later, for a dump, for
 * questions, for its end: start_info, the list of frames and its tables, the shared page, its entries of the M2P, its
 * grant table. All is filled with nonsense; then the guest crashes, powers off (case "off"), or stays (case "stay").
 */
#include "domu.h"

static u64 nonsense(void)
{
    static const u64 likely_to_hurt[] = {0, 1, ~0ul, 1ul << 63, 0x7fffffffffffffff, HV_IMAGE, HV_DIRECT, 1ul << 40};
    u32 r = random();
    return r & 1 ? likely_to_hurt[r / 2 % COUNT(likely_to_hurt)] : (u64)r << 40 | r * 2654435761ul;
}

static void spoil(void *page, u32 from)
{
    for (u32 i = from; i < 512; i++)
        ((volatile u64 *)page)[i] = nonsense();
}

int main(void)
{
    struct sched_shutdown off = {is_case("off") ? SHUTDOWN_poweroff : SHUTDOWN_crash};
    bool stays = is_case("stay");
    u64 count = si->nr_pages, *list = (u64 *)si->mfn_list;
    u8 *info = (u8 *)si;
    u32 refused = 0;
    traps_init();
    domu_init();
    grant_table();
    test("poison");
    for (u64 pfn = 0; pfn < count; pfn++) /* first, as the rest of us needs the list */
        refused += mmu1(list[pfn] << 12 | MMU_MACHPHYS_UPDATE, nonsense()) != 0;
    EQ(refused, 0);
    test("end");
    print("WIRT-GUEST %s poisoned\n", guest_name);
    sleep_ms(50);
    spoil(grant_table(), 2); /* not the rings' entries */
    for (u64 pfn = 0; pfn < count; pfn++)
        ((volatile u64 *)list)[pfn] = nonsense();
    struct arch_shared_info *arch = &shared->arch;
    arch->max_pfn = nonsense();
    arch->pfn_to_mfn_frame_list_list = nonsense();
    arch->p2m_cr3 = nonsense();
    arch->p2m_vaddr = nonsense();
    arch->p2m_generation = nonsense();
    spoil(info, 0);
    for (u32 i = 0; i < COUNT(shared->evtchn_pending); i++) {
        shared->evtchn_mask[i] = nonsense();
        shared->evtchn_pending[i] = nonsense();
    }
    shared->wc_version = (u32)nonsense();
    shared->vcpu_info[0].time.version = (u32)nonsense() | 1;
    shared->vcpu_info[5].evtchn_pending_sel = ~0ul;
    for (u64 i = 0; stays; i++)
        call2(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
    for (;;)
        call2(__HYPERVISOR_sched_op, SCHEDOP_shutdown, &off);
}
