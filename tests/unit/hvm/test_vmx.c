/* SPDX-License-Identifier: MIT */
/*
 * The parts of hvm/vmx.h that are no instructions: which controls can be had, and a segment's rights in the processor's
 * form and in the ABI's.
 */
#include "../suite.h"
#include "hvm/vmx.h"

static u64 capability(u32 on, u32 can)
{
    return (u64)can << 32 | on;
}

static void controls(void)
{
    u32 out = 0;

    CU_ASSERT_TRUE(vmx_adjust(capability(0, ~0u), 0x5, 0x8, &out));
    CU_ASSERT_EQUAL(out, 0xd);
    CU_ASSERT_TRUE(vmx_adjust(capability(0x12, 0x17), 0x5, 0x8, &out)); /* what cannot be off is on; 8 may not be */
    CU_ASSERT_EQUAL(out, 0x17);
    CU_ASSERT_FALSE(vmx_adjust(capability(0x12, 0x16), 0x5, 0, &out)); /* 1 must, and cannot */
    CU_ASSERT_TRUE(vmx_adjust(capability(0, 0), 0, ~0u, &out));
    CU_ASSERT_EQUAL(out, 0);
    CU_ASSERT_FALSE(vmx_adjust(capability(0, 0x7fffffff), 1u << 31, 0, &out));
}

static void rights(void)
{
    CU_ASSERT_EQUAL(vmx_rights(0xa9b), 0xa09b); /* 64-bit code */
    CU_ASSERT_EQUAL(vmx_rights(0x8b), 0x8b);    /* a busy TSS */
    CU_ASSERT_EQUAL(vmx_rights(0), 0x10000);    /* not present: not usable */
    CU_ASSERT_EQUAL(vmx_rights(0x13), 0x10013);
    CU_ASSERT_EQUAL(vmx_rights(0xffffffff), 0xf0ff); /* nothing where the processor wants zeroes */
    CU_ASSERT_EQUAL(vmx_access(0xc093), 0xc93);
    CU_ASSERT_EQUAL(vmx_access(0x1c093), 0xc13); /* what the processor left of one that is not usable */
    for (u32 a = 0; a < 0x10000; a++)
        CU_ASSERT_EQUAL(vmx_access(vmx_rights(a)), a & 0xfff);
}

static void owned_bits(void)
{
    CU_ASSERT_EQUAL(VMX_CR0_OWN, 0x60000020); /* NE, NW, CD */
    CU_ASSERT_EQUAL(GUEST_RIGHTS(SEG_TR), 0x4822);
    CU_ASSERT_EQUAL(GUEST_LIMIT(SEG_IDTR), 0x4812);
    CU_ASSERT_EQUAL(GUEST_BASE(SEG_IDTR), 0x6818);
    CU_ASSERT_EQUAL(GUEST_SELECTOR(SEG_TR), 0x80e);
}

static CU_TestInfo tests[] = {{"controls that can be had", controls},
                              {"rights of a segment, there and back", rights},
                              {"numbers of fields and bits", owned_bits},
                              CU_TEST_INFO_NULL};

int main(void)
{
    return suite_run("vmx", tests);
}
