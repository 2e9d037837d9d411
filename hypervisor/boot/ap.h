/* SPDX-License-Identifier: MIT */
/* What ap.c and the trampoline in ap_start.S share: the mailbox at the trampoline's end. */
#ifndef WIRT_BOOT_AP_H
#define WIRT_BOOT_AP_H

#include "lib/types.h"

struct ap_mailbox {
    u64 stack; /* taken by the AP with XCHG; 0 = nobody is wanted */
    u64 entry; /* C function of one u32 argument */
    u32 cpu, cr3;
    u32 jump; /* far pointer into 64-bit code */
    u16 jump_cs, gdt_limit;
    u32 gdt_base;
} __packed;
extern u8 ap_start[], ap_start_64[], ap_start_gdt[], ap_start_box[], ap_start_end[];

#endif
