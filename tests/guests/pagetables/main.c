/* SPDX-License-Identifier: MIT */
/*
 * The life of page tables, and everything that must not be one. Each refusal is followed by a look at what it
 * must not have changed; each release is proved by using the frame for something that its old use would forbid.
 */
#include "frames.h"

static u64 *l1, *l2, *l3, *l4, *data, *other, *window;
#define TEST_VA (2ul << 39 | 3ul << 21 | 5ul << 12) /* l4[2] l3[0] l2[3] l1[5] */

static volatile u64 *at(u64 va)
{
    return (volatile u64 *)va;
}

/* Is the frame free for another life? Turn it into an (empty, or as it is) L1 and back. */
static bool is_free_frame(void *page)
{
    if (page_ro(page))
        return false;
    s64 rc = pin(1, page);
    if (rc == 0)
        rc = unpin(page);
    return page_rw(page) == 0 && rc == 0;
}

static void fill_chain(void)
{
    l1[5] = pte(data, RW_PAGE);
    l2[3] = pte(l1, TABLE);
    l3[0] = pte(l2, TABLE);
    for (u32 i = 0; i < 512; i++)
        l4[i] = i < 256 || i >= 272 ? ((u64 *)si->pt_base)[i] : 0;
    l4[2] = pte(l3, TABLE);
}

static void life_begins(void *const table[4])
{
    void *base = (void *)si->pt_base;
    fill_chain();
    data[0] = 0xda7a;
    test("pin-needs-read-only");
    for (u32 i = 0; i < 4; i++)
        EQ(pin(i + 1, table[i]), E_INVAL);
    test("pin");
    for (u32 i = 0; i < 4; i++)
        EQ(page_ro(table[i]), 0);
    for (u32 i = 0; i < 4; i++)
        EQ(pin(i + 1, table[i]), 0);
    for (u32 i = 0; i < 4; i++)
        EQ(pin(i + 1, table[i]), E_INVAL); /* twice */
    TRUE((l1[5] & ~(PTE_US | 1ul << 52 | PTE_G)) == pte(data, RW_PAGE) && l1[5] & PTE_US);
    test("reserved-slots-in-use");
    TRUE(l4[256] == ((u64 *)si->pt_base)[256] && l4[260] == ((u64 *)si->pt_base)[260]);
    test("new-baseptr");
    EQ(ext(MMUEXT_NEW_BASEPTR, mfn_of(l4), 0), 0);
    EQ(*at(TEST_VA), 0xda7a);
    *at(TEST_VA) = 0xbee0;
    EQ(data[0], 0xbee0);
    test("l4-in-use-stays");
    EQ(unpin(l4), 0);
    EQ(page_rw(l4), E_INVAL); /* the vCPU uses it */
    EQ(ext(MMUEXT_NEW_BASEPTR, mfn_of(base), 0), 0);
    EQ(page_rw(l4), 0);
    EQ(page_ro(l4), 0);
    EQ(pin(4, l4), 0);
    EQ(ext(MMUEXT_NEW_BASEPTR, mfn_of(l4), 0), 0);
}

/* A table leaves the tree that is in use, and comes back. */
static void life_in_use(void)
{
    test("unhook");
    EQ(unpin(l1), 0);
    EQ(page_rw(l1), E_INVAL); /* l2 still refers to it */
    EQ(mmu1(maddr(&l2[3]), 0), 0);
    EQ(ext(MMUEXT_INVLPG_LOCAL, TEST_VA, 0), 0);
    __asm__ volatile(TRY("mov (%0), %%rax") : : "r"(TEST_VA) : "rax", "memory");
    TRUE(faulted(V_PF, 0));
    EQ(last_cr2, TEST_VA);
    TRUE(is_free_frame(data)); /* l1 gave it back */
    EQ(page_rw(l1), 0);
    test("hook");
    EQ(mmu1(maddr(&l2[3]), pte(l1, TABLE)), E_INVAL); /* writable */
    EQ(l2[3], 0);
    EQ(page_ro(l1), 0);
    EQ(mmu1(maddr(&l2[3]), pte(l1, TABLE)), 0);
    EQ(*at(TEST_VA), 0xbee0);
    EQ(mmu1(maddr(&l1[6]), pte(other, RO_PAGE)), 0);
    EQ(*at(TEST_VA + PAGE), other[0]);
    test("update-va");
    EQ(map((void *)TEST_VA, pte(other, RW_PAGE)), 0);
    *at(TEST_VA) = 0x0de;
    EQ(other[0], 0x0de);
    EQ(map((void *)(TEST_VA + PAGE), 0), 0);
}

