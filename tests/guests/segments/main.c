/* SPDX-License-Identifier: MIT */
/*
 * Descriptor tables: what a GDT or LDT of a guest may hold, who may write to its frames, and selectors that lead
 * to Wirt's own descriptors. A gate, a system segment, a ring other than 3 would lead out of ring 3.
 */
#include "guest.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define DATA3    0x00cff3000000fffful
#define CODE3    0x00affb000000fffful

static u64 *table, *other, frames[16];

static s64 set_gdt(u32 entries)
{
    return call2(__HYPERVISOR_set_gdt, frames, entries);
}

/* The page holds these words and is mapped read-only; made writable again by renew(). */
static s64 try_table(u64 word)
{
    page_rw(table);
    fill(table, 0, PAGE);
    table[2] = DATA3;
    table[5] = word;
    page_ro(table);
    frames[0] = mfn_of(table);
    s64 rc = set_gdt(512);
    set_gdt(0);
    return rc;
}

static const u64 forbidden[] = {
    0x0000ec0000330000ul | 0x00008c0000000000ul, /* call gate */
    0x00008e0000330000ul,
    0x0000ee0000330000ul, /* interrupt gates */
    0x0000ef0000330000ul, /* trap gate, ring 3 */
    0x0000890000000067ul,
    0x00008b0000000067ul, /* TSS, free and busy */
    0x0000820000000fff,   /* LDT */
    0x0000e50000330000ul, /* task gate */
    0x0000800000000000ul,
    0x0000880000000000ul, /* reserved */
    0x00affe000000fffful,
    0x00af9e000000fffful, /* conforming code */
    0x00ef9a000000fffful | 3ul << 45,
    0x00effa000000fffful /* L and D */
};

static void contents(void)
{
    static const u64 rings[] = {0x00cf93000000ffff, 0x00cf92000000ffff, 0x00af9b000000ffff, 0x00cfb3000000ffff,
                                0x00cfd2000000ffff};
    test("gdt-refuses");
    for (u32 i = 0; i < COUNT(forbidden); i++)
        if (!EQ(try_table(forbidden[i]), E_INVAL) || !EQ(table[5], forbidden[i]) || !EQ(page_rw(table), 0))
            print("  descriptor 0x%lx\n", forbidden[i]);
    test("gdt-raises"); /* rings 0 to 2 become 3 */
    for (u32 i = 0; i < COUNT(rings); i++) {
        EQ(try_table(rings[i]), 0);
        EQ(table[5], rings[i] | 3ul << 45 | 1ul << 40);
    }
    test("gdt-takes"); /* not present: any bits */
    EQ(try_table(0x00007e0000330000ul), 0);
    EQ(try_table(~(1ul << 47)), 0);
    EQ(page_rw(table), 0);
}

static void frames_of(void)
{
    u64 *l1 = page_new();
    test("gdt-frame-refused");
    frames[0] = mfn_of(table);
    EQ(set_gdt(512), E_INVAL); /* writable */
    EQ(page_ro(l1), 0);
    EQ(pin(1, l1), 0);
    frames[0] = mfn_of(l1);
    EQ(set_gdt(512), E_INVAL);
    EQ(unpin(l1) | page_rw(l1), 0);
    const u64 wild[] = {0, 0x200, si->shared_info >> 12, 1ul << 40, ~0ul, 0xfee00, mfn_of((void *)si->pt_base)};
    for (u32 i = 0; i < COUNT(wild); i++) {
        frames[0] = wild[i];
        EQ(set_gdt(512), E_INVAL);
    }
    test("gdt-partly-refused"); /* what was taken before is given back */
    page_ro(table);
    for (u32 i = 0; i < 13; i++)
        frames[i] = mfn_of(table);
    frames[13] = ~0ul;
    EQ(set_gdt(14 * 512), E_INVAL);
    EQ(page_rw(table), 0);
    test("gdt-size");
    page_ro(table);
    frames[13] = mfn_of(table);
    EQ(set_gdt(14 * 512 + 1), E_INVAL);
    EQ(call2(__HYPERVISOR_set_gdt, frames, ~0ul), E_INVAL);
    EQ(set_gdt(14 * 512), 0);
    EQ(page_rw(table), E_INVAL);
    EQ(pin(1, table), E_INVAL);
    EQ(set_gdt(1), 0);
    EQ(page_rw(table), E_INVAL); /* one entry is a page, too */
    EQ(set_gdt(0), 0);
    EQ(page_rw(table), 0);
}

