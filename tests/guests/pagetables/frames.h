/* SPDX-License-Identifier: MIT */
/* The part of these tests that is about frames, not tables. */
#ifndef FRAMES_H
#define FRAMES_H

#include "domu.h"

void frames_machphys(u64 *data);  /* a frame of ours */
void frames_foreign(u64 *window); /* a page of ours, whose place foreign frames must not take */
void frames_reservation(void);

#endif
