/* SPDX-License-Identifier: MIT */
/* See model.h. */
#include "model.h"

#include <string.h>

struct known known;
static u32 refs[FRAMES], use[FRAMES][PAGE_WRITABLE + 1];
static bool is_idle;

#define SOFT (PTE_US | PTE_G | PTE_KERNEL | PTE_A | PTE_D) /* bits that Wirt or the processor changes */

static pte_t *memory(u32 m)
{
    return frame_va(mfn(m));
}

static bool is_hv_slot(enum page_kind table, u32 i)
{
    return table == PAGE_L4 && i >= HV_SLOT && i < HV_SLOT + HV_SLOT_COUNT;
}

static void add(u64 m, enum page_kind kind)
{
    if (!machine_is_ram(m))
        return;
    refs[m]++;
    if (kind)
        use[m][kind]++;
}

/* Entries [0, count) of a table hold what they name. */
static void add_entries(u32 table, enum page_kind kind, u32 count)
{
    for (u32 i = 0; i < count; i++) {
        pte_t e = memory(table)[i];
        if (e & PTE_P && !is_hv_slot(kind, i))
            add(pte_mfn(e), kind > PAGE_L1 ? kind - 1 : e & PTE_RW ? PAGE_WRITABLE : PAGE_NONE);
    }
}

static void add_roots(void)
{
    for (u32 m = RAM_FIRST; m < FRAMES; m++) {
        refs[m] += known.allocated[m];
        if (known.pin[m])
            add(m, known.pin[m]);
    }
    for (u32 v = 0; v < VCPUS; v++) {
        for (u32 i = 0; i < 2; i++)
            add(known.l4[v][i], PAGE_L4);
        for (u32 i = 0; i < known.gdt_count[v]; i++)
            add(known.gdt[v][i], PAGE_SEG);
        for (u32 i = 0; i < 16; i++)
            add(known.ldt[v][i], PAGE_SEG);
    }
    for (u32 i = 0; i < HOLDS; i++)
        add(known.hold[i].m, known.hold[i].kind);
}

void model_derive(void)
{
    memset(refs, 0, sizeof(refs));
    memset(use, 0, sizeof(use));
    is_idle = true;
    add_roots();
    for (enum page_kind k = PAGE_L4; k >= PAGE_L1; k--)
        for (u32 m = RAM_FIRST; m < FRAMES; m++) {
            u64 type = frame_page_raw(mfn(m))->type;
            if (use[m][k]) {
                add_entries(m, k, 512);
            } else if (known.owner[m] && page_kind(type) == k && page_progress(type)) {
                refs[m]++; /* unfinished: the state itself is a reference */
                add_entries(m, k, page_progress(type));
                is_idle = false;
            }
        }
}

bool model_is_idle(void)
{
    return is_idle;
}

bool model_is_used(u32 m, enum page_kind kind)
{
    return use[m][kind] != 0;
}

bool model_is_gone(u32 m)
{
    if (known.owner[m] >= PAGE_OWNER_DOMAIN && !refs[m])
        known.owner[m] = PAGE_OWNER_NONE;
    return known.owner[m] == PAGE_OWNER_NONE;
}

/* --- what a good entry is --- */

static bool in_set(const struct range_set *s, u64 m)
{
    for (u32 i = 0; i < s->count; i++)
        if (m >= s->item[i].first && m <= s->item[i].last)
            return true;
    return false;
}

/* Bits of a value that a guest offers. */
static bool bits_ok(const struct domain *d, enum page_kind table, pte_t e)
{
    pte_t good = PTE_P | PTE_RW | PTE_US | PTE_A | PTE_D | PTE_AVAIL_LOW | PTE_NX | 0x7ffull << 52;
    if (table > PAGE_L1)
        return !(e & ~(good | PTE_ADDR));
    if (d->iomem.count)
        good |= PTE_PWT | PTE_PCD | PTE_PAT;
    return !(e & ~(good | PTE_G | 0x0000000ffffff000ull));
}

bool model_descriptor_ok(u64 e)
{
    u32 type = e >> 40 & 15;
    if (!(e >> 47 & 1))
        return true;
    if (!(e >> 44 & 1))
        return false;
    return type < 8 || (type < 12 && (e >> 53 & 3) != 3);
}

static bool would_enter(const struct domain *d, u32 owner, enum page_kind table, pte_t e)
{
    u64 m = pte_mfn(e);
    if (!bits_ok(d, table, e))
        return false;
    if (table > PAGE_L1)
        return model_would_take(domain_owner(d), m, table - 1); /* tables are never foreign */
    return machine_is_ram(m) ? model_would_take(owner, m, e & PTE_RW ? PAGE_WRITABLE : PAGE_NONE)
                             : in_set(&d->iomem, m);
}

