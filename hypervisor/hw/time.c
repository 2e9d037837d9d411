/* SPDX-License-Identifier: MIT */
/*
 * System time. `scale` turns TSC into ns and is read under a sequence count; its only
 * writer after time_start is time_adjust (lock: `adjust_lock`), which never moves the
 * present, only the slope: the new line starts where the old one ends, with the count
 * odd meanwhile, so that nobody reads the old line behind that point. The platform
 * counter is read only here; boot/clock.c chooses it and measures the TSC against it.
 */
#include "hw/time.h"

#include "hw/cpu.h"
#include "hw/spin.h"

#define NS_PER_S        1000000000ull
#define SLEW_MAX        200 /* the slope is bent by at most 1/200 */
#define ANCHOR_NS       (128 * NS_PER_S)
#define BASE_NS         (30 * NS_PER_S) /* a shorter base is worse than the calibration */
#define SAMPLE_WORST_NS 50000u          /* a sample that took longer says nothing */

static struct {
    u32 seq;
    struct time_scale s;
} scale __aligned(64);
static struct spin adjust_lock;

__sealed struct time_source time_counter;

/* Platform time so far, advanced at each sample; guarded by adjust_lock. */
static struct {
    u64 ns, fs; /* fs: remainder below 1 ns */
    u32 last;
} platform;
static struct time_sample anchor_old, anchor_new; /* where the slope is measured from, and will be */
static u32 slope;                                 /* as measured; scale.s.mul is bent */
static u64 tsc_hz;
static struct spin wall_lock;
static u64 wall_sec;
static u32 wall_nsec;

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
        ns = scale_ns(&scale.s, cpu_tsc_ordered());
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
    d = time_ratio(d, s.mul);
    return s.base_tsc + (s.shift >= 0 ? d >> s.shift : d << -s.shift) + 1;
}

/* Bend the line at this moment; ns per 2^(32 + shift) ticks becomes mul. */
static void scale_publish(u32 mul)
{
    u64 flags = cpu_irq_save();
    atomic_add(&scale.seq, 1); /* odd before the TSC is read: pairs with time_now */
    u64 tsc = cpu_tsc_ordered();
    scale.s.base_ns = scale_ns(&scale.s, tsc);
    scale.s.base_tsc = tsc;
    scale.s.mul = mul;
    scale.s.generation++;
    atomic_add(&scale.seq, 1);
    cpu_irq_restore(flags);
}

/* One simultaneous reading of both clocks: the tightest of a few. False: all were torn apart. */
bool time_sample(struct time_sample *out)
{
    u64 best = ~0ull, worst = tsc_hz ? SAMPLE_WORST_NS * (tsc_hz / 1000) / 1000000 : ~0ull - 1;
    u32 raw = 0;
    for (u32 i = 0; i < 6; i++) {
        u64 flags = cpu_irq_save();
        u64 before = cpu_tsc_ordered();
        u32 v = time_counter.hpet ? time_counter.hpet[HPET_COUNTER] : cpu_in32(time_counter.port);
        u64 after = cpu_tsc_ordered();
        cpu_irq_restore(flags);
        if (after - before < best) {
            best = after - before;
            raw = v;
            out->tsc = before + best / 2;
        }
    }
    u64 ticks = (raw - platform.last) & time_counter.mask;
    platform.last = raw;
    u64 fs = platform.fs + ticks * time_counter.period_fs;
    platform.ns += fs / 1000000;
    platform.fs = fs % 1000000;
    out->ns = platform.ns;
    return best <= worst;
}

/* Turns of the counter that nobody sampled (the machine was busy or stopped): count them by the
 * TSC. */
static void sample_unwrap(struct time_sample *s)
{
    u64 turn = ((u64)time_counter.mask + 1) * time_counter.period_fs / 1000000;
    u64 guess = scale_ns(&scale.s, s->tsc);
    if (guess > s->ns + turn / 2) {
        u64 turns = (guess - s->ns + turn / 2) / turn;
        platform.ns += turns * turn;
        s->ns = platform.ns;
    }
}

/* The slope between two samples; 0 if they make no sense because one of the clocks was stopped or
 * set. */
static u32 slope_between(const struct time_sample *a, const struct time_sample *b)
{
    u64 ticks = b->tsc - a->tsc, ns = b->ns - a->ns;
    ticks = scale.s.shift >= 0 ? ticks << scale.s.shift : ticks >> -scale.s.shift;
    if (ns >> 32 >= ticks)
        return 0;
    u64 mul = time_ratio(ns, ticks);
    return mul > scale.s.mul / 2 && mul < 2ull * scale.s.mul ? (u32)mul : 0;
}

void time_adjust(void)
{
    struct time_sample s;
    if (!time_counter.period_fs)
        return;
    u64 flags = spin_take_irq(&adjust_lock);
    bool is_good = time_sample(&s);
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
    error = min(max(error, -(s64)NS_PER_S), (s64)NS_PER_S);
    s64 bend = error * (mul >> 10) / (s64)(2 * NS_PER_S >> 10);
    bend = min(max(bend, -mul / SLEW_MAX), mul / SLEW_MAX);
    scale_publish((u32)(mul + bend));
out:
    spin_drop_irq(&adjust_lock, flags);
}

void time_start(const struct time_sample *first, u32 mul, s8 shift)
{
    platform.ns -= first->ns; /* system time 0 is the first sample, for both clocks */
    anchor_old = anchor_new = (struct time_sample){first->tsc, 0};
    slope = mul;
    scale.s = (struct time_scale){.base_tsc = first->tsc, .mul = mul, .shift = shift, .generation = 1};
    u64 per_s = time_ratio(NS_PER_S, mul); /* ticks a second, before the shift */
    tsc_hz = shift >= 0 ? per_s >> shift : per_s << -shift;
}

const char *time_source(void)
{
    return time_counter.name;
}

u64 time_tsc_khz(void)
{
    return tsc_hz / 1000;
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
