/* SPDX-License-Identifier: MIT */
/*
 * Random operations: what a guest may try, its mistakes and its malice included. A vCPU whose hypercall
 * was interrupted keeps its job; others go on meanwhile.
 */
#ifndef WIRT_MODEL_OPS_H
#define WIRT_MODEL_OPS_H

#include "model.h"

#define DOM_FRAMES 112u /* at most, per domain */

void ops_world_create(void);  /* every domain gets memory and a first address space */
void ops_world_destroy(void); /* and gives all of it back; checks that nothing is left */
void ops_one(void);           /* one operation, or a piece of one */
void ops_alloc(u32 d);
void ops_idle(void);            /* a CPU has nothing else to do than scrub */
void ops_release(u32 d, u32 i); /* frame i of the domain, as XENMEM_decrease_reservation does */

/* How often each kind of operation was accepted and refused: a test that tries nothing proves nothing. */
enum op {
    OP_MMU,
    OP_QUICK,
    OP_VA,
    OP_VA_OTHER,
    OP_PIN,
    OP_UNPIN,
    OP_BASE,
    OP_USER_BASE,
    OP_SWITCH,
    OP_FLUSH,
    OP_SET_LDT,
    OP_GDT,
    OP_DESC,
    OP_LDT_FAULT,
    OP_PTWR,
    OP_RELEASE,
    OP_ALLOC,
    OP_IDLE,
    OP_HOLD,
    OP_FILL,
    OP_ACCESS,
    OP_DRAIN,
    OP_STALE,
    OP_FOREIGN_PIN,
    OP_FOREIGN_TABLE,
    OP_DESTROY,
    OP_BIRTH,
    OP_GHOST,
    OP_COUNT
};
extern const char *const op_name[OP_COUNT];
struct op_tally {
    u64 accepted[OP_COUNT], refused[OP_COUNT], restarted, foretold, half_built, left_half, raced;
};
extern struct op_tally tally;

/* entries.c: what is written into what. */
struct world {
    u32 frame[DOMS][DOM_FRAMES]; /* 0: none there now */
    u32 size[DOMS];
};
extern struct world world;
enum page_kind entries_role(u32 i);           /* what frame i of a domain is mostly used as */
u32 entries_pick(u32 d, enum page_kind role); /* a frame of that role; 0: not there */
u32 entries_pick_any(u32 d);
u64 entries_make(u32 d, enum page_kind table, u32 mistakes); /* a wrong one once in `mistakes`; 0 = never */
u64 entries_descriptor(void);
u32 entries_index(void);
u64 entries_va(void);
u64 entries_va_mapped(u32 v, bool (*likes)(u32 v, pte_t e)); /* mostly one that has an L1 entry, which is liked */
void entries_fill(u32 d, u32 m, enum page_kind kind);        /* new contents for an unused frame */

/* jobs.c: hypercalls, from their arguments to what they must have done. */
#define BATCH 8u
struct job {
    bool is_active;
    s64 (*fn)(const struct call_args *a);
    struct call_args args;
    enum op op;
    u32 count, applied, restarts, owner;
    u32 tables;       /* domain whose tables it is about */
    s8 foretold;      /* accepted 1, refused 0, not known -1 */
    u32 table, index; /* uva: the slot */
    u64 value;
    struct mmu_update req[BATCH];
    struct mmuext_op ext[BATCH];
    u32 frames[14], frame_count;
};
extern struct job jobs[VCPUS];
void job_run(u32 v);      /* start it or go on with it */
void job_foretell(u32 v); /* fill in `foretold` if that can be known */
bool jobs_are_done(void); /* nobody is in the middle of something */

/* race.c: the vCPU's sister on another processor, in the middle of its call. */
void race_start(u32 v);
void race_stop(void);
void race_settle(void);

/* ops_mmu.c: requests by address, and what other hypercalls need as well. */
void ops_mmu(u32 v);
void ops_va(u32 v);
u64 ops_in_guest(u32 v, const void *data, size_t bytes, u32 at); /* an argument in the vCPU's memory */
u32 ops_any_frame(u32 d, enum page_kind role);                   /* mostly one of that role, mostly the domain's */
void ops_start(u32 v, struct job *j);

/* In ops_stale.c: a mapping, an access, and the frame becomes something else without a flush. Also calls that are run
 * to their end: one entry, one pin of a frame of d. */
void ops_stale(u32 v);
bool ops_set(u32 v, u32 table, u32 index, u64 value);
bool ops_pin(u32 v, u32 d, u32 m, u32 cmd);

/* In ops_life.c: the end of a domain, and the next one. */
void ops_life(u32 v);
void ops_ghost(u32 v);
void ops_life_end(u32 d); /* at once */
void life_learn(u32 d);   /* a piece of the end is done */
void life_end(u32 d);     /* all of it */
void ops_frame_new(u32 d, u32 i);
void ops_unhold(u32 i);
void ops_drain_all(void);
void ops_first_base(u32 v, u32 m);
#define DOM_REFS 1u /* of a domain that has no frames */

/* In ops_ptwr.c: a store by one of the instructions that pv/ptwr.c knows, and some that it does not. */
void ops_ptwr(u32 v);

#endif