bool model_would_take(u32 owner, u64 m, enum page_kind kind)
{
    if (!machine_is_ram(m) || !refs[m] || known.owner[m] != owner)
        return false;
    bool is_new = kind && kind != PAGE_WRITABLE && !use[m][kind];
    if (is_new && kind <= PAGE_L4 && !known.allocated[m])
        return false; /* given back */
    for (enum page_kind k = PAGE_L1; k <= PAGE_WRITABLE && kind; k++)
        if (k != kind && use[m][k])
            return false;
    refs[m]++;
    use[m][kind]++;
    for (u32 i = 0; i < 512 && is_new; i++) {
        pte_t e = memory((u32)m)[i];
        if (kind == PAGE_SEG) {
            if (!model_descriptor_ok(e))
                return false;
        } else if (e & PTE_P && !is_hv_slot(kind, i) && !would_enter(dom[owner - PAGE_OWNER_DOMAIN], owner, kind, e)) {
            return false;
        }
    }
    return true;
}

bool model_would_write(const struct domain *d, u32 owner, u32 table, u32 index, pte_t e)
{
    enum page_kind kind = PAGE_L1;
    pte_t old = memory(table)[index], same = PTE_ADDR | PTE_P;
    while (!use[table][kind])
        kind++;
    if (kind == PAGE_L1)
        same |= PTE_RW | PTE_PWT | PTE_PCD | PTE_PAT;
    if (is_hv_slot(kind, index))
        return false;
    if (!(e & PTE_P) || (bits_ok(d, kind, e) && !((old ^ e) & same)))
        return true; /* only bits change */
    return would_enter(d, owner, kind, e);
}

bool model_find(u32 l4, u64 va, u32 *table, u32 *index)
{
    if (va + 0x0000800000000000ull >= 0x0001000000000000ull || (va >= HV_START && va < HV_END))
        return false;
    for (u32 level = 4, t = l4;; level--) {
        u32 i = va >> (12 + 9 * (level - 1)) & 511;
        *table = t;
        *index = i;
        if (level == 1)
            return true;
        if (!(memory(t)[i] & PTE_P))
            return false;
        t = (u32)pte_mfn(memory(t)[i]);
    }
}

/* --- comparing --- */

static void check_entry(u32 table, enum page_kind kind, u32 i)
{
    pte_t e = memory(table)[i];
    const struct domain *d = dom[known.owner[table] - PAGE_OWNER_DOMAIN];
    u64 m = pte_mfn(e);
    u32 owner = machine_is_ram(m) ? known.owner[m] : PAGE_OWNER_IO;
    const char *wrong = NULL;
    if (!bits_ok(d, kind, e))
        wrong = "has bits that no guest may set";
    else if (!(e & PTE_US))
        wrong = "is for supervisors";
    else if (kind > PAGE_L1 && owner != known.owner[table])
        wrong = "names a table that is not its owner's";
    else if (kind == PAGE_L1 && !(e & PTE_G) == !(e & PTE_KERNEL))
        wrong = "is global and a kernel's, or neither";
    else if (owner == PAGE_OWNER_IO && !in_set(&d->iomem, m))
        wrong = "maps I/O memory of others";
    else if (owner == PAGE_OWNER_IO && e & PTE_RW && in_set(&d->iomem_ro, m))
        wrong = "maps read-only I/O memory writable";
    else if (owner == PAGE_OWNER_IO && m >= MMIO_FIRST && !(e & (PTE_PCD | PTE_PWT | PTE_PAT)))
        wrong = "maps a device cached";
    else if (owner < PAGE_OWNER_DOMAIN && owner != PAGE_OWNER_IO)
        wrong = "maps a frame that is Wirt's or free";
    else if (owner >= PAGE_OWNER_DOMAIN && owner != known.owner[table] && !d->is_privileged)
        wrong = "maps another domain's frame";
    if (wrong)
        fail("L%u table 0x%x of domain %u: entry %u (0x%lx) %s", kind, table, d->id, i, e, wrong);
}

