/* SPDX-License-Identifier: MIT */
/*
 * Leaves of 2 MiB, for test_p2m.c: where they stand and where not, what an entry behind one holds, that each change
 * splits first, without memory, and that CPUs are flushed while neither size is there.
 */

#define BIG 1024u /* a number where they may begin */

static pte_t *large_at(u64 gfn)
{
    pte_t *table = hvm.root;

    for (u32 level = 4; level > 2; level--)
        table = frame_va(mfn(pte_mfn(table[gfn >> 9 * (level - 1) & 511])));
    return &table[gfn >> 9 & 511];
}

/* 512 frames of the domain's, behind `from` of a block of 1,024. */
static u64 big_begin(u64 from)
{
    mfn_t m;

    begin(8192);
    m = frame_alloc(10, 0, 0);
    page_assign(&domain, m, 1024);
    domain.loaded_cpus = BIT(0);
    return m.n + from;
}

static void big_show(u64 m, u32 count)
{
    for (u32 i = 0; i < count; i++)
        CU_ASSERT_EQUAL_FATAL(p2m_show(&domain, BIG + i, mfn(m + i)), 0);
}

/* The rest of the block, too, has only its owner's reference then. */
static void big_end(u64 m)
{
    m = round_down(m, 1024ul);
    domain.life = DOMAIN_DYING;
    while (p2m_drain(&domain))
        cpu_info()->work = 0;
    for (u32 i = 0; i < 1024; i++) {
        CU_ASSERT_EQUAL((u32)frame_page_raw(mfn(m + i))->refs, 1);
        CU_ASSERT(page_release(&domain, frame_page_raw(mfn(m + i))));
    }
    end();
}

static void large_where_all_follow(void)
{
    u64 m = big_begin(0);
    pte_t e;

    big_show(m, 511);
    CU_ASSERT(!(*large_at(BIG) & PTE_PS) && hvm.larges == 0);
    watched = large_at(BIG);
    CU_ASSERT_EQUAL(p2m_show(&domain, BIG + 511, mfn(m + 511)), 0);
    watched = NULL;
    CU_ASSERT(seen == 0 && flushed == BIT(0)); /* not there while they flush */
    e = *large_at(BIG);
    CU_ASSERT_EQUAL(e, pte_make(m, PTE_P | PTE_RW | PTE_US | PTE_A | PTE_D | PTE_PS));
    CU_ASSERT_EQUAL(hvm.larges, 1);
    for (u32 i = 0; i < 512; i++) {
        const struct page *p = frame_page_raw(mfn(m + i));
        CU_ASSERT(p2m_frame(&domain, BIG + i).n == m + i && (u32)p->refs == 2 && (u32)p->type == 1);
    }
    CU_ASSERT(is_hole(BIG - 1) && is_hole(BIG + 512));
    notes = 0;
    p2m_note(&domain, note);
    CU_ASSERT_EQUAL(notes, 512);
    CU_ASSERT(p2m_show_hole(&domain, BIG + 7) && *large_at(BIG) == e); /* no hole */
    CU_ASSERT_EQUAL(p2m_add(&domain, BIG + 7, mfn(m), true), -EEXIST);
    CU_ASSERT_EQUAL(*large_at(BIG), e);
    big_end(m);
}

static void not_large(void)
{
    u64 m = big_begin(1);

    big_show(m, 512); /* they begin in between */
    CU_ASSERT(!(*large_at(BIG) & PTE_PS));
    big_end(m);
    m = big_begin(0);
    big_show(m, 511);
    CU_ASSERT(page_get(frame_page_raw(mfn(m + 511)), domain_owner(&domain)));
    CU_ASSERT_EQUAL(p2m_set(&domain, BIG + 511, mfn(m + 511), false), 0); /* read-only */
    CU_ASSERT(!(*large_at(BIG) & PTE_PS));
    CU_ASSERT_EQUAL(p2m_hide(&domain, BIG + 3).n, m + 3);
    CU_ASSERT_EQUAL(p2m_show(&domain, BIG + 511, mfn(m + 511)), 0); /* with a hole */
    CU_ASSERT(!(*large_at(BIG) & PTE_PS) && hvm.larges == 0);
    big_end(m);
    spec_policy.has_multihit = true; /* the processor could not bear them */
    p2m_init();
    m = big_begin(0);
    big_show(m, 512);
    CU_ASSERT(!(*large_at(BIG) & PTE_PS));
    big_end(m);
    spec_policy.has_multihit = false;
    p2m_init();
}

/* Whatever changes one of them: while CPUs flush nothing is there, then the table as it was. */
static void changes_split(void)
{
    for (u32 how = 0; how < 4; how++) {
        u64 m = big_begin(0);
        u32 tables;
        big_show(m, 512);
        tables = hvm.tables;
        wanted = 1; /* no memory is needed for it */
        asked = 0;
        watched = large_at(BIG);
        if (how == 0)
            CU_ASSERT_EQUAL(p2m_hide(&domain, BIG + 100).n, m + 100);
        if (how == 1)
            CU_ASSERT_EQUAL(p2m_show(&domain, BIG + 100, mfn(m + 700)), 0);
        if (how == 2)
            CU_ASSERT(page_get(frame_page_raw(mfn(m + 100)), domain_owner(&domain)) &&
                      p2m_set(&domain, BIG + 100, mfn(m + 100), false) == 0);
        if (how == 3)
            CU_ASSERT(!p2m_clear(&domain, BIG + 100, mfn(m + 101)) && *large_at(BIG) & PTE_PS &&
                      p2m_clear(&domain, BIG + 100, mfn(m + 100)));
        watched = NULL;
        wanted = 0;
        CU_ASSERT(seen == 0 && flushed == BIT(0) && asked == 0 && hvm.tables == tables && hvm.larges == 0);
        CU_ASSERT(!(*large_at(BIG) & PTE_PS) && frame_page_raw(mfn(m + 100))->stamp);
        for (u32 i = 0; i < 512; i++)
            if (i != 100)
                CU_ASSERT(pte_mfn(*entry_of(BIG + i)) == m + i && *entry_of(BIG + i) & PTE_RW);
        if (how == 0) {
            CU_ASSERT_EQUAL(*entry_of(BIG + 100), 0);
            CU_ASSERT_EQUAL(p2m_show(&domain, BIG + 100, mfn(m + 100)), 0); /* not looked for */
            CU_ASSERT(!(*large_at(BIG) & PTE_PS));
            CU_ASSERT_EQUAL(p2m_show(&domain, BIG + 511, mfn(m + 511)), 0);
            CU_ASSERT(*large_at(BIG) & PTE_PS && hvm.larges == 1);
        }
        big_end(m);
    }
}

/* Its end in steps: nothing large is left when the first of its frames goes. */
static void large_until_the_first_goes(void)
{
    u64 m = big_begin(0);

    big_show(m, 512);
    domain.life = DOMAIN_DYING;
    cpu_info()->work = 1;
    CU_ASSERT_EQUAL(p2m_drain(&domain), -ERESTART);
    cpu_info()->work = 0;
    CU_ASSERT_EQUAL(*large_at(BIG), 0);
    CU_ASSERT_EQUAL((u32)frame_page_raw(mfn(m + 511))->refs, 1);
    CU_ASSERT_EQUAL((u32)frame_page_raw(mfn(m))->refs, 2);
    big_end(m);
}
