/* SPDX-License-Identifier: MIT */
/*
 * Exceptions: those that Wirt takes itself are mended through the exception table
 * (an access to guest memory that faulted) or are a panic; those from ring 3 go up
 * through trap_hooks, sealed after boot. Hooks run on the CPU's stack with the
 * guest's frame at its top and interrupts off.
 */
#ifndef WIRT_HW_TRAP_H
#define WIRT_HW_TRAP_H

#include "hw/regs.h"

enum {
    TRAP_DE,
    TRAP_DB,
    TRAP_NMI,
    TRAP_BP,
    TRAP_OF,
    TRAP_BR,
    TRAP_UD,
    TRAP_NM,
    TRAP_DF,
    TRAP_TS = 10,
    TRAP_NP,
    TRAP_SS,
    TRAP_GP,
    TRAP_PF,
    TRAP_MF = 16,
    TRAP_AC,
    TRAP_MC,
    TRAP_XM,
    TRAP_CP = 21
};
#define PF_P    1u
#define PF_W    2u
#define PF_U    4u
#define PF_RSVD 8u
#define PF_I    16u

struct trap_hooks {
    void (*guest_entry)(void);  /* assembly: exception from ring 3, frame saved, rsp at the frame */
    void (*guest_return)(void); /* assembly: after an interrupt from ring 3; goes back to a guest */
    void (*fatal)(struct regs *r, const char *why) __noreturn; /* core/panic.c */
    void (*guest_page_fault)(void); /* assembly: #PF from ring 3; only error and vector are pushed */
};
extern struct trap_hooks trap_hooks;

void trap_from_hv(struct regs *r); /* called by entry.S */
const char *trap_name(u32 vector);

/* Exception table: an instruction at `at` that faults continues at `to`. In C and assembler:
 *   TRAP_FIX(1b, 2b) places such an entry. */
struct trap_fix {
    s32 at, to; /* relative to the field itself */
};
#define TRAP_FIX(at, to) ".pushsection .trap_fix, \"a\"; .balign 4; .long " #at " - ., " #to " - .; .popsection\n"

#endif
