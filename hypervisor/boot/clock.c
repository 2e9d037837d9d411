/* SPDX-License-Identifier: MIT */
/*
 * The clocks at boot: which of the platform's counters is there and counts (HPET, PM timer; the PIT for once), how fast
 * the TSC is measured by it, what the CMOS clock says. hw/time.c goes on from there.
 */
#include "boot/acpi.h"
#include "boot/bringup.h"
#include "hw/pgtab.h"
#include "hw/time.h"
#include "lib/log.h"

#define NS_PER_S     1000000000ull
#define CALIBRATE_NS 30000000ull
#define PIT_HZ       1193182u
#define PM_FS        279365115u /* period of 3.579545 MHz in 1e-15 s */
#define HPET_PERIOD  1
#define HPET_CONFIG  (0x10 / 4)

static __init bool hpet_counts(volatile u32 *hpet)
{
    if (hpet[HPET_PERIOD] < 100000 || hpet[HPET_PERIOD] > 100000000)
        return false;
    hpet[HPET_CONFIG] = (hpet[HPET_CONFIG] & ~2u) | 1u; /* run; no legacy replacement */
    u32 first = hpet[HPET_COUNTER];
    for (u32 i = 0; i < 100000; i++)
        if (hpet[HPET_COUNTER] != first)
            return true;
    return false;
}

static __init void counter_find(void)
{
    volatile u32 *hpet = acpi_info.hpet_base ? pgtab_ioremap(paddr(acpi_info.hpet_base), 0x400, HV_UC) : NULL;
    if (hpet && hpet_counts(hpet)) {
        time_counter = (struct time_source){"hpet", hpet, 0, ~0u, hpet[HPET_PERIOD]};
        return;
    }
    if (hpet)
        log_warn("time: the HPET at 0x%llx does not count, left out", (unsigned long long)acpi_info.hpet_base);
    time_counter.name = "pit";
    if (acpi_info.pm_timer)
        time_counter =
            (struct time_source){"pm", NULL, acpi_info.pm_timer, acpi_info.is_pm_timer_32 ? ~0u : 0xffffffu, PM_FS};
}

/* TSC ticks and ns of 50 ms by PIT channel 2, one-shot, whose output shows at port 0x61 bit 5: of a
 * few runs the one whose ends were seen most sharply. */
static __init void calibrate_pit(u64 *ticks, u64 *ns)
{
    const u32 count = PIT_HZ / 20;
    u64 least = ~0ull;
    *ns = (u64)count * NS_PER_S / PIT_HZ;
    cpu_out8(0x61, (u8)((cpu_in8(0x61) & 0xfcu) | 1u)); /* speaker off, gate on */
    for (u32 run = 0; run < 8 && (run == 0 || least > *ticks / 5000); run++) {
        cpu_out8(0x43, 0xb0); /* channel 2, both bytes, mode 0 */
        cpu_out8(0x42, count & 0xff);
        u64 before = cpu_tsc_ordered();
        cpu_out8(0x42, count >> 8);
        u64 start = cpu_tsc_ordered(), now = start, last = start;
        for (u32 i = 0; i < 10000000 && !(cpu_in8(0x61) & 0x20); i++) {
            last = now;
            now = cpu_tsc_ordered();
        }
        now = cpu_tsc_ordered();
        u64 blur = start - before + now - last;
        if (blur < least) {
            least = blur;
            *ticks = now - start;
        }
    }
}

static __init void calibrate(struct time_sample *first, u64 *ticks, u64 *ns)
{
    struct time_sample last;
    (void)time_sample(first);
    do {
        cpu_relax();
        (void)time_sample(&last);
    } while (last.ns - first->ns < CALIBRATE_NS);
    *ticks = last.tsc - first->tsc;
    *ns = last.ns - first->ns;
}

static __init u32 cmos(u8 reg)
{
    cpu_out8(0x70, reg);
    return cpu_in8(0x71);
}

static __init u64 cmos_seconds(void)
{
    static const u8 reg[6] = {0, 2, 4, 7, 8, 9}; /* s, min, h, day, month, year */
    u32 v[6], again[6], mode = cmos(0x0b);
    for (u32 tries = 0; tries < 1000; tries++) {
        bool is_same = !(cmos(0x0a) & 0x80);
        for (u32 i = 0; i < 6; i++)
            v[i] = cmos(reg[i]);
        for (u32 i = 0; i < 6; i++)
            is_same &= (again[i] = cmos(reg[i])) == v[i];
        if (is_same)
            break;
    }
    bool is_pm = v[2] & 0x80;
    v[2] &= 0x7f;
    for (u32 i = 0; i < 6 && !(mode & 4); i++)
        v[i] = (v[i] >> 4) * 10 + (v[i] & 15);
    if (!(mode & 2))
        v[2] = v[2] % 12 + (is_pm ? 12 : 0);
    /* Days since 1970 with the year begun in March. */
    u64 y = 2000 + v[5] - (v[4] <= 2), m = (v[4] + 9) % 12;
    u64 days = 365 * y + y / 4 - y / 100 + y / 400 + (m * 153 + 2) / 5 + v[3] - 719469;
    return days * 86400 + v[2] * 3600 + v[1] * 60 + v[0];
}

__init void clock_init(void)
{
    struct time_sample first = {0, 0};
    u64 ticks = 0, ns = 1;
    counter_find();
    if (time_counter.period_fs)
        calibrate(&first, &ticks, &ns);
    else
        calibrate_pit(&ticks, &ns);
    if (!ticks)
        panic("time: the TSC does not count, this CPU cannot be used");
    if (!first.tsc)
        first.tsc = cpu_tsc();
    /* mul below 2^31: room for a slope that drifts upwards. */
    s8 shift = 0;
    while (ticks >> 32)
        ticks >>= 1, ns >>= 1;
    for (; ns >= ticks / 2 && shift < 31; shift++)
        ticks <<= 1;
    for (; ns < ticks / 4 && shift > -31; shift--)
        ns <<= 1;
    time_start(&first, (u32)time_ratio(ns, ticks), shift);
    time_wall_set(cmos_seconds(), 0, time_now());
    log_info("time: TSC %llu.%03llu MHz by %s", (unsigned long long)(time_tsc_khz() / 1000),
             (unsigned long long)(time_tsc_khz() % 1000), time_source());
}
