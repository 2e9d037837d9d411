/* SPDX-License-Identifier: MIT */
/*
 * The world of domains (domain_world.h): frames are pages of one mapping, units and timers only numbers. Each step of a
 * teardown says that it was interrupted the first time it is asked, so that every resumption is gone through.
 */
#define sched_yield host_sched_yield /* ours is another one */
#include <sys/mman.h>
#undef sched_yield
#include "domain_world.h"
#include "core/slab.h"
#include "core/work.h"
#include "dom/dump.h"
#include "hw/power.h"

#define FRAMES 4096u

_Thread_local u32 fake_cpu;
_Thread_local bool fake_irq_is_off;
u8 *percpu_stack[CPU_MAX];
u64 frame_limit = FRAMES;
cpuset_t cpu_online = 1;
u32 tlb_clock = 1;
u64 now;
int fails_at;
bool is_running;
u32 virqs;
static u64 slab_objects, frames_out, alive_vcpus;

void cpu_relax(void)
{
}
void cpu_halt_forever(void)
{
    exit(3);
}
static bool fails(void)
{
    return fails_at && --fails_at == 0;
}
void *slab_alloc(size_t size)
{
    if (fails())
        return NULL;
    slab_objects++;
    return calloc(1, size);
}
void slab_free(void *p, size_t size)
{
    (void)size;
    slab_objects -= p != NULL;
    free(p);
}
struct wirt_stat *stat_create(u8 kind, domid_t domain, u32 id)
{
    struct wirt_stat *s = slab_alloc(sizeof(*s));
    if (s)
        *s = (struct wirt_stat){.kind = kind, .domain = domain, .id = id};
    return s;
}
void stat_destroy(struct wirt_stat *s)
{
    slab_free(s, sizeof(*s));
}
mfn_t frame_alloc(u32 order, u32 flags, u32 address_bits)
{
    static u64 next;
    (void)order, (void)flags, (void)address_bits;
    if (fails())
        return mfn(MFN_NONE);
    do
        next = next % (FRAMES - 1) + 1;
    while (frame_page_raw(mfn(next))->owner);
    frames_out++;
    frame_page_raw(mfn(next))->owner = PAGE_OWNER_HV;
    memset(frame_va(mfn(next)), 0, PAGE_SIZE);
    return mfn(next);
}
void frame_free(mfn_t m, u32 order)
{
    (void)order;
    frames_out--;
    frame_page_raw(m)->owner = 0;
}
void tlb_settle(u32 stamp, cpuset_t cpus)
{
    (void)stamp, (void)cpus;
}
u64 time_now(void)
{
    return now;
}
void time_wall_get(u64 *sec, u32 *nsec)
{
    *sec = 1000, *nsec = 0;
}
void time_udelay(u32 us)
{
    (void)us;
}
bool console_rate_ok(struct rate_limit *r, u32 burst, u32 per_second)
{
    (void)r, (void)burst, (void)per_second;
    return true;
}
void console_screen_lend(bool is_lent)
{
    (void)is_lent;
}
void dump_guest(const struct vcpu *v)
{
    (void)v;
}
void smp_stop_others(void)
{
}
void power_off_or_halt(void)
{
    exit(3);
}
void power_reboot(void)
{
    exit(3);
}
void work_raise(enum work kind)
{
    (void)kind;
}

/* Units and timers. */
void (*pause_hook)(void);
void sched_pause(struct unit *u)
{
    void (*hook)(void) = pause_hook;
    pause_hook = NULL;
    if (hook)
        hook();
    u->pause_count++;
}
void sched_unpause(struct unit *u)
{
    CU_ASSERT(u->pause_count);
    u->pause_count--;
}
bool sched_is_running(const struct unit *u)
{
    (void)u;
    return is_running;
}
void timer_init(struct timer *t, void (*fn)(void *), void *arg, u32 cpu)
{
    *t = (struct timer){.fn = fn, .arg = arg, .cpu = cpu};
}
void timer_set(struct timer *t, u64 at_ns)
{
    t->node.key = at_ns;
}
void timer_stop(struct timer *t)
{
    t->node.key = 0;
}

