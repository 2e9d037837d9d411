/* SPDX-License-Identifier: MIT */
/*
 * What happens when Wirt itself faults: a listed instruction (exception table) goes on at its repair address, a stray
 * #DB is dropped, everything else is the end, told in full by core/panic.c.
 */
#include "hw/trap.h"

#include "hw/cpu.h"
#include "lib/log.h"

__sealed struct trap_hooks trap_hooks;
extern struct trap_fix trap_fix_start[], trap_fix_end[];

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
