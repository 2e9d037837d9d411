/* SPDX-License-Identifier: MIT */
/*
 * Intel's control structure of a vCPU: made so that the guest has its control registers (but for the bits that the
 * processor wants otherwise), descriptor tables and exceptions to itself, and leaves only for what Wirt must do for it.
 * A structure is current on the CPU where its vCPU is loaded, and on none otherwise; only while it is on none may
 * another CPU make it current for a moment. Intel SDM volume 3, chapters 24 to 27.
 */
#include "hvm/vmx.h"
#include "core/slab.h"
#include "hw/desc.h"
#include "hw/spec.h"
#include "hw/time.h"
#include "lib/errno.h"
#include "lib/fmt.h"
#include "lib/log.h"
#include "lib/string.h"

#define TSS_OFFSET  (GDT_LIMIT + 1u)
#define EPT_WALK_WB (3u << 3 | 6u)
#define EPT_LEAF_WB (BIT(6) | 6u << 3) /* whatever the guest's PAT says: nobody sees past the caches */
#define SLICE_MS    10u /* a guest leaves after that at the latest: one emulator holds back interrupts from it */
#define NO_LINK     (~0ull)
#define PAT_RESET   0x0007040600070406ull
#define EXCEPTIONS  (BIT(TRAP_DB) | BIT(TRAP_AC) | BIT(TRAP_MC)) /* the first two can recur for ever */
#define EFER_GUEST  (EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE)
#define CR4_GUEST   0x370fffull /* up to PCE, OSFXSR, OSXMMEXCPT, UMIP, FSGSBASE, PCIDE, OSXSAVE, SMEP, SMAP */

static const u32 vmx_msr[] = {MSR_STAR, MSR_LSTAR, MSR_CSTAR, MSR_SFMASK, MSR_KERNEL_GS_BASE};
#define HOST_MSRS 4u /* the first of them are Wirt's, the last is whoever's runs */

static __sealed paddr_t msr_map;
static __sealed u32 pin, proc2, exit_controls, entry_controls, timer_ticks;
__sealed u32 vmx_proc;
__sealed u64 vmx_cr4_own;
static __sealed bool does_flush_l1;
static PERCPU(paddr_t, vmx_current);
struct vmx_host {
    u64 msr[HOST_MSRS];
};
static PERCPU(struct vmx_host, vmx_host);

/* --- boot --- */

static __init bool controls_find(void)
{
    u64 second = cpu_rdmsr(MSR_VMX_PROC2);

    return vmx_adjust(cpu_rdmsr(MSR_VMX_TRUE_PIN), PIN_INTR | PIN_NMI | PIN_VIRTUAL_NMI, PIN_TIMER, &pin) &&
           vmx_adjust(cpu_rdmsr(MSR_VMX_TRUE_PROC),
                      (u32)(PROC_HLT | PROC_MWAIT | PROC_RDPMC | PROC_CR8 | PROC_DR | PROC_PORTS | PROC_MSR_MAP |
                            PROC_MONITOR | PROC_2),
                      0, &vmx_proc) &&
           vmx_adjust(second, PROC2_EPT | PROC2_UNRESTRICTED | PROC2_WBINVD, PROC2_VPID | PROC2_ENCLS, &proc2) &&
           vmx_adjust(cpu_rdmsr(MSR_VMX_TRUE_EXIT), VMEXIT_SAVE_DEBUG | VMEXIT_LONG | VMEXIT_PAT | VMEXIT_EFER, 0,
                      &exit_controls) &&
           vmx_adjust(cpu_rdmsr(MSR_VMX_TRUE_ENTRY), VMENTRY_LOAD_DEBUG | VMENTRY_PAT | VMENTRY_EFER, 0,
                      &entry_controls);
}

