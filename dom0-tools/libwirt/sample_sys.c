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

static void add_disk(struct sample_domain *d, int dir)
{
    d->disk_read_bytes += read_counter(dir, "statistics/rd_sect") * 512;
    d->disk_write_bytes += read_counter(dir, "statistics/wr_sect") * 512;
    d->disk_requests += read_counter(dir, "statistics/rd_req") + read_counter(dir, "statistics/wr_req");
}

/* net/NAME/statistics: the name may be any. */
static void add_card(struct sample_domain *d, int dir)
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
        d->net_out_bytes += read_counter(card, "statistics/rx_bytes");
        d->net_in_bytes += read_counter(card, "statistics/tx_bytes");
        d->net_packets += read_counter(card, "statistics/rx_packets") + read_counter(card, "statistics/tx_packets");
        close(card);
    }
    if (list)
        closedir(list);
}

void sample_backends(const char *root, struct sample *s)
{
    char path[256];
    const struct dirent *e;
    DIR *list;

    snprintf(path, sizeof(path), "%s" BACKENDS, root);
    list = opendir(path);
    while (list && (e = readdir(list))) {
        unsigned int id, number;
        bool is_disk = sscanf(e->d_name, "vbd-%u-%u", &id, &number) == 2;
        struct sample_domain *d =
            is_disk || sscanf(e->d_name, "vif-%u-%u", &id, &number) == 2 ? sample_find(s, id) : NULL;
        int dir = d ? openat(dirfd(list), e->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

        if (dir < 0)
            continue;
        if (is_disk)
            add_disk(d, dir);
        else
            add_card(d, dir);
        close(dir);
    }
    if (list)
        closedir(list);
}
