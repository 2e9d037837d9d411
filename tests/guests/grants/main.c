/* SPDX-License-Identifier: MIT */
/*
 * Grants of a domain to itself: every form of a mapping, copies, and what a hostile kernel may write into the shared
 * table, the operations and the page tables in between. Where a use must be refused, nothing may be left of it: the
 * flags of the entry say so, and the audit behind the last test counts the references.
 */
#include "domu.h"

#define FRAMES 2u

static volatile struct grant_entry_v1 *entry; /* FRAMES frames of them */
static domid_t self;
static u8 *data, *at, *at2; /* what is granted; where it is mapped: two pages without a frame */

static void grant(u32 ref, const void *page, u16 flags)
{
    entry[ref].flags = 0;
    entry[ref].domid = self;
    entry[ref].frame = (u32)mfn_of(page);
    entry[ref].flags = flags;
}

static struct gnttab_map_grant_ref last_map;
static s64 map_grant(u32 ref, u64 host_addr, u32 flags)
{
    last_map = (struct gnttab_map_grant_ref){.host_addr = host_addr, .flags = flags, .ref = ref, .dom = self};
    s64 rc = grant_op(GNTTABOP_map_grant_ref, &last_map, 1);
    return rc ? rc - 1000 : last_map.status;
}

static s64 unmap_grant(u64 host_addr, u64 bus, u32 handle)
{
    struct gnttab_unmap_grant_ref op = {.host_addr = host_addr, .dev_bus_addr = bus, .handle = handle};
    s64 rc = grant_op(GNTTABOP_unmap_grant_ref, &op, 1);
    return rc ? rc - 1000 : op.status;
}

static u16 busy(u32 ref)
{
    return entry[ref].flags & (GTF_reading | GTF_writing);
}

static u64 entry_of(const void *va)
{
    return *pte_of((u64)va, 1);
}

static u64 slot_of(const void *va) /* machine address of the L1 entry */
{
    const u64 *l1 = pte_of((u64)va, 1);
    return (*pte_of((u64)l1, 1) & PTE_ADDR) | ((u64)l1 & 0xfff);
}

static void set_up(void)
{
    struct gnttab_query_size size = {.dom = DOMID_SELF};
    u64 list[FRAMES] = {0}, many[100];
    struct gnttab_setup_table setup = {.dom = DOMID_SELF, .nr_frames = FRAMES, .frame_list = (u64)list};
    u8 *table = page_new(), *next = page_new();

    test("grant-table");
    EQ(grant_op(GNTTABOP_query_size, &size, 1), 0);
    EQ(size.status, GNTST_okay);
    TRUE(size.max_nr_frames >= 4 && size.max_nr_frames <= COUNT(many));
    EQ(grant_op(GNTTABOP_setup_table, &setup, 1), 0);
    EQ(setup.status, GNTST_okay);
    TRUE(list[0] && list[1] && list[0] != list[1]);
    EQ((u64)next - (u64)table, PAGE);
    EQ(map(table, list[0] << 12 | RW_PAGE | PTE_NX), 0);
    EQ(map(next, list[1] << 12 | RW_PAGE | PTE_NX), 0);
    entry = (void *)table;
    for (u32 i = is_domu() ? GNTTAB_NR_RESERVED_ENTRIES : 0; i < FRAMES * PAGE / sizeof(*entry); i++)
        TRUE(entry[i].flags == 0 && entry[i].frame == 0);
    test("grant-table-again"); /* the same frames, and no more than the limit */
    list[0] = list[1] = 0;
    EQ(grant_op(GNTTABOP_setup_table, &setup, 1), 0);
    EQ(list[0] << 12, entry_of(table) & PTE_ADDR);
    setup.nr_frames = size.max_nr_frames + 1;
    setup.frame_list = (u64)many;
    EQ(grant_op(GNTTABOP_setup_table, &setup, 1), 0);
    EQ(setup.status, GNTST_general_error);
    setup.nr_frames = ~0u;
    EQ(grant_op(GNTTABOP_setup_table, &setup, 1), 0);
    EQ(setup.status, GNTST_general_error);
    setup = (struct gnttab_setup_table){.dom = DOMID_SELF, .nr_frames = FRAMES, .frame_list = HV_DIRECT};
    EQ(grant_op(GNTTABOP_setup_table, &setup, 1), E_FAULT);
    EQ(grant_op(GNTTABOP_setup_table, &setup, 0), E_INVAL);
    EQ(grant_op(GNTTABOP_setup_table, &setup, 2), E_INVAL);
    test("grant-table-frame"); /* Wirt writes it for ever: it never becomes a page table */
    FAILS(ext(MMUEXT_PIN_L1_TABLE, entry_of(table) >> 12 & 0xffffffffff, 0));
    at = page_new();
    at2 = page_new();
    data = page_new();
    EQ(map(at, 0) | map(at2, 0), 0);
}

