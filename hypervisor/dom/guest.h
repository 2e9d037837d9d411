/* SPDX-License-Identifier: MIT */
/*
 * Copying to and from guest memory by virtual address in the current address space (guest.c, copy.S). A guest
 * pointer never gets dereferenced otherwise. An address inside Wirt's own range (HV_START..HV_END, but for
 * the M2P for reading) or non-canonical is refused; a fault ends in the exception table. All return true when every
 * byte was copied; on false the destination is partly written (callers treat it as -EFAULT).
 */
#ifndef WIRT_DOM_GUEST_H
#define WIRT_DOM_GUEST_H

#include "hw/layout.h"
#include "hw/trap.h"
#include "lib/types.h"

struct call_args { /* of a hypercall, as the guest's registers had them */
    u64 a[6];
};

typedef struct {
    u64 va;
} guest_ptr; /* a guest virtual address; made only by decode code */

static inline guest_ptr guest_at(u64 va)
{
    return (guest_ptr){va};
}
static inline guest_ptr guest_offset(guest_ptr p, u64 bytes)
{
    return (guest_ptr){p.va + bytes};
}
static inline bool guest_is_null(guest_ptr p)
{
    return p.va == 0;
}
/* [va, va + n) is canonical and outside Wirt's slots. */
static inline bool guest_range_ok(u64 va, u64 n)
{
    u64 end = va + n; /* first byte behind; va + n must not wrap */
    if (unlikely(end < va))
        return false;
    return end <= 0x0000800000000000ull || va >= HV_END;
}
/* Two words at once, for the hottest callers, who have checked the range. */
static inline __must_use bool guest_read_pair(guest_ptr src, u64 *a, u64 *b)
{
#ifdef WIRT_HOST
    *a = ((const u64 *)src.va)[0];
    *b = ((const u64 *)src.va)[1];
    return true;
#else
    u64 first, second;
    __asm__ goto("1: mov (%2), %0\n"
                 "2: mov 8(%2), %1\n"
                 ".pushsection .text.hot.spec, \"ax\"\n"
                 "3: jmp %l[fault]\n"
                 ".popsection\n" TRAP_FIX(1b, 3b) TRAP_FIX(2b, 3b)
                 : "=&r"(first), "=&r"(second)
                 : "r"(src.va)
                 : "memory"
                 : fault);
    *a = first;
    *b = second;
    return true;
fault:
    return false;
#endif
}
bool guest_read(void *dst, guest_ptr src, u64 n) __must_use;
bool guest_write(guest_ptr dst, const void *src, u64 n) __must_use;
#define guest_get(obj, ptr) guest_read((obj), (ptr), sizeof(*(obj)))
#define guest_put(ptr, obj) guest_write((ptr), (obj), sizeof(*(obj)))
/* Element i of an array of *obj. */
#define guest_get_at(obj, ptr, i) guest_read((obj), guest_offset((ptr), (u64)(i) * sizeof(*(obj))), sizeof(*(obj)))
#define guest_put_at(ptr, i, obj) guest_write(guest_offset((ptr), (u64)(i) * sizeof(*(obj))), (obj), sizeof(*(obj)))

#endif
