/* SPDX-License-Identifier: MIT */
/*
 * What a kernel finds when it starts: registers, selectors, flags, start_info with every field, the mapping and its
 * tables, the p2m list, the shared page. The facts are those that stock Linux relies on.
 */
#include "guest.h"

static u64 base_of_msr(u32 msr)
{
    u32 low, high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
    return (u64)high << 32 | low;
}

static void registers(void)
{
    u64 cr;
    test("registers");
    for (u32 i = 0; i < 16; i++)
        if (i != R_RSI && i != R_RSP)
            EQ(entry_regs[i], 0);
    EQ(entry_regs[R_RSI], (u64)si);
    EQ(entry_regs[R_RFLAGS], 0x202);
    test("selectors");
    EQ((u16)entry_regs[R_CS], FLAT_KERNEL_CS);
    EQ((u16)entry_regs[R_SS], FLAT_KERNEL_SS);
    for (u32 i = R_DS; i <= R_GS; i++)
        EQ((u16)entry_regs[i], 0);
    EQ(base_of_msr(0xc0000100), 0);
    EQ(base_of_msr(0xc0000102), 0);
    test("control-registers");
    __asm__ volatile("mov %%cr0, %0" : "=r"(cr));
    EQ(cr, 0x80050033);
    __asm__ volatile("mov %%cr4, %0" : "=r"(cr));
    EQ(cr & ~0x50000ul, 0x660);
    __asm__ volatile("mov %%cr3, %0" : "=r"(cr));
    EQ(cr, maddr((void *)si->pt_base));
}

static void start_info(void)
{
    test("start-info");
    TRUE(same(si->magic, "xen-3.0-x86_64", 15));
    TRUE(si->nr_pages > 16384 && si->nr_pages < 65536);
    EQ(si->shared_info % PAGE, 0);
    EQ(si->flags, SIF_PRIVILEGED | SIF_INITDOMAIN | SIF_MOD_START_PFN);
    EQ(si->store_mfn, 0);
    EQ(si->store_evtchn, 0);
    TRUE(si->console.dom0.info_size == 0 || si->console.dom0.info_off == sizeof(*si));
    TRUE(same(si->cmd_line, "all", 4));
    test("module");
    EQ(si->mod_len, 10007);
    TRUE(si->mod_start > (si->pt_base - (u64)guest_base) >> 12);
    TRUE(si->mod_start + 3 <= si->nr_pages);
    char *window = page_new();
    EQ(map(window, ((u64 *)si->mfn_list)[si->mod_start + 2] << 12 | RO_PAGE), 0);
    TRUE(same(window + 10000 - 8192, "the end", 7));
    EQ(page_rw(window), 0);
}

static void layout(void)
{
    u64 tables = si->nr_pt_frames, stack = entry_regs[R_RSP], end = (u64)guest_base;
    test("order"); /* image, start_info, tables, stack, pad */
    EQ((u64)si, (u64)guest_end);
    EQ(si->pt_base, (u64)si + PAGE);
    EQ(stack, si->pt_base + tables * PAGE + PAGE);
    *(volatile u64 *)(stack - 8) = 1;
    *(volatile u64 *)(stack - PAGE) = 1;
    test("mapping");
    for (; pte_of(end, 1) && *pte_of(end, 1) & PTE_P; end += PAGE) {
        u64 e = *pte_of(end, 1);
        bool is_table = end >= si->pt_base && end < si->pt_base + tables * PAGE;
        if (!EQ(e & (PTE_RW | PTE_PSE | PTE_NX), is_table ? 0 : PTE_RW) ||
            !EQ((e & PTE_ADDR) >> 12, mfn_of((void *)end)) || !EQ(*pte_of(end, 2) & (PTE_P | PTE_PSE), PTE_P))
            break;
    }
    EQ(end & 0x3fffff, 0);
    TRUE(end - stack >= 512 << 10);
    test("tables-in-use");
    u32 used = 0;
    for (u64 va = si->pt_base; va < si->pt_base + tables * PAGE; va += PAGE)
        used += va == si->pt_base || mfn_of((void *)va) == (*pte_of((u64)guest_base, 4) & PTE_ADDR) >> 12 ||
                mfn_of((void *)va) == (*pte_of((u64)guest_base, 3) & PTE_ADDR) >> 12;
    EQ(used, 3);
    test("l4-pinned");
    EQ(ext(MMUEXT_PIN_L4_TABLE, mfn_of((void *)si->pt_base), 0), E_INVAL);
    EQ(ext(MMUEXT_UNPIN_TABLE, mfn_of((void *)si->pt_base), 0), 0);
    EQ(ext(MMUEXT_UNPIN_TABLE, mfn_of((void *)si->pt_base), 0), E_INVAL);
    EQ(ext(MMUEXT_PIN_L4_TABLE, mfn_of((void *)si->pt_base), 0), 0);
}

