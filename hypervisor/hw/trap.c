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
    static const char name[][4] = {"#DE", "#DB", "NMI", "#BP", "#OF", "#BR", "#UD", "#NM", "#DF", "9",  "#TS",
                                   "#NP", "#SS", "#GP", "#PF", "15",  "#MF", "#AC", "#MC", "#XM", "20", "#CP"};
    return vector < ARRAY_COUNT(name) ? name[vector] : "interrupt";
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
    if (r->vector == TRAP_NMI) /* nobody asked for one */
        return;
    if (r->vector == TRAP_DB && !(r->cs & 3)) {
        cpu_write_dr6(0xffff0ff0);
        return;
    }
    u64 to = r->vector == TRAP_DF || r->vector == TRAP_MC ? 0 : fix_of(r->rip);
    if (to) {
        r->rip = to;
        return;
    }
    trap_hooks.fatal(r, trap_name(r->vector));
}
