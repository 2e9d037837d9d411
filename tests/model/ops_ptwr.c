/* SPDX-License-Identifier: MIT */
/*
 * Stores by instruction. Assembles one of the forms that kernels use to write an entry, or a form that is
 * none, knows by itself what it would store, and compares: the entry, the registers, or the refusal.
 */
#include <string.h>
#include "ops.h"

struct store {
    u8 code[24];
    u32 length, bytes;
    u64 value;     /* of the operand afterwards */
    u64 reg_after; /* of rcx (the register operand) afterwards */
    u64 rax_after;
    bool is_known; /* pv/ptwr.c must do it */
};

static void put(struct store *s, const void *bytes, u32 n)
{
    memcpy(s->code + s->length, bytes, n);
    s->length += n;
}
static void put1(struct store *s, u32 byte)
{
    s->code[s->length++] = (u8)byte;
}

/* ModRM for memory with register or /digit `reg`, and an address of random form. */
static void put_modrm(struct store *s, u32 reg)
{
    u32 mod = rnd(3), rm = rnd(8);
    put1(s, mod << 6 | reg << 3 | rm);
    if (rm == 4)
        put1(s, rnd(256) & (mod == 0 ? 0xfd : 0xff));
    u32 n = mod == 1 ? 1 : mod == 2 || (mod == 0 && rm == 5) ? 4 : 0;
    if (rm == 4 && mod == 0 && (s->code[s->length - 1] & 7) == 5)
        n = 4;
    while (n--)
        put1(s, rnd(256));
}

static u64 cut(u64 v, u32 bytes)
{
    return bytes == 8 ? v : v & ((1ull << bytes * 8) - 1);
}

/* What the forms are made of: the registers, the memory operand as it is, and what is drawn for all alike. */
struct operands {
    const struct regs *regs;
    u64 memory;
    u32 which; /* of the arithmetic group */
    s32 imm;
    u32 wide; /* bit 0 of the opcode */
};

static void assemble_mov_imm(struct store *s, const struct operands *o)
{
    put1(s, 0xc6 | o->wide);
    put_modrm(s, 0);
    put(s, &o->imm, o->wide ? 4 : 1);
    s->value = o->wide ? (u64)(s64)o->imm : (u64)(u8)o->imm;
    s->is_known = s->is_known && s->bytes != 2;
}

/* What a register holds whose part takes `part`. */
static u64 merge(const struct store *s, u64 whole, u64 part)
{
    return s->bytes == 4 ? part : (whole & ~cut(~0ull, s->bytes)) | part;
}

static void assemble_xchg(struct store *s, const struct operands *o)
{
    put1(s, 0x86 | o->wide);
    put_modrm(s, 1);
    s->value = o->regs->rcx;
    s->reg_after = merge(s, o->regs->rcx, o->memory);
}

static void assemble_cmpxchg(struct store *s, const struct operands *o)
{
    bool is_equal = o->memory == cut(o->regs->rax, s->bytes);
    put1(s, 0x0f);
    put1(s, 0xb0 | o->wide);
    put_modrm(s, 1);
    s->value = is_equal ? o->regs->rcx : o->memory;
    if (!is_equal)
        s->rax_after = merge(s, o->regs->rax, o->memory);
}

