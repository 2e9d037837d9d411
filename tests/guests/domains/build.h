/* SPDX-License-Identifier: MIT */
/*
 * The tiny domain that is built as a toolstack does it. It executes the list of hypercalls in one of its pages, each
 * with its answer behind it, and powers off at the list's end.
 */
#ifndef BUILD_H
#define BUILD_H

#include "control.h"

#define BASE     0x400000ul /* its pages, one behind the other */
#define PAGES    16u        /* of each domain */
#define VA(page) (BASE + (page)*PAGE)
enum { L4, L3, L2, L1, CODE, LIST, DATA, FREE }; /* what its pages are */

struct step { /* of a list: a hypercall and its answer */
    u64 nr, a[5], result, pad;
};
#define LIST_END   (~0ul) /* poweroff */
#define LIST_AGAIN (~1ul) /* from the start, for ever */

extern u64 frame[PAGES]; /* of the domain at hand */
extern u32 dom;
extern struct step *list; /* window on its list */
extern u64 *data;         /* and on its data */
extern u8 *win;           /* another one */

bool create(u64 most); /* of so many pages; false: Wirt does not want to, and that is the verdict */
void furnish(void);    /* memory, code, tables; nothing is pinned yet */
void run(void);
void wait_for_end(void);
s64 destroy(u32 id);
void leave(void); /* the windows are shut */
void end(void);   /* destroyed, and gone */

s64 claim(u32 id, u64 count);
s64 pin_of(u32 id, u32 cmd, u64 m);
s64 write_table(u32 id, u64 table, u32 index, u64 entry, u32 frames_of);

#endif
