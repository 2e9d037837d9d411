/* SPDX-License-Identifier: MIT */
/*
 * Memory that is given 2 MiB at a time, and shown so to the processor where it can bear that: what a guest does to one
 * of the 512 pages is seen by nobody beside it. It makes a hole and fills it, gives all of it back and takes it again,
 * breaks and mends it in a loop, runs an instruction that lies over the end; its second vCPU reads a page that the
 * first gives back meanwhile, and that we take and write to; we map a page of it by grant.
 */
#define BIG_ORDER  9u
#define BIG_PAGES  1024u  /* two such extents, from 0 on */
#define BIG_TALES  0x3100 /* reservations for memory_op, 64 bytes each */
#define BIG_LIST   0x14000
#define BIG_FLAG   0x3808
#define BIG_SECRET 0x5ec2e7u

#define MEM(cmd, n, count)                                                                                             \
    "mov $12, %eax\nmov $" #cmd ", %edi\nmov $0x3100 + 64 * " #n ", %esi\nvmmcall\ncmp $" #count ", %rax\njne 9f\n"
#define CALL_OVER_THE_END "xor %eax, %eax\nmov $0x1ffffd, %ecx\ncall *%rcx\ncmp $0x11223344, %eax\njne 9f\n"

/* Page i of 128 and more says i; 300 is a hole, then memory; the code's end is in the next 2 MiB, of which 521 goes. */
APIC_CODE(large_hole, "mov $128, %ecx\n"
                      "1: mov %rcx, %rdi\n"
                      "shl $12, %rdi\n"
                      "mov %rcx, (%rdi)\n"
                      "inc %ecx\n"
                      "cmp $512, %ecx\n"
                      "jb 1b\n"
                      "movb $0xb8, 0x1ffffd\n"
                      "movl $0x11223344, 0x1ffffe\n"
                      "movb $0xc3, 0x200002\n" CALL_OVER_THE_END MEM(1, 0, 1) CALL_OVER_THE_END MEM(1, 1, 1)
                          CALL_OVER_THE_END "cmpq $-1, 0x12c008\n"
                                            "jne 9f\n"
                                            "cmpq $-1, 0x209000\n"
                                            "jne 9f\n"
                                            "mov $128, %ecx\n"
                                            "1: mov %rcx, %rdi\n"
                                            "shl $12, %rdi\n"
                                            "cmp $300, %ecx\n"
                                            "je 2f\n"
                                            "cmp %rcx, (%rdi)\n"
                                            "jne 9f\n"
                                            "2: inc %ecx\n"
                                            "cmp $512, %ecx\n"
                                            "jb 1b\n" MEM(6, 0, 1) "cmpq $0, 0x12c000\n"
                                                                   "jne 9f\n"
                                                                   "movq $5, 0x12c000\n"
                                                                   "cmpq $301, 0x12d000\n"
                                                                   "jne 9f\n"
                                                                   "cmpq $299, 0x12b000\n"
                                                                   "jne 9f\n");
/* 384 pages out and in, twice; then the last of 2 MiB out and in, with a look at it and its neighbour. */
APIC_CODE(large_balloon,
          "mov $2, %r12d\n"
          "4:\n" MEM(1, 2, 384) "cmpq $-1, 0x1ff008\n"
                                "jne 9f\n" MEM(6, 2, 384) "mov $128, %ecx\n"
                                                          "1: mov %rcx, %rdi\n"
                                                          "shl $12, %rdi\n"
                                                          "cmpq $0, (%rdi)\n"
                                                          "jne 9f\n"
                                                          "mov %rcx, (%rdi)\n"
                                                          "inc %ecx\n"
                                                          "cmp $512, %ecx\n"
                                                          "jb 1b\n"
                                                          "1: dec %ecx\n"
                                                          "mov %rcx, %rdi\n"
                                                          "shl $12, %rdi\n"
                                                          "cmp %rcx, (%rdi)\n"
                                                          "jne 9f\n"
                                                          "cmp $128, %ecx\n"
                                                          "ja 1b\n"
                                                          "dec %r12d\n"
                                                          "jnz 4b\n"
                                                          "mov $200, %r12d\n"
                                                          "4:\n" MEM(1, 3, 1) MEM(6, 3, 1) "cmpq $0, 0x3ff000\n"
                                                                                           "jne 9f\n"
                                                                                           "movq $1, 0x3ff000\n"
                                                                                           "cmpq $1, 0x3ff000\n"
                                                                                           "jne 9f\n"
                                                                                           "cmpq $0, 0x3fe000\n"
                                                                                           "jne 9f\n"
                                                                                           "dec %r12d\n"
                                                                                           "jnz 4b\n");
/* The second vCPU reads page 128 in real mode, and says 1 in the flag when it does, 2 when it sees what is not its own.
 */
HOLE_BLOCK(large_reader, 16,
           "mov $0x8000, %ax\n"
           "mov %ax, %ds\n"
           "xor %ax, %ax\n"
           "mov %ax, %es\n"
           "movb $1, %es:0x3808\n"
           "1: mov 0, %eax\n"
           "cmp $0x5ec2e7, %eax\n"
           "jne 1b\n"
           "movb $2, %es:0x3808\n"
           "9: jmp 9b\n");
