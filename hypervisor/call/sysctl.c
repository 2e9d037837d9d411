/* SPDX-License-Identifier: MIT */
/*
 * sysctl: the machine as the tools see it: the log, the keys, what there is of CPUs and memory, the domains. Control
 * domain only (call/table.c). Lists go out element by element; the machine is one socket and one NUMA node here, and
 * one pool of CPUs.
 */
#include "call/cpu.h"
#include "call/domctl.h"
#include "core/console.h"
#include "core/work.h"
#include "hvm/hvm.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "public/sysctl.h"
#include "public/wirt.h"

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
    op->capabilities = XEN_SYSCTL_PHYSCAP_pv | XEN_SYSCTL_PHYSCAP_gnttab_v1;
    if (domain_kind[DOMAIN_HVM])
        op->capabilities |= XEN_SYSCTL_PHYSCAP_hvm | XEN_SYSCTL_PHYSCAP_hap;
    op->total_pages = s.total;
    op->free_pages = s.free;
    op->outstanding_pages = s.claimed;
    op->max_mfn = frame_limit - 1;
    for (u32 i = 0; i < ARRAY_COUNT(word); i++)
        op->hw_cap[i] = cpu_desc.word[word[i]];
    return 0;
}

/* The cursor holds how many are done and where to go on. */
static s64 domain_list(struct xen_sysctl_getdomaininfolist *op)
{
    struct vcpu_cont *cont = &vcpu_current()->cont;
    u32 count = (u32)cont->cursor, next = count ? (u32)(cont->cursor >> 32) : op->first_domain;
    struct xen_domctl_getdomaininfo info;

    while (count < op->max_domains && call_domctl_info(next, &info)) {
        next = info.domain + 1u;
        if (!guest_put_at(guest_at(op->buffer), count, &info))
            return -EFAULT;
        count++;
        if (work_is_pending()) {
            cont->cursor = (u64)next << 32 | count;
            return -ERESTART;
        }
    }
    op->num_domains = count;
    return 0;
}

/* Lists of CPUs and nodes: `room` elements at `array`, or none of them if that is 0. */
static s64 idle_times(struct xen_sysctl_getcpuinfo *op)
{
    op->nr_cpus = min(op->max_cpus, cpu_count);
    for (u32 i = 0; i < op->nr_cpus; i++) {
        struct xen_sysctl_cpuinfo c = {sched_idle_ns(i)};
        if (!guest_put_at(guest_at(op->info), i, &c))
            return -EFAULT;
    }
    return 0;
}

static s64 cpu_topology(struct xen_sysctl_cputopoinfo *op)
{
    op->num_cpus = op->cputopo ? min(op->num_cpus, cpu_count) : cpu_count;
    for (u32 i = 0; op->cputopo && i < op->num_cpus; i++) {
        struct xen_sysctl_cputopo t = {.core = i};
        if (!guest_put_at(guest_at(op->cputopo), i, &t))
            return -EFAULT;
    }
    return 0;
}

static s64 node_list(struct xen_sysctl_numainfo *op)
{
    struct xen_sysctl_meminfo memory;
    const u32 distance = 10; /* of a node to itself, by convention */
    struct frame_stats s;

    frame_stats(&s);
    memory = (struct xen_sysctl_meminfo){s.total << PAGE_SHIFT, s.free << PAGE_SHIFT};
    if (op->num_nodes && ((op->meminfo && !guest_put(guest_at(op->meminfo), &memory)) ||
                          (op->distance && !guest_put(guest_at(op->distance), &distance))))
        return -EFAULT;
    op->num_nodes = 1;
    return 0;
}

/* All devices are at node 0. The tools call again for those that are left. */
static s64 device_nodes(struct xen_sysctl_pcitopoinfo *op)
{
    const u32 node = 0;
    u32 n = 0;

    while (n < op->num_devs && !(n && work_is_pending()))
        if (!guest_put_at(guest_at(op->nodes), n++, &node))
            return -EFAULT;
    op->num_devs = n;
    return 0;
}

static s64 heap(struct xen_sysctl_availheap *op)
{
    struct frame_stats s;

    if (op->node > 0)
        return -EINVAL;
    frame_stats(&s);
    op->avail_bytes = (op->max_bitwidth && op->max_bitwidth <= 32 ? s.below_4g_free : s.free) << PAGE_SHIFT;
    return 0;
}