static void p2m_list(void)
{
    volatile u64 *p2m = (u64 *)si->mfn_list;
    const u64 *m2p = (u64 *)HV_START;
    u64 pages = (si->nr_pages * 8 + PAGE - 1) / PAGE;
    test("p2m");
    EQ(si->mfn_list, 0x8000000000);
    TRUE(si->nr_p2m_frames >= pages + 3);
    /* Right behind what is mapped: Linux takes its first pfn for the end of its own mapping. */
    TRUE(si->first_p2m_pfn % 1024 == 0 && si->first_p2m_pfn + si->nr_p2m_frames <= si->nr_pages);
    TRUE(si->first_p2m_pfn > (si->pt_base - 0xffffffff80000000) / PAGE + si->nr_pt_frames);
    for (u64 i = 0; i < si->nr_pages; i++)
        if (!EQ(m2p[p2m[i]], i))
            break;
    test("p2m-tables"); /* the last of these frames: read-only, as all tables */
    void *window = page_new();
    for (u64 i = 0; i < si->nr_p2m_frames; i++) {
        u64 frame = p2m[si->first_p2m_pfn + i] << 12;
        if (!EQ(map(window, frame | RO_PAGE), 0) || !EQ(map(window, frame | RW_PAGE), i < pages ? 0 : E_INVAL))
            break;
    }
    EQ(page_rw(window), 0);
    test("p2m-tail"); /* writable to the end of its last page */
    for (u64 i = si->nr_pages; i < (si->nr_pages + 511) / 512 * 512; i++) {
        EQ(p2m[i], ~0ul);
        p2m[i] = ~0ul;
    }
    p2m[0] = p2m[0];
}

static void shared_page(void)
{
    struct xen_machphys_mapping m;
    shared_init();
    test("shared-info");
    for (u32 i = 0; i < 32; i++)
        if (!EQ(shared->vcpu_info[i].evtchn_upcall_mask, 1) || !EQ(shared->vcpu_info[i].evtchn_upcall_pending, 0))
            break;
    for (u32 i = 0; i < 64; i++)
        EQ(shared->evtchn_pending[i], 0);
    TRUE(shared->wc_version % 2 == 0 && shared->wc_sec > 1000000000);
    TRUE(shared->wc_nsec < 1000000000);
    test("clock");
    TRUE(shared->vcpu_info[0].time.version % 2 == 0 && shared->vcpu_info[0].time.tsc_to_system_mul != 0);
    u64 before = now();
    TRUE(before > 0 && before < 60000000000ul && now() >= before);
    test("machphys");
    EQ(call2(__HYPERVISOR_memory_op, XENMEM_machphys_mapping, &m), 0);
    EQ(m.v_start, HV_START);
    TRUE(m.max_mfn >= mfn_of(guest_end));
    test("segments"); /* fixed selectors; the guest's own fourteen pages are empty */
    u64 limit = 0;
    u32 access = 0;
    __asm__ volatile("lar %1, %0" : "+r"(access) : "r"(0xe033));
    EQ(access & 0xa0fe00, 0xa0fa00); /* present, DPL 3, code, 64 bits */
    __asm__ volatile("lsl %1, %0" : "+r"(limit) : "r"(0xe02bul));
    EQ((u32)limit, 0xffffffff);
    traps_init();
    __asm__ volatile(TRY("mov %0, %%ds") : : "r"(0x0b) : "memory");
    TRUE(trap_count == 1);
}

int main(void)
{
    __asm__ volatile("wrmsr" : : "c"(0xc0000101), "a"(0x1000), "d"(0)); /* Linux's first: no handler is there yet */
    u64 gs = base_of_msr(0xc0000101);
    test("gs-base");
    EQ(gs, 0x1000);
    registers();
    start_info();
    layout();
    p2m_list();
    shared_page();
    test("return-state"); /* a hypercall leaves rcx and r11 as SYSCALL made them: nothing of Wirt's */
    u64 rcx, r11, rax = __HYPERVISOR_xen_version;
    __asm__ volatile("syscall\n1: sub $1b, %%rcx" : "=c"(rcx), "+a"(rax) : "D"(0), "S"(0) : "r11", "memory");
    EQ(rcx, 0);
    __asm__ volatile("mov $17, %%eax\n syscall\n mov %%r11, %0"
                     : "=r"(r11)
                     : "D"(0), "S"(0)
                     : "rax", "rcx", "r11", "memory");
    EQ(r11 >> 22, 0);
    return 0;
}
