/* SPDX-License-Identifier: MIT */
/*
 * The local APIC of each CPU, once boot/lapic.c has set it up: end of interrupt, commands to other CPUs, the timer.
 * The two halves of an xAPIC command are written with interrupts off; otherwise everything is this CPU's own and
 * needs no lock. Intel SDM vol. 3, chapter "APIC".
 */
#include "hw/lapic.h"

#include "hw/percpu.h"
#include "hw/time.h"
#include "lib/log.h"

__sealed struct lapic lapic;
__sealed u32 lapic_id_of[CPU_MAX], lapic_acpi_id_of[CPU_MAX];

void lapic_eoi(void)
{
    lapic_write(LAPIC_EOI, 0);
}

bool lapic_is_serving(u8 vector)
{
    return (lapic_read(LAPIC_ISR + 0x10u * (vector / 32u)) >> (vector % 32)) & 1;
}

void lapic_error(struct regs *r, void *arg)
{
    static u32 count;
    (void)r, (void)arg;
    lapic_write(LAPIC_ESR, 0);
    u32 v = lapic_read(LAPIC_ESR);
    lapic_eoi();
    if (atomic_add(&count, 1) <= 4)
        log_warn("CPU%u: local APIC reports error 0x%x", cpu_id(), v);
}

void lapic_spurious(struct regs *r, void *arg)
{
    (void)r, (void)arg; /* no EOI belongs to it; irq_handle has counted it */
}

static void lapic_wait(void)
{
    for (u32 i = 0; i < 1000000 && (lapic_read(LAPIC_ICR) & ICR_BUSY); i++)
        cpu_relax();
}

void lapic_command(u32 apic_id, u32 command)
{
    if (lapic.is_x2) {
        __asm__ volatile("mfence; lfence" ::: "memory"); /* the MSR write would overtake stores */
        cpu_wrmsr(MSR_X2APIC_BASE + (LAPIC_ICR >> 4), (u64)apic_id << 32 | command);
        return;
    }
    u64 flags = cpu_irq_save();
    lapic_wait();
    lapic_write(LAPIC_ICR_HIGH, apic_id << 24);
    lapic_write(LAPIC_ICR, command);
    lapic_wait();
    cpu_irq_restore(flags);
}

void lapic_ipi(u32 cpu, u8 vector)
{
    lapic_command(lapic_id_of[cpu], ICR_FIXED | vector);
}

void lapic_timer_set(u64 deadline_ns)
{
    if (lapic.has_deadline) {
        cpu_wrmsr(MSR_TSC_DEADLINE, deadline_ns ? time_to_tsc(deadline_ns) : 0);
        return;
    }
    u32 count = 0;
    if (deadline_ns) {
        u64 now = time_now();
        u64 d = deadline_ns > now ? min(deadline_ns - now, 1ull << 31) : 0;
        u64 ticks = (u64)(((u128)d * lapic.ticks_per_ns) >> 32) + 1;
        count = (u32)min(ticks, 0xffffffffull);
    }
    lapic_write(LAPIC_TIMER_INITIAL, count);
}

u64 lapic_base(void)
{
    return lapic.base;
}
