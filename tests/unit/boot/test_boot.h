/* SPDX-License-Identifier: MIT */
/*
 * What the boot tests share: one random sequence whose seed is printed, the number of fuzzing
 * rounds, and what was logged last. Each test file registers its own suite. Nothing here outlives
 * the process.
 */
#ifndef WIRT_TEST_BOOT_H
#define WIRT_TEST_BOOT_H

#include "lib/types.h"
#include <CUnit/CUnit.h>

u64 test_random(void);
extern u32 test_rounds;
extern const char *test_kernel; /* path of a stock bzImage, or NULL */
extern char test_log[8192];     /* lines of the log since it was last emptied */

void test_unpack_register(void);
void test_elf_register(void);
void test_mbi_register(void);
void test_cmdline_register(void);

#endif
