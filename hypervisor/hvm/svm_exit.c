/* SPDX-License-Identifier: MIT */
/*
 * What a guest on AMD leaves for, and what must be ready before it goes in again. Lengths of instructions come from the
 * processor where it tells them, else from the opcode: a guest that puts prefixes before one only confuses itself.
 * Exit code and event of the last entry are looked at once; an event that was on its way when the guest left goes in
 * again. A block that the processor refuses is never used again: it is told by name, and the domain is crashed.
 */
#include "hvm/svm.h"
#include "core/work.h"
#include "lib/log.h"

#define NPF_WRITE BIT(1)
#define NPF_WALK  BIT(33)
#define IOIO_IN   BIT(0)
#define IOIO_STR  BIT(2)
#define IOIO_REP  BIT(3)
#define TPR_SOME  0x20u /* below, it holds back nothing but the numbers of exceptions */

static u64 next(const struct vmcb *c, const struct regs *r, u32 length)
{
    return c->next_rip ? c->next_rip : r->rip + length;
}

static void do_port(struct vcpu *v, struct regs *r, u64 info, u64 behind)
{
    struct exit_port p = {.port = (u32)(info >> 16) & 0xffff,
                          .bytes = info & BIT(4)   ? 1
                                   : info & BIT(5) ? 2
                                                   : 4,
                          .is_in = info & IOIO_IN,
                          .is_string = info & IOIO_STR,
                          .is_repeated = info & IOIO_REP};

    exit_port(v, r, behind, p);
}

static void do_exception(struct vcpu *v, u32 vector, u64 error)
{
    if (vector == TRAP_MC) /* the machine's: taken by Wirt as soon as interrupts were let in */
        return;
    if (vector == TRAP_DB)
        svm_vmcb(v)->dr7 &= ~DR7_GUARD;
    hvm_inject(v, vector, vector == TRAP_AC, (u32)error);
}

static void do_iret(struct vcpu *v)
{
    v->hvm->is_in_nmi = false;
    svm_vmcb(v)->intercept[0] &= (u32)~SVM_IRET;
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
        svm_debug_load(v);
        return;
    case EXIT_EXCEPTION ... EXIT_INTR - 1:
        do_exception(v, code - EXIT_EXCEPTION, c->exit_info1);
        return;
    case EXIT_CPUID:
        exit_cpuid(v, r, next(c, r, 2));
        return;
    case EXIT_HLT:
        exit_halt(v, r, next(c, r, 1));
        return;
    case EXIT_IRET:
        do_iret(v);
        return;
    case EXIT_IOIO:
        do_port(v, r, c->exit_info1, c->exit_info2);
        return;
    case EXIT_MSR:
        exit_msr(v, r, next(c, r, 2), c->exit_info1 != 0);
        return;
    case EXIT_VMMCALL:
        r->rip = next(c, r, 3);
        hvm_call(r, svm_code(v));
        return;
    case EXIT_ICEBP:
        r->rip = next(c, r, 1);
        do_exception(v, TRAP_DB, 0);
        return;
    case EXIT_WBINVD:
    case EXIT_INVD: /* what others rely on in the caches stays */
        r->rip = next(c, r, 2);
        return;
    case EXIT_XSETBV:
        exit_xsetbv(v, r, next(c, r, 3));
        return;
    case EXIT_NPF:
        exit_nested_fault(v, r,
                          (struct exit_memory){c->exit_info2, c->exit_info1 & NPF_WRITE, c->exit_info1 & NPF_WALK});
        return;
    case EXIT_RDPMC:
    case EXIT_INVLPGA:
    case EXIT_VMRUN:
    case EXIT_VMLOAD ... EXIT_SKINIT:
    case EXIT_MONITOR ... EXIT_MWAIT_ARMED:
        exit_fault(v, code == EXIT_RDPMC ? TRAP_GP : TRAP_UD);
        return;
    default:
        give_up(v, code);
    }
}

void svm_exit(struct regs *r)
{
    struct vcpu *v = vcpu_current();
    struct vmcb *c = svm_vmcb(v);

    hvm_retry(v, c->exit_int_info);
    if (unlikely((c->interrupt & VINTR_TPR) != v->hvm->apic.tpr >> 4)) /* by CR8 */
        v->hvm->apic.tpr = (c->interrupt & VINTR_TPR) << 4;
    r->rax = c->rax;
    r->rip = c->rip;
    r->rsp = c->rsp;
    r->rflags = c->rflags;
    r->cs = c->cs.selector;
    r->ss = c->ss.selector;
    cpu_irq_enable();
    handle(v, r);
}

/* A virtual interrupt that only serves to leave, as soon as the guest takes interrupts, or those that CR8 holds back.
 * QEMU ends if CR8 is written while one of the latter waits: there they come with the next exit. */
static u64 window(const struct vcpu *v, u32 waits)
{
    u32 held = v->hvm->apic.tpr >= TPR_SOME && !cpu_desc.is_tcg ? vlapic_held(v) : 0;

    if (waits & HVM_WAITS_INTR)
        return VINTR_IRQ | VINTR_PRIORITY(15) | VINTR_IGN_TPR;
    return held ? VINTR_IRQ | VINTR_PRIORITY(held >> 4) : 0;
}

/* An instruction that Wirt did for the guest has used up the shadow of the one before it, and may have been a step. */
static void step(struct vcpu *v, struct vmcb *c, u64 rflags)
{
    c->shadow = 0;
    if (!(rflags & RFLAGS_TF) || v->hvm->event & HVM_EVENT_VALID)
        return;
    c->dr6 |= DR6_STEP;
    do_exception(v, TRAP_DB, 0);
}

u64 svm_prepare(struct regs *r)
{
    struct vcpu *v = vcpu_current();
    struct vmcb *c = svm_vmcb(v);
    u32 waits;

    if (v->pv.must_look)
        return 0;
    if (likely(r->rip != c->rip)) /* as for most that it leaves for */
        step(v, c, r->rflags);
    waits = hvm_choose(v, !v->hvm->is_in_nmi, r->rflags & RFLAGS_IF && !(c->shadow & 1));
    c->event = v->hvm->event;
    if ((c->event & HVM_EVENT_TYPE(7)) == HVM_EVENT_TYPE(HVM_EVENT_NMI) && c->event) {
        v->hvm->is_in_nmi = true;
        c->intercept[0] |= (u32)SVM_IRET;
    }
    c->interrupt = VINTR_MASKING | v->hvm->apic.tpr >> 4 | window(v, waits);
    c->intercept[0] &= (u32)~SVM_VINTR;
    c->intercept[0] |= c->interrupt & VINTR_IRQ ? (u32)SVM_VINTR : 0;
    c->tlb_control = hvm_is_stale(v);
    c->rax = r->rax;
    c->rip = r->rip;
    c->rsp = r->rsp;
    c->rflags = r->rflags;
    return v->hvm->control_at.a;
}
