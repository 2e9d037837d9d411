/* SPDX-License-Identifier: MIT */
/* The tests' side: a daemon that can be killed, clients on its socket and on rings, and what they say as text. */
#ifndef RIG_H
#define RIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <xen/io/xs_wire.h>

extern unsigned passed, failed;
extern int patience_ms; /* how long an answer may take */
void check(bool is, const char *file, int line, const char *what, const char *got);
#define CHECK(what)     check(what, __FILE__, __LINE__, #what, "")
#define IS(got, wanted) check_is(got, wanted, __FILE__, __LINE__, #got)
void check_is(const char *got, const char *wanted, const char *file, int line, const char *what);

/* ---- the daemon ---- */
extern char run_dir[200];
extern pid_t daemon_pid;
void rig_open(const char *program); /* an empty directory, machine of files */
void rig_start(bool is_fresh);      /* returns when it serves */
void rig_kill(void);                /* kill -9 */
bool rig_is_dead(int timeout_ms);   /* by itself, within the time; and waited for */
int rig_stop(void);                 /* SIGTERM; its exit status */
void rig_close(void);
const char *rig_log(void);              /* all that it said; free nothing */
const char *rig_path(const char *name); /* in the run directory; lives until the fourth call after */
/* Who lives. add makes page and bell; a dead domain's line goes. */
void rig_domain(unsigned domid, bool dying, bool shutdown, unsigned handle);
void rig_domain_gone(unsigned domid);
void rig_domains_begin(void); /* between these two the list is written once */
void rig_domains_end(void);
void rig_alarm(void);
uint64_t rig_memory_kib(const char *field); /* of /proc/PID/status */
uint64_t rig_cpu_ns(void);

/* ---- clients ---- */
struct message {
    struct xsd_sockmsg h;
    char data[XENSTORE_PAYLOAD_MAX + 1];
};
struct peer {
    int fd; /* socket, or -1 */
    unsigned domid;
    struct xenstore_domain_interface *page;
    int bell, events;
    uint32_t next_id;
    struct message *queue; /* events that came while waiting for an answer */
    size_t queued, queue_size;
    char in[16 + XENSTORE_PAYLOAD_MAX];
    size_t in_len;
};
struct peer *peer_socket(void);
struct peer *peer_ring(unsigned domid);   /* its page and bell as they are */
struct peer *peer_domain(unsigned domid); /* a new domain, introduced through a socket */
void peer_close(struct peer *p);
void peer_kick(struct peer *g);      /* the guest rings for the daemon */
void peer_reconnect(struct peer *g); /* it asks for a new ring, as its kernel does */
bool peer_put(struct peer *p, const void *data, size_t length, int timeout_ms); /* raw bytes */
bool peer_send(struct peer *p, uint32_t type, uint32_t tx, const void *data, size_t length);
bool peer_next(struct peer *p, struct message *m, int timeout_ms);   /* any message */
bool peer_answer(struct peer *p, struct message *m, int timeout_ms); /* the next that is no event */
const char *peer_said(struct peer *p);                               /* the next as text, an event with '*' before it */

/* Requests that are put after one another, '|' for NUL, and sent with one call. */
extern struct pile {
    char data[1 << 18];
    size_t used;
} pile;
void peer_add(struct peer *p, uint32_t type, uint32_t tx, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void peer_go(struct peer *p);
bool peer_is_over(struct peer *p); /* its connection has ended, and nothing came before that */

/* A request and its answer as text: NUL bytes are '|', an error is '!ENAME', no answer "(none)". The text lives until
 * the sixteenth call after. Payloads are given with '|' for NUL. */
const char *call(struct peer *p, uint32_t type, uint32_t tx, const char *payload);
const char *callf(struct peer *p, uint32_t type, uint32_t tx, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
#define RD(p, path)         callf(p, XS_READ, 0, "%s|", path)
#define WR(p, path, value)  callf(p, XS_WRITE, 0, "%s|%s", path, value)
#define MK(p, path)         callf(p, XS_MKDIR, 0, "%s|", path)
#define RM(p, path)         callf(p, XS_RM, 0, "%s|", path)
#define LS(p, path)         callf(p, XS_DIRECTORY, 0, "%s|", path)
#define GP(p, path)         callf(p, XS_GET_PERMS, 0, "%s|", path)
#define SP(p, path, perms)  callf(p, XS_SET_PERMS, 0, "%s|%s|", path, perms)
#define WATCH(p, path, tok) callf(p, XS_WATCH, 0, "%s|%s|", path, tok)
/* A number that CONTROL memreport says before (" records") or behind ("connections: ") a word. */
unsigned rig_reported(struct peer *p, const char *word);
uint32_t txn(struct peer *p);
const char *end(struct peer *p, uint32_t tx, bool is_commit);
/* The next event "path|token|", or "(none)" after 300 ms (or what is given). */
const char *event(struct peer *p);
const char *event_in(struct peer *p, int timeout_ms);
const char *no_event(struct peer *p); /* "(none)" if after a round trip there is no event */

void test_wire(void);
void test_tree(void);
void test_bursts(unsigned stride);
void test_crowd(void);
void test_perms(void);
void test_txns(void);
void test_watches(void);
void test_domains(void);
void test_quotas(void);
void test_rings(void);
void test_recovery(void);
void test_model(unsigned seed, unsigned steps);
void test_crash(unsigned seed, unsigned kills);
void test_steps(unsigned stride);
void test_scale(unsigned domains);
void test_memory(void);

#endif
