/* SPDX-License-Identifier: MIT */
/*
 * The end: registers, symbolised backtrace, the last log lines, on every wire; the same text goes
 * into a crash record in memory that the next boot finds after a warm reset
 * (panic_report_previous). Guests can never cause this.
 */
#ifndef WIRT_CORE_PANIC_H
#define WIRT_CORE_PANIC_H

#include "hw/regs.h"
#include "lib/log.h"
#include "lib/types.h"

void panic_init(bool does_reboot);              /* installs log_panic_door and trap_hooks.fatal */
void panic_record_init(mfn_t first, u32 pages); /* where the record lives (reserved low RAM, the same each boot) */
void panic_report_previous(void);               /* print and clear a record of the boot before */
void panic_fatal_trap(struct regs *r, const char *why) __noreturn;
void panic_backtrace(u64 rip, u64 rbp, u64 rsp);
/* "name+0x12" for an address of Wirt's text; table linked in by the build (symbols.S). */
const char *panic_symbol(u64 addr, u64 *offset);

#endif
