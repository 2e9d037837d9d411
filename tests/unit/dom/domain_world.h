/* SPDX-License-Identifier: MIT */
/*
 * What stands around dom/domain.c, dom/page.c and dom/policy.c in their tests: the other files of dom/ and of pv/ as
 * recorded steps, and an allocator that counts what is out and can fail.
 */
#ifndef WIRT_TEST_DOMAIN_WORLD_H
#define WIRT_TEST_DOMAIN_WORLD_H

#include "../suite.h"
#include <string.h>
#include "dom/domain.h"
#include "lib/errno.h"
#include "public/sched.h"

extern u64 now;
extern int fails_at; /* the n-th allocation from now on fails; 0: none */
extern bool is_running;
extern u32 virqs;                /* VIRQ_DOM_EXC raised */
extern void (*pause_hook)(void); /* what another CPU does right before a unit is paused; once */
extern char trail[64];           /* steps of a teardown, a letter each */
extern u32 interrupted;          /* those that have answered -ERESTART, which each does once */

void begin(void); /* domain_zero */
struct domain *make(u32 id);
void unmake(struct domain *d); /* to the end, and the caller's reference as well */
bool exists(u32 id);
void nothing_left(void);

#endif