static void updates(void)
{
    test("update-descriptor");
    fill(table, 0, PAGE);
    page_ro(table);
    frames[0] = mfn_of(table);
    EQ(set_gdt(512), 0);
    for (u32 i = 0; i < COUNT(forbidden); i++)
        EQ(call2(__HYPERVISOR_update_descriptor, maddr(&table[5]), forbidden[i]), E_INVAL);
    EQ(table[5], 0);
    EQ(call2(__HYPERVISOR_update_descriptor, maddr(&table[5]), DATA3 & ~(3ul << 45)), 0);
    EQ(table[5], DATA3);
    FAILS(call2(__HYPERVISOR_update_descriptor, maddr(&table[5]) + 4, 0));
    FAILS(mmu1(maddr(&table[6]), forbidden[0]));
    EQ(table[6], 0);
    u64 *l1 = page_new();
    EQ(page_ro(l1) | pin(1, l1), 0);
    FAILS(call2(__HYPERVISOR_update_descriptor, maddr(&l1[3]), DATA3)); /* not through the back door */
    EQ(l1[3], 0);
    EQ(unpin(l1) | page_rw(l1), 0);
    test("store-to-gdt"); /* by instruction: no writable page tables for descriptors */
    __asm__ volatile(TRY("movq %1, (%0)") : : "r"(&table[7]), "r"(DATA3) : "memory");
    TRUE(faulted(V_PF, 3));
    EQ(table[7], 0);
    test("gdt-selectors");
    __asm__ volatile(TRY("mov %0, %%es") : : "r"(5 * 8 + 3) : "memory");
    TRUE(faulted_not());
    __asm__ volatile(TRY("mov %0, %%es") : : "r"(6 * 8 + 3) : "memory");
    TRUE(trap_count == 1 && (last_trap.vector == V_NP || last_trap.vector == V_GP));
    trap_count = 0;
    __asm__ volatile("mov %0, %%es" : : "r"(0) : "memory");
    EQ(set_gdt(0), 0);
    EQ(page_rw(table), 0);
}

static bool can_load(u32 selector)
{
    trap_count = 0;
    __asm__ volatile(TRY("mov %0, %%fs") : : "r"(selector) : "memory");
    bool ok = trap_count == 0;
    trap_count = 0;
    __asm__ volatile("mov %0, %%fs" : : "r"(0) : "memory");
    return ok;
}

/* All selectors: with an empty GDT of our own only the ring 3 descriptors of the ABI can be loaded, with any RPL. */
static void wirts(void)
{
    u32 opened = 0;
    test("wirts-descriptors");
    for (u32 s = 0; s < 0x10000; s += 4)
        for (u32 rpl = 0; rpl < 4; rpl += 3) {
            bool is_known = s < 4 || ((s & ~7u) == 0xe020) || (s & ~7u) == 0xe028 || (s & ~7u) == 0xe030;
            if (can_load(s | rpl) && !(is_known && !(s & 4)) && opened++ < 8)
                print("  selector 0x%x can be loaded\n", s | rpl);
        }
    EQ(opened, 0);
    test("far-jumps"); /* to code of ring 0, to gates that are none */
    static const u16 to[] = {0xe008, 0xe00b, 0xe010, 0xe040, 0xe050, 8, 0x0f};
    for (u32 i = 0; i < COUNT(to); i++) {
        struct {
            u32 offset;
            u16 selector;
        } __attribute__((packed)) far = {0, to[i]};
        __asm__ volatile(TRY("ljmp *%0") : : "m"(far) : "memory");
        if (!TRUE(trap_count == 1 && last_trap.vector == V_GP))
            print("  selector 0x%x: %lu exceptions, vector %lu error 0x%lx\n", to[i], trap_count, last_trap.vector,
                  last_trap.error);
        trap_count = 0;
        u32 task = to[i];
        __asm__ volatile(TRY("ltr %w0") : : "r"(task));
        TRUE(faulted(V_GP, 0));
        __asm__ volatile(TRY("lldt %w0") : : "r"(task));
        TRUE(faulted(V_GP, 0));
    }
}

