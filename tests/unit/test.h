/* SPDX-License-Identifier: MIT */
/* What the suites share. Each file tests one file of the hypervisor and exports one table of tests.
 */
#ifndef WIRT_TEST_H
#define WIRT_TEST_H

#include <stdio.h>
#include <stdlib.h>
#include <CUnit/CUnit.h>
#include "fake.h"

#define TEST_CPUS 4u
extern CU_TestInfo test_lib[], test_lock[], test_frame[], test_claim[], test_slab[], test_work[], test_timer[],
    test_sched[], test_sched_smp[], test_console[], test_panic[];
void test_work_run(u32 cpu);            /* play CPU `cpu` until no work is pending there */
u64 test_free_now(void);                /* frames that are free */
void test_threads(void (*fn)(u32 cpu)); /* one thread for each CPU; returns when all are done */

#endif
