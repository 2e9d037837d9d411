/* SPDX-License-Identifier: MIT */
/*
 * Writable page tables: a guest kernel that stores straight into one of its L1 tables (mapped read-only, so it
 * faults) gets the store done as a checked update. Only the handful of instructions that kernels use for it: MOV,
 * XCHG, CMPXCHG, and the locked AND OR XOR ADD SUB BTS BTR BTC family. The fault tells the address, so operands need
 * only be measured. Anything else, or any other read-only page, is the guest's own page fault.
 */
#include "lib/string.h"
#include "dom/insn.h"
#include "pv/pte.h"

struct store {
    enum { ST_MOV, ST_XCHG, ST_CMPXCHG, ST_ALU, ST_BIT } kind;
    u8 op;     /* ALU: 0 ADD 1 OR 4 AND 5 SUB 6 XOR; BIT: 5 BTS 6 BTR 7 BTC */
    u8 bytes;  /* operand size */
    u8 length; /* of the instruction */
    u8 reg;    /* register operand */
    bool has_imm;
    u64 imm;
};

static bool decode_0f(struct insn *n, struct store *s)
{
    u8 code = n->bytes[n->length++];
    switch (code) {
    case 0xb0:
        s->bytes = 1;
        /* fall through */
    case 0xb1:
        s->kind = ST_CMPXCHG;
        return insn_memory(n, &s->reg);
    case 0xab:
    case 0xb3:
    case 0xbb:
        s->kind = ST_BIT;
        s->op = code >> 3 & 7;
        return insn_memory(n, &s->reg);
    case 0xba:
        s->kind = ST_BIT;
        s->has_imm = true;
        if (!insn_memory(n, &s->reg))
            return false;
        s->op = s->reg & 7;
        s->imm = insn_signed(n, 1);
        return s->op >= 5;
    default:
        return false;
    }
}

static bool decode(struct insn *n, struct store *s)
{
    u8 code = n->opcode;
    memset(s, 0, sizeof(*s));
    s->bytes = n->rex & 8 ? 8 : n->has_16 ? 2 : 4;
    if (code == 0x0f)
        return decode_0f(n, s);
    if (!(code & 1))
        s->bytes = 1;
    s->has_imm = code >= 0x80 && code <= 0x83;
    s->kind = ST_ALU;
    s->op = code >> 3;
    if (code == 0x86 || code == 0x87)
        s->kind = ST_XCHG;
    else if (code == 0x88 || code == 0x89 || code == 0xc6 || code == 0xc7)
        s->kind = ST_MOV;
    else if (code == 0x82 || !(s->has_imm || (code < 0x38 && (code & 7) <= 1)))
        return false; /* the last: op r/m, reg */
    s->has_imm |= code >= 0xc6;
    if (!insn_memory(n, &s->reg))
        return false;
    if (s->has_imm) {
        if (s->kind == ST_ALU)
            s->op = s->reg & 7;
        if (s->bytes == 2 && code != 0x83)
            return false; /* 16-bit immediates are nobody's way to write an entry */
        s->imm = insn_signed(n, code == 0x81 || code == 0xc7 ? 4 : 1);
    }
    return s->bytes != 1 || s->has_imm || n->rex || s->reg < 4;
}

static void set_flags(struct regs *r, u64 result, u32 bytes, bool carry, bool overflow)
{
    u64 f = r->rflags & ~0x8d5ull;
    u64 top = 1ull << (bytes * 8 - 1);
    result &= top | (top - 1);
    f |= carry | (u64)overflow << 11;
    f |= result == 0 ? 0x40 : 0;
    f |= result & top ? 0x80 : 0;
    f |= __builtin_parity((u32)(result & 0xff)) ? 0 : 4;
    r->rflags = f;
}

static u64 alu(u32 op, u64 a, u64 b)
{
    switch (op) {
    case 0:
        return a + b;
    case 1:
        return a | b;
    case 4:
        return a & b;
    case 5:
        return a - b;
    default:
        return a ^ b;
    }
}

