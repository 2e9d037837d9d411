/* SPDX-License-Identifier: MIT */
/*
 * Disks: what a name in the guest means as a number, and whether they can be had. For libwirt's own files and the
 * tests.
 */
#ifndef WIRT_DISK_H
#define WIRT_DISK_H

#include <stdbool.h>
#include <stdint.h>

#include "wirt.h"

/* "xvda" to "xvdzz", "hda" to "hdd", "sda" to "sdp", each with a partition's number or without. */
bool disk_number(const char *target, uint32_t *number);

/* All disks of a configuration, before anything is built. */
int disk_check(struct wirt *w, const struct wirt_config *c);

#endif
