/* SPDX-License-Identifier: MIT */
/*
 * What disks and network cards of guests moved, from the counters of their back ends in dom0: sectors of 512 bytes that
 * blkback keeps beside each disk, and the counters of the interface that is a card's other end, whose directions are
 * the other way round. A device that goes while it is read counts nothing.
 */
#include "sample.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BACKENDS "/sys/bus/xen-backend/devices"

static uint64_t read_counter(int dir, const char *name)
{
    char text[32] = "";
    int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

    if (fd >= 0)
        close(fd);
    return n > 0 ? strtoull(text, NULL, 10) : 0;
}

struct sample_domain *sample_find(const struct sample *s, uint64_t id)
{
    size_t low = 0, high = s->domains;

    while (low < high) {
        size_t middle = (low + high) / 2;
        if (s->domain[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < s->domains && s->domain[low].id == id ? &s->domain[low] : NULL;
}

static void read_disk(struct sample_device *d, int dir)
{
    d->in_bytes = read_counter(dir, "statistics/rd_sect") * 512;
    d->out_bytes = read_counter(dir, "statistics/wr_sect") * 512;
    d->ins = read_counter(dir, "statistics/rd_req");
    d->outs = read_counter(dir, "statistics/wr_req");
}

/* net/NAME/statistics: the name may be any. */
static void read_card(struct sample_device *d, int dir)
{
    int net = openat(dir, "net", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = net < 0 ? NULL : fdopendir(net);
    const struct dirent *e;

    if (!list && net >= 0)
        close(net);
    while (list && (e = readdir(list))) {
        int card = e->d_name[0] == '.' ? -1 : openat(net, e->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (card < 0)
            continue;
        d->out_bytes += read_counter(card, "statistics/rx_bytes");
        d->in_bytes += read_counter(card, "statistics/tx_bytes");
        d->outs += read_counter(card, "statistics/rx_packets");
        d->ins += read_counter(card, "statistics/tx_packets");
        close(card);
    }
    if (list)
        closedir(list);
}

static void add(struct sample_domain *to, const struct sample_device *d)
{
    *(d->is_disk ? &to->disk_read_bytes : &to->net_in_bytes) += d->in_bytes;
    *(d->is_disk ? &to->disk_write_bytes : &to->net_out_bytes) += d->out_bytes;
    *(d->is_disk ? &to->disk_requests : &to->net_packets) += d->ins + d->outs;
}

static int by_domain(const void *a, const void *b)
{
    const struct sample_device *x = a, *y = b;

    if (x->domain != y->domain)
        return x->domain < y->domain ? -1 : 1;
    if (x->is_disk != y->is_disk)
        return x->is_disk ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

/* One of the directory's; false: no memory. */
static bool take(int dir, const char *name, struct sample *s)
{
    unsigned int id, number;
    bool is_disk = sscanf(name, "vbd-%u-%u", &id, &number) == 2;
    struct sample_domain *d = is_disk || sscanf(name, "vif-%u-%u", &id, &number) == 2 ? sample_find(s, id) : NULL;
    int at = d ? openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    struct sample_device *more =
        at < 0 || s->devices % 64 ? s->device : realloc(s->device, (s->devices + 64) * sizeof(*more));

    if (at < 0)
        return true;
    if (more) {
        s->device = more;
        more += s->devices++;
        *more = (struct sample_device){.domain = id, .id = number, .is_disk = is_disk};
        (is_disk ? read_disk : read_card)(more, at);
        add(d, more);
    }
    close(at);
    return more;
}

void sample_backends(const char *root, struct sample *s)
{
    char path[256];
    const struct dirent *e;
    DIR *list;

    snprintf(path, sizeof(path), "%s" BACKENDS, root);
    list = opendir(path);
    while (list && (e = readdir(list)) && take(dirfd(list), e->d_name, s))
        continue;
    if (list)
        closedir(list);
    if (s->devices)
        qsort(s->device, s->devices, sizeof(*s->device), by_domain);
}
