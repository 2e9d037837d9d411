/* SPDX-License-Identifier: MIT */
/* XENMEM_exchange, for the control domain: frames against as many others, contiguous or below an address. */
#ifndef WIRT_CALL_MEMORY_EXCHANGE_H
#define WIRT_CALL_MEMORY_EXCHANGE_H

#include "dom/guest.h"
#include "public/memory.h"

#define MEMORY_ORDER_MAX 9u /* largest extent of memory_op: 2 MiB, the work of one step */
/* Address width asked for in mem_flags, as frame_alloc takes it. */
static inline u32 memory_address_bits(u32 mem_flags)
{
    u32 bits = XENMEMF_get_address_bits(mem_flags);
    return bits < 52 ? bits : 0;
}
/* arg: struct xen_memory_exchange. 0 with all done; -errno with *arg.nr_exchanged input extents done. */
s64 memory_exchange(guest_ptr arg);

#endif
