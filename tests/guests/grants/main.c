/* SPDX-License-Identifier: MIT */
/*
 * Grants of a domain to itself: every form of a mapping, copies, and what a hostile kernel may write into the shared
 * table, the operations and the page tables in between. Where a use must be refused, nothing may be left of it: the
 * flags of the entry say so, and the audit behind the last test counts the references.
 */
#include "grants.h"

volatile struct grant_entry_v1 *entry;
u8 *data, *at;
static domid_t self;
static u8 *at2; /* another page without a frame */

void grant(u32 ref, const void *page, u16 flags)
{
    entry[ref].flags = 0;
    entry[ref].domid = self;
    entry[ref].frame = (u32)mfn_of(page);
    entry[ref].flags = flags;
}

struct gnttab_map_grant_ref last_map;
s64 map_grant(u32 ref, u64 host_addr, u32 flags)
{
    last_map = (struct gnttab_map_grant_ref){.host_addr = host_addr, .flags = flags, .ref = ref, .dom = self};
    s64 rc = grant_op(GNTTABOP_map_grant_ref, &last_map, 1);
    return rc ? rc - 1000 : last_map.status;
}

s64 unmap_grant(u64 host_addr, u64 bus, u32 handle)
{
    struct gnttab_unmap_grant_ref op = {.host_addr = host_addr, .dev_bus_addr = bus, .handle = handle};
    s64 rc = grant_op(GNTTABOP_unmap_grant_ref, &op, 1);
    return rc ? rc - 1000 : op.status;
}

u16 busy(u32 ref)
{
    return entry[ref].flags & (GTF_reading | GTF_writing);
}

u64 entry_of(const void *va)
{
    return *pte_of((u64)va, 1);
}

u64 slot_of(const void *va) /* machine address of the L1 entry */
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
    refused();
    copies();
    arrays();
    return 0;
}
