/* SPDX-License-Identifier: MIT */
/*
 * What a guest on AMD leaves for, and what must be ready before it goes in again. Lengths of instructions come from the
 * processor where it tells them, else from the opcode: a guest that puts prefixes before one only confuses itself.
 * Exit code and event of the last entry are looked at once; an event that was on its way when the guest left goes in
 * again. A block that the processor refuses is never used again: it is told by name, and the domain is crashed.
 */
#include "hvm/svm.h"
#include "core/work.h"
#include "hw/fpu.h"
#include "lib/log.h"

#define NPF_WRITE  BIT(1)
#define IOIO_IN    BIT(0)
#define IOIO_STR   BIT(2)
#define IOIO_REP   BIT(3)
#define PORT_TIMER 0x42u

static void skip(const struct vmcb *c, struct regs *r, u32 length)
{
    r->rip = c->next_rip ? c->next_rip : r->rip + length;
}

static void fault(struct vcpu *v, u32 vector)
{
    hvm_backend->inject(v, vector, vector == TRAP_GP, 0);
}

static void do_cpuid(struct vcpu *v, struct regs *r)
{
    struct cpuid c = hvm_cpuid(v, (u32)r->rax, (u32)r->rcx);

    r->rax = c.eax;
    r->rbx = c.ebx;
    r->rcx = c.ecx;
    r->rdx = c.edx;
    skip(svm_vmcb(v), r, 2);
}

static void do_msr(struct vcpu *v, struct regs *r, bool is_write)
{
    u64 value = (u32)r->rax | r->rdx << 32;
    bool ok = is_write ? hvm_msr_write(v, (u32)r->rcx, value) : hvm_msr_read(v, (u32)r->rcx, &value);

    if (!ok) {
        fault(v, TRAP_GP);
        return;
    }
    if (!is_write) {
        r->rax = (u32)value;
        r->rdx = value >> 32;
    }
    skip(svm_vmcb(v), r, 2);
}

/* No device is behind any port but the one to which early kernels print. Strings are only taken from memory there. */
static void do_port(struct vcpu *v, struct regs *r, u64 info, u64 next)
{
    u32 bytes = info & BIT(4) ? 1 : info & BIT(5) ? 2 : 4, port = (u32)(info >> 16);
    u64 count = info & IOIO_REP ? r->rcx : 1;
    char c;

    if ((info & (IOIO_STR | IOIO_IN)) == (IOIO_STR | IOIO_IN) || (info & IOIO_STR && r->rflags & RFLAGS_DF)) {
        fault(v, TRAP_GP);
        return;
    }
    for (u64 i = 0; port == HVM_PORT_PRINT && !(info & IOIO_IN) && i < min(count, HVM_LINE); i++) {
        c = (char)r->rax;
        if (!(info & IOIO_STR) || hvm_copy(&c, r->rsi + i, 1, false))
            hvm_print(v->domain, c);
    }
    if (info & IOIO_STR)
        r->rsi += count * bytes;
    if (info & IOIO_REP)
        r->rcx = 0;
    if (info & IOIO_IN && port == PORT_TIMER) /* no 8254, as one look tells; all ones are looked at 100,000 times */
        r->rax &= ~0xffull;
    else if (info & IOIO_IN)
        r->rax = bytes == 4 ? 0xffffffff : r->rax | (bytes == 2 ? 0xffff : 0xff);
    r->rip = next;
}

/* Nothing is there, or only to be read. Reads want an answer that only the instruction knows how to take. */
static void do_nested_fault(struct vcpu *v, u64 info, u64 address)
{
    bool is_writable;
    mfn_t m = p2m_find(v->domain, address >> PAGE_SHIFT, &is_writable);

    if (m.n != MFN_NONE && (is_writable || !(info & NPF_WRITE))) /* it came meanwhile */
        return;
    domain_crash(v->domain, "vCPU %u %s guest-physical address 0x%lx, where %s", v->id,
                 info & NPF_WRITE ? "wrote to" : "read", address, m.n == MFN_NONE ? "nothing is" : "it may only read");
}

