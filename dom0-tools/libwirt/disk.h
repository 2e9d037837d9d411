/* SPDX-License-Identifier: MIT */
/*
 * Disks: what a name in the guest means as a number, and whether a source can be had. For libwirt's own files and the
 * tests.
 */
#ifndef WIRT_DISK_H
#define WIRT_DISK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "wirt.h"

/* "xvda" to "xvdzz", "hda" to "hdd", "sda" to "sdp", each with a partition's number or without. */
bool disk_number(const char *target, uint32_t *number);

struct disk_source {
    int fd; /* open as the guest will use it */
    bool is_file;
    dev_t device; /* is_file: the file system's, with inode; otherwise the block device's own number */
    ino_t inode;
};
/* Opens a source and looks whether it is what the configuration says. object is "disk xvda of ...". */
int disk_open(struct wirt *w, const char *object, const struct wirt_disk *disk, struct disk_source *source);

/* A loop device over an open file, which goes away by itself with its last user. *fd is one. */
int disk_loop(struct wirt *w, const char *object, const struct disk_source *source, bool is_readonly, int *fd,
              dev_t *device);

/* All disks of a configuration, before anything is built. */
int disk_check(struct wirt *w, const struct wirt_config *c);

#endif
