/* SPDX-License-Identifier: MIT */
/*
 * Class: races, arguments read twice. vCPU 1 rewrites what vCPU 0 gives to hypercalls, between what is allowed and what
 * is not, and makes the same calls on the same objects. Whatever the answers: no entry is there that may not be, and
 * the hypervisor's accounts agree afterwards (the script asks for an audit).
 */
#include "domu.h"
#include "public/wirt.h"

static u64 *l1, *shared_l1, *spare_l4[2];
static u64 stack = 0xffff880000100000;
static u8 *data;
static volatile u32 act, started;
static volatile struct mmu_update update;
static volatile struct multicall_entry batch[8];
static volatile struct grant_entry_v1 *entry;
static u64 good, evil;
static u64 given[64];

enum { IDLE, FLIP_UPDATE, FLIP_BATCH, FLIP_GRANT, SAME_PORTS, SAME_PINS, SAME_SWITCH, SAME_FRAMES };

static void same_ports(void)
{
    struct evtchn_alloc_unbound alloc = {.dom = DOMID_SELF, .remote_dom = DOMID_SELF};
    evtchn(EVTCHNOP_alloc_unbound, &alloc);
    struct evtchn_bind_interdomain pair = {.remote_dom = DOMID_SELF, .remote_port = alloc.port};
    evtchn(EVTCHNOP_bind_interdomain, &pair);
    for (u32 port = 3; port < 12; port++) {
        struct evtchn_close close = {port};
        evtchn(EVTCHNOP_close, &close);
    }
}

static void same_pins(void)
{
    pin(1, shared_l1);
    mmu1(maddr(&shared_l1[3]), good);
    mmu1(maddr(&shared_l1[3]), 0);
    unpin(shared_l1);
}

/* Tables that nobody pins: what is switched to is being checked, or taken apart, by the other vCPU. */
static void same_switch(void)
{
    call5(__HYPERVISOR_wirt_switch, stack, 0, 0, mfn_of(spare_l4[0]), mfn_of(spare_l4[1]));
    mmu1(maddr(&spare_l4[0][100]), 0); /* in use for nothing */
    call5(__HYPERVISOR_wirt_switch, stack, 0, 0, mfn_of(spare_l4[1]), mfn_of(data));
    call5(__HYPERVISOR_wirt_switch, stack, 0, 0, mfn_of((void *)si->pt_base), 0);
}

static void same_frames(void)
{
    struct xen_memory_reservation r = {.extent_start = (u64)given, .nr_extents = COUNT(given), .domid = DOMID_SELF};
    call2(__HYPERVISOR_memory_op, XENMEM_decrease_reservation, &r);
}

static void second(void)
{
    started = 1;
    for (u64 i = 0;; i++)
        switch (act) {
        case FLIP_UPDATE:
            update.val = i & 1 ? good : evil;
            update.ptr = i & 2 ? maddr(&l1[5]) : i & 4 ? 0x200000 : maddr((u8 *)si->pt_base + 260 * 8);
            break;
        case FLIP_BATCH:
            for (u32 k = 0; k < COUNT(batch); k++) {
                batch[k].op = i & 1 ? __HYPERVISOR_xen_version : i & 2 ? __HYPERVISOR_iret : __HYPERVISOR_multicall;
                batch[k].args[0] = i & 4 ? (u64)batch : 0;
            }
            break;
        case FLIP_GRANT: /* slowly: of an entry that changes all the time nothing is mapped */
            for (u32 k = 0; k < 300; k++)
                relax();
            entry[9].frame = i & 1 ? (u32)mfn_of(data) : i & 2 ? (u32)mfn_of(l1) : 0x200;
            entry[9].flags = (u16)(i & 4 ? GTF_permit_access : i & 8 ? GTF_permit_access | GTF_readonly : i);
            break;
        case SAME_PORTS:
            same_ports();
            break;
        case SAME_PINS:
            same_pins();
            break;
        case SAME_SWITCH:
            same_switch();
            break;
        case SAME_FRAMES:
            same_frames();
            break;
        default:
            relax();
        }
}

static u64 soon(void)
{
    return now() + 300000000;
}

static bool is_allowed(u64 e) /* of l1[5]: empty, or ours */
{
    return !(e & PTE_P) || (e & PTE_ADDR) == (good & PTE_ADDR);
}

