/* SPDX-License-Identifier: MIT */
/*
 * Hypercalls of 32-bit code, which only domains with hardware assistance can run. Arguments are in other registers.
 * Structures that are the same for both go to the handlers as they are; of the others a table says what they hold: they
 * are read here once, widened and kept with the vCPU, and the handler finds the wide one, and 64-bit numbers instead of
 * a list of 32-bit ones, at addresses that no 32-bit code has. Calls whose structures are neither, and of which no
 * kernel makes use, are -ENOSYS.
 */
#include "call/call.h"
#include "core/work.h"
#include "hvm/hvm.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "public/grant_table.h"
#include "public/memory.h"
#include "public/sched.h"
#include "public/vcpu.h"
#include "public/version.h"
#include "public/xen.h"

#define WIDE_AT 0x0000700000000000ull
#define LIST_AT 0x0000600000000000ull
/* Of memory_op, what the table does not have but is the same for both. */
#define SAME                                                                                                           \
    (BIT(XENMEM_maximum_ram_page) | BIT(XENMEM_current_reservation) | BIT(XENMEM_maximum_reservation) |                \
     BIT(XENMEM_maximum_gpfn))

/* Fields in their order: h, w, q of 16, 32, 64 bits; l: a number or an address, of 32 bits here and 64 there; a: the
 * address of a list of such; '.': the end of a structure within. Every q is at a multiple of 4 here, of 8 there. */
static const struct shape {
    u8 call, sub, arg; /* which argument points to it */
    bool replies, is_many;
    char fields[12];
} shapes[] = {
    {__HYPERVISOR_memory_op, XENMEM_increase_reservation, 1, false, false, "alwwh"},
    {__HYPERVISOR_memory_op, XENMEM_decrease_reservation, 1, false, false, "alwwh"},
    {__HYPERVISOR_memory_op, XENMEM_populate_physmap, 1, false, false, "alwwh"},
    {__HYPERVISOR_memory_op, XENMEM_add_to_physmap, 1, false, false, "hhwll"},
    {__HYPERVISOR_memory_op, XENMEM_remove_from_physmap, 1, false, false, "hl"},
    {__HYPERVISOR_memory_op, XENMEM_memory_map, 1, true, false, "wl"},
    {__HYPERVISOR_sched_op, SCHEDOP_poll, 1, false, false, "lwq"},
    {__HYPERVISOR_grant_table_op, GNTTABOP_setup_table, 1, true, false, "hwha"},
    {__HYPERVISOR_grant_table_op, GNTTABOP_copy, 1, true, true, "lhh.lhh.hhh"},
    {__HYPERVISOR_vcpu_op, VCPUOP_set_singleshot_timer, 2, false, false, "qw"},
    {__HYPERVISOR_vcpu_op, VCPUOP_register_runstate_memory_area, 2, false, false, "l"},
    {__HYPERVISOR_vcpu_op, VCPUOP_get_runstate_info, 2, true, false, "wqqqqq"},
    {__HYPERVISOR_xen_version, XENVER_platform_parameters, 1, true, false, "l"},
};

static u64 align(u64 at, u64 size)
{
    return (at + size - 1) & ~(size - 1);
}

/* Between the two forms, one way or the other; returns the narrow one's size. */
static u64 convert(const char *fields, u8 *narrow, u8 *wide, bool widens)
{
    u32 *list = &vcpu_current()->hvm->list;
    u64 from = 0, to = 0;

    for (char c; (c = *fields) != 0; fields++) {
        u64 n = c == 'h' ? 2 : c == 'q' ? 8 : 4, w = c == 'l' || c == 'a' || c == '.' ? 8 : n;
        from = align(from, min(n, 4));
        to = align(to, w);
        if (c == '.')
            continue;
        if (c == 'a' && widens) {
            memcpy(list, narrow + from, n);
            *(u64 *)(void *)(wide + to) = *list ? LIST_AT : 0;
        } else if (widens) {
            memcpy(wide + to, narrow + from, n);
        } else {
            memcpy(narrow + from, c == 'a' ? (const u8 *)list : wide + to, n);
        }
        from += n;
        to += w;
    }
    return align(from, 4);
}