/* ADD OR AND SUB XOR */
static u64 arithmetic(u32 which, u64 a, u64 b)
{
    switch (which) {
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

static void assemble_arithmetic(struct store *s, const struct operands *o)
{
    put1(s, o->which << 3 | o->wide);
    put_modrm(s, 1);
    s->value = arithmetic(o->which, o->memory, o->regs->rcx);
}

static void assemble_arithmetic_imm(struct store *s, const struct operands *o)
{
    bool is_short = one_in(2) || !o->wide;
    put1(s, !o->wide ? 0x80 : is_short ? 0x83 : 0x81);
    put_modrm(s, o->which);
    put(s, &o->imm, is_short ? 1 : 4);
    s->value = arithmetic(o->which, o->memory, is_short ? (u64)(s64)(s8)o->imm : (u64)(s64)o->imm);
    s->is_known = s->is_known && (s->bytes != 2 || is_short);
}

/* BTS BTR BTC by register or imm8; there is none for a byte. */
static void assemble_bit(struct store *s, const struct operands *o, bool is_imm)
{
    u32 op = 5 + rnd(3), bit = (is_imm ? (u32)(u8)o->imm : (u32)o->regs->rcx) & (s->bytes * 8 - 1);
    if (s->bytes == 1) {
        s->is_known = false;
        put1(s, 0xf4);
        return;
    }
    put1(s, 0x0f);
    put1(s, is_imm ? 0xba : 0x83 | op << 3);
    put_modrm(s, is_imm ? op : 1);
    if (is_imm)
        put1(s, (u8)o->imm);
    s->value = op == 5 ? o->memory | BIT(bit) : op == 6 ? o->memory & ~BIT(bit) : o->memory ^ BIT(bit);
}

static void assemble_anything(struct store *s)
{
    s->is_known = false;
    for (u32 i = 0; i < 12; i++)
        put1(s, rnd(256));
}

static void assemble_prefixes(struct store *s, u32 count)
{
    for (u32 i = 0; i < count; i++)
        put1(s, one_in(2) ? 0xf0 : one_in(2) ? 0x3e : 0x65);
    if (s->bytes == 2)
        put1(s, 0x66);
    if (count + (s->bytes == 2) > 5)
        s->is_known = false;
    if (s->bytes == 8)
        put1(s, 0x48);
}

/* rcx is the operand; the memory operand holds `old`. */
static void assemble(struct store *s, const struct regs *r, u64 old)
{
    u32 form = rnd(12), width = rnd(8), prefixes = one_in(4) ? rnd(6) : 0;
    static const u8 group[5] = {0, 1, 4, 5, 6};
    u32 bytes = width < 5 ? 8 : width == 5 ? 4 : width == 6 ? 2 : 1;
    *s = (struct store){.bytes = bytes, .is_known = true, .reg_after = r->rcx, .rax_after = r->rax};
    assemble_prefixes(s, prefixes);
    struct operands o = {.regs = r, .memory = cut(old, bytes), .wide = bytes != 1};
    o.which = group[rnd(5)];
    o.imm = (s32)rnd64();
    switch (form) {
    case 0: /* MOV from the register */
    case 1:
        put1(s, 0x88 | o.wide);
        put_modrm(s, 1);
        s->value = r->rcx;
        break;
    case 2:
        assemble_mov_imm(s, &o);
        break;
    case 3:
    case 4:
        assemble_xchg(s, &o);
        break;
    case 5:
    case 6:
        assemble_cmpxchg(s, &o);
        break;
    case 7:
        assemble_arithmetic(s, &o);
        break;
    case 8:
        assemble_arithmetic_imm(s, &o);
        break;
    case 9:
    case 10:
        assemble_bit(s, &o, form == 10);
        break;
    default:
        assemble_anything(s);
        break;
    }
    s->is_known = s->is_known && s->length <= 15;
    s->value = cut(s->value, s->bytes);
}

static bool maps_l1(u32 v, pte_t e)
{
    return (e & (PTE_P | PTE_RW)) == PTE_P && machine_is_ram(pte_mfn(e)) &&
           page_kind(frame_page_raw(mfn(pte_mfn(e)))->type) == PAGE_L1;
}

/* An address that maps an L1 table read-only, if there is one: the guest knows its own tables. */
static bool find_target(u32 v, u64 *va, u32 *target)
{
    for (u32 n = 0; n < 12; n++) {
        u32 table, index;
        *va = entries_va_mapped(v, maps_l1) & PAGE_MASK;
        if (!model_find(known.l4[v][0], *va, &table, &index))
            continue;
        pte_t e = ((pte_t *)frame_va(mfn(table)))[index];
        if ((e & (PTE_P | PTE_RW)) != PTE_P || !machine_is_ram(pte_mfn(e)))
            continue;
        *target = (u32)pte_mfn(e);
        if (page_kind(frame_page_raw(mfn(*target))->type) == PAGE_L1)
            return true;
    }
    return false;
}

void ops_ptwr(u32 v)
{
    struct vcpu *self = vcpus[v];
    u64 va = entries_va();
    u32 target = 0, index = entries_index(), d = v / 2;
    bool is_target = find_target(v, &va, &target), is_foretold = false, would = false;
    u64 old = is_target ? ((u64 *)frame_va(mfn(target)))[index] : 0;
    u64 value = entries_make(d, PAGE_L1, 6);
    if (one_in(3)) /* only bits */
        value = (old & ~(PTE_G | PTE_KERNEL)) ^ (rnd64() & (PTE_RW | PTE_A | PTE_D | PTE_P));
    struct regs r = {.rcx = value, .rax = one_in(3) ? rnd64() : old, .rflags = 0x202};
    struct store s;
    u32 shift = 0;
    assemble(&s, &r, old);
    if (s.bytes < 8) { /* somewhere inside the entry; assemble for what is there */
        shift = rnd(8 / s.bytes) * s.bytes;
        r.rax = one_in(3) ? r.rax : old >> shift * 8;
        assemble(&s, &r, old >> shift * 8);
        if (s.bytes + shift > 8)
            s.is_known = false;
    }
    u64 mask = cut(~0ull, s.bytes) << shift * 8, new = (old & ~mask) | s.value << shift * 8;
    note("ptwr by vCPU %u at 0x%lx (frame 0x%x[%u] + %u), %u bytes, 0x%lx -> 0x%lx", v, va, target, index, shift,
         s.bytes, old, new);
    u8 *at = guest_mem[v] + 4096 - (one_in(8) ? rnd(20) : 64);
    if (one_in(50))
        at = (u8 *)guest_mem + sizeof(guest_mem) - 1 - rnd(16); /* the end of mapped memory */
    memcpy(at, s.code, min(sizeof(s.code), (u64)((u8 *)guest_mem + sizeof(guest_mem) - at)));
    r.rip = (u64)at;
    if (is_target && s.is_known && jobs_are_done() && one_in(2) && r.rip + 16 <= (u64)guest_mem + sizeof(guest_mem)) {
        model_check();
        is_foretold = model_is_idle();
        would = is_foretold && known.owner[target] == domain_owner(dom[d]) && model_is_used(target, PAGE_L1) &&
                model_would_write(dom[d], domain_owner(dom[d]), target, index, new);
        tally.foretold += is_foretold;
    }
    struct regs after = r;
    bool done = pv_ptwr(self, &after, (va & PAGE_MASK) + index * 8 + shift);
    bool has_stored = after.rip != r.rip;
    if (is_foretold && (done && has_stored) != would)
        fail("ptwr: %s, but the model says that it %s", done ? "done" : "refused",
             would ? "is all right" : "must be refused");
    if (has_stored && s.is_known) {
        if (after.rip != r.rip + s.length || after.rcx != s.reg_after || after.rax != s.rax_after)
            fail("ptwr: registers are wrong: rip + %lu, must be %u; rcx 0x%lx, must be 0x%lx; rax 0x%lx, must be 0x%lx",
                 after.rip - r.rip, s.length, after.rcx, s.reg_after, after.rax, s.rax_after);
        shadow[target][index] = new;
    } else if (has_stored) {
        shadow[target][index] = ((u64 *)frame_va(mfn(target)))[index]; /* a random instruction that is one */
    }
    if (has_stored)
        tally.accepted[OP_PTWR]++;
    else
        tally.refused[OP_PTWR]++;
}
