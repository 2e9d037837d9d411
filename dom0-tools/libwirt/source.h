/* SPDX-License-Identifier: MIT */
/*
 * What stands behind a guest's disk: a file or a block device of dom0, told apart by what the kernel says that it is
 * and not by its name. For libwirt's own files and the tests.
 */
#ifndef WIRT_SOURCE_H
#define WIRT_SOURCE_H

#include <stdbool.h>
#include <sys/types.h>

#include <linux/loop.h>

#include "wirt.h"

#define SOURCE_MARK "wirt:" /* how the names of our loop devices begin */

struct source {
    int fd; /* open as the guest will use it */
    bool is_file;
    dev_t device; /* is_file: the file system's, with inode; otherwise the block device's own number */
    ino_t inode;
};
/* Opens a source and looks whether it is what the configuration says. object is "disk xvda of ...". */
int source_open(struct wirt *w, const char *object, const struct wirt_disk *disk, struct source *source);
/* A loop device over an open file, which goes away by itself with its last user. *fd is one. */
int source_loop(struct wirt *w, const char *object, const struct source *source, bool is_readonly, int *fd,
                dev_t *device);
/* What a block device is in truth: of a loop device the file, with the name that it was given. Not open. */
void source_behind(dev_t device, struct source *source, char mark[LO_NAME_SIZE]);
bool source_is_same(const struct source *a, const struct source *b);

#endif