/* Read and write, each for numbers from 0 and from 0xc0000000. */
static __init void map_make(void)
{
    static const u32 own[] = {MSR_STAR, MSR_LSTAR,   MSR_CSTAR,   MSR_SFMASK,         MSR_SYSENTER_CS, 0x175,
                              0x176,    MSR_FS_BASE, MSR_GS_BASE, MSR_KERNEL_GS_BASE, MSR_PAT,         MSR_EFER};
    u8 *map = pgtab_alloc_pages(0);

    if (!map)
        panic("boot: no memory for the map of intercepted MSRs");
    memset(map, 0xff, PAGE_SIZE);
    for (u32 i = 0; i < ARRAY_COUNT(own); i++) {
        u32 at = (own[i] >= 0xc0000000 ? 0x400 : 0) + (own[i] & 0x1fff) / 8;
        map[at] &= (u8) ~(1u << own[i] % 8);
        map[at + 0x800] &= (u8) ~(1u << own[i] % 8);
    }
    msr_map = pgtab_paddr(map);
}

static __init const char *refusal(void)
{
    u64 value = 0, proc = cpu_rdmsr(MSR_VMX_PROC) >> 32, second;

    if (cpu_rdmsr_safe(MSR_FEATURE_CONTROL, &value) && (value & (FEATURE_LOCKED | FEATURE_VMX)) == FEATURE_LOCKED)
        return "VT-x is switched off by the firmware";
    second = proc & PROC_2 ? cpu_rdmsr(MSR_VMX_PROC2) >> 32 : 0;
    if (!(second & PROC2_EPT))
        return "the CPU has VT-x without extended page tables (EPT), which Wirt needs";
    if (!(second & PROC2_UNRESTRICTED))
        return "the CPU has VT-x without unrestricted guests (real mode under EPT), which Wirt needs";
    if ((cpu_rdmsr(MSR_VMX_EPT) & EPT_NEEDED) != EPT_NEEDED)
        return "the CPU has VT-x with extended page tables of another kind than Wirt needs";
    if (!(cpu_rdmsr(MSR_VMX_BASIC) & VMX_BASIC_TRUE) || !controls_find())
        return "the CPU has VT-x without some control that Wirt needs";
    return NULL;
}

__init const char *vmx_init(void)
{
    const char *why = refusal();

    if (why)
        return why;
    map_make();
    timer_ticks = (u32)(time_tsc_khz() * SLICE_MS >> (cpu_rdmsr(MSR_VMX_MISC) & 31));
    vmx_cr4_own = ~CR4_GUEST | CR4_VMXE | CR4_MCE;
    does_flush_l1 = spec_policy.has_l1tf && cpu_has(CPU_F_L1D_FLUSH);
    (void)fmt(hvm_assist, sizeof(hvm_assist), "Intel VT-x with EPT%s%s%s", proc2 & PROC2_VPID ? ", VPID" : "",
              pin & PIN_TIMER ? ", preemption timer" : "",
              spec_policy.has_multihit ? ", no 2 MiB pages (CVE-2018-12207)" : "");
    if (spec_policy.has_l1tf)
        log_info("Hardware assist: L1TF: the first-level cache is %s",
                 does_flush_l1 ? "flushed before guests run"
                               : "not flushed (no microcode for that): guests may read what was in it");
    return NULL;
}

static void start(void)
{
    void *region = pgtab_alloc_pages(0);
    paddr_t at = region ? pgtab_paddr(region) : paddr(0);
    u64 value;
    bool is_bad;

    if (!region)
        panic("boot: no memory for CPU%u's VMXON region", cpu_id());
    if (cpu_rdmsr_safe(MSR_FEATURE_CONTROL, &value) && !(value & FEATURE_LOCKED))
        cpu_wrmsr(MSR_FEATURE_CONTROL, value | FEATURE_LOCKED | FEATURE_VMX);
    *(u32 *)region = (u32)cpu_rdmsr(MSR_VMX_BASIC) & 0x7fffffff;
    cpu_write_cr4(cpu_read_cr4() | CR4_VMXE);
    if (!(cpu_rdmsr(MSR_FEATURE_CONTROL) & FEATURE_VMX))
        panic("boot: firmware has VT-x off on CPU%u, and on on CPU0", cpu_id());
    __asm__ volatile("vmxon %1; setna %0" : "=qm"(is_bad) : "m"(at.a) : "cc", "memory");
    if (is_bad)
        panic("boot: CPU%u refuses VMXON", cpu_id());
    for (u32 i = 0; i < HOST_MSRS; i++)
        this_cpu(vmx_host)->msr[i] = cpu_rdmsr(vmx_msr[i]);
}

