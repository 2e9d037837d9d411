/* SPDX-License-Identifier: MIT */
/* Between life.c and its neighbours. */
#ifndef WIRT_LIFE_H
#define WIRT_LIFE_H

#include "internal.h"

/* Removes whatever there is of a domain, in the reverse order of its making. Keeps the handle's error. */
void life_unmake(struct wirt *w, int domid, const uint8_t uuid[16], const char *name, const char *object);

#endif
