/* SPDX-License-Identifier: MIT */
/*
 * vCPUs as units of the scheduler. Going idle is lazy: the CPU keeps the vCPU's address space, segments and FPU
 * (vcpu_loaded) until another vCPU runs there or vcpu_sync() asks for the state. Also here: what every kind of vCPU
 * has: its vcpu_info, pvclock, timers, runstate. Fields are changed where the vCPU runs, or while it is paused.
 */
#include "dom/vcpu.h"

#include "core/slab.h"
#include "core/work.h"
#include "dom/guest.h"
#include "dom/shared.h"
#include "hw/fpu.h"
#include "hw/smp.h"
#include "lib/fmt.h"
#include "lib/log.h"
#include "lib/string.h"
#include "public/sched.h"

static PERCPU(struct vcpu *, vcpu_loaded);

static void save_here(struct vcpu *v)
{
    v->domain->ops->vcpu->unload(v);
    fpu_save(v->fpu);
    *this_cpu(vcpu_loaded) = NULL;
}

/* This CPU walks another address space by now. Before that nobody may hear it: who reads VCPU_NOWHERE does not ask us,
 * and may dismantle the tables that we would still stand on. */
static void let_go(struct vcpu *v)
{
    atomic_store(&v->loaded_on, VCPU_NOWHERE);
}

/* IPI: the caller waits for v's state, and v does not run here. */
static void sync_here(void *arg)
{
    struct vcpu *v = arg;
    if (*this_cpu(vcpu_loaded) != v || sched_current() == &v->unit)
        return;
    save_here(v);
    pgtab_activate();
    tlb_flush_local();
    atomic_and(&v->domain->loaded_cpus, ~BIT(cpu_id()));
    let_go(v);
}

void vcpu_sync(struct vcpu *v)
{
    u32 cpu = READ_ONCE(v->loaded_on);
    if (cpu != VCPU_NOWHERE)
        smp_call(BIT(cpu), sync_here, v);
}

static void load_here(struct vcpu *v)
{
    struct vcpu *old = *this_cpu(vcpu_loaded);
    if (old == v)
        return;
    if (v->loaded_on != VCPU_NOWHERE) {
        cpu_irq_enable();
        vcpu_sync(v);
        cpu_irq_disable();
    }
    old = *this_cpu(vcpu_loaded); /* may have gone while interrupts were on */
    if (old)
        save_here(old);
    *this_cpu(vcpu_loaded) = v;
    v->loaded_on = cpu_id();
    atomic_or(&v->domain->loaded_cpus, BIT(cpu_id()));
    fpu_load(v->fpu, v->xcr0);     /* before TS may be set */
    v->domain->ops->vcpu->load(v); /* flushes everything */
    if (old && old->domain != v->domain)
        atomic_and(&old->domain->loaded_cpus, ~BIT(cpu_id()));
    if (old)
        let_go(old); /* last: it, and its domain, may be gone as soon as it is read */
}

static void leave(struct unit *u)
{
    struct vcpu *v = (struct vcpu *)u;
    v->regs = *cpu_guest_regs();
}

static __noreturn void enter(struct unit *u)
{
    struct vcpu *v = (struct vcpu *)u;
    load_here(v);
    *cpu_guest_regs() = v->regs;
    vcpu_update_time(v);
    if (v->runstate_va)
        v->domain->ops->vcpu->write_runstate(v);
    v->domain->ops->vcpu->enter(v);
}

static void account(struct unit *u, u32 new_state, u64 now)
{
    struct vcpu *v = (struct vcpu *)u;
    struct wirt_stat_vcpu *s = &v->stat->u.vcpu;
    u64 ns = now - s->since;
    stat_write_begin(v->stat);
    if (s->state == RUNSTATE_runnable && new_state == RUNSTATE_running)
        s->latency[stat_bucket(ns)]++;
    s->time[s->state] += ns;
    s->since = now;
    s->state = (int)new_state;
    s->affinity = u->affinity;
    v->stat->cpu = u->cpu;
    stat_write_end(v->stat);
}

static const struct unit_ops unit_ops = {leave, enter, account};

void vcpu_runstate(struct vcpu *v, struct vcpu_runstate_info *out)
{
    u32 version;
    do { /* account() may be at it on another CPU, for some ten instructions */
        version = READ_ONCE(v->stat->version);
        barrier();
        vcpu_runstate_here(v, out);
        barrier();
    } while (version & 1 || version != READ_ONCE(v->stat->version));
    out->time[out->state] += time_now() - out->state_entry_time;
}

void vcpu_kick(struct vcpu *v)
{
    sched_wake(&v->unit);
    if (&v->unit != sched_current() && sched_is_running(&v->unit))
        smp_kick(v->unit.cpu);
}

void vcpu_send_nmi(struct vcpu *v)
{
    WRITE_ONCE(v->pv.nmi_pending, true);
    atomic_store(&v->pv.must_look, 1); /* after nmi_pending: the way out looks in the other order */
    vcpu_kick(v);
}