/* --- which structure is current --- */

static void current_set(paddr_t at)
{
    *this_cpu(vmx_current) = at;
    if (at.a)
        vmcs_load(at);
}

/* v is loaded nowhere; between the two its fields can be read and written here. */
static paddr_t borrow(const struct vcpu *v)
{
    paddr_t was = *this_cpu(vmx_current);

    current_set(vmx_of(v)->vmcs);
    return was;
}

static void give_back(const struct vcpu *v, paddr_t was)
{
    vmcs_clear(vmx_of(v)->vmcs);
    current_set(was);
}

/* --- guest state --- */

static void segment_set(u32 i, u32 selector, u32 access, u32 limit, u64 base)
{
    vmcs_write(GUEST_LIMIT(i), limit);
    vmcs_write(GUEST_BASE(i), base);
    if (i >= SEG_GDTR)
        return;
    vmcs_write(GUEST_SELECTOR(i), selector);
    vmcs_write(GUEST_RIGHTS(i), vmx_rights(access));
}

static void control_registers(u64 cr0, u64 cr3, u64 cr4, u64 efer)
{
    cr0 |= CR0_ET;
    vmcs_write(VMCS_CR0_SHOWN, cr0);
    vmcs_write(GUEST_CR0, (cr0 & ~VMX_CR0_OWN) | CR0_NE);
    vmcs_write(GUEST_CR3, cr3);
    vmcs_write(VMCS_CR4_SHOWN, cr4);
    vmcs_write(GUEST_CR4, (cr4 & ~vmx_cr4_own) | CR4_VMXE | CR4_MCE);
    vmcs_write(GUEST_EFER, efer & EFER_GUEST);
    vmcs_write(VMCS_ENTRY, entry_controls | (efer & EFER_LMA ? VMENTRY_LONG : 0));
}

/* What a new beginning has in common, whatever the mode. */
static void idle_state(void)
{
    vmcs_write(GUEST_SHADOW, 0);
    vmcs_write(GUEST_ACTIVITY, 0);
    vmcs_write(GUEST_PENDING, 0);
    vmcs_write(GUEST_DEBUGCTL, 0);
    vmcs_write(GUEST_DR7, DR7_FIXED);
    vmcs_write(GUEST_LINK, NO_LINK);
    vmcs_write(GUEST_PAT, PAT_RESET);
    vmcs_write(VMCS_ENTRY_EVENT, 0);
}

/* Everything flat at 0, but for the code at its page. */
void vmx_real(struct vcpu *v)
{
    struct vmx *x = vmx_of(v);

    x->is_new = false;
    for (u32 i = SEG_ES; i <= SEG_GS; i++)
        segment_set(i, 0, 0x93, 0xffff, 0);
    segment_set(SEG_CS, (u32)x->start_page << 8, 0x9b, 0xffff, (u64)x->start_page << 12);
    segment_set(SEG_LDTR, 0, 0x82, 0xffff, 0);
    segment_set(SEG_TR, 0, 0x8b, 0xffff, 0);
    segment_set(SEG_GDTR, 0, 0, 0xffff, 0);
    segment_set(SEG_IDTR, 0, 0, 0xffff, 0);
    control_registers(0, 0, 0, 0);
    idle_state();
}

/* What is in a new structure only the processor knows, even if its page was zero. */
static void zero_fields(void)
{
    static const u16 zero[] = {VMCS_PF_MASK,       VMCS_PF_MATCH,     VMCS_CR3_TARGETS,  VMCS_EXIT_MSRS_SAVED,
                               VMCS_EXIT_MSRS,     VMCS_ENTRY_MSRS,   GUEST_SYSENTER_CS, GUEST_SYSENTER_ESP,
                               GUEST_SYSENTER_EIP, HOST_ES_SELECTOR,  HOST_SS_SELECTOR,  HOST_DS_SELECTOR,
                               HOST_FS_SELECTOR,   HOST_GS_SELECTOR,  HOST_FS_BASE,      HOST_GS_BASE,
                               HOST_SYSENTER_CS,   HOST_SYSENTER_ESP, HOST_SYSENTER_EIP};

    for (u32 i = 0; i < ARRAY_COUNT(zero); i++)
        vmcs_write(zero[i], 0);
}

