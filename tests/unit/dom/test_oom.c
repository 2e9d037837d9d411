/* SPDX-License-Identifier: MIT */
/*
 * Memory that ends in the middle of a domain's making: all of dom/ as shipped, over the real slabs and the real frame
 * allocator. What the toolstack asks for is asked for here, step after step, and each allocation in it fails once, in
 * the slabs or below them. The step says -ENOMEM, nothing of it stays, the domain can be taken apart as it is, and then
 * every object and every frame is back.
 */
#include "../suite.h"
#define sched_yield host_sched_yield /* ours is another one */
#include <stdio.h>
#include <stdlib.h>
#undef sched_yield
#pragma GCC diagnostic ignored "-Wunused-parameter" /* of what only has to be there */
#include "core/console.h"
#include "core/slab.h"
#include "core/timer.h"
#include "core/work.h"
#include "dom/domain.h"
#include "dom/dump.h"
#include "dom/vcpu.h"
#include "fake_hw/fake.h"
#include "hw/fpu.h"
#include "hw/irq.h"
#include "hw/power.h"
#include "hw/time.h"
#include "lib/errno.h"

/* ---- allocations: counted, and the one to fail (ld's --wrap) ---- */

static u32 wanted, asked; /* the wanted-th fails; 0: none */
static s64 objects;

void *__real_slab_alloc(size_t size);
void __real_slab_free(void *p, size_t size);
mfn_t __real_frame_alloc(u32 order, u32 flags, u32 address_bits);
void *__wrap_slab_alloc(size_t size);
void __wrap_slab_free(void *p, size_t size);
mfn_t __wrap_frame_alloc(u32 order, u32 flags, u32 address_bits);

void *__wrap_slab_alloc(size_t size)
{
    void *p = ++asked == wanted ? NULL : __real_slab_alloc(size);

    objects += p != NULL;
    return p;
}
void __wrap_slab_free(void *p, size_t size)
{
    objects -= p != NULL;
    __real_slab_free(p, size);
}
mfn_t __wrap_frame_alloc(u32 order, u32 flags, u32 address_bits)
{
    return ++asked == wanted ? mfn(MFN_NONE) : __real_frame_alloc(order, flags, address_bits);
}

/* ---- what dom/ asks of the rest ---- */

void sched_add(struct unit *u, u32 cpu)
{
    u->cpu = cpu;
}
void sched_remove(struct unit *u)
{
}
void sched_pause(struct unit *u)
{
    u->pause_count++;
}
void sched_unpause(struct unit *u)
{
    u->pause_count--;
}
void sched_wake(struct unit *u)
{
}
void sched_block(void)
{
}
bool sched_is_running(const struct unit *u)
{
    return false;
}
void timer_init(struct timer *t, void (*fn)(void *), void *arg, u32 cpu)
{
}
void timer_set(struct timer *t, u64 at_ns)
{
}
void timer_move(struct timer *t, u32 cpu)
{
}
void timer_stop(struct timer *t)
{
}
void work_raise(enum work kind)
{
}
void fpu_load(void *area, u64 xcr0)
{
}
void fpu_save(void *area)
{
}
void fpu_reset(void *area)
{
}
u32 fpu_size(void)
{
    return 2048;
}
u64 fpu_xcr0_allowed(void)
{
    return 0;
}
u32 time_generation(void)
{
    return 1;
}
void time_scale_get(struct time_scale *out)
{
    *out = (struct time_scale){0};
}
void time_wall_get(u64 *sec, u32 *nsec)
{
    *sec = 1000, *nsec = 0;
}
void pgtab_activate(void)
{
}
u64 time_tsc_khz(void)
{
    return 1;
}
u64 sched_idle_ns(u32 cpu)
{
    return cpu;
}
u64 irq_vector_count(u8 vector, u32 cpu)
{
    return vector + cpu;
}
int irq_gsi_setup(u32 gsi, bool is_level, bool is_active_low)
{
    return 0;
}
int irq_line_bind(u32 line, u32 cpu, irq_line_fn *fn, void *arg)
{
    return 0;
}
void irq_line_unbind(u32 line)
{
}
void irq_line_unmask(u32 line)
{
}
void irq_line_set_cpu(u32 line, u32 cpu)
{
}
bool irq_line_info(u32 line, struct irq_line_info *out)
{
    *out = (struct irq_line_info){0};
    return true;
}
int irq_msi_create(u32 sbdf, u32 entry, u64 table_base)
{
    return -ENOSPC;
}
void irq_msi_destroy(u32 line)
{
}
void console_key_bind(char key, const char *help, void (*fn)(void))
{
}
bool console_rate_ok(struct rate_limit *r, u32 burst, u32 per_second)
{
    return false;
}
void console_screen_lend(bool is_lent)
{
}
void dump_guest(const struct vcpu *v)
{
}
void power_off_or_halt(void)
{
    exit(3);
}

static int op_create(struct vcpu *v)
{
    return 0;
}
static void op_none(struct vcpu *v)
{
}
static const struct vcpu_ops of_vcpu = {.create = op_create, .load = op_none, .unload = op_none};

/* All pages; none is a table here. */
static int op_relinquish(struct domain *d)
{
    while (d->pages.n)
        if (!page_release(d, frame_page_raw(d->pages)))
            abort();
    return 0;
}
static const struct domain_ops of_domain = {.vcpu = &of_vcpu, .relinquish = op_relinquish};

/* ---- a domain's making, as the toolstack asks for it ---- */

static struct domain *made;

