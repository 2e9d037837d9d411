/* SPDX-License-Identifier: MIT */
/*
 * Where a guest's physical addresses lead: four levels of tables in the processor's own format; AMD's and Intel's have
 * the same bits for read, write and execute, and differ in two constants. An entry holds a use of its frame (writable)
 * or a reference (read-only), and whoever takes it away gives that back: the flush before a frame serves somebody else
 * is dom/page.c's business. Tables only grow while the domain lives, up to a limit: a walk needs no lock. Where a guest
 * read and nothing is, the processor sees one frame for everybody, of ones. Where the 512 frames of a table follow one
 * another, all writable, it sees one leaf of 2 MiB; the table stays, holds what it held, and a page beside that of
 * level 2 says where it is. That page is what all others walk by.
 */
#include "core/slab.h"
#include "core/work.h"
#include "hvm/hvm.h"
#include "hw/spec.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lib/string.h"

#define ENTRIES     512u
#define TABLE_FLAGS (PTE_P | PTE_RW | PTE_US | hvm_backend->table_flags)
#define LEAF_FLAGS  (PTE_P | PTE_US | hvm_backend->leaf_flags)
#define TABLES_MORE 64u /* for numbers that lie apart from the memory */

static __sealed mfn_t ones;
static __sealed bool does_merge;

static u32 index_at(u64 gfn, u32 level)
{
    return (u32)(gfn >> 9 * (level - 1)) & (ENTRIES - 1);
}

static pte_t *page_new(struct domain *d)
{
    mfn_t m;

    if (d->hvm->tables >= READ_ONCE(d->page_max) / (ENTRIES / 2) + TABLES_MORE)
        return NULL;
    m = frame_alloc(0, FRAME_ZERO, 0);
    if (m.n == MFN_NONE)
        return NULL;
    d->hvm->tables++;
    return frame_va(m);
}

/* Beside the table of level 2 behind that entry: the same entries, but its tables also where it has large leaves. */
static pte_t *beside(pte_t above)
{
    return frame_va(mfn(READ_ONCE(frame_page_raw(mfn(pte_mfn(above)))->next)));
}

static pte_t *table_new(struct domain *d, u32 level)
{
    pte_t *table = page_new(d), *other;
    mfn_t m;

    if (!table || level != 2)
        return table;
    other = page_new(d);
    m = paddr_mfn(pgtab_paddr(table));
    if (other) {
        WRITE_ONCE(frame_page_raw(m)->next, (u32)paddr_mfn(pgtab_paddr(other)).n);
        return table;
    }
    frame_free(m, 0);
    d->hvm->tables--;
    return NULL;
}

/* Where an entry is, and what the processor has above it, at level 2. */
struct place {
    pte_t *e, *shown;
};

/* Of gfn; .e == NULL: no table there (and none to be had). The lock is held if `makes`. */
static struct place find(struct domain *d, u64 gfn, bool makes)
{
    pte_t *table = d->hvm->root, above = 0;
    struct place at = {NULL, NULL};

    for (u32 level = 4; level > 1; level--) {
        u32 i = index_at(gfn, level);
        pte_t *e = &(level == 2 ? beside(above) : table)[i];
        at.shown = &table[i];
        if (!(READ_ONCE(*e) & PTE_P)) {
            pte_t *next = makes ? table_new(d, level - 1) : NULL;
            if (!next)
                return at;
            WRITE_ONCE(*e, pgtab_paddr(next).a | TABLE_FLAGS);
            WRITE_ONCE(*at.shown, *e);
        }
        above = READ_ONCE(*e);
        table = frame_va(mfn(pte_mfn(above)));
    }
    at.e = &table[index_at(gfn, 1)];
    return at;
}

static pte_t *leaf(struct domain *d, u64 gfn)
{
    return gfn < HVM_GFN_LIMIT ? find(d, gfn, false).e : NULL;
}

/* Level 2 shows 2 MiB in the other size. No TLB has both at any time, which some processors do not bear (AMD's erratum
 * 383): for a moment nothing is there, and who meets that comes again (exit_nested_fault). The exchange is seen before
 * loaded_cpus is read, in which a CPU stands before it walks (vcpu.c). */