static void arguments(void)
{
    u32 n = 0, all = 0, wrong = 0;
    test("update-changes");
    act = FLIP_UPDATE;
    for (u64 end = soon(); now() < end; all++) {
        n += call4(__HYPERVISOR_mmu_update, &update, 1, 0, DOMID_SELF) == 0;
        wrong += !is_allowed(l1[5]);
    }
    act = IDLE;
    EQ(wrong, 0);
    TRUE(all > 100);
    print("  %u of %u updates done\n", n, all);
    EQ(mmu1(maddr(&l1[5]), 0), 0);
    test("batch-changes");
    act = FLIP_BATCH;
    for (u64 end = soon(); now() < end;)
        wrong += call2(__HYPERVISOR_multicall, batch, COUNT(batch)) != 0;
    act = IDLE;
    EQ(wrong, 0);
    test("grant-changes");
    u8 *at = page_new();
    EQ(map(at, 0), 0);
    act = FLIP_GRANT;
    n = 0, all = 0;
    for (u64 end = soon(); now() < end; all++) {
        struct gnttab_map_grant_ref op = {.host_addr = (u64)at,
                                          .flags = GNTMAP_host_map | (all & 1 ? GNTMAP_readonly : 0),
                                          .ref = 9,
                                          .dom = DOMID_SELF};
        wrong += grant_op(GNTTABOP_map_grant_ref, &op, 1) != 0;
        if (op.status == 0) {
            u64 e = *pte_of((u64)at, 1);
            wrong += (e & PTE_ADDR) != pte(data, 0) && ((e & PTE_ADDR) != pte(l1, 0) || e & PTE_RW);
            struct gnttab_unmap_grant_ref gone = {.host_addr = (u64)at, .handle = op.handle};
            wrong += grant_op(GNTTABOP_unmap_grant_ref, &gone, 1) != 0 || gone.status != 0;
            n++;
        }
    }
    act = IDLE;
    EQ(wrong, 0);
    print("  %u of %u mappings done\n", n, all);
}

static void same_objects(void)
{
    test("same-ports");
    act = SAME_PORTS;
    for (u64 end = soon(); now() < end;)
        same_ports();
    act = IDLE;
    sleep_ms(20);
    for (u32 port = 3; port < 4096; port++) {
        struct evtchn_close close = {port};
        evtchn(EVTCHNOP_close, &close);
    }
    test("same-tables");
    EQ(page_ro(shared_l1), 0);
    act = SAME_PINS;
    for (u64 end = soon(); now() < end;)
        same_pins();
    act = IDLE;
    sleep_ms(20);
    unpin(shared_l1);
    EQ(page_rw(shared_l1), 0); /* no use of it was lost */
    test("same-switch");
    for (u32 i = 0; i < COUNT(spare_l4); i++) {
        spare_l4[i] = page_new();
        for (u32 k = 0; k < 512; k++)
            spare_l4[i][k] = k < 256 || k >= 272 ? ((u64 *)si->pt_base)[k] : 0;
        EQ(page_ro(spare_l4[i]), 0);
    }
    act = SAME_SWITCH;
    for (u64 end = soon(); now() < end;)
        same_switch();
    act = IDLE;
    sleep_ms(20);
    EQ(page_rw(spare_l4[0]) | page_rw(spare_l4[1]), 0);
    test("same-frames"); /* each is given back once */
    for (u32 i = 0; i < COUNT(given); i++) {
        u8 *page = page_new();
        given[i] = mfn_of(page);
        EQ(map(page, 0), 0);
    }
    struct xen_memory_domain self = {DOMID_SELF};
    s64 before = call2(__HYPERVISOR_memory_op, XENMEM_current_reservation, &self);
    act = SAME_FRAMES;
    for (u32 i = 0; i < 100; i++)
        same_frames();
    act = IDLE;
    sleep_ms(20);
    EQ(before - call2(__HYPERVISOR_memory_op, XENMEM_current_reservation, &self), COUNT(given));
}

int main(void)
{
    traps_init();
    domu_init();
    l1 = page_new(), shared_l1 = page_new(), data = page_new();
    good = pte(data, RW_PAGE);
    evil = (*pte_of((u64)guest_base, 4) & PTE_ADDR) | RW_PAGE; /* a page table, writable */
    entry = grant_table();
    entry[9].domid = (domid_t)domu_id();
    test("second-vcpu");
    EQ(page_ro(l1) | pin(1, l1), 0);
    EQ(second_start(second), 0);
    for (u32 i = 0; i < 500 && !started; i++)
        sleep_ms(10);
    if (!TRUE(started))
        return 0;
    arguments();
    same_objects();
    return 0;
}
