/* SPDX-License-Identifier: MIT */
/*
 * The machine under the tables: CPUs that walk them as a processor does and keep what they find, in both sizes, until
 * they are flushed; they do so in the middle of a change too. Here is checked what a CPU may never hold or reach.
 */
#ifndef WIRT_MODEL_P2M_WORLD_H
#define WIRT_MODEL_P2M_WORLD_H

#include "fake_hw/fake.h"
#include "hvm/hvm.h"

#define CPUS    3u
#define REGIONS 5u
#define SPAN    512u /* numbers of a region */
#define FRAMES  0x110000u

extern const u64 region_at[REGIONS];
extern struct domain guest, other; /* whose numbers they are; who lends frames */
extern struct hvm_domain hvm;      /* the guest's */
extern s64 frames_out;             /* of the allocator's */
extern u64 seed, ops_done, seed_state, tally[16];
extern const char *last; /* operation */

struct cached {
    bool is_there, writes;
    u32 pages, flushed_at;
    u64 gfn, m, life;
};
bool walk(u64 gfn, struct cached *out); /* each level's entry must be there */
void processors(u32 count);             /* so many accesses of CPUs where a vCPU is */
u32 rnd(u32 n);
void fail(const char *format, ...) __printf(1, 2) __noreturn;
void world_flush(cpuset_t cpus);

#endif
