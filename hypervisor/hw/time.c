/* SPDX-License-Identifier: MIT */
/*
 * System time. `scale` turns TSC into ns and is read under a sequence count; its only
 * writers are time_init and time_adjust (lock: `adjust_lock`), which never move the
 * present, only the slope: the new line starts where the old one ends, with the count
 * odd meanwhile, so that nobody reads the old line behind that point. The platform
 * counter is read only here.
 */
#include "hw/time.h"

#include "hw/acpi.h"
#include "hw/cpu.h"
#include "hw/percpu.h"
#include "hw/pgtab.h"
#include "hw/spin.h"
#include "lib/log.h"

#define NS_PER_S        1000000000ull
#define CALIBRATE_NS    30000000ull
#define SLEW_MAX        200 /* the slope is bent by at most 1/200 */
#define ANCHOR_NS       (128 * NS_PER_S)
#define BASE_NS         (30 * NS_PER_S) /* a shorter base is worse than the calibration */
#define SAMPLE_WORST_NS 50000u          /* a sample that took longer says nothing */
#define TSC_SKEW_US     10
#define PIT_HZ          1193182u
#define PM_FS           279365115u /* period of 3.579545 MHz in 1e-15 s */

static struct {
    u32 seq;
    struct time_scale s;
} scale __aligned(64);
static struct spin adjust_lock;

static struct {
    const char *name;
    u32 (*read)(void);
    u32 mask, period_fs; /* fs may need more than 32 bits for no counter we know */
} source;
static volatile u32 *hpet;

/* Platform time so far, advanced at each sample; guarded by adjust_lock. */
static struct {
    u64 ns, fs; /* fs: remainder below 1 ns */
    u32 last;
} platform;
struct sample {
    u64 tsc, ns;
};
static struct sample anchor_old, anchor_new; /* where the slope is measured from, and will be */
static s64 error_ns;                         /* platform less system time at the last adjustment */
static u32 slope;                            /* as measured; scale.s.mul is bent */
static u64 tsc_hz;
static struct {
    u32 ping, pong;
    u64 tsc; /* written before pong */
} compare;
static struct spin wall_lock;
static u64 wall_sec;
static u32 wall_nsec;

static u32 time_read_hpet(void)
{
    return hpet[0xf0 / 4];
}
static u32 time_read_pm(void)
{
    return cpu_in32(acpi_info.pm_timer);
}

/* value * 2^32 / divisor; the quotient must fit. */
static u64 div_shifted(u64 value, u64 divisor)
{
    u64 q, r;
    __asm__("divq %4" : "=a"(q), "=d"(r) : "a"(value << 32), "d"(value >> 32), "r"(divisor) : "cc");
    return q;
}

static u64 tsc_ordered(void) /* not read before what precedes it */
{
    __asm__ volatile("lfence" ::: "memory");
    return cpu_tsc();
}

static inline u64 scale_ns(const struct time_scale *s, u64 tsc)
{
    u64 d = tsc - s->base_tsc;
    if (unlikely((s64)d < 0))
        d = 0; /* another CPU's TSC, a little behind */
    d = s->shift >= 0 ? d << s->shift : d >> -s->shift;
    return s->base_ns + (u64)(((u128)d * s->mul) >> 32);
}

u64 time_now(void)
{
    u32 seq;
    u64 ns;
    do {
        seq = atomic_load(&scale.seq);
        ns = scale_ns(&scale.s, tsc_ordered());
        barrier();
    } while (unlikely((seq & 1) || seq != READ_ONCE(scale.seq)));
    return ns;
}

void time_scale_get(struct time_scale *out)
{
    u32 seq;
    do {
        seq = atomic_load(&scale.seq);
        *out = scale.s;
        barrier();
    } while ((seq & 1) || seq != READ_ONCE(scale.seq));
}

u32 time_generation(void)
{
    return READ_ONCE(scale.s.generation);
}

u64 time_to_tsc(u64 ns)
{
    struct time_scale s;
    time_scale_get(&s);
    u64 d = ns > s.base_ns ? min(ns - s.base_ns, 1ull << 58) : 0;
    d = div_shifted(d, s.mul);
    return s.base_tsc + (s.shift >= 0 ? d >> s.shift : d << -s.shift) + 1;
}

/* Bend the line at this moment; ns per 2^(32 + shift) ticks becomes mul. */
static void scale_publish(u32 mul)
{
    u64 flags = cpu_irq_save();
    atomic_add(&scale.seq, 1); /* odd before the TSC is read: pairs with time_now */
    u64 tsc = tsc_ordered();
    scale.s.base_ns = scale_ns(&scale.s, tsc);
    scale.s.base_tsc = tsc;
    scale.s.mul = mul;
    scale.s.generation++;
    atomic_add(&scale.seq, 1);
    cpu_irq_restore(flags);
}