static void life_ends(void *const table[4])
{
    test("unpin");
    EQ(ext(MMUEXT_NEW_BASEPTR, mfn_of((void *)si->pt_base), 0), 0);
    for (u32 i = 3; i > 0; i--) {
        EQ(unpin(table[i]), 0);
        EQ(unpin(table[i]), E_INVAL);
        EQ(page_rw(table[i]), 0);
    }
    EQ(unpin(l1), E_INVAL); /* it was never pinned again */
    EQ(page_rw(l1), 0);
    TRUE(is_free_frame(other) && is_free_frame(data));
    test("contents-stay");
    TRUE((l1[5] & PTE_ADDR) == pte(other, 0) && (l4[2] & PTE_ADDR) == pte(l3, 0));
    EQ(l4[256], 0); /* but nothing of Wirt's */
    EQ(l4[260], 0);
}

static void life(void)
{
    void *const table[4] = {l1, l2, l3, l4};
    life_begins(table);
    life_in_use();
    life_ends(table);
}

/* An entry that `table` (pinned, of `level`) must refuse at `index`, by mmu_update and in a fresh table by pinning. */
static void refuse(u64 *table, u32 level, u32 index, u64 entry, u64 *fresh)
{
    u64 before = table[index];
    if (!FAILS(mmu1(maddr(&table[index]), entry)) || !EQ(table[index], before))
        print("  level %u index %u entry 0x%lx\n", level, index, entry);
    FAILS(mmu1(maddr(&table[index]) | MMU_PT_UPDATE_PRESERVE_AD, entry));
    EQ(table[index], before);
    fresh[index] = entry;
    if (index != 0)
        fresh[0] = level == 1 ? pte(data, RW_PAGE) : 0; /* taken first, to be given back */
    EQ(page_ro(fresh), 0);
    if (!FAILS(pin(level, fresh)))
        unpin(fresh);
    EQ(page_rw(fresh), 0);
    fresh[index] = fresh[0] = 0;
    TRUE(is_free_frame(data));
}

static void illegal_l1(u64 *fresh)
{
    const u64 l1_self = pte(l1, RW_PAGE), l4_rw = pte((void *)si->pt_base, RW_PAGE);
    const u64 bad[] = {l1_self,
                       l4_rw,
                       pte(l2, RW_PAGE),
                       *pte_of((u64)guest_base, 4) | PTE_RW,
                       0x200000 | RW_PAGE,
                       0x200000 | RO_PAGE, /* Wirt's image */
                       0xfee00000 | RW_PAGE,
                       0xfec00000 | RO_PAGE, /* APICs */
                       1ul << 45 | RO_PAGE,
                       1ul << 51 | RW_PAGE, /* reserved address bits */
                       PTE_ADDR | RO_PAGE,
                       PTE_ADDR | RW_PAGE,
                       (((u64 *)HV_START)[0] == ~0ul ? 0x201000ul : 0x202000ul) | RW_PAGE};
    test("l1-refuses");
    for (u32 i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        refuse(l1, 1, 0, bad[i], fresh);
        refuse(l1, 1, 511, bad[i], fresh);
        FAILS(map(window, bad[i]));
        EQ(*pte_of((u64)window, 1) & (PTE_ADDR | PTE_RW), pte(window, PTE_RW));
    }
}

