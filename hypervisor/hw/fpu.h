/* SPDX-License-Identifier: MIT */
/* Extended state of guests, switched eagerly: FXSAVE, or XSAVE(OPT) with a per-vCPU XCR0. */
#ifndef WIRT_HW_FPU_H
#define WIRT_HW_FPU_H

#include "lib/types.h"

#define XCR0_X87    1u
#define XCR0_SSE    2u
#define XCR0_AVX    4u
#define XCR0_AVX512 0xe0u

void fpu_start(u64 xcr0, u32 bytes); /* boot: what guests may choose from, the size of a save area */
u64 fpu_xcr0_allowed(void);          /* 0: no XSAVE on this CPU */
u32 fpu_size(void);                  /* bytes of a save area, 64-byte aligned */
void fpu_reset(void *area);          /* the architectural initial state */
void fpu_save(void *area);
void fpu_load(void *area, u64 xcr0);
bool fpu_xcr0_is_valid(u64 xcr0); /* the manual's rules plus the allowed set */
void fpu_set_xcr0(u64 xcr0);
void fpu_forget_xcr0(void); /* somebody may have written it behind our back */

#endif