static void versions(void)
{
    struct gnttab_set_version set = {.version = 1};
    struct gnttab_get_version get = {.dom = DOMID_SELF};
    u64 any[8] = {0};

    test("grant-version");
    EQ(grant_op(GNTTABOP_set_version, &set, 1), 0);
    EQ(set.version, 1);
    set.version = 2;
    EQ(grant_op(GNTTABOP_set_version, &set, 1), E_NOSYS);
    set.version = 3;
    EQ(grant_op(GNTTABOP_set_version, &set, 1), E_INVAL);
    EQ(grant_op(GNTTABOP_get_version, &get, 1), 0);
    EQ(get.version, 1);
    test("grant-not-built");
    EQ(grant_op(GNTTABOP_transfer, any, 1), E_NOSYS);
    EQ(grant_op(GNTTABOP_unmap_and_replace, any, 1), E_NOSYS);
    EQ(grant_op(GNTTABOP_get_status_frames, any, 1), E_NOSYS);
    EQ(grant_op(GNTTABOP_cache_flush, any, 1), E_NOSYS);
    EQ(grant_op(99, any, 1), E_NOSYS);
    EQ(grant_op(~0u, any, 1), E_NOSYS);
}

static void map_linear(void)
{
    u32 first;

    test("map-linear");
    data[7] = 1;
    grant(9, data, GTF_permit_access);
    EQ(map_grant(9, (u64)at, GNTMAP_host_map), GNTST_okay);
    EQ(last_map.dev_bus_addr, mfn_of(data) << 12);
    EQ(entry_of(at) & (PTE_ADDR | RW_PAGE | PTE_NX), mfn_of(data) << 12 | RW_PAGE | PTE_NX);
    EQ(at[7], 1);
    at[7] = 2;
    EQ(data[7], 2);
    EQ(busy(9), GTF_reading | GTF_writing);
    first = last_map.handle;
    test("map-twice"); /* the entry is busy until the last user has gone */
    EQ(map_grant(9, (u64)at2, GNTMAP_host_map | GNTMAP_readonly), GNTST_okay);
    TRUE(last_map.handle != first);
    EQ(unmap_grant((u64)at, 0, first), GNTST_okay);
    EQ(entry_of(at), 0);
    EQ(busy(9), GTF_reading);
    EQ(at2[7], 2);
    __asm__ volatile(TRY("movb $1, (%0)") : : "r"(at2) : "memory");
    TRUE(faulted(V_PF, 3));
    EQ(unmap_grant((u64)at2, 0, last_map.handle), GNTST_okay);
    EQ(busy(9), 0);
    __asm__ volatile(TRY("movb (%0), %%al") : : "r"(at2) : "memory", "rax"); /* no stale translation either */
    TRUE(faulted(V_PF, 0));
}

