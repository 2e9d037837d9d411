/* SPDX-License-Identifier: MIT */
/*
 * The reference model: what the test knows about every frame because the calls that it made succeeded
 * (struct known), and from that alone how many references and uses each frame must have. Plain loops,
 * no cleverness, at most 300 lines. It looks into type words for one thing: how far an unfinished
 * table has come.
 */
#ifndef WIRT_MODEL_MODEL_H
#define WIRT_MODEL_MODEL_H

#include "machine.h"

#define HOLDS 16u
struct known {
    u32 owner[FRAMES];      /* PAGE_OWNER_*; NONE: not given out */
    bool allocated[FRAMES]; /* not given back yet */
    u8 pin[FRAMES];         /* kind it is pinned as, or 0 */
    u64 m2p[FRAMES];
    u32 l4[VCPUS][2]; /* kernel, user; 0 = none */
    u32 gdt[VCPUS][14], gdt_count[VCPUS];
    u32 ldt[VCPUS][16]; /* 0 = not there */
    struct {            /* references that other parts of Wirt would hold */
        u32 m;
        enum page_kind kind; /* PAGE_NONE: a plain reference */
    } hold[HOLDS];
};
extern struct known known;

void model_derive(void);   /* count again from scratch */
bool model_is_idle(void);  /* after model_derive: no table is half built or retired */
bool model_is_gone(u32 m); /* after model_derive: its last reference went; then it is free */
bool model_is_used(u32 m, enum page_kind kind);
void model_check(void);       /* derive, and compare everything with the struct pages and memory */
void model_check_words(void); /* cheap: no type word that could not be */

/* After model_derive, in an idle machine: would this be accepted? Each changes the counts, so one question each. */
bool model_would_take(u32 owner, u64 m, enum page_kind kind);
bool model_would_write(const struct domain *d, u32 owner, u32 table, u32 index, pte_t value);
/* The L1 entry that maps va below that L4; false: none. */
bool model_find(u32 l4, u64 va, u32 *table, u32 *index);
bool model_descriptor_ok(u64 e);

#endif