static void illegal_upper(u64 *fresh)
{
    u64 *kernel_l3 = va_of_mfn((*pte_of((u64)guest_base, 4) & PTE_ADDR) >> 12);
    test("l2-refuses");
    refuse(l2, 2, 7, pte(l2, TABLE), fresh); /* itself */
    refuse(l2, 2, 7, pte(l3, TABLE), fresh);
    refuse(l2, 2, 7, pte(data, TABLE), fresh); /* writable memory */
    refuse(l2, 2, 7, pte(data, TABLE | PTE_PSE) & ~0x1ff000ul, fresh);
    refuse(l2, 2, 7, TABLE | PTE_PSE, fresh);
    refuse(l2, 2, 7, 0x200000 | TABLE | PTE_PSE, fresh);
    refuse(l2, 2, 7, pte(l1, TABLE | PTE_G), fresh);
    refuse(l2, 2, 7, pte(l1, TABLE | 0x18), fresh); /* PWT, PCD */
    refuse(l2, 2, 7, pte(l1, TABLE) | 1ul << 50, fresh);
    refuse(l2, 2, 7, 0x200000 | TABLE, fresh);
    refuse(l2, 2, 7, 0xfd000000 | TABLE, fresh); /* a device */
    refuse(l2, 2, 7, PTE_ADDR | TABLE, fresh);
    test("l3-refuses");
    refuse(l3, 3, 9, pte(l3, TABLE), fresh);
    refuse(l3, 3, 9, pte(l1, TABLE), fresh);
    refuse(l3, 3, 9, TABLE | PTE_PSE, fresh);
    refuse(l3, 3, 9, 0x40000000 | TABLE | PTE_PSE, fresh);
    refuse(l3, 3, 9, PTE_ADDR | TABLE, fresh);
    test("l4-refuses");
    refuse(l4, 4, 9, pte(l4, TABLE), fresh); /* itself */
    refuse(l4, 4, 9, pte((void *)si->pt_base, TABLE), fresh);
    refuse(l4, 4, 9, pte(l2, TABLE), fresh);
    refuse(l4, 4, 9, pte(kernel_l3, TABLE | PTE_PSE), fresh);
    test("l4-reserved-slots");
    for (u32 i = 256; i < 272; i++) {
        u64 before = l4[i];
        FAILS(mmu1(maddr(&l4[i]), pte(l3, TABLE)));
        FAILS(mmu1(maddr(&l4[i]), 0));
        FAILS(mmu1(maddr(&l4[i]), before));
        EQ(l4[i], before);
    }
    EQ(mmu1(maddr(&l4[255]), pte(l3, TABLE)), 0);
    EQ(mmu1(maddr(&l4[272]), pte(l3, TABLE)), 0);
    EQ(mmu1(maddr(&l4[255]), 0) | mmu1(maddr(&l4[272]), 0), 0);
}

