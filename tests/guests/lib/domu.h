/* SPDX-License-Identifier: MIT */
/*
 * What a micro-guest needs as a domU besides guest.h: its rings, a client of xenstore on one of them, a second vCPU,
 * waiting. Each request waits for its answer; events that come meanwhile are counted. Pages and indexes are open, so
 * that a guest can spoil them.
 */
#ifndef DOMU_H
#define DOMU_H

#include "guest.h"
#include "public/console.h"
#include "public/grant_table.h"
#include "public/xs_wire.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

enum { E_BUSY = -16, E_NOMEM = -12, E_TOOBIG = -7, E_ACCES = -13 };

extern struct xenstore_domain_interface *store;
extern struct xencons_interface *console;
void domu_init(void); /* shared_init too; print() finds the console by itself */
u32 domu_id(void);    /* by xenstore */

void sleep_ms(u32 ms);
static inline bool is_domu(void)
{
    return !(si->flags & SIF_PRIVILEGED);
}
/* The number behind the case on the command line, as in "case 5"; `otherwise` if there is none. */
u64 argument(u64 otherwise);
bool is_text(const char *a, const char *b);

/* --- xenstore --- */
struct xs_answer {
    u32 type, length;
    char data[XENSTORE_PAYLOAD_MAX + 1]; /* with a zero behind it */
};
extern struct xs_answer xs_answer;
extern u32 xs_events;
bool xs_bytes(const void *bytes, u32 count); /* raw, into the ring; false: no room within five seconds */
/* Strings end at the first NULL, each with its zero. 0, or E_TIME: no answer in ten seconds. */
#define E_TIME (-110)
s64 xs_raw(u32 type, u32 tx, const void *payload, u32 length);
/* "" or the error's name. `value` without its zero; NULL: none. */
const char *xs(u32 type, u32 tx, const char *path, const char *value);
const char *xs_two(u32 type, u32 tx, const char *a, const char *b); /* both with their zeroes */
#define XS_IS(what, wanted) TRUE(is_text((what), (wanted)) || (print("  answered '%s'\n", xs_said), false))
extern const char *xs_said;
/* PREFIX and a number, in a buffer that the next call takes again. */
const char *numbered(const char *prefix, u64 number, const char *suffix);

/* --- grants --- */
s64 grant_op(u32 cmd, void *op, u32 count);
struct grant_entry_v1 *grant_table(void); /* its first frame, mapped */

/* --- a second vCPU --- */
/* Runs fn on vCPU 1, in our address space, with traps that end the guest. */
s64 second_start(void (*fn)(void));
static inline void relax(void)
{
    __asm__ volatile("pause" : : : "memory");
}

#endif