static void count_domain(struct domain *d, void *arg)
{
    (void)d;
    ++*(u32 *)arg;
}

/* All CPUs and domains are in pool 0, and stay there. */
static s64 pool(struct xen_sysctl_cpupool_op *op)
{
    bool is_free = op->op == XEN_SYSCTL_CPUPOOL_OP_FREEINFO;

    if (!is_free && op->op != XEN_SYSCTL_CPUPOOL_OP_INFO)
        return -EOPNOTSUPP;
    if (!is_free && op->cpupool_id)
        return -ENOENT;
    op->sched_id = XEN_SCHEDULER_CREDIT2;
    op->n_dom = 0;
    if (!is_free)
        domain_for_each(count_domain, &op->n_dom);
    return domctl_vcpu_write_bits(&op->cpumap, is_free ? 0 : cpu_online) ? 0 : -EFAULT;
}

static s64 scheduler(struct xen_sysctl_scheduler_op *op)
{
    if (op->cpupool_id || op->cmd != XEN_SYSCTL_SCHEDOP_getinfo)
        return op->cpupool_id ? -ESRCH : -EOPNOTSUPP;
    memset(&op->u, 0, sizeof(op->u));
    return op->sched_id == XEN_SCHEDULER_CREDIT2 ? 0 : -EINVAL;
}

/* The cursor: domains below it are done; all of them are when frames are told. */
static s64 statistics(struct wirt_sysctl_statistics *op)
{
    struct vcpu_cont *cont = &vcpu_current()->cont;
    u32 next = (u32)cont->cursor, count;
    s64 rc = stat_refresh(&next);

    if (rc) {
        cont->cursor = next;
        return rc;
    }
    count = stat_frames();
    for (u32 i = 0; op->frames && i < min(op->room, count); i++) {
        mfn_t m = stat_frame(i);
        if (!guest_put_at(guest_at(op->frames), i, &m.n))
            return -EFAULT;
    }
    *op = (struct wirt_sysctl_statistics){op->frames, count, WIRT_STAT_VERSION, time_now()};
    return 0;
}

_Static_assert(sizeof(((struct wirt_sysctl_assist *)0)->text) == HVM_ASSIST, "one text");

static s64 assist(struct wirt_sysctl_assist *a)
{
    a->is_used = hvm_backend != NULL;
    memcpy(a->text, hvm_assist, sizeof(a->text));
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
    case XEN_SYSCTL_getcpuinfo:
        return idle_times(&op->u.getcpuinfo);
    case XEN_SYSCTL_cputopoinfo:
        return cpu_topology(&op->u.cputopoinfo);
    case XEN_SYSCTL_numainfo:
        return node_list(&op->u.numainfo);
    case XEN_SYSCTL_pcitopoinfo:
        return device_nodes(&op->u.pcitopoinfo);
    case XEN_SYSCTL_availheap:
        return heap(&op->u.availheap);
    case XEN_SYSCTL_cpupool_op:
        return pool(&op->u.cpupool_op);
    case XEN_SYSCTL_sched_id:
        op->u.sched_id.sched_id = XEN_SCHEDULER_CREDIT2;
        return 0;
    case XEN_SYSCTL_scheduler_op:
        return scheduler(&op->u.scheduler_op);
    case XEN_SYSCTL_get_cpu_levelling_caps:
        op->u.cpu_levelling_caps.caps = 0;
        return 0;
    case XEN_SYSCTL_get_cpu_featureset:
        return call_cpu_featureset(&op->u.cpu_featureset);
    case XEN_SYSCTL_get_cpu_policy:
        return call_cpu_policy(&op->u.cpu_policy);
    case WIRT_SYSCTL_statistics: /* besides Xen's: public/wirt.h */
        return statistics((struct wirt_sysctl_statistics *)(void *)&op->u);
    case WIRT_SYSCTL_frames:
        stat_uses((struct wirt_sysctl_frames *)(void *)&op->u);
        return 0;
    case WIRT_SYSCTL_assist:
        return assist((struct wirt_sysctl_assist *)(void *)&op->u);
    default:
        domain_log(domain_current(), "its tools asked for sysctl %u, which Wirt does not offer", op->cmd);
        return -ENOSYS;
    }
}

s64 call_sysctl(const struct call_args *args)
{
    struct xen_sysctl op;

    return call_tool(guest_at(args->a[0]), &op, sizeof(op), XEN_SYSCTL_INTERFACE_VERSION, sysctl_do);
}