static void map_entries(void)
{
    u32 user = GNTMAP_host_map | GNTMAP_application_map | GNTMAP_contains_pte | 1u << 16;

    test("map-pte");
    EQ(map_grant(9, slot_of(at), GNTMAP_host_map | GNTMAP_contains_pte), GNTST_okay);
    EQ(entry_of(at) & (PTE_ADDR | RW_PAGE), mfn_of(data) << 12 | RW_PAGE);
    EQ(unmap_grant(slot_of(at), 0, last_map.handle), GNTST_okay);
    test("map-user"); /* as gntdev does */
    EQ(map_grant(9, slot_of(at), user), GNTST_okay);
    EQ(entry_of(at) & (PTE_ADDR | RW_PAGE | PTE_US | 0xe00), mfn_of(data) << 12 | RW_PAGE | PTE_US | 0x200);
    EQ(unmap_grant(slot_of(at), 0, last_map.handle), GNTST_okay);
    EQ(map_grant(9, slot_of(at), user | GNTMAP_readonly | 6u << 16), GNTST_okay);
    EQ(entry_of(at) & (PTE_ADDR | RW_PAGE | PTE_US | 0xe00), mfn_of(data) << 12 | RO_PAGE | PTE_US | 0xe00);
    EQ(unmap_grant(slot_of(at), 0, last_map.handle), GNTST_okay);
}

static void map_device(void)
{
    test("map-device");
    EQ(map_grant(9, 0, GNTMAP_device_map), GNTST_okay);
    EQ(last_map.dev_bus_addr, mfn_of(data) << 12);
    EQ(busy(9), GTF_reading | GTF_writing);
    EQ(unmap_grant(0, last_map.dev_bus_addr + PAGE, last_map.handle), GNTST_bad_dev_addr);
    EQ(unmap_grant(0, last_map.dev_bus_addr, last_map.handle), GNTST_okay);
    EQ(busy(9), 0);
    test("map-both"); /* busy until both halves have gone, in either order */
    for (u32 i = 0; i < 3; i++) {
        EQ(map_grant(9, (u64)at, GNTMAP_host_map | GNTMAP_device_map), GNTST_okay);
        u64 bus = last_map.dev_bus_addr, h = last_map.handle;
        if (i < 2) {
            EQ(unmap_grant(i ? 0 : (u64)at, i ? bus : 0, h), GNTST_okay);
            EQ(busy(9), GTF_reading | GTF_writing);
            EQ(unmap_grant(i ? (u64)at : 0, i ? 0 : bus, h), GNTST_okay);
        } else {
            EQ(unmap_grant((u64)at, bus, h), GNTST_okay);
        }
        EQ(busy(9), 0);
        EQ(unmap_grant((u64)at, bus, h), GNTST_bad_handle);
    }
}

static void handles(void)
{
    u32 h;

    test("handle-stale");
    EQ(map_grant(9, (u64)at, GNTMAP_host_map), GNTST_okay);
    h = last_map.handle;
    EQ(unmap_grant((u64)at2, 0, h), GNTST_bad_virt_addr);
    EQ(unmap_grant(0, 0, h), GNTST_bad_virt_addr);
    EQ(unmap_grant((u64)at, 0, h), GNTST_okay);
    EQ(unmap_grant((u64)at, 0, h), GNTST_bad_handle);
    EQ(map_grant(9, (u64)at, GNTMAP_host_map), GNTST_okay);
    TRUE(last_map.handle != h); /* though it is the same place */
    EQ(unmap_grant((u64)at, 0, h), GNTST_bad_handle);
    EQ(unmap_grant((u64)at, 0, last_map.handle), GNTST_okay);
    test("handle-wild");
    EQ(unmap_grant((u64)at, 0, 0), GNTST_bad_handle);
    EQ(unmap_grant((u64)at, 0, ~0u), GNTST_bad_handle);
    EQ(unmap_grant((u64)at, 0, 1u << 19), GNTST_bad_handle);
    test("handle-many"); /* through several pages of them, and all are found again */
    static struct gnttab_map_grant_ref op[600];
    static struct gnttab_unmap_grant_ref gone[600];
    for (u32 i = 0; i < COUNT(op); i++)
        op[i] = (struct gnttab_map_grant_ref){.flags = GNTMAP_device_map | GNTMAP_readonly, .ref = 9, .dom = self};
    EQ(grant_op(GNTTABOP_map_grant_ref, op, COUNT(op)), 0);
    for (u32 i = 0; i < COUNT(op); i++) {
        EQ(op[i].status, GNTST_okay);
        gone[i] = (struct gnttab_unmap_grant_ref){.dev_bus_addr = op[i].dev_bus_addr, .handle = op[i].handle};
    }
    EQ(busy(9), GTF_reading);
    EQ(grant_op(GNTTABOP_unmap_grant_ref, gone, COUNT(gone)), 0);
    for (u32 i = 0; i < COUNT(gone); i++)
        EQ(gone[i].status, GNTST_okay);
    EQ(busy(9), 0);
}

