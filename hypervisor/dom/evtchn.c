/* SPDX-License-Identifier: MIT */
/*
 * Event channels, 2-level ABI. Ports are bound and freed under the domain's table lock; the ends of an interdomain pair
 * change together, under evtchn_pair_lock and both tables' locks. Raising takes no lock: it reads `state` (stored last
 * when binding), then the rest, with interrupts off. A dying domain closes all its ports and then has every CPU answer
 * once (evtchn_destroy_all): behind that nobody raises anything on it. A raise that a close overtakes may reach the
 * port of the next binding, which no guest can tell from an early event. Buckets never go before the domain.
 */
#include "core/slab.h"
#include "core/work.h"
#include "dom/shared.h"
#include "hw/smp.h"
#include "lib/errno.h"
#include "public/event_channel.h"

static struct lock evtchn_pair_lock = LOCK_INIT(RANK_EVTCHN_PAIR);

static inline struct evtchn *evtchn_at(const struct domain *d, u32 port) /* NULL: never was one */
{
    struct evtchn *bucket;

    if (unlikely(port >= d->evtchn.limit))
        return NULL;
    bucket = atomic_load(&d->evtchn.bucket[port / EVTCHN_PER_BUCKET]);
    return likely(bucket) ? &bucket[port % EVTCHN_PER_BUCKET] : NULL;
}

/* Raising. The guest clears from the top: upcall_pending, selector, pending; we set from the bottom. */
static inline void notify(struct vcpu *v, u32 port)
{
    struct vcpu_info *info = READ_ONCE(v->info);

    if (!shared_select(v->domain, info, port) && !atomic_xchg(&info->evtchn_upcall_pending, 1))
        vcpu_kick(v);
}

static void wake_pollers(struct domain *d, u32 port)
{
    for (u64 left = READ_ONCE(d->evtchn.pollers); left; left &= left - 1) {
        struct vcpu *v = d->vcpu[bit_lowest(left)];
        u64 wanted = READ_ONCE(v->polling);
        if (wanted == port + 1 || wanted == ~0ull)
            sched_wake(&v->unit);
    }
}

static void evtchn_raise(struct domain *d, const struct evtchn *c, u32 port)
{
    struct vcpu *v = d->vcpu[READ_ONCE(c->vcpu)];

    if (atomic_test_set(d->shared->evtchn_pending, port))
        return;
    if (!map_test(shared_mask(d), port) && likely(v)) /* a domain being built has ports before vCPUs */
        notify(v, port);
    if (unlikely(READ_ONCE(d->evtchn.pollers))) /* after pending: pairs with evtchn_poll_begin */
        wake_pollers(d, port);
}

void evtchn_poll_begin(struct vcpu *v, u32 port)
{
    WRITE_ONCE(v->polling, port ? port + 1ull : ~0ull);
    atomic_or(&v->domain->evtchn.pollers, BIT(v->id)); /* before the caller reads pending bits */
}

void evtchn_poll_end(struct vcpu *v)
{
    atomic_and(&v->domain->evtchn.pollers, ~BIT(v->id));
    WRITE_ONCE(v->polling, 0);
}

bool evtchn_is_pending(const struct domain *d, u32 port)
{
    return map_test(d->shared->evtchn_pending, port);
}

static bool virq_is_global(u32 virq)
{
    return virq != VIRQ_TIMER && virq != VIRQ_DEBUG && virq != VIRQ_XENOPROF && virq != VIRQ_XENPMU;
}

void evtchn_raise_virq(struct vcpu *v, u32 virq)
{
    u32 port = READ_ONCE(v->virq_port[virq]);
    const struct evtchn *c = evtchn_at(v->domain, port);

    if (port && c && atomic_load(&c->state) == EVTCHN_VIRQ && c->number == virq)
        evtchn_raise(v->domain, c, port);
}

void evtchn_raise_global(struct domain *d, u32 virq)
{
    if (d && d->vcpu[0])
        evtchn_raise_virq(d->vcpu[0], virq);
}

