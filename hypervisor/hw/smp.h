/* SPDX-License-Identifier: MIT */
/* Run a function on other CPUs; ask one to look at its work bits; stop them. */
#ifndef WIRT_HW_SMP_H
#define WIRT_HW_SMP_H

#include "hw/cpu.h"
#include "lib/types.h"

void smp_init(void); /* boot: the vectors */
/* Run fn(arg) on `cpus` with interrupts off there; returns when all are done. Interrupts must be on here, or the
 * caller be the only one doing so; never from interrupt context. */
void smp_call(cpuset_t cpus, void (*fn)(void *), void *arg);
void smp_kick(u32 cpu);     /* IPI_WORK: no data, the target leaves its guest and looks at its work bits */
void smp_stop_others(void); /* panic, power-off: NMI-free best effort, waits at most 100 ms */

#endif
