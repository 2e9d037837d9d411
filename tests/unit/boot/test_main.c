/* SPDX-License-Identifier: MIT */
/*
 * Runs the suites of this folder and counts. Arguments: the path of a stock kernel, used if it is
 * there. Environment: ROUNDS, SEED. Exit status 0 only if every test passed.
 */
#include "test_boot.h"
#include "lib/log.h"
#include <CUnit/Basic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

u32 test_rounds = 4000;
const char *test_kernel;
char test_log[8192];
static u64 state;

u64 test_random(void) /* xorshift64* */
{
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return state * 2685821657736338717ull;
}

static void log_keep(enum log_level level, const char *line)
{
    size_t n = strlen(test_log);

    (void)level;
    snprintf(test_log + n, sizeof(test_log) - n, "%s\n", line);
}

int main(int argc, char **argv)
{
    const char *rounds = getenv("ROUNDS"), *seed = getenv("SEED") ? getenv("SEED") : getenv("SEED_BASE");
    unsigned failed;

    if (rounds)
        test_rounds = (u32)strtoul(rounds, NULL, 0);
    state = seed ? strtoull(seed, NULL, 0) : (u64)time(NULL) * 0x9e3779b97f4a7c15ull;
    if (!state)
        state = 1;
    printf("seed 0x%lx, %u rounds\n", (unsigned long)state, test_rounds);
    if (argc > 1 && access(argv[1], R_OK) == 0)
        test_kernel = argv[1];
    log_sink = log_keep;
    if (CU_initialize_registry() != CUE_SUCCESS)
        return 2;
    test_elf_register();
    test_unpack_register();
    test_mbi_register();
    test_cmdline_register();
    CU_basic_set_mode(CU_BRM_NORMAL);
    CU_basic_run_tests();
    failed = CU_get_number_of_tests_failed();
    printf("%u passed, %u failed\n", CU_get_number_of_tests_run() - failed, failed);
    CU_cleanup_registry();
    return failed ? 1 : 0;
}