void evtchn_raise_pirq(struct domain *d, u32 port)
{
    const struct evtchn *c = evtchn_at(d, port);

    if (likely(c && atomic_load(&c->state) == EVTCHN_PIRQ))
        evtchn_raise(d, c, port);
}

/* What is read of our end may be of two bindings, one closed meanwhile: so there may be no peer, and the far end must
 * agree that we are a pair. Interrupts are off from the look at `state` on: the peer's death waits for that
 * (evtchn_destroy_all). */
static int send_interdomain(const struct domain *d, const struct evtchn *c, u32 port)
{
    u64 flags = cpu_irq_save();
    u8 state = atomic_load(&c->state);

    if (likely(state == EVTCHN_INTERDOMAIN)) {
        struct domain *peer = READ_ONCE(c->peer);
        u32 far_port = READ_ONCE(c->remote_port);
        const struct evtchn *r = likely(peer) ? evtchn_at(peer, far_port) : NULL;
        if (likely(r && atomic_load(&r->state) == EVTCHN_INTERDOMAIN && r->peer == d && r->remote_port == port))
            evtchn_raise(peer, r, far_port);
    }
    cpu_irq_restore(flags);
    return likely(state == EVTCHN_INTERDOMAIN) || state == EVTCHN_UNBOUND ? 0 : -EINVAL; /* unbound: nobody listens */
}

int evtchn_send(struct domain *d, u32 port)
{
    const struct evtchn *c = evtchn_at(d, port);

    if (unlikely(!c))
        return -EINVAL;
    if (likely(atomic_load(&c->state) == EVTCHN_IPI)) {
        evtchn_raise(d, c, port);
        return 0;
    }
    return send_interdomain(d, c, port);
}

int evtchn_unmask(struct domain *d, u32 port)
{
    const struct evtchn *c = evtchn_at(d, port);
    struct vcpu *v;

    if (!c || atomic_load(&c->state) == EVTCHN_FREE)
        return -EINVAL;
    v = d->vcpu[READ_ONCE(c->vcpu)];
    if (atomic_test_clear(shared_mask(d), port) && evtchn_is_pending(d, port) && v)
        notify(v, port);
    return 0;
}

/* Binding and freeing; the table lock is held. */
static int port_alloc(struct domain *d, struct evtchn **out)
{
    struct evtchn_table *t = &d->evtchn;

    if (domain_is_dying(d))
        return -ESRCH;
    for (u32 port = t->next_hint; port < t->limit; port++) {
        struct evtchn **bucket = &t->bucket[port / EVTCHN_PER_BUCKET];
        if (!*bucket) {
            struct evtchn *fresh = slab_alloc(EVTCHN_PER_BUCKET * sizeof(**bucket));
            if (!fresh)
                return -ENOMEM;
            atomic_store(bucket, fresh);
        }
        *out = &(*bucket)[port % EVTCHN_PER_BUCKET];
        if ((*out)->state == EVTCHN_FREE) {
            t->next_hint = port + 1;
            (void)atomic_test_clear(d->shared->evtchn_pending, port); /* what a close overtook */
            return (int)port;
        }
    }
    domain_log(d, "all of its %u event channels are in use", t->limit - 1);
    return -ENOSPC;
}

static int port_bind(struct domain *d, enum evtchn_state state, u32 vcpu, u32 number)
{
    struct evtchn *c;
    int port = port_alloc(d, &c);

    if (port < 0)
        return port;
    *c = (struct evtchn){.vcpu = (u16)vcpu, .number = (u16)number};
    atomic_store(&c->state, (u8)state);
    return port;
}

static void port_free(struct domain *d, u32 port)
{
    atomic_store(&evtchn_at(d, port)->state, EVTCHN_FREE); /* first: raising checks it */
    (void)atomic_test_clear(d->shared->evtchn_pending, port);
    d->evtchn.next_hint = min(d->evtchn.next_hint, port);
}

