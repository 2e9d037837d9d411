/* SPDX-License-Identifier: MIT */
/*
 * Event channels, 2-level ABI. Ports are bound and freed under the domain's table lock; both ends of an
 * interdomain pair change under evtchn_pair_lock, one table at a time, the far end first, so that no port that was
 * freed is ever sent to. Raising reads `state` (stored last when binding) and takes no lock, but for a send to another
 * domain, which holds its own table's lock: that is what keeps the peer alive. Buckets never go before the domain.
 */
#include "core/slab.h"
#include "core/work.h"
#include "dom/domain.h"
#include "lib/errno.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "public/event_channel.h"

#define RESET_STEP 64u
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

    if (!atomic_test_set(&info->evtchn_pending_sel, port / 64) && !atomic_xchg(&info->evtchn_upcall_pending, 1))
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
    struct shared_info *s = d->shared;
    struct vcpu *v = d->vcpu[READ_ONCE(c->vcpu)];

    if (atomic_test_set(s->evtchn_pending, port))
        return;
    if (!map_test(s->evtchn_mask, port) && likely(v)) /* a domain being built has ports before vCPUs */
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

bool evtchn_virq_is_global(u32 virq)
{
    return virq != VIRQ_TIMER && virq != VIRQ_DEBUG && virq != VIRQ_XENOPROF && virq != VIRQ_XENPMU;
}

static void raise_virq(struct domain *d, struct vcpu *bound_at, u32 virq)
{
    u32 port = READ_ONCE(bound_at->virq_port[virq]);
    const struct evtchn *c = evtchn_at(d, port);

    if (port && c && atomic_load(&c->state) == EVTCHN_VIRQ && c->virq == virq)
        evtchn_raise(d, c, port);
}

void evtchn_raise_virq(struct vcpu *v, u32 virq)
{
    raise_virq(v->domain, v, virq);
}

void evtchn_raise_global(struct domain *d, u32 virq)
{
    if (d && d->vcpu[0])
        raise_virq(d, d->vcpu[0], virq);
}

void evtchn_raise_pirq(struct domain *d, u32 port)
{
    const struct evtchn *c = evtchn_at(d, port);

    if (likely(c && atomic_load(&c->state) == EVTCHN_PIRQ))
        evtchn_raise(d, c, port);
}

static int send_interdomain(struct domain *d, const struct evtchn *c)
{
    int rc = -EINVAL;

    lock_take(&d->evtchn.lock);
    if (c->state == EVTCHN_INTERDOMAIN) {
        evtchn_raise(c->peer, evtchn_at(c->peer, c->remote_port), c->remote_port);
        rc = 0;
    } else if (c->state == EVTCHN_UNBOUND) {
        rc = 0; /* nobody listens: dropped */
    }
    lock_drop(&d->evtchn.lock);
    return rc;
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
    return send_interdomain(d, c);
}

int evtchn_unmask(struct domain *d, u32 port)
{
    const struct evtchn *c = evtchn_at(d, port);
    struct vcpu *v;

    if (!c || atomic_load(&c->state) <= EVTCHN_RESERVED)
        return -EINVAL;
    v = d->vcpu[READ_ONCE(c->vcpu)];
    if (atomic_test_clear(d->shared->evtchn_mask, port) && evtchn_is_pending(d, port) && v)
        notify(v, port);
    return 0;
}

/* Binding; the table lock is held. */
static int port_alloc(struct domain *d, struct evtchn **out)
{
    struct evtchn_table *t = &d->evtchn;

    if (d->is_dying)
        return -EINVAL;
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
            return (int)port;
        }
    }
    return -ENOSPC;
}

static void port_free(struct domain *d, struct evtchn *c, u32 port)
{
    atomic_store(&c->state, EVTCHN_FREE); /* first: raising checks it */
    c->peer = NULL;
    c->is_kernel_only = false;
    (void)atomic_test_clear(d->shared->evtchn_pending, port);
    d->evtchn.next_hint = min(d->evtchn.next_hint, port);
}

int evtchn_alloc_unbound(struct domain *d, domid_t remote)
{
    struct evtchn *c;
    int port;

    lock_take(&d->evtchn.lock);
    port = port_alloc(d, &c);
    if (port >= 0) {
        c->vcpu = 0;
        c->remote_domain = remote;
        atomic_store(&c->state, EVTCHN_UNBOUND);
    }
    lock_drop(&d->evtchn.lock);
    return port;
}

/* The far end, if it waits for us: it becomes INTERDOMAIN and keeps the caller's reference to d. */
static bool pair_far(struct domain *d, u32 port, struct domain *far, u32 far_port)
{
    struct evtchn *r;
    bool is_ours;

    lock_take(&far->evtchn.lock);
    r = evtchn_at(far, far_port);
    is_ours = r && r->state == EVTCHN_UNBOUND && r->remote_domain == d->id && !far->is_dying;
    if (is_ours) {
        r->peer = d;
        r->remote_port = (u16)port;
        atomic_store(&r->state, EVTCHN_INTERDOMAIN);
    }
    lock_drop(&far->evtchn.lock);
    return is_ours;
}

