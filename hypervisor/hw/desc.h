/* SPDX-License-Identifier: MIT */
/*
 * GDT, TSS and LDT of each CPU. A CPU's GDT is the window of desc_gdt_base(cpu):
 * pages 0..13 show the frames that the loaded vCPU registered with set_gdt, page 14 is
 * ours (selectors in layout.h). The window's page-table entries are written only by
 * that CPU.
 */
#ifndef WIRT_HW_DESC_H
#define WIRT_HW_DESC_H

#include "hw/percpu.h"
#include "hw/pgtab.h"
#include "lib/types.h"

PERCPU_DECLARE(pte_t *, desc_window); /* the page-table entries of this CPU's windows */
u64 *desc_reserved(u32 cpu);          /* the descriptors of page 14 */
extern pte_t desc_empty;              /* maps a page of empty descriptors; sealed */
static inline u64 desc_gdt_base(u32 cpu)
{
    return GDT_WINDOW + cpu * GDT_WINDOW_STRIDE;
}
/* Show `count` guest frames (0..14) in this CPU's GDT window; the rest are empty. */
void desc_load_gdt(const mfn_t *frame, u32 count);
/* Use `entries` 8-byte descriptors at this CPU's LDT window (0 = no LDT); pages start unmapped and are
 * filled on demand by desc_map_ldt. */
void desc_load_ldt(u32 entries);
void desc_map_ldt(u32 page, mfn_t frame);
/* SYSCALL on this CPU goes to `entry` (64-bit code) or `entry32` (AMD, compatibility mode): assembly that finds the
 * guest rsp in rax, the guest rax in cpu_info.scratch and its own stack empty. */
void desc_set_syscall(void (*entry)(void), void (*entry32)(void));

#endif
