/* SPDX-License-Identifier: MIT */
/*
 * The records and the frames that they lie in. Some frames are taken when all records are in use, and kept for ever;
 * free records are linked by their numbers. A frame has a use as descriptors that never ends, so that it can never be
 * mapped writable, and an owner of its own, so that only DOMID_XEN's frames show it (pv/mmu_update.c).
 */
#include "dom/stat.h"

#include "core/frame.h"
#include "core/slab.h"
#include "core/work.h"
#include "dom/domain.h"
#include "hw/irq.h"
#include "hw/time.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lib/string.h"

#define USES_PIECE 16384u /* frames that one call counts at most */
#define GROWTH     16u    /* frames at a time: the account of free memory is still while a few domains come and go */
#define PER_FRAME  ((u32)(PAGE_SIZE / sizeof(struct wirt_stat)))
_Static_assert(sizeof(struct wirt_stat) == 1024, "as the tools know it");

static struct lock lock = LOCK_INIT(RANK_STAT);
static u32 frames[STAT_FRAMES_MAX], frame_count, in_use; /* frames: only more of them */
static u64 first_free;                                   /* address in the direct map, 0: none */
static struct wirt_stat *host, *cpu_stat[CPU_MAX];

static struct wirt_stat *record_at(u64 address)
{
    return (struct wirt_stat *)((u8 *)frame_va(mfn(0)) + address);
}

static void add_free(struct wirt_stat *s)
{
    s->u.vcpu.since = first_free;
    first_free = (u64)((u8 *)s - (u8 *)frame_va(mfn(0)));
}

static bool grow_frame(void)
{
    mfn_t m = frame_count < STAT_FRAMES_MAX ? frame_alloc(0, FRAME_ZERO, 0) : mfn(MFN_NONE);
    struct page *p;

    if (m.n == MFN_NONE)
        return false;
    p = frame_page_raw(m);
    p->type = PAGE_KIND_OF(PAGE_SEG) | PAGE_VALID | 1;
    p->owner = PAGE_OWNER_SHOWN;
    atomic_store(&p->refs, 1); /* from now on it can be mapped */
    frames[frame_count] = (u32)m.n;
    for (u32 i = PER_FRAME; i-- > 0;)
        add_free((struct wirt_stat *)frame_va(m) + i);
    WRITE_ONCE(frame_count, frame_count + 1);
    return true;
}

static bool grow(void)
{
    u32 n = 0;

    while (n < GROWTH && grow_frame())
        n++;
    return n;
}

static struct wirt_stat *create(u8 kind, domid_t domain, u32 id)
{
    struct wirt_stat *s;

    if (!first_free && !grow())
        return NULL;
    s = record_at(first_free);
    first_free = s->u.vcpu.since;
    in_use++;
    stat_write_begin(s);
    memset(&s->u, 0, sizeof(s->u));
    s->kind = kind;
    s->domain = domain;
    s->id = id;
    s->cpu = 0;
    if (kind == WIRT_STAT_DOMAIN)
        s->u.domain.created = time_now();
    stat_write_end(s);
    return s;
}

struct wirt_stat *stat_create(u8 kind, domid_t domain, u32 id)
{
    struct wirt_stat *s;

    lock_take(&lock);
    s = create(kind, domain, id);
    lock_drop(&lock);
    if (!s)
        log_warn("domain %u: no room for its statistics: %s", domain,
                 frame_count == STAT_FRAMES_MAX ? "all records are in use" : "no memory");
    return s;
}

void stat_destroy(struct wirt_stat *s)
{
    if (!s)
        return;
    lock_take(&lock);
    stat_write_begin(s);
    s->kind = WIRT_STAT_FREE;
    add_free(s);
    stat_write_end(s);
    in_use--;
    lock_drop(&lock);
}

static u32 count_ports(const struct domain *d)
{
    u32 n = 0;

    for (u32 b = 0; b < ARRAY_COUNT(d->evtchn.bucket); b++) {
        const struct evtchn *c = atomic_load(&d->evtchn.bucket[b]);
        for (u32 i = 0; c && i < EVTCHN_PER_BUCKET; i++)
            n += READ_ONCE(c[i].state) != EVTCHN_FREE;
    }
    return n;
}

