/* SPDX-License-Identifier: MIT */
/*
 * The part of a CPU's descriptor tables that changes: guests' frames in its window, the LDT. SYSCALL arrives in a stub
 * of its own per CPU, which finds the stack without touching GS: the stub's text page is written once, through the
 * direct map. What never changes is made in boot/desc.c.
 */
#include "hw/desc.h"

#include "hw/cpu.h"
#include "hw/percpu.h"
#include "hw/pgtab.h"
#include "lib/string.h"

#define STUB_SIZE 64u
__attribute__((section(".stub"), used, aligned(4096))) static const u8 stub_page[CPU_MAX * STUB_SIZE] = {0xcc};

/* The pages of this CPU's windows; and how many GDT pages / LDT entries are shown now. */
PERCPU(pte_t *, desc_window);
__sealed pte_t desc_empty;
static PERCPU(u32, desc_gdt_shown);
static PERCPU(u32, desc_ldt_mapped);

u64 *desc_reserved(u32 cpu)
{
    return (u64 *)(desc_gdt_base(cpu) + GDT_RESERVED_BASE);
}

/* Behind the guest's frames stand empty descriptors: a selector there is #GP, as of a GDT that ends before. */
void desc_load_gdt(const mfn_t *frame, u32 count)
{
    pte_t *window = *this_cpu(desc_window);
    u32 shown = *this_cpu(desc_gdt_shown);
    u64 base = desc_gdt_base(cpu_id());
    for (u32 i = 0; i < max(count, shown); i++) {
        pte_t e = i < count ? pte_make(frame[i].n, HV_RW) : desc_empty;
        if (window[i] != e) {
            window[i] = e;
            cpu_invlpg(base + i * PAGE_SIZE);
        }
    }
    *this_cpu(desc_gdt_shown) = count;
}

void desc_map_ldt(u32 page, mfn_t frame)
{
    (*this_cpu(desc_window))[16 + page] = pte_make(frame.n, HV_RW);
    cpu_invlpg(desc_gdt_base(cpu_id()) + LDT_WINDOW_OFFSET + page * PAGE_SIZE);
    *this_cpu(desc_ldt_mapped) |= 1u << page;
}

void desc_load_ldt(u32 entries)
{
    u64 base = desc_gdt_base(cpu_id()) + LDT_WINDOW_OFFSET;
    u32 *mapped = this_cpu(desc_ldt_mapped);
    for (; *mapped; *mapped &= *mapped - 1) {
        u32 page = bit_lowest(*mapped);
        (*this_cpu(desc_window))[16 + page] = 0;
        cpu_invlpg(base + page * PAGE_SIZE);
    }
    if (!entries) {
        __asm__ volatile("lldt %w0" : : "r"(0));
        return;
    }
    u64 *gdt = desc_reserved(cpu_id());
    u32 limit = entries * 8 - 1;
    gdt[10] = 0x0000820000000000ull | (limit & 0xffff) | (base & 0xffffff) << 16 | (base >> 24 & 0xff) << 56;
    gdt[11] = base >> 32;
    __asm__ volatile("lldt %w0" : : "r"(SEL_LDT));
}

void desc_set_syscall(void (*entry)(void), void (*entry32)(void))
{
    u32 cpu = cpu_id();
    u64 info = (u64)cpu_info();
    u64 scratch = (u64)&cpu_info()->scratch;
    for (u32 which = 0; which < 2; which++) {
        const u8 *at = stub_page + cpu * STUB_SIZE + which * STUB_SIZE / 2;
        u8 *p = pgtab_va(pgtab_paddr(at));
        s32 rel = (s32)((s64)(which ? entry32 : entry) - (s64)(at + 28));
        memcpy(p, "\x48\xa3", 2); /* movabs %rax, scratch */
        memcpy(p + 2, &scratch, 8);
        memcpy(p + 10, "\x48\x89\xe0\x48\xbc", 5); /* mov %rsp, %rax; movabs $info, %rsp */
        memcpy(p + 15, &info, 8);
        p[23] = 0xe9; /* jmp entry */
        memcpy(p + 24, &rel, 4);
        cpu_wrmsr(which ? MSR_CSTAR : MSR_LSTAR, (u64)at);
    }
    cpu_wrmsr(MSR_SYSENTER_CS, 0); /* SYSENTER is #GP, whatever ran here before */
    cpu_wrmsr(MSR_STAR, (u64)SEL_USER32 << 48 | (u64)SEL_HV_CS << 32);
    cpu_wrmsr(MSR_SFMASK, RFLAGS_IF | RFLAGS_TF | RFLAGS_DF | RFLAGS_IOPL | RFLAGS_NT | RFLAGS_AC | RFLAGS_RF);
}
