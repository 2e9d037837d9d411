/* SPDX-License-Identifier: MIT */
/*
 * Privileged instructions of a guest kernel, met as #GP (or as #UD behind the forced-emulation prefix): port I/O,
 * control and debug registers, MSRs, CPUID, cache and time-stamp instructions, CLI and STI (which mean nothing here).
 * One instruction, decoded from its bytes; anything not listed is the guest's own #GP. Ports the domain has no right to
 * read as all ones and swallow writes; a program without I/O rights gets its #GP.
 */
#include "dom/cpuid.h"
#include "dom/insn.h"
#include "hw/fpu.h"
#include "hw/pci.h"
#include "lib/string.h"
#include "pv/pv.h"

static void put_low(u64 *reg, u64 value, u32 bytes)
{
    if (bytes == 1)
        *reg = (*reg & ~0xffull) | (value & 0xff);
    else if (bytes == 2)
        *reg = (*reg & ~0xffffull) | (value & 0xffff);
    else
        *reg = (u32)value;
}

/* --- ports --- */

static bool port_allowed_by_guest(struct vcpu *v, u32 port, u32 bytes)
{
    if (v->pv.iopl >= (v->pv.in_kernel ? 1 : 3))
        return true;
    if (!v->pv.iobitmap_ports || port + bytes > v->pv.iobitmap_ports)
        return false;
    u8 map[2] = {0xff, 0xff};
    bool has_two = (port & 7) + bytes > 8;
    if (!v->pv.in_kernel) /* the bitmap is the kernel's; interrupts are off */
        cpu_write_cr3(v->pv.kernel_cr3);
    bool is_read = guest_read(map, guest_at(v->pv.iobitmap_va + port / 8), has_two ? 2 : 1);
    if (!v->pv.in_kernel)
        cpu_write_cr3(v->pv.user_cr3);
    if (!is_read)
        return false;
    u32 bits = (u32)(map[0] | map[1] << 8) >> (port & 7);
    return !(bits & ((1u << bytes) - 1));
}

static u32 port_read(struct vcpu *v, u32 port, u32 bytes)
{
    const struct domain *d = v->domain;
    if (port == 0xcf8 && bytes == 4)
        return d->is_privileged ? v->pv.pci_cf8 : ~0u;
    if ((port & ~3u) == 0xcfc && d->is_privileged)
        return pci_guest_read(v->pv.pci_cf8, port & 3, bytes);
    if ((port == 0x70 || port == 0x71) && d->is_privileged && bytes == 1) {
        if (port == 0x70)
            return v->pv.cmos_index;
        cpu_out8(0x70, v->pv.cmos_index & 0x7f);
        return cpu_in8(0x71);
    }
    if (!range_has(&d->ports, port, port + bytes - 1))
        return ~0u;
    return bytes == 1 ? cpu_in8((u16)port) : bytes == 2 ? cpu_in16((u16)port) : cpu_in32((u16)port);
}

static void port_write(struct vcpu *v, u32 port, u32 bytes, u32 value)
{
    const struct domain *d = v->domain;
    if (port == 0xcf8 && bytes == 4) {
        v->pv.pci_cf8 = value;
    } else if ((port & ~3u) == 0xcfc && d->is_privileged) {
        pci_guest_write(v->pv.pci_cf8, port & 3, bytes, value);
    } else if (port == 0x70 && bytes == 1) {
        v->pv.cmos_index = (u8)value;
    } else if (port == 0x71 && bytes == 1 && d->is_privileged) {
        cpu_out8(0x70, v->pv.cmos_index & 0x7f);
        cpu_out8(0x71, (u8)value);
    } else if (range_has(&d->ports, port, port + bytes - 1)) {
        if (bytes == 1)
            cpu_out8((u16)port, (u8)value);
        else if (bytes == 2)
            cpu_out16((u16)port, (u16)value);
        else
            cpu_out32((u16)port, value);
    }
}

static bool io_register(struct vcpu *v, struct regs *r, struct insn *n)
{
    u32 bytes = !(n->opcode & 1) ? 1 : n->has_16 ? 2 : 4;
    u32 port = n->opcode & 8 ? r->rdx & 0xffff : n->bytes[n->length++];
    if (!port_allowed_by_guest(v, port, bytes))
        return false;
    if (n->opcode & 2)
        port_write(v, port, bytes, (u32)(bytes == 4 ? r->rax : r->rax & ((1u << bytes * 8) - 1)));
    else
        put_low(&r->rax, port_read(v, port, bytes), bytes);
    return true;
}

/* INS and OUTS, at most 256 items a visit: the instruction stays at rip until rcx is used up. */
static bool io_string(struct vcpu *v, struct regs *r, struct insn *n, bool *is_unfinished)
{
    u32 bytes = !(n->opcode & 1) ? 1 : n->has_16 ? 2 : 4;
    u32 port = r->rdx & 0xffff;
    u64 step = r->rflags & RFLAGS_DF ? -(u64)bytes : bytes;
    if (!port_allowed_by_guest(v, port, bytes))
        return false;
    for (u32 i = 0; !n->has_rep || r->rcx; i++) {
        u32 value = 0;
        if (i == 256) {
            *is_unfinished = true;
            break;
        }
        bool ok;
        if (n->opcode & 2) {
            ok = guest_read(&value, guest_at(r->rsi), bytes);
        } else {
            value = port_read(v, port, bytes);
            ok = guest_write(guest_at(r->rdi), &value, bytes);
        }
        if (!ok) { /* let the guest see its page fault */
            u32 error = (n->opcode & 2 ? 0 : PF_W) | (v->pv.in_kernel ? 0 : PF_U);
            v->info->arch.cr2 = n->opcode & 2 ? r->rsi : r->rdi;
            pv_trap_inject(v, r, TRAP_PF, &error);
            *is_unfinished = true;
            break;
        }
        if (n->opcode & 2)
            port_write(v, port, bytes, value);
        *(n->opcode & 2 ? &r->rsi : &r->rdi) += step;
        if (!n->has_rep)
            break;
        r->rcx--;
    }
    return true;
}

