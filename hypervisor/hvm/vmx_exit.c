/* SPDX-License-Identifier: MIT */
/*
 * What a guest on Intel leaves for, and what must be ready before it goes in again. Interrupts are not acknowledged on
 * the way out: Wirt takes them as soon as it lets them in. An NMI or a machine check has been taken by leaving, so it
 * is raised again here; the IRET of its handler lets further NMIs in. A structure that the processor refuses is never
 * used again: it is told by name, and the domain is crashed.
 */
#include "hvm/vmx.h"
#include "core/work.h"
#include "lib/log.h"

#define EVENT_NMI_OPEN BIT(12) /* IRET was on its way, and NMIs would be let in again */
#define WRITE_ACCESS   BIT(1)
#define HAS_LINEAR     BIT(7)
#define IS_ITS_OWN     BIT(8) /* with the linear address: not of the walk to it */
#define EVENT_INT1     HVM_EVENT_TYPE(5)

static u64 *gpr(struct regs *r, u32 n)
{
    u64 *of[] = {&r->rax, &r->rcx, &r->rdx, &r->rbx, &r->rsp, &r->rbp, &r->rsi, &r->rdi,
                 &r->r8,  &r->r9,  &r->r10, &r->r11, &r->r12, &r->r13, &r->r14, &r->r15};

    return of[n & 15];
}

static void give_up(struct vcpu *v, u32 code)
{
    if (code & VMEXIT_REFUSED) {
        log_error("%s: the processor refuses its control structure", v->name);
        vmcs_dump(v);
    }
    domain_crash(v->domain, "vCPU %u: %s (code 0x%x)", v->id,
                 code & VMEXIT_REFUSED         ? "it has a state that no processor can have"
                 : code == VMEXIT_TRIPLE_FAULT ? "triple fault"
                 : code == VMEXIT_TASK         ? "it switches tasks by hardware, which is not offered"
                                               : "the guest was left for something that was not asked for",
                 code);
}

/* Bits of CR0 and CR4 that are Wirt's differ from what the guest saw. If it may have them, it sees them from now on,
 * and does the instruction again: then the processor itself does all the rest of it. */
static void do_control(struct vcpu *v, struct regs *r, u64 info, u64 next)
{
    u64 *at = gpr(r, (u32)info >> 8), value = vmx_code(v).wide == 8 ? *at : (u32)*at;
    bool ok = true;

    switch (info & 0x3f) {
    case 0x00:
        ok = !(value >> 32) && (!(value & CR0_NW) || value & CR0_CD);
        if (ok)
            vmcs_write(VMCS_CR0_SHOWN, value | CR0_ET);
        break;
    case 0x04:
        ok = !(value & vmx_cr4_own & ~CR4_MCE);
        if (ok)
            vmcs_write(VMCS_CR4_SHOWN, value);
        break;
    case 0x08:
        ok = value < 16;
        if (ok) {
            v->hvm->apic.tpr = (u32)value << 4;
            r->rip = next;
        }
        break;
    case 0x18:
        *at = v->hvm->apic.tpr >> 4;
        r->rip = next;
        break;
    default:
        give_up(v, VMEXIT_CR);
    }
    if (!ok)
        exit_fault(v, TRAP_GP);
}

static void do_port(struct vcpu *v, struct regs *r, u64 info, u64 next)
{
    struct exit_port p = {.port = (u32)(info >> 16) & 0xffff,
                          .bytes = (u32)(info & 7) + 1,
                          .is_in = info & BIT(3),
                          .is_string = info & BIT(4),
                          .is_repeated = info & BIT(5)};

    exit_port(v, r, next, p);
}

/* #DB does not reach the debug registers when it makes the guest leave, and that of INT1 leaves before it. */
static void do_exception(struct vcpu *v, struct regs *r, u32 event, u64 next)
{
    u8 vector = (u8)event;

    if (vector == TRAP_MC || (event & HVM_EVENT_TYPE(7)) == HVM_EVENT_TYPE(HVM_EVENT_NMI)) /* raised again already */
        return;
    if (vector == TRAP_DB) {
        if (!v->hvm->has_debug)
            vmx_debug_load(v);
        cpu_write_dr6((cpu_read_dr6() & ~0xfull) | DR6_FIXED | (vmcs_read(VMCS_QUALIFICATION) & DR6_BITS));
        vmcs_write(GUEST_DR7, vmcs_read(GUEST_DR7) & ~DR7_GUARD);
        if ((event & HVM_EVENT_TYPE(7)) == EVENT_INT1)
            r->rip = next;
    }
    hvm_inject(v, vector, event & HVM_EVENT_ERROR, (u32)vmcs_read(VMCS_EXIT_ERROR));
}