static void ldt(void)
{
    test("ldt-refuses");
    FAILS(ext(MMUEXT_SET_LDT, (u64)table + 8, 512));
    FAILS(ext(MMUEXT_SET_LDT, (u64)table, 8193));
    FAILS(ext(MMUEXT_SET_LDT, (u64)table, ~0ul));
    FAILS(ext(MMUEXT_SET_LDT, HV_START, 8192));
    FAILS(ext(MMUEXT_SET_LDT, HV_DIRECT, 1));
    FAILS(ext(MMUEXT_SET_LDT, HV_START - PAGE, 513));
    FAILS(ext(MMUEXT_SET_LDT, NON_CANONICAL, 1));
    test("ldt-writable"); /* an LDT page that is mapped writable is not there */
    page_rw(table);
    fill(table, 0, PAGE);
    table[1] = DATA3;
    EQ(ext(MMUEXT_SET_LDT, (u64)table, 512), 0);
    TRUE(!can_load(8 | 7));
    test("ldt-bad"); /* nor is one with a gate */
    table[5] = forbidden[0];
    EQ(page_ro(table), 0);
    TRUE(!can_load(8 | 7));
    EQ(page_rw(table), 0);
    test("ldt-good");
    table[5] = 0;
    EQ(page_ro(table), 0);
    TRUE(can_load(8 | 7));
    EQ(page_rw(table), E_INVAL); /* in use now */
    EQ(ext(MMUEXT_SET_LDT, 0, 0), 0);
    EQ(ext(MMUEXT_SET_LDT, (u64)table, 512), 0);
    TRUE(can_load(8 | 7)); /* read-only already when it became the LDT, as Linux does it */
    TRUE(!can_load(16 | 7));
    TRUE(!can_load(512 * 8 | 7)); /* behind its end */
    FAILS(mmu1(maddr(&table[2]), forbidden[0]));
    FAILS(call2(__HYPERVISOR_update_descriptor, maddr(&table[2]), forbidden[0]));
    EQ(call2(__HYPERVISOR_update_descriptor, maddr(&table[2]), CODE3 & ~(3ul << 45)), 0);
    EQ(table[2], CODE3);
    test("ldt-unmapped"); /* taken up before: it stays, whatever becomes of the mapping */
    EQ(map(table, 0), 0);
    TRUE(can_load(8 | 7));
    EQ(ext(MMUEXT_SET_LDT, 0, 0), 0);
    EQ(page_rw(table), 0);
    TRUE(!can_load(8 | 7));
    test("ldt-hole");
    EQ(map(other, 0), 0);
    EQ(ext(MMUEXT_SET_LDT, (u64)other, 512), 0);
    TRUE(!can_load(8 | 7));
    EQ(ext(MMUEXT_SET_LDT, (u64)si->pt_base, 512), 0); /* our own L4, mapped read-only */
    TRUE(!can_load(8 | 7));
    EQ(ext(MMUEXT_SET_LDT, 0, 0), 0);
    EQ(page_rw(other), 0);
}

int main(void)
{
    traps_init();
    table = page_new();
    other = page_new();
    contents();
    frames_of();
    updates();
    wirts();
    ldt();
    return 0;
}
