/* SPDX-License-Identifier: MIT */
/*
 * The one page that is a device's: that of the local APIC, where nothing is mapped. Its registers are 32 bits, and
 * kernels reach them by the MOVs that compilers emit; their bytes are read as a guest's 64-bit code finds them. Whoever
 * comes with anything else is crashed by name.
 */
#include "dom/insn.h"
#include "hvm/hvm.h"
#include "lib/string.h"

struct access {
    bool writes, has_imm;
    u8 reg;
    u32 imm;
};

/* MOV between a register of 32 bits, or EAX, and memory, or of an immediate to it. */
static bool decode(struct insn *n, struct access *a)
{
    u8 code = n->opcode;

    a->writes = code != 0x8b && code != 0xa1;
    if (n->has_16 || n->has_rep || n->rex & 8)
        return false;
    switch (code) {
    case 0x89:
    case 0x8b:
        return insn_memory(n, &a->reg);
    case 0xa1:
    case 0xa3: /* the address is in the instruction */
        n->length += 8;
        return true;
    case 0xc7:
        a->has_imm = true;
        if (!insn_memory(n, &a->reg) || a->reg & 7)
            return false;
        a->imm = (u32)insn_signed(n, 4);
        return true;
    default:
        return false;
    }
}

bool hvm_mmio(struct vcpu *v, struct regs *r, u64 address)
{
    u32 offset = address & (PAGE_SIZE - 1);
    struct access a = {0};
    struct hvm_mode mode;
    struct insn n = {0};
    u64 *reg;

    if (address >> PAGE_SHIFT != HVM_APIC_PAGE || !vlapic_has_page(v))
        return false;
    hvm_backend->mode(v, &mode);
    if (!mode.is_long || !insn_fetch(r, &n) || !decode(&n, &a) || !insn_is_whole(&n)) {
        domain_crash(v->domain, "vCPU %u reaches for its APIC (offset 0x%x) at 0x%lx by %s", v->id, offset, r->rip,
                     mode.is_long ? "something else than MOV of 32 bits" : "other than 64-bit code");
        return true;
    }
    reg = insn_reg(r, a.reg);
    if (a.writes && !a.has_imm)
        a.imm = (u32)*reg;
    r->rip += n.length; /* before it takes effect: INIT to itself begins elsewhere */
    vlapic_page(v, offset, a.writes, &a.imm);
    if (!a.writes)
        *reg = a.imm;
    return true;
}
