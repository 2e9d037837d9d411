/* SPDX-License-Identifier: MIT */
/*
 * Runs the page-type machine against the model: several seeds, each in a process of its own, each a
 * number of worlds that are born, worked upon and given back. Arguments: seeds, operations a seed.
 * SEED=n repeats one seed. Ends with "N passed, N failed"; a seed is a test.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "ops.h"
#include "seeds.h"

#define WORLD_OPS    10000u
#define CHECK_EVERY  50u
#define SEED_SECONDS 300u

static void print_tally(void)
{
    printf("  accepted/refused:");
    for (u32 i = 0; i < OP_COUNT; i++)
        printf("%s %s %lu/%lu", i ? "," : "", op_name[i], tally.accepted[i], tally.refused[i]);
    printf("; interrupted %lu, foretold %lu, left half built %lu at ends %lu, raced %lu\n", tally.restarted,
           tally.foretold, tally.half_built, tally.left_half, tally.raced);
}

/* Nothing may have been tried in vain. */
static void check_tally(void)
{
    for (u32 i = 0; i < OP_COUNT; i++)
        if (!tally.accepted[i])
            fail("the whole run had no %s that was accepted: it proves nothing", op_name[i]);
    if (!tally.restarted || !tally.foretold || !tally.raced || !tally.left_half)
        fail("the whole run had nothing interrupted, nothing foretold, no race or no table left half built: it proves "
             "nothing");
}

static int run_seed(u64 n, u64 ops)
{
    seed = n;
    seed_state = n * 0x9e3779b97f4a7c15ull | 1;
    alarm(SEED_SECONDS); /* ends a hang; the parent says so */
    machine_init();
    machine_domains_create();
    for (u64 i = 0, left = 0; i < ops; i++) {
        if (!left) {
            ops_world_create();
            left = WORLD_OPS;
        }
        ops_one();
        model_check_words();
        machine_check_tlb();
        if (i % CHECK_EVERY == 0)
            model_check();
        if (--left == 0 || i + 1 == ops) {
            ops_world_destroy();
            left = 0;
        }
    }
    if (ops >= WORLD_OPS)
        check_tally();
    printf("seed %lu: %lu operations, passed\n", n, ops);
    if (getenv("VERBOSE"))
        print_tally();
    return 0;
}

int main(int argc, char **argv)
{
    return seeds_run("model", argc, argv, 125000, run_seed);
}
