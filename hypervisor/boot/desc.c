/* SPDX-License-Identifier: MIT */
/*
 * What never changes of a CPU's descriptor tables. Page 14 of the GDT window holds our descriptors, fixed at selectors
 * that are part of the PV ABI; the frame behind it also holds the TSS (second half). #DB, NMI, #DF and #MC get stacks
 * of their own. One IDT serves all CPUs; it is sealed.
 */
#include "boot/bringup.h"
#include "hw/desc.h"
#include "hw/trap.h"
#include "lib/log.h"

#define TSS_OFFSET     (GDT_LIMIT + 1u - GDT_RESERVED_BASE)
#define GATE_INTERRUPT 0x8e00u
#define GATE_DPL3      0x6000u

struct gate {
    u16 low;
    u16 selector;
    u16 type; /* IST in bits 0-2 */
    u16 mid;
    u32 high;
    u32 zero;
};
struct tss {
    u32 zero;
    u64 rsp[3];
    u64 zero2;
    u64 ist[7];
    u64 zero3;
    u16 zero4, io_base;
} __packed;

static __sealed struct gate idt[256];
static __sealed __aligned(4096) u8 empty_page[PAGE_SIZE];
extern u8 entry_stubs[];

static __init u64 tss_low(u64 base)
{
    return 0x0000890000000000ull | (sizeof(struct tss) - 1) | (base & 0xffffff) << 16 | (base >> 24 & 0xff) << 56;
}

static __init void fill_page(u32 cpu, u8 *stack)
{
    u64 *gdt = desc_reserved(cpu);
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

__init void desc_init_this(void)
{
    u32 cpu = cpu_id();
    u64 base = desc_gdt_base(cpu);
    pte_t *window = pgtab_leaf(base);
    mfn_t own = pgtab_alloc();
    if (!window || own.n == MFN_NONE)
        panic("boot: no memory for the descriptor tables of CPU %u", cpu);
    window[GDT_RESERVED_PAGE] = pte_make(own.n, HV_RW);
    *this_cpu(desc_window) = window;
    desc_empty = pte_make(pgtab_paddr(empty_page).a >> PAGE_SHIFT, HV_RO);
    for (u32 i = 0; i < GDT_RESERVED_PAGE; i++)
        window[i] = desc_empty;
    fill_page(cpu, percpu_stack[cpu]);
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

__init void desc_init_idt(void)
{
    static const u8 ist[32] = {[TRAP_NMI] = 1, [TRAP_MC] = 2, [TRAP_DF] = 3, [TRAP_DB] = 4};
    for (u32 v = 0; v < 256; v++) {
        u64 at = (u64)entry_stubs + v * 16;
        u32 type = GATE_INTERRUPT | (v < 32 ? ist[v] : 0);
        if (v == TRAP_BP || v == TRAP_OF || v == 0x80)
            type |= GATE_DPL3;
        idt[v] = (struct gate){(u16)at, SEL_HV_CS, (u16)type, (u16)(at >> 16), (u32)(at >> 32), 0};
    }
}

__init void desc_init_idt_this(void)
{
    struct {
        u16 limit;
        u64 base;
    } __packed r = {sizeof(idt) - 1, (u64)idt};
    __asm__ volatile("lidt %0" : : "m"(r));
}