APIC_CODE(large_race, X2APIC WRMSR(0x80f, 0x1ff) "mov $0x830, %ecx\n"
                                                 "mov $2, %edx\n"
                                                 "mov $0x500, %eax\n"
                                                 "wrmsr\n"
                                                 "mov $0x60a, %eax\n"
                                                 "wrmsr\n"
                                                 "1: cmpb $0, 0x3808\n"
                                                 "je 1b\n"
                                                 "mov $300, %r12d\n"
                                                 "4:\n" MEM(1, 4, 1) MEM(6, 4, 1) "cmpb $1, 0x3808\n"
                                                                                  "jne 9f\n"
                                                                                  "dec %r12d\n"
                                                                                  "jnz 4b\n");

static u8 *stolen;

static s64 extents(u32 cmd, u64 gfn, u64 count)
{
    u64 at[2] = {gfn, gfn + 512};
    struct xen_memory_reservation r = {
        .extent_start = (u64)at, .nr_extents = count, .extent_order = BIG_ORDER, .domid = (domid_t)dom};
    return call2(__HYPERVISOR_memory_op, cmd, &r);
}

static const char *behind(const char *at, const char *text)
{
    const char *t;
    for (; *at; at++) {
        for (t = text; *t && *t == at[t - text]; t++)
            ;
        if (!*t)
            return at + (t - text);
    }
    return at;
}

static u32 number_at(const char *at)
{
    u32 n = 0;
    for (; *at >= '0' && *at <= '9'; at++)
        n = n * 10 + (u32)(*at - '0');
    return n;
}

/* The last that key n says of the domain; ~0: nothing. */
static u32 larges(void)
{
    static char text[1024], line[160];
    static u32 index, length;
    u32 found = ~0u, count;
    struct xen_sysctl op = {XEN_SYSCTL_debug_keys, XEN_SYSCTL_INTERFACE_VERSION};
    op.u.debug_keys.keys = (u64) "n";
    op.u.debug_keys.nr_keys = 1;
    EQ(call1(__HYPERVISOR_sysctl, &op), 0);
    do {
        op = (struct xen_sysctl){XEN_SYSCTL_readconsole, XEN_SYSCTL_INTERFACE_VERSION};
        op.u.readconsole.incremental = 1;
        op.u.readconsole.index = index;
        op.u.readconsole.buffer = (u64)text;
        op.u.readconsole.count = sizeof(text);
        EQ(call1(__HYPERVISOR_sysctl, &op), 0);
        index = op.u.readconsole.index;
        count = op.u.readconsole.count;
        for (u32 i = 0; i < count; i++) {
            line[length] = text[i] == '\n' ? 0 : text[i];
            length = text[i] == '\n' || length == sizeof(line) - 1 ? 0 : length + 1;
            if (text[i] == '\n' && number_at(behind(line, "domain ")) == dom && *behind(line, "nested tables in "))
                found = number_at(behind(line, "frames, "));
        }
    } while (count);
    return found;
}

/* Intel's models here could not bear them. */
static u32 wanted(u32 n)
{
    return is_intel() ? 0 : n;
}

static bool large_create(void)
{
    struct xen_domctl op = {.u.max_mem.max_memkb = (BIG_PAGES + 64) * 4};
    if (!create())
        return false;
    EQ(domctl(XEN_DOMCTL_max_mem, dom, &op), 0);
    EQ(extents(XENMEM_populate_physmap, 0, 2), 2);
    EQ(larges(), wanted(2));
    return true;
}

static void large_counts(void)
{
    struct xen_add_to_physmap a = {.space = XENMAPSPACE_shared_info, .gpfn = 600};
    u64 gfn = 511;
    test("large-counts");
    if (!large_create())
        return;
    EQ(memory(XENMEM_decrease_reservation, dom, &gfn, 1), 1);
    EQ(larges(), wanted(1));
    EQ(memory(XENMEM_decrease_reservation, dom, &gfn, 1), 0);
    a.domid = (domid_t)dom;
    EQ(call2(__HYPERVISOR_memory_op, XENMEM_add_to_physmap, &a), 0);
    EQ(larges(), 0);
    EQ(extents(XENMEM_decrease_reservation, 512, 1), 0); /* the page at 600 is none of its own to give */
    end();
}