/* The same frame with other bits: what changes no reference must be looked at all the same (XSA-148, XSA-182). */
static void bits_only(void)
{
    u64 *const entry[] = {&l2[3], &l3[0], &l4[2]};
    static const u64 bad[] = {PTE_PSE, PTE_G, 0x08, 0x10, 1ul << 45, 1ul << 51};
    test("bits-of-an-entry");
    for (u32 i = 0; i < 3; i++) {
        u64 before = *entry[i];
        for (u32 k = 0; k < sizeof(bad) / sizeof(bad[0]); k++) {
            FAILS(mmu1(maddr(entry[i]), before | bad[k]));
            FAILS(mmu1(maddr(entry[i]) | MMU_PT_UPDATE_PRESERVE_AD, before | bad[k]));
            EQ(*entry[i], before);
        }
        EQ(mmu1(maddr(entry[i]), before & ~PTE_RW), 0);
        EQ(mmu1(maddr(entry[i]), before), 0);
        EQ(mmu1(maddr(entry[i]), before & ~PTE_US), 0); /* a ring 3 kernel needs it: it stays */
        EQ(*entry[i] & PTE_US, PTE_US);
        EQ(mmu1(maddr(entry[i]), before | 1ul << 52 | 0xe00), 0);
        EQ(mmu1(maddr(entry[i]), before), 0);
    }
    EQ(mmu1(maddr(&l1[5]), pte(l2, RO_PAGE)), 0); /* a table may be looked at */
    FAILS(mmu1(maddr(&l1[5]), pte(l2, RW_PAGE)));
    FAILS(mmu1(maddr(&l1[5]) | MMU_PT_UPDATE_PRESERVE_AD, pte(l2, RW_PAGE)));
    EQ(mmu1(maddr(&l1[5]), 0), 0);
    EQ(mmu1(maddr(&l1[5]), pte(data, RW_PAGE)), 0);
    FAILS(mmu1(maddr(&l1[5]), pte(data, RW_PAGE) | 1ul << 45));
    EQ(mmu1(maddr(&l1[5]), pte(data, RO_PAGE)), 0);
    EQ(page_ro(data) | pin(1, data), 0); /* the last writable use has gone with the bit */
    FAILS(mmu1(maddr(&l1[5]), pte(data, RW_PAGE)));
    EQ(unpin(data) | page_rw(data), 0);
    EQ(mmu1(maddr(&l1[5]), 0), 0);
}

/* Tables that name themselves, alone or in a ring: while one is built it is not there for another kind. */
static void rings(u64 *a)
{
    u64 *b = page_new(), *c = page_new();
    test("names-itself");
    EQ(page_ro(a) | page_ro(b) | page_ro(c), 0);
    for (u32 level = 1; level <= 4; level++)
        for (u32 at = 0; at < 2; at++) { /* with and without something held before */
            EQ(page_rw(a), 0);
            fill(a, 0, PAGE);
            a[0] = level == 1 ? pte(data, RO_PAGE) : 0;
            a[at] = pte(a, level == 1 ? RW_PAGE : TABLE);
            EQ(page_ro(a), 0);
            EQ(pin(level, a), E_INVAL);
            EQ(page_rw(a), 0);
            a[at] = level == 1 ? 0 : pte(a, TABLE & ~PTE_RW); /* nor read-only: no linear page tables */
            EQ(page_ro(a), 0);
            if (level > 1)
                EQ(pin(level, a), E_INVAL);
        }
    EQ(page_rw(a), 0);
    a[1] = pte(a, RO_PAGE); /* to look at itself it may */
    EQ(page_ro(a), 0);
    EQ(pin(1, a) | unpin(a), 0);
    test("ring");
    EQ(page_rw(a) | page_rw(b) | page_rw(c), 0);
    fill(a, 0, PAGE);
    a[1] = pte(b, TABLE);
    b[7] = pte(c, TABLE);
    c[0] = pte(data, RO_PAGE);
    c[9] = pte(a, RW_PAGE);
    EQ(page_ro(a) | page_ro(b) | page_ro(c), 0);
    EQ(pin(3, a), E_INVAL); /* c would write to a */
    EQ(page_rw(c), 0);
    c[9] = pte(b, TABLE);
    EQ(page_ro(c), 0);
    EQ(pin(4, a), E_INVAL); /* c is a table of b and above b */
    EQ(pin(4, c), E_INVAL);
    EQ(page_rw(b), 0);
    b[7] = pte(a, TABLE);
    EQ(page_ro(b), 0);
    EQ(pin(4, a), E_INVAL);
    EQ(pin(3, b), E_INVAL);
    EQ(page_rw(a) | page_rw(b) | page_rw(c), 0);
    fill(a, 0, PAGE);
    TRUE(is_free_frame(data) && is_free_frame(a));
}

