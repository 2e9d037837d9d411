/* SPDX-License-Identifier: MIT */
/*
 * Exceptions of PV guests. Some are work for Wirt (a store to a page table, a privileged instruction, an LDT page that
 * is not there yet); all others go to the guest kernel through a frame on its stack: lowest address first RCX R11
 * [error] RIP CS RFLAGS RSP SS, CS with the saved upcall mask in bits 32-39 and RPL 0 for kernel mode. A kernel that
 * has no handler or no stack for its own exception is crashed.
 */
#include "hw/cpu.h"
#include "lib/log.h"
#include "pv/pv.h"

bool pv_trap_rip_ok(u64 rip)
{
    return guest_range_ok(rip, 16);
}

void pv_trap_bounce(struct vcpu *v, struct regs *r, u64 rip, bool masks, const u32 *error)
{
    u64 frame[8], cs = r->cs & 0xfffc, sp = r->rsp;
    struct vcpu_info *info = v->info;
    u8 mask = info->evtchn_upcall_mask;
    if (!v->pv.in_kernel) {
        cs |= 3;
        sp = v->pv.kernel_sp;
        pv_vcpu_to_kernel(v);
    }
    u32 n = 0;
    frame[n++] = r->rcx;
    frame[n++] = r->r11;
    if (error)
        frame[n++] = *error;
    frame[n++] = r->rip;
    frame[n++] = cs | (u64)mask << 32;
    frame[n++] = (r->rflags & ~(u64)(RFLAGS_IF | RFLAGS_IOPL)) | (mask ? 0 : RFLAGS_IF);
    frame[n++] = r->rsp;
    frame[n++] = r->ss;
    sp = (sp & ~15ull) - n * 8;
    if (unlikely(!guest_write(guest_at(sp), frame, n * 8))) {
        domain_crash(v->domain, "cannot write an exception frame to its kernel stack at 0x%lx", sp);
        return;
    }
    if (masks)
        info->evtchn_upcall_mask = 1;
    r->rip = rip;
    r->cs = SEL_USER_CS;
    r->ss = SEL_USER_DS;
    r->rsp = sp;
    r->rflags = (r->rflags & ~(u64)(RFLAGS_AC | RFLAGS_VM | RFLAGS_RF | RFLAGS_NT | RFLAGS_TF)) | RFLAGS_IF;
    r->vector = REGS_SYSCALL; /* rcx and r11 are in the frame: SYSRET may be used */
}

void pv_trap_inject(struct vcpu *v, struct regs *r, u32 vector, const u32 *error)
{
    const struct pv_trap *t = &v->pv.trap[vector];
    if (unlikely(!t->rip)) {
        domain_crash(v->domain, "%s at rip 0x%lx error 0x%x, and the kernel has no handler for it", trap_name(vector),
                     r->rip, error ? *error : 0);
        return;
    }
    pv_trap_bounce(v, r, t->rip, t->flags & 4, error);
}

void pv_trap_failsafe(struct vcpu *v, struct regs *r)
{
    u64 head[4] = {v->pv.ds, v->pv.es, v->pv.fs, v->pv.gs};
    if (!v->pv.failsafe_rip) {
        domain_crash(v->domain, "a segment register cannot be loaded, and no failsafe callback is registered");
        return;
    }
    u64 rcx = r->rcx, r11 = r->r11;
    pv_trap_bounce(v, r, v->pv.failsafe_rip, v->pv.failsafe_masks, NULL);
    u64 low[2] = {rcx, r11};
    r->rsp -= sizeof(head);
    if (!guest_write(guest_at(r->rsp), low, sizeof(low)) || !guest_write(guest_at(r->rsp + 16), head, sizeof(head)))
        domain_crash(v->domain, "cannot write the failsafe frame to its kernel stack at 0x%lx", r->rsp);
}

static void page_fault(struct vcpu *v, struct regs *r)
{
    u64 address = cpu_read_cr2();
    u32 error = r->error;
    vcpu_count(v, WIRT_EVENT_page_fault);
    if (v->pv.in_kernel) {
        if ((error & (PF_P | PF_W | PF_RSVD | PF_I)) == (PF_P | PF_W) && guest_range_ok(address, 1) &&
            pv_ptwr(v, r, address)) {
            vcpu_count(v, WIRT_EVENT_table_write);
            return;
        }
        error &= ~PF_U;
    }
    if (unlikely(address - GDT_WINDOW < CPU_MAX * GDT_WINDOW_STRIDE) && pv_desc_ldt_fault(v, address))
        return;
    v->info->arch.cr2 = address;
    pv_trap_inject(v, r, TRAP_PF, &error);
}

/* INT n, rip behind it: the guest's handler, or #GP at the instruction if the guest's gate is not for this mode. */
static void software_interrupt(struct vcpu *v, struct regs *r, u8 vector)
{
    const struct pv_trap *t = &v->pv.trap[vector];
    if (likely(t->rip && (t->flags & 3) >= (v->pv.in_kernel ? 1 : 3))) {
        pv_trap_inject(v, r, vector, NULL);
        return;
    }
    r->rip -= 2;
    pv_trap_gp(v, r, vector * 8u + 2);
}

static void general_protection(struct vcpu *v, struct regs *r)
{
    u8 code[2];
    vcpu_count(v, WIRT_EVENT_protection);
    if (r->error & 2) { /* a gate of the real IDT that is at DPL 0; one emulator gets the number wrong, so look at it */
        if (guest_read(code, guest_at(r->rip), 2) && code[0] == 0xcd) {
            r->rip += 2;
            software_interrupt(v, r, code[1]);
            return;
        }
    } else if (r->error == 0 && pv_priv(v, r)) {
        vcpu_count(v, WIRT_EVENT_privileged);
        return;
    }
    pv_trap_gp(v, r, r->error);
}

void pv_trap(struct regs *r)
{
    struct vcpu *v = vcpu_current();
    switch (r->vector) {
    case TRAP_PF:
        page_fault(v, r);
        return;
    case TRAP_GP:
        general_protection(v, r);
        return;
    default:
        vcpu_count(v, WIRT_EVENT_trap);
        break;
    }
    switch (r->vector) {
    case 0x80:
        software_interrupt(v, r, 0x80);
        return;
    case TRAP_UD:
        if (pv_priv_forced(v, r))
            return;
        break;
    case TRAP_NM:
        if (!v->pv.ctrl0_ts)
            break;
        v->pv.ctrl0_ts = 0;
        __asm__ volatile("clts");
        break;
    case TRAP_DB:
        v->pv.debugreg[6] = cpu_read_dr6();
        cpu_write_dr6(0xffff0ff0);
        break;
    case TRAP_DF:
    case TRAP_TS:
    case TRAP_NP:
    case TRAP_SS:
    case TRAP_AC:
        pv_trap_inject(v, r, r->vector, &r->error);
        return;
    default:
        break;
    }
    pv_trap_inject(v, r, r->vector, NULL);
}
