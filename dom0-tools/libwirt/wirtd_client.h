/* SPDX-License-Identifier: MIT */
/*
 * Talking to wirtd, the daemon of consoles and of what happens when a domain ends, over its socket. The protocol is
 * described in docs/guide/consoles.md: a request of one line, an answer of one line of JSON, then raw bytes for the
 * requests that have any. Functions return 0 or an enum wirt_code with the handle's error set, as everywhere; when the
 * daemon itself refuses, its words are passed on.
 */
#ifndef WIRT_WIRTD_CLIENT_H
#define WIRT_WIRTD_CLIENT_H

#include <stdbool.h>

#include "wirt.h"

#define WIRTD_SOCKET  "/run/wirt/wirtd.sock" /* WIRTD_SOCKET in the environment replaces it */
#define WIRTD_CONSOLE "/run/wirt/console"    /* kept output of each domain, NAME; WIRTD_CONSOLE replaces it */
#define WIRTD_RESTART "/run/wirt/restart"    /* a file NAME while it waits to be started again; WIRTD_RESTART */

/* A living domain's console: *fd is a socket, what the guest prints can be read from it and what is written goes to the
 * guest, until it is closed. does_replay: what it printed before comes first, as far as it is kept. End of file: the
 * domain has ended and is not being restarted. Several may be open at a time. */
int wirt_console_open(struct wirt *w, const char *name_or_id, bool does_replay, int *fd);
/* The same, with what was printed, for who does not wait: *fd does not block. First there comes the answer's line,
 * which wirt_console_answer takes without its newline: 0, or the code of the refusal. */
int wirt_console_ask(struct wirt *w, const char *name_or_id, int *fd);
int wirt_console_answer(struct wirt *w, const char *line);

/* What is kept of the output of a domain, alive or dead; *text ends in a 0 byte and may hold others: *bytes counts.
 * Works while the daemon is down, from the file that it keeps. */
int wirt_console_log(struct wirt *w, const char *name_or_id, char **text, size_t *bytes);

/* One request, for example "list", "autostart now", "forget NAME", "cancel NAME", "tty NAME", "status". *reply is the
 * JSON line without its newline; NULL if it is not wanted. */
int wirt_daemon_request(struct wirt *w, const char *request, char **reply);

/* The same for a request with more behind its answer, "events NUMBER" for one: it comes on *fd until either side
 * closes.
 */
int wirt_daemon_stream(struct wirt *w, const char *request, char **reply, int *fd);

/* Whether this domain (NULL: any) waits to be started again, by what wirtd writes down: true also while wirtd is away.
 */
bool wirt_restart_waits(const char *name);

/* A member of a JSON object of one level as wirtd writes it: a string comes unescaped, anything else as it stands.
 * NULL if there is none. */
char *wirt_daemon_member(const char *reply, const char *name);

#endif
