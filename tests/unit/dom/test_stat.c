/* SPDX-License-Identifier: MIT */
/*
 * The statistics over the real frame allocator: records are made, given back and given out again, and a reader that
 * knows nothing but the frames finds each of them; a frame can be mapped to be read, and never written, by the control
 * domain alone; what is asked of domains, CPUs and the machine is what they have. The last record of all is refused.
 */
#include "../suite.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/work.h"
#include "dom/domain.h"
#include "fake_hw/fake.h"
#include "hw/irq.h"
#include "hw/time.h"
#include "lib/errno.h"

#define CPUS 2u
static struct domain domain[3];
static struct evtchn bucket[EVTCHN_PER_BUCKET];
static u32 interrupts;

u64 time_tsc_khz(void)
{
    return 2500000;
}
u64 sched_idle_ns(u32 cpu)
{
    return 1000 + cpu;
}
u64 irq_vector_count(u8 vector, u32 cpu)
{
    (void)cpu;
    return vector == VEC_TIMER ? 7 : vector == VEC_IPI_TLB ? 5 : vector == VEC_DEVICE_FIRST ? interrupts : 0;
}
struct domain *domain_next(u32 first)
{
    for (u32 i = 0; i < ARRAY_COUNT(domain); i++)
        if (domain[i].id >= first) {
            domain[i].refs++;
            return &domain[i];
        }
    return NULL;
}
void domain_put(struct domain *d)
{
    d->refs--;
}
struct domain *domain_of(u32 owner)
{
    (void)owner;
    abort(); /* no frame of a domain is freed here */
}

/* As the tools do it: look at every record. */
static const struct wirt_stat *find(u32 kind, u32 domid, u32 id, u32 *count)
{
    const struct wirt_stat *found = NULL;

    *count = 0;
    for (u32 f = 0; f < stat_frames(); f++)
        for (const struct wirt_stat *s = frame_va(stat_frame(f)), *end = s + 4; s < end; s++) {
            CU_ASSERT(s->version % 2 == 0);
            if (s->kind == kind && s->domain == domid && s->id == id) {
                found = s;
                (*count)++;
            }
        }
    return found;
}

static void records(void)
{
    struct wirt_stat *s[10], *again;
    u32 count, frames, version;

    for (u32 i = 0; i < 10; i++) {
        s[i] = stat_create(WIRT_STAT_VCPU, 4, i);
        CU_ASSERT_PTR_NOT_NULL_FATAL(s[i]);
        CU_ASSERT(s[i]->kind == WIRT_STAT_VCPU && s[i]->domain == 4 && s[i]->id == i && s[i]->cpu == 0);
        CU_ASSERT(find(WIRT_STAT_VCPU, 4, i, &count) == s[i] && count == 1);
    }
    frames = stat_frames();
    CU_ASSERT_EQUAL(frames, 16);
    s[3]->u.vcpu.call[9] = 77;
    s[3]->cpu = 1;
    version = s[3]->version;
    stat_destroy(s[3]);
    stat_destroy(NULL);
    CU_ASSERT_PTR_NULL(find(WIRT_STAT_VCPU, 4, 3, &count));
    CU_ASSERT(s[3]->version == version + 2);
    again = stat_create(WIRT_STAT_VCPU, 5, 1);
    CU_ASSERT(again == s[3] && again->u.vcpu.call[9] == 0 && again->u.vcpu.since == 0 && again->cpu == 0);
    CU_ASSERT_EQUAL(again->version, version + 4);
    s[3] = again;
    for (u32 i = 0; i < 10; i++)
        stat_destroy(s[i]);
    for (u32 i = 0; i < 64; i++)
        CU_ASSERT_PTR_NOT_NULL(stat_create(WIRT_STAT_VCPU, 4, i));
    CU_ASSERT_EQUAL(stat_frames(), frames);
    CU_ASSERT_PTR_NOT_NULL(stat_create(WIRT_STAT_VCPU, 4, 64));
    CU_ASSERT_EQUAL(stat_frames(), 2 * frames);
}

static void only_to_be_read(void)
{
    for (u32 f = 0; f < stat_frames(); f++) {
        struct page *p = frame_page(stat_frame(f));

        CU_ASSERT(page_get(p, PAGE_OWNER_SHOWN));
        page_put(p);
        CU_ASSERT_EQUAL(page_get_as(p, PAGE_OWNER_SHOWN, PAGE_WRITABLE), -EINVAL);
        CU_ASSERT_EQUAL(page_get_as(p, PAGE_OWNER_SHOWN, PAGE_L1), -EINVAL);
        CU_ASSERT(!page_get(p, domain_owner(&domain[0])));
        CU_ASSERT_EQUAL((u32)p->refs, 1);
    }
}

