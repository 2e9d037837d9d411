/* SPDX-License-Identifier: MIT */
/*
 * The toy machine (evtchn_toy.h). Its interrupt lines are masked and unmasked as real ones are, its allocator counts
 * what is out, and whoever asks for a call on other CPUs waits until the thread that plays one has taken two more
 * steps. What is kept by nobody at the end of a test is what stop() checks.
 */
#include "evtchn_toy.h"
#include "core/slab.h"

struct domain dom[DOMAINS];
struct vcpu vcpus[DOMAINS][VCPUS];
struct shared_info shared[DOMAINS];
u32 kicks[DOMAINS][VCPUS], wakes;
struct toy_line line[IRQ_LINE_MAX];
int next_msi = 300;

/* What evtchn.c, pirq.c and lock.c call. */
_Thread_local u32 fake_cpu;
_Thread_local bool fake_irq_is_off;
u8 *percpu_stack[CPU_MAX];
u64 frame_limit;
static u64 slab_objects;
const struct domain *named;
u32 named_count;
void (*slab_hook)(void);
void domain_log(struct domain *d, const char *format, ...)
{
    named = d;
    named_count++;
    (void)format;
}
void cpu_relax(void)
{
    usleep(0);
}
void *slab_alloc(size_t size)
{
    void (*hook)(void) = slab_hook;
    slab_hook = NULL;
    if (hook)
        hook();
    slab_objects++;
    return calloc(1, size);
}
void slab_free(void *p, size_t size)
{
    (void)size;
    slab_objects -= p != NULL;
    free(p);
}
int page_get_slow(struct page *p, u32 owner, enum page_kind kind)
{
    (void)p;
    (void)owner;
    (void)kind;
    return -EINVAL;
}
void page_put_slow(struct page *p)
{
    (void)p;
}
struct domain *domain_zero = &dom[0];
struct domain *domain_get(domid_t id)
{
    if (id >= DOMAINS)
        return NULL;
    atomic_add(&dom[id].refs, 1u);
    return &dom[id];
}
cpuset_t cpu_online = 1;
bool has_sender;
u64 sender_steps;
void smp_call(cpuset_t cpus, void (*fn)(void *arg), void *arg)
{
    (void)cpus, (void)fn, (void)arg;
    for (u64 now = atomic_load(&sender_steps); has_sender && atomic_load(&sender_steps) < now + 2;)
        usleep(0);
}
u32 wallclocks;
void domain_update_wallclock(struct domain *d)
{
    (void)d;
    wallclocks++;
}
void domain_put(struct domain *d)
{
    atomic_sub(&d->refs, 1u);
}
void domain_for_each(void (*fn)(struct domain *d, void *arg), void *arg)
{
    for (u32 i = 0; i < DOMAINS; i++)
        fn(&dom[i], arg);
}
void vcpu_kick(struct vcpu *v)
{
    atomic_add(&kicks[v->domain->id][v->id], 1u);
}
void sched_wake(struct unit *u)
{
    (void)u;
    wakes++;
}
bool irq_line_info(u32 n, struct irq_line_info *out)
{
    if (n >= IRQ_LINE_MAX || (n >= 24 && n < 256))
        return false;
    *out = (struct irq_line_info){.is_level = line[n].is_level, .is_msi = n >= 256};
    return true;
}
int irq_line_bind(u32 n, u32 cpu, irq_line_fn *fn, void *arg)
{
    if (line[n].fn)
        return -EBUSY;
    line[n].fn = fn;
    line[n].arg = arg;
    line[n].cpu = cpu;
    line[n].is_masked = true;
    return 0;
}
void irq_line_unbind(u32 n)
{
    line[n].fn = NULL;
}
void irq_line_unmask(u32 n)
{
    line[n].is_masked = false;
    line[n].unmasks++;
}
void irq_line_set_cpu(u32 n, u32 cpu)
{
    line[n].cpu = cpu;
}
int irq_gsi_setup(u32 gsi, bool is_level, bool is_active_low)
{
    (void)is_active_low;
    if (gsi >= 24)
        return -ENOENT;
    if (line[gsi].fn && line[gsi].is_level != is_level)
        return -EBUSY;
    line[gsi].is_level = is_level;
    return 0;
}
int irq_msi_create(u32 sbdf, u32 entry, u64 table_base)
{
    (void)entry;
    (void)table_base;
    return sbdf == 0xdead ? -ENODEV : next_msi++;
}
void irq_msi_destroy(u32 n)
{
    CU_ASSERT(n >= 300 && !line[n].fn);
}

