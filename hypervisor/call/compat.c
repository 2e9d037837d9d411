/* SPDX-License-Identifier: MIT */
/*
 * Hypercalls of 32-bit code, which only domains with hardware assistance can run: what a boot loader needs, no more.
 * Arguments are in other registers. Structures that are the same for both go to the handlers as they are; the others
 * are read here and widened, and the handler finds the wide one at an address that no 32-bit code has. None of these
 * calls is ever continued. The rest is -ENOSYS.
 */
#include "call/call.h"
#include "hvm/hvm.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "public/event_channel.h"
#include "public/memory.h"
#include "public/sched.h"
#include "public/xen.h"

#define WIDE_AT 0x0000700000000000ull

/* Guest memory, and the wide structure. */
static bool copy(void *host, u64 va, u64 n, bool is_write)
{
    u8 *wide = (u8 *)vcpu_current()->hvm->wide;
    u64 at = va - WIDE_AT;

    if (va < WIDE_AT)
        return hvm_copy(host, va, n, is_write);
    if (at > HVM_WIDE || n > HVM_WIDE - at)
        return false;
    if (is_write)
        memcpy(wide + at, host, n);
    else
        memcpy(host, wide + at, n);
    return true;
}

static s64 memory_op(u64 sub, u64 at)
{
    const struct call_args args = {{sub, WIDE_AT}};
    struct xen_add_to_physmap *add = (void *)vcpu_current()->hvm->wide;
    struct xen_memory_map *map = (void *)vcpu_current()->hvm->wide;
    bool is_map = sub == XENMEM_memory_map;
    u32 narrow[4];
    s64 rc;

    if (!is_map && sub != XENMEM_add_to_physmap)
        return -ENOSYS;
    if (!guest_read(narrow, guest_at(at), is_map ? 8 : 16))
        return -EFAULT;
    if (is_map)
        *map = (struct xen_memory_map){.nr_entries = narrow[0], .buffer = narrow[1]};
    else
        *add = (struct xen_add_to_physmap){(domid_t)narrow[0], (u16)(narrow[0] >> 16), narrow[1], narrow[2], narrow[3]};
    cpu_info()->copier = copy;
    rc = call_memory_op(&args);
    cpu_info()->copier = hvm_copy;
    return rc == 0 && is_map && !guest_put(guest_at(at), &map->nr_entries) ? -EFAULT : rc;
}

static s64 call(u64 nr, const struct call_args *args)
{
    u64 sub = args->a[0];

    switch (nr) {
    case __HYPERVISOR_memory_op:
        return memory_op(sub, args->a[1]);
    case __HYPERVISOR_hvm_op:
        return call_hvm_op(args);
    case __HYPERVISOR_sched_op:
        return sub == SCHEDOP_yield || sub == SCHEDOP_block || sub == SCHEDOP_shutdown ? call_sched_op(args) : -ENOSYS;
    case __HYPERVISOR_event_channel_op: /* those without pointers */
        return sub == EVTCHNOP_send || sub == EVTCHNOP_close || sub == EVTCHNOP_alloc_unbound ||
                       sub == EVTCHNOP_bind_interdomain || sub == EVTCHNOP_unmask
                   ? call_event_channel_op(args)
                   : -ENOSYS;
    default:
        return -ENOSYS;
    }
}

void call_compat(struct regs *r)
{
    const struct call_args args = {{(u32)r->rbx, (u32)r->rcx, (u32)r->rdx, (u32)r->rsi, (u32)r->rdi, (u32)r->rbp}};

    r->rax = (u32)call((u32)r->rax, &args);
}
