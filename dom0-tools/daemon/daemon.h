/* SPDX-License-Identifier: MIT */
/*
 * What wirtd's files share. One thread, one loop: whatever can be ready is a `source` of the epoll set, whatever is due
 * later is asked for by `*_due` functions. Nothing waits: what takes long is done by a child process (job.c). All that
 * must outlive the daemon is in xenstore, in the options' run directory and in the guests' own rings.
 */
#ifndef WIRTD_DAEMON_H
#define WIRTD_DAEMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "bucket.h"
#include "keep.h"
#include "ring.h"
#include "watch.h"
#include "wirt.h"

struct source {
    void (*ready)(struct source *source, uint32_t events);
    int fd;
};
struct options {
    const char *run_dir, *log_dir, *socket, *metrics; /* metrics: an address of the loopback interface, or NULL */
    uint32_t keep_bytes, dead_count, log_bytes, log_count;
    bool is_foreground, has_autostart, has_policy;
};
struct daemon {
    struct options options;
    struct wirt *w;
    int epoll, run_dir, console_dir, restart_dir, log_dir;
    int64_t started_ms;
    bool is_ending;
};
extern struct daemon daemon_state;

/* ---- loop.c ---- */
void loop_turn(void);
int64_t now_ms(void); /* does not go back, goes on while the machine sleeps */
bool source_add(struct source *source, uint32_t events);
void source_change(struct source *source, uint32_t events);
void source_remove(struct source *source); /* does not close */

/* ---- store.c ---- */
#define STORE_MS 2000 /* so long the loop waits for xenstored, once */
/* A key of xenstore, NULL if there is none, or none to be had. */
char *store_text(const char *format, ...) __attribute__((format(printf, 1, 2)));
bool store_number(uint64_t *number, const char *format, ...) __attribute__((format(printf, 2, 3)));
void store_set(const char *path, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* False: what was not there may only not have been had, since xenstored was back last. */
bool store_is_sure(void);
bool store_is_back(void); /* it answers now; then whoever asks catches up */

/* ---- log.c ---- */
void log_open(bool is_foreground);
void log_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_error(const char *what); /* the handle's error, behind `what` */
/* At most one a minute per `*last_ms` (0 at first). */
bool log_is_due(int64_t *last_ms);

/* ---- console.c: what a name has printed, and its guest's ring while there is one ---- */
#define INPUT_SIZE 256
struct console {
    struct console *next;
    char name[WIRT_NAME_MAX + 1];
    struct keep keep; /* keep.head.domid: whose it is now */
    struct ring ring; /* page NULL: none */
    bool is_granted;  /* the page is mapped as a grant */
    uint32_t local_port;
    struct bucket bucket;
    int64_t held_until_ms; /* not 0: the guest prints too much and waits until then */
    uint64_t held_count;   /* how often */
    int64_t named_flood_ms, named_rubbish_ms, named_full_ms;
    uint64_t named_rubbish;
    uint32_t quick_count; /* of policy.h */
    uint16_t input_count;
    char *input; /* INPUT_SIZE bytes for the guest, while somebody types */
    struct client *tty;
};
extern struct console *consoles;

void console_init(void); /* finds what a predecessor kept */
struct console *console_find(const char *name_or_id);
struct console *console_get(const char *name); /* finds or makes; NULL: said why */
/* Takes over the ring of a domain. False: said why. */
bool console_start(struct console *c, uint32_t domid, uint64_t mfn, uint32_t port);
void console_drain(struct console *c);
/* The domain is no more, or has a ring no more: takes what is left, lets go of the page. */
void console_stop(struct console *c, bool is_over);
bool console_rename(struct console *c, const char *name);
bool console_forget(struct console *c);
/* Input for the guest; how much was taken. */
size_t console_type(struct console *c, const char *bytes, size_t count);
bool console_has_room(const struct console *c);
void console_note(struct console *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Text as if the guest had printed it. Whether its last output has these words already. */
void console_keep(struct console *c, const char *bytes, size_t count);
bool console_has_said(const struct console *c, const char *words);
int64_t console_due(int64_t now); /* does what is due; when the next is, INT64_MAX: none */

/* ---- text.c: in quotes, as a JSON string or as the value of a metric's label ---- */
void text_json(FILE *out, const char *text);
void text_label(FILE *out, const char *text);

/* ---- logfile.c ---- */
bool logfile_write(const char *name, const char *bytes, size_t count);

/* ---- client.c: whoever reads a console or the events: a socket, or a pty ---- */
bool client_listen(void);
void client_close_socket(void);
void client_kick(const struct keep *from); /* there is more in it */
void client_hangup(struct console *c);     /* no output will come any more */
void client_drop(struct console *c);       /* drops those who read it, whatever they have not got yet */
void client_room(struct console *c);       /* the guest takes input again */
uint32_t client_count(const struct console *c);
uint32_t client_count_all(void);
const char *client_tty(struct console *c); /* name of its pty, made now if need be; NULL: said why */
void client_tty_close(struct console *c);

/* ---- request.c: what a client asks ---- */
struct answer {
    char *text;              /* a line of JSON without its newline, to be freed */
    struct console *console; /* bytes of it follow */
    bool does_replay, is_log;
    bool does_follow; /* lines of the journal follow, from this place on */
    uint64_t at;
};
void request_answer(const char *line, struct answer *answer);

/* ---- guest.c: the domains that there are ---- */
bool guest_init(void);
int64_t guest_due(int64_t now);
void guest_look_soon(void); /* at all of them, with the next turn */
void guest_end_again(uint32_t domid); /* nothing came of what was done about its end */
bool guest_is_there(const char *name);
const char *guest_name(uint32_t domid); /* empty: not known */

/* ---- ends.c: what is done about domains that have ended ---- */
void ends_init(void);
/* False: xenstored does not say what is to be done. */
bool ends_guest(uint32_t domid, const char *name, uint8_t reason, int64_t lived_ms, struct console *c);
void ends_left_over(uint32_t domid, const char *name); /* its nodes may be there; it is not, or is dying */
void ends_half_built(void);
bool ends_is_pending(const char *name);
enum wirt_code ends_cancel(const char *name); /* NOT_FOUND: none is waiting; REFUSED: it is being started */
void ends_autostart(void);
int64_t ends_due(int64_t now);
void ends_list(FILE *out);   /* members of a JSON array */
uint32_t ends_waiting(void); /* how many there are */

/* ---- job.c: child processes ---- */
typedef void job_done_fn(const char *name, uint32_t domid, int status);
bool job_start(const char *what, const char *name, uint32_t domid, job_done_fn *done);
bool job_is_running(const char *name);
int job_main(int argc, char **argv); /* in the child */

#endif
