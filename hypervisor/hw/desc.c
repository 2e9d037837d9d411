/* SPDX-License-Identifier: MIT */
/*
 * Descriptor tables of each CPU. Page 14 of the GDT window holds our descriptors, fixed at selectors that are part of
 * the PV ABI; the frame behind it also holds the TSS (second half). SYSCALL arrives in a stub of its own per CPU,
 * which finds the stack without touching GS: the stub's text page is written once, through the direct map.
 */
#include "hw/desc.h"

#include "hw/cpu.h"
#include "hw/percpu.h"
#include "hw/pgtab.h"
#include "lib/log.h"
#include "lib/string.h"

struct tss {
    u32 zero;
    u64 rsp[3];
    u64 zero2;
    u64 ist[7];
    u64 zero3;
    u16 zero4, io_base;
} __packed;

#define STUB_SIZE 64u
__attribute__((section(".stub"), used, aligned(4096))) static const u8 stub_page[CPU_MAX * STUB_SIZE] = {0xcc};

/* The pages of this CPU's windows; and how many GDT pages / LDT entries are shown now. */
static PERCPU(pte_t *, desc_window);
static PERCPU(u32, desc_gdt_shown);
static PERCPU(u32, desc_ldt_mapped);

#define TSS_OFFSET 2048u

static u64 tss_low(u64 base)
{
    return 0x0000890000000000ull | (sizeof(struct tss) - 1) | (base & 0xffffff) << 16 | (base >> 24 & 0xff) << 56;
}

static u64 *reserved_page(u32 cpu)
{
    return (u64 *)(desc_gdt_base(cpu) + GDT_RESERVED_BASE);
}

static void fill_page(u32 cpu, u8 *stack)
{
    u64 *gdt = reserved_page(cpu);
    struct tss *tss = (struct tss *)(void *)((u8 *)gdt + TSS_OFFSET);
    gdt[1] = 0x00af9b000000ffff; /* e008: ring 0 code */
    gdt[2] = 0x00cf93000000ffff; /* e010: ring 0 data */
    gdt[4] = 0x00cffb000000ffff; /* e023: ring 3 code, 32 bits */
    gdt[5] = 0x00cff3000000ffff; /* e02b: ring 3 data */
    gdt[6] = 0x00affb000000ffff; /* e033: ring 3 code, 64 bits */
    gdt[8] = tss_low((u64)tss);
    gdt[9] = (u64)tss >> 32;
    tss->rsp[0] = (u64)stack + STACK_SIZE - sizeof(struct cpu_info);
    for (u32 i = 0; i < 4; i++)
        tss->ist[i] = (u64)stack + (i + 1) * PAGE_SIZE;
    tss->io_base = sizeof(struct tss);
}

void desc_init_this(void *stack_bottom)
{
    u32 cpu = cpu_id();
    u64 base = desc_gdt_base(cpu);
    pte_t *window = pgtab_leaf(base);
    mfn_t own = pgtab_alloc();
    if (!window || own.n == MFN_NONE)
        panic("boot: no memory for the descriptor tables of CPU %u", cpu);
    window[GDT_RESERVED_PAGE] = pte_make(own.n, HV_RW);
    *this_cpu(desc_window) = window;
    fill_page(cpu, stack_bottom);
    struct {
        u16 limit;
        u64 base;
    } __packed r = {GDT_LIMIT, base};
    __asm__ volatile("lgdt %0" : : "m"(r));
    __asm__ volatile("pushq %0; leaq 1f(%%rip), %%rax; pushq %%rax; lretq; 1:" : : "i"(SEL_HV_CS) : "rax", "memory");
    __asm__ volatile("mov %0, %%ds; mov %0, %%es; mov %0, %%ss; mov %1, %%fs; mov %1, %%gs" : : "r"(0), "r"(0));
    __asm__ volatile("ltr %w0" : : "r"(SEL_TSS));
    __asm__ volatile("lldt %w0" : : "r"(0));
}

void desc_load_gdt(const mfn_t *frame, u32 count)
{
    pte_t *window = *this_cpu(desc_window);
    u32 shown = *this_cpu(desc_gdt_shown);
    u64 base = desc_gdt_base(cpu_id());
    for (u32 i = 0; i < max(count, shown); i++) {
        pte_t e = i < count ? pte_make(frame[i].n, HV_RW) : 0;
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
    u64 *gdt = reserved_page(cpu_id());
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
    cpu_wrmsr(MSR_STAR, (u64)SEL_USER32 << 48 | (u64)SEL_HV_CS << 32);
    cpu_wrmsr(MSR_SFMASK, RFLAGS_IF | RFLAGS_TF | RFLAGS_DF | RFLAGS_IOPL | RFLAGS_NT | RFLAGS_AC | RFLAGS_RF);
}

bool desc_read(u16 selector, u64 *descriptor)
{
    u64 base = desc_gdt_base(cpu_id()) + (selector & 4 ? LDT_WINDOW_OFFSET : 0);
    u32 page = selector >> 12;
    if (!(selector & 4) && (selector & ~7u) > GDT_LIMIT)
        return false;
    if (!((*this_cpu(desc_window))[page + (selector & 4 ? 16 : 0)] & PTE_P))
        return false;
    *descriptor = *(u64 *)(base + (selector & ~7u));
    return true;
}