/* The page-table entry goes, or changes, before the unmap: no reference is lost or given twice. */
static void overwritten(void)
{
    u8 *other = page_new();
    u64 *l1 = page_new();

    test("entry-cleared");
    EQ(map_grant(9, (u64)at, GNTMAP_host_map), GNTST_okay);
    EQ(map(at, 0), 0);
    EQ(busy(9), GTF_reading | GTF_writing); /* the handle is there still */
    EQ(unmap_grant((u64)at, 0, last_map.handle), GNTST_okay);
    EQ(busy(9), 0);
    test("entry-replaced");
    other[3] = 42;
    EQ(map_grant(9, (u64)at, GNTMAP_host_map), GNTST_okay);
    EQ(map(at, pte(other, RW_PAGE)), 0);
    EQ(unmap_grant((u64)at, 0, last_map.handle), GNTST_okay);
    EQ(at[3], 42); /* what was put there in its place stays */
    EQ(map(at, 0), 0);
    test("entry-read-only"); /* its right to write given away by the mapper itself */
    EQ(map_grant(9, (u64)at, GNTMAP_host_map), GNTST_okay);
    EQ(map(at, pte(data, RO_PAGE)), 0);
    EQ(unmap_grant((u64)at, 0, last_map.handle), GNTST_okay);
    EQ(entry_of(at), 0);
    test("entry-of-two"); /* mapped over another mapping: one entry, two handles */
    EQ(map_grant(9, (u64)at, GNTMAP_host_map), GNTST_okay);
    u32 h = last_map.handle;
    EQ(map_grant(9, (u64)at, GNTMAP_host_map), GNTST_okay);
    EQ(unmap_grant((u64)at, 0, h), GNTST_okay);
    EQ(busy(9), GTF_reading | GTF_writing);
    EQ(entry_of(at), 0);
    EQ(unmap_grant((u64)at, 0, last_map.handle), GNTST_okay);
    EQ(busy(9), 0);
    test("table-gone"); /* the whole table stops being one */
    EQ(page_ro(l1), 0);
    EQ(pin(1, l1), 0);
    EQ(map_grant(9, maddr(&l1[5]), GNTMAP_host_map | GNTMAP_contains_pte), GNTST_okay);
    TRUE(l1[5] & PTE_P);
    EQ(unpin(l1), 0);
    EQ(page_rw(l1), 0);
    EQ(busy(9), GTF_reading | GTF_writing);
    EQ(unmap_grant(maddr(&l1[5]), 0, last_map.handle), GNTST_okay);
    EQ(busy(9), 0);
    TRUE(l1[5] & PTE_P); /* plain memory now, the kernel's to write */
    fill(l1, 0, PAGE);
}

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

static s64 copy1(u32 flags, u64 from, u32 from_offset, u64 to, u32 to_offset, u32 len)
{
    struct gnttab_copy op = {.source = {.offset = (u16)from_offset, .domid = DOMID_SELF},
                             .dest = {.offset = (u16)to_offset, .domid = DOMID_SELF},
                             .len = (u16)len,
                             .flags = (u16)flags};
    op.source.u.gmfn = from;
    op.dest.u.gmfn = to;
    s64 rc = grant_op(GNTTABOP_copy, &op, 1);
    return rc ? rc - 1000 : op.status;
}