static void do_memory(struct vcpu *v, struct regs *r, u64 info)
{
    struct exit_memory x = {.address = vmcs_read(VMCS_PHYSICAL),
                            .is_write = info & WRITE_ACCESS,
                            .is_walk = (info & (HAS_LINEAR | IS_ITS_OWN)) == HAS_LINEAR};

    exit_nested_fault(v, r, x);
}

/* Behind the last byte of 4 GiB comes the first for 32-bit code, a guest's programs among it; the processor would
 * refuse the longer address, and that would be the end of the whole domain. */
static u64 behind(const struct vcpu *v, const struct regs *r)
{
    u64 next = r->rip + vmcs_read(VMCS_LENGTH);

    return unlikely((next ^ r->rip) >> 32) && vmx_code(v).wide < 8 ? (u32)next : next;
}

static void handle(struct vcpu *v, struct regs *r, u32 code)
{
    u64 info = vmcs_read(VMCS_QUALIFICATION), next = behind(v, r);

    switch (code) {
    case VMEXIT_EXCEPTION:
        do_exception(v, r, (u32)vmcs_read(VMCS_EXIT_EVENT), next);
        return;
    case VMEXIT_INTR:
    case VMEXIT_INIT ... VMEXIT_NMI_WINDOW:
    case VMEXIT_TIMER:
        return;
    case VMEXIT_CPUID:
        exit_cpuid(v, r, next);
        return;
    case VMEXIT_HLT:
        exit_halt(v, r, next);
        return;
    case VMEXIT_INVD:
    case VMEXIT_WBINVD: /* what others rely on in the caches stays */
        r->rip = next;
        return;
    case VMEXIT_RDPMC:
        exit_fault(v, TRAP_GP);
        return;
    case VMEXIT_VMCALL:
        r->rip = next;
        hvm_call(r, vmx_code(v));
        return;
    case VMEXIT_CR:
        do_control(v, r, info, next);
        return;
    case VMEXIT_DR:
        vmx_debug_load(v);
        return;
    case VMEXIT_PORT:
        do_port(v, r, info, next);
        return;
    case VMEXIT_RDMSR:
    case VMEXIT_WRMSR:
        exit_msr(v, r, next, code == VMEXIT_WRMSR);
        return;
    case VMEXIT_EPT_VIOLATION:
        do_memory(v, r, info);
        return;
    case VMEXIT_XSETBV:
        exit_xsetbv(v, r, next);
        return;
    case VMEXIT_VMCLEAR ... VMEXIT_VMXON:
    case VMEXIT_GETSEC:
    case VMEXIT_MWAIT ... VMEXIT_MONITOR: /* what is between the two is not asked for */
    case VMEXIT_INVEPT:
    case VMEXIT_INVVPID:
    case VMEXIT_ENCLS:
        exit_fault(v, TRAP_UD);
        return;
    default:
        give_up(v, code);
    }
}

/* The event that was on its way when the guest left; and whether NMIs stay out, though IRET let them in before it
 * failed. */
static void look_back(struct vcpu *v, u32 code)
{
    u32 on_its_way = (u32)vmcs_read(VMCS_VECTORING);
    u64 says = 0;

    hvm_retry(v, on_its_way & HVM_EVENT_ERROR ? on_its_way | vmcs_read(VMCS_VECTORING_ERROR) << 32 : on_its_way);
    if (on_its_way & HVM_EVENT_VALID)
        return;
    if (code == VMEXIT_EXCEPTION)
        says = vmcs_read(VMCS_EXIT_EVENT);
    else if (code == VMEXIT_EPT_VIOLATION)
        says = vmcs_read(VMCS_QUALIFICATION);
    if (says & EVENT_NMI_OPEN)
        vmcs_write(GUEST_SHADOW, vmcs_read(GUEST_SHADOW) | SHADOW_NMI);
}

static void raise_again(u32 code)
{
    u32 event = code == VMEXIT_EXCEPTION ? (u32)vmcs_read(VMCS_EXIT_EVENT) : 0;

    if (code == VMEXIT_EXCEPTION && (event & HVM_EVENT_TYPE(7)) == HVM_EVENT_TYPE(HVM_EVENT_NMI))
        __asm__ volatile("int $2" ::: "memory");
    if ((u16)code == VMEXIT_MC || (code == VMEXIT_EXCEPTION && (u8)event == TRAP_MC))
        __asm__ volatile("int $18" ::: "memory");
}

