/* SPDX-License-Identifier: MIT */
/*
 * Class: unbounded work, quotas, flooded logs; the hypervisor's part. Case "all" takes of everything until it is
 * refused, looks at the error, and gives it back. Case "storm" does for ever what makes most work for others: events to
 * dom0, timers that are due at once, yields, ports opened and closed, refused calls that each want a line in the log.
 */
#include "domu.h"

static u8 *page;

static void ports(void)
{
    struct evtchn_alloc_unbound alloc = {.dom = DOMID_SELF, .remote_dom = 0};
    u32 first, last = 0, got = 0;
    s64 rc = 0;
    test("ports");
    for (first = 0; got < 5000 && (rc = evtchn(EVTCHNOP_alloc_unbound, &alloc)) == 0; got++) {
        last = alloc.port;
        first = first ? first : last;
    }
    EQ(rc, E_NOSPC);
    TRUE(got > 1000 && last < 4096);
    struct evtchn_bind_ipi ipi = {0};
    EQ(evtchn(EVTCHNOP_bind_ipi, &ipi), E_NOSPC);
    struct evtchn_bind_interdomain pair = {.remote_dom = DOMID_SELF, .remote_port = last};
    TRUE(evtchn(EVTCHNOP_bind_interdomain, &pair) < 0);
    test("ports-again");
    for (u32 i = 0; i < 3; i++)
        for (u32 port = first; port <= last; port++) {
            struct evtchn_close close = {port};
            EQ(evtchn(EVTCHNOP_close, &close), 0);
            EQ(evtchn(EVTCHNOP_close, &close), E_INVAL);
            EQ(evtchn(EVTCHNOP_alloc_unbound, &alloc), 0);
            EQ(alloc.port, port);
        }
    for (u32 port = first; port <= last; port++) {
        struct evtchn_close close = {port};
        EQ(evtchn(EVTCHNOP_close, &close), 0);
    }
}

static void grants(void)
{
    struct gnttab_query_size size = {.dom = DOMID_SELF};
    static u64 list[4096];
    struct gnttab_setup_table setup = {.dom = DOMID_SELF, .frame_list = (u64)list};
    test("grant-frames");
    EQ(grant_op(GNTTABOP_query_size, &size, 1), 0);
    setup.nr_frames = size.max_nr_frames;
    TRUE(size.max_nr_frames >= 4 && size.max_nr_frames < COUNT(list));
    EQ(grant_op(GNTTABOP_setup_table, &setup, 1), 0);
    EQ(setup.status, GNTST_okay);
    for (u32 i = 1; i < size.max_nr_frames; i++)
        TRUE(list[i] && list[i] != list[i - 1]);
    for (u64 beyond = size.max_nr_frames + 1; beyond < 1ul << 32; beyond = beyond * 5 + 1) {
        setup.nr_frames = (u32)beyond;
        EQ(grant_op(GNTTABOP_setup_table, &setup, 1), 0);
        EQ(setup.status, GNTST_general_error);
    }
    test("grant-mappings"); /* until there is no handle left, and a second time: they came back */
    struct grant_entry_v1 *entry = grant_table();
    static struct gnttab_map_grant_ref map_op[512];
    static struct gnttab_unmap_grant_ref unmap_op[512];
    static u32 handle[300000];
    u64 bus = mfn_of(page) << 12;
    entry[9] = (struct grant_entry_v1){GTF_permit_access, (domid_t)domu_id(), (u32)mfn_of(page)};
    for (u32 round = 0; round < 2; round++) {
        u32 got = 0, limit = round ? 1024 : COUNT(handle) - COUNT(map_op);
        s64 status = 0;
        while (!status && got < limit) {
            for (u32 i = 0; i < COUNT(map_op); i++)
                map_op[i] = (struct gnttab_map_grant_ref){.flags = GNTMAP_device_map, .ref = 9, .dom = DOMID_SELF};
            EQ(grant_op(GNTTABOP_map_grant_ref, map_op, COUNT(map_op)), 0);
            for (u32 i = 0; i < COUNT(map_op); i++)
                if (map_op[i].status)
                    status = map_op[i].status;
                else
                    handle[got++] = map_op[i].handle;
        }
        TRUE(round ? status == 0
                   : status == GNTST_no_device_space || status == GNTST_no_space || status == GNTST_general_error);
        TRUE(got > 1000);
        print("  %u mappings, then status %d\n", got, (int)status);
        while (got) {
            u32 n = 0;
            while (got && n < COUNT(unmap_op))
                unmap_op[n++] = (struct gnttab_unmap_grant_ref){.dev_bus_addr = bus, .handle = handle[--got]};
            EQ(grant_op(GNTTABOP_unmap_grant_ref, unmap_op, n), 0);
            for (u32 i = 0; i < n; i++)
                EQ(unmap_op[i].status, GNTST_okay);
        }
    }
    EQ(entry[9].flags, GTF_permit_access);
}