static void fixed_fields(struct vcpu *v)
{
    zero_fields();
    vmcs_write(VMCS_PIN, pin);
    vmcs_write(VMCS_PROC, vmx_proc);
    vmcs_write(VMCS_PROC2, proc2);
    vmcs_write(VMCS_EXIT, exit_controls);
    vmcs_write(VMCS_EXCEPTIONS, EXCEPTIONS);
    vmcs_write(VMCS_MSR_MAP, msr_map.a);
    vmcs_write(VMCS_EPT_ROOT, pgtab_paddr(v->domain->hvm->root).a | EPT_WALK_WB);
    if (proc2 & PROC2_VPID)
        vmcs_write(VMCS_VPID, 1); /* everybody's: whoever comes after somebody else flushes (hvm_is_stale) */
    if (proc2 & PROC2_ENCLS)
        vmcs_write(VMCS_ENCLS_MAP, ~0ull);
    if (pin & PIN_TIMER)
        vmcs_write(GUEST_TIMER, timer_ticks);
    vmcs_write(VMCS_CR0_MASK, VMX_CR0_OWN);
    vmcs_write(VMCS_CR4_MASK, vmx_cr4_own);
    vmcs_write(HOST_CS_SELECTOR, SEL_HV_CS);
    vmcs_write(HOST_TR_SELECTOR, SEL_TSS);
    vmcs_write(HOST_CR3, mfn_paddr(pgtab_hv_l4()).a);
    vmcs_write(HOST_PAT, PAT_VALUE);
    vmcs_write(HOST_EFER, cpu_rdmsr(MSR_EFER));
    vmcs_write(HOST_RIP, (u64)vmx_left);
}

static int create(struct vcpu *v)
{
    mfn_t m = frame_alloc(0, FRAME_ZERO, 0);
    struct vmx *x = m.n == MFN_NONE ? NULL : slab_alloc(sizeof(*x));
    paddr_t was;

    if (!x) {
        if (m.n != MFN_NONE)
            frame_free(m, 0);
        return -ENOMEM;
    }
    *x = (struct vmx){.vmcs = mfn_paddr(m), .proc = vmx_proc, .dr6 = DR6_FIXED};
    *(u32 *)frame_va(m) = (u32)cpu_rdmsr(MSR_VMX_BASIC) & 0x7fffffff;
    v->hvm->control = x;
    vmcs_clear(x->vmcs);
    was = borrow(v);
    fixed_fields(v);
    vmx_real(v);
    give_back(v, was);
    return 0;
}

static void destroy(struct vcpu *v)
{
    frame_free(paddr_mfn(vmx_of(v)->vmcs), 0);
    slab_free(vmx_of(v), sizeof(struct vmx));
}

static void mode(const struct vcpu *v, struct hvm_mode *out)
{
    u64 shown = vmcs_read(VMCS_CR0_SHOWN);

    (void)v;
    *out = (struct hvm_mode){(vmcs_read(GUEST_CR0) & ~VMX_CR0_OWN) | (shown & VMX_CR0_OWN), vmcs_read(GUEST_CR3),
                             (vmcs_read(GUEST_CR4) & ~vmx_cr4_own) | (vmcs_read(VMCS_CR4_SHOWN) & vmx_cr4_own),
                             vmcs_read(GUEST_EFER)};
}

struct hvm_code vmx_code(const struct vcpu *v)
{
    u32 rights = (u32)vmcs_read(GUEST_RIGHTS(SEG_CS)), cpl = (u32)vmcs_read(GUEST_RIGHTS(SEG_SS)) >> 5 & 3;

