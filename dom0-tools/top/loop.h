/* SPDX-License-Identifier: MIT */
/* `wirt top` on a screen, until it is left. */
#ifndef WIRT_TOP_LOOP_H
#define WIRT_TOP_LOOP_H

#include "source.h"

int loop_run(struct source *s); /* a wirt code, with the error set */

#endif
