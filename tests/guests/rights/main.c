/* SPDX-License-Identifier: MIT */
/*
 * Class: missing privilege and trust checks. A domU asks for everything that only dom0 may do: the whole machine's and
 * other domains' control, their memory, ports and vCPUs, devices. Each is refused with the documented error, and the
 * answer does not tell whether there is such a domain. The number on the command line is a neighbour's, which lives.
 */
#include "domu.h"
#include "public/domctl.h"
#include "public/platform.h"
#include "public/sysctl.h"

static u64 who[5]; /* dom0, the neighbour, nobody, and the special ones */
static u8 *page;

static void tools(void)
{
    struct xen_domctl *d = (void *)page;
    struct xen_sysctl *s = (void *)page;
    struct xen_platform_op *p = (void *)page;
    u32 self = domu_id();
    test("domctl");
    for (u32 cmd = 0; cmd < 100; cmd++)
        for (u32 i = 0; i < COUNT(who) + 1; i++) {
            fill(page, 0, PAGE);
            d->cmd = cmd;
            d->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
            d->domain = (domid_t)(i < COUNT(who) ? who[i] : self);
            s64 rc = call1(__HYPERVISOR_domctl, d);
            if (!TRUE(rc == E_PERM || rc == E_NOSYS))
                print("  command %u for domain %u: %d\n", cmd, d->domain, (int)rc);
        }
    test("sysctl");
    for (u32 cmd = 0; cmd < 140; cmd++) { /* and Wirt's own */
        fill(page, 0, PAGE);
        s->cmd = cmd;
        s->interface_version = XEN_SYSCTL_INTERFACE_VERSION;
        EQ(call1(__HYPERVISOR_sysctl, s), E_PERM);
    }
    test("platform-op");
    for (u32 cmd = 0; cmd < 80; cmd++) {
        fill(page, 0, PAGE);
        p->cmd = cmd;
        p->interface_version = XENPF_INTERFACE_VERSION;
        EQ(call1(__HYPERVISOR_platform_op, p), E_PERM);
    }
    test("console-io");
    fill(page, 'x', 64);
    EQ(call3(__HYPERVISOR_console_io, CONSOLEIO_read, 64, page), E_PERM);
}

static s64 reserve(u32 cmd, u64 domain)
{
    u64 frame = mfn_of(page);
    struct xen_memory_reservation r = {.extent_start = (u64)&frame, .nr_extents = 1, .domid = (domid_t)domain};
    return call2(__HYPERVISOR_memory_op, cmd, &r);
}

static void memory(u64 domain)
{
    u64 list[4] = {0};
    struct xen_mem_acquire_resource acquire = {
        .domid = (domid_t)domain, .type = XENMEM_resource_grant_table, .nr_frames = 1, .frame_list = (u64)list};
    struct xen_foreign_memory_map map_of = {.domid = (domid_t)domain, .map = {.nr_entries = 1, .buffer = (u64)list}};
    struct xen_memory_domain one = {(domid_t)domain};
    test(numbered("memory-of-", domain, ""));
    EQ(reserve(XENMEM_increase_reservation, domain), E_PERM);
    EQ(reserve(XENMEM_decrease_reservation, domain), E_PERM);
    EQ(reserve(XENMEM_populate_physmap, domain), E_PERM);
    EQ(reserve(XENMEM_claim_pages, domain), E_PERM);
    EQ(call2(__HYPERVISOR_memory_op, XENMEM_current_reservation, &one), E_PERM);
    EQ(call2(__HYPERVISOR_memory_op, XENMEM_maximum_reservation, &one), E_PERM);
    EQ(call2(__HYPERVISOR_memory_op, XENMEM_maximum_gpfn, &one), E_PERM);
    EQ(call2(__HYPERVISOR_memory_op, XENMEM_set_memory_map, &map_of), E_PERM);
    EQ(call2(__HYPERVISOR_memory_op, XENMEM_acquire_resource, &acquire), E_PERM);
    EQ(list[0], 0);
}

/* Page tables in another's name, and with another's frames. */
static void tables(u64 domain)
{
    u64 *entry = pte_of((u64)page, 1);
    struct mmu_update u = {(*pte_of((u64)entry, 1) & PTE_ADDR) | ((u64)entry & 0xfff), pte(page, RW_PAGE)};
    struct mmuext_op op = {.cmd = MMUEXT_PIN_L1_TABLE, .arg1.mfn = mfn_of(page)};
    test(numbered("tables-of-", domain, ""));
    EQ(call4(__HYPERVISOR_mmu_update, &u, 1, 0, domain), E_PERM);
    EQ(call4(__HYPERVISOR_mmu_update, &u, 1, 0, (domain + 1) << 16 | DOMID_SELF), E_PERM);
    EQ(call4(__HYPERVISOR_mmu_update, &u, 1, 0, (domain + 1) << 16 | domain), E_PERM);
    EQ(call4(__HYPERVISOR_mmuext_op, &op, 1, 0, domain), E_PERM);
    EQ(call4(__HYPERVISOR_update_va_mapping_otherdomain, page, u.val, UVMF_INVLPG, domain), E_PERM);
}