static int step_domain(void)
{
    struct domain_config c = {.id = 7, .vcpu_limit = 2, .port_limit = 1024, .grant_frames = 64, .grant_maptrack = 1024};

    return domain_create(&c, &made);
}
static int step_vcpus(void)
{
    for (u32 i = 0; i < 2; i++)
        if (!vcpu_create(made, i, 0))
            return -ENOMEM;
    return 0;
}
static int step_memory(void)
{
    for (u32 i = 0; i < 4; i++) {
        mfn_t m = frame_alloc(0, 0, 0);

        if (m.n == MFN_NONE)
            return -ENOMEM;
        page_assign(made, m, 1);
    }
    return 0;
}
static int step_rights(void)
{
    int rc = domain_permit(made, &made->ports, 0x3f8, 0x3ff, true);

    rc = rc ? rc : domain_permit(made, &made->iomem, 0xfed00, 0xfed00, true);
    return rc ? rc : domain_permit(made, &made->irqs, 4, 4, true);
}
/* From the first bucket of ports into the second. */
static int step_ports(void)
{
    int rc = 0;

    for (u32 i = 0; i < EVTCHN_PER_BUCKET + 1 && rc >= 0; i++)
        rc = evtchn_alloc_unbound(made, 0);
    return rc < 0 ? rc : 0;
}
static int step_virq(void)
{
    int rc = evtchn_bind_virq(made, VIRQ_DEBUG, 0);

    return rc < 0 ? rc : 0;
}
static int step_grants(void)
{
    mfn_t frame;
    int rc = grant_frame(made, 0, &frame);

    return rc ? rc : grant_frame(made, 3, &frame); /* the ones between come along */
}
static int step_pirq(void)
{
    s32 pirq = -1;
    int rc = pirq_map_gsi(made, 4, &pirq);

    return rc < 0 ? rc : 0;
}
static int (*const steps[])(void) = {step_domain, step_vcpus, step_memory, step_rights,
                                     step_ports,  step_virq,  step_grants, step_pirq};

/* Up to the first step that fails; what it says. */
static int make(void)
{
    int rc = 0;

    made = NULL;
    for (u32 i = 0; i < ARRAY_COUNT(steps) && rc == 0; i++)
        rc = steps[i]();
    return rc;
}

static void unmake(void)
{
    int rc;

    if (!made)
        return;
    while ((rc = domain_destroy(made)) == -ERESTART)
        ;
    CU_ASSERT_EQUAL(rc, 0);
    domain_put(made);
}

static u64 frames_free(void)
{
    struct frame_stats s;

    frame_stats(&s);
    return s.free;
}

static void test_each(void)
{
    u64 before;
    s64 held;
    u32 n, whole;

    for (u32 i = 0; i < 2; i++) { /* what slabs keep, they have now */
        CU_ASSERT_EQUAL_FATAL(make(), 0);
        unmake();
    }
    before = frames_free();
    held = objects;
    asked = 0;
    CU_ASSERT_EQUAL(make(), 0);
    whole = asked;
    unmake();
    CU_ASSERT(whole > 20);
    for (n = 1; n <= whole; n++) {
        struct domain *d;
        int rc;

        asked = 0;
        wanted = n;
        rc = make();
        if (rc != -ENOMEM) {
            printf("     allocation %u of %u: %d\n", n, whole, rc);
            CU_FAIL("a failed allocation is no -ENOMEM");
        }
        wanted = 0;
        unmake();
        d = domain_get(7);
        if (d || objects != held || frames_free() != before) {
            printf("     allocation %u of %u: objects %ld instead of %ld, free %lu instead of %lu\n", n, whole, objects,
                   held, frames_free(), before);
            CU_FAIL("something stays");
        }
    }
    CU_ASSERT_EQUAL(make(), 0);
    unmake();
    printf("  %u allocations, each failed once\n", whole);
}

/* The same to the last frame: memory is really used up, and a domain short of it goes away whole. */
static void test_brim(void)
{
    static u32 hoard[200000];
    u64 before = frames_free();
    u32 count = 0, short_of = 0;
    s64 held = objects;
    mfn_t m;

    while (count < ARRAY_COUNT(hoard) && (m = frame_alloc(0, FRAME_RAW, 0)).n != MFN_NONE)
        hoard[count++] = (u32)m.n;
    CU_ASSERT_FATAL(count < ARRAY_COUNT(hoard));
    while (make()) { /* one frame more each time */
        unmake();
        CU_ASSERT_EQUAL(objects, held);
        CU_ASSERT_FATAL(count > 0);
        frame_free(mfn(hoard[--count]), 0);
        short_of++;
    }
    unmake();
    CU_ASSERT(short_of > 4);
    while (count)
        frame_free(mfn(hoard[--count]), 0);
    CU_ASSERT_EQUAL(objects, held);
    CU_ASSERT_EQUAL(frames_free(), before);
}

int main(void)
{
    static struct vcpu caller;
    static const struct domain_config zero = {.is_privileged = true, .vcpu_limit = 1, .port_limit = 1024};
    CU_TestInfo tests[] = {{"each allocation fails once", test_each}, {"to the brim", test_brim}, CU_TEST_INFO_NULL};

    fake_init(1);
    caller.unit.is_idle = true; /* nobody's: domain_zero comes from boot */
    cpu_info()->unit = &caller.unit;
    domain_kind[DOMAIN_PV] = &of_domain;
    if (domain_create(&zero, &domain_zero))
        exit(2);
    caller.domain = domain_zero;
    caller.unit.is_idle = false;
    return suite_run("oom", tests);
}
