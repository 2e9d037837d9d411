/* SPDX-License-Identifier: MIT */
/*
 * The model's version: pending work is decided by the test (machine.c), so that long operations are
 * interrupted after any number of looks. All else is the real header.
 */
#ifndef WIRT_MODEL_WORK_H
#define WIRT_MODEL_WORK_H

#define work_is_pending real_work_is_pending
#include_next "core/work.h"
#undef work_is_pending
bool work_is_pending(void);

#endif
