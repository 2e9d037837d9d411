/* SPDX-License-Identifier: MIT */
/*
 * sysctl: the whole machine as the tools see it. Control domain only (call/table.c). Lists go out element by element
 * with a budget where their length is not ours; the machine is one socket and one NUMA node here.
 */
#include "call/call.h"
#include "call/domctl.h"
#include "core/console.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "public/sysctl.h"

#define PIECE          256u
#define KEYS_MAX       64u
#define DISTANCE_LOCAL 10u

static s64 read_console(struct xen_sysctl_readconsole *op)
{
    u32 index = op->incremental ? op->index : 0, done = 0;
    bool is_incremental = op->incremental;
    char piece[PIECE];

    while (done < min(op->count, CONSOLE_RING_SIZE)) {
        size_t n = console_ring_read(piece, min(op->count - done, PIECE), &index, false, is_incremental);
        if (n == 0)
            break;
        if (!guest_write(guest_offset(guest_at(op->buffer), done), piece, n))
            return -EFAULT;
        done += (u32)n;
        is_incremental = true;
    }
    if (op->clear)
        (void)console_ring_read(piece, 0, &index, true, true);
    op->index = index;
    op->count = done;
    return 0;
}

static s64 press_keys(const struct xen_sysctl_debug_keys *op)
{
    char keys[KEYS_MAX];

    if (op->nr_keys > KEYS_MAX)
        return -EINVAL;
    if (!guest_read(keys, guest_at(op->keys), op->nr_keys))
        return -EFAULT;
    for (u32 i = 0; i < op->nr_keys; i++)
        console_key_press(keys[i]);
    return 0;
}

static s64 physinfo(struct xen_sysctl_physinfo *op)
{
    static const u8 word[] = {CPU_1D, CPU_1C, CPU_E1D, CPU_E1C, CPU_D1A, CPU_7B, CPU_7C, CPU_E7D};
    struct frame_stats s;

    frame_stats(&s);
    memset(op, 0, sizeof(*op));
    op->threads_per_core = 1;
    op->cores_per_socket = op->nr_cpus = cpu_count;
    op->max_cpu_id = cpu_count - 1;
    op->nr_nodes = 1;
    op->cpu_khz = (u32)time_tsc_khz();
    op->capabilities = XEN_SYSCTL_PHYSCAP_pv;
    op->total_pages = s.total;
    op->free_pages = s.free;
    op->max_mfn = frame_limit - 1;
    for (u32 i = 0; i < ARRAY_COUNT(word); i++)
        op->hw_cap[i] = cpu_desc.word[word[i]];
    return 0;
}

static s64 domain_list(struct xen_sysctl_getdomaininfolist *op)
{
    struct xen_domctl_getdomaininfo info;
    u32 next = op->first_domain, count = 0;
    struct domain *d;

    while (count < op->max_domains && (d = domctl_next(next)) != NULL) {
        domctl_info(d, &info);
        next = d->id + 1u;
        domain_put(d);
        if (!guest_put_at(guest_at(op->buffer), count, &info))
            return -EFAULT;
        count++;
    }
    op->num_domains = count;
    return 0;
}

static s64 cpu_topology(struct xen_sysctl_cputopoinfo *op)
{
    u32 count = op->cputopo ? min(op->num_cpus, cpu_count) : 0;

    for (u32 i = 0; i < count; i++) {
        const struct xen_sysctl_cputopo cpu = {.core = i};
        if (!guest_put_at(guest_at(op->cputopo), i, &cpu))
            return -EFAULT;
    }
    op->num_cpus = op->cputopo ? count : cpu_count;
    return 0;
}

static s64 numa_nodes(struct xen_sysctl_numainfo *op)
{
    struct xen_sysctl_meminfo memory;
    const u32 distance = DISTANCE_LOCAL;
    struct frame_stats s;

    frame_stats(&s);
    memory = (struct xen_sysctl_meminfo){s.total << PAGE_SHIFT, s.free << PAGE_SHIFT};
    if (op->num_nodes && ((op->meminfo && !guest_put(guest_at(op->meminfo), &memory)) ||
                          (op->distance && !guest_put(guest_at(op->distance), &distance))))
        return -EFAULT;
    op->num_nodes = 1;
    return 0;
}

static s64 sysctl_do(struct xen_sysctl *op)
{
    struct frame_stats s;

    switch (op->cmd) {
    case XEN_SYSCTL_readconsole:
        return read_console(&op->u.readconsole);
    case XEN_SYSCTL_debug_keys:
        return press_keys(&op->u.debug_keys);
    case XEN_SYSCTL_physinfo:
        return physinfo(&op->u.physinfo);
    case XEN_SYSCTL_getdomaininfolist:
        return domain_list(&op->u.getdomaininfolist);
    case XEN_SYSCTL_sched_id:
        op->u.sched_id.sched_id = XEN_SCHEDULER_CREDIT;
        return 0;
    case XEN_SYSCTL_availheap:
        frame_stats(&s);
        op->u.availheap.avail_bytes = s.free << PAGE_SHIFT;
        return 0;
    case XEN_SYSCTL_cputopoinfo:
        return cpu_topology(&op->u.cputopoinfo);
    case XEN_SYSCTL_numainfo:
        return numa_nodes(&op->u.numainfo);
    default:
        return -ENOSYS;
    }
}

s64 call_sysctl(const struct call_args *args)
{
    guest_ptr arg = guest_at(args->a[0]);
    struct xen_sysctl op;
    s64 rc;

    if (!guest_get(&op, arg))
        return -EFAULT;
    if (op.interface_version != XEN_SYSCTL_INTERFACE_VERSION)
        return -EACCES;
    rc = sysctl_do(&op);
    return rc == 0 && !guest_put(arg, &op) ? -EFAULT : rc;
}
