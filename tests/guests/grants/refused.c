/* SPDX-License-Identifier: MIT */
/*
 * Mappings that must be refused: what the entry does not permit, what is a page table or nobody's, places where no
 * mapping may be. Nothing may be left of one.
 */
#include "grants.h"

static void refused_entries(void)
{
    u32 ref = FRAMES * PAGE / sizeof(*entry);

    test("map-not-granted");
    EQ(map_grant(20, (u64)at, GNTMAP_host_map), GNTST_general_error); /* an empty entry */
    EQ(map_grant(ref, (u64)at, GNTMAP_host_map), GNTST_bad_gntref);
    EQ(map_grant(~0u, (u64)at, GNTMAP_host_map), GNTST_bad_gntref);
    EQ(map_grant(9, (u64)at, 0), GNTST_bad_gntref);
    grant(20, data, GTF_accept_transfer);
    EQ(map_grant(20, (u64)at, GNTMAP_host_map), GNTST_general_error);
    grant(20, data, GTF_transitive);
    EQ(map_grant(20, (u64)at, GNTMAP_host_map), GNTST_general_error);
    grant(20, data, GTF_permit_access | GTF_sub_page);
    EQ(map_grant(20, (u64)at, GNTMAP_host_map), GNTST_general_error);
    grant(20, data, GTF_permit_access);
    entry[20].domid = 12345;
    EQ(map_grant(20, (u64)at, GNTMAP_host_map), GNTST_general_error);
    EQ(busy(20), 0);
    last_map = (struct gnttab_map_grant_ref){.host_addr = (u64)at, .flags = GNTMAP_host_map, .ref = 9, .dom = 12345};
    EQ(grant_op(GNTTABOP_map_grant_ref, &last_map, 1), 0);
    EQ(last_map.status, GNTST_bad_domain);
    test("map-read-only-entry");
    grant(20, data, GTF_permit_access | GTF_readonly);
    EQ(map_grant(20, (u64)at, GNTMAP_host_map), GNTST_general_error);
    EQ(busy(20), 0);
    EQ(map_grant(20, (u64)at, GNTMAP_host_map | GNTMAP_readonly), GNTST_okay);
    EQ(unmap_grant((u64)at, 0, last_map.handle), GNTST_okay);
}

static void refused_tables(void)
{
    u64 *l1 = page_new();

    test("map-page-table"); /* never writable, under no name */
    EQ(page_ro(l1), 0);
    EQ(pin(1, l1), 0);
    grant(20, l1, GTF_permit_access);
    EQ(map_grant(20, (u64)at, GNTMAP_host_map), GNTST_bad_page);
    EQ(map_grant(20, 0, GNTMAP_device_map), GNTST_bad_page);
    EQ(map_grant(20, (u64)at, GNTMAP_host_map | GNTMAP_device_map), GNTST_bad_page);
    EQ(busy(20), 0);
    EQ(map_grant(20, (u64)at, GNTMAP_host_map | GNTMAP_readonly), GNTST_okay);
    EQ(unmap_grant((u64)at, 0, last_map.handle), GNTST_okay);
    test("map-then-page-table"); /* while it is mapped writable it becomes none */
    grant(21, data, GTF_permit_access);
    EQ(map_grant(21, (u64)at, GNTMAP_host_map), GNTST_okay);
    EQ(page_ro(data), 0);
    FAILS(pin(1, data));
    EQ(unmap_grant((u64)at, 0, last_map.handle), GNTST_okay);
    EQ(pin(1, data), 0);
    EQ(unpin(data), 0);
    EQ(page_rw(data), 0);
    EQ(unpin(l1), 0);
    EQ(page_rw(l1), 0);
}

static void refused_places(void)
{
    test("map-frames-of-nobody"); /* not RAM, Wirt's, beyond the end */
    static const u32 frame[] = {0, 0xa0, 0xfee00, 0x200, 0x7ffffff, 0xffffffff};
    for (u32 i = 0; i < COUNT(frame); i++) {
        grant(20, data, 0);
        entry[20].frame = frame[i];
        entry[20].flags = GTF_permit_access;
        EQ(map_grant(20, (u64)at, GNTMAP_host_map | GNTMAP_readonly), GNTST_bad_page);
        EQ(map_grant(20, (u64)at, GNTMAP_host_map), GNTST_bad_page);
        EQ(map_grant(20, 0, GNTMAP_device_map), GNTST_bad_page);
        EQ(busy(20), 0);
    }
    test("map-nowhere");
    EQ(map_grant(9, 0x123456000, GNTMAP_host_map), GNTST_bad_virt_addr);
    EQ(map_grant(9, HV_DIRECT, GNTMAP_host_map), GNTST_bad_virt_addr);
    EQ(map_grant(9, NON_CANONICAL, GNTMAP_host_map), GNTST_bad_virt_addr);
    EQ(map_grant(9, slot_of(at) + 4, GNTMAP_host_map | GNTMAP_contains_pte), GNTST_bad_virt_addr);
    EQ(map_grant(9, maddr(data), GNTMAP_host_map | GNTMAP_contains_pte), GNTST_bad_virt_addr); /* no table */
    EQ(map_grant(9, ~7ull, GNTMAP_host_map | GNTMAP_contains_pte), GNTST_bad_virt_addr);
    EQ(map_grant(9, 0x200000, GNTMAP_host_map | GNTMAP_contains_pte), GNTST_bad_virt_addr); /* Wirt's image */
    EQ(map_grant(9, si->pt_base ? (entry_of((void *)si->pt_base) & PTE_ADDR) : 0,
                 GNTMAP_host_map | GNTMAP_contains_pte),
       GNTST_bad_virt_addr); /* an L4 */
    EQ(busy(9), 0);
}

static void entry_changed(void)
{
    test("entry-changed"); /* in use, and the granter writes nonsense over it */
    grant(22, data, GTF_permit_access);
    EQ(map_grant(22, (u64)at, GNTMAP_host_map), GNTST_okay);
    entry[22].frame = 0xffffffff;
    entry[22].domid = 0xffff;
    entry[22].flags = 0xffff;
    EQ(unmap_grant((u64)at, 0, last_map.handle), GNTST_okay);
    EQ(busy(22), 0);
    EQ(entry[22].flags, 0xffff & ~(GTF_reading | GTF_writing));
}

void refused(void)
{
    refused_entries();
    refused_tables();
    refused_places();
    entry_changed();
}
