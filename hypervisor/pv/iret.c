/* SPDX-License-Identifier: MIT */
/*
 * The long ways of what entry.S does quickly: hypercall iret with an unusual frame, system calls from a program when
 * events are masked or no handler is there, and the ends of domains that broke their own stack.
 */
#include "core/work.h"
#include "pv/pv.h"
#include "public/wirt.h"

#define FLAGS_KEEP 0x244dd5ull /* as in entry.S */

static void leave(struct vcpu *v, struct regs *r, const struct iret_context *c)
{
    if ((c->cs & 3) == 3) {
        if (!v->pv.user_cr3) {
            domain_crash(v->domain, "iret to a program (rip 0x%lx), but no user address space is set", c->rip);
            return;
        }
        pv_vcpu_to_user(v);
    }
    r->rip = c->rip;
    r->cs = (c->cs & 0xffff) | 3;
    r->rflags = (c->rflags & FLAGS_KEEP) | RFLAGS_IF | RFLAGS_MBS;
    r->rsp = c->rsp;
    r->ss = (c->ss & 0xffff) | 3;
    r->rax = c->rax;
    if (!(c->flags & VGCF_in_syscall)) {
        r->r11 = c->r11;
        r->rcx = c->rcx;
    }
    r->vector = 0; /* all registers matter: no SYSRET */
    v->info->evtchn_upcall_mask = !(c->rflags & RFLAGS_IF);
    v->pv.nmi_masked = false;
    if (v->pv.nmi_pending)
        v->pv.must_look = 1;
}

void pv_iret(struct regs *r)
{
    struct vcpu *v = vcpu_current();
    struct iret_context c;
    if (!guest_range_ok(r->rsp, sizeof(c)) || !guest_get(&c, guest_at(r->rsp))) {
        domain_crash(v->domain, "iret: cannot read its frame at 0x%lx", r->rsp);
        return;
    }
    leave(v, r, &c);
}

void pv_iret_return(struct regs *r)
{
    struct vcpu *v = vcpu_current();
    struct wirt_return f;
    if (!guest_get(&f, guest_at(v->pv.kernel_sp - sizeof(f)))) {
        pv_iret_spoilt(v);
        return;
    }
    leave(v, r,
          &(struct iret_context){.rax = f.rax,
                                 .r11 = f.r11,
                                 .rcx = f.rcx,
                                 .rip = f.rip,
                                 .cs = f.cs | 3,
                                 .rflags = f.rflags | RFLAGS_IF,
                                 .rsp = f.rsp,
                                 .ss = f.ss});
}

void pv_iret_spoilt(struct vcpu *v)
{
    domain_crash(v->domain, "iret: its frame cannot be read, or went away while it was");
}

void pv_bad_stack(struct regs *r)
{
    struct vcpu *v = vcpu_current();
    domain_crash(v->domain, "system call: cannot write the frame to the kernel stack at 0x%lx", v->pv.kernel_sp);
}

void pv_syscall_slow(struct regs *r)
{
    struct vcpu *v = vcpu_current();
    if (!v->pv.syscall_rip) {
        r->rip -= 2;
        pv_trap_inject(v, r, TRAP_UD, NULL);
        return;
    }
    pv_trap_bounce(v, r, v->pv.syscall_rip, v->pv.syscall_masks, NULL);
}

void pv_exit_upcall(struct regs *r)
{
    struct vcpu *v = vcpu_current();
    if (!v->pv.event_rip) {
        domain_crash(v->domain, "an event is due, but no event callback is registered");
        return;
    }
    vcpu_count(v, WIRT_EVENT_upcall);
    pv_trap_bounce(v, r, v->pv.event_rip, true, NULL);
}

/* must_look: a hypercall to go on with, tables to dismantle, an NMI to deliver. */
void pv_exit_look(struct regs *r)
{
    struct vcpu *v = vcpu_current();
    if (v->pv.retired.n) {
        pv_types_drain(v);
        if (v->pv.retired.n)
            return; /* work is pending: come back after it */
    }
    (void)atomic_xchg(&v->pv.must_look, 0); /* before nmi_pending is read: who sends one sets them in the other order */
    if (v->cont.is_active) {
        if (v->pv.nmi_pending)
            v->pv.must_look = 1;
        pv_call_door(r);
        return;
    }
    if (v->pv.nmi_pending && !v->pv.nmi_masked && v->pv.trap[TRAP_NMI].rip) {
        v->pv.nmi_pending = false;
        v->pv.nmi_masked = true;
        pv_trap_bounce(v, r, v->pv.trap[TRAP_NMI].rip, true, NULL);
    }
}
