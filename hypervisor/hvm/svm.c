/* SPDX-License-Identifier: MIT */
/*
 * AMD's control block of a vCPU: made so that the guest has its control registers, descriptor tables and exceptions to
 * itself, and leaves only for what Wirt must do for it. Everything of ports leaves, and all MSRs but those that the
 * block itself keeps apart. AMD64 APM volume 2, chapter 15. The block changes where the vCPU runs, or while it is on no
 * CPU.
 */
#include "hvm/svm.h"
#include "hw/fpu.h"
#include "lib/errno.h"
#include "lib/fmt.h"
#include "lib/string.h"

#define MSRPM_PAGES 2u
#define IOPM_PAGES  3u
#define ASID        1u /* everybody's: whoever comes after somebody else flushes (svm_prepare) */
#define EXCEPTIONS                                                                                                     \
    (BIT(TRAP_DB) | BIT(TRAP_AC) | BIT(TRAP_MC)) /* the first two can recur for ever in the processor                  \
                                                  */

static __sealed paddr_t msrpm, iopm;

/* Two bits an MSR, read and write, from three ranges of 8,192 each. */
static __init void msr_free(u8 *map, u32 msr)
{
    u32 at = msr >= 0xc0010000   ? 0x1000 + (msr - 0xc0010000) / 4
             : msr >= 0xc0000000 ? 0x800 + (msr - 0xc0000000) / 4
                                 : msr / 4;

    map[at] &= (u8) ~(3u << msr % 4 * 2);
}

/* MSRs that VMLOAD and VMSAVE exchange, or the block itself. */
static __init void maps_make(void)
{
    static const u32 own[] = {MSR_STAR, MSR_LSTAR,   MSR_CSTAR,   MSR_SFMASK,         MSR_SYSENTER_CS, 0x175,
                              0x176,    MSR_FS_BASE, MSR_GS_BASE, MSR_KERNEL_GS_BASE, MSR_PAT};
    u8 *msr = pgtab_alloc_pages(1), *io = pgtab_alloc_pages(2);

    if (!msr || !io)
        panic("boot: no memory for the maps of intercepted MSRs and ports");
    memset(msr, 0xff, MSRPM_PAGES * PAGE_SIZE);
    memset(io, 0xff, IOPM_PAGES * PAGE_SIZE);
    for (u32 i = 0; i < ARRAY_COUNT(own); i++)
        msr_free(msr, own[i]);
    msrpm = pgtab_paddr(msr);
    iopm = pgtab_paddr(io);
}

__init const char *svm_init(void)
{
    u64 value;

    if (cpu_rdmsr_safe(MSR_VM_CR, &value) && value & VM_CR_SVMDIS)
        return "SVM is switched off by the firmware";
    if (cpu_desc.max_ext < 0x8000000a || !(cpuid(0x8000000a, 0).edx & 1))
        return "the CPU has SVM without nested paging, which Wirt needs";
    maps_make();
    (void)fmt(hvm_assist, sizeof(hvm_assist), "AMD SVM with nested paging, %u address space ids%s",
              cpuid(0x8000000a, 0).ebx, cpuid(0x8000000a, 0).edx & BIT(3) ? "" : ", no next-instruction addresses");
    return NULL;
}

/* Two frames a CPU: what VMRUN saves of Wirt, and what VMSAVE does. */
static void start(void)
{
    void *save = pgtab_alloc_pages(1);

    if (!save)
        panic("boot: no memory for CPU%u's SVM areas", cpu_id());
    cpu_wrmsr(MSR_EFER, cpu_rdmsr(MSR_EFER) | EFER_SVME);
    cpu_wrmsr(MSR_VM_HSAVE_PA, pgtab_paddr(save).a);
    cpu_info()->host_control = pgtab_paddr(save).a + PAGE_SIZE;
    __asm__ volatile("vmsave %0" : : "a"(cpu_info()->host_control) : "memory");
}

static void segment_set(struct hvm_segment *s, u32 selector, u32 access, u32 limit, u64 base)
{
    *s = (struct hvm_segment){(u16)selector, (u16)(access & 0xfff), limit, base};
}

/* As after INIT: real mode, everything flat at 0. */
static void reset(struct vmcb *c)
{
    struct hvm_segment data = {0, 0x93, 0xffff, 0};

    c->es = c->ss = c->ds = c->fs = c->gs = data;
    c->cs = (struct hvm_segment){0xf000, 0x9b, 0xffff, 0xf0000};
    c->gdtr = c->idtr = (struct hvm_segment){0, 0, 0xffff, 0};
    c->ldtr = (struct hvm_segment){0, 0x82, 0xffff, 0};
    c->tr = (struct hvm_segment){0, 0x8b, 0xffff, 0};
    c->efer = EFER_SVME;
    c->cr0 = CR0_ET;
    c->cr3 = c->cr4 = 0;
    c->dr6 = DR6_FIXED;
    c->dr7 = DR7_FIXED;
    c->rflags = RFLAGS_MBS;
    c->cpl = 0;
    c->shadow = 0;
}