/* One simultaneous reading of both clocks: the tightest of a few. False: all were torn apart. */
static bool sample_take(struct sample *out)
{
    u64 best = ~0ull, worst = tsc_hz ? SAMPLE_WORST_NS * (tsc_hz / 1000) / 1000000 : ~0ull - 1;
    u32 raw = 0;
    for (u32 i = 0; i < 6; i++) {
        u64 flags = cpu_irq_save();
        u64 before = tsc_ordered();
        u32 v = source.read();
        u64 after = tsc_ordered();
        cpu_irq_restore(flags);
        if (after - before < best) {
            best = after - before;
            raw = v;
            out->tsc = before + best / 2;
        }
    }
    u64 ticks = (raw - platform.last) & source.mask;
    platform.last = raw;
    u64 fs = platform.fs + ticks * source.period_fs;
    platform.ns += fs / 1000000;
    platform.fs = fs % 1000000;
    out->ns = platform.ns;
    return best <= worst;
}

/* Turns of the counter that nobody sampled (the machine was busy or stopped): count them by the
 * TSC. */
static void sample_unwrap(struct sample *s)
{
    u64 turn = ((u64)source.mask + 1) * source.period_fs / 1000000;
    u64 guess = scale_ns(&scale.s, s->tsc);
    if (guess > s->ns + turn / 2) {
        u64 turns = (guess - s->ns + turn / 2) / turn;
        platform.ns += turns * turn;
        s->ns = platform.ns;
    }
}

/* The slope between two samples; 0 if they make no sense because one of the clocks was stopped or
 * set. */
static u32 slope_between(const struct sample *a, const struct sample *b)
{
    u64 ticks = b->tsc - a->tsc, ns = b->ns - a->ns;
    ticks = scale.s.shift >= 0 ? ticks << scale.s.shift : ticks >> -scale.s.shift;
    if (ns >> 32 >= ticks)
        return 0;
    u64 mul = div_shifted(ns, ticks);
    return mul > scale.s.mul / 2 && mul < 2ull * scale.s.mul ? (u32)mul : 0;
}

void time_adjust(void)
{
    struct sample s;
    if (!source.read)
        return;
    u64 flags = spin_take_irq(&adjust_lock);
    bool is_good = sample_take(&s);
    sample_unwrap(&s);
    if (!is_good)
        goto out;
    if (s.ns - anchor_old.ns > BASE_NS) {
        u32 measured = slope_between(&anchor_old, &s);
        slope = measured ? measured : slope;
        if (!measured)
            anchor_old = anchor_new = s;
    }
    if (s.ns - anchor_new.ns > ANCHOR_NS) {
        anchor_old = anchor_new;
        anchor_new = s;
    }
    /* The slope of a long base, and what brings the error to zero within about two seconds. */
    s64 error = (s64)(s.ns - scale_ns(&scale.s, s.tsc)), mul = slope;
    WRITE_ONCE(error_ns, error);
    error = min(max(error, -(s64)NS_PER_S), (s64)NS_PER_S);
    s64 bend = error * (mul >> 10) / (s64)(2 * NS_PER_S >> 10);
    bend = min(max(bend, -mul / SLEW_MAX), mul / SLEW_MAX);
    scale_publish((u32)(mul + bend));
out:
    spin_drop_irq(&adjust_lock, flags);
}

static __init void source_find(void)
{
    hpet = acpi_info.hpet_base ? pgtab_ioremap(paddr(acpi_info.hpet_base), 0x400, HV_UC) : NULL;
    if (hpet && hpet[1] >= 100000 && hpet[1] <= 100000000) {
        hpet[0x10 / 4] = (hpet[0x10 / 4] & ~2u) | 1u; /* run; no legacy replacement */
        source.name = "hpet";
        source.read = time_read_hpet;
        source.mask = ~0u;
        source.period_fs = hpet[1];
        u32 a = hpet[0xf0 / 4];
        for (u32 i = 0; i < 100000; i++)
            if (hpet[0xf0 / 4] != a)
                return;
        log_warn("time: the HPET at 0x%llx does not count, left out", (unsigned long long)acpi_info.hpet_base);
    }
    source.name = acpi_info.pm_timer ? "pm" : "pit";
    source.read = acpi_info.pm_timer ? time_read_pm : NULL;
    source.mask = acpi_info.is_pm_timer_32 ? ~0u : 0xffffffu;
    source.period_fs = PM_FS;
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
        u64 before = tsc_ordered();
        cpu_out8(0x42, count >> 8);
        u64 start = tsc_ordered(), now = start, last = start;
        for (u32 i = 0; i < 10000000 && !(cpu_in8(0x61) & 0x20); i++) {
            last = now;
            now = tsc_ordered();
        }
        now = tsc_ordered();
        u64 blur = start - before + now - last;
        if (blur < least) {
            least = blur;
            *ticks = now - start;
        }
    }
}