static void copies_right(u8 *a, u8 *b)
{
    for (u32 i = 0; i < PAGE; i++)
        a[i] = (u8)(i * 7 + 1);
    grant(30, a, GTF_permit_access | GTF_readonly);
    grant(31, b, GTF_permit_access);
    test("copy");
    EQ(copy1(GNTCOPY_source_gref | GNTCOPY_dest_gref, 30, 0, 31, 0, PAGE), GNTST_okay);
    TRUE(same(a, b, PAGE));
    fill(b, 0, PAGE);
    EQ(copy1(GNTCOPY_source_gref, 30, 100, mfn_of(b), 4000, 96), GNTST_okay);
    TRUE(same(a + 100, b + 4000, 96) && b[3999] == 0);
    fill(b, 0, PAGE);
    EQ(copy1(GNTCOPY_dest_gref, mfn_of(a), 5, 31, 1, 3), GNTST_okay);
    TRUE(b[0] == 0 && same(a + 5, b + 1, 3) && b[4] == 0);
    EQ(copy1(0, mfn_of(a), 0, mfn_of(b), 0, 0), GNTST_okay);
    EQ(busy(30) | busy(31), 0);
    test("copy-bounds");
    EQ(copy1(GNTCOPY_source_gref, 30, 1, mfn_of(b), 0, PAGE), GNTST_bad_copy_arg);
    EQ(copy1(GNTCOPY_source_gref, 30, 0, mfn_of(b), 1, PAGE), GNTST_bad_copy_arg);
    EQ(copy1(GNTCOPY_source_gref, 30, 0xffff, mfn_of(b), 0, 1), GNTST_bad_copy_arg);
    EQ(copy1(GNTCOPY_source_gref, 30, 0, mfn_of(b), 0, 0xffff), GNTST_bad_copy_arg);
}

static void copies_refused(u8 *b)
{
    u64 *l1 = page_new();

    test("copy-refused");
    EQ(copy1(GNTCOPY_dest_gref, mfn_of(b), 0, 30, 0, 8), GNTST_general_error); /* read-only entry */
    EQ(copy1(GNTCOPY_source_gref, 40, 0, mfn_of(b), 0, 8), GNTST_general_error);
    EQ(copy1(GNTCOPY_source_gref, ~0u, 0, mfn_of(b), 0, 8), GNTST_bad_gntref);
    EQ(copy1(0, ~0ul, 0, mfn_of(b), 0, 8), GNTST_bad_page);
    EQ(copy1(0, 0x200, 0, mfn_of(b), 0, 8), GNTST_bad_page);
    EQ(copy1(0, mfn_of(b), 0, 0xfee00, 0, 8), GNTST_bad_page);
    EQ(page_ro(l1), 0);
    EQ(pin(1, l1), 0);
    EQ(copy1(0, mfn_of(b), 0, mfn_of(l1), 0, 8), GNTST_bad_page); /* a page table is not written */
    EQ(copy1(0, mfn_of(l1), 0, mfn_of(b), 0, 8), GNTST_okay);     /* but may be read */
    grant(32, l1, GTF_permit_access);
    EQ(copy1(GNTCOPY_dest_gref, mfn_of(b), 0, 32, 0, 8), GNTST_bad_page);
    EQ(unpin(l1), 0);
    EQ(page_rw(l1), 0);
    EQ(busy(30) | busy(31) | busy(32), 0);
    test("copy-other-domain"); /* by its frames: no; a domain that is not there */
    struct gnttab_copy op = {.source.domid = 12345, .dest.domid = DOMID_SELF, .len = 8};
    EQ(grant_op(GNTTABOP_copy, &op, 1), 0);
    EQ(op.status, GNTST_permission_denied);
    op.flags = GNTCOPY_source_gref;
    EQ(grant_op(GNTTABOP_copy, &op, 1), 0);
    EQ(op.status, GNTST_bad_domain);
}

