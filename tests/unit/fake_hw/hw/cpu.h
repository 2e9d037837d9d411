/* SPDX-License-Identifier: MIT */
/*
 * The host's version: constants, types and pure functions are the real header's; instructions that
 * need ring 0 become fakes that act on the current fake CPU (fake.h).
 */
#ifndef WIRT_FAKE_CPU_H
#define WIRT_FAKE_CPU_H

/* Renames the real inline function out of the way. */
#define cpu_rdmsr          real_rdmsr
#define cpu_wrmsr          real_wrmsr
#define cpu_read_cr0       real_read_cr0
#define cpu_read_cr2       real_read_cr2
#define cpu_read_cr3       real_read_cr3
#define cpu_read_cr4       real_read_cr4
#define cpu_write_cr0      real_write_cr0
#define cpu_write_cr3      real_write_cr3
#define cpu_write_cr4      real_write_cr4
#define cpu_tsc            real_tsc
#define cpu_relax          real_relax
#define cpu_irq_enable     real_irq_enable
#define cpu_irq_disable    real_irq_disable
#define cpu_irq_save       real_irq_save
#define cpu_irq_restore    real_irq_restore
#define cpu_irq_is_enabled real_irq_is_enabled
#define cpu_sti_hlt        real_sti_hlt
#define cpu_invlpg         real_invlpg
#define cpu_cache_flush    real_cache_flush
#define cpu_halt_forever   real_halt_forever
#include_next "hw/cpu.h"
#undef cpu_rdmsr
#undef cpu_wrmsr
#undef cpu_read_cr0
#undef cpu_read_cr2
#undef cpu_read_cr3
#undef cpu_read_cr4
#undef cpu_write_cr0
#undef cpu_write_cr3
#undef cpu_write_cr4
#undef cpu_tsc
#undef cpu_relax
#undef cpu_irq_enable
#undef cpu_irq_disable
#undef cpu_irq_save
#undef cpu_irq_restore
#undef cpu_irq_is_enabled
#undef cpu_sti_hlt
#undef cpu_invlpg
#undef cpu_cache_flush
#undef cpu_halt_forever

extern _Thread_local u32 fake_cpu;         /* the CPU that this thread plays */
extern _Thread_local bool fake_irq_is_off; /* its IF, inverted */
extern u64 fake_cr[8];
u64 cpu_tsc(void);
void cpu_relax(void);
void cpu_sti_hlt(void);
void cpu_halt_forever(void) __noreturn;
u64 cpu_rdmsr(u32 msr);
void cpu_wrmsr(u32 msr, u64 v);
void cpu_invlpg(u64 va);

static inline u64 cpu_read_cr0(void)
{
    return fake_cr[0];
}
static inline u64 cpu_read_cr2(void)
{
    return fake_cr[2];
}
static inline u64 cpu_read_cr3(void)
{
    return fake_cr[3];
}
static inline u64 cpu_read_cr4(void)
{
    return fake_cr[4];
}
static inline void cpu_write_cr0(u64 v)
{
    fake_cr[0] = v;
}
static inline void cpu_write_cr3(u64 v)
{
    fake_cr[3] = v;
}
static inline void cpu_write_cr4(u64 v)
{
    fake_cr[4] = v;
}
static inline void cpu_cache_flush(void)
{
}
static inline void cpu_irq_enable(void)
{
    fake_irq_is_off = false;
}
static inline void cpu_irq_disable(void)
{
    fake_irq_is_off = true;
}
static inline bool cpu_irq_is_enabled(void)
{
    return !fake_irq_is_off;
}
static inline u64 cpu_irq_save(void)
{
    u64 f = fake_irq_is_off ? 0 : 0x200;
    fake_irq_is_off = true;
    return f;
}
static inline void cpu_irq_restore(u64 flags)
{
    fake_irq_is_off = fake_irq_is_off && !(flags & 0x200);
}

#endif
