/* SPDX-License-Identifier: MIT */
/* Local APIC: xAPIC through MMIO or x2APIC through MSRs; IPIs, EOI, one-shot timer (or TSC deadline). */
#ifndef WIRT_HW_LAPIC_H
#define WIRT_HW_LAPIC_H

#include "hw/cpu.h"
#include "lib/types.h"

void lapic_init(void);      /* CPU 0: find, map, decide the mode */
void lapic_init_this(void); /* enable, LVTs, timer calibration result in use */
u32 lapic_id(void);         /* of this CPU */
u32 lapic_id_of(u32 cpu);   /* APIC id of an online CPU */
void lapic_set_id_of(u32 cpu, u32 apic_id);
void lapic_eoi(void);
bool lapic_is_serving(u8 vector);   /* its in-service bit is set on this CPU */
void lapic_ipi(u32 cpu, u8 vector); /* fixed, edge; returns when accepted */
void lapic_ipi_nmi(u32 cpu);
void lapic_start_ap(u32 apic_id, u32 start_page); /* INIT, SIPI, SIPI with the manual's delays */
void lapic_timer_set(u64 deadline_ns);            /* absolute system time; 0 = off; past = fires at once */
void lapic_timer_calibrate(void);                 /* CPU 0, against the platform clock */
bool lapic_is_x2(void);
u64 lapic_base(void); /* physical address of the MMIO page */

#endif
