/* SPDX-License-Identifier: MIT */
/* From entries of the log to the daemon's state, and back. */
#ifndef REPLAY_H
#define REPLAY_H

#include "state.h"

/* False: the entry cannot be (damaged, or of a newer version). */
bool replay_apply(const struct state_entry *e);
/* After the last one. */
void replay_finish(void);
/* Everything but the nodes, as entries. */
void replay_dump(void (*put)(const struct state_entry *e));

#endif
