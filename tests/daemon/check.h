/* SPDX-License-Identifier: MIT */
/* A check that holds is counted, one that does not is counted and said. Each program ends with check_end. */
#ifndef CHECK_H
#define CHECK_H

#include <stdbool.h>
#include <stdio.h>

extern unsigned int check_passed, check_failed;

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (condition) {                                                                                               \
            check_passed++;                                                                                            \
        } else {                                                                                                       \
            check_failed++;                                                                                            \
            printf("%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition);                                      \
        }                                                                                                              \
    } while (0)

static inline int check_end(const char *program)
{
    printf("%s: %u passed, %u failed\n", program, check_passed, check_failed);
    return check_failed != 0;
}

#endif
