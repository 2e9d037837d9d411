/* SPDX-License-Identifier: MIT */
/*
 * Deferred work: one bit a kind in each CPU's cpu_info.work, run with interrupts on, on the way out
 * to a guest or in the idle loop, lowest bit first. Interrupt handlers raise; nothing else runs
 * from them.
 */
#ifndef WIRT_CORE_WORK_H
#define WIRT_CORE_WORK_H

#include "hw/percpu.h"
#include "lib/bits.h"

enum work { WORK_TIMER, WORK_CONSOLE, WORK_CALLBACK, WORK_EXIT, WORK_SCHED, WORK_COUNT };
void work_bind(enum work kind, void (*fn)(void)); /* boot */
void work_raise(enum work kind);                  /* this CPU */
void work_raise_on(u32 cpu, enum work kind);      /* with a kick if it is another */
static inline bool work_is_pending(void)
{
    return READ_ONCE(cpu_info()->work) != 0;
}
void work_run(void); /* interrupts on; until no bit is set; WORK_SCHED last, and it may not return */

#endif
