/* SPDX-License-Identifier: MIT */
/*
 * Runs all suites on one fake machine of four CPUs, brought up in the order of a boot. An argument
 * names the suites to run. Prints one line a test and ends with "N passed, N failed".
 */
#include "test.h"
#include <string.h>
#include <CUnit/TestDB.h>
#include <CUnit/TestRun.h>
#include "boot/console.h"
#include "core/panic.h"
#include "core/sched.h"
#include "core/work.h"
#include "lib/log.h"

void test_work_run(u32 cpu)
{
    volatile u32 was = fake_cpu;

    fake_cpu_set(cpu);
    while (cpu_info()->work)
        if (setjmp(fake_back) == 0) {
            fake_irq_is_off = false;
            work_run();
        }
    fake_irq_is_off = false;
    fake_cpu_set(was);
}

static void bring_up(void)
{
    log_warn("said before there was a console");
    console_init(&(struct console_options){.com2 = "!", .console = "com1,com2,vga,nonsense"});
    fake_init(TEST_CPUS);
    for (u32 c = 0; c < TEST_CPUS; c++) {
        fake_cpu_set(c);
        timer_init_this();
        if (c == 0)
            sched_init();
        sched_init_this();
    }
    fake_cpu_set(0);
    console_init_late();
    fake_free_at_start = test_free_now(); /* what was brought up here holds some frames */
}

static void report(const CU_pTest test, const CU_pSuite suite, const CU_pFailureRecord failure)
{
    printf("%s %s: %s\n", failure ? "FAIL" : "ok  ", suite->pName, test->pName);
    for (CU_pFailureRecord f = failure; f; f = f->pNext)
        printf("     %s:%u: %s\n", f->strFileName, f->uiLineNumber, f->strCondition);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    CU_SuiteInfo all[] = {{"lib", NULL, NULL, NULL, NULL, test_lib},
                          {"lock", NULL, NULL, NULL, NULL, test_lock},
                          {"frame", NULL, NULL, NULL, NULL, test_frame},
                          {"claim", NULL, NULL, NULL, NULL, test_claim},
                          {"slab", NULL, NULL, NULL, NULL, test_slab},
                          {"work", NULL, NULL, NULL, NULL, test_work},
                          {"timer", NULL, NULL, NULL, NULL, test_timer},
                          {"sched", NULL, NULL, NULL, NULL, test_sched},
                          {"sched_smp", NULL, NULL, NULL, NULL, test_sched_smp},
                          {"console", NULL, NULL, NULL, NULL, test_console},
                          {"panic", NULL, NULL, NULL, NULL, test_panic},
                          CU_SUITE_INFO_NULL};
    unsigned int run, failed;

    fake_seed();
    bring_up();
    if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(all) != CUE_SUCCESS)
        return 2;
    for (CU_pSuite s = CU_get_registry()->pSuite; s; s = s->pNext)
        for (int i = 1; i < argc; i++)
            s->fActive = (i > 1 && s->fActive) || !strcmp(argv[i], s->pName) ? CU_TRUE : CU_FALSE;
    CU_set_fail_on_inactive(CU_FALSE);
    CU_set_test_complete_handler(report);
    CU_run_all_tests();
    run = CU_get_number_of_tests_run();
    failed = CU_get_number_of_tests_failed();
    CU_cleanup_registry();
    printf("%u passed, %u failed\n", run - failed, failed);
    return failed || !run;
}
