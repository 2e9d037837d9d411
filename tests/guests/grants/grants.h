/* SPDX-License-Identifier: MIT */
/* What the tests of grants share: the table, what is granted from it, and one operation at a time. */
#ifndef GRANTS_H
#define GRANTS_H

#include "domu.h"

#define FRAMES 2u /* of the table */

extern volatile struct grant_entry_v1 *entry; /* FRAMES frames of them */
extern u8 *data, *at;                         /* what is granted; where it is mapped: a page without a frame */
extern struct gnttab_map_grant_ref last_map;

void grant(u32 ref, const void *page, u16 flags);    /* to ourselves */
s64 map_grant(u32 ref, u64 host_addr, u32 flags);    /* the status; less than -1000: the call failed */
s64 unmap_grant(u64 host_addr, u64 bus, u32 handle); /* likewise */
u16 busy(u32 ref);                                   /* the flags of the entry that say so */
u64 entry_of(const void *va);
u64 slot_of(const void *va); /* machine address of the L1 entry */

void refused(void);
void copies(void);

#endif
