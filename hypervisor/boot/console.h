/* SPDX-License-Identifier: MIT */
/* How the console begins: options, wires, first lines; see console.c. */
#ifndef WIRT_BOOT_CONSOLE_H
#define WIRT_BOOT_CONSOLE_H

#include "lib/types.h"

/* Options in Xen's words: console= ("com1,vga,none"), com1=, com2=, loglvl= ("all", "error/warning"
 * ...), console_timestamps, sync_console. NULL values = default. Unknown words are named in the log. */
struct console_options {
    const char *console, *com1, *com2, *loglvl;
    bool has_timestamps;
};
void console_init(const struct console_options *o); /* first thing: before memory, before interrupts */
void console_init_late(void);                       /* receive interrupts, keys */

#endif
