/* SPDX-License-Identifier: MIT */
/* Between life.c and its neighbours. */
#ifndef WIRT_LIFE_H
#define WIRT_LIFE_H

#include "internal.h"

/* wirt_collect for one who has the hypervisor at hand; count may be NULL. */
int life_collect(struct wirt *w, size_t *count);

#endif
