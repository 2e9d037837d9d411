/* SPDX-License-Identifier: MIT */
/*
 * The statistics as the control domain's tools take them: one sysctl, and frames that are mapped once, to be read and
 * never written. Counts move by just what we do; times move forward; a domain's records come with it, follow it and go
 * with it; and whatever is wrong in a request is an error that changes nothing.
 */
#include "guest.h"
#include "public/domctl.h"
#include "public/grant_table.h"
#include "public/sysctl.h"
#include "public/wirt.h"

#define MOST 64u /* frames that we map */

static u64 frames[MOST], *window[MOST];
static u32 frame_count;
static struct wirt_sysctl_statistics *answer;
static struct xen_sysctl sys;

static s64 statistics(u64 list, u32 room)
{
    fill(&sys, 0, sizeof(sys));
    sys.cmd = WIRT_SYSCTL_statistics;
    sys.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    *answer = (struct wirt_sysctl_statistics){.frames = list, .room = room};
    return call1(__HYPERVISOR_sysctl, &sys);
}

static s64 show(void *at, u64 entry, u32 id)
{
    const u64 *l1 = pte_of((u64)at, 1);
    struct mmu_update u = {(*pte_of((u64)l1, 1) & PTE_ADDR) | ((u64)l1 & 0xfff), entry};
    s64 rc = call4(__HYPERVISOR_mmu_update, &u, 1, 0, id);

    ext(MMUEXT_INVLPG_LOCAL, (u64)at, 0);
    return rc;
}

/* Maps what came meanwhile. */
static void refresh(void)
{
    EQ(statistics((u64)frames, MOST), 0);
    EQ(answer->version, WIRT_STAT_VERSION);
    TRUE(answer->room >= frame_count && answer->room <= MOST);
    for (; frame_count < answer->room; frame_count++) {
        window[frame_count] = page_new();
        EQ(show(window[frame_count], frames[frame_count] << 12 | RO_PAGE, DOMID_XEN), 0);
    }
}

static const volatile struct wirt_stat *find(u32 kind, u32 domain, u32 id)
{
    const volatile struct wirt_stat *found = NULL;

    for (u32 f = 0; f < frame_count; f++)
        for (u32 i = 0; i < 4; i++) {
            const volatile struct wirt_stat *s = (const volatile void *)((u8 *)window[f] + i * sizeof(*s));
            if (s->kind == kind && s->domain == domain && s->id == id) {
                TRUE(!found); /* each of them once */
                found = s;
            }
        }
    return found;
}

static void asked(void)
{
    u64 list[4] = {0};

    test("asked");
    EQ(statistics(0, 0), 0);
    TRUE(answer->room >= 1 && answer->now > 0);
    EQ(statistics((u64)list, 1), 0); /* no more than there is room for */
    TRUE(list[0] != 0 && list[1] == 0);
    EQ(statistics(HV_DIRECT, 4), E_FAULT);
    EQ(statistics(NON_CANONICAL, 4), E_FAULT);
    EQ(statistics((u64)list, 0), 0);
    EQ(statistics((u64)list, ~0u), 0);
}

static void only_read(void)
{
    u8 *page = page_new();

    test("only-read");
    refresh();
    EQ(show(page, frames[0] << 12 | RW_PAGE, DOMID_XEN), E_INVAL);
    FAILS(show(page, frames[0] << 12 | RO_PAGE, DOMID_SELF));
    FAILS(show(page, frames[0] << 12 | RO_PAGE, DOMID_IO));
    FAILS(show(page, mfn_of(answer) << 12 | RO_PAGE, DOMID_XEN)); /* ours is not Wirt's */
    FAILS(show(page, 0x100ul << 12 | RO_PAGE, DOMID_XEN));
    FAILS(ext(MMUEXT_PIN_L1_TABLE, frames[0], 0));
    FAILS(call2(__HYPERVISOR_set_gdt, frames, 512));
    TRUE(find(WIRT_STAT_HOST, 0, 0) != NULL);
}

