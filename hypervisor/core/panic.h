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

#define PANIC_MAGIC 0x4853415243545257ull /* "WRTCRASH" */
struct panic_record {
    u64 magic;
    u32 length, sum;
    char text[];
};
extern struct panic_record *panic_record; /* NULL: no memory for it */
extern u32 panic_record_size;             /* bytes of text */
extern bool panic_does_reboot;            /* all three: boot/panic.c's, sealed */
u32 panic_sum(const char *s, u32 n);

/* The two doors: log_panic_door and trap_hooks.fatal. */
void panic_message(const char *line) __noreturn;
void panic_fatal_trap(struct regs *r, const char *why) __noreturn;
void panic_on_purpose(void); /* a console key of debug builds */
void panic_backtrace(u64 rip, u64 rbp, u64 rsp);
/* "name+0x12" for an address of Wirt's text; table linked in by the build (symbols.S). */
const char *panic_symbol(u64 addr, u64 *offset);

#endif
