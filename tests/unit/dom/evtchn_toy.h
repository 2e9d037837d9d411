/* SPDX-License-Identifier: MIT */
/*
 * The toy machine of the tests of event channels and PIRQs: three domains of four vCPUs, interrupt lines, and a record
 * of kicks and wakes, in place of all that dom/evtchn.c, dom/pirq.c and core/lock.c call.
 */
#ifndef WIRT_TEST_EVTCHN_TOY_H
#define WIRT_TEST_EVTCHN_TOY_H

#include "../suite.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "dom/domain.h"
#include "hw/irq.h"
#include "lib/errno.h"
#include "public/event_channel.h"
#include "public/physdev.h"

#define DOMAINS 3u
#define VCPUS   4u

extern struct domain dom[DOMAINS];
extern struct vcpu vcpus[DOMAINS][VCPUS];
extern struct shared_info shared[DOMAINS];
extern u32 kicks[DOMAINS][VCPUS], wakes, wallclocks;
struct toy_line {
    irq_line_fn *fn;
    void *arg;
    bool is_level, is_masked;
    u32 cpu, unmasks;
};
extern struct toy_line line[IRQ_LINE_MAX];
extern int next_msi;
extern const struct domain *named; /* by the last line of the log, and how many there were */
extern u32 named_count;
extern void (*slab_hook)(void); /* once, in the middle of an allocation */
extern bool has_sender;         /* another CPU, in whatever it does with interrupts off */
extern u64 sender_steps;

void start(void);
void stop(void); /* everything is closed, and nothing may be left */
void fire(u32 n);
bool is_pending(u32 d, u32 port);
void guest_takes_all(u32 d); /* as a guest's upcall handler does */
u32 status_of(u32 d, u32 port);
void check_all(void); /* every pair points at each other; each end counts as one reference, as the domain itself */
int toy_run(const char *name, CU_TestInfo *tests);

#endif