int evtchn_bind_interdomain(struct domain *d, domid_t remote, u32 remote_port)
{
    struct domain *far = domain_get(remote), *near = domain_get(d->id); /* one reference for each end */
    struct evtchn *c;
    int port;

    lock_take(&evtchn_pair_lock);
    lock_take(&d->evtchn.lock);
    port = far && near ? port_alloc(d, &c) : -ESRCH;
    if (port >= 0) { /* complete before the far end can send to it */
        c->vcpu = 0;
        c->remote_domain = remote;
        c->remote_port = (u16)remote_port;
        c->peer = far;
        atomic_store(&c->state, EVTCHN_RESERVED);
    }
    lock_drop(&d->evtchn.lock);
    if (port >= 0) {
        bool is_paired = pair_far(d, (u32)port, far, remote_port);
        lock_take(&d->evtchn.lock);
        if (is_paired) {
            atomic_store(&c->state, EVTCHN_INTERDOMAIN);
            evtchn_raise(d, c, (u32)port); /* what was sent while nobody listened */
        } else {
            port_free(d, c, (u32)port);
            port = -EINVAL;
        }
        lock_drop(&d->evtchn.lock);
    }
    lock_drop(&evtchn_pair_lock);
    if (port < 0 && far)
        domain_put(far);
    if (port < 0 && near)
        domain_put(near);
    return port;
}

int evtchn_bind_virq(struct domain *d, u32 virq, u32 vcpu)
{
    struct vcpu *v = domain_vcpu(d, vcpu);
    struct evtchn *c;
    int port = -EEXIST;

    if (virq >= NR_VIRQS || (evtchn_virq_is_global(virq) && vcpu != 0))
        return -EINVAL;
    if (evtchn_virq_is_global(virq) && !d->is_privileged)
        return -EPERM;
    if (!v)
        return -ENOENT;
    lock_take(&d->evtchn.lock);
    if (v->virq_port[virq] == 0)
        port = port_alloc(d, &c);
    if (port > 0) {
        c->vcpu = (u16)vcpu;
        c->virq = (u16)virq;
        atomic_store(&c->state, EVTCHN_VIRQ);
        WRITE_ONCE(v->virq_port[virq], (u16)port);
    }
    lock_drop(&d->evtchn.lock);
    return port;
}

int evtchn_bind_ipi(struct domain *d, u32 vcpu)
{
    struct evtchn *c;
    int port;

    if (!domain_vcpu(d, vcpu))
        return -ENOENT;
    lock_take(&d->evtchn.lock);
    port = port_alloc(d, &c);
    if (port >= 0) {
        c->vcpu = (u16)vcpu;
        atomic_store(&c->state, EVTCHN_IPI);
    }
    lock_drop(&d->evtchn.lock);
    return port;
}

int evtchn_bind_pirq(struct domain *d, u32 pirq, bool will_share)
{
    struct evtchn *c;
    int port, rc;

    if (pirq >= PIRQ_MAX)
        return -EINVAL;
    lock_take(&d->evtchn.lock);
    port = port_alloc(d, &c);
    if (port >= 0) {
        c->vcpu = 0;
        c->pirq = (u16)pirq;
        atomic_store(&c->state, EVTCHN_PIRQ); /* the line may fire before pirq_bind returns */
        rc = pirq_bind(d, pirq, (u32)port, 0, will_share);
        if (rc) {
            port_free(d, c, (u32)port);
            port = rc;
        }
    }
    lock_drop(&d->evtchn.lock);
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
    if (!c || c->is_kernel_only)
        rc = -EINVAL;
    else if (c->state == EVTCHN_PIRQ)
        pirq_set_vcpu(d, c->pirq, vcpu);
    else if (c->state != EVTCHN_UNBOUND && c->state != EVTCHN_INTERDOMAIN &&
             (c->state != EVTCHN_VIRQ || !evtchn_virq_is_global(c->virq)))
        rc = -EINVAL;
    if (rc == 0)
        WRITE_ONCE(c->vcpu, (u16)vcpu);
    lock_drop(&d->evtchn.lock);
    return rc;
}

int evtchn_status(struct domain *d, u32 port, struct evtchn_status *out)
{
    static const u8 wire[] = {EVTCHNSTAT_closed, EVTCHNSTAT_closed, EVTCHNSTAT_unbound, EVTCHNSTAT_interdomain,
                              EVTCHNSTAT_pirq,   EVTCHNSTAT_virq,   EVTCHNSTAT_ipi};
    const struct evtchn *c;

    if (port >= d->evtchn.limit)
        return -EINVAL;
    lock_take(&d->evtchn.lock);
    c = evtchn_at(d, port);
    out->status = c ? wire[c->state] : EVTCHNSTAT_closed;
    if (out->status != EVTCHNSTAT_closed)
        out->vcpu = c->vcpu;
    switch (out->status) {
    case EVTCHNSTAT_unbound:
        out->u.unbound.dom = c->remote_domain;
        break;
    case EVTCHNSTAT_interdomain:
        out->u.interdomain.dom = c->peer->id;
        out->u.interdomain.port = c->remote_port;
        break;
    case EVTCHNSTAT_pirq:
        out->u.pirq = c->pirq;
        break;
    case EVTCHNSTAT_virq:
        out->u.virq = c->virq;
        break;
    default:
        break;
    }
    lock_drop(&d->evtchn.lock);
    return 0;
}