void vmx_exit(struct regs *r)
{
    struct vcpu *v = vcpu_current();
    struct vmx *x = vmx_of(v);
    u32 code = (u32)vmcs_read(VMCS_REASON);

    x->cr2 = cpu_read_cr2();
    x->has_launched |= !(code & VMEXIT_REFUSED);
    r->rip = x->rip = vmcs_read(GUEST_RIP);
    r->rsp = vmcs_read(GUEST_RSP);
    r->rflags = vmcs_read(GUEST_RFLAGS);
    r->cs = vmcs_read(GUEST_SELECTOR(SEG_CS));
    r->ss = vmcs_read(GUEST_SELECTOR(SEG_SS));
    raise_again(code);
    look_back(v, code);
    cpu_irq_enable();
    handle(v, r, code);
}

void vmx_refused(struct regs *r)
{
    struct vcpu *v = vcpu_current();

    cpu_irq_enable();
    log_error("%s: VM entry fails with error %lu at rip 0x%lx", v->name, vmcs_read(VMCS_INSTRUCTION_ERROR), r->rip);
    give_up(v, (u32)VMEXIT_REFUSED);
}

/* An instruction that Wirt did for the guest has used up the shadow of the one before it. */
static u64 shadow_now(const struct vmx *x, const struct regs *r)
{
    u64 shadow = vmcs_read(GUEST_SHADOW);

    if (likely(!(shadow & (SHADOW_STI | SHADOW_MOV_SS))))
        return shadow;
    if (r->rip != x->rip) {
        shadow &= ~(SHADOW_STI | SHADOW_MOV_SS);
        vmcs_write(GUEST_SHADOW, shadow);
    } else { /* the processor insists that the two agree */
        vmcs_write(GUEST_PENDING,
                   (vmcs_read(GUEST_PENDING) & ~PENDING_STEP) | (r->rflags & RFLAGS_TF ? PENDING_STEP : 0));
    }
    return shadow;
}

static void put_in(u64 event, u64 shadow)
{
    if ((event & HVM_EVENT_TYPE(7)) == HVM_EVENT_TYPE(HVM_EVENT_NMI) && shadow & SHADOW_NMI) /* the same again */
        vmcs_write(GUEST_SHADOW, shadow & ~SHADOW_NMI);
    if (event & HVM_EVENT_ERROR && !(vmcs_read(GUEST_CR0) & CR0_PE)) /* real mode has no error codes */
        event &= ~HVM_EVENT_ERROR;
    if (event & HVM_EVENT_ERROR)
        vmcs_write(VMCS_ENTRY_ERROR, event >> 32 & 0xffff);
    vmcs_write(VMCS_ENTRY_EVENT, (u32)event);
}

u64 vmx_prepare(struct regs *r)
{
    struct vcpu *v = vcpu_current();
    struct vmx *x = vmx_of(v);
    u32 waits, proc = x->proc & (u32) ~(PROC_INTR_WINDOW | PROC_NMI_WINDOW);
    u64 shadow;

    if (v->pv.must_look)
        return 0;
    if (unlikely(x->is_new))
        vmx_real(v);
    shadow = shadow_now(x, r);
    waits = hvm_choose(v, !(shadow & (SHADOW_STI | SHADOW_MOV_SS | SHADOW_NMI)),
                       r->rflags & RFLAGS_IF && !(shadow & (SHADOW_STI | SHADOW_MOV_SS)));
    proc |= (u32)((waits & HVM_WAITS_INTR ? PROC_INTR_WINDOW : 0) | (waits & HVM_WAITS_NMI ? PROC_NMI_WINDOW : 0));
    if (proc != x->proc) {
        x->proc = proc;
        vmcs_write(VMCS_PROC, proc);
    }
    if (v->hvm->event & HVM_EVENT_VALID)
        put_in(v->hvm->event, shadow);
    else if (unlikely(r->rflags & RFLAGS_TF && r->rip != x->rip)) /* a step that Wirt did */
        vmcs_write(GUEST_PENDING, vmcs_read(GUEST_PENDING) | PENDING_STEP);
    vmcs_write(GUEST_RIP, r->rip);
    vmcs_write(GUEST_RSP, r->rsp);
    vmcs_write(GUEST_RFLAGS, r->rflags);
    vmx_ready(v);
    return x->has_launched ? 2 : 1;
}
