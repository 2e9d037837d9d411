/* SPDX-License-Identifier: MIT */
/* The ways off: ACPI S5 with the values dom0 supplies, and reset by ACPI register, 0xcf9, keyboard, triple fault. */
#ifndef WIRT_HW_POWER_H
#define WIRT_HW_POWER_H

#include "lib/types.h"

extern struct power_ways {  /* as the FADT says */
    u16 pm1a_cnt, pm1b_cnt; /* I/O ports, 0 = none */
    bool has_reset;
    u8 reset_space; /* 0 memory, 1 I/O, 2 PCI config */
    u8 reset_value;
    u64 reset_address;
} power_ways; /* sealed */

void power_sleep(u16 pm1a_value, u16 pm1b_value); /* returns only if the machine did not sleep */
void power_reboot(void) __noreturn;
void power_off_or_halt(void) __noreturn; /* emulators' and firmware's other doors, then a named halt */

#endif
