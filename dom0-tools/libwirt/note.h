/* SPDX-License-Identifier: MIT */
/*
 * Notes in xenstore of processes that are at work. A note names its process for good ("PID START": its number, and when
 * it started), so that whoever finds it can tell whether somebody is still at it.
 *   /wirt/building/UUID               a domain is made (record.c)
 *   /wirt/changing/KIND-DOMID-NUMBER  a device is attached or detached (device.c)
 */
#ifndef WIRT_NOTE_H
#define WIRT_NOTE_H

#include "internal.h"

#define NOTE_BUILDING "/wirt/building"
#define NOTE_CHANGING "/wirt/changing"
#define NOTE_SELF     40
const char *note_self(char text[NOTE_SELF]);
bool note_is_alive(const char *note);
bool note_is_any(struct wirt *w, const char *dir);
/* Ends the devices whose attach or detach was broken off: they are removed. The first under the devices' lock. */
int note_end_devices(struct wirt *w);
int note_collect_devices(struct wirt *w);

#endif
