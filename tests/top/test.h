/* SPDX-License-Identifier: MIT */
/* What the files of this test share: counting, and a made sample. */
#ifndef TESTS_TOP_TEST_H
#define TESTS_TOP_TEST_H

#include <stdio.h>

#include "lines.h"

extern unsigned int passed, failed;
#define check(what)                                                                                                    \
    do {                                                                                                               \
        if (what)                                                                                                      \
            passed++;                                                                                                  \
        else                                                                                                           \
            printf("FAILED %s:%d: %s\n", __FILE__, __LINE__, #what), failed++;                                         \
    } while (0)

struct sample make(uint64_t seconds); /* two domains and one that does not run; all has grown for so long */
void give(struct model *m, struct sample s);
void test_keys(void);
void test_console(void);

#endif