static __init void calibrate(u64 *ticks, u64 *ns)
{
    struct sample a, b;
    platform.last = source.read();
    (void)sample_take(&a);
    do {
        cpu_relax();
        (void)sample_take(&b);
    } while (b.ns - a.ns < CALIBRATE_NS);
    *ticks = b.tsc - a.tsc;
    *ns = b.ns - a.ns;
    /* System time 0 is the first sample, for both clocks. */
    platform.ns -= a.ns;
    scale.s.base_tsc = a.tsc;
    anchor_old = anchor_new = (struct sample){a.tsc, 0};
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

__init void time_init(void)
{
    u64 ticks = 0, ns = 1;
    source_find();
    if (source.read)
        calibrate(&ticks, &ns);
    else
        calibrate_pit(&ticks, &ns);
    if (!ticks)
        panic("time: the TSC does not count, this CPU cannot be used");
    /* mul below 2^31: room for a slope that drifts upwards. */
    s8 shift = 0;
    while (ticks >> 32)
        ticks >>= 1, ns >>= 1;
    for (; ns >= ticks / 2 && shift < 31; shift++)
        ticks <<= 1;
    for (; ns < ticks / 4 && shift > -31; shift--)
        ns <<= 1;
    scale.s.mul = slope = (u32)div_shifted(ns, ticks);
    scale.s.shift = shift;
    scale.s.generation = 1;
    if (!source.read)
        scale.s.base_tsc = cpu_tsc();
    u64 per_s = div_shifted(NS_PER_S, scale.s.mul); /* ticks a second, before the shift */
    tsc_hz = shift >= 0 ? per_s >> shift : per_s << -shift;
    wall_sec = cmos_seconds() - time_now() / NS_PER_S;
    log_info("time: TSC %llu.%03llu MHz by %s", (unsigned long long)(tsc_hz / 1000000),
             (unsigned long long)(tsc_hz / 1000 % 1000), source.name);
}

/* CPU 0's half of the comparison: each ping is answered with a TSC value read after it was seen. */
void time_beacon(void)
{
    u32 n = atomic_load(&compare.ping);
    if (n != compare.pong) {
        compare.tsc = tsc_ordered();
        atomic_store(&compare.pong, n);
    }
    cpu_relax();
}

/* An answer lies between question and receipt, so each round bounds the distance from both sides.
 * Delays widen the bounds and never give a false alarm. */
void time_init_this(void)
{
    s64 least = INT64_MIN, most = INT64_MAX, limit = (s64)(TSC_SKEW_US * (tsc_hz / 1000) / 1000);
    u64 give_up = cpu_tsc() + tsc_hz / 2;
    for (u32 i = 0; i < 64 && cpu_tsc() < give_up; i++) {
        s64 asked = (s64)tsc_ordered();
        u32 n = atomic_add(&compare.ping, 1);
        while (atomic_load(&compare.pong) != n && cpu_tsc() < give_up)
            cpu_relax();
        if (atomic_load(&compare.pong) != n)
            break;
        s64 answered = (s64)compare.tsc;
        least = max(least, asked - answered);
        most = min(most, (s64)tsc_ordered() - answered);
        if (least >= -limit && most <= limit)
            return;
    }
    if (least > limit || most < -limit)
        log_warn("CPU%u: its TSC is %lld to %lld ticks ahead of CPU0's; time will differ between CPUs", cpu_id(),
                 (long long)least, (long long)most);
}

u64 time_tsc_khz(void)
{
    return tsc_hz / 1000;
}

const char *time_source(void)
{
    return source.name;
}

s64 time_error(void)
{
    return READ_ONCE(error_ns);
}

void time_udelay(u32 us)
{
    u64 end = cpu_tsc() + us * (tsc_hz / 1000) / 1000;
    while ((s64)(end - cpu_tsc()) > 0)
        cpu_relax();
}

void time_wall_get(u64 *sec, u32 *nsec)
{
    u64 flags = spin_take_irq(&wall_lock);
    *sec = wall_sec;
    *nsec = wall_nsec;
    spin_drop_irq(&wall_lock, flags);
}

void time_wall_set(u64 sec, u32 nsec, u64 at_system_ns)
{
    u64 flags = spin_take_irq(&wall_lock);
    u64 back = at_system_ns / NS_PER_S;
    u32 part = (u32)(at_system_ns % NS_PER_S);
    nsec %= (u32)NS_PER_S;
    if (nsec < part) {
        nsec += (u32)NS_PER_S;
        back++;
    }
    wall_sec = sec > back ? sec - back : 0;
    wall_nsec = nsec - part;
    spin_drop_irq(&wall_lock, flags);
}
