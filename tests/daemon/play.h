/* SPDX-License-Identifier: MIT */
/* What the tests of the running daemon share: its run directory, its process, and a guest "web" that we play. */
#ifndef PLAY_H
#define PLAY_H

#include <sys/types.h>

#include "daemon.h"

struct shared {
    struct xencons_interface page __attribute__((aligned(4096)));
    volatile uint32_t is_masked, is_pending, notify_count, event_count;
};
extern struct shared *shared;
extern char dir[40], log_path[64], socket_path[64], console_path[64];

void play_start(void);              /* makes the directories; where the daemon is stands in the environment */
void play_start_in(const char *in); /* the same in a directory that is there */
void play_end(void);
void guest_event(void);
void guest_print(const char *bytes, size_t count); /* all of it; waits for room as a guest does */
void start_daemon(void);                           /* in this process */
pid_t daemon_fork(void);                           /* as a child, which serves until it is killed */
void daemon_kill(pid_t child);
struct wirt *connect_wirt(void);                             /* a living daemon answers */
size_t read_some(int fd, char *bytes, size_t count, int ms); /* up to count bytes within the time */
void fill(char *bytes, size_t count, uint32_t seed);

#endif
