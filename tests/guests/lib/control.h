/* SPDX-License-Identifier: MIT */
/* What a micro-guest needs as the control domain besides guest.h. Each says what Wirt answered. */
#ifndef CONTROL_H
#define CONTROL_H

#include "guest.h"
#include "public/domctl.h"

s64 domctl(u32 cmd, u32 id, struct xen_domctl *op);  /* op but for cmd, version and domain */
u32 state_of(u32 id);                                /* flags; ~0: there is no such domain */
u64 free_now(void);                                  /* frames of the machine that nobody has */
s64 memory(u32 cmd, u32 id, u64 *frames, u64 count); /* memory_op with a list of single frames */
s64 show(void *at, u64 entry, u32 id);               /* one entry of our own tables, for a frame of `id` */

#endif
