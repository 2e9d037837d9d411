/* SPDX-License-Identifier: MIT */
/*
 * Class: error and cleanup paths. A domU takes hold of one of everything, half done where that can be, and is ended in
 * the middle of it: it crashes itself (case "crash"), its watchdog ends it ("watchdog"), or it goes on, on two vCPUs,
 * until dom0 destroys it ("stay"). What answers cannot be written is undone. The script looks that nothing is left.
 */
#include "domu.h"

static u64 *l1, *l2, *l3, *l4;

static void tables(void)
{
    u64 *more = page_new();
    test("holds-tables");
    l1 = page_new(), l2 = page_new(), l3 = page_new(), l4 = page_new();
    l1[5] = pte(page_new(), RW_PAGE);
    l2[3] = pte(l1, TABLE);
    l3[0] = pte(l2, TABLE);
    for (u32 i = 0; i < 512; i++)
        l4[i] = i < 256 || i >= 272 ? ((u64 *)si->pt_base)[i] : 0;
    l4[2] = pte(l3, TABLE);
    EQ(page_ro(l1) | page_ro(l2) | page_ro(l3) | page_ro(l4), 0);
    EQ(pin(4, l4) | pin(3, l3) | pin(2, l2) | pin(1, l1), 0);
    EQ(ext(MMUEXT_NEW_USER_BASEPTR, mfn_of(l4), 0), 0);
    u64 frame = mfn_of(l1); /* given back, and still a table */
    struct xen_memory_reservation r = {.extent_start = (u64)&frame, .nr_extents = 1, .domid = DOMID_SELF};
    EQ(call2(__HYPERVISOR_memory_op, XENMEM_decrease_reservation, &r), 0); /* pinned: refused */
    EQ(unpin(l1), 0);
    EQ(call2(__HYPERVISOR_memory_op, XENMEM_decrease_reservation, &r), 1);
    EQ(page_ro(more), 0);
    EQ(ext(MMUEXT_SET_LDT, (u64)more, 512), 0);
}

static void answers(void)
{
    u8 *page = page_new();
    test("answers-undone"); /* the page of the answer is read-only: what was done is undone */
    EQ(page_ro(page), 0);
    struct xen_memory_domain self = {DOMID_SELF};
    s64 before = call2(__HYPERVISOR_memory_op, XENMEM_current_reservation, &self);
    for (u32 i = 0; i < 300; i++) {
        EQ(evtchn(EVTCHNOP_alloc_unbound, page), E_FAULT);
        EQ(evtchn(EVTCHNOP_bind_ipi, page), E_FAULT);
    }
    EQ(call2(__HYPERVISOR_memory_op, XENMEM_current_reservation, &self), before);
}

static void others(void)
{
    struct grant_entry_v1 *entry = grant_table();
    test("holds-grants");
    for (u32 i = 0; i < 200; i++) {
        struct gnttab_map_grant_ref op = {.flags = GNTMAP_device_map, .ref = 9, .dom = DOMID_SELF};
        if (i == 0)
            entry[9] = (struct grant_entry_v1){GTF_permit_access, (domid_t)domu_id(), (u32)mfn_of(page_new())};
        EQ(grant_op(GNTTABOP_map_grant_ref, &op, 1), 0);
        EQ(op.status, 0);
    }
    for (u32 i = 0; i < 100; i++) /* for dom0, which will not take them */
        entry[100 + i] = (struct grant_entry_v1){GTF_permit_access, 0, (u32)mfn_of(page_new())};
    test("holds-ports");
    for (u32 i = 0; i < 500; i++) {
        struct evtchn_alloc_unbound alloc = {.dom = DOMID_SELF, .remote_dom = i & 1 ? 0 : DOMID_SELF};
        EQ(evtchn(EVTCHNOP_alloc_unbound, &alloc), 0);
        struct evtchn_bind_interdomain pair = {.remote_dom = DOMID_SELF, .remote_port = alloc.port};
        if (!(i & 1))
            EQ(evtchn(EVTCHNOP_bind_interdomain, &pair), 0);
    }
    test("holds-xenstore");
    XS_IS(xs(XS_TRANSACTION_START, 0, "", NULL), "");
    XS_IS(xs_two(XS_WATCH, 0, "data", "t"), "");
    XS_IS(xs(XS_WRITE, 0, "data/abandoned", "x"), "");
    struct xsd_sockmsg head = {XS_WRITE, 1, 0, 4000};
    TRUE(xs_bytes(&head, sizeof(head)) && xs_bytes("data/half", 10));
}

static void busy(void)
{
    for (u64 i = 0;; i++) {
        mmu1(maddr(&l2[3]), i & 1 ? 0 : pte(l1, TABLE));
        struct evtchn_alloc_unbound alloc = {.dom = DOMID_SELF, .remote_dom = 0};
        if (evtchn(EVTCHNOP_alloc_unbound, &alloc) == 0) {
            struct evtchn_close close = {alloc.port};
            evtchn(EVTCHNOP_close, &close);
        }
        call3(__HYPERVISOR_update_va_mapping, l3, pte(l3, RO_PAGE), UVMF_TLB_FLUSH | UVMF_ALL);
        static struct vcpu_set_singleshot_timer soon = {.timeout_abs_ns = 1};
        vcpu_op(VCPUOP_set_singleshot_timer, (u32)(i & 1), &soon);
    }
}

int main(void)
{
    struct sched_watchdog dog = {.timeout = 2};
    struct sched_shutdown crash = {SHUTDOWN_crash};
    traps_init();
    domu_init();
    answers();
    tables();
    others();
    test("second-vcpu");
    EQ(second_start(busy), 0);
    test("end");
    print("WIRT-GUEST %s holds all\n", guest_name);
    if (is_case("watchdog"))
        call2(__HYPERVISOR_sched_op, SCHEDOP_watchdog, &dog);
    if (is_case("crash"))
        call2(__HYPERVISOR_sched_op, SCHEDOP_shutdown, &crash);
    busy();
    return 0;
}
