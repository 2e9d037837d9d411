/* SPDX-License-Identifier: MIT */
/*
 * The machine's bring-up: what is found, measured and programmed once, in boot_main's order. Each part is a file
 * of its own that fills what the file of the same name in hw/ or core/ works with and that .sealed or that room keeps
 * afterwards; registers are reached by hw/cpu.h and by what those headers show. All of it is freed with boot.
 */
#ifndef WIRT_BOOT_BRINGUP_H
#define WIRT_BOOT_BRINGUP_H

#include "hw/cpu.h"

/* Each returns nothing: what cannot be done without ends in boot_fail() or panic(), the rest in a line of the log.
 * x_init() runs once on CPU 0, x_init_this() on every CPU. */
void percpu_init(void); /* CPU 0's stack and variables: before anything that uses this_cpu() */
/* The stack (with filled cpu_info) and the variables of another CPU. The stack's top, where rsp starts; NULL without
 * memory. */
void *percpu_create(u32 cpu);
void cpu_init(void);                /* cpu_desc */
void cpu_init_fpu(void);            /* sizes, and the XCR0 that guests may choose from */
void cpu_init_this(void);           /* CR0, CR4, EFER, PAT, FPU control */
void spec_init(const char *option); /* spec-ctrl=, NULL = default; "no" nothing, "yes" even on an emulator */
void pgtab_init(u64 direct_limit);  /* new L4 with the image; direct-map slots up to that physical address */
void pgtab_seal(void);     /* .sealed read-only, .init unmapped; the caller flushes everywhere. Not in .init. */
void desc_init_this(void); /* GDT page 14, TSS, IST; GDTR and TR */
void desc_init_idt(void);
void desc_init_idt_this(void);
void lapic_init(void);       /* find, map, decide the mode */
void lapic_init_this(void);  /* enable, LVTs, timer */
void lapic_init_timer(void); /* measure it against system time */
void clock_init(void);       /* the platform's counter, the TSC's frequency, the CMOS clock */
void ioapic_init(void);      /* all pins masked; what ACPI says of interrupt lines */
/* Start up to `limit` CPUs in all; each that did not answer in time is named. low_page: a free frame below 1 MiB. */
void ap_init(u32 limit, mfn_t low_page);

/* spec as Xen's com1=: "<baud>[/<clock>][,[DPS][,[<io-base>][,[<irq>]]]]", "" = 115200,8n1. index 0 or 1.
 * NULL, or what is wrong with it in words. */
const char *uart_init(u32 index, const char *spec);
void uart_init_irq(u32 index, void (*ready)(void)); /* ready() in interrupt context when bytes wait */

#endif
