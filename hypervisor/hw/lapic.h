/* SPDX-License-Identifier: MIT */
/*
 * Local APIC: xAPIC through MMIO or x2APIC through MSRs (taken when the CPU has it or firmware left it on); IPIs, EOI,
 * one-shot timer (or TSC deadline). Registers are shown for boot/lapic.c, which sets it up, and for boot/ap.c.
 */
#ifndef WIRT_HW_LAPIC_H
#define WIRT_HW_LAPIC_H

#include "hw/cpu.h"
#include "hw/layout.h"
#include "hw/regs.h"
#include "lib/types.h"

#define LAPIC_EOI           0xb0u
#define LAPIC_ISR           0x100u
#define LAPIC_ESR           0x280u
#define LAPIC_ICR           0x300u
#define LAPIC_ICR_HIGH      0x310u
#define LAPIC_TIMER_INITIAL 0x380u
#define ICR_FIXED           0x4000u
#define ICR_BUSY            0x1000u

extern struct lapic {
    volatile u32 *mmio;
    bool is_x2, has_deadline;
    u64 base;                                               /* physical address of the MMIO page */
    u64 ticks_per_ns;                                       /* timer frequency in ticks per ns, 32.32 */
} lapic;                                                    /* sealed */
extern u32 lapic_id_of[CPU_MAX], lapic_acpi_id_of[CPU_MAX]; /* of online CPUs; sealed */

static inline u32 lapic_read(u32 reg)
{
    return lapic.is_x2 ? (u32)cpu_rdmsr(MSR_X2APIC_BASE + (reg >> 4)) : lapic.mmio[reg / 4];
}
static inline void lapic_write(u32 reg, u32 v)
{
    if (lapic.is_x2)
        cpu_wrmsr(MSR_X2APIC_BASE + (reg >> 4), v);
    else
        lapic.mmio[reg / 4] = v;
}

void lapic_eoi(void);
bool lapic_is_serving(u8 vector);             /* its in-service bit is set on this CPU */
void lapic_command(u32 apic_id, u32 command); /* ICR_*; returns when accepted */
void lapic_ipi(u32 cpu, u8 vector);           /* fixed, edge; the same */
void lapic_timer_set(u64 deadline_ns);        /* absolute system time; 0 = off; past = fires at once */
u64 lapic_base(void);
void lapic_error(struct regs *r, void *arg); /* what boot binds to VEC_ERROR, VEC_SPURIOUS */
void lapic_spurious(struct regs *r, void *arg);

#endif