static int port_bind_alone(struct domain *d, enum evtchn_state state, u32 vcpu, u32 number)
{
    int port;

    lock_take(&d->evtchn.lock);
    port = port_bind(d, state, vcpu, number);
    lock_drop(&d->evtchn.lock);
    return port;
}

int evtchn_alloc_unbound(struct domain *d, domid_t remote)
{
    return port_bind_alone(d, EVTCHN_UNBOUND, 0, remote);
}

int evtchn_bind_ipi(struct domain *d, u32 vcpu)
{
    return domain_vcpu(d, vcpu) ? port_bind_alone(d, EVTCHN_IPI, vcpu, 0) : -ENOENT;
}

int evtchn_bind_virq(struct domain *d, u32 virq, u32 vcpu)
{
    struct vcpu *v = domain_vcpu(d, vcpu);
    int port = -EEXIST;

    if (virq >= NR_VIRQS || (virq_is_global(virq) && vcpu != 0))
        return -EINVAL;
    if (virq_is_global(virq) && !d->is_privileged)
        return -EPERM;
    if (!v)
        return -ENOENT;
    lock_take(&d->evtchn.lock);
    if (v->virq_port[virq] == 0)
        port = port_bind(d, EVTCHN_VIRQ, vcpu, virq);
    if (port > 0)
        WRITE_ONCE(v->virq_port[virq], (u16)port);
    lock_drop(&d->evtchn.lock);
    return port;
}

int evtchn_bind_pirq(struct domain *d, u32 pirq, bool will_share)
{
    int port, rc;

    if (pirq >= PIRQ_MAX)
        return -EINVAL;
    lock_take(&d->evtchn.lock);
    port = port_bind(d, EVTCHN_PIRQ, 0, pirq);
    rc = port < 0 ? port : pirq_bind(d, pirq, (u32)port, will_share); /* the line may fire before it returns */
    if (rc && port > 0)
        port_free(d, (u32)port);
    lock_drop(&d->evtchn.lock);
    return rc ? rc : port;
}

/* The pair lock is held already. */
static void lock_both(struct domain *a, struct domain *b)
{
    lock_take(&min(a, b)->evtchn.lock);
    if (a != b)
        lock_take(&max(a, b)->evtchn.lock);
}

static void unlock_both(struct domain *a, struct domain *b)
{
    if (a != b)
        lock_drop(&max(a, b)->evtchn.lock);
    lock_drop(&min(a, b)->evtchn.lock);
}

int evtchn_bind_interdomain(struct domain *d, domid_t remote, u32 remote_port)
{
    struct domain *far = domain_get(remote), *near;
    struct evtchn *c, *r;
    int port = -EINVAL;

    if (!far)
        return -ESRCH;
    near = domain_get(d->id); /* d itself: one reference for each end */
    lock_take(&evtchn_pair_lock);
    lock_both(d, far);
    r = evtchn_at(far, remote_port);
    if (r && r->state == EVTCHN_UNBOUND && r->number == d->id)
        port = port_alloc(d, &c);
    if (port > 0) {
        *c = (struct evtchn){.number = remote, .remote_port = (u16)remote_port, .peer = far};
        r->peer = near;
        r->remote_port = (u16)port;
        atomic_store(&r->state, EVTCHN_INTERDOMAIN);
        atomic_store(&c->state, EVTCHN_INTERDOMAIN);
        evtchn_raise(d, c, (u32)port); /* what was sent while nobody listened */
    }
    unlock_both(d, far);
    lock_drop(&evtchn_pair_lock);
    if (port < 0) {
        domain_put(far);
        domain_put(near);
    }
    return port;
}

int evtchn_bind_vcpu(struct domain *d, u32 port, u32 vcpu)
{
    struct evtchn *c;
    int rc = 0;

    if (!domain_vcpu(d, vcpu))
        return -ENOENT;
    lock_take(&d->evtchn.lock);
    c = evtchn_at(d, port);
    if (!c || c->state == EVTCHN_FREE || c->state == EVTCHN_IPI ||
        (c->state == EVTCHN_VIRQ && !virq_is_global(c->number)))
        rc = -EINVAL;
    else if (c->state == EVTCHN_PIRQ)
        pirq_set_vcpu(d, c->number, vcpu);
    if (rc == 0)
        WRITE_ONCE(c->vcpu, (u16)vcpu);
    lock_drop(&d->evtchn.lock);
    return rc;
}

