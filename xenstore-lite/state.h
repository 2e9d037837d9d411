/* SPDX-License-Identifier: MIT */
/* The log of everything acknowledged, and the way back from it. docs/XENSTORE.md has the format. */
#ifndef STATE_H
#define STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Numbers are the file format: never reused. */
enum state_type {
    STATE_HEAD = 1,       /* a: version, b: clock, x: boot id */
    STATE_END = 2,        /* a base file is whole */
    STATE_NODE = 3,       /* x: path, y: permissions (b bytes) then value */
    STATE_RM = 4,         /* x: path */
    STATE_DEATH = 5,      /* a: domain whose permissions are void from here on */
    STATE_DOMAIN = 6,     /* a: domain, b: mfn, x: port (4 bytes), handle (16) */
    STATE_RELEASE = 7,    /* a: domain */
    STATE_TARGET = 8,     /* a: domain, b: target */
    STATE_SHUTDOWN = 9,   /* a: domain, b: is */
    STATE_WATCH = 10,     /* a: domain, b: depth, x: path as given, y: token */
    STATE_UNWATCH = 11,   /* a: domain, x, y as above */
    STATE_COLLAPSE = 12,  /* a: domain, b: is, x, y as above */
    STATE_RESET = 13,     /* a: domain: watches and transactions dropped */
    STATE_TXN_START = 14, /* a: domain, b: id */
    STATE_TXN_END = 15,   /* a: domain, b: id */
    STATE_IN = 16,        /* a: domain, b: requests consumed up to here, x: bytes of a request not yet whole */
    STATE_OUT = 17,       /* a: domain, b: is an event, x: bytes for its ring */
    STATE_RING = 18,      /* a: domain, b: index at which the next of these goes; what was queued is dropped */
    STATE_QUOTA = 19,     /* a: limit, x: name */
    STATE_SPECIAL = 20,   /* a: which, x: permissions */
    STATE_BROKEN = 21,    /* a: domain, b: is: its ring is not served */
};
struct state_entry {
    enum state_type type;
    uint32_t a;
    uint64_t b;
    const char *x, *y; /* x has a NUL behind it after reading, for paths */
    size_t xlen, ylen;
};

/* Adds to the record that state_commit writes as one, whole or not at all. Nothing while replaying. */
void state_put(const struct state_entry *e);
/* True when all that was put is written; false: it is tried again, and nothing may be told to anybody meanwhile. */
bool state_commit(void);

/* Opens dir and replays what is there into an empty store. False: the reason is in the log. */
bool state_open(const char *dir, bool is_fresh, bool *was_replayed);
/* After the replay: writes a new base, and from then on logs. */
bool state_start(void);
/* A slice of work on a new base, if one is due. True: there is more to do. */
bool state_work(void);
void state_report(char *out, size_t size);
bool state_is_replaying(void);

#endif
