/* SPDX-License-Identifier: MIT */
/* What the reference model of grants knows, and how it is told what was accepted. */
#ifndef WIRT_GRANTS_MODEL_H
#define WIRT_GRANTS_MODEL_H

#include "world.h"

#define MAPPINGS (DOMS * 256u)
#define FRAMES   0x120000u

struct mapping {
    bool is_live, is_host, is_device, is_readonly;
    u32 mapper, ref, slot, handle; /* mapper: index; slot of its L1 table */
    struct domain *granter;
    u64 frame, host_addr;
};
extern struct mapping map[MAPPINGS];
extern u64 word[DOMS][REFS];   /* of each entry, flags of use included */
extern u64 page[DOMS][PAGES];  /* 0: given back */
extern u64 shown[DOMS][SLOTS]; /* frame that the entry shows, 0 = none */
extern bool shown_rw[DOMS][SLOTS];
extern bool allocated[FRAMES]; /* by its owner */
extern u64 ops_done, seed;
extern const char *last;                /* operation */
extern const struct mapping *unmapping; /* must be busy until the flush */
extern u32 flushes;                     /* of its mapper */

void watch(u64 m);               /* this frame has an owner */
void note_table(u32 d, bool is); /* the L1 table of a domain, which uses it while it lives */
void pin(u32 d, u32 ref, bool writes);
void unpin(const struct domain *g, u32 ref, bool writes); /* the mapping is not live any more */
void count_pins(const struct domain *d, u32 ref, u32 *users, u32 *writers);
bool offered(u32 d, u32 user, u32 ref, bool writes); /* does entry `ref` say that domain `user` may? */
u64 granted(u32 d, u32 user, u32 ref, bool writes);  /* and is there such a frame? Its number, or 0. */
/* It names a frame that the domain has and the model does not watch: of its other tables, of the grant table. */
bool is_hidden(u32 d, u32 ref);

void check_frames(void);
void check_all(void); /* entries, domains, page tables, frames; fails with what differs */

#endif
