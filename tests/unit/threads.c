/* SPDX-License-Identifier: MIT */
/* Threads as CPUs, apart from the files that may not see <pthread.h> (it declares a sched_yield of
 * its own). */
#include <pthread.h>
#include "test.h"

static void *start(void *arg)
{
    void (*fn)(u32) = ((void **)arg)[0];

    fn((u32)(uintptr_t)((void **)arg)[1]);
    return NULL;
}

void test_threads(void (*fn)(u32 cpu))
{
    pthread_t t[TEST_CPUS];
    void *arg[TEST_CPUS][2];

    for (u32 i = 0; i < TEST_CPUS; i++) {
        arg[i][0] = (void *)fn;
        arg[i][1] = (void *)(uintptr_t)i;
        pthread_create(&t[i], NULL, start, arg[i]);
    }
    for (u32 i = 0; i < TEST_CPUS; i++)
        pthread_join(t[i], NULL);
}
