/* SPDX-License-Identifier: MIT */
/* CONTROL, which dom0's administrator reaches through xenstore-control. */
#ifndef CONTROL_H
#define CONTROL_H

#include "wire.h"

#define CONTROL_VERSION "Wirt xenstored 1"

/* 0 and a text for the client, or an error. */
int control_handle(const struct wire_request *r, char *out, size_t size);

#endif
