/* SPDX-License-Identifier: MIT */
/*
 * The MSRs that a guest may touch: a table of what is answered and what is stored nowhere; all others are #GP, which
 * kernels survive. Those that the control block keeps apart do not come here.
 */
#include "hvm/hvm.h"
#include "hw/time.h"
#include "lib/string.h"

#define MSR_HYPERCALL_PAGE 0x40000000u
#define MSR_X2APIC_FIRST   0x800u
#define MSR_X2APIC_LAST    0x83fu

/* Read as zero, written for nothing. */
static bool is_void(u32 msr)
{
    static const u32 some[] = {MSR_UCODE_REV, 0x17,       0x179,      0x1a0,      0x1d9, 0xc0010010,
                               0xc0010015,    0xc001001f, 0xc0010055, 0xc0011029, 0x140, 0x3a};

    for (u32 i = 0; i < ARRAY_COUNT(some); i++)
        if (some[i] == msr)
            return true;
    return false;
}

/* 128 entries of 32 bytes: number into eax, the processor's instruction, return. */
static void page_fill(u8 *page)
{
    u8 call[] = {0xb8, 0, 0, 0, 0, hvm_backend->call[0], hvm_backend->call[1], hvm_backend->call[2], 0xc3};

    memset(page, 0xcc, PAGE_SIZE);
    for (u32 n = 0; n < PAGE_SIZE / 32; n++) {
        memcpy(page + n * 32, call, sizeof(call));
        page[n * 32 + 1] = (u8)n;
    }
}

static bool page_write(struct vcpu *v, u64 value)
{
    mfn_t m = p2m_frame(v->domain, value >> PAGE_SHIFT);
    struct page *p = m.n == MFN_NONE ? NULL : frame_page(m);

    if (!p || value & (PAGE_SIZE - 1) || page_get_as(p, domain_owner(v->domain), PAGE_WRITABLE))
        return false;
    page_fill(frame_va(m));
    page_put_as(p);
    return true;
}

bool hvm_msr_read(struct vcpu *v, u32 msr, u64 *value)
{
    *value = 0;
    if (msr >= MSR_X2APIC_FIRST && msr <= MSR_X2APIC_LAST)
        return vlapic_msr(v, msr, false, value);
    if (msr == MSR_TSC)
        *value = cpu_tsc();
    else if (msr == MSR_APIC_BASE)
        *value = v->hvm->apic.base;
    else if (!is_void(msr))
        return hvm_backend->msr(v, msr, false, value);
    return true;
}

bool hvm_msr_write(struct vcpu *v, u32 msr, u64 value)
{
    if (msr >= MSR_X2APIC_FIRST && msr <= MSR_X2APIC_LAST)
        return vlapic_msr(v, msr, true, &value);
    if (msr == MSR_HYPERCALL_PAGE)
        return page_write(v, value);
    if (msr == MSR_APIC_BASE)
        return vlapic_set_base(v, value);
    return is_void(msr) || hvm_backend->msr(v, msr, true, &value);
}