/* The steps of a teardown: each answers -ERESTART once. */
char trail[64];
u32 interrupted;
static int step(char letter)
{
    size_t n = strlen(trail);
    if (n < sizeof(trail) - 1 && (!n || trail[n - 1] != letter))
        trail[n] = letter;
    if (interrupted & 1u << (letter - 'a'))
        return 0;
    interrupted |= 1u << (letter - 'a');
    return -ERESTART;
}
void vcpu_stop(struct vcpu *v)
{
    CU_ASSERT(v->unit.pause_count);
    (void)step('v');
}
void vcpu_drop_info(struct vcpu *v, struct shared_info *instead)
{
    v->info = &instead->vcpu_info[v->id];
}
void vcpu_destroy(struct vcpu *v)
{
    alive_vcpus--;
    free(v);
}
void evtchn_init(struct domain *d)
{
    (void)d;
}
int evtchn_destroy_all(struct domain *d)
{
    CU_ASSERT(domain_is_dying(d));
    return step('e');
}
void evtchn_free(struct domain *d)
{
    (void)d;
}
void evtchn_raise_global(struct domain *d, u32 virq)
{
    (void)d;
    virqs += virq == VIRQ_DOM_EXC;
}
void pirq_init(struct domain *d)
{
    (void)d;
}
int pirq_destroy_all(struct domain *d)
{
    (void)d;
    return step('p');
}
void pirq_free(struct domain *d)
{
    (void)d;
}
int grant_init(struct domain *d, u32 max_frames, u32 max_maptrack)
{
    (void)max_frames, (void)max_maptrack;
    d->grant.pins = slab_alloc(8);
    return d->grant.pins ? 0 : -ENOMEM;
}
int grant_destroy(struct domain *d)
{
    slab_free(d->grant.pins, 8);
    d->grant.pins = NULL;
    return step('g');
}
static int relinquish(struct domain *d)
{
    CU_ASSERT(lock_is_mine(&d->lock));
    while (d->pages.n)
        CU_ASSERT(page_release(d, frame_page_raw(d->pages)));
    return step('r');
}
static const struct domain_ops ops = {.relinquish = relinquish};

struct domain *make(u32 id)
{
    struct domain_config c = {.id = id, .vcpu_limit = 1, .port_limit = 64};
    struct domain *d = NULL;
    CU_ASSERT_EQUAL_FATAL(domain_create(&c, &d), 0);
    d->vcpu[0] = calloc(1, sizeof(struct vcpu));
    d->vcpu[0]->unit.pause_count = 2;
    alive_vcpus++;
    return d;
}

void unmake(struct domain *d)
{
    int rc;
    while ((rc = domain_destroy(d)) == -ERESTART)
        ;
    CU_ASSERT_EQUAL(rc, 0);
    domain_put(d);
}

bool exists(u32 id)
{
    struct domain *d = domain_get((domid_t)id);
    if (d)
        domain_put(d);
    return d != NULL;
}

void nothing_left(void)
{
    CU_ASSERT_EQUAL(slab_objects, 2); /* domain 0 and its grants' one */
    CU_ASSERT_EQUAL(frames_out, 1);
    CU_ASSERT_EQUAL(alive_vcpus, 0);
    struct domain *next = domain_next(1);
    CU_ASSERT(!next);
}

static struct vcpu caller;

void begin(void)
{
    static const struct domain_config zero = {.is_privileged = true, .vcpu_limit = 1};
    fake_cpu = 0;
    percpu_stack[0] = aligned_alloc(STACK_SIZE, STACK_SIZE);
    *cpu_info() = (struct cpu_info){.unit = &caller};
    mmap((void *)FRAMES_START, FRAMES * sizeof(struct page), PROT_READ | PROT_WRITE,
         MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    mmap((void *)DIRECT_START, FRAMES * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
         0);
    caller.unit.is_idle = true; /* nobody's: domain_zero comes from boot */
    domain_kind[DOMAIN_PV] = &ops;
    if (domain_create(&zero, &domain_zero))
        exit(2);
    slab_objects--; /* struct domain; its grants' object stays in the count */
    caller.domain = domain_zero;
    caller.unit.is_idle = false;
}