int evtchn_status(struct domain *d, u32 port, struct evtchn_status *out)
{
    const struct evtchn *c;

    if (port >= d->evtchn.limit)
        return -EINVAL;
    lock_take(&d->evtchn.lock);
    c = evtchn_at(d, port);
    if (c && c->state != EVTCHN_FREE) {
        out->status = c->state;
        out->vcpu = c->vcpu;
        out->u.virq = c->number; /* and so dom and pirq, which lie in the same place */
        if (c->state == EVTCHN_INTERDOMAIN)
            out->u.interdomain.port = c->remote_port;
    }
    lock_drop(&d->evtchn.lock);
    return 0;
}

int evtchn_close(struct domain *d, u32 port)
{
    struct domain *far;
    struct evtchn *c, *r;
    u8 state;

    lock_take(&evtchn_pair_lock);
    c = evtchn_at(d, port);
    far = c && c->state == EVTCHN_INTERDOMAIN ? c->peer : d; /* stable while we hold the pair lock */
    lock_both(d, far);
    state = c ? c->state : EVTCHN_FREE;
    if (state == EVTCHN_PIRQ) {
        pirq_unbind(d, c->number);
    } else if (state == EVTCHN_VIRQ) {
        WRITE_ONCE(d->vcpu[virq_is_global(c->number) ? 0 : c->vcpu]->virq_port[c->number], 0);
    } else if (state == EVTCHN_INTERDOMAIN) { /* the far end goes back to waiting for d */
        r = evtchn_at(far, c->remote_port);
        r->number = d->id;
        atomic_store(&r->state, EVTCHN_UNBOUND);
    }
    if (state != EVTCHN_FREE)
        port_free(d, port);
    unlock_both(d, far);
    lock_drop(&evtchn_pair_lock);
    if (state == EVTCHN_INTERDOMAIN) {
        domain_put(far);
        domain_put(d); /* the far end's; the caller has its own */
    }
    return state == EVTCHN_FREE ? -EINVAL : 0;
}

void evtchn_init(struct domain *d)
{
    lock_init(&d->evtchn.lock, RANK_EVTCHN);
    d->evtchn.limit = d->evtchn.limit_most = EVTCHN_PORTS;
    d->evtchn.next_hint = 1; /* port 0 is nobody's */
}

int evtchn_reset(struct domain *d, u64 *cursor)
{
    for (u64 port = max(*cursor, 1ull); port < d->evtchn.limit; port++) {
        const struct evtchn *c = evtchn_at(d, (u32)port);
        if (!c) {
            port |= EVTCHN_PER_BUCKET - 1;
            continue;
        }
        if (atomic_load(&c->state) != EVTCHN_FREE)
            (void)evtchn_close(d, (u32)port);
        if (work_is_pending()) {
            *cursor = port + 1;
            return -ERESTART;
        }
    }
    return 0;
}

static void pass_by(void *arg)
{
    (void)arg;
}

int evtchn_destroy_all(struct domain *d)
{
    u64 cursor = 0; /* what is closed is passed quickly, and stays closed */
    int rc;

    /* Whoever has not yet seen that d is dying has its port now, and it goes with the others. */
    lock_take(&d->evtchn.lock);
    lock_drop(&d->evtchn.lock);
    rc = evtchn_reset(d, &cursor);
    if (rc == 0) /* whoever raises something at this moment, with interrupts off, ends */
        smp_call(cpu_online, pass_by, NULL);
    return rc;
}

void evtchn_free(struct domain *d)
{
    for (u32 i = 0; i < ARRAY_COUNT(d->evtchn.bucket); i++)
        slab_free(d->evtchn.bucket[i], EVTCHN_PER_BUCKET * sizeof(struct evtchn));
}