void fire(u32 n)
{
    if (line[n].is_level)
        line[n].is_masked = true;
    line[n].fn(n, line[n].arg);
}

void start(void)
{
    memset(dom, 0, sizeof(dom));
    memset(vcpus, 0, sizeof(vcpus));
    memset(shared, 0, sizeof(shared));
    memset(kicks, 0, sizeof(kicks));
    memset(line, 0, sizeof(line));
    for (u32 i = 0; i < DOMAINS; i++) {
        dom[i].id = (domid_t)i;
        dom[i].is_privileged = i == 0;
        dom[i].refs = 1;
        dom[i].vcpu_limit = VCPUS;
        dom[i].shared = &shared[i];
        for (u32 n = 0; n < VCPUS; n++) {
            struct vcpu *v = &vcpus[i][n];
            v->domain = &dom[i];
            v->id = n;
            v->unit.cpu = n;
            v->info = &shared[i].vcpu_info[n];
            dom[i].vcpu[n] = v;
        }
        evtchn_init(&dom[i]);
        pirq_init(&dom[i]);
    }
}

void stop(void)
{
    for (u32 i = 0; i < DOMAINS; i++)
        for (u32 port = 1; port < dom[i].evtchn.limit; port++)
            (void)evtchn_close(&dom[i], port);
    for (u32 i = 0; i < DOMAINS; i++) {
        CU_ASSERT_EQUAL(dom[i].refs, 1);
        evtchn_free(&dom[i]);
        for (u32 n = 0; dom[i].pirq.item && n < PIRQ_MAX; n++)
            CU_ASSERT_EQUAL(dom[i].pirq.item[n].port, 0);
        pirq_free(&dom[i]);
    }
    CU_ASSERT_EQUAL(slab_objects, 0);
}

bool is_pending(u32 d, u32 port)
{
    return evtchn_is_pending(&dom[d], port);
}

void guest_takes_all(u32 d)
{
    memset(shared[d].evtchn_pending, 0, sizeof(shared[d].evtchn_pending));
    for (u32 n = 0; n < VCPUS; n++) {
        shared[d].vcpu_info[n].evtchn_upcall_pending = 0;
        shared[d].vcpu_info[n].evtchn_pending_sel = 0;
        kicks[d][n] = 0;
    }
}

u32 status_of(u32 d, u32 port)
{
    struct evtchn_status s = {0};
    return evtchn_status(&dom[d], port, &s) ? ~0u : s.status;
}

void check_all(void)
{
    u32 want[DOMAINS] = {1, 1, 1};

    for (u32 d = 0; d < DOMAINS; d++)
        for (u32 port = 1; port < dom[d].evtchn.limit; port++) {
            struct evtchn_status s = {0}, r = {0};
            CU_ASSERT_EQUAL_FATAL(evtchn_status(&dom[d], port, &s), 0);
            if (s.status == EVTCHNSTAT_closed)
                CU_ASSERT_FATAL(!is_pending(d, port));
            if (s.status != EVTCHNSTAT_interdomain)
                continue;
            want[s.u.interdomain.dom]++;
            CU_ASSERT_EQUAL_FATAL(evtchn_status(&dom[s.u.interdomain.dom], s.u.interdomain.port, &r), 0);
            CU_ASSERT_FATAL(r.status == EVTCHNSTAT_interdomain && r.u.interdomain.dom == d &&
                            r.u.interdomain.port == port);
        }
    for (u32 d = 0; d < DOMAINS; d++)
        CU_ASSERT_EQUAL_FATAL(dom[d].refs, want[d]);
}

int toy_run(const char *name, CU_TestInfo *tests)
{
    for (u32 c = 0; c < 2; c++) {
        fake_cpu = c;
        percpu_stack[c] = aligned_alloc(STACK_SIZE, STACK_SIZE);
        *cpu_info() = (struct cpu_info){.cpu = c};
    }
    fake_cpu = 0;
    return suite_run(name, tests);
}
