/* SPDX-License-Identifier: MIT */
/*
 * Who may still hold a stale translation. A global clock moves on with each full
 * flush; a CPU remembers the clock of its last one, a frame the clock of the moment
 * when its last mapping of a kind was lost (its TLB debt). The debt is paid when every
 * CPU that might have cached it has flushed later: tlb_settle() sees to that.
 */
#ifndef WIRT_HW_TLB_H
#define WIRT_HW_TLB_H

#include "hw/cpu.h"
#include "hw/layout.h"
#include "lib/types.h"

void tlb_init_this(void);
void tlb_flush_local(void);                  /* everything, global entries too; advances the clock */
void tlb_flush_cpus(cpuset_t cpus);          /* full flush there, waits; may include this CPU */
void tlb_invlpg_cpus(cpuset_t cpus, u64 va); /* one page there, waits */
void tlb_load_cr3(u64 cr3);                  /* write CR3 and flush everything; advances the clock */
extern u32 tlb_clock;
extern u32 tlb_flushed_at[CPU_MAX];
static inline u32 tlb_now(void) /* stamp for a debt made now */
{
    u32 now = READ_ONCE(tlb_clock);
    return max(now, 1u); /* 0 says that there is no debt */
}
/* Pay a debt made at `stamp` (0 = none): flush those of `cpus` that have not flushed since. */
void tlb_settle(u32 stamp, cpuset_t cpus);
/* IPI handler part, called by smp.c. */
void tlb_ipi(void);

#endif
