/* SPDX-License-Identifier: MIT */
/*
 * Grants both ways. The guest maps two pages of ours by numbers where it has nothing, writes to one and reads the
 * other, and asks for what it must not have; it unmaps one of them twice and dies with the other one mapped, or is
 * killed for writing to what it may only read. Then we map a page of such a guest, and it dies first.
 */
#define MAPS_AT   0x3100
#define UNMAPS_AT 0x3400
#define HOLE      100u /* numbers without memory */

APIC_CODE(grant_code, "mov $20, %eax\n"
                      "xor %edi, %edi\n"
                      "mov $0x3100, %esi\n"
                      "mov $8, %edx\n"
                      "vmmcall\n"
                      "test %rax, %rax\n"
                      "jnz 9f\n"
                      "movq $0x5a5a, 0x64008\n"
                      "mov 0x65000, %rax\n"
                      "mov %rax, 0x3900\n"
                      "cmpq $0, 0x3908\n"
                      "je 1f\n"
                      "mov %rax, 0x65000\n" /* it may only read */
                      "1: mov 0x3114, %eax\n"
                      "mov %eax, 0x3410\n"
                      "mov %eax, 0x3428\n"
                      "mov $20, %eax\n"
                      "mov $1, %edi\n"
                      "mov $0x3400, %esi\n"
                      "mov $2, %edx\n"
                      "vmmcall\n"
                      "test %rax, %rax\n"
                      "jnz 9f\n");

static volatile struct grant_entry_v1 *own_entry;
static u8 *own_page[2];

static void own_grant(u32 ref, const void *page, u16 flags)
{
    own_entry[ref].flags = 0;
    own_entry[ref].domid = (domid_t)dom;
    own_entry[ref].frame = (u32)mfn_of(page);
    own_entry[ref].flags = flags;
}

static void grants_begin(bool breaks)
{
    struct gnttab_map_grant_ref *m = (void *)((u8 *)data + 0x100);
    struct gnttab_unmap_grant_ref *u = (void *)((u8 *)data + 0x400);

    furnish();
    apic_tables();
    list[0].nr = LIST_END;
    data[511] = SHUTDOWN_poweroff;
    data[0x908 / 8] = breaks;
    own_grant(20, own_page[0], GTF_permit_access);
    own_grant(21, own_page[1], GTF_permit_access | GTF_readonly);
    *(u64 *)own_page[0] = 0;
    ((u64 *)own_page[0])[1] = 0;
    *(u64 *)own_page[1] = 0x1234567;
    for (u32 i = 0; i < 8; i++)
        m[i] = (struct gnttab_map_grant_ref){.host_addr = AT(HOLE + i), .flags = GNTMAP_host_map, .ref = 20, .dom = 0};
    m[1].ref = 21;
    m[1].flags |= GNTMAP_readonly;
    m[2].ref = 21;                     /* writable, of what may only be read */
    m[3].host_addr = AT(LIST);         /* over its own memory */
    m[4].host_addr += 8;               /* not at a page */
    m[5].host_addr = 1ull << 52;       /* no such number */
    m[6].flags |= GNTMAP_contains_pte; /* it has no page tables that we know */
    m[7].flags |= GNTMAP_device_map;   /* nor devices */
    u[0] = u[1] = (struct gnttab_unmap_grant_ref){.host_addr = AT(HOLE)};
    EQ(show(win, AT(CODE) | RW_PAGE, dom), 0);
    code_put(win + APIC_DONE - AT(CODE));
    code_copy(win, grant_code, (u64)grant_code_end - (u64)grant_code);
    EQ(map(win, 0), 0);
}

static void grants_to(bool breaks)
{
    const struct gnttab_map_grant_ref *m = (const void *)((u8 *)data + 0x100);
    const struct gnttab_unmap_grant_ref *u = (const void *)((u8 *)data + 0x400);

    test(breaks ? "grant-read-only" : "grant-map");
    if (!create())
        return;
    grants_begin(breaks);
    run();
    EQ(reason(), breaks ? SHUTDOWN_crash : SHUTDOWN_poweroff);
    EQ(m[0].status, GNTST_okay);
    EQ(m[0].dev_bus_addr, m[0].host_addr); /* nobody tells frames of the machine */
    EQ(m[1].status, GNTST_okay);
    EQ(m[2].status, GNTST_general_error);
    EQ(m[3].status, GNTST_bad_virt_addr);
    EQ(m[4].status, GNTST_bad_virt_addr);
    EQ(m[5].status, GNTST_bad_virt_addr);
    EQ(m[6].status, GNTST_bad_virt_addr);
    EQ(m[7].status, GNTST_permission_denied);
    EQ(((u64 *)own_page[0])[1], 0x5a5a);
    EQ(data[0x900 / 8], 0x1234567);
    EQ(*(u64 *)own_page[1], 0x1234567);
    if (!breaks) {
        EQ(u[0].status, GNTST_okay);
        EQ(u[1].status, GNTST_bad_handle);
        EQ(own_entry[20].flags & (GTF_reading | GTF_writing), 0);
    }
    EQ(own_entry[21].flags & (GTF_reading | GTF_writing), GTF_reading);
    end();
    EQ(own_entry[20].flags & (GTF_reading | GTF_writing), 0);
    EQ(own_entry[21].flags & (GTF_reading | GTF_writing), 0);
}

static void grants_from(void)
{
    struct xen_add_to_physmap a = {.space = XENMAPSPACE_grant_table, .gpfn = 8};
    struct gnttab_map_grant_ref m = {.host_addr = (u64)own_page[1], .flags = GNTMAP_host_map, .ref = 20};
    struct gnttab_unmap_grant_ref u = {.host_addr = (u64)own_page[1]};
    struct xen_domctl op = {0};
    volatile struct grant_entry_v1 *entry = (void *)win;
    u64 was = *pte_of((u64)own_page[1], 1);

    test("granter-dies-first");
    if (!create())
        return;
    furnish();
    a.domid = m.dom = (domid_t)dom;
    EQ(call2(__HYPERVISOR_memory_op, XENMEM_add_to_physmap, &a), 0);
    EQ(show(win, AT(8) | RW_PAGE, dom), 0);
    entry[20].frame = DATA;
    entry[20].domid = 0;
    entry[20].flags = GTF_permit_access;
    data[0] = 0xabcdef;
    EQ(map(own_page[1], 0), 0);
    EQ(grant_op(GNTTABOP_map_grant_ref, &m, 1), 0);
    EQ(m.status, GNTST_okay);
    EQ(*(u64 *)own_page[1], 0xabcdef);
    map(list, 0);
    map(data, 0);
    map(win, 0);
    EQ(domctl(XEN_DOMCTL_destroydomain, dom, &op), 0);
    TRUE(state_of(dom) & XEN_DOMINF_dying);
    EQ(*(u64 *)own_page[1], 0xabcdef);
    u.handle = m.handle;
    EQ(grant_op(GNTTABOP_unmap_grant_ref, &u, 1), 0);
    EQ(u.status, GNTST_okay);
    EQ(state_of(dom), ~0u);
    EQ(map(own_page[1], was), 0);
}

static void grants_init(void)
{
    own_entry = grant_table();
    own_page[0] = page_new();
    own_page[1] = page_new();
}
