/* SPDX-License-Identifier: MIT */
/*
 * sysctl: the machine as the tools see it: the log, the keys, what there is of CPUs and memory, the domains. Control
 * domain only (call/table.c). Lists go out element by element; the machine is one socket and one NUMA node here.
 */
#include "call/call.h"
#include "core/console.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "public/domctl.h"
#include "public/sysctl.h"

#define PIECE    256u
#define KEYS_MAX 64u

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

    while (count < op->max_domains && call_domctl_info(next, &info)) {
        next = info.domain + 1u;
        if (!guest_put_at(guest_at(op->buffer), count, &info))
            return -EFAULT;
        count++;
    }
    op->num_domains = count;
    return 0;
}

static s64 sysctl_do(void *arg)
{
    struct xen_sysctl *op = arg;

    switch (op->cmd) {
    case XEN_SYSCTL_readconsole:
        return read_console(&op->u.readconsole);
    case XEN_SYSCTL_debug_keys:
        return press_keys(&op->u.debug_keys);
    case XEN_SYSCTL_physinfo:
        return physinfo(&op->u.physinfo);
    case XEN_SYSCTL_getdomaininfolist:
        return domain_list(&op->u.getdomaininfolist);
    default:
        return -ENOSYS;
    }
}

s64 call_sysctl(const struct call_args *args)
{
    struct xen_sysctl op;

    return call_tool(guest_at(args->a[0]), &op, sizeof(op), XEN_SYSCTL_INTERFACE_VERSION, sysctl_do);
}