static void refresh_domain(struct domain *d)
{
    struct wirt_stat_domain *s = &d->stat->u.domain;
    u32 flags = d->is_privileged ? WIRT_STAT_CONTROL : 0, vcpus = 0;

    for (u32 i = 0; i < d->vcpu_limit; i++)
        vcpus += d->vcpu[i] != NULL;
    flags |= d->hvm ? WIRT_STAT_ASSISTED : 0;
    flags |= d->pause_count ? WIRT_STAT_PAUSED : 0;
    flags |= d->is_shut_down ? WIRT_STAT_SHUT_DOWN : 0;
    flags |= domain_is_dying(d) ? WIRT_STAT_DYING : 0;
    stat_write_begin(d->stat);
    s->flags = flags;
    s->shutdown_reason = d->shutdown_reason;
    s->vcpus = vcpus;
    s->weight = d->weight;
    s->cap = d->cap;
    s->ports = count_ports(d);
    s->port_limit = d->evtchn.limit;
    s->grant_frames = d->grant.frame_count;
    s->grant_frame_limit = d->grant.frame_max;
    s->grants = d->grant.pinned;
    s->maps = d->grant.mapped;
    s->map_limit = d->grant.track_max;
    s->pages = d->page_count;
    s->page_limit = d->page_max;
    s->pages_shared = d->page_shared;
    s->pages_held = d->page_held;
    for (u32 i = 0; i < ARRAY_COUNT(s->tables); i++)
        s->tables[i] = READ_ONCE(d->tables[i]);
    stat_write_end(d->stat);
}

static void refresh_host(void)
{
    struct frame_stats f;

    if (!host)
        host = create(WIRT_STAT_HOST, 0, 0);
    if (!host)
        return;
    frame_stats(&f);
    stat_write_begin(host);
    host->u.host = (struct wirt_stat_host){
        cpu_count, (u32)time_tsc_khz(),         in_use,      STAT_FRAMES_MAX * PER_FRAME, f.total, f.free,
        f.claimed, f.table_bytes + f.m2p_bytes, slab_bytes()};
    stat_write_end(host);
}

static void refresh_cpu(u32 cpu)
{
    struct wirt_stat_cpu now = {.idle = sched_idle_ns(cpu)};
    struct wirt_stat *s = cpu_stat[cpu] ? cpu_stat[cpu] : create(WIRT_STAT_CPU, 0, cpu);

    cpu_stat[cpu] = s;
    if (!s)
        return;
    for (u32 v = VEC_DEVICE_FIRST; v <= VEC_SPURIOUS; v++)
        *(v <= VEC_DEVICE_LAST ? &now.interrupts_device
          : v == VEC_TIMER     ? &now.interrupts_timer
                               : &now.interrupts_cpu) += irq_vector_count((u8)v, cpu);
    stat_write_begin(s);
    s->u.cpu = now;
    stat_write_end(s);
}

int stat_refresh(u32 *next)
{
    struct domain *d;

    if (*next == 0) {
        lock_take(&lock);
        refresh_host();
        for (u32 cpu = 0; cpu < cpu_count; cpu++)
            refresh_cpu(cpu);
        lock_drop(&lock);
    }
    while ((d = domain_next(*next)) != NULL) {
        *next = d->id + 1u;
        lock_take(&lock);
        refresh_domain(d);
        lock_drop(&lock);
        domain_put(d);
        if (work_is_pending())
            return -ERESTART;
    }
    return 0;
}

_Static_assert(WIRT_FRAMES_table + 3 == (int)PAGE_L4 && WIRT_FRAMES_descriptors == (int)PAGE_SEG &&
                   WIRT_FRAMES_writable == (int)PAGE_WRITABLE,
               "uses are kinds");

/* Without a lock: what is read of a frame is not acted upon. */
void stat_uses(struct wirt_sysctl_frames *f)
{
    u64 n = f->next, first = n;

    memset(f, 0, sizeof(*f));
    for (; n < frame_limit && !(n != first && n % 1024 == 0 && (n - first >= USES_PIECE || work_is_pending())); n++) {
        const struct page *p = frame_page_raw(mfn(n));
        u64 type = READ_ONCE(p->type);
        u32 owner = READ_ONCE(p->owner), use = type & PAGE_COUNT ? min(page_kind(type), PAGE_WRITABLE) : PAGE_NONE;
        if (owner == PAGE_OWNER_HV || owner == PAGE_OWNER_SHOWN)
            f->count[WIRT_FRAMES_WIRT][owner == PAGE_OWNER_HV ? WIRT_FRAMES_none : WIRT_FRAMES_descriptors]++;
        else if (owner >= PAGE_OWNER_DOMAIN)
            f->count[owner == PAGE_OWNER_DOMAIN ? WIRT_FRAMES_DOM0 : WIRT_FRAMES_GUESTS][use]++;
    }
    f->next = n < frame_limit ? n : 0;
}

u32 stat_frames(void)
{
    return READ_ONCE(frame_count);
}

mfn_t stat_frame(u32 index)
{
    return mfn(frames[index]);
}