    (void)v;
    if (rights & RIGHTS_LONG && vmcs_read(GUEST_EFER) & EFER_LMA)
        return (struct hvm_code){0, cpl, 8};
    return (struct hvm_code){vmcs_read(GUEST_BASE(SEG_CS)), cpl, rights & RIGHTS_32 ? 4 : 2};
}

/* It may be loaded, though it does not run, on another CPU: it changes by itself when it comes in again. */
static void start_real(struct vcpu *v, u8 page)
{
    vmx_of(v)->start_page = page;
    vmx_of(v)->is_new = true;
}

static u64 canonical(u64 va)
{
    return (u64)((s64)(va << 16) >> 16);
}

static void set_context(struct vcpu *v, const struct hvm_hw_cpu *h)
{
    struct vmx *x = vmx_of(v);
    paddr_t was = borrow(v);

#define SEG(N, n) segment_set(SEG_##N, h->n##_sel, h->n##_arbytes, h->n##_limit, h->n##_base)
    SEG(CS, cs), SEG(DS, ds), SEG(ES, es), SEG(FS, fs), SEG(GS, gs), SEG(SS, ss), SEG(TR, tr), SEG(LDTR, ldtr);
#undef SEG
    segment_set(SEG_GDTR, 0, 0, h->gdtr_limit, h->gdtr_base);
    segment_set(SEG_IDTR, 0, 0, h->idtr_limit, h->idtr_base);
    control_registers(h->cr0, h->cr3, h->cr4, h->msr_efer);
    vmcs_write(GUEST_SYSENTER_CS, h->sysenter_cs);
    vmcs_write(GUEST_SYSENTER_ESP, h->sysenter_esp);
    vmcs_write(GUEST_SYSENTER_EIP, h->sysenter_eip);
    idle_state();
    vmcs_write(GUEST_DR7, (h->dr7 & DR7_BITS) | DR7_FIXED);
    give_back(v, was);
    x->rip = h->rip;
    x->dr6 = (h->dr6 & DR6_BITS) | DR6_FIXED;
    x->cr2 = h->cr2;
    x->msr[0] = h->msr_star;
    x->msr[1] = canonical(h->msr_lstar);
    x->msr[2] = canonical(h->msr_cstar);
    x->msr[3] = (u32)h->msr_syscall_mask;
    x->msr[4] = canonical(h->shadow_gs);
}