/* Its own come into the processor with the first access, and leave with the vCPU. */
static void do_debug(struct vcpu *v)
{
    struct hvm_vcpu *h = v->hvm;

    cpu_write_dr0(h->dr[0]);
    cpu_write_dr1(h->dr[1]);
    cpu_write_dr2(h->dr[2]);
    cpu_write_dr3(h->dr[3]);
    h->has_debug = true;
    svm_vmcb(v)->dr_read = svm_vmcb(v)->dr_write = 0;
}

static void do_exception(struct vcpu *v, u32 vector, u64 error)
{
    if (vector == TRAP_MC) /* the machine's: taken by Wirt as soon as interrupts were let in */
        return;
    hvm_backend->inject(v, vector, vector == TRAP_AC, (u32)error);
}

static void do_halt(struct vcpu *v, struct regs *r)
{
    skip(svm_vmcb(v), r, 1);
    svm_vmcb(v)->shadow = 0;
    if (r->rflags & RFLAGS_IF || v->pv.nmi_pending)
        hvm_halt(v);
    else
        hvm_down(v);
}

static void do_iret(struct vcpu *v)
{
    v->hvm->is_in_nmi = false;
    svm_vmcb(v)->intercept[0] &= (u32)~SVM_IRET;
}

static void do_xsetbv(struct vcpu *v, struct regs *r)
{
    u64 value = (u32)r->rax | r->rdx << 32;

    if ((u32)r->rcx || svm_vmcb(v)->cpl || !fpu_xcr0_is_valid(value)) {
        fault(v, TRAP_GP);
        return;
    }
    v->xcr0 = value;
    fpu_set_xcr0(value);
    skip(svm_vmcb(v), r, 3);
}

/* The end of the domain. A block that was refused is told by name, and never used again. */
static void give_up(struct vcpu *v, u32 code)
{
    const struct vmcb *c = svm_vmcb(v);

    if (code == EXIT_INVALID)
        log_error("%s: the processor refuses its control block: cr0 %lx cr3 %lx cr4 %lx efer %lx dr6 %lx dr7 %lx "
                  "rflags %lx event %lx",
                  v->name, c->cr0, c->cr3, c->cr4, c->efer, c->dr6, c->dr7, c->rflags, c->event);
    domain_crash(v->domain, "vCPU %u: %s (code 0x%x)", v->id,
                 code == EXIT_SHUTDOWN  ? "triple fault"
                 : code == EXIT_TASK    ? "it switches tasks by hardware, which is not offered"
                 : code == EXIT_INVALID ? "it has a state that no processor can have"
                                        : "the guest was left for something that was not asked for",
                 code);
}

static void handle(struct vcpu *v, struct regs *r)
{
    struct vmcb *c = svm_vmcb(v);
    u32 code = (u32)c->exit_code;

    switch (code) {
    case EXIT_INTR ... EXIT_VINTR:
        return;
    case EXIT_DR_READ ... EXIT_EXCEPTION - 1:
        do_debug(v);
        return;
    case EXIT_EXCEPTION ... EXIT_INTR - 1:
        do_exception(v, code - EXIT_EXCEPTION, c->exit_info1);
        return;
    case EXIT_CPUID:
        do_cpuid(v, r);
        return;
    case EXIT_HLT:
        do_halt(v, r);
        return;
    case EXIT_IRET:
        do_iret(v);
        return;
    case EXIT_IOIO:
        do_port(v, r, c->exit_info1, c->exit_info2);
        return;
    case EXIT_MSR:
        do_msr(v, r, c->exit_info1 != 0);
        return;
    case EXIT_VMMCALL:
        skip(c, r, 3);
        hvm_call(r);
        return;
    case EXIT_WBINVD:
    case EXIT_INVD: /* what others rely on in the caches stays */
        skip(c, r, 2);
        return;
    case EXIT_RDPMC:
        fault(v, TRAP_GP);
        return;
    case EXIT_XSETBV:
        do_xsetbv(v, r);
        return;
    case EXIT_NPF:
        do_nested_fault(v, c->exit_info1, c->exit_info2);
        return;
    case EXIT_INVLPGA:
    case EXIT_VMRUN:
    case EXIT_VMLOAD ... EXIT_SKINIT:
    case EXIT_ICEBP:
    case EXIT_MONITOR ... EXIT_MWAIT_ARMED:
        fault(v, TRAP_UD);
        return;
    default:
        give_up(v, code);
    }
}

