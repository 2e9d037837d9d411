/* SPDX-License-Identifier: MIT */
/*
 * Vectors and interrupt lines. A vector 0x20..0xff is bound to one function
 * (irq_bind). A line (GSI or MSI) is an `irq` index with its controller operations;
 * upper rooms bind lines to PIRQs by irq_line_*. Handlers run with interrupts off
 * and take no lock of storey R3 or above: they set bits and raise work.
 */
#ifndef WIRT_HW_IRQ_H
#define WIRT_HW_IRQ_H

#include "hw/cpu.h"
#include "hw/regs.h"
#include "lib/types.h"

/* Fixed vectors, high priority last. Device vectors are 0x30..0xdf. */
#define VEC_DEVICE_FIRST 0x30
#define VEC_DEVICE_LAST  0xdf
#define VEC_TIMER        0xf0
#define VEC_IPI_WORK     0xf1 /* look at cpu_info.work on the way out */
#define VEC_IPI_CALL     0xf2 /* smp_call */
#define VEC_IPI_TLB      0xf3
#define VEC_ERROR        0xfe
#define VEC_SPURIOUS     0xff
#define VEC_SYSCALL80    0x80 /* guests' int 0x80: never given to a device */

typedef void irq_fn(struct regs *r, void *arg);
void irq_bind(u8 vector, irq_fn *fn, void *arg); /* boot, or a vector just allocated */
void irq_handle(struct regs *r); /* called by entry.S for vectors >= 0x20; counts, calls, EOI by the handler */

/* Lines. One table for GSIs (0..IRQ_GSI_MAX-1) and MSIs (above). A line has one owner callback. */
#define IRQ_GSI_MAX  256u
#define IRQ_LINE_MAX 512u
typedef void irq_line_fn(u32 line, void *arg); /* interrupts off; the line has been acknowledged at the LAPIC */
struct irq_line_info {
    bool is_bound, is_level, is_active_low, is_masked, is_msi;
    u8 vector;
    u32 cpu;
    u64 count;
};
void irq_gsi_add(u32 gsi, bool is_level, bool is_active_low); /* boot: an IO-APIC has it; gsi < IRQ_GSI_MAX */
/* GSI: trigger and polarity as ACPI or setup_gsi say. -ENOENT no IO-APIC has it, -EBUSY bound otherwise already. */
int irq_gsi_setup(u32 gsi, bool is_level, bool is_active_low) __must_use;
/* Route line to `fn` on CPU `cpu`, masked until irq_line_unmask. Level lines are masked at the IO-APIC when they fire
 * and stay so until irq_line_unmask (the guest's EOI). -ENOSPC no vector, -EBUSY bound, -ENOENT no such line. */
int irq_line_bind(u32 line, u32 cpu, irq_line_fn *fn, void *arg) __must_use;
void irq_line_unbind(u32 line); /* masked first */
void irq_line_unmask(u32 line);
void irq_line_set_cpu(u32 line, u32 cpu);
bool irq_line_info(u32 line, struct irq_line_info *out) __must_use; /* false: no such line */
/* MSI: take a line number and vector and program device `sbdf` (seg<<16|bus<<8|devfn). entry/table_base as
 * physdev map_pirq gives them (table_base 0 = plain MSI). Returns the line or -errno. Masked state as the device has
 * it. */
int irq_msi_create(u32 sbdf, u32 entry, u64 table_base) __must_use;
void irq_msi_destroy(u32 line);
u64 irq_vector_count(u8 vector, u32 cpu);

#endif
