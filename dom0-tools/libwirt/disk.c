/* SPDX-License-Identifier: MIT */
/*
 * Disks of guests, through the kernel's blkback: a block device as it is, a file through a loop device. The loop device
 * clears itself when its last user closes it. Until blkback has opened it that user is this process, after that it is
 * blkback: killed at any moment, nothing stays behind. Who has a source already is asked of the kernel by device number
 * and inode, not by name, so that links and second paths do not hide anything.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <linux/major.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "device.h"
#include "disk.h"
#include "domctl.h"
#include "internal.h"
#include "note.h"
#include "source.h"

#define XVD_MAJOR 202u
#define EXTENDED  (1u << 28) /* numbers of xvd disks from the 17th on */

/* Letters of a disk's name as a number: a = 0, z = 25, aa = 26. */
static const char *letters(const char *from, uint32_t *index)
{
    uint32_t n = 0;
    const char *c = from;

    for (; *c >= 'a' && *c <= 'z' && c - from < 2; c++)
        n = n * 26 + (uint32_t)(*c - 'a') + 1;
    *index = n - 1;
    return c == from ? NULL : c;
}

static uint32_t number_of(char kind, uint32_t disk, uint32_t partition)
{
    if (kind == 'h')
        return (disk < 2 ? IDE0_MAJOR : IDE1_MAJOR) << 8 | (disk & 1) << 6 | partition;
    if (kind == 's')
        return SCSI_DISK0_MAJOR << 8 | disk << 4 | partition;
    if (disk < 16 && partition < 16)
        return XVD_MAJOR << 8 | disk << 4 | partition;
    return EXTENDED | disk << 8 | partition;
}

bool disk_number(const char *target, uint32_t *number)
{
    const char *rest = !strncmp(target, "xvd", 3)                               ? target + 3
                       : !strncmp(target, "hd", 2) || !strncmp(target, "sd", 2) ? target + 2
                                                                                : NULL;
    uint32_t disk, partition = 0, most_disks = 26 * 27, most_partitions = 255;

    rest = rest ? letters(rest, &disk) : NULL;
    if (!rest || strlen(rest) > 3 || *rest == '0')
        return false;
    for (; *rest >= '0' && *rest <= '9'; rest++)
        partition = partition * 10 + (uint32_t)(*rest - '0');
    if (target[0] == 'h')
        most_disks = 4, most_partitions = 63;
    if (target[0] == 's')
        most_disks = 16, most_partitions = 15;
    if (*rest || disk >= most_disks || partition > most_partitions)
        return false;
    *number = number_of(target[0], disk, partition);
    return true;
}

struct search {
    const char *object;
    const struct wirt_disk *disk;
    struct source source, itself; /* itself: of a source that is a loop device, the file behind it */
    uint32_t dead;                /* a domain that has it and is no more; 0: none */
};

static char *read_in(struct wirt *w, const char *dir, const char *key)
{
    return wirt_store_read(w, "%s/%s", dir, key);
}

static int busy(struct wirt *w, struct search *s, uint32_t domid, const char *target, bool is_readonly)
{
    struct wirt_error kept = error_keep(w);
    struct xen_domctl_getdomaininfo info;
    char name[96];

    if (domctl_info(w, domid, s->object, &info) == WIRT_NOT_FOUND) {
        s->dead = domid;
        error_restore(w, &kept);
        return WIRT_EXISTS;
    }
    return wirt_fail(w, WIRT_EXISTS, s->object, "look whether the source is free",
                     "use another, or give both <shareable/> or <readonly/>", "%s is busy: %s has it %s as %s",
                     s->disk->source, device_domain(w, domid, name, sizeof(name)),
                     is_readonly ? "read-only" : "read-write", target ? target : "a disk");
}

static int visit_user(struct wirt *w, const char *back, uint32_t domid, uint32_t number, void *arg)
{
    struct search *s = arg;
    char *physical = read_in(w, back, "physical-device"), *mode = NULL, *target = NULL, *shared = NULL;
    unsigned int device_major, device_minor;
    char mark[LO_NAME_SIZE];
    struct source other;
    int code = 0;

    (void)number;
    if (physical && sscanf(physical, "%x:%x", &device_major, &device_minor) == 2) {
        source_behind(makedev(device_major, device_minor), &other, mark);
        if (source_is_same(&other, &s->source) || source_is_same(&other, &s->itself)) {
            mode = read_in(w, back, "mode");
            target = read_in(w, back, "dev");
            shared = read_in(w, back, "shareable");
            bool is_readonly = mode && mode[0] == 'r';

            if (!(is_readonly && s->disk->is_readonly) && !(shared && s->disk->is_shareable))
                code = busy(w, s, domid, target, is_readonly);
        }
    }
    free(physical);
    free(mode);
    free(target);
    free(shared);
    return code;
}

