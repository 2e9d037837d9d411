/* SPDX-License-Identifier: MIT */
/* Bring up the other CPUs; run a function on some of them; ask one to look at its work bits. */
#ifndef WIRT_HW_SMP_H
#define WIRT_HW_SMP_H

#include "hw/cpu.h"
#include "lib/types.h"

/* Start up to `limit` CPUs in all (CPU 0 included); each ends in entry(cpu) on its own stack, interrupts off.
 * Names every CPU that did not answer within 200 ms. low_page: a free frame below 1 MiB for the trampoline. */
void smp_start(u32 limit, mfn_t low_page, void (*entry)(u32 cpu) __noreturn);
void smp_ap_ready(void); /* an AP, when it is in cpu_online and takes interrupts */
/* Run fn(arg) on `cpus` with interrupts off there; returns when all are done. Interrupts must be on here, or the
 * caller be the only one doing so; never from interrupt context. */
void smp_call(cpuset_t cpus, void (*fn)(void *), void *arg);
void smp_kick(u32 cpu);     /* IPI_WORK: no data, the target leaves its guest and looks at its work bits */
void smp_stop_others(void); /* panic, power-off: NMI-free best effort, waits at most 100 ms */

#endif
