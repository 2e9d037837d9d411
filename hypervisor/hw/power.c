/* SPDX-License-Identifier: MIT */
/*
 * The ways off. Called last, interrupts off, other CPUs stopped by the caller; no locks.
 * Every step that may fail to act is followed by a short wait and the next one.
 */
#include "hw/power.h"

#include "hw/cpu.h"
#include "hw/pci.h"
#include "hw/pgtab.h"
#include "hw/time.h"
#include "lib/log.h"

#define SLP_EN 0x2000u

__sealed struct power_ways power_ways;

static void sleep_write(u16 port, u16 value)
{
    if (port)
        cpu_out16(port, value);
}

void power_sleep(u16 pm1a_value, u16 pm1b_value)
{
    if (!power_ways.pm1a_cnt) {
        log_warn("power: cannot sleep, the FADT names no PM1a control port");
        return;
    }
    cpu_irq_disable();
    __asm__ volatile("wbinvd" ::: "memory");
    /* The type first, then the same with the enable bit: some chips want it in two steps. */
    sleep_write(power_ways.pm1a_cnt, (u16)(pm1a_value & ~SLP_EN));
    sleep_write(power_ways.pm1b_cnt, (u16)(pm1b_value & ~SLP_EN));
    sleep_write(power_ways.pm1a_cnt, (u16)(pm1a_value | SLP_EN));
    sleep_write(power_ways.pm1b_cnt, (u16)(pm1b_value | SLP_EN));
    time_udelay(500000);
}

static void reset_acpi(void)
{
    u64 a = power_ways.reset_address;
    u8 v = power_ways.reset_value;
    if (!power_ways.has_reset)
        return;
    if (power_ways.reset_space == 1) {
        cpu_out8((u16)a, v);
    } else if (power_ways.reset_space == 2) {
        pci_write((u32)((a >> 32 & 31) << 3 | (a >> 16 & 7)), (u32)(a & 0xffff), 1, v);
    } else if (power_ways.reset_space == 0) {
        volatile u8 *p = pgtab_ioremap(paddr(a & PAGE_MASK), PAGE_SIZE, HV_UC);
        if (p)
            p[a & ~PAGE_MASK] = v;
    }
    time_udelay(50000);
}

void power_reboot(void)
{
    static const struct {
        u16 size;
        u64 base;
    } __packed no_idt = {0, 0};
    cpu_irq_disable();
    reset_acpi();
    for (u32 i = 0; i < 10; i++) {
        for (u32 n = 0; n < 1000 && (cpu_in8(0x64) & 2); n++)
            time_udelay(10);
        cpu_out8(0x64, 0xfe); /* keyboard controller: pulse the reset line */
        time_udelay(10000);
    }
    cpu_out8(0xcf9, 0x02);
    time_udelay(100);
    cpu_out8(0xcf9, 0x06);
    time_udelay(50000);
    __asm__ volatile("lidt %0; int3" : : "m"(no_idt));
    cpu_halt_forever();
}

void power_off_or_halt(void)
{
    cpu_irq_disable();
    if (cpu_desc.is_tcg) { /* the PM1a ports of QEMU's two PC chipsets, S5 = type 0 */
        cpu_out16(0x604, SLP_EN);
        cpu_out16(0xb004, SLP_EN);
        time_udelay(100000);
    }
    log_error("power: this machine does not switch itself off; it is halted and may be switched off");
    cpu_halt_forever();
}
