/* SPDX-License-Identifier: MIT */
/* Copies by grant: right ones, what they reach beyond, what they must not read or write, many at once. */
#include "grants.h"

static s64 copy1(u32 flags, u64 from, u32 from_offset, u64 to, u32 to_offset, u32 len)
{
    struct gnttab_copy op = {.source = {.offset = (u16)from_offset, .domid = DOMID_SELF},
                             .dest = {.offset = (u16)to_offset, .domid = DOMID_SELF},
                             .len = (u16)len,
                             .flags = (u16)flags};
    op.source.u.gmfn = from;
    op.dest.u.gmfn = to;
    s64 rc = grant_op(GNTTABOP_copy, &op, 1);
    return rc ? rc - 1000 : op.status;
}

static void copies_right(u8 *a, u8 *b)
{
    for (u32 i = 0; i < PAGE; i++)
        a[i] = (u8)(i * 7 + 1);
    grant(30, a, GTF_permit_access | GTF_readonly);
    grant(31, b, GTF_permit_access);
    test("copy");
    EQ(copy1(GNTCOPY_source_gref | GNTCOPY_dest_gref, 30, 0, 31, 0, PAGE), GNTST_okay);
    TRUE(same(a, b, PAGE));
    fill(b, 0, PAGE);
    EQ(copy1(GNTCOPY_source_gref, 30, 100, mfn_of(b), 4000, 96), GNTST_okay);
    TRUE(same(a + 100, b + 4000, 96) && b[3999] == 0);
    fill(b, 0, PAGE);
    EQ(copy1(GNTCOPY_dest_gref, mfn_of(a), 5, 31, 1, 3), GNTST_okay);
    TRUE(b[0] == 0 && same(a + 5, b + 1, 3) && b[4] == 0);
    EQ(copy1(0, mfn_of(a), 0, mfn_of(b), 0, 0), GNTST_okay);
    EQ(busy(30) | busy(31), 0);
    test("copy-bounds");
    EQ(copy1(GNTCOPY_source_gref, 30, 1, mfn_of(b), 0, PAGE), GNTST_bad_copy_arg);
    EQ(copy1(GNTCOPY_source_gref, 30, 0, mfn_of(b), 1, PAGE), GNTST_bad_copy_arg);
    EQ(copy1(GNTCOPY_source_gref, 30, 0xffff, mfn_of(b), 0, 1), GNTST_bad_copy_arg);
    EQ(copy1(GNTCOPY_source_gref, 30, 0, mfn_of(b), 0, 0xffff), GNTST_bad_copy_arg);
}

static void copies_refused(u8 *b)
{
    u64 *l1 = page_new();

    test("copy-refused");
    EQ(copy1(GNTCOPY_dest_gref, mfn_of(b), 0, 30, 0, 8), GNTST_general_error); /* read-only entry */
    EQ(copy1(GNTCOPY_source_gref, 40, 0, mfn_of(b), 0, 8), GNTST_general_error);
    EQ(copy1(GNTCOPY_source_gref, ~0u, 0, mfn_of(b), 0, 8), GNTST_bad_gntref);
    EQ(copy1(0, ~0ul, 0, mfn_of(b), 0, 8), GNTST_bad_page);
    EQ(copy1(0, 0x200, 0, mfn_of(b), 0, 8), GNTST_bad_page);
    EQ(copy1(0, mfn_of(b), 0, 0xfee00, 0, 8), GNTST_bad_page);
    EQ(page_ro(l1), 0);
    EQ(pin(1, l1), 0);
    EQ(copy1(0, mfn_of(b), 0, mfn_of(l1), 0, 8), GNTST_bad_page); /* a page table is not written */
    EQ(copy1(0, mfn_of(l1), 0, mfn_of(b), 0, 8), GNTST_okay);     /* but may be read */
    grant(32, l1, GTF_permit_access);
    EQ(copy1(GNTCOPY_dest_gref, mfn_of(b), 0, 32, 0, 8), GNTST_bad_page);
    EQ(unpin(l1), 0);
    EQ(page_rw(l1), 0);
    EQ(busy(30) | busy(31) | busy(32), 0);
    test("copy-other-domain"); /* by its frames: no; a domain that is not there */
    struct gnttab_copy op = {.source.domid = 12345, .dest.domid = DOMID_SELF, .len = 8};
    EQ(grant_op(GNTTABOP_copy, &op, 1), 0);
    EQ(op.status, GNTST_permission_denied);
    op.flags = GNTCOPY_source_gref;
    EQ(grant_op(GNTTABOP_copy, &op, 1), 0);
    EQ(op.status, GNTST_bad_domain);
}

/* One after the other, same sides and changing ones, a bad one among them. */
static void copies_batch(u8 *a, u8 *b)
{
    static struct gnttab_copy many[200];

    test("copy-batch");
    fill(b, 0, PAGE);
    for (u32 i = 0; i < COUNT(many); i++) {
        many[i] = (struct gnttab_copy){.source = {.domid = DOMID_SELF, .offset = (u16)(i * 8)},
                                       .dest = {.domid = DOMID_SELF, .offset = (u16)(i * 8)},
                                       .len = 8,
                                       .flags = i % 3 ? GNTCOPY_source_gref | GNTCOPY_dest_gref : GNTCOPY_dest_gref,
                                       .status = 77};
        many[i].source.u.gmfn = i % 3 ? 30 : mfn_of(a);
        many[i].dest.u.ref = i == 77 ? 3000 : 31;
    }
    EQ(grant_op(GNTTABOP_copy, many, COUNT(many)), 0);
    for (u32 i = 0; i < COUNT(many); i++) {
        EQ(many[i].status, i == 77 ? GNTST_bad_gntref : GNTST_okay);
        TRUE(same(a + i * 8, b + i * 8, 8) == (i != 77));
    }
    EQ(busy(30) | busy(31), 0);
}

void copies(void)
{
    u8 *a = page_new(), *b = page_new();

    copies_right(a, b);
    copies_refused(b);
    copies_batch(a, b);
}
