/* SPDX-License-Identifier: MIT */
/* The ways off: ACPI S5 with the values dom0 supplies, and reset by ACPI register, 0xcf9, keyboard, triple fault. */
#ifndef WIRT_HW_POWER_H
#define WIRT_HW_POWER_H

#include "lib/types.h"

void power_sleep(u16 pm1a_value, u16 pm1b_value); /* returns only if the machine did not sleep */
void power_reboot(void) __noreturn;
void power_off_or_halt(void) __noreturn; /* emulators' and firmware's other doors, then a named halt */

#endif