static void resize(struct domain *d, pte_t *shown, pte_t value)
{
    (void)atomic_xchg(shown, 0);
    tlb_flush_cpus(READ_ONCE(d->loaded_cpus));
    WRITE_ONCE(*shown, value);
    d->hvm->larges += value & PTE_PS ? 1 : -1u;
}

/* Before an entry changes, with the lock held. */
static void split(struct domain *d, struct place at)
{
    if (*at.shown & PTE_PS)
        resize(d, at.shown, round_down(pgtab_paddr(at.e).a, PAGE_SIZE) | TABLE_FLAGS);
}

/* After the last entry of a table did. */
static void merge(struct domain *d, struct place at)
{
    const pte_t *table = at.e - (ENTRIES - 1);
    pte_t last = *at.e, first = last - ((ENTRIES - 1) << PAGE_SHIFT);

    if (!does_merge || !(last & PTE_RW) || pte_mfn(first) % ENTRIES)
        return;
    for (u32 i = 0; i < ENTRIES; i++)
        if (table[i] != first + ((u64)i << PAGE_SHIFT))
            return;
    resize(d, at.shown, first | PTE_PS);
}

static bool has_frame(pte_t e)
{
    return e & PTE_P && pte_mfn(e) != ones.n;
}

/* The ones have no owner whose debt it would be. */
static void entry_put(pte_t e)
{
    struct page *p = frame_page_raw(mfn(pte_mfn(e)));

    if (!has_frame(e)) {
        if (e)
            tlb_flush_cpus(cpu_online);
        return;
    }
    if (e & PTE_RW)
        page_put_as(p);
    else
        page_put(p);
}

static int set(struct domain *d, u64 gfn, mfn_t m, bool is_writable, bool only_hole)
{
    struct hvm_domain *h = d->hvm;
    struct place at = {NULL, NULL};
    pte_t old = 0;
    int rc = -ENOMEM;

    if (gfn >= HVM_GFN_LIMIT || gfn == HVM_APIC_PAGE)
        return -EINVAL;
    lock_take(&h->lock);
    if (!domain_is_dying(d))
        at = find(d, gfn, true);
    if (at.e && only_hole && has_frame(*at.e)) {
        rc = -EEXIST;
    } else if (at.e) {
        rc = 0;
        split(d, at);
        old = atomic_xchg(at.e, pte_make(m.n, LEAF_FLAGS | (is_writable ? PTE_RW : 0)));
        if (index_at(gfn, 1) == ENTRIES - 1)
            merge(d, at);
        h->gfn_end = max(h->gfn_end, gfn + 1);
    }
    lock_drop(&h->lock);
    entry_put(old);
    return rc;
}

int p2m_set(struct domain *d, u64 gfn, mfn_t m, bool is_writable)
{
    return set(d, gfn, m, is_writable, false);
}

int p2m_add(struct domain *d, u64 gfn, mfn_t m, bool is_writable)
{
    return set(d, gfn, m, is_writable, true);
}

bool p2m_clear(struct domain *d, u64 gfn, mfn_t m)
{
    struct hvm_domain *h = d->hvm;
    struct place at = {NULL, NULL};
    pte_t old = 0;

    lock_take(&h->lock);
    if (gfn < HVM_GFN_LIMIT)
        at = find(d, gfn, false);
    if (at.e && *at.e & PTE_P && pte_mfn(*at.e) == m.n) {
        split(d, at);
        old = atomic_xchg(at.e, 0);
    }
    lock_drop(&h->lock);
    entry_put(old);
    return old != 0;
}

mfn_t p2m_find(struct domain *d, u64 gfn, bool *is_writable)
{
    const pte_t *at = leaf(d, gfn);
    pte_t e = at ? READ_ONCE(*at) : 0;

    *is_writable = (e & PTE_RW) != 0;
    return mfn(has_frame(e) ? pte_mfn(e) : MFN_NONE);
}