void vcpu_block(void)
{
    struct vcpu *v = vcpu_current();
    v->info->evtchn_upcall_mask = 0;
    sched_block();
    /* Paired with evtchn's pending store before vcpu_kick: either it sees us blocking, or we see the bit. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (READ_ONCE(v->info->evtchn_upcall_pending) || v->pv.nmi_pending)
        sched_wake(&v->unit);
}

void vcpu_update_time(struct vcpu *v)
{
    u32 generation = time_generation();
    if (v->time_generation == generation)
        return;
    struct time_scale s;
    time_scale_get(&s);
    struct vcpu_time_info *t = &v->info->time;
    u32 version = t->version & ~1u;
    WRITE_ONCE(t->version, version + 1);
    barrier();
    t->tsc_timestamp = s.base_tsc;
    t->system_time = s.base_ns;
    t->tsc_to_system_mul = s.mul;
    t->tsc_shift = s.shift;
    t->flags = 0;
    barrier();
    WRITE_ONCE(t->version, version + 2);
    v->time_generation = s.generation;
}

void vcpu_set_info(struct vcpu *v, struct vcpu_info *info, mfn_t frame)
{
    struct vcpu_info *old = v->info;
    memcpy(info, old, sizeof(*info));
    if (v->id >= 32) /* it shared its old one with another vCPU */
        info->evtchn_upcall_mask = 1;
    shared_select_all(v->domain, info);
    v->info_mfn = frame;
    __atomic_store_n(&v->info, info, __ATOMIC_SEQ_CST); /* a port raised before this set bits that all of sel covers */
    v->time_generation--;
    vcpu_update_time(v);
}

static void single_fired(void *arg)
{
    evtchn_raise_virq(arg, VIRQ_TIMER);
}

static void periodic_fired(void *arg)
{
    struct vcpu *v = arg;
    evtchn_raise_virq(v, VIRQ_TIMER);
    u64 period = READ_ONCE(v->periodic_ns);
    if (period)
        timer_set(&v->periodic, max(v->periodic.node.key + period, time_now() + period / 2));
}

static void poll_fired(void *arg)
{
    struct vcpu *v = arg;
    if (atomic_xchg(&v->polling, 0))
        sched_wake(&v->unit);
}

void vcpu_set_single(struct vcpu *v, u64 at_ns)
{
    timer_stop(&v->single);
    if (!at_ns)
        return;
    if (at_ns <= time_now()) {
        evtchn_raise_virq(v, VIRQ_TIMER);
        return;
    }
    timer_move(&v->single, v->unit.cpu);
    timer_set(&v->single, at_ns);
}

void vcpu_set_periodic(struct vcpu *v, u64 period_ns)
{
    WRITE_ONCE(v->periodic_ns, 0);
    timer_stop(&v->periodic); /* afterwards it is not being set again either */
    v->periodic_ns = period_ns;
    if (period_ns)
        timer_set(&v->periodic, time_now() + period_ns);
}

struct vcpu *vcpu_create(struct domain *d, u32 id, u32 cpu)
{
    struct vcpu *v = slab_alloc(sizeof(*v));
    if (!v)
        return NULL;
    v->fpu = slab_alloc(fpu_size());
    v->stat = stat_create(WIRT_STAT_VCPU, d->id, id);
    if (!v->fpu || !v->stat)
        goto fail;
    fpu_reset(v->fpu);
    v->domain = d;
    v->id = id;
    v->info = &d->shared->vcpu_info[id & 31];
    v->info_mfn = mfn(MFN_NONE);
    v->loaded_on = VCPU_NOWHERE;
    v->xcr0 = fpu_xcr0_allowed() ? 1 : 0;
    v->unit.ops = &unit_ops;
    v->unit.affinity = ~0ull;
    v->unit.weight = 256;
    v->unit.state = UNIT_OFFLINE;
    fmt(v->name, sizeof(v->name), "d%uv%u", d->id, id);
    v->unit.name = v->name;
    v->unit.pause_count = 1u + (d->pause_count != 0) + d->is_stopping; /* the first is released by vcpu_up */
    v->stat->u.vcpu.state = RUNSTATE_offline;
    timer_init(&v->single, single_fired, v, cpu);
    timer_init(&v->periodic, periodic_fired, v, cpu);
    timer_init(&v->poll, poll_fired, v, cpu);
    if (d->ops->vcpu->create(v))
        goto fail;
    sched_add(&v->unit, cpu);
    d->vcpu[id] = v;
    return v;
fail:
    stat_destroy(v->stat);
    slab_free(v->fpu, fpu_size());
    slab_free(v, sizeof(*v));
    return NULL;
}

void vcpu_up(struct vcpu *v)
{
    if (v->is_up)
        return;
    v->is_up = true;
    v->time_generation = time_generation() - 1;
    vcpu_update_time(v);
    sched_unpause(&v->unit);
    sched_wake(&v->unit);
}

void vcpu_down(struct vcpu *v)
{
    v->is_up = false;
    timer_stop(&v->single);
    vcpu_set_periodic(v, 0);
    sched_pause(&v->unit);
}

void vcpu_stop(struct vcpu *v)
{
    vcpu_set_periodic(v, 0);
    timer_stop(&v->single);
    timer_stop(&v->poll);
    sched_remove(&v->unit);
    vcpu_sync(v);
}

void vcpu_drop_info(struct vcpu *v, struct shared_info *instead)
{
    v->info = &instead->vcpu_info[v->id & 31];
    if (v->info_mfn.n != MFN_NONE)
        page_put_as(frame_page_raw(v->info_mfn));
    v->info_mfn = mfn(MFN_NONE);
}

void vcpu_destroy(struct vcpu *v)
{
    if (v->domain->ops->vcpu->destroy)
        v->domain->ops->vcpu->destroy(v);
    stat_destroy(v->stat);
    slab_free(v->fpu, fpu_size());
    slab_free(v, sizeof(*v));
}