static void refreshed(void)
{
    const struct wirt_stat *s;
    const struct wirt_stat_domain *d;
    u32 next = 0, count, turns = 1;

    fake_now = 123456;
    for (u32 i = 0; i < ARRAY_COUNT(domain); i++) {
        domain[i].id = (domid_t)(i * 10);
        domain[i].stat = stat_create(WIRT_STAT_DOMAIN, domain[i].id, 0);
        domain[i].evtchn.limit = 1024;
    }
    domain[0].is_privileged = true;
    bucket[3].state = EVTCHN_VIRQ;
    bucket[127].state = EVTCHN_UNBOUND;
    domain[1].evtchn.bucket[2] = bucket;
    domain[1].page_count = 4096;
    domain[1].page_max = 5000;
    domain[1].grant.pinned = 12;
    domain[1].grant.mapped = 3;
    domain[1].weight = 512;
    domain[1].tables[0] = 9;
    domain[1].tables[3] = 1;
    domain[1].pause_count = 1;
    domain[2].life = DOMAIN_DYING;
    domain[2].is_shut_down = true;
    domain[2].shutdown_reason = 3;
    interrupts = 40;
    cpu_info()->work = 1; /* something else waits: one domain a turn */
    while (stat_refresh(&next) == -ERESTART)
        turns++;
    cpu_info()->work = 0;
    CU_ASSERT_EQUAL(turns, 1 + ARRAY_COUNT(domain));
    for (u32 i = 0; i < ARRAY_COUNT(domain); i++)
        CU_ASSERT_EQUAL(domain[i].refs, 0);
    s = find(WIRT_STAT_DOMAIN, 10, 0, &count);
    CU_ASSERT_PTR_NOT_NULL_FATAL(s);
    d = &s->u.domain;
    CU_ASSERT(d->created == 123456 && d->ports == 2 && d->port_limit == 1024 && d->pages == 4096 && d->weight == 512);
    CU_ASSERT(d->tables[0] == 9 && d->tables[1] == 0 && d->tables[3] == 1);
    CU_ASSERT(d->page_limit == 5000 && d->grants == 12 && d->maps == 3 && d->flags == WIRT_STAT_PAUSED);
    CU_ASSERT_EQUAL(find(WIRT_STAT_DOMAIN, 0, 0, &count)->u.domain.flags, WIRT_STAT_CONTROL);
    s = find(WIRT_STAT_DOMAIN, 20, 0, &count);
    CU_ASSERT(s->u.domain.flags == (WIRT_STAT_DYING | WIRT_STAT_SHUT_DOWN) && s->u.domain.shutdown_reason == 3);
    s = find(WIRT_STAT_CPU, 0, 1, &count);
    CU_ASSERT_PTR_NOT_NULL_FATAL(s);
    CU_ASSERT(count == 1 && s->u.cpu.idle == 1001 && s->u.cpu.interrupts_timer == 7);
    CU_ASSERT(s->u.cpu.interrupts_cpu == 5 && s->u.cpu.interrupts_device == 40);
    s = find(WIRT_STAT_HOST, 0, 0, &count);
    CU_ASSERT_PTR_NOT_NULL_FATAL(s);
    CU_ASSERT(count == 1 && s->u.host.cpus == CPUS && s->u.host.tsc_khz == 2500000 && s->u.host.pages_free > 0);
    next = 0;
    CU_ASSERT_EQUAL(stat_refresh(&next), 0);
    CU_ASSERT(find(WIRT_STAT_HOST, 0, 0, &count) == s && count == 1);
}

static void buckets(void)
{
    CU_ASSERT(stat_bucket(0) == 0 && stat_bucket(1023) == 0 && stat_bucket(1024) == 1 && stat_bucket(2047) == 1);
    CU_ASSERT(stat_bucket(2048) == 2 && stat_bucket(1ull << 32) == 23 && stat_bucket(~0ull) == 23);
}

static void all_in_use(void)
{
    struct wirt_stat *last = NULL, *s;
    u32 made = 0;

    while ((s = stat_create(WIRT_STAT_VCPU, 9, made)) != NULL) {
        last = s;
        made++;
    }
    CU_ASSERT_EQUAL(stat_frames(), STAT_FRAMES_MAX);
    CU_ASSERT(made > 16000 && made <= STAT_FRAMES_MAX * 4);
    stat_destroy(last);
    CU_ASSERT(stat_create(WIRT_STAT_DOMAIN, 9, 0) == last);
    CU_ASSERT_PTR_NULL(stat_create(WIRT_STAT_DOMAIN, 9, 0));
}

int main(void)
{
    CU_TestInfo tests[] = {{"records come and go", records}, {"only to be read", only_to_be_read},
                           {"refreshed", refreshed},         {"buckets", buckets},
                           {"all in use", all_in_use},       CU_TEST_INFO_NULL};

    fake_init(CPUS);
    return suite_run("stat", tests);
}
