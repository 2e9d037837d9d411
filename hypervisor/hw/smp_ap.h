/* SPDX-License-Identifier: MIT */
/* What smp.c and the trampoline in smp_ap.S share: the mailbox at the trampoline's end. */
#ifndef WIRT_HW_SMP_AP_H
#define WIRT_HW_SMP_AP_H

#include "lib/types.h"

struct smp_mailbox {
    u64 stack; /* taken by the AP with XCHG; 0 = nobody is wanted */
    u64 entry; /* C function of one u32 argument */
    u32 cpu, cr3;
    u32 jump; /* far pointer into 64-bit code */
    u16 jump_cs, gdt_limit;
    u32 gdt_base;
} __packed;
extern u8 smp_trampoline[], smp_trampoline_64[], smp_trampoline_gdt[], smp_trampoline_box[], smp_trampoline_end[];
void smp_ap_main(u32 cpu);

#endif