/* Word by word, as the list has them in half the room. */
static bool copy_list(u64 *host, u64 offset, u64 n, bool is_write)
{
    u64 at = vcpu_current()->hvm->list + offset / 2;
    bool ok = (offset | n) % 8 == 0;

    for (u64 i = 0; ok && i < n / 8; i++) {
        u32 word = (u32)host[i];
        ok = hvm_copy(&word, at + i * 4, sizeof(word), is_write);
        if (!is_write)
            host[i] = word;
    }
    return ok;
}

/* cpu_info.copier meanwhile: guest memory, the wide structure, the list. */
static bool copy(void *host, u64 va, u64 n, bool is_write)
{
    u8 *wide = (u8 *)vcpu_current()->hvm->wide;
    u64 at = va - WIDE_AT;

    if (va < LIST_AT)
        return hvm_copy(host, va, n, is_write);
    if (va < WIDE_AT)
        return copy_list(host, va - LIST_AT, n, is_write);
    if (at > HVM_WIDE || n > HVM_WIDE - at)
        return false;
    if (is_write)
        memcpy(wide + at, host, n);
    else
        memcpy(host, wide + at, n);
    return true;
}

/* One structure. A call that goes on finds it as it was. */
static s64 call_shaped(const struct vcpu *v, const struct shape *s, u64 at, struct call_args args)
{
    struct hvm_vcpu *h = v->hvm;
    u8 narrow[HVM_WIDE] = {0}, *wide = (u8 *)h->wide;
    u64 bytes = convert(s->fields, narrow, wide, false);
    s64 rc;

    if (!h->is_wide || !v->cont.is_active) {
        memset(wide, 0, HVM_WIDE);
        if (!guest_read(narrow, guest_at(at), bytes) || (s->replies && !guest_write(guest_at(at), narrow, bytes)))
            return -EFAULT;
        (void)convert(s->fields, narrow, wide, true);
    }
    args.a[s->arg] = WIDE_AT;
    cpu_info()->copier = copy;
    rc = call_any(v, s->call, &args);
    cpu_info()->copier = hvm_copy;
    h->is_wide = rc == -ERESTART;
    if (rc < 0 || !s->replies)
        return rc;
    memset(narrow, 0, sizeof(narrow));
    (void)convert(s->fields, narrow, wide, false);
    return guest_write(guest_at(at), narrow, bytes) ? rc : -EFAULT;
}

/* Several, one by one. */
static s64 call_each(struct vcpu *v, const struct shape *s, const struct call_args *args)
{
    u64 count = args->a[2], bytes = convert(s->fields, (u8[HVM_WIDE]){0}, (u8 *)v->hvm->wide, false), i;
    s64 rc = 0;

    for (i = v->cont.mc_index; i < count && rc == 0; i++) {
        rc = call_shaped(v, s, args->a[1] + i * bytes, (struct call_args){{args->a[0], 0, 1}});
        if (rc == 0 && i + 1 < count && work_is_pending())
            rc = -ERESTART;
    }
    if (rc == -ERESTART)
        v->cont.mc_index = i;
    return rc;
}

s64 call_compat(struct vcpu *v, u64 nr, const struct call_args *args)
{
    const struct call_args time = {{args->a[0] | args->a[1] << 32}};

    for (u32 i = 0; i < ARRAY_COUNT(shapes); i++) {
        const struct shape *s = &shapes[i];
        if (s->call == nr && s->sub == args->a[0])
            return s->is_many ? call_each(v, s, args) : call_shaped(v, s, args->a[s->arg], *args);
    }
    if (nr == __HYPERVISOR_multicall ||
        (nr == __HYPERVISOR_memory_op && (args->a[0] > 63 || !(BIT(args->a[0]) & SAME))))
        return -ENOSYS;
    return call_any(v, nr, nr == __HYPERVISOR_set_timer_op ? &time : args);
}