static void counts(void)
{
    const volatile struct wirt_stat *s = find(WIRT_STAT_VCPU, 0, 0);
    u64 calls, yields, faults, traps;

    test("counts");
    if (!TRUE(s != NULL))
        return;
    calls = s->u.vcpu.call[__HYPERVISOR_xen_version];
    yields = s->u.vcpu.call[__HYPERVISOR_sched_op];
    for (u32 i = 0; i < 10; i++)
        call2(__HYPERVISOR_xen_version, XENVER_version, 0);
    for (u32 i = 0; i < 3; i++)
        call2(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
    call0(63); /* there is no such call, and it is counted */
    EQ(s->u.vcpu.call[__HYPERVISOR_xen_version], calls + 10);
    EQ(s->u.vcpu.call[__HYPERVISOR_sched_op], yields + 3);
    EQ(s->u.vcpu.call[63], 1);
    faults = s->u.vcpu.event[WIRT_EVENT_page_fault];
    traps = s->u.vcpu.event[WIRT_EVENT_trap];
    for (u32 i = 0; i < 5; i++)
        __asm__ volatile(TRY("movq (%0), %%rax") : : "r"(0x1000ul) : "rax", "memory");
    for (u32 i = 0; i < 4; i++)
        __asm__ volatile(TRY("ud2") : : : "memory");
    EQ(s->u.vcpu.event[WIRT_EVENT_page_fault], faults + 5);
    EQ(s->u.vcpu.event[WIRT_EVENT_trap], traps + 4);
    traps = s->u.vcpu.event[WIRT_EVENT_privileged];
    for (u32 i = 0; i < 6; i++)
        __asm__ volatile("mov %%cr0, %%rax" : : : "rax");
    EQ(s->u.vcpu.event[WIRT_EVENT_privileged], traps + 6);
    faults = s->u.vcpu.call[__HYPERVISOR_mmu_update];
    EQ(show(page_new(), 0, DOMID_SELF), 0);
    EQ(s->u.vcpu.call[__HYPERVISOR_mmu_update], faults + 1);
    EQ(s->version % 2, 0);
    EQ(s->u.vcpu.state, RUNSTATE_running);
}

static void times(void)
{
    const volatile struct wirt_stat *s = find(WIRT_STAT_VCPU, 0, 0), *cpu;
    struct vcpu_runstate_info r;
    u64 slept, woken;

    test("times");
    EQ(vcpu_op(VCPUOP_get_runstate_info, 0, &r), 0);
    TRUE(s->u.vcpu.since == r.state_entry_time && s->u.vcpu.time[RUNSTATE_blocked] == r.time[RUNSTATE_blocked]);
    slept = s->u.vcpu.time[RUNSTATE_blocked];
    woken = 0;
    for (u32 i = 0; i < WIRT_STAT_LATENCIES; i++)
        woken -= s->u.vcpu.latency[i];
    for (u32 i = 0, slow = 0; i < 3 && slow < 50; slow++) { /* on a slow machine the timer is first */
        u64 before = s->u.vcpu.time[RUNSTATE_blocked];
        events_mask();
        call1(__HYPERVISOR_set_timer_op, now() + 10000000);
        call2(__HYPERVISOR_sched_op, SCHEDOP_block, 0);
        events_unmask();
        i += s->u.vcpu.time[RUNSTATE_blocked] != before;
    }
    for (u32 i = 0; i < WIRT_STAT_LATENCIES; i++)
        woken += s->u.vcpu.latency[i];
    TRUE(s->u.vcpu.time[RUNSTATE_blocked] > slept);
    TRUE(woken >= 3);
    refresh();
    cpu = find(WIRT_STAT_CPU, 0, 0);
    if (TRUE(cpu != NULL))
        TRUE(cpu->u.cpu.idle > 0 && cpu->u.cpu.interrupts_timer >= 3);
    TRUE(s->u.vcpu.event[WIRT_EVENT_upcall] >= 3);
    TRUE(answer->now >= s->u.vcpu.since);
}

/* All frames by owner and use; as many calls as it takes. */
static u32 uses[WIRT_FRAMES_OWNERS][WIRT_FRAMES_uses];
static void count_uses(void)
{
    struct wirt_sysctl_frames *f = (void *)&sys.u;
    u32 calls = 0;

    fill(uses, 0, sizeof(uses));
    fill(&sys, 0, sizeof(sys));
    sys.cmd = WIRT_SYSCTL_frames;
    sys.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    do {
        u64 before = f->next;
        f->count[0][0] = 77; /* it is an answer only */
        EQ(call1(__HYPERVISOR_sysctl, &sys), 0);
        TRUE(f->next == 0 || f->next > before);
        for (u32 o = 0; o < WIRT_FRAMES_OWNERS; o++)
            for (u32 u = 0; u < WIRT_FRAMES_uses; u++)
                uses[o][u] += f->count[o][u];
    } while (f->next && ++calls < 100000);
    EQ(f->next, 0);
    TRUE(calls > 0);
}

static void used(const volatile struct wirt_stat_domain *d, u32 guest)
{
    const volatile struct wirt_stat *host = find(WIRT_STAT_HOST, 0, 0);
    u64 of_dom0 = 0, of_guests = 0, of_wirt;
    struct wirt_sysctl_frames *f = (void *)&sys.u;

    refresh();
    count_uses();
    for (u32 i = 0; i < 4; i++)
        EQ(uses[WIRT_FRAMES_DOM0][WIRT_FRAMES_table + i], d->tables[i]);
    TRUE(uses[WIRT_FRAMES_DOM0][WIRT_FRAMES_writable] > 0);
    EQ(uses[WIRT_FRAMES_WIRT][WIRT_FRAMES_descriptors], frame_count);
    for (u32 u = 0; u < WIRT_FRAMES_uses; u++) {
        of_dom0 += uses[WIRT_FRAMES_DOM0][u];
        of_guests += uses[WIRT_FRAMES_GUESTS][u];
        if (u != WIRT_FRAMES_none && u != WIRT_FRAMES_descriptors)
            EQ(uses[WIRT_FRAMES_WIRT][u], 0);
    }
    of_wirt = uses[WIRT_FRAMES_WIRT][WIRT_FRAMES_none];
    EQ(of_dom0, d->pages_held);
    EQ(of_guests, find(WIRT_STAT_DOMAIN, guest, 0)->u.domain.pages_held);
    TRUE(of_wirt * 4096 >= host->u.host.bytes_tables + host->u.host.bytes_objects);
    TRUE(of_dom0 + of_guests + of_wirt + frame_count + host->u.host.pages_free <= host->u.host.pages);
    f->next = ~0ul - 5; /* beyond all of them */
    sys.cmd = WIRT_SYSCTL_frames;
    EQ(call1(__HYPERVISOR_sysctl, &sys), 0);
    EQ(f->next, 0);
    EQ(f->count[WIRT_FRAMES_DOM0][WIRT_FRAMES_writable], 0);
}

/* A page table counts as long as it is one, at its level. */
static void tables(const volatile struct wirt_stat_domain *d, u32 guest)
{
    u32 before[4] = {d->tables[0], d->tables[1], d->tables[2], d->tables[3]};
    void *page = page_new();

    TRUE(before[0] > 0 && before[1] > 0 && before[2] > 0 && before[3] == 1);
    EQ(page_ro(page) | pin(1, page), 0);
    refresh();
    EQ(d->tables[0], before[0] + 1);
    EQ(unpin(page), 0);
    EQ(pin(2, page), 0);
    refresh();
    EQ(d->tables[0], before[0]);
    EQ(d->tables[1], before[1] + 1);
    used(d, guest);
    EQ(unpin(page) | page_rw(page), 0);
    refresh();
    for (u32 i = 0; i < 4; i++)
        EQ(d->tables[i], before[i]);
}

static void domains(void)
{
    struct xen_domctl op = {.u.createdomain = {.max_vcpus = 2, .max_evtchn_port = 127, .max_grant_frames = 4}};
    struct evtchn_alloc_unbound alloc = {.remote_dom = DOMID_SELF};
    const volatile struct wirt_stat *d;
    u32 id;

    test("domains");
    op.cmd = XEN_DOMCTL_createdomain;
    op.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    op.domain = DOMID_SELF;
    EQ(call1(__HYPERVISOR_domctl, &op), 0);
    id = op.domain;
    alloc.dom = (domid_t)id;
    EQ(evtchn(EVTCHNOP_alloc_unbound, &alloc), 0);
    op.cmd = XEN_DOMCTL_max_vcpus;
    op.u.max_vcpus.max = 2;
    EQ(call1(__HYPERVISOR_domctl, &op), 0);
    refresh();
    d = find(WIRT_STAT_DOMAIN, id, 0);
    if (!TRUE(d != NULL))
        return;
    EQ(d->u.domain.flags, WIRT_STAT_PAUSED);
    EQ(d->u.domain.ports, 1);
    EQ(d->u.domain.port_limit, 128);
    EQ(d->u.domain.vcpus, 2);
    EQ(d->u.domain.grant_frame_limit, 4);
    EQ(d->u.domain.pages, 0);
    TRUE(d->u.domain.created > 0 && d->u.domain.created <= answer->now);
    TRUE(find(WIRT_STAT_VCPU, id, 1) != NULL);
    EQ(find(WIRT_STAT_VCPU, id, 1)->u.vcpu.time[RUNSTATE_running], 0);
    EQ(find(WIRT_STAT_DOMAIN, 0, 0)->u.domain.flags, WIRT_STAT_CONTROL);
    EQ(find(WIRT_STAT_DOMAIN, 0, 0)->u.domain.pages, si->nr_pages);
    tables(&((const volatile struct wirt_stat *)find(WIRT_STAT_DOMAIN, 0, 0))->u.domain, id);
    op.cmd = XEN_DOMCTL_destroydomain;
    EQ(call1(__HYPERVISOR_domctl, &op), 0);
    refresh();
    TRUE(find(WIRT_STAT_DOMAIN, id, 0) == NULL && find(WIRT_STAT_VCPU, id, 1) == NULL);
}

int main(void)
{
    u32 bound = 0;
    struct evtchn_bind_virq timer = {.virq = VIRQ_TIMER};

    answer = (void *)&sys.u;
    traps_init();
    shared_init();
    events_init();
    bound = evtchn(EVTCHNOP_bind_virq, &timer) == 0;
    TRUE(bound == 1);
    asked();
    only_read();
    counts();
    times();
    domains();
    return 0;
}