static void get_context(const struct vcpu *v, struct hvm_hw_cpu *h)
{
    const struct vmx *x = vmx_of(v);
    paddr_t was = borrow(v);
    struct hvm_mode m;

#define SEG(N, n)                                                                                                      \
    (h->n##_sel = (u32)vmcs_read(GUEST_SELECTOR(SEG_##N)), h->n##_limit = (u32)vmcs_read(GUEST_LIMIT(SEG_##N)),        \
     h->n##_base = vmcs_read(GUEST_BASE(SEG_##N)), h->n##_arbytes = vmx_access((u32)vmcs_read(GUEST_RIGHTS(SEG_##N))))
    (void)(SEG(CS, cs), SEG(DS, ds), SEG(ES, es), SEG(FS, fs), SEG(GS, gs), SEG(SS, ss), SEG(TR, tr), SEG(LDTR, ldtr));
#undef SEG
    mode(v, &m);
    h->gdtr_limit = (u32)vmcs_read(GUEST_LIMIT(SEG_GDTR));
    h->gdtr_base = vmcs_read(GUEST_BASE(SEG_GDTR));
    h->idtr_limit = (u32)vmcs_read(GUEST_LIMIT(SEG_IDTR));
    h->idtr_base = vmcs_read(GUEST_BASE(SEG_IDTR));
    h->cr0 = m.cr0;
    h->cr2 = x->cr2;
    h->cr3 = m.cr3;
    h->cr4 = m.cr4;
    h->dr6 = x->dr6;
    h->dr7 = vmcs_read(GUEST_DR7);
    h->sysenter_cs = vmcs_read(GUEST_SYSENTER_CS);
    h->sysenter_esp = vmcs_read(GUEST_SYSENTER_ESP);
    h->sysenter_eip = vmcs_read(GUEST_SYSENTER_EIP);
    h->msr_efer = m.efer;
    h->msr_star = x->msr[0];
    h->msr_lstar = x->msr[1];
    h->msr_cstar = x->msr[2];
    h->msr_syscall_mask = x->msr[3];
    h->shadow_gs = x->msr[4];
    give_back(v, was);
}

/* The processor itself does what is to do about the MSRs that the structure keeps. */
static bool msr(struct vcpu *v, u32 number, bool writes, u64 *value)
{
    (void)v, (void)number, (void)writes, (void)value;
    return false;
}

/* --- in and out of a CPU --- */

void vmx_debug_load(struct vcpu *v)
{
    struct vmx *x = vmx_of(v);

    hvm_debug_load(v);
    cpu_write_dr6(x->dr6);
    x->proc &= (u32)~PROC_DR;
    vmcs_write(VMCS_PROC, x->proc);
}

static void load(struct vcpu *v)
{
    struct vmx *x = vmx_of(v);
    u64 gdt = desc_gdt_base(cpu_id());
    struct {
        u16 limit;
        u64 base;
    } __packed idt;

    current_set(x->vmcs);
    x->has_launched = false;
    for (u32 i = 0; i < ARRAY_COUNT(vmx_msr); i++)
        cpu_wrmsr(vmx_msr[i], x->msr[i]);
    __asm__ volatile("sidt %0" : "=m"(idt));
    vmcs_write(HOST_CR0, cpu_read_cr0());
    vmcs_write(HOST_CR4, cpu_read_cr4());
    vmcs_write(HOST_GDTR_BASE, gdt);
    vmcs_write(HOST_TR_BASE, gdt + TSS_OFFSET);
    vmcs_write(HOST_IDTR_BASE, idt.base);
    vmcs_write(HOST_RSP, (u64)cpu_guest_regs());
    if (vmcs_read(GUEST_DR7) & DR7_ENABLED) /* they act without being touched */
        vmx_debug_load(v);
}

/* Leaving a guest stretches the limits of GDT and IDT: behind ours lies what is no descriptor. */
static void unload(struct vcpu *v)
{
    struct vmx *x = vmx_of(v);
    struct {
        u16 limit;
        u64 base;
    } __packed gdt = {GDT_LIMIT, desc_gdt_base(cpu_id())};

    if (v->hvm->has_debug) {
        hvm_debug_save(v);
        x->dr6 = cpu_read_dr6();
        x->proc |= (u32)PROC_DR;
        vmcs_write(VMCS_PROC, x->proc);
    }
    vmcs_clear(x->vmcs);
    *this_cpu(vmx_current) = paddr(0);
    for (u32 i = 0; i < ARRAY_COUNT(vmx_msr); i++)
        x->msr[i] = cpu_rdmsr(vmx_msr[i]);
    for (u32 i = 0; i < HOST_MSRS; i++)
        cpu_wrmsr(vmx_msr[i], this_cpu(vmx_host)->msr[i]);
    __asm__ volatile("lgdt %0" : : "m"(gdt));
}

void vmx_ready(struct vcpu *v)
{
    struct vmx *x = vmx_of(v);
    struct {
        u64 root, zero;
    } all = {0, 0};

    if (hvm_is_stale(v))
        __asm__ volatile("invept %0, %1" : : "m"(all), "r"(2ul) : "cc", "memory");
    if (cpu_read_cr2() != x->cr2)
        cpu_write_cr2(x->cr2);
    if (unlikely(does_flush_l1))
        cpu_wrmsr(MSR_FLUSH_CMD, 1);
}

const struct hvm_backend vmx_backend = {
    .call = {0x0f, 0x01, 0xc1},
    .table_flags = 0,
    .leaf_flags = EPT_LEAF_WB,
    .start = start,
    .enter = vmx_enter,
    .create = create,
    .destroy = destroy,
    .mode = mode,
    .code = vmx_code,
    .set_context = set_context,
    .get_context = get_context,
    .start_real = start_real,
    .msr = msr,
    .load = load,
    .unload = unload,
};
