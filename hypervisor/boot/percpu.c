/* SPDX-License-Identifier: MIT */
/*
 * Stacks and copies of the per-CPU variables. The template section stays as linked: CPU 0 runs on a static
 * copy, made before anything else, the others on frames of their own, for ever.
 */
#include "boot/bringup.h"
#include "hw/percpu.h"
#include "hw/pgtab.h"
#include "lib/string.h"

#define BOOT_COPY_SIZE 32768

extern u8 percpu_start[], percpu_end[];
extern u8 boot_stack[STACK_SIZE];
static u8 boot_copy[BOOT_COPY_SIZE] __aligned(64);

static __init void fill(u32 cpu, u8 *stack, u8 *copy)
{
    struct cpu_info *info = (struct cpu_info *)(void *)(stack + STACK_SIZE) - 1;
    memset(info, 0, sizeof(*info));
    memcpy(copy, percpu_start, (size_t)(percpu_end - percpu_start));
    percpu_offset[cpu] = (u64)(copy - percpu_start);
    percpu_stack[cpu] = stack;
    info->cpu = cpu;
    info->percpu_off = percpu_offset[cpu];
}

__init void percpu_init(void)
{
    fill(0, boot_stack, boot_copy);
}

__init void *percpu_create(u32 cpu)
{
    u8 *stack = pgtab_alloc_pages(STACK_ORDER);
    u8 *copy = pgtab_alloc_pages(3);
    if (!stack || !copy || (u64)(percpu_end - percpu_start) > BOOT_COPY_SIZE)
        return NULL;
    fill(cpu, stack, copy);
    return stack + STACK_SIZE - sizeof(struct cpu_info);
}