bool p2m_show_hole(struct domain *d, u64 gfn)
{
    struct hvm_domain *h = d->hvm;
    pte_t *e = NULL;

    lock_take(&h->lock);
    if (gfn < HVM_GFN_LIMIT && !domain_is_dying(d))
        e = find(d, gfn, true).e;
    if (e)
        (void)atomic_cas64(e, 0, pte_make(ones.n, LEAF_FLAGS)); /* behind no large leaf: that has no hole */
    lock_drop(&h->lock);
    return e || domain_is_dying(d);
}

mfn_t p2m_frame(struct domain *d, u64 gfn)
{
    bool is_writable;

    return p2m_find(d, gfn, &is_writable);
}

int p2m_show(struct domain *d, u64 gfn, mfn_t m)
{
    struct page *p = frame_page_raw(m);
    int rc = page_get_as(p, domain_owner(d), PAGE_WRITABLE);

    if (rc)
        return -EINVAL;
    rc = p2m_set(d, gfn, m, true);
    if (rc)
        page_put_as(p);
    return rc;
}

mfn_t p2m_hide(struct domain *d, u64 gfn)
{
    mfn_t m = p2m_frame(d, gfn);

    return m.n != MFN_NONE && p2m_clear(d, gfn, m) ? m : mfn(MFN_NONE);
}

void p2m_note(struct domain *d, void (*note)(u64 m, enum page_kind kind))
{
    for (u64 gfn = 0; gfn < d->hvm->gfn_end; gfn++) {
        const pte_t *e = leaf(d, gfn);
        if (!e)
            gfn |= ENTRIES - 1; /* none of this table */
        else if (has_frame(*e))
            note(pte_mfn(*e), *e & PTE_RW ? PAGE_WRITABLE : PAGE_NONE);
    }
}

static void report(struct domain *d, void *arg)
{
    (void)arg;
    if (d->hvm)
        log_error("domain %u: nested tables in %u frames, %u leaves of 2 MiB", d->id, READ_ONCE(d->hvm->tables),
                  READ_ONCE(d->hvm->larges));
}

void p2m_report(void)
{
    domain_for_each(report, NULL);
}

__init void p2m_init(void)
{
    void *page = pgtab_alloc_pages(0);

    if (!page)
        panic("boot: no memory for a page of ones");
    memset(page, 0xff, PAGE_SIZE);
    ones = paddr_mfn(pgtab_paddr(page));
    does_merge = !spec_policy.has_multihit;
}

int p2m_create(struct domain *d)
{
    lock_init(&d->hvm->lock, RANK_P2M);
    d->hvm->root = table_new(d, 4);
    return d->hvm->root ? 0 : -ENOMEM;
}

/* Nobody sets entries any more. What is done is not looked at again: gfn_end comes down. */
int p2m_drain(struct domain *d)
{
    struct hvm_domain *h = d->hvm;

    lock_take(&h->lock); /* who was setting one has done so */
    lock_drop(&h->lock);
    while (h->gfn_end) {
        u64 gfn = h->gfn_end - 1;
        struct place at = find(d, gfn, false);
        if (at.e && *at.shown & PTE_PS) /* no flush: nobody walks there any more */
            WRITE_ONCE(*at.shown, 0);
        if (at.e)
            entry_put(has_frame(*at.e) ? atomic_xchg(at.e, 0) : 0); /* what shows ones may stay */
        h->gfn_end = at.e ? gfn : round_down(gfn, ENTRIES);
        if (work_is_pending())
            return -ERESTART;
    }
    return 0;
}

static void page_free(pte_t *table)
{
    mfn_t m = paddr_mfn(pgtab_paddr(table));

    frame_page_raw(m)->stamp = tlb_now();
    frame_free(m, 0);
}

/* What is behind that entry, which is one of level `level` + 1. */
static void tables_free(pte_t above, u32 level)
{
    pte_t *table = frame_va(mfn(pte_mfn(above))), *all = level == 2 ? beside(above) : table;

    for (u32 i = 0; level > 1 && i < ENTRIES; i++)
        if (all[i] & PTE_P)
            tables_free(all[i], level - 1);
    if (all != table)
        page_free(all);
    page_free(table);
}

void p2m_destroy(struct domain *d)
{
    if (d->hvm->root)
        tables_free(pgtab_paddr(d->hvm->root).a, 4);
}
