/* SPDX-License-Identifier: MIT */
/*
 * System time: nanoseconds since boot, the same on all CPUs, monotonic. The TSC is
 * the interpolator, a platform counter (HPET, else ACPI PM timer, else PIT) the judge:
 * a periodic adjustment slews the scale so that the error never grows.
 */
#ifndef WIRT_HW_TIME_H
#define WIRT_HW_TIME_H

#include "lib/types.h"

struct time_scale { /* ns = base_ns + (((tsc - base_tsc) << shift (or >> -shift)) * mul >> 32), as pvclock defines */
    u64 base_tsc, base_ns;
    u32 mul;
    s8 shift;
    u32 generation; /* changes with each adjustment: vCPUs must republish pvclock then */
};
struct time_sample {
    u64 tsc, ns; /* ns of the platform's counter */
};
extern struct time_source {
    const char *name;
    volatile u32 *hpet;  /* its registers, or else: */
    u16 port;            /* of ACPI's PM timer */
    u32 mask, period_fs; /* fs may need more than 32 bits for no counter we know; 0: there is no counter */
} time_counter;          /* sealed; boot chooses */
#define HPET_COUNTER (0xf0 / 4)

/* Boot, CPU 0: a reading of both clocks at once (false: torn apart by something), and the line through the first. */
bool time_sample(struct time_sample *out);
void time_start(const struct time_sample *first, u32 mul, s8 shift);
static inline u64 time_ratio(u64 value, u64 divisor) /* value * 2^32 / divisor; the quotient must fit */
{
    u64 q, r;
    __asm__("divq %4" : "=a"(q), "=d"(r) : "a"(value << 32), "d"(value >> 32), "r"(divisor) : "cc");
    return q;
}
u64 time_now(void);                          /* ns */
u64 time_to_tsc(u64 ns);                     /* TSC value at which time_now() reaches ns (for TSC deadline) */
void time_scale_get(struct time_scale *out); /* consistent copy */
u32 time_generation(void);
void time_adjust(void); /* called about once a second by core/timer.c's housekeeping */
u64 time_tsc_khz(void);
const char *time_source(void); /* "hpet", "pm", "pit" */
void time_udelay(u32 us);
/* Wall clock: UTC seconds and ns at system time 0; read from the CMOS at boot, set by dom0 (settime64). */
void time_wall_get(u64 *sec, u32 *nsec);
void time_wall_set(u64 sec, u32 nsec, u64 at_system_ns);

#endif