static s64 reserve(u32 cmd, u64 count, u32 order, void *list)
{
    struct xen_memory_reservation r = {
        .extent_start = (u64)list, .nr_extents = count, .extent_order = order, .domid = DOMID_SELF};
    return call2(__HYPERVISOR_memory_op, cmd, &r);
}

static void memory(void)
{
    u64 *list = (u64 *)page;
    test("memory-beyond");
    for (u32 order = 0; order < 20; order++) {
        list[0] = 5;
        EQ(reserve(XENMEM_populate_physmap, 1, order, list), 0);
        EQ(reserve(XENMEM_increase_reservation, 1, order, list), 0);
    }
    EQ(reserve(XENMEM_populate_physmap, 512, 63, list), 0);
    FAILS(reserve(XENMEM_populate_physmap, ~0ul, 0, list));
    FAILS(reserve(XENMEM_populate_physmap, 1ul << 61, 0, list));
    EQ(reserve(XENMEM_increase_reservation, 1ul << 40, 0, NULL), 0); /* asked for without an answer */
    test("memory-not-ours");
    static const u64 frame[] = {0, 1, 0x80, 0xa0, 0x200, 0x1000, 0xfee00, 1ul << 28, 1ul << 40, 1ul << 52, ~0ul};
    for (u32 i = 0; i < COUNT(frame); i++) {
        list[0] = frame[i];
        EQ(reserve(XENMEM_decrease_reservation, 1, 0, list), 0);
        EQ(reserve(XENMEM_decrease_reservation, 1, 9, list), 0);
    }
}

static void timers(void)
{
    struct vcpu_set_periodic_timer often = {1};
    test("timers");
    FAILS(vcpu_op(VCPUOP_set_periodic_timer, 0, &often));
    for (u32 i = 0; i < 20000; i++) {
        struct vcpu_set_singleshot_timer now_due = {.timeout_abs_ns = i & 1 ? 1 : now() + i};
        EQ(vcpu_op(VCPUOP_set_singleshot_timer, 0, &now_due), 0);
    }
    EQ(call1(__HYPERVISOR_set_timer_op, 0), 0);
    test("watchdogs");
    struct sched_watchdog dog = {.timeout = 1000};
    s64 rc = 0;
    u32 got = 0;
    while (got < 100 && (rc = call2(__HYPERVISOR_sched_op, SCHEDOP_watchdog, &dog)) > 0)
        got++;
    TRUE(got > 0 && got < 10);
    EQ(rc, E_NOSPC);
    for (u32 id = 1; id <= got; id++) {
        struct sched_watchdog off = {.id = id};
        EQ(call2(__HYPERVISOR_sched_op, SCHEDOP_watchdog, &off), 0);
    }
}

static struct multicall_entry many[1024];

static void batches(void)
{
    static struct mmuext_op flush = {.cmd = MMUEXT_TLB_FLUSH_ALL};
    test("batch-of-flushes");
    for (u32 i = 0; i < COUNT(many); i++)
        many[i] = (struct multicall_entry){.op = __HYPERVISOR_mmuext_op, .args = {(u64)&flush, 1, 0, DOMID_SELF}};
    EQ(call2(__HYPERVISOR_multicall, many, COUNT(many)), 0);
    for (u32 i = 0; i < COUNT(many); i++)
        EQ(many[i].result, 0);
}

static void log_flood(void)
{
    test("log-flood"); /* what dom0 reads of it is the script's matter */
    for (u32 i = 0; i < 3000; i++)
        FAILS(pin(1, (void *)si->pt_base));
}

static void storm(void)
{
    struct evtchn_send ring[2] = {{si->console.domU.evtchn}, {si->store_evtchn}};
    print("WIRT-GUEST %s storm begins\n", guest_name);
    for (u64 i = 0;; i++) {
        struct evtchn_alloc_unbound alloc = {.dom = DOMID_SELF, .remote_dom = 0};
        struct vcpu_set_singleshot_timer due = {.timeout_abs_ns = 1};
        evtchn(EVTCHNOP_send, &ring[i & 1]);
        vcpu_op(VCPUOP_set_singleshot_timer, 0, &due);
        if (evtchn(EVTCHNOP_alloc_unbound, &alloc) == 0) {
            struct evtchn_close close = {alloc.port};
            evtchn(EVTCHNOP_close, &close);
        }
        pin(1, (void *)si->pt_base);
        call3(__HYPERVISOR_console_io, CONSOLEIO_write, 64, page);
        if (i % 16 == 0)
            call2(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
        if (i % 64 == 0)
            call2(__HYPERVISOR_multicall, many, 256);
    }
}

int main(void)
{
    traps_init();
    domu_init();
    page = page_new();
    if (is_case("storm"))
        storm();
    ports();
    memory();
    timers();
    batches();
    grants();
    log_flood();
    return 0;
}
