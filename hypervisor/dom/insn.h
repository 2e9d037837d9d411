/* SPDX-License-Identifier: MIT */
/*
 * The few bytes of a guest's instruction that emulation looks at: prefixes, opcode, and how long the operand is. Both
 * emulators (priv.c, ptwr.c) start here; neither knows more x86 than its own list of opcodes.
 */
#ifndef WIRT_DOM_INSN_H
#define WIRT_DOM_INSN_H

#include "hw/regs.h"
#include "lib/types.h"

struct insn {
    u8 bytes[24]; /* at most 15 are the guest's: reading ahead a little finds zeroes */
    u8 wide;      /* bytes of an address in this code: 8, 4, 2 */
    u8 length;    /* consumed so far */
    u8 rex, opcode;
    bool has_16, has_rep, has_base; /* has_base: FS or GS */
};

/* Up to and with the first opcode byte. false: the code cannot be read, or has more prefixes than any that we know. */
bool insn_fetch(u64 at, u8 wide, struct insn *n) __must_use;
/* Step over ModRM, SIB and displacement; false: the operand is a register. *reg: the other operand, 0..15. */
bool insn_memory(struct insn *n, u8 *reg) __must_use;
u64 insn_signed(struct insn *n, u32 bytes); /* an immediate of 1 or 4 bytes */
u64 *insn_reg(struct regs *r, u32 number);  /* x86 register number 0..15 */
bool insn_is_whole(const struct insn *n);   /* not longer than the processor takes */

#endif