/* The new value of the operand; false: an operation that we leave to the guest. Also what becomes of registers. */
static bool compute(const struct store *s, struct regs *r, u64 old, u64 *next, struct regs *after)
{
    u64 operand = s->has_imm ? s->imm : *insn_reg(r, s->reg);
    u64 mask = s->bytes == 8 ? ~0ull : (1ull << s->bytes * 8) - 1, top = 1ull << (s->bytes * 8 - 1);
    *after = *r;
    switch (s->kind) {
    case ST_MOV:
        *next = operand;
        return true;
    case ST_XCHG: {
        u64 *reg = insn_reg(after, s->reg);
        *next = operand;
        *reg = s->bytes == 4 ? old : (*reg & ~mask) | old;
        return true;
    }
    case ST_CMPXCHG: {
        u64 want = r->rax & mask;
        *next = old == want ? operand : old;
        set_flags(after, want - old, s->bytes, want < old, ((want ^ old) & (want ^ (want - old)) & top) != 0);
        if (old != want)
            after->rax = s->bytes == 4 ? old : (r->rax & ~mask) | old;
        return true;
    }
    case ST_BIT: {
        u64 bit = 1ull << (operand & (s->bytes * 8u - 1));
        *next = s->op == 5 ? old | bit : s->op == 6 ? old & ~bit : old ^ bit;
        after->rflags = (r->rflags & ~1ull) | (old & bit ? 1 : 0);
        return true;
    }
    case ST_ALU:
        if (s->op == 2 || s->op == 3 || s->op == 7)
            return false; /* ADC, SBB; CMP does not store */
        operand &= mask;
        *next = alu(s->op, old, operand) & mask;
        set_flags(after, *next, s->bytes, s->op == 0 ? *next < old : s->op == 5 && old < operand,
                  s->op == 0   ? (~(old ^ operand) & (old ^ *next) & top) != 0
                  : s->op == 5 ? ((old ^ operand) & (old ^ *next) & top) != 0
                               : false);
        return true;
    }
    return false;
}

static bool apply(struct vcpu *v, struct regs *r, const struct store *s, pte_t *slot, u32 offset)
{
    u64 mask = s->bytes == 8 ? ~0ull : (1ull << s->bytes * 8) - 1;
    pte_t old = READ_ONCE(*slot);
    struct regs after;
    u64 part;
    if (!compute(s, r, old >> offset * 8 & mask, &part, &after))
        return false;
    pte_t next = (old & ~(mask << offset * 8)) | (part & mask) << offset * 8;
    int rc = pv_pte_write_any(v->domain, domain_owner(v->domain), slot, next, false, &old);
    if (rc == -EAGAIN || rc == -ERESTART)
        return true; /* changed under us, or busy: the guest executes its instruction again */
    if (rc) {
        domain_log(v->domain, "store to a page table: entry 0x%lx refused (%d) at rip 0x%lx", next, rc, r->rip);
        return false;
    }
    after.rip += s->length;
    *r = after;
    return true;
}

bool pv_ptwr(struct vcpu *v, struct regs *r, u64 address)
{
    struct page *mapping, *table;
    struct store s;
    struct insn n;
    pte_t *entry = pv_pte_find(v, address, &mapping);
    if (!entry)
        return false;
    pte_t e = READ_ONCE(*entry);
    if ((e & (PTE_P | PTE_RW)) != PTE_P || !(table = frame_page(mfn(pte_mfn(e)))) || page_kind(table->type) != PAGE_L1)
        return false;
    if (!insn_fetch(r->rip, 8, &n) || !decode(&n, &s) || !insn_is_whole(&n) || (address & 7) + s.bytes > 8)
        return false;
    s.length = n.length;
    int rc = page_get_as(table, domain_owner(v->domain), PAGE_L1);
    if (rc)
        return rc == -ERESTART;
    pte_t *slot = (pte_t *)((u8 *)frame_va(mfn(pte_mfn(e))) + (address & (PAGE_SIZE - 1) & ~7ull));
    bool done = apply(v, r, &s, slot, address & 7);
    page_put_as(table);
    return done;
}
