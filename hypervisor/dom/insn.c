/* SPDX-License-Identifier: MIT */
/*
 * Reading a guest's instruction, byte by byte, from a copy: the guest may change it meanwhile, and then gets what it
 * had before. Knows prefixes (no 0x67) and operand forms, no opcodes. Segment overrides are stepped over: the address
 * of a memory operand is the fault's, never computed here.
 */
#include "dom/insn.h"
#include "dom/guest.h"
#include "lib/string.h"

u64 *insn_reg(struct regs *r, u32 number)
{
    static const u8 offset[16] = {
        offsetof(struct regs, rax), offsetof(struct regs, rcx), offsetof(struct regs, rdx), offsetof(struct regs, rbx),
        offsetof(struct regs, rsp), offsetof(struct regs, rbp), offsetof(struct regs, rsi), offsetof(struct regs, rdi),
        offsetof(struct regs, r8),  offsetof(struct regs, r9),  offsetof(struct regs, r10), offsetof(struct regs, r11),
        offsetof(struct regs, r12), offsetof(struct regs, r13), offsetof(struct regs, r14), offsetof(struct regs, r15)};
    return (u64 *)(void *)((u8 *)r + offset[number & 15]);
}

static bool is_prefix(struct insn *n, u8 b)
{
    n->has_16 |= b == 0x66;
    n->has_rep |= b == 0xf3 || b == 0xf2;
    n->has_base |= b == 0x64 || b == 0x65;
    return b == 0x66 || b == 0xf3 || b == 0xf2 || b == 0xf0 || (b & 0xe7) == 0x26 || b == 0x64 || b == 0x65;
}

bool insn_fetch(u64 at, u8 wide, struct insn *n)
{
    u64 room = min(PAGE_SIZE - (at & (PAGE_SIZE - 1)), 15ul);
    memset(n, 0, sizeof(*n));
    n->wide = wide;
    if (!guest_read(n->bytes, guest_at(at), room))
        return false;
    if (room < 15 && !guest_read(n->bytes + room, guest_at(at + room), 15 - room))
        memset(n->bytes + room, 0, 15 - room); /* perhaps the instruction ends before */
    while (is_prefix(n, n->bytes[n->length]))
        if (++n->length > 5)
            return false;
    if (wide == 8 && (n->bytes[n->length] & 0xf0) == 0x40)
        n->rex = n->bytes[n->length++];
    n->opcode = n->bytes[n->length++];
    return true;
}

bool insn_memory(struct insn *n, u8 *reg)
{
    u8 modrm = n->bytes[n->length++], mod = modrm >> 6, rm = modrm & 7;
    *reg = (u8)((modrm >> 3 & 7) | (n->rex & 4) << 1);
    if (mod == 3)
        return false;
    bool is_bare = mod == 0 && rm == (n->wide == 2 ? 6 : 5);
    if (rm == 4 && n->wide > 2)
        is_bare = (n->bytes[n->length++] & 7) == 5 && mod == 0;
    n->length = (u8)(n->length + (mod == 1 ? 1 : mod == 2 || is_bare ? min(n->wide, (u8)4) : 0));
    return true;
}

u64 insn_signed(struct insn *n, u32 bytes)
{
    s32 value = (s8)n->bytes[n->length];
    if (bytes == 4)
        memcpy(&value, n->bytes + n->length, 4);
    n->length = (u8)(n->length + bytes);
    return (u64)(s64)value;
}

bool insn_is_whole(const struct insn *n)
{
    return n->length <= 15;
}
