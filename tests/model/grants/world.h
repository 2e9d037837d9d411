/* SPDX-License-Identifier: MIT */
/*
 * Three domains on the fake machine, each with one vCPU, one address space down to one L1 table, a few frames and a
 * grant table of two frames. The number of a domain that died is never given out again.
 */
#ifndef WIRT_GRANTS_WORLD_H
#define WIRT_GRANTS_WORLD_H

#include "dom/domain.h"

#define DOMS      3u
#define PAGES     6u /* of a domain, besides its tables */
#define SLOTS     8u /* entries of the L1 table that are used */
#define REFS      12u
#define IDS       4096u
#define VA        0x400000ul /* what the L1 table maps */
#define TRACK_MAX 1u         /* frames of 256 mappings: to run out of them */

extern struct domain *doms[DOMS], *by_id[IDS];
extern struct vcpu *vcpus[DOMS];
extern u64 l1_frame[DOMS], l4_frame[DOMS];
extern bool is_freed[IDS]; /* the last reference went */

extern const struct domain *world_named; /* by the last line of the log */
void world_init(void);
void world_domain_create(u32 i);
u64 world_page_new(u32 i); /* a frame more; its number */
void world_page_drop(u32 i, u64 m);
void world_run_as(u32 i);
pte_t *world_slot(u32 i, u32 slot);
volatile struct grant_entry_v1 *world_entry(const struct domain *d, u32 ref);
int world_relinquish(struct domain *d, u32 i); /* its address space */

u32 rnd(u32 n);
extern u64 seed_state;
void fail(const char *format, ...) __printf(1, 2) __noreturn;

#endif
