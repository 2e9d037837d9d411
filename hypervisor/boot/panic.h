/* SPDX-License-Identifier: MIT */
/* What core/panic.c needs before it can be of use, and what it left behind in the boot before. */
#ifndef WIRT_BOOT_PANIC_H
#define WIRT_BOOT_PANIC_H

#include "lib/types.h"

void panic_init(bool does_reboot);              /* installs log_panic_door and trap_hooks.fatal */
void panic_record_init(mfn_t first, u32 pages); /* where the record lives (reserved low RAM, the same each boot) */
void panic_report_previous(void);               /* print and clear a record of the boot before */

#endif