static void illegal(void)
{
    u64 *fresh = page_new();
    fill_chain();
    test("chain");
    EQ(page_ro(l1) | page_ro(l2) | page_ro(l3) | page_ro(l4), 0);
    EQ(pin(4, l4), 0);
    mmu1(maddr(&l1[5]), 0);
    illegal_l1(fresh);
    illegal_upper(fresh);
    bits_only();
    rings(fresh);
    test("pin-other-kind");
    for (u32 level = 1; level <= 4; level++) {
        if (level != 1)
            EQ(pin(level, l1), E_INVAL);
        if (level != 4)
            EQ(pin(level, l4), E_INVAL);
    }
    test("pointer-alignment");
    u64 before = l1[0];
    FAILS(mmu1(maddr(l1) + 4, 0x77));
    FAILS(mmu1(maddr(l1) + 12, 0));
    EQ(l1[0], before);
    test("frame-numbers");
    const u64 wild[] = {0,         1,         0x200,     0xa0,      0xfee00,   0x10000, 0x100000,
                        1ul << 28, 1ul << 40, 1ul << 51, 1ul << 52, 1ul << 63, ~0ul};
    for (u32 i = 0; i < sizeof(wild) / sizeof(wild[0]); i++) {
        for (u32 level = 1; level <= 4; level++)
            FAILS(ext(MMUEXT_PIN_L1_TABLE + level - 1, wild[i], 0));
        FAILS(ext(MMUEXT_UNPIN_TABLE, wild[i], 0));
        FAILS(ext(MMUEXT_NEW_BASEPTR, wild[i], 0));
        if (wild[i])
            FAILS(ext(MMUEXT_NEW_USER_BASEPTR, wild[i], 0));
        FAILS(mmu1(wild[i] << 12, 0x77));
        FAILS(mmu1(wild[i] << 12 | MMU_MACHPHYS_UPDATE, 0x77));
        FAILS(call2(__HYPERVISOR_update_descriptor, wild[i] << 12, 0));
    }
    test("new-baseptr-refuses");
    FAILS(ext(MMUEXT_NEW_BASEPTR, mfn_of(l1), 0));
    FAILS(ext(MMUEXT_NEW_BASEPTR, mfn_of(l3), 0));
    FAILS(ext(MMUEXT_NEW_BASEPTR, mfn_of(data), 0));
    FAILS(ext(MMUEXT_NEW_USER_BASEPTR, mfn_of(l2), 0));
    u64 cr3;
    __asm__ volatile("mov %%cr3, %0" : "=r"(cr3));
    EQ(cr3, maddr((void *)si->pt_base));
    test("two-writable-mappings");
    EQ(mmu1(maddr(&l1[5]), pte(data, RW_PAGE)), 0);
    EQ(page_ro(data), 0);
    EQ(pin(1, data), E_INVAL);
    EQ(mmu1(maddr(&l1[5]), pte(data, RO_PAGE)), 0);
    EQ(pin(1, data), 0);
    EQ(mmu1(maddr(&l1[5]), pte(data, RW_PAGE)), E_INVAL);
    EQ(unpin(data), 0);
    EQ(mmu1(maddr(&l1[5]), pte(data, RW_PAGE)), 0);
    EQ(page_rw(data), 0);
}