static void large_begin(const void *code, u64 bytes)
{
    static const u16 gfn[] = {300, 521, 128, 1023, 128};
    u64 *to = data;

    for (u32 i = CODE; i < FREE; i++) {
        EQ(show(win, AT(i) | RW_PAGE, dom), 0);
        if (i == L4)
            ((u64 *)win)[0] = AT(L3) | TABLE;
        if (i == L3)
            ((u64 *)win)[0] = AT(L2) | TABLE;
        for (u32 k = 0; i == L2 && k < 2; k++)
            ((u64 *)win)[k] = k * 0x200000ull | RW_PAGE | PTE_US | PTE_PSE;
    }
    EQ(show(win, BIG_LIST | RW_PAGE, dom), 0);
    for (u32 i = 0; i < 384; i++)
        ((u64 *)win)[i] = 128 + i;
    EQ(show(list, AT(LIST) | RW_PAGE, dom), 0);
    EQ(show(data, AT(DATA) | RW_PAGE, dom), 0);
    apic_tables();
    list[0].nr = LIST_END;
    to[511] = SHUTDOWN_poweroff;
    for (u32 i = 0; i < COUNT(gfn); i++) {
        struct xen_memory_reservation *r = (void *)((u8 *)data + 0x100 + 64 * i);
        *r = (struct xen_memory_reservation){.extent_start = i == 2 ? BIG_LIST : AT(DATA) + 0x400 + 8 * i,
                                             .nr_extents = i == 2 ? 384 : 1,
                                             .domid = DOMID_SELF};
        to[0x400 / 8 + i] = gfn[i];
    }
    EQ(show(win, AT(CODE) | RW_PAGE, dom), 0);
    code_put(win + APIC_DONE - AT(CODE));
    code_copy(win, code, bytes);
    EQ(map(win, 0), 0);
    EQ(larges(), wanted(2)); /* for all that was mapped of it */
}

/* What the guest gives back meanwhile: whoever reaches it still would see this. */
static void steal(void)
{
    u64 frame = 0;
    struct xen_memory_reservation r = {.extent_start = (u64)&frame, .nr_extents = 1, .domid = DOMID_SELF};
    if (call2(__HYPERVISOR_memory_op, XENMEM_increase_reservation, &r) != 1)
        return;
    if (map(stolen, frame << 12 | RW_PAGE) == 0)
        for (u32 i = 0; i < PAGE / 8; i++)
            ((volatile u64 *)stolen)[i] = BIG_SECRET;
    EQ(map(stolen, 0), 0);
    EQ(call2(__HYPERVISOR_memory_op, XENMEM_decrease_reservation, &r), 1);
}

static void large_run(const char *name, const void *code, u64 bytes, bool races)
{
    struct xen_domctl op = {0};
    test(name);
    if (!large_create())
        return;
    large_begin(code, bytes);
    if (races)
        write_code(REAL, (const void *)large_reader, (u64)large_reader_end - (u64)large_reader);
    context_of(AT(CODE));
    EQ(set_context(), 0);
    EQ(domctl(XEN_DOMCTL_unpausedomain, dom, &op), 0);
    for (u64 limit = now() + 60000000000ull; races && now() < limit && !(state_of(dom) & XEN_DOMINF_shutdown);)
        steal();
    wait_for_end();
    EQ(reason(), SHUTDOWN_poweroff);
    if (races)
        EQ(*(u8 *)((u8 *)data + BIG_FLAG - AT(DATA)), 1);
    end();
}

static void large_grant(void)
{
    struct xen_add_to_physmap a = {.space = XENMAPSPACE_grant_table, .gpfn = 1100};
    struct gnttab_map_grant_ref m = {.host_addr = (u64)own_page[1], .flags = GNTMAP_host_map, .ref = 20};
    struct gnttab_unmap_grant_ref u = {.host_addr = (u64)own_page[1]};
    volatile struct grant_entry_v1 *entry = (void *)win;
    u64 was = *pte_of((u64)own_page[1], 1), gfn = 700;
    test("large-grant");
    if (!large_create())
        return;
    a.domid = m.dom = (domid_t)dom;
    EQ(call2(__HYPERVISOR_memory_op, XENMEM_add_to_physmap, &a), 0);
    EQ(show(win, AT(1100ul) | RW_PAGE, dom), 0);
    entry[20].frame = 700;
    entry[20].domid = 0;
    entry[20].flags = GTF_permit_access;
    EQ(show(data, AT(700ul) | RW_PAGE, dom), 0);
    data[0] = 0xabcdef;
    EQ(map(own_page[1], 0), 0);
    EQ(grant_op(GNTTABOP_map_grant_ref, &m, 1), 0);
    EQ(m.status, GNTST_okay);
    EQ(*(u64 *)own_page[1], 0xabcdef);
    EQ(larges(), wanted(2));
    EQ(memory(XENMEM_decrease_reservation, dom, &gfn, 1), 1); /* it goes, and stays mapped */
    EQ(larges(), wanted(1));
    *(u64 *)own_page[1] = 7;
    EQ(data[0], 7);
    u.handle = m.handle;
    EQ(grant_op(GNTTABOP_unmap_grant_ref, &u, 1), 0);
    EQ(u.status, GNTST_okay);
    EQ(map(own_page[1], was), 0);
    end();
}

static void large(void)
{
#define LARGE(name, code, races) large_run(name, (const void *)code, (u64)code##_end - (u64)code, races)
    large_counts();
    large_grant();
    LARGE("large-hole", large_hole, false);
    LARGE("large-balloon", large_balloon, false);
    LARGE("large-race", large_race, true);
}
