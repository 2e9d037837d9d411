/* SPDX-License-Identifier: MIT */
/*
 * The IDT and what happens when Wirt itself faults: a listed instruction (exception table) goes on at its
 * repair address, a stray #DB is dropped, everything else is the end, told in full by core/panic.c.
 */
#include "hw/trap.h"

#include "hw/cpu.h"
#include "hw/desc.h"
#include "lib/log.h"

struct gate {
    u16 low;
    u16 selector;
    u16 type; /* IST in bits 0-2 */
    u16 mid;
    u32 high;
    u32 zero;
};
static __sealed struct gate idt[256];
__sealed struct trap_hooks trap_hooks;
extern u8 entry_stubs[];
extern struct trap_fix trap_fix_start[], trap_fix_end[];

#define GATE_INTERRUPT 0x8e00u
#define GATE_DPL3      0x6000u

const char *trap_name(u32 vector)
{
    static const char *const name[] = {"divide error #DE",
                                       "debug #DB",
                                       "NMI",
                                       "breakpoint #BP",
                                       "overflow #OF",
                                       "bound #BR",
                                       "invalid opcode #UD",
                                       "no FPU #NM",
                                       "double fault #DF",
                                       "coprocessor",
                                       "invalid TSS #TS",
                                       "segment not present #NP",
                                       "stack fault #SS",
                                       "general protection #GP",
                                       "page fault #PF",
                                       "reserved 15",
                                       "x87 #MF",
                                       "alignment #AC",
                                       "machine check #MC",
                                       "SIMD #XM"};
    return vector < ARRAY_COUNT(name) ? name[vector] : vector == TRAP_CP ? "control protection #CP" : "interrupt";
}

void trap_init(void)
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

void trap_init_this(void)
{
    struct {
        u16 limit;
        u64 base;
    } __packed r = {sizeof(idt) - 1, (u64)idt};
    __asm__ volatile("lidt %0" : : "m"(r));
}

static u64 fix_of(u64 rip)
{
    for (const struct trap_fix *f = trap_fix_start; f < trap_fix_end; f++)
        if ((u64)&f->at + (u64)(s64)f->at == rip)
            return (u64)&f->to + (u64)(s64)f->to;
    return 0;
}

void trap_from_hv(struct regs *r)
{
    if (r->vector == TRAP_NMI) {
        if (trap_hooks.nmi)
            trap_hooks.nmi(r);
        return;
    }
    if (r->vector == TRAP_DB && !(r->cs & 3)) {
        cpu_write_dr6(0xffff0ff0);
        return;
    }
    u64 to = r->vector == TRAP_DF || r->vector == TRAP_MC ? 0 : fix_of(r->rip);
    if (to) {
        r->rip = to;
        return;
    }
    if (trap_hooks.fatal)
        trap_hooks.fatal(r, trap_name(r->vector));
    panic("%s at 0x%lx error 0x%x cr2 0x%lx", trap_name(r->vector), r->rip, r->error, cpu_read_cr2());
}
