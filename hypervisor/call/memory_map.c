/* SPDX-License-Identifier: MIT */
/*
 * Memory maps as firmware would give them (e820): the machine's, which boot fills and dom0 reads, and a domain's, which
 * its builder gives it and its kernel reads. Wirt hands them through and believes nothing of them.
 */
#include "call/memory_map.h"
#include "core/slab.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "public/memory.h"

__sealed struct e820_entry memory_map[MEMORY_MAP_MAX];
__sealed u32 memory_map_count;

s64 memory_map_set(struct domain *d, void *arg)
{
    const struct xen_memory_map *map = &((struct xen_foreign_memory_map *)arg)->map;
    u32 bytes = map->nr_entries * (u32)sizeof(struct e820_entry), old_bytes;
    void *new, *old;

    if (map->nr_entries == 0 || map->nr_entries > MEMORY_MAP_MAX)
        return -EINVAL;
    new = slab_alloc(bytes);
    if (!new)
        return -ENOMEM;
    if (!guest_read(new, guest_at(map->buffer), bytes)) {
        slab_free(new, bytes);
        return -EFAULT;
    }
    lock_take(&d->lock);
    old = d->e820;
    old_bytes = d->e820_bytes;
    if (domain_is_dying(d)) {
        old = new;
        old_bytes = bytes;
    } else {
        d->e820 = new;
        d->e820_bytes = bytes;
    }
    lock_drop(&d->lock);
    slab_free(old, old_bytes);
    return old == new ? -ESRCH : 0;
}

/* A copy, as the builder may replace the map meanwhile. */
s64 memory_map_domain(struct domain *d, void *arg)
{
    struct xen_memory_map *map = arg;
    struct e820_entry entry[MEMORY_MAP_MAX];
    u32 count;

    lock_take(&d->lock);
    count = min(map->nr_entries, d->e820_bytes / (u32)sizeof(entry[0]));
    if (d->e820)
        memcpy(entry, d->e820, count * sizeof(entry[0]));
    lock_drop(&d->lock);
    if (!d->e820_bytes)
        return -ENOSYS; /* as on the first machines: the guest has pages from 0 on */
    map->nr_entries = count;
    return guest_write(guest_at(map->buffer), entry, count * sizeof(entry[0])) ? 0 : -EFAULT;
}

s64 memory_map_machine(struct domain *d, void *arg)
{
    struct xen_memory_map *map = arg;

    (void)d;
    map->nr_entries = min(map->nr_entries, memory_map_count);
    return guest_write(guest_at(map->buffer), memory_map, map->nr_entries * sizeof(memory_map[0])) ? 0 : -EFAULT;
}
