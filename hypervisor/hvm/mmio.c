/* SPDX-License-Identifier: MIT */
/*
 * Memory that is none: the page of the local APIC, whose registers are 32 bits, and holes, where a write is lost (what
 * reads find there, p2m_show_hole() shows to the processor itself). Both are reached by the MOVs that compilers emit;
 * the instruction is read once, as 64-, 32- or 16-bit code has it. Whoever comes with anything else is crashed by name.
 */
#include "dom/insn.h"
#include "hvm/hvm.h"
#include "lib/string.h"

struct access {
    bool writes, has_imm;
    u8 reg, bytes;
    u32 imm;
};

/* MOV between a register and memory, or of an immediate to it. */
static bool decode(struct insn *n, struct access *a)
{
    u8 code = n->opcode;

    if (n->has_rep)
        return false;
    a->bytes = !(code & 1) ? 1 : n->rex & 8 ? 8 : n->has_16 == (n->wide == 2) ? 4 : 2;
    a->writes = code != 0x8b && code != 0xa1;
    switch (code | 1) {
    case 0x89:
        return insn_memory(n, &a->reg);
    case 0x8b:
        return code == 0x8b && insn_memory(n, &a->reg);
    case 0xa3: /* the address is in the instruction */
        n->length = (u8)(n->length + n->wide);
        return true;
    case 0xa1:
        n->length = (u8)(n->length + n->wide);
        return code == 0xa1;
    case 0xc7:
        a->has_imm = true;
        if (!insn_memory(n, &a->reg) || a->reg & 7)
            return false;
        memcpy(&a->imm, n->bytes + n->length, sizeof(a->imm));
        n->length = (u8)(n->length + min(a->bytes, (u8)4));
        return true;
    default:
        return false;
    }
}

/* The register's 32 bits, or what the instruction brings. */
static void do_apic(struct vcpu *v, struct regs *r, u32 offset, struct access *a)
{
    u64 *reg = insn_reg(r, a->reg);

    if (a->writes && !a->has_imm)
        a->imm = (u32)*reg;
    if (vlapic_has_page(v))
        vlapic_page(v, offset, a->writes, &a->imm);
    else
        a->imm = ~0u;
    if (!a->writes)
        *reg = a->imm;
}

void hvm_mmio(struct vcpu *v, struct regs *r, u64 address)
{
    bool is_apic = address >> PAGE_SHIFT == HVM_APIC_PAGE;
    struct hvm_code code = hvm_backend->code(v);
    struct access a = {0};
    struct insn n = {0};

    if (!insn_fetch(code.wide == 8 ? r->rip : (u32)(code.at + r->rip), (u8)code.wide, &n) || !decode(&n, &a) ||
        !insn_is_whole(&n) || (is_apic ? a.bytes != 4 : !a.writes)) {
        domain_crash(v->domain,
                     "vCPU %u reaches for guest-physical address 0x%lx, %s, at 0x%lx by something else than MOV%s",
                     v->id, address, is_apic ? "its APIC's" : "where nothing is", r->rip, is_apic ? " of 32 bits" : "");
        return;
    }
    r->rip += n.length; /* before it takes effect: INIT to itself begins elsewhere */
    if (code.wide < 8)
        r->rip = (u32)r->rip;
    if (is_apic)
        do_apic(v, r, address & (PAGE_SIZE - 1), &a);
}
