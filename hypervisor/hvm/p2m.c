/* SPDX-License-Identifier: MIT */
/*
 * Where a guest's physical addresses lead: four levels of tables in the processor's own format. AMD's nested paging
 * and Intel's extended page tables have the same bits for read, write and execute, and differ in two constants. An
 * entry holds a use of its frame (writable) or a reference (read-only), and whoever takes it away gives that back; so
 * the flush that a frame needs before it serves somebody else is dom/page.c's business, as everywhere. Tables only grow
 * while the domain lives, up to a limit that its memory sets: a walk needs no lock. Where a guest read and nothing is,
 * there is one frame for everybody, of ones, which only the processor sees.
 */
#include "core/slab.h"
#include "core/work.h"
#include "hvm/hvm.h"
#include "lib/errno.h"
#include "lib/string.h"

#define ENTRIES     512u
#define TABLE_FLAGS (PTE_P | PTE_RW | PTE_US | hvm_backend->table_flags)
#define LEAF_FLAGS  (PTE_P | PTE_US | hvm_backend->leaf_flags)
#define TABLES_MORE 64u /* for numbers that lie apart from the memory */

static __sealed mfn_t ones;

static u32 index_at(u64 gfn, u32 level)
{
    return (u32)(gfn >> 9 * (level - 1)) & (ENTRIES - 1);
}

static pte_t *table_new(struct domain *d)
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

/* The leaf entry of gfn; NULL: no table there (and none to be had). The lock is held if `makes`. */
static pte_t *leaf(struct domain *d, u64 gfn, bool makes)
{
    pte_t *table = d->hvm->root;

    for (u32 level = 4; level > 1; level--) {
        pte_t *e = &table[index_at(gfn, level)];
        if (!(READ_ONCE(*e) & PTE_P)) {
            pte_t *next = makes ? table_new(d) : NULL;
            if (!next)
                return NULL;
            WRITE_ONCE(*e, pgtab_paddr(next).a | TABLE_FLAGS);
        }
        table = frame_va(mfn(pte_mfn(READ_ONCE(*e))));
    }
    return &table[index_at(gfn, 1)];
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
    pte_t old = 0, *e = NULL;
    int rc = -ENOMEM;

    if (gfn >= HVM_GFN_LIMIT || gfn == HVM_APIC_PAGE)
        return -EINVAL;
    lock_take(&h->lock);
    if (!domain_is_dying(d))
        e = leaf(d, gfn, true);
    if (e && only_hole && has_frame(*e)) {
        rc = -EEXIST;
    } else if (e) {
        rc = 0;
        old = atomic_xchg(e, pte_make(m.n, LEAF_FLAGS | (is_writable ? PTE_RW : 0)));
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
    pte_t *at = gfn < HVM_GFN_LIMIT ? leaf(d, gfn, false) : NULL, e = at ? READ_ONCE(*at) : 0;

    if (!(e & PTE_P) || pte_mfn(e) != m.n || !atomic_cas64(at, e, 0))
        return false;
    entry_put(e);
    return true;
}

mfn_t p2m_find(struct domain *d, u64 gfn, bool *is_writable)
{
    const pte_t *at = gfn < HVM_GFN_LIMIT ? leaf(d, gfn, false) : NULL;
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
        e = leaf(d, gfn, true);
    if (e)
        (void)atomic_cas64(e, 0, pte_make(ones.n, LEAF_FLAGS));
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
        const pte_t *e = leaf(d, gfn, false);
        if (!e)
            gfn |= ENTRIES - 1; /* none of this table */
        else if (has_frame(*e))
            note(pte_mfn(*e), *e & PTE_RW ? PAGE_WRITABLE : PAGE_NONE);
    }
}

__init void p2m_init(void)
{
    void *page = pgtab_alloc_pages(0);

    if (!page)
        panic("boot: no memory for a page of ones");
    memset(page, 0xff, PAGE_SIZE);
    ones = paddr_mfn(pgtab_paddr(page));
}

int p2m_create(struct domain *d)
{
    lock_init(&d->hvm->lock, RANK_P2M);
    d->hvm->root = table_new(d);
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
        pte_t *e = leaf(d, gfn, false);
        if (e)
            entry_put(has_frame(*e) ? atomic_xchg(e, 0) : 0); /* what shows ones may stay */
        h->gfn_end = e ? gfn : round_down(gfn, ENTRIES);
        if (work_is_pending())
            return -ERESTART;
    }
    return 0;
}

static void tables_free(pte_t *table, u32 level)
{
    for (u32 i = 0; level > 1 && i < ENTRIES; i++)
        if (table[i] & PTE_P)
            tables_free(frame_va(mfn(pte_mfn(table[i]))), level - 1);
    frame_page_raw(paddr_mfn(pgtab_paddr(table)))->stamp = tlb_now();
    frame_free(paddr_mfn(pgtab_paddr(table)), 0);
}

void p2m_destroy(struct domain *d)
{
    if (d->hvm->root)
        tables_free(d->hvm->root, 4);
}
