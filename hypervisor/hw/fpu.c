/* SPDX-License-Identifier: MIT */
/*
 * Extended state, saved and loaded whole: always every allowed component, whatever the
 * guest has switched on in its XCR0, or one guest's upper registers would show up in
 * another that switches them on later. Wirt itself uses none. CR0.TS is cleared on the
 * way; who emulates it sets it again after fpu_load. Content that the CPU refuses to load is
 * replaced by the reset state. Intel SDM vol. 1, chapter 13.
 */
#include "hw/fpu.h"

#include "hw/cpu.h"
#include "hw/percpu.h"
#include "hw/trap.h"
#include "lib/log.h"
#include "lib/string.h"

#define FCW_AT   0u
#define MXCSR_AT 24u

static __sealed u64 allowed;
static __sealed u32 area_size;
static PERCPU(u64, fpu_xcr0);
void fpu_start(u64 xcr0, u32 bytes)
{
    allowed = xcr0;
    area_size = bytes;
}

u64 fpu_xcr0_allowed(void)
{
    return allowed;
}
u32 fpu_size(void)
{
    return area_size;
}

void fpu_reset(void *area)
{
    u8 *a = area;
    const u16 fcw = 0x37f;
    const u32 mxcsr = 0x1f80;
    memset(a, 0, area_size);
    memcpy(a + FCW_AT, &fcw, sizeof(fcw));
    memcpy(a + MXCSR_AT, &mxcsr, sizeof(mxcsr));
}

void fpu_set_xcr0(u64 xcr0)
{
    if (!allowed || *this_cpu(fpu_xcr0) == xcr0)
        return;
    *this_cpu(fpu_xcr0) = xcr0;
    __asm__ volatile("xsetbv" : : "c"(0), "a"((u32)xcr0), "d"((u32)(xcr0 >> 32)));
}

void fpu_forget_xcr0(void)
{
    *this_cpu(fpu_xcr0) = 0;
}

static void ts_clear(void)
{
    __asm__ volatile("clts" ::: "memory");
}

void fpu_save(void *area) /* what the guest switched off is still there and is still its own */
{
    ts_clear();
    if (!allowed) {
        __asm__ volatile("fxsave64 (%0)" : : "r"(area) : "memory");
        return;
    }
    fpu_set_xcr0(allowed);
    if (cpu_has(CPU_F_XSAVEOPT))
        __asm__ volatile("xsaveopt64 (%0)" : : "r"(area), "a"(~0u), "d"(~0u) : "memory");
    else
        __asm__ volatile("xsave64 (%0)" : : "r"(area), "a"(~0u), "d"(~0u) : "memory");
}

static bool load_try(void *area)
{
    u64 ok = 0;
    if (allowed)
        __asm__ volatile("1: xrstor64 (%1); mov $1, %0; 2:" TRAP_FIX(1b, 2b)
                         : "+r"(ok)
                         : "r"(area), "a"(~0u), "d"(~0u)
                         : "memory");
    else
        __asm__ volatile("1: fxrstor64 (%1); mov $1, %0; 2:" TRAP_FIX(1b, 2b) : "+r"(ok) : "r"(area) : "memory");
    return ok;
}

/* AMD restores the last-instruction pointers only with an exception pending: give the old guest's
 * away to no one. */
static void pointers_forget(const u8 *area)
{
    static const u32 zero;
    if (cpu_desc.vendor == CPU_AMD && !(area[2] & 0x80))
        __asm__ volatile("fnclex; ffree %%st(7); fildl %0" : : "m"(zero));
}

void fpu_load(void *area, u64 xcr0)
{
    ts_clear();
    fpu_set_xcr0(allowed);
    pointers_forget(area);
    if (!load_try(area)) {
        fpu_reset(area);
        if (!load_try(area))
            panic("FPU: the reset state cannot be loaded");
    }
    fpu_set_xcr0(xcr0 ? xcr0 : XCR0_X87);
}

bool fpu_xcr0_is_valid(u64 xcr0)
{
    if (!(xcr0 & XCR0_X87) || (xcr0 & ~allowed))
        return false;
    if ((xcr0 & XCR0_AVX) && !(xcr0 & XCR0_SSE))
        return false;
    u64 high = xcr0 & XCR0_AVX512;
    return !high || (high == XCR0_AVX512 && (xcr0 & XCR0_AVX));
}
