/* SPDX-License-Identifier: MIT */
/*
 * From one layout of the shared page to the other, as when a 32-bit boot loader starts a 64-bit kernel. Raising takes
 * no lock, so it may go on meanwhile by what it read before: a pending bit lies where it lay, what else it writes is
 * nothing in the other layout, and once every CPU has answered, all vCPUs are told to look for everything.
 */
#include "dom/shared.h"
#include "hw/smp.h"
#include "lib/errno.h"
#include "lib/string.h"

static bool has_high_ports(const struct evtchn_table *t)
{
    bool has = false;

    for (u32 i = SHARED_NARROW_PORTS / EVTCHN_PER_BUCKET; i < ARRAY_COUNT(t->bucket); i++)
        has |= t->bucket[i] != NULL;
    return has;
}

/* The table's lock is held. */
static void lay_out(struct domain *d, bool is_narrow)
{
    struct shared_narrow *n = shared_narrow(d);
    u64 mask[SHARED_NARROW_PORTS / 64];

    memcpy(mask, shared_mask(d), sizeof(mask));
    memset(n->mask, 0, sizeof(*d->shared) - offsetof(struct shared_info, evtchn_pending) - sizeof(n->pending));
    d->is_narrow = is_narrow;
    d->evtchn.limit = is_narrow ? min(d->evtchn.limit_most, SHARED_NARROW_PORTS) : d->evtchn.limit_most;
    memcpy(shared_mask(d), mask, sizeof(mask));
}

static void pass_by(void *arg)
{
    (void)arg;
}

int shared_latch(struct domain *d, bool is_narrow)
{
    bool changes;
    int rc = 0;

    lock_take(&d->lock);
    lock_take(&d->evtchn.lock);
    changes = d->is_narrow != is_narrow;
    if (changes && is_narrow && has_high_ports(&d->evtchn))
        rc = -EBUSY;
    else if (changes)
        lay_out(d, is_narrow);
    lock_drop(&d->evtchn.lock);
    if (changes && rc == 0)
        domain_update_wallclock(d);
    lock_drop(&d->lock);
    if (!changes || rc)
        return rc;
    smp_call(cpu_online, pass_by, NULL);
    for (u32 i = 0; i < d->vcpu_limit; i++)
        if (d->vcpu[i])
            shared_select_all(d, d->vcpu[i]->info);
    return 0;
}