static void ports(u64 domain)
{
    struct evtchn_alloc_unbound alloc = {.dom = (domid_t)domain, .remote_dom = DOMID_SELF};
    struct evtchn_status status = {.dom = (domid_t)domain, .port = 1};
    struct evtchn_reset reset = {(domid_t)domain};
    u32 bound = 0;
    test(numbered("ports-of-", domain, ""));
    EQ(evtchn(EVTCHNOP_alloc_unbound, &alloc), E_PERM);
    EQ(evtchn(EVTCHNOP_status, &status), E_PERM);
    EQ(evtchn(EVTCHNOP_reset, &reset), E_PERM);
    for (u32 port = 0; port < 4096; port++) { /* none was left open for us */
        struct evtchn_bind_interdomain bind = {.remote_dom = (domid_t)domain, .remote_port = port};
        bound += evtchn(EVTCHNOP_bind_interdomain, &bind) == 0;
    }
    EQ(bound, 0);
}

static void grants(u64 domain)
{
    struct gnttab_setup_table setup = {.dom = (domid_t)domain, .nr_frames = 1, .frame_list = (u64)page};
    struct gnttab_query_size size = {.dom = (domid_t)domain};
    struct gnttab_copy by_frame = {.source = {.domid = (domid_t)domain}, .dest.domid = DOMID_SELF, .len = 8};
    u32 opened = 0;
    test(numbered("grants-of-", domain, ""));
    TRUE(grant_op(GNTTABOP_setup_table, &setup, 1) < 0 || setup.status < 0);
    TRUE(grant_op(GNTTABOP_query_size, &size, 1) < 0 || size.status < 0);
    by_frame.source.u.gmfn = 0x1000;
    by_frame.dest.u.gmfn = mfn_of(page);
    TRUE(grant_op(GNTTABOP_copy, &by_frame, 1) < 0 || by_frame.status < 0);
    for (u32 ref = 0; ref < 1024; ref++) {
        struct gnttab_map_grant_ref op = {.flags = GNTMAP_device_map | GNTMAP_readonly, .ref = ref};
        struct gnttab_copy copy = {.source = {.domid = (domid_t)domain}, .dest.domid = DOMID_SELF, .len = 8};
        op.dom = (domid_t)domain;
        copy.flags = GNTCOPY_source_gref;
        copy.source.u.ref = ref;
        copy.dest.u.gmfn = mfn_of(page);
        TRUE(grant_op(GNTTABOP_map_grant_ref, &op, 1) == 0 && grant_op(GNTTABOP_copy, &copy, 1) == 0);
        opened += (op.status == 0) + (copy.status == 0);
    }
    EQ(opened, 0);
}

/* Devices and what dom0 alone hears of. */
static void devices(void)
{
    static const u32 global[] = {VIRQ_CONSOLE, VIRQ_DOM_EXC, VIRQ_TBUF, VIRQ_DEBUGGER, VIRQ_CON_RING};
    test("virqs-of-dom0");
    for (u32 i = 0; i < COUNT(global); i++) {
        struct evtchn_bind_virq bind = {.virq = global[i]};
        EQ(evtchn(EVTCHNOP_bind_virq, &bind), E_PERM);
    }
    test("interrupt-lines");
    for (u32 line = 0; line < 256; line++) {
        struct evtchn_bind_pirq bind = {.pirq = line};
        struct physdev_map_pirq line_map = {.domid = DOMID_SELF, .type = MAP_PIRQ_TYPE_GSI, .pirq = -1};
        line_map.index = (int)line;
        FAILS(evtchn(EVTCHNOP_bind_pirq, &bind));
        FAILS(call2(__HYPERVISOR_physdev_op, PHYSDEVOP_map_pirq, &line_map));
    }
    test("device-memory");
    const u64 device[] = {0xa0, 0xb8, 0xc0, 0xf0, 0xfec00, 0xfee00, 0xfd000, 0xfebc0, 0};
    for (u32 i = 0; i < COUNT(device); i++) {
        u64 *entry = pte_of((u64)page, 1);
        struct mmu_update u = {(*pte_of((u64)entry, 1) & PTE_ADDR) | ((u64)entry & 0xfff), device[i] << 12 | RW_PAGE};
        FAILS(map(page, device[i] << 12 | RW_PAGE));
        FAILS(map(page, device[i] << 12 | RO_PAGE));
        FAILS(call4(__HYPERVISOR_mmu_update, &u, 1, 0, DOMID_IO));
        FAILS(call4(__HYPERVISOR_mmu_update, &u, 1, 0, DOMID_XEN));
    }
    test("machine");
    struct xen_memory_map m = {.nr_entries = 8, .buffer = (u64)page};
    EQ(call2(__HYPERVISOR_memory_op, XENMEM_machine_memory_map, &m), E_PERM);
    struct xen_memory_exchange x = {.in = {.domid = DOMID_SELF}, .out = {.domid = DOMID_SELF}};
    EQ(call2(__HYPERVISOR_memory_op, XENMEM_exchange, &x), E_PERM);
}

int main(void)
{
    traps_init();
    domu_init();
    page = page_new();
    const u64 all[COUNT(who)] = {0, argument(1), 12345, DOMID_XEN, DOMID_IO};
    for (u32 i = 0; i < COUNT(who); i++)
        who[i] = all[i];
    tools();
    for (u32 i = 0; i < 3; i++) {
        memory(who[i]);
        tables(who[i]);
        ports(who[i]);
        grants(who[i]);
    }
    tables(DOMID_XEN); /* Wirt's statistics are the control domain's to see */
    devices();
    return 0;
}
