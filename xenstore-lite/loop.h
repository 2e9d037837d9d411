/* SPDX-License-Identifier: MIT */
/* What the main loop waits for. */
#ifndef LOOP_H
#define LOOP_H

#include <stdint.h>

/* Changes what a client's socket is waited for (EPOLLIN or EPOLLOUT). */
void loop_poll(int fd, void *conn, uint32_t events);

#endif