static int create(struct vcpu *v)
{
    mfn_t m = frame_alloc(0, FRAME_ZERO, 0);
    struct vmcb *c;

    if (m.n == MFN_NONE)
        return -ENOMEM;
    v->hvm->control = c = frame_va(m);
    v->hvm->control_at = mfn_paddr(m);
    c->dr_read = c->dr_write = 0xffff;
    c->exceptions = EXCEPTIONS;
    c->intercept[0] = (u32)(SVM_INTR | SVM_NMI | SVM_INIT | SVM_RDPMC | SVM_CPUID | SVM_INVD | SVM_HLT | SVM_INVLPGA |
                            SVM_IOIO | SVM_MSR | SVM_TASK | SVM_FERR | SVM_SHUTDOWN);
    c->intercept[1] = (u32)(SVM_ALL_SVM | SVM_ICEBP | SVM_WBINVD | SVM_MONITOR_MWAIT | SVM_XSETBV);
    c->iopm = iopm.a;
    c->msrpm = msrpm.a;
    c->asid = ASID;
    c->interrupt = VINTR_MASKING;
    c->nested = 1;
    c->nested_cr3 = pgtab_paddr(v->domain->hvm->root).a;
    c->pat = 0x0007040600070406ull; /* the processor's own after reset */
    reset(c);
    return 0;
}

static void destroy(struct vcpu *v)
{
    frame_free(paddr_mfn(v->hvm->control_at), 0);
}

static void mode(const struct vcpu *v, struct hvm_mode *out)
{
    const struct vmcb *c = svm_vmcb(v);

    *out = (struct hvm_mode){c->cr0, c->cr3, c->cr4, c->efer};
}

static void start_real(struct vcpu *v, u8 page)
{
    struct vmcb *c = svm_vmcb(v);

    reset(c);
    c->cs = (struct hvm_segment){(u16)(page << 8), 0x9b, 0xffff, (u64)page << 12};
}

static void set_context(struct vcpu *v, const struct hvm_hw_cpu *h)
{
    struct vmcb *c = svm_vmcb(v);

#define SEG(n) segment_set(&c->n, h->n##_sel, h->n##_arbytes, h->n##_limit, h->n##_base)
    SEG(cs), SEG(ds), SEG(es), SEG(fs), SEG(gs), SEG(ss), SEG(tr), SEG(ldtr);
#undef SEG
    segment_set(&c->gdtr, 0, 0, h->gdtr_limit, h->gdtr_base);
    segment_set(&c->idtr, 0, 0, h->idtr_limit, h->idtr_base);
    c->cr0 = h->cr0 | CR0_ET;
    c->cr2 = h->cr2;
    c->cr3 = h->cr3;
    c->cr4 = h->cr4;
    c->dr6 = (h->dr6 & DR6_BITS) | DR6_FIXED;
    c->dr7 = (h->dr7 & DR7_BITS) | DR7_FIXED;
    c->efer = (h->msr_efer & (EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE)) | EFER_SVME;
    c->sysenter_cs = h->sysenter_cs;
    c->sysenter_esp = h->sysenter_esp;
    c->sysenter_eip = h->sysenter_eip;
    c->kernel_gs = h->shadow_gs;
    c->star = h->msr_star;
    c->lstar = h->msr_lstar;
    c->cstar = h->msr_cstar;
    c->sfmask = h->msr_syscall_mask;
    c->cpl = (u8)(c->ss.attributes >> 5 & 3);
}

static void get_context(const struct vcpu *v, struct hvm_hw_cpu *h)
{
    const struct vmcb *c = svm_vmcb(v);

#define SEG(n)                                                                                                         \
    (h->n##_sel = c->n.selector, h->n##_limit = c->n.limit, h->n##_base = c->n.base,                                   \
     h->n##_arbytes = c->n.attributes & 0xfffu)
    (void)(SEG(cs), SEG(ds), SEG(es), SEG(fs), SEG(gs), SEG(ss), SEG(tr), SEG(ldtr));
#undef SEG
    h->gdtr_limit = c->gdtr.limit;
    h->gdtr_base = c->gdtr.base;
    h->idtr_limit = c->idtr.limit;
    h->idtr_base = c->idtr.base;
    h->cr0 = c->cr0;
    h->cr2 = c->cr2;
    h->cr3 = c->cr3;
    h->cr4 = c->cr4;
    h->dr6 = c->dr6;
    h->dr7 = c->dr7;
    h->msr_efer = c->efer & ~EFER_SVME;
    h->shadow_gs = c->kernel_gs;
    h->msr_star = c->star;
    h->msr_lstar = c->lstar;
    h->msr_cstar = c->cstar;
    h->msr_syscall_mask = c->sfmask;
}

static bool msr(struct vcpu *v, u32 number, bool writes, u64 *value)
{
    struct vmcb *c = svm_vmcb(v);

    if (number != MSR_EFER)
        return false;
    if (!writes) {
        *value = c->efer & ~EFER_SVME;
        return true;
    }
    if (*value & ~(EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE) || ((*value ^ c->efer) & EFER_LME && c->cr0 & CR0_PG))
        return false;
    c->efer = (*value & ~EFER_LMA) | (c->efer & EFER_LMA) | EFER_SVME;
    return true;
}

void svm_debug_load(struct vcpu *v)
{
    hvm_debug_load(v);
    svm_vmcb(v)->dr_read = svm_vmcb(v)->dr_write = 0;
}

static void load(struct vcpu *v)
{
    if (svm_vmcb(v)->dr7 & DR7_ENABLED) /* they act without being touched */
        svm_debug_load(v);
}

static void unload(struct vcpu *v)
{
    if (!v->hvm->has_debug)
        return;
    hvm_debug_save(v);
    svm_vmcb(v)->dr_read = svm_vmcb(v)->dr_write = 0xffff;
}

const struct hvm_backend svm_backend = {
    .call = {0x0f, 0x01, 0xd9},
    .table_flags = PTE_A,
    .leaf_flags = PTE_A | PTE_D,
    .start = start,
    .enter = svm_enter,
    .create = create,
    .destroy = destroy,
    .mode = mode,
    .code = svm_code,
    .set_context = set_context,
    .get_context = get_context,
    .start_real = start_real,
    .msr = msr,
    .load = load,
    .unload = unload,
};
