/* SPDX-License-Identifier: MIT */
/*
 * Sources of disks as source.h describes them. Everything that can be wrong with one is found before it is used, and
 * said in words: opening is the last of the checks, as opening a device of another kind could do anything.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/major.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "internal.h"
#include "source.h"

#define LOOP_TRIES 64

static int check_block(struct wirt *w, const char *object, const struct wirt_disk *disk, int fd)
{
    uint64_t bytes = 0;
    int is_locked = 0;

    if (ioctl(fd, BLKGETSIZE64, &bytes))
        return fail_errno(w, WIRT_FAILED, object, "look at the source", "", "%s does not say its size", disk->source);
    if (!bytes)
        return wirt_fail(w, WIRT_REFUSED, object, "look at the source", "", "%s is empty, or has no medium",
                         disk->source);
    if (!disk->is_readonly && ioctl(fd, BLKROGET, &is_locked) == 0 && is_locked)
        return wirt_fail(w, WIRT_REFUSED, object, "look at the source", "give the disk <readonly/>",
                         "%s can only be read", disk->source);
    return 0;
}

static int check_kind(struct wirt *w, const char *object, const struct wirt_disk *disk, const struct stat *status)
{
    const char *what = S_ISDIR(status->st_mode)   ? "a directory"
                       : S_ISCHR(status->st_mode) ? "a character device"
                       : S_ISREG(status->st_mode) ? "a file"
                                                  : "neither a file nor a block device";

    if (disk->kind == WIRT_DISK_BLOCK && S_ISREG(status->st_mode))
        return wirt_fail(w, WIRT_REFUSED, object, "look at the source", "a file needs type='file' and file='PATH'",
                         "%s is a file, not a block device", disk->source);
    if (!S_ISREG(status->st_mode) && !S_ISBLK(status->st_mode))
        return wirt_fail(w, WIRT_REFUSED, object, "look at the source", "", "%s is %s", disk->source, what);
    if (S_ISREG(status->st_mode) && status->st_size < 512)
        return wirt_fail(w, WIRT_REFUSED, object, "look at the source", "", "%s has %lld bytes, less than one sector",
                         disk->source, (long long)status->st_size);
    return 0;
}

/* open() failed with errno. */
static int cannot_open(struct wirt *w, const char *object, const struct wirt_disk *disk)
{
    const char *step = "open the source", *path = disk->source;

    if (errno == ENOENT)
        return wirt_fail(w, WIRT_NOT_FOUND, object, step, "", "%s is not there", path);
    if (errno == EISDIR)
        return wirt_fail(w, WIRT_REFUSED, object, step, "", "%s is a directory", path);
    if (errno == ENOMEDIUM)
        return wirt_fail(w, WIRT_REFUSED, object, step, "", "%s has no medium", path);
    if ((errno == EROFS || errno == EACCES || errno == EPERM || errno == ETXTBSY) && !disk->is_readonly)
        return fail_errno(w, WIRT_REFUSED, object, step, "give the disk <readonly/>, or make it writable",
                          "%s cannot be opened for writing", path);
    return fail_errno(w, WIRT_FAILED, object, step, "", "%s cannot be opened", path);
}

int source_open(struct wirt *w, const char *object, const struct wirt_disk *disk, struct source *source)
{
    int code, flags = (disk->is_readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
    struct stat status;

    if (!disk->source || disk->source[0] != '/')
        return wirt_fail(w, WIRT_REFUSED, object, "look at the source", "", "%s is no absolute path",
                         disk->source ? disk->source : "nothing");
    /* Before it is opened: opening a device of another kind could do anything. */
    if (stat(disk->source, &status))
        return cannot_open(w, object, disk);
    code = check_kind(w, object, disk, &status);
    if (code)
        return code;
    source->fd = open(disk->source, flags);
    if (source->fd < 0)
        return cannot_open(w, object, disk);
    if (fstat(source->fd, &status))
        code = fail_errno(w, WIRT_FAILED, object, "look at the source", "", "%s", disk->source);
    if (!code)
        code = check_kind(w, object, disk, &status);
    source->is_file = S_ISREG(status.st_mode);
    source->device = source->is_file ? status.st_dev : status.st_rdev;
    source->inode = source->is_file ? status.st_ino : 0;
    if (!code && !source->is_file)
        code = check_block(w, object, disk, source->fd);
    if (code)
        close(source->fd);
    return code;
}

/* What stands behind a block device: the file of a loop device, otherwise the device itself. */
void source_behind(dev_t device, struct source *source, char mark[LO_NAME_SIZE])
{
    struct loop_info64 info;
    char path[32];
    int fd;

    *source = (struct source){.fd = -1, .device = device};
    mark[0] = 0;
    if (major(device) != LOOP_MAJOR)
        return;
    snprintf(path, sizeof(path), "/dev/loop%u", minor(device));
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    if (ioctl(fd, LOOP_GET_STATUS64, &info) == 0) {
        source->is_file = true;
        source->device = makedev((unsigned int)((info.lo_device & 0xfff00) >> 8),
                                 (unsigned int)((info.lo_device & 0xff) | ((info.lo_device >> 12) & 0xfff00)));
        source->inode = info.lo_inode;
        memcpy(mark, info.lo_file_name, LO_NAME_SIZE);
        mark[LO_NAME_SIZE - 1] = 0;
    }
    close(fd);
}

bool source_is_same(const struct source *a, const struct source *b)
{
    return a->is_file == b->is_file && a->device == b->device && a->inode == b->inode;
}

/* Gives one free loop device its file. 0 with *fd, or an errno; EBUSY: another process was faster. */
static int take_loop(int control, const struct loop_config *config, int mode, int *fd, dev_t *device)
{
    int error, number = ioctl(control, LOOP_CTL_GET_FREE);
    char path[32];

    if (number < 0)
        return errno;
    snprintf(path, sizeof(path), "/dev/loop%d", number);
    *fd = open(path, mode | O_CLOEXEC);
    if (*fd < 0)
        return errno;
    if (ioctl(*fd, LOOP_CONFIGURE, config) == 0) {
        *device = makedev(LOOP_MAJOR, (unsigned int)number);
        return 0;
    }
    error = errno;
    close(*fd);
    return error;
}

int source_loop(struct wirt *w, const char *object, const struct source *source, bool is_readonly, int *fd,
                dev_t *device)
{
    struct loop_config config = {
        .fd = (uint32_t)source->fd,
        .info = {.lo_flags = LO_FLAGS_AUTOCLEAR | LO_FLAGS_DIRECT_IO | (is_readonly ? LO_FLAGS_READ_ONLY : 0u)}};
    int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC), error = EBUSY;

    if (control < 0)
        return fail_errno(w, WIRT_NO_HOST, object, "set up a loop device", "try modprobe loop", "/dev/loop-control");
    snprintf((char *)config.info.lo_file_name, LO_NAME_SIZE, SOURCE_MARK " %s", object);
    for (int i = 0; i < LOOP_TRIES && error == EBUSY; i++)
        error = take_loop(control, &config, is_readonly ? O_RDONLY : O_RDWR, fd, device);
    close(control);
    if (!error)
        return 0;
    errno = error;
    return fail_errno(w, WIRT_FAILED, object, "set up a loop device", "see losetup -l", "the kernel refuses");
}
