/* SPDX-License-Identifier: MIT */
/*
 * Physical interrupts of a domain: number -> line -> port. Numbers below 256 are GSIs by custom, MSIs are
 * given out from the top. The table changes under its lock; the interrupt handler gets its item as the argument and
 * reads `port` only. A level line stays masked from firing to the guest's EOI, an edge or MSI needs none.
 */
#include "core/slab.h"
#include "dom/domain.h"
#include "hw/irq.h"
#include "hw/smp.h"
#include "lib/errno.h"
#include "public/physdev.h"

static void line_fired(u32 line, void *arg)
{
    const struct pirq *p = arg;
    u32 port = READ_ONCE(p->port);

    (void)line;
    if (likely(port))
        evtchn_raise_pirq(p->owner, port);
}

static struct pirq *item_at(const struct domain *d, u64 n) /* NULL: no such number, or none was ever mapped */
{
    return n < PIRQ_MAX && d->pirq.item ? &d->pirq.item[n] : NULL;
}

void pirq_init(struct domain *d)
{
    lock_init(&d->pirq.lock, RANK_PIRQ);
}

/* The item for *pirq, or for a free number from the top if that is negative; NULL: there is none, or d is dying. The
 * lock is held. */
static struct pirq *item_choose(struct domain *d, s32 *pirq)
{
    if (domain_is_dying(d))
        return NULL;
    if (!d->pirq.item)
        d->pirq.item = slab_alloc(PIRQ_MAX * sizeof(struct pirq));
    if (!d->pirq.item)
        return NULL;
    for (s32 n = PIRQ_MAX - 1; *pirq < 0 && n > 0; n--)
        if (!d->pirq.item[n].is_mapped)
            *pirq = n;
    return item_at(d, (u64)*pirq);
}

static void item_map(struct domain *d, struct pirq *p, u32 line, bool is_msi)
{
    *p = (struct pirq){.owner = d, .line = (u16)line, .is_mapped = true, .is_msi = is_msi};
}

int pirq_map_gsi(struct domain *d, u32 gsi, s32 *pirq)
{
    struct irq_line_info info;
    struct pirq *p;
    int rc = 0;

    if (gsi >= IRQ_GSI_MAX || !irq_line_info(gsi, &info))
        return -EINVAL;
    if (!d->is_privileged && !range_has(&d->irqs, gsi, gsi))
        return -EPERM;
    if (*pirq < 0)
        *pirq = (s32)gsi;
    lock_take(&d->pirq.lock);
    p = item_choose(d, pirq);
    if (!p || (p->is_mapped && p->line != gsi))
        rc = d->pirq.item || domain_is_dying(d) ? -EINVAL : -ENOMEM;
    else if (!p->is_mapped)
        item_map(d, p, gsi, false);
    lock_drop(&d->pirq.lock);
    return rc;
}

int pirq_map_msi(struct domain *d, u32 sbdf, u32 entry, u64 table_base, s32 *pirq)
{
    struct pirq *p;
    int rc = -EINVAL;

    lock_take(&d->pirq.lock);
    p = item_choose(d, pirq);
    if (!d->pirq.item && !domain_is_dying(d))
        rc = -ENOMEM;
    else if (p && !p->is_mapped)
        rc = irq_msi_create(sbdf, entry, table_base);
    if (rc >= 0)
        item_map(d, p, (u32)rc, true);
    lock_drop(&d->pirq.lock);
    return min(rc, 0);
}

int pirq_unmap(struct domain *d, u32 pirq)
{
    struct pirq *p = item_at(d, pirq);
    int rc = 0;

    lock_take(&d->pirq.lock);
    if (!p || !p->is_mapped)
        rc = -EINVAL;
    else if (p->port)
        rc = -EBUSY; /* close the port first */
    else if (p->is_msi)
        irq_msi_destroy(p->line);
    if (rc == 0)
        p->is_mapped = false; /* the owner stays: the last interrupt may still be on its way */
    lock_drop(&d->pirq.lock);
    return rc;
}