/* One after the other, same sides and changing ones, a bad one among them. */
static void copies_batch(u8 *a, u8 *b)
{
    static struct gnttab_copy many[200];

    test("copy-batch");
    fill(b, 0, PAGE);
    for (u32 i = 0; i < COUNT(many); i++) {
        many[i] = (struct gnttab_copy){.source = {.domid = DOMID_SELF, .offset = (u16)(i * 8)},
                                       .dest = {.domid = DOMID_SELF, .offset = (u16)(i * 8)},
                                       .len = 8,
                                       .flags = i % 3 ? GNTCOPY_source_gref | GNTCOPY_dest_gref : GNTCOPY_dest_gref,
                                       .status = 77};
        many[i].source.u.gmfn = i % 3 ? 30 : mfn_of(a);
        many[i].dest.u.ref = i == 77 ? 3000 : 31;
    }
    EQ(grant_op(GNTTABOP_copy, many, COUNT(many)), 0);
    for (u32 i = 0; i < COUNT(many); i++) {
        EQ(many[i].status, i == 77 ? GNTST_bad_gntref : GNTST_okay);
        TRUE(same(a + i * 8, b + i * 8, 8) == (i != 77));
    }
    EQ(busy(30) | busy(31), 0);
}

static void copies(void)
{
    u8 *a = page_new(), *b = page_new();

    copies_right(a, b);
    copies_refused(b);
    copies_batch(a, b);
}

static void arrays(void)
{
    u8 *edge = page_new(), *hole = page_new(); /* an array that ends in the middle of nowhere */
    struct gnttab_map_grant_ref *op = (void *)(edge + PAGE - 3 * sizeof(*op));

    EQ((u64)hole - (u64)edge, PAGE);
    EQ(map(hole, 0), 0);
    test("array-ends");
    grant(9, data, GTF_permit_access);
    for (u32 i = 0; i < 3; i++)
        op[i] = (struct gnttab_map_grant_ref){.flags = GNTMAP_device_map, .ref = 9, .dom = self, .status = 99};
    EQ(grant_op(GNTTABOP_map_grant_ref, op, 4), E_FAULT);
    for (u32 i = 0; i < 3; i++) {
        EQ(op[i].status, GNTST_okay);
        EQ(unmap_grant(0, op[i].dev_bus_addr, op[i].handle), GNTST_okay);
    }
    EQ(busy(9), 0);
    test("array-wild");
    EQ(grant_op(GNTTABOP_map_grant_ref, (void *)HV_DIRECT, 1), E_FAULT);
    EQ(grant_op(GNTTABOP_unmap_grant_ref, (void *)HV_IMAGE, 1), E_FAULT);
    EQ(grant_op(GNTTABOP_copy, (void *)(HV_START - 8), 1), E_FAULT);
    EQ(grant_op(GNTTABOP_copy, (void *)0xfffffffffffffff0, 5), E_FAULT);
    EQ(grant_op(GNTTABOP_copy, NULL, 0), 0);
    EQ(grant_op(GNTTABOP_map_grant_ref, hole, 1), E_FAULT);
    test("array-read-only"); /* an answer that cannot be given */
    op = (void *)edge;
    *op = (struct gnttab_map_grant_ref){.flags = GNTMAP_device_map, .ref = 9, .dom = self};
    EQ(map(edge, pte(edge, RO_PAGE)), 0);
    EQ(grant_op(GNTTABOP_copy, edge, 1), E_FAULT);
    EQ(grant_op(GNTTABOP_unmap_grant_ref, edge, 1), E_FAULT);
    EQ(grant_op(GNTTABOP_query_size, edge, 1), E_FAULT);
    EQ(page_rw(edge) | page_rw(hole), 0);
}

int main(void)
{
    traps_init();
    if (is_domu()) {
        domu_init();
        self = (domid_t)domu_id();
    }
    set_up();
    versions();
    map_linear();
    map_entries();
    map_device();
    handles();
    overwritten();
    refused_entries();
    refused_tables();
    refused_places();
    entry_changed();
    copies();
    arrays();
    return 0;
}