static void batches(void)
{
    struct mmu_update *u = page_new();
    struct mmuext_op *op = (void *)page_new();
    u32 done = 77;
    test("batch-stops-at-error");
    for (u32 i = 0; i < 256; i++)
        u[i] = (struct mmu_update){maddr(&l1[i]), i == 100 ? 0x200000 | RW_PAGE : 0x1000ul + i * 16};
    EQ(call4(__HYPERVISOR_mmu_update, u, 256, &done, DOMID_SELF), E_PERM);
    EQ(done, 100);
    EQ(l1[99], 0x1000 + 99 * 16);
    EQ(l1[101], 0);
    test("batch-counts");
    for (u32 i = 0; i < 256; i++)
        u[i] = (struct mmu_update){maddr(&l1[i]), 0};
    EQ(call4(__HYPERVISOR_mmu_update, u, 0, &done, DOMID_SELF), 0);
    EQ(done, 0);
    u64 *end = (u64 *)(u + 256) - 2; /* the last request of the page, nothing mapped behind it */
    EQ(map((u8 *)u + PAGE, 0), 0);
    done = 77;
    u64 first = l1[0];
    EQ(call4(__HYPERVISOR_mmu_update, u, 0xffffffff, &done, DOMID_SELF), E_FAULT); /* beyond the end of memory */
    EQ(done, 0);
    EQ(l1[0], first);
    EQ(call4(__HYPERVISOR_mmu_update, end, 0x01000001, &done, DOMID_SELF), E_FAULT); /* behind it nothing is mapped */
    EQ(done, 1);
    EQ(call4(__HYPERVISOR_mmu_update, u, 0x01000000, &done, DOMID_SELF), E_FAULT);
    EQ(done, 256);
    EQ(page_rw((u8 *)u + PAGE), 0);
    for (u32 i = 0; i < 170; i++)
        op[i] = (struct mmuext_op){.cmd = MMUEXT_TLB_FLUSH_LOCAL};
    EQ(map((u8 *)op + PAGE, 0), 0);
    EQ(call4(__HYPERVISOR_mmuext_op, op, 0xffffffff, &done, DOMID_SELF), E_FAULT);
    EQ(done, 170);
    EQ(page_rw((u8 *)op + PAGE), 0);
    test("domains");
    EQ(call4(__HYPERVISOR_mmu_update, u, 1, 0, 5), is_domu() ? E_PERM : E_SRCH);
    EQ(call4(__HYPERVISOR_mmu_update, u, 1, 0, 6 << 16 | DOMID_SELF), E_PERM);
    EQ(call4(__HYPERVISOR_mmuext_op, op, 1, 0, 5), is_domu() ? E_PERM : E_SRCH);
    EQ(call4(__HYPERVISOR_mmu_update, u, 1, 0, DOMID_XEN), is_domu() ? E_PERM : 0); /* nothing, in its name */
    FAILS(call4(__HYPERVISOR_mmu_update, u, 1, 0, DOMID_INVALID));
    u[0].val = pte(data, RW_PAGE); /* our own frame is neither an I/O frame nor one that Wirt shows */
    FAILS(call4(__HYPERVISOR_mmu_update, u, 1, 0, DOMID_IO));
    FAILS(call4(__HYPERVISOR_mmu_update, u, 1, 0, DOMID_XEN));
    EQ(l1[0], 0);
    test("plain-memory"); /* a frame that is no table takes any value */
    EQ(mmu1(maddr(&other[9]), ~0ul), 0);
    EQ(other[9], ~0ul);
    EQ(mmu1(maddr(&other[9]), 0), 0);
}

static void update_va(void)
{
    const u64 nowhere[] = {HV_START, HV_IMAGE, HV_DIRECT, NON_CANONICAL, 0xffff7fffffffffff, ~0ul, 5ul << 39};
    const u64 flags[] = {HV_IMAGE | 1, 1ul << 47 | 2, 8 | 1, ~0ul & ~5ul};
    test("update-va-nowhere");
    for (u32 i = 0; i < sizeof(nowhere) / sizeof(nowhere[0]); i++)
        FAILS(map((void *)nowhere[i], pte(data, RO_PAGE)));
    test("update-va-flags");
    for (u32 i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
        EQ(call3(__HYPERVISOR_update_va_mapping, window, pte(window, RW_PAGE), flags[i]), E_FAULT);
    EQ(call3(__HYPERVISOR_update_va_mapping, window, pte(window, RW_PAGE), UVMF_TLB_FLUSH | UVMF_ALL), 0);
    u64 all = ~0ul;
    EQ(call3(__HYPERVISOR_update_va_mapping, window, pte(window, RW_PAGE), (u64)&all | UVMF_INVLPG), 0);
}

int main(void)
{
    traps_init();
    l1 = page_new(), l2 = page_new(), l3 = page_new(), l4 = page_new();
    data = page_new(), other = page_new(), window = page_new();
    life();
    illegal();
    frames_machphys(data);
    frames_foreign(window);
    batches();
    update_va();
    frames_reservation();
    return 0;
}