/* --- control and debug registers --- */

static bool cr_read(struct vcpu *v, u32 cr, u64 *value)
{
    switch (cr) {
    case 0:
        *value = 0x80050033 | (v->pv.ctrl0_ts ? CR0_TS : 0);
        return true;
    case 2:
        *value = v->info->arch.cr2;
        return true;
    case 3:
        *value = v->pv.kernel_l4.n << PAGE_SHIFT;
        return true;
    case 4:
        *value = v->pv.cr4 | CR4_PAE | CR4_MCE | CR4_OSFXSR | CR4_OSXMMEXCPT | (v->xcr0 ? CR4_OSXSAVE : 0);
        return true;
    default:
        return false;
    }
}

static bool cr_write(struct vcpu *v, u32 cr, u64 value)
{
    switch (cr) {
    case 0:
        if ((value ^ 0x80050033) & ~CR0_TS)
            return false;
        v->pv.ctrl0_ts = (value & CR0_TS) != 0;
        cpu_write_cr0((cpu_read_cr0() & ~CR0_TS) | (value & CR0_TS));
        return true;
    case 2:
        v->info->arch.cr2 = value;
        return true;
    case 4: /* the guest's wishes change nothing of ours: TSD and DE are remembered, the rest is reported back */
        v->pv.cr4 = value & (CR4_TSD | CR4_DE);
        return true;
    default:
        return false;
    }
}

static bool move_special(struct vcpu *v, struct regs *r, struct insn *n)
{
    u8 modrm = n->bytes[n->length++];
    u32 special = (modrm >> 3 & 7) | (n->rex & 4u) << 1;
    u64 *reg = insn_reg(r, (modrm & 7) | (n->rex & 1u) << 3);
    if (modrm < 0xc0)
        return false;
    switch (n->opcode) {
    case 0x20:
        return cr_read(v, special, reg);
    case 0x22:
        return cr_write(v, special, *reg);
    case 0x21:
        if (special > 7)
            return false;
        *reg = v->pv.debugreg[special == 4 ? 6 : special == 5 ? 7 : special];
        return true;
    default:
        return pv_misc_set_debug(v, special, *reg) == 0;
    }
}

static bool set_xcr0(struct vcpu *v, const struct regs *r)
{
    u64 value = (u32)r->rax | r->rdx << 32;
    if (r->rcx & 0xffffffff || !fpu_xcr0_is_valid(value))
        return false;
    v->xcr0 = value;
    fpu_set_xcr0(value);
    return true;
}

static bool two_byte(struct vcpu *v, struct regs *r, struct insn *n)
{
    u64 value;
    n->opcode = n->bytes[n->length++];
    switch (n->opcode) {
    case 0x01:
        if (n->bytes[n->length] == 0xd1) {
            n->length++;
            return set_xcr0(v, r);
        }
        if (n->bytes[n->length++] != 0xf9)
            return false;
        r->rcx = 0; /* RDTSCP */
        /* fall through */
    case 0x31:
        value = cpu_tsc();
        r->rax = (u32)value;
        r->rdx = value >> 32;
        return true;
    case 0x06:
        v->pv.ctrl0_ts = 0;
        __asm__ volatile("clts");
        return true;
    case 0x08:
    case 0x09: /* caches: only for who drives devices */
        if (v->domain->iomem.count)
            __asm__ volatile("wbinvd" ::: "memory");
        return true;
    case 0x20:
    case 0x21:
    case 0x22:
    case 0x23:
        return move_special(v, r, n);
    case 0x30:
        return pv_msr_write(v, (u32)r->rcx, (u32)r->rax | r->rdx << 32);
    case 0x32:
        if (!pv_msr_read(v, (u32)r->rcx, &value))
            return false;
        r->rax = (u32)value;
        r->rdx = value >> 32;
        return true;
    default:
        return false;
    }
}

bool pv_priv(struct vcpu *v, struct regs *r)
{
    struct insn n;
    bool done = false, is_unfinished = false;
    if (!insn_fetch(r->rip, 8, &n))
        return false;
    switch (n.opcode) {
    case 0x6c ... 0x6f:
        done = !n.has_base && io_string(v, r, &n, &is_unfinished);
        break;
    case 0xe4 ... 0xe7:
    case 0xec ... 0xef:
        done = io_register(v, r, &n);
        break;
    case 0xfa:
    case 0xfb:
        done = v->pv.iopl >= (v->pv.in_kernel ? 1 : 3) || v->pv.in_kernel;
        break;
    case 0x0f:
        done = v->pv.in_kernel && two_byte(v, r, &n);
        break;
    default:
        break;
    }
    if (done && !is_unfinished)
        r->rip += n.length;
    return done;
}

bool pv_priv_forced(struct vcpu *v, struct regs *r)
{
    static const u8 prefix[5] = {0x0f, 0x0b, 'x', 'e', 'n'};
    u8 code[7];
    if (!guest_read(code, guest_at(r->rip), sizeof(code)) || memcmp(code, prefix, 5) || code[5] != 0x0f ||
        code[6] != 0xa2)
        return false;
    struct cpuid c = cpuid_leaf(DOMAIN_PV, v->id, (u32)r->rax, (u32)r->rcx);
    r->rax = c.eax;
    r->rbx = c.ebx;
    r->rcx = c.ecx;
    r->rdx = c.edx;
    r->rip += sizeof(code);
    return true;
}
