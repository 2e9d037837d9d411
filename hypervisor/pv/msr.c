/* SPDX-License-Identifier: MIT */
/*
 * The MSRs that a PV kernel may read and write; all others are #GP, which Linux survives. The segment bases are its
 * own; what it reads of the machine is what dom0 needs to know; the hypercall page is filled by writing MSR 0x40000000.
 */
#include "hw/lapic.h"
#include "lib/string.h"
#include "pv/pv.h"

#define MSR_HYPERCALL_PAGE 0x40000000u
#define MSR_AMD_HWCR       0xc0010015u
#define MSR_AMD_DE_CFG     0xc0011029u

/* 128 slots of 32 bytes: save what SYSCALL clobbers, number into eax. Slot 23 (iret) never returns. */
void pv_msr_fill_hypercall_page(u8 *page)
{
    static const u8 call[] = {0x51, 0x41, 0x53, 0xb8, 0, 0, 0, 0, 0x0f, 0x05, 0x41, 0x5b, 0x59, 0xc3};
    static const u8 iret[] = {0x51, 0x41, 0x53, 0x50, 0xb8, 23, 0, 0, 0, 0x0f, 0x05};
    memset(page, 0xcc, PAGE_SIZE);
    for (u32 n = 0; n < PAGE_SIZE / 32; n++) {
        memcpy(page + n * 32, call, sizeof(call));
        page[n * 32 + 4] = (u8)n;
    }
    memcpy(page + 23 * 32, iret, sizeof(iret));
}

static bool fill_page_at(struct vcpu *v, u64 value)
{
    u64 frame = value >> PAGE_SHIFT;
    struct page *p = frame_page(mfn(frame));
    if (value & (PAGE_SIZE - 1) || !p || page_get_as(p, domain_owner(v->domain), PAGE_WRITABLE))
        return false;
    pv_msr_fill_hypercall_page(frame_va(mfn(frame)));
    page_put_as(p);
    return true;
}

bool pv_msr_read(struct vcpu *v, u32 msr, u64 *value)
{
    switch (msr) {
    case MSR_FS_BASE:
    case MSR_GS_BASE:
    case MSR_KERNEL_GS_BASE:
        *value = cpu_rdmsr(msr);
        return true;
    case MSR_PAT:
        *value = PAT_VALUE;
        return true;
    case MSR_TSC:
        *value = cpu_tsc();
        return true;
    case MSR_APIC_BASE:
        *value = lapic_base() | BIT(11) | (v->id == 0 ? BIT(8) : 0);
        return true;
    case MSR_EFER:
        *value = EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE;
        return true;
    case MSR_UCODE_REV:
    case MSR_AMD_HWCR:
    case MSR_AMD_DE_CFG:
        return v->domain->is_privileged && cpu_rdmsr_safe(msr, value);
    case MSR_MCG_CAP:
        *value = 0; /* no banks: machine checks are Wirt's */
        return true;
    default:
        return false;
    }
}

bool pv_msr_write(struct vcpu *v, u32 msr, u64 value)
{
    switch (msr) {
    case MSR_FS_BASE:
    case MSR_GS_BASE:
    case MSR_KERNEL_GS_BASE:
        if (!pv_is_canonical(value))
            return false;
        cpu_wrmsr(msr, value);
        return true;
    case MSR_HYPERCALL_PAGE:
        return fill_page_at(v, value);
    case MSR_UCODE_REV: /* written as 0 before it is read */
    case MSR_AMD_HWCR:
        return v->domain->is_privileged;
    default:
        return false;
    }
}
