/* SPDX-License-Identifier: MIT */
/*
 * Deferred work. A kind is a bit in the CPU's cpu_info.work; raising sets it with a LOCKed or,
 * running clears it before the function is called, so nothing raised meanwhile is lost. Bits of
 * another CPU need a kick only when none was set: whoever set the first one kicked, or it was set
 * there by a handler whose way out looks at them.
 */
#include "core/work.h"
#include "hw/cpu.h"
#include "hw/smp.h"
#include "lib/log.h"

static void (*work_fn[WORK_COUNT])(void);

void work_bind(enum work kind, void (*fn)(void))
{
    work_fn[kind] = fn;
}

void work_raise(enum work kind)
{
    atomic_or(&cpu_info()->work, 1u << kind);
}

void work_raise_on(u32 cpu, enum work kind)
{
    struct cpu_info *ci = (struct cpu_info *)(void *)(percpu_stack[cpu] + STACK_SIZE) - 1;

    if (!atomic_or(&ci->work, 1u << kind) && cpu != cpu_id())
        smp_kick(cpu);
}

void work_run(void)
{
    struct cpu_info *ci = cpu_info();
    u32 bits;

    while ((bits = READ_ONCE(ci->work)) != 0) {
        u32 kind = bit_lowest(bits);
        atomic_and(&ci->work, ~(1u << kind));
        work_fn[kind]();
    }
}