/* Loop devices of dom0 itself over the same file. Ours that have lost their user are on their way out. */
static int check_loops(struct wirt *w, const struct search *s)
{
    DIR *dir = s->source.is_file ? opendir("/sys/block") : NULL;
    struct dirent *entry;
    int code = 0;

    while (dir && !code && (entry = readdir(dir))) {
        char path[64], mark[LO_NAME_SIZE];
        struct source other;
        unsigned int n;

        if (sscanf(entry->d_name, "loop%u", &n) != 1)
            continue;
        snprintf(path, sizeof(path), "/sys/block/loop%u/loop/backing_file", n);
        if (access(path, F_OK))
            continue;
        source_behind(makedev(LOOP_MAJOR, n), &other, mark);
        if (source_is_same(&other, &s->source) && strncmp(mark, SOURCE_MARK, strlen(SOURCE_MARK)))
            code = wirt_fail(w, WIRT_EXISTS, s->object, "look whether the source is free",
                             "see losetup -l and mount; give the disk <readonly/> if it shall only be read",
                             "%s is busy: dom0 itself has it as /dev/loop%u", s->disk->source, n);
    }
    if (dir)
        closedir(dir);
    return code;
}

/* Whether nobody else writes to the source, or reads it while we would write. */
static int check_free(struct wirt *w, const char *object, const struct wirt_disk *disk, const struct source *source)
{
    struct search s = {.object = object, .disk = disk, .source = *source};
    char mark[LO_NAME_SIZE];
    int code, fd;

    s.itself = *source;
    if (!source->is_file)
        source_behind(source->device, &s.itself, mark);
    do { /* what a destroy that was killed has left does not keep it */
        s.dead = 0;
        code = device_each(w, "vbd", 0, visit_user, &s);
    } while (s.dead && (code = wirt_devices_remove(w, s.dead)) == 0);
    if (code || disk->is_readonly || disk->is_shareable)
        return code;
    if (source->is_file)
        return check_loops(w, &s);
    /* Mounted, or part of a volume: then the kernel gives it to nobody exclusively. */
    fd = open(disk->source, O_RDONLY | O_EXCL | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 && errno == EBUSY)
        return wirt_fail(w, WIRT_EXISTS, object, "look whether the source is free", "see mount, lsblk",
                         "%s is busy: dom0 itself has it mounted, or in a volume", disk->source);
    if (fd >= 0)
        close(fd);
    return 0;
}

static void fill(struct device *d, const struct wirt_disk *disk, bool is_file, dev_t device, bool is_first)
{
    const char *type = disk->is_cdrom ? "cdrom" : "disk";

    device_front(d, "virtual-device", "%u", d->number);
    device_front(d, "device-type", "%s", type);
    device_front(d, "protocol", "x86_64-abi");
    device_front(d, "trusted", "1");
    device_back(d, "dev", "%s", disk->target);
    device_back(d, "type", "phy");
    device_back(d, "mode", disk->is_readonly ? "r" : "w");
    device_back(d, "device-type", "%s", type);
    device_back(d, "params", "%s", disk->source);
    device_back(d, "bootable", is_first ? "1" : "0");
    device_back(d, "removable", disk->is_cdrom ? "1" : "0");
    device_back(d, "discard-enable", disk->is_readonly ? "0" : "1");
    device_back(d, "physical-device", "%x:%x", major(device), minor(device));
    if (is_file)
        device_back(d, "physical-device-path", "/dev/loop%u", minor(device));
    else
        device_back(d, "physical-device-path", "%s", disk->source);
    if (disk->is_shareable)
        device_back(d, "shareable", "1");
}

static int visit_any(struct wirt *w, const char *back, uint32_t domid, uint32_t number, void *arg)
{
    (void)w;
    (void)back;
    (void)domid;
    (void)number;
    (void)arg;
    return -1;
}

/* Under the lock: finds the source free, and offers it to the guest. *loop is a loop device held open, or -1. */
static int offer(struct wirt *w, struct device *d, const struct wirt_disk *disk, struct watch *watch, int *loop)
{
    struct source source;
    dev_t device;
    int code = source_open(w, d->object, disk, &source);

    if (code)
        return code;
    device = source.device;
    code = check_free(w, d->object, disk, &source);
    if (!code && source.is_file)
        code = source_loop(w, d->object, &source, disk->is_readonly, loop, &device);
    if (!code) {
        fill(d, disk, source.is_file, device, device_each(w, "vbd", d->domid, visit_any, NULL) == 0);
        code = device_watch(w, watch, d);
    }
    if (!code) {
        code = device_offer(w, d);
        if (code)
            watch_close(watch);
    }
    close(source.fd);
    return code;
}

