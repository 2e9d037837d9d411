/* SPDX-License-Identifier: MIT */
/* Runs the suites and counts. */
#include "test.h"

#include <stdarg.h>
#include <stdio.h>

static unsigned int passed, failed;

bool check_at(const char *file, int line, bool holds, const char *text, const char *format, ...)
{
    va_list args;

    if (holds) {
        passed++;
        return true;
    }
    failed++;
    printf("FAILED %s:%d: %s: ", file, line, text);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    printf("\n");
    return false;
}

int main(void)
{
    test_error();
    test_unpack();
    test_elf32();
    test_layout();
    test_build();
    printf("%u passed, %u failed\n", passed, failed);
    return failed ? 1 : 0;
}