/* An event that was on its way when the guest left. What an instruction raised is raised again by it. */
static bool goes_in_again(u64 event)
{
    u64 type = event & EVENT_TYPE(7);
    u8 vector = (u8)event;

    return event & EVENT_VALID && type != EVENT_TYPE(EVENT_SOFT) &&
           !(type == EVENT_TYPE(EVENT_EXCEPTION) && (vector == TRAP_BP || vector == TRAP_OF));
}

void svm_exit(struct regs *r)
{
    struct vcpu *v = vcpu_current();
    struct vmcb *c = svm_vmcb(v);

    c->event = goes_in_again(c->exit_int_info) ? c->exit_int_info : 0;
    c->tlb_control = 0;
    r->rax = c->rax;
    r->rip = c->rip;
    r->rsp = c->rsp;
    r->rflags = c->rflags;
    r->cs = c->cs.selector;
    r->ss = c->ss.selector;
    cpu_irq_enable();
    handle(v, r);
}

/* What waits goes in now, or makes the guest leave as soon as it would take it. */
static void choose_nmi(struct vcpu *v, struct vmcb *c)
{
    if (likely(!v->pv.nmi_pending) || v->hvm->is_in_nmi || c->event & EVENT_VALID)
        return;
    v->pv.nmi_pending = false;
    v->hvm->is_in_nmi = true;
    c->intercept[0] |= (u32)SVM_IRET;
    c->event = EVENT_VALID | EVENT_TYPE(EVENT_NMI) | TRAP_NMI;
}

static void choose_event(struct vcpu *v, struct vmcb *c, const struct regs *r)
{
    u32 vector = hvm_due(v);
    bool is_open = r->rflags & RFLAGS_IF && !(c->shadow & 1) && !(c->event & EVENT_VALID);

    c->interrupt &= ~(VINTR_IRQ | VINTR_PRIORITY | VINTR_IGN_TPR);
    c->intercept[0] &= (u32)~SVM_VINTR;
    if (vector == HVM_NO_VECTOR)
        return;
    if (is_open) {
        c->event = EVENT_VALID | EVENT_TYPE(EVENT_INTR) | vector;
        hvm_taken(v, vector);
    } else { /* a virtual interrupt that only serves to leave */
        c->interrupt |= VINTR_IRQ | VINTR_PRIORITY | VINTR_IGN_TPR;
        c->intercept[0] |= (u32)SVM_VINTR;
    }
}

u64 svm_prepare(struct regs *r)
{
    struct vcpu *v = vcpu_current();
    struct hvm_vcpu *h = v->hvm;
    struct vmcb *c = svm_vmcb(v);
    u32 flushed = READ_ONCE(tlb_flushed_at[cpu_id()]);

    if (v->pv.must_look)
        return 0;
    choose_nmi(v, c);
    choose_event(v, c, r);
    if (h->ran_on != cpu_id() || h->tlb_seen != flushed || !flushed) {
        h->ran_on = cpu_id();
        h->tlb_seen = flushed;
        c->tlb_control = 1;
    }
    c->rax = r->rax;
    c->rip = r->rip;
    c->rsp = r->rsp;
    c->rflags = r->rflags;
    return h->control_at.a;
}