static const char *name_disk(struct wirt *w, struct device *d, const char *target)
{
    char name[96];

    snprintf(d->object, sizeof(d->object), "disk %.15s of %s", target, device_domain(w, d->domid, name, sizeof(name)));
    return d->object;
}

static int check_target(struct wirt *w, const char *object, const char *target, uint32_t *number)
{
    if (target && disk_number(target, number))
        return 0;
    return wirt_fail(w, WIRT_REFUSED, object, "look at the target", "take xvda, xvdb and so on",
                     "%s is no disk's name: xvda to xvdzz, hda to hdd or sda to sdp", target ? target : "nothing");
}

int wirt_attach_disk(struct wirt *w, uint32_t domid, const struct wirt_disk *disk)
{
    struct device d = {.kind = "vbd", .domid = domid};
    int lock, loop = -1, code;
    struct watch watch;

    name_disk(w, &d, disk->target ? disk->target : "(none)");
    code = check_target(w, d.object, disk->target, &d.number);
    if (!code)
        code = device_domain_check(w, d.object, domid);
    if (!code)
        code = device_backend_check(w, d.kind, d.object);
    if (!code)
        code = note_collect_devices(w);
    if (!code)
        code = device_lock(w, &lock);
    if (code)
        return code;
    code = offer(w, &d, disk, &watch, &loop);
    device_unlock(lock);
    if (!code) {
        code = device_wait_backend(w, &watch, &d);
        if (!code)
            code = device_done(w, &d);
        if (code)
            device_give_up(w, &d);
        watch_close(&watch);
    }
    if (loop >= 0)
        close(loop);
    return code;
}

struct find {
    const char *target;
    uint32_t number;
};

static int visit_target(struct wirt *w, const char *back, uint32_t domid, uint32_t number, void *arg)
{
    struct find *find = arg;
    char *target = read_in(w, back, "dev");
    bool is_it = target && !strcmp(target, find->target);

    (void)domid;
    free(target);
    find->number = number;
    return is_it ? -1 : 0;
}

int wirt_detach_disk(struct wirt *w, uint32_t domid, const char *target)
{
    struct device d = {.kind = "vbd", .domid = domid};
    struct find find = {.target = target};
    int code;

    name_disk(w, &d, target);
    code = device_domain_check(w, d.object, domid);
    if (!code)
        code = note_collect_devices(w);
    if (code)
        return code;
    code = device_each(w, d.kind, domid, visit_target, &find);
    if (code == 0)
        return wirt_fail(w, WIRT_NOT_FOUND, d.object, "find it", "see wirt dominfo", "the domain has no such disk");
    if (code > 0)
        return code;
    d.number = find.number;
    return device_unplug(w, &d);
}

/* Two disks of one configuration: the same name in the guest, or the same source where one of them writes. */
static int check_pair(struct wirt *w, const char *object, const struct wirt_disk *a, const struct wirt_disk *b)
{
    struct stat one, two;
    uint32_t first, second;

    if (disk_number(a->target, &first) && disk_number(b->target, &second) && first == second)
        return wirt_fail(w, WIRT_EXISTS, object, "look at the target", "", "the configuration has %s twice", a->target);
    if ((a->is_readonly && b->is_readonly) || (a->is_shareable && b->is_shareable))
        return 0;
    if (stat(a->source, &one) || stat(b->source, &two))
        return 0;
    if (S_ISBLK(one.st_mode) && S_ISBLK(two.st_mode) ? one.st_rdev == two.st_rdev
                                                     : one.st_dev == two.st_dev && one.st_ino == two.st_ino)
        return wirt_fail(w, WIRT_EXISTS, object, "look whether the source is free", "",
                         "the configuration has %s twice, as %s and as %s", b->source, a->target, b->target);
    return 0;
}

int disk_check(struct wirt *w, const struct wirt_config *c)
{
    int code = c->disk_count ? device_backend_check(w, "vbd", c->name) : 0;

    for (uint32_t i = 0; i < c->disk_count && !code; i++) {
        const struct wirt_disk *disk = &c->disk[i];
        struct source source;
        char object[128];
        uint32_t number;

        snprintf(object, sizeof(object), "disk %.15s of %s", disk->target ? disk->target : "(none)", c->name);
        code = check_target(w, object, disk->target, &number);
        if (!code)
            code = source_open(w, object, disk, &source);
        if (code)
            break;
        for (uint32_t j = 0; j < i && !code; j++)
            code = check_pair(w, object, &c->disk[j], disk);
        if (!code)
            code = check_free(w, object, disk, &source);
        close(source.fd);
    }
    return code;
}
