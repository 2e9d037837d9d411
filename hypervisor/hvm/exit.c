/* SPDX-License-Identifier: MIT */
/*
 * What a guest leaves for, whatever the make of processor: what the two have to say about an exit was taken apart by
 * svm_exit.c or vmx_exit.c, which also say where the next instruction begins. Interrupts are on, the vCPU is current.
 */
#include "dom/cpuid.h"
#include "hvm/hvm.h"
#include "hw/fpu.h"
#include "lib/log.h"

#define PORT_TIMER 0x42u

void exit_fault(struct vcpu *v, u32 vector)
{
    hvm_inject(v, vector, vector == TRAP_GP, 0);
}

void exit_cpuid(struct vcpu *v, struct regs *r, u64 next)
{
    struct cpuid c = cpuid_leaf(DOMAIN_HVM, v->id, (u32)r->rax, (u32)r->rcx);
    struct hvm_mode mode;

    vcpu_count(v, WIRT_EVENT_exit_cpuid);
    if ((u32)r->rax == 1) {
        hvm_backend->mode(v, &mode);
        c.ecx &= ~(mode.cr4 & CR4_OSXSAVE ? 0 : 1u << CPU_F_OSXSAVE % 32);
    }
    r->rax = c.eax;
    r->rbx = c.ebx;
    r->rcx = c.ecx;
    r->rdx = c.edx;
    r->rip = next;
}

void exit_msr(struct vcpu *v, struct regs *r, u64 next, bool is_write)
{
    u64 value = (u32)r->rax | r->rdx << 32;
    bool ok = is_write ? hvm_msr_write(v, (u32)r->rcx, value) : hvm_msr_read(v, (u32)r->rcx, &value);

    vcpu_count(v, WIRT_EVENT_exit_msr);
    if (!ok) {
        exit_fault(v, TRAP_GP);
        return;
    }
    if (!is_write) {
        r->rax = (u32)value;
        r->rdx = value >> 32;
    }
    r->rip = next;
}

/* No device is behind any port but the one to which early kernels print. Strings are only taken from memory there. */
void exit_port(struct vcpu *v, struct regs *r, u64 next, struct exit_port p)
{
    u64 count = p.is_repeated ? r->rcx : 1;
    char c;

    vcpu_count(v, WIRT_EVENT_exit_port);
    if (p.is_string && (p.is_in || r->rflags & RFLAGS_DF)) {
        exit_fault(v, TRAP_GP);
        return;
    }
    for (u64 i = 0; p.port == HVM_PORT_PRINT && !p.is_in && i < min(count, HVM_LINE); i++) {
        c = (char)r->rax;
        if (!p.is_string || hvm_copy(&c, r->rsi + i, 1, false))
            hvm_print(v->domain, c);
    }
    if (p.is_string)
        r->rsi += count * p.bytes;
    if (p.is_repeated)
        r->rcx = 0;
    if (p.is_in && p.port == PORT_TIMER) /* no 8254, as one look tells; all ones are looked at 100,000 times */
        r->rax &= ~0xffull;
    else if (p.is_in)
        r->rax = p.bytes == 4 ? 0xffffffff : r->rax | (p.bytes == 2 ? 0xffff : 0xff);
    r->rip = next;
}

/* Nothing is there, or only to be read. Reads find ones by doing it again; a write is the instruction's, and lost,
 * unless the processor was at its own. */
void exit_nested_fault(struct vcpu *v, struct regs *r, struct exit_memory x)
{
    u64 gfn = x.address >> PAGE_SHIFT;
    const char *why = NULL;
    bool is_writable;
    mfn_t m = p2m_find(v->domain, gfn, &is_writable);

    vcpu_count(v, WIRT_EVENT_exit_memory);
    if (m.n != MFN_NONE && (is_writable || !x.is_write)) /* it came meanwhile */
        return;
    if (m.n != MFN_NONE)
        why = "it may only read";
    else if (!x.is_write && gfn != HVM_APIC_PAGE)
        why = p2m_show_hole(v->domain, gfn) ? NULL : "nothing is, and for that there are no more tables";
    else if (x.is_walk || v->hvm->event & HVM_EVENT_VALID)
        why = "it has page tables, or the stack of an exception, and nothing is";
    else
        hvm_mmio(v, r, x.address);
    if (why)
        domain_crash(v->domain, "vCPU %u %s guest-physical address 0x%lx, where %s", v->id,
                     x.is_write ? "wrote to" : "read", x.address, why);
}

void exit_halt(struct vcpu *v, struct regs *r, u64 next)
{
    vcpu_count(v, WIRT_EVENT_exit_halt);
    r->rip = next;
    if (r->rflags & RFLAGS_IF || v->pv.nmi_pending)
        hvm_halt(v);
    else
        hvm_down(v);
}

void exit_xsetbv(struct vcpu *v, struct regs *r, u64 next)
{
    u64 value = (u32)r->rax | r->rdx << 32;

    if ((u32)r->rcx || hvm_backend->code(v).cpl || !fpu_xcr0_is_valid(value)) {
        exit_fault(v, TRAP_GP);
        return;
    }
    v->xcr0 = value;
    fpu_set_xcr0(value);
    r->rip = next;
}
