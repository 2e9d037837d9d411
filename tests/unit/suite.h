/* SPDX-License-Identifier: MIT */
/* What the tests of dom/ and hvm/ share: a run of one table of tests, each a line, then "N passed, N failed". */
#ifndef WIRT_TEST_SUITE_H
#define WIRT_TEST_SUITE_H

#define sched_yield host_sched_yield /* ours is another one */
#include <CUnit/CUnit.h>
#include <CUnit/TestDB.h>
#include <CUnit/TestRun.h>
#include <stdio.h>
#include <stdlib.h>
#undef sched_yield

static void suite_report(const CU_pTest test, const CU_pSuite suite, const CU_pFailureRecord failure)
{
    printf("%s %s: %s\n", failure ? "FAIL" : "ok  ", suite->pName, test->pName);
    for (CU_pFailureRecord f = failure; f; f = f->pNext)
        printf("     %s:%u: %s\n", f->strFileName, f->uiLineNumber, f->strCondition);
    fflush(stdout);
}

static inline int suite_run(const char *name, CU_TestInfo *tests)
{
    CU_SuiteInfo all[] = {{name, NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
    unsigned int ran, failed;

    if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(all) != CUE_SUCCESS)
        return 2;
    CU_set_test_complete_handler(suite_report);
    CU_run_all_tests();
    ran = CU_get_number_of_tests_run();
    failed = CU_get_number_of_tests_failed();
    CU_cleanup_registry();
    printf("%u passed, %u failed\n", ran - failed, failed);
    return failed || !ran;
}

#endif