/* The state of the type word that the derived counts ask for. */
static void check_type(u32 m)
{
    const struct page *p = frame_page_raw(mfn(m));
    enum page_kind kind = PAGE_NONE;
    u32 entries = 512;
    u64 want = p->type;
    for (enum page_kind k = PAGE_L1; k <= PAGE_WRITABLE; k++)
        if (use[m][k]) {
            if (kind)
                fail("frame 0x%x is in use as %s and as %s", m, page_kind_name(kind), page_kind_name(k));
            kind = k;
            want = PAGE_KIND_OF(k) | PAGE_VALID | use[m][k] | (known.pin[m] ? PAGE_PINNED : 0);
        }
    if (!kind && page_progress(p->type)) {
        entries = page_progress(p->type);
        kind = page_kind(p->type);
        want = PAGE_KIND_OF(kind) | (p->type & PAGE_BUSY) | (u64)entries << PAGE_PROGRESS_SHIFT;
        if (kind < PAGE_L1 || kind > PAGE_L4)
            want = ~0ull;
    } else if (!kind && p->type) {
        want = PAGE_KIND_OF(page_kind(p->type) == PAGE_SEG ? PAGE_SEG : PAGE_WRITABLE) | PAGE_VALID;
    }
    if (p->type != want)
        fail("frame 0x%x: type word 0x%lx, must be 0x%lx", m, p->type, want);
    if (p->refs != (known.allocated[m] ? PAGE_ALLOCATED : 0) + refs[m])
        fail("frame 0x%x: refs 0x%lx, must be %s%u", m, p->refs, known.allocated[m] ? "allocated, " : "", refs[m]);
    if (kind == PAGE_L4 && p->type & PAGE_VALID && memcmp(&memory(m)[HV_SLOT], hv_slots, sizeof(hv_slots)))
        fail("L4 0x%x: Wirt's slots are not Wirt's", m);
    if (kind == PAGE_SEG)
        for (u32 i = 0; i < 512; i++)
            if (!model_descriptor_ok(memory(m)[i]) || (memory(m)[i] >> 47 & 1 && (memory(m)[i] >> 45 & 3) != 3))
                fail("descriptor page 0x%x: entry %u is 0x%lx", m, i, memory(m)[i]);
    for (u32 i = 0; i < entries && kind >= PAGE_L1 && kind <= PAGE_L4; i++)
        if (memory(m)[i] & PTE_P && !is_hv_slot(kind, i))
            check_entry(m, kind, i);
}

/* Memory holds what was written, but for the bits that may change on the way. */
static void check_memory(u32 m)
{
    u64 *want = shadow[m], *is = memory(m);
    bool is_l4 = page_kind(frame_page_raw(mfn(m))->type) == PAGE_L4;
    if (memcmp(want, is, PAGE_SIZE) == 0)
        return;
    for (u32 i = 0; i < 512; i++) {
        u64 may = SOFT;
        if (want[i] >> 47 & want[i] >> 44 & 1)
            may |= 3ull << 45 | 1ull << 40; /* a descriptor */
        if (want[i] & PTE_P && !machine_is_ram(pte_mfn(want[i])))
            may |= PTE_PCD | PTE_PWT | (want[i] & PTE_RW);
        bool is_slot = is_hv_slot(PAGE_L4, i) && (is[i] == 0 || (is_l4 && is[i] == hv_slots[i - HV_SLOT]));
        if ((want[i] ^ is[i]) & ~may && !is_slot)
            fail("frame 0x%x, word %u: 0x%lx, must be 0x%lx", m, i, is[i], want[i]);
        want[i] = is[i];
    }
}

void model_check(void)
{
    u32 left[DOMS];
    model_derive();
    for (u32 m = RAM_FIRST; m < FRAMES; m++) {
        const struct page *p = frame_page_raw(mfn(m));
        (void)model_is_gone(m);
        if (p->owner != known.owner[m])
            fail("frame 0x%x: owner %u, must be %u", m, p->owner, known.owner[m]);
        if (known.owner[m] < PAGE_OWNER_DOMAIN && (refs[m] || p->refs))
            fail("frame 0x%x is free or Wirt's, and has references: 0x%lx, counted %u", m, p->refs, refs[m]);
        if (known.owner[m] < PAGE_OWNER_DOMAIN)
            continue;
        check_type(m);
        check_memory(m);
        if (frame_m2p_get(mfn(m)) != known.m2p[m])
            fail("frame 0x%x: M2P says 0x%lx, must be 0x%lx", m, frame_m2p_get(mfn(m)), known.m2p[m]);
    }
    for (u32 d = 0; d < DOMS; d++) {
        left[d] = (u32)dom[d]->page_count;
        for (u64 m = dom[d]->pages.n; m; m = frame_page_raw(mfn(m))->next)
            if (left[d]-- == 0 || !known.allocated[m] || known.owner[m] != domain_owner(dom[d]))
                fail("domain %u: its list of frames is wrong at 0x%lx", d, m);
        if (left[d])
            fail("domain %u: its list of frames is %u short", d, left[d]);
    }
}

void model_check_words(void)
{
    for (u32 m = RAM_FIRST; m < FRAMES; m++) {
        const struct page *p = frame_page_raw(mfn(m));
        u64 type = p->type, count = type & PAGE_COUNT;
        if (p->owner >= PAGE_OWNER_DOMAIN &&
            ((type & PAGE_VALID ? type & (PAGE_BUSY | PAGE_PROGRESS) : count || type & PAGE_PINNED) ||
             (type & PAGE_BUSY && !page_progress(type)) || count > (p->refs & PAGE_REFS)))
            fail("frame 0x%x: type word 0x%lx, refs 0x%lx cannot be", m, type, p->refs);
    }
}