/* The far end of d's port goes back to waiting for d. Pair lock held; returns the peer, whose reference is ours now. */
static struct domain *unpair_far(struct domain *d, struct evtchn *c)
{
    struct domain *far = c->peer;
    struct evtchn *r;

    lock_take(&far->evtchn.lock);
    r = evtchn_at(far, c->remote_port);
    r->peer = NULL;
    r->remote_domain = d->id;
    atomic_store(&r->state, EVTCHN_UNBOUND);
    lock_drop(&far->evtchn.lock);
    return far;
}

static void unbind_virq(struct domain *d, const struct evtchn *c)
{
    struct vcpu *v = d->vcpu[evtchn_virq_is_global(c->virq) ? 0 : c->vcpu];

    WRITE_ONCE(v->virq_port[c->virq], 0);
}

int evtchn_close(struct domain *d, u32 port)
{
    struct domain *far = NULL;
    struct evtchn *c;
    int rc = -EINVAL;

    lock_take(&evtchn_pair_lock);
    c = evtchn_at(d, port);
    if (c && c->state == EVTCHN_INTERDOMAIN && !c->is_kernel_only) /* stable while we hold the pair lock */
        far = unpair_far(d, c);
    lock_take(&d->evtchn.lock);
    if (c && c->state > EVTCHN_RESERVED && !c->is_kernel_only) {
        if (c->state == EVTCHN_PIRQ)
            pirq_unbind(d, c->pirq);
        else if (c->state == EVTCHN_VIRQ)
            unbind_virq(d, c);
        port_free(d, c, port);
        rc = 0;
    }
    lock_drop(&d->evtchn.lock);
    lock_drop(&evtchn_pair_lock);
    if (far) {
        domain_put(far);
        domain_put(d); /* the far end's; the caller has its own */
    }
    return rc;
}

int evtchn_reset(struct domain *d)
{
    u32 closed = 0;

    for (u32 port = 1; port < d->evtchn.limit; port++) {
        struct evtchn *c = evtchn_at(d, port);
        if (!c)
            port |= EVTCHN_PER_BUCKET - 1;
        else if (c->state != EVTCHN_FREE && evtchn_close(d, port) == 0 && ++closed % RESET_STEP == 0 &&
                 work_is_pending())
            return -ERESTART;
    }
    return 0;
}

int evtchn_init(struct domain *d)
{
    struct evtchn_table *t = &d->evtchn;

    lock_init(&t->lock, RANK_EVTCHN);
    t->limit = EVTCHN_PORTS;
    t->next_hint = 1;
    t->bucket[0] = slab_alloc(EVTCHN_PER_BUCKET * sizeof(*t->bucket[0]));
    if (!t->bucket[0])
        return -ENOMEM;
    t->bucket[0][0].state = EVTCHN_RESERVED; /* port 0 is nobody's */
    return 0;
}

void evtchn_destroy_all(struct domain *d)
{
    while (evtchn_reset(d) == -ERESTART) {
    }
    d->evtchn.limit = 0;
    for (u32 i = 0; i < ARRAY_COUNT(d->evtchn.bucket); i++) {
        slab_free(d->evtchn.bucket[i], EVTCHN_PER_BUCKET * sizeof(*d->evtchn.bucket[i]));
        d->evtchn.bucket[i] = NULL;
    }
}

static void dump_port(const struct domain *d, const struct evtchn *c, u32 port)
{
    static const char *const name[] = {
        "free", "reserved", "unbound, waits for d%u", "interdomain, peer d%u port %u", "PIRQ %u", "VIRQ %u", "IPI"};
    bool is_remote = c->state == EVTCHN_UNBOUND || c->state == EVTCHN_INTERDOMAIN;
    u32 number = is_remote ? c->remote_domain : c->state == EVTCHN_PIRQ ? c->pirq : c->virq;
    char what[48];

    fmt(what, sizeof(what), name[c->state], number, c->remote_port);
    log_error("  port %u: %s, to vCPU %u%s%s", port, what, c->vcpu, evtchn_is_pending(d, port) ? ", pending" : "",
              map_test(d->shared->evtchn_mask, port) ? ", masked" : "");
}

static void dump_domain(struct domain *d, void *arg)
{
    u32 count = 0;

    (void)arg;
    log_error("event channels of domain %u:", d->id);
    for (u32 port = 1; port < d->evtchn.limit; port++) {
        const struct evtchn *c = evtchn_at(d, port);
        if (c && c->state != EVTCHN_FREE && ++count)
            dump_port(d, c, port);
    }
    log_error("  %u ports in use", count);
}

void evtchn_dump(void)
{
    domain_for_each(dump_domain, NULL);
}