int pirq_bind(struct domain *d, u32 pirq, u32 port, bool will_share)
{
    struct pirq *p = item_at(d, pirq);
    struct irq_line_info info;
    int rc = -EINVAL;

    lock_take(&d->pirq.lock);
    if (p && p->port) {
        rc = -EEXIST;
    } else if (p && p->is_mapped && irq_line_info(p->line, &info)) {
        p->is_level = info.is_level;
        p->is_shared = will_share;
        WRITE_ONCE(p->port, (u16)port); /* the line may fire as soon as it is bound */
        rc = irq_line_bind(p->line, d->vcpu[0]->unit.cpu, line_fired, p);
        if (rc)
            WRITE_ONCE(p->port, 0);
    }
    if (rc == 0) {
        if (d->pirq.eoi_map && p->is_level)
            (void)atomic_test_set(d->pirq.eoi_map, pirq);
        irq_line_unmask(p->line);
    }
    lock_drop(&d->pirq.lock);
    return rc;
}

void pirq_unbind(struct domain *d, u32 pirq)
{
    struct pirq *p = &d->pirq.item[pirq];

    lock_take(&d->pirq.lock);
    irq_line_unbind(p->line);
    WRITE_ONCE(p->port, 0);
    if (d->pirq.eoi_map)
        (void)atomic_test_clear(d->pirq.eoi_map, pirq);
    lock_drop(&d->pirq.lock);
}

void pirq_set_vcpu(struct domain *d, u32 pirq, u32 vcpu)
{
    irq_line_set_cpu(d->pirq.item[pirq].line, d->vcpu[vcpu]->unit.cpu); /* bound while its port is */
}

int pirq_eoi(struct domain *d, u32 pirq)
{
    const struct pirq *p = item_at(d, pirq);

    if (!p)
        return -EINVAL;
    lock_take(&d->pirq.lock);
    if (p->port && p->is_level)
        irq_line_unmask(p->line);
    lock_drop(&d->pirq.lock);
    return 0;
}

int pirq_status(struct domain *d, u32 pirq, u32 *flags)
{
    const struct pirq *p = item_at(d, pirq);

    if (!p)
        return -EINVAL;
    *flags = (p->is_level ? XENIRQSTAT_needs_eoi : 0) | (p->is_shared ? XENIRQSTAT_shared : 0);
    return 0;
}

int pirq_set_eoi_map(struct domain *d, mfn_t frame)
{
    struct pirq_table *t = &d->pirq;
    struct page *p = frame_page(frame);
    u64 *map = frame_va(frame);
    int rc = p ? page_get_as(p, domain_owner(d), PAGE_WRITABLE) : -EINVAL;

    if (rc)
        return rc;
    lock_take(&t->lock);
    if (t->eoi_map)
        rc = -EBUSY;
    for (u32 n = 0; rc == 0 && t->item && n < PIRQ_MAX; n++)
        if (t->item[n].port && t->item[n].is_level)
            (void)atomic_test_set(map, n);
    if (rc == 0) {
        t->eoi_mfn = frame.n;
        t->eoi_map = map;
    }
    lock_drop(&t->lock);
    if (rc)
        page_put_as(p);
    return rc;
}

int pirq_setup_gsi(struct domain *d, u32 gsi, bool is_level, bool is_active_low)
{
    int rc;

    if (!d->is_privileged && !range_has(&d->irqs, gsi, gsi))
        return -EPERM;
    rc = irq_gsi_setup(gsi, is_level, is_active_low);
    return rc == -EBUSY ? -EEXIST : rc;
}

int pirq_destroy_all(struct domain *d)
{
    lock_take(&d->pirq.lock); /* as in evtchn_destroy_all */
    lock_drop(&d->pirq.lock);
    for (u32 n = 0; d->pirq.item && n < PIRQ_MAX; n++)
        (void)pirq_unmap(d, n);
    if (d->pirq.eoi_map)
        page_put_as(frame_page_raw(mfn(d->pirq.eoi_mfn)));
    d->pirq.eoi_map = NULL;
    return 0;
}

static void pass_by(void *arg)
{
    (void)arg;
}

void pirq_free(struct domain *d)
{
    if (!d->pirq.item)
        return;
    smp_call(cpu_online, pass_by, NULL); /* a last interrupt may still be on its way */
    slab_free(d->pirq.item, PIRQ_MAX * sizeof(struct pirq));
}
