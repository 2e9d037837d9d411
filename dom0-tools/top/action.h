/* SPDX-License-Identifier: MIT */
/*
 * What is done to a domain is done by `wirt VERB DOMAIN` itself, as a child: the screen goes on, and what it says is
 * what the command says. One at a time.
 */
#ifndef WIRT_TOP_ACTION_H
#define WIRT_TOP_ACTION_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct action {
    pid_t child; /* 0: none */
    int output;
    char verb[16], name[80], said[400];
    size_t length;
};
/* command: words behind "wirt", NULL at the end, the first is the verb. False: there is one, or errno. */
bool action_start(struct action *a, const char *const *command, const char *name);
bool action_poll(struct action *a, bool *is_bad, char *outcome, size_t size); /* true: it has ended just now */
int action_wait(const char *const *command); /* on this terminal; its exit status, -1: it did not start */

#endif
