/* SPDX-License-Identifier: MIT */
/*
 * hvm/p2m.c as shipped, over the real frame allocator and the real counters of frames: what an entry holds and when it
 * gives that back, holes, memory that ends at each table, the limit of tables, leaves of 2 MiB and what splits them,
 * the end in interrupted steps; and a random walk against a flat array.
 */
#include "../suite.h"
#include "core/work.h"
#include "fake.h"
#include "hvm/hvm.h"
#include "hw/spec.h"
#include "lib/string.h"

#define FRAMES 24u
static struct domain domain;
static struct hvm_domain hvm;
static const struct hvm_backend backend = {.table_flags = PTE_A, .leaf_flags = PTE_A | PTE_D};
const struct hvm_backend *hvm_backend = &backend;
static mfn_t frame[FRAMES];
static u32 asked, wanted; /* the wanted-th allocation fails; 0: none */
static s64 tables_out;

mfn_t __real_frame_alloc(u32 order, u32 flags, u32 address_bits);
void __real_frame_free(mfn_t m, u32 order);
mfn_t __wrap_frame_alloc(u32 order, u32 flags, u32 address_bits);
void __wrap_frame_free(mfn_t m, u32 order);

mfn_t __wrap_frame_alloc(u32 order, u32 flags, u32 address_bits)
{
    mfn_t m = ++asked == wanted ? mfn(MFN_NONE) : __real_frame_alloc(order, flags, address_bits);

    tables_out += m.n != MFN_NONE ? 1ll << order : 0;
    return m;
}
void __wrap_frame_free(mfn_t m, u32 order)
{
    tables_out -= 1ll << order;
    __real_frame_free(m, order);
}
static void *pages_alloc(u32 order)
{
    return frame_va(__real_frame_alloc(order, FRAME_ZERO, 0));
}
void *(*pgtab_alloc_pages)(u32 order) = pages_alloc;
struct domain *domain_of(u32 owner)
{
    return owner == domain_owner(&domain) ? &domain : NULL;
}
void domain_put(struct domain *d)
{
    d->refs--;
}

void domain_for_each(void (*fn)(struct domain *d, void *arg), void *arg)
{
    fn(&domain, arg);
}
struct spec_policy spec_policy;

void __real_tlb_flush_cpus(cpuset_t cpus);
void __wrap_tlb_flush_cpus(cpuset_t cpus);
static const pte_t *watched; /* what is there while CPUs are flushed */
static pte_t seen;
static cpuset_t flushed;
void __wrap_tlb_flush_cpus(cpuset_t cpus)
{
    seen = watched ? *watched : 0;
    flushed = cpus;
    __real_tlb_flush_cpus(cpus);
}

static void begin(u64 page_max)
{
    fake_init(1);
    wanted = 0;
    tables_out = 0;
    hvm = (struct hvm_domain){0};
    domain = (struct domain){.id = 7, .hvm = &hvm, .page_max = page_max, .refs = 1};
    lock_init(&domain.page_lock, RANK_PAGE_LIST);
    CU_ASSERT_EQUAL_FATAL(p2m_create(&domain), 0);
    for (u32 i = 0; i < FRAMES; i++) {
        frame[i] = frame_alloc(0, 0, 0);
        page_assign(&domain, frame[i], 1);
    }
}

static u64 refs(u32 i)
{
    return frame_page_raw(frame[i])->refs & PAGE_REFS;
}
static u64 uses(u32 i)
{
    return frame_page_raw(frame[i])->type & PAGE_COUNT;
}

/* Whatever a test did: afterwards each frame has its owner's reference, goes, and no table is left. */
static void end(void)
{
    domain.life = DOMAIN_DYING;
    while (p2m_drain(&domain))
        cpu_info()->work = 0;
    for (u32 i = 0; i < FRAMES; i++) {
        CU_ASSERT(refs(i) == 1 && uses(i) == 0);
        CU_ASSERT(page_release(&domain, frame_page_raw(frame[i])));
    }
    p2m_destroy(&domain);
    CU_ASSERT_EQUAL(tables_out, 0);
    CU_ASSERT(domain.page_held == 0 && domain.refs == 1);
}

static bool shows(u64 gfn, u32 i, bool writes)
{
    bool is_writable;
    mfn_t m = p2m_find(&domain, gfn, &is_writable);

    return m.n == frame[i].n && is_writable == writes;
}
static bool is_hole(u64 gfn)
{
    bool is_writable;

    return p2m_find(&domain, gfn, &is_writable).n == MFN_NONE && !is_writable;
}

static u64 noted[4][2];
static u32 notes;
static void note(u64 m, enum page_kind kind)
{
    if (notes < 4) {
        noted[notes][0] = m;
        noted[notes][1] = kind;
    }
    notes++;
}

static void an_entry_holds_a_use(void)
{
    begin(256);
    CU_ASSERT_EQUAL(p2m_show(&domain, 5, frame[0]), 0);
    CU_ASSERT(shows(5, 0, true) && refs(0) == 2 && uses(0) == 1);
    CU_ASSERT_EQUAL(p2m_show(&domain, 6, frame[0]), 0); /* twice, by two numbers */
    CU_ASSERT(refs(0) == 3 && uses(0) == 2);
    CU_ASSERT_EQUAL(p2m_hide(&domain, 5).n, frame[0].n);
    CU_ASSERT(is_hole(5) && shows(6, 0, true) && refs(0) == 2 && uses(0) == 1);
    CU_ASSERT_EQUAL(p2m_hide(&domain, 5).n, MFN_NONE);
    end();
}

static void who_comes_after_gives_back(void)
{
    begin(256);
    CU_ASSERT_EQUAL(p2m_show(&domain, 5, frame[0]), 0);
    CU_ASSERT_EQUAL(p2m_show(&domain, 5, frame[1]), 0);
    CU_ASSERT(shows(5, 1, true) && refs(0) == 1 && uses(0) == 0 && refs(1) == 2);
    CU_ASSERT(frame_page_raw(frame[0])->stamp != 0);    /* and owes a flush */
    CU_ASSERT_EQUAL(p2m_show(&domain, 5, frame[1]), 0); /* by itself */
    CU_ASSERT(refs(1) == 2 && uses(1) == 1);
    end();
}

static void read_only_is_a_reference(void)
{
    begin(256);
    CU_ASSERT(page_get(frame_page_raw(frame[2]), domain_owner(&domain)));
    CU_ASSERT_EQUAL(p2m_set(&domain, 9, frame[2], false), 0);
    CU_ASSERT(shows(9, 2, false) && refs(2) == 2 && uses(2) == 0);
    CU_ASSERT(!p2m_clear(&domain, 9, frame[3])); /* another's */
    CU_ASSERT_EQUAL(p2m_show(&domain, 9, frame[3]), 0);
    CU_ASSERT(refs(2) == 1 && refs(3) == 2 && uses(3) == 1);
    CU_ASSERT(p2m_clear(&domain, 9, frame[3]));
    CU_ASSERT(!p2m_clear(&domain, 9, frame[3]));
    end();
}

static void holes(void)
{
    u32 tables;

    begin(256);
    tables = hvm.tables;
    CU_ASSERT(is_hole(0) && is_hole(511) && is_hole(HVM_GFN_LIMIT - 1) && is_hole(HVM_GFN_LIMIT) && is_hole(~0ull));
    CU_ASSERT(p2m_hide(&domain, 3).n == MFN_NONE && p2m_hide(&domain, ~0ull).n == MFN_NONE);
    CU_ASSERT(!p2m_clear(&domain, HVM_GFN_LIMIT, frame[0]));
    CU_ASSERT_EQUAL(hvm.tables, tables); /* looking makes none */
    CU_ASSERT_EQUAL(p2m_show(&domain, HVM_GFN_LIMIT, frame[0]), -EINVAL);
    CU_ASSERT_EQUAL(p2m_show(&domain, ~0ull, frame[0]), -EINVAL);
    CU_ASSERT_EQUAL(p2m_show(&domain, 0xfee00, frame[0]), -EINVAL); /* the APIC's */
    CU_ASSERT_EQUAL(p2m_show(&domain, HVM_GFN_LIMIT - 1, frame[0]), 0);
    CU_ASSERT(shows(HVM_GFN_LIMIT - 1, 0, true) && is_hole(HVM_GFN_LIMIT - 2));
    end();
}

/* A guest reads where nothing is: ones, but for all others there is nothing, until something comes. */
static pte_t *entry_of(u64 gfn)
{
    pte_t *table = hvm.root;

    for (u32 level = 4; level > 1; level--)
        table = frame_va(mfn(pte_mfn(table[gfn >> 9 * (level - 1) & 511])));
    return &table[gfn & 511];
}

static void holes_that_are_read(void)
{
    u32 made = 0;

    begin(256);
    CU_ASSERT(!p2m_show_hole(&domain, HVM_GFN_LIMIT) && !p2m_show_hole(&domain, ~0ull));
    CU_ASSERT(p2m_show_hole(&domain, 5) && p2m_show_hole(&domain, 5));
    CU_ASSERT(is_hole(5) && p2m_hide(&domain, 5).n == MFN_NONE && hvm.gfn_end == 0);
    CU_ASSERT(*entry_of(5) & PTE_P && !(*entry_of(5) & PTE_RW));
    CU_ASSERT_EQUAL(*(const u64 *)frame_va(mfn(pte_mfn(*entry_of(5)))), ~0ull);
    notes = 0;
    CU_ASSERT_EQUAL(p2m_show(&domain, 6, frame[0]), 0);
    CU_ASSERT(p2m_show_hole(&domain, 6) && shows(6, 0, true) && refs(0) == 2); /* there is something */
    p2m_note(&domain, note);
    CU_ASSERT_EQUAL(notes, 1);
    CU_ASSERT(page_get(frame_page_raw(frame[1]), domain_owner(&domain)));
    fake_flushes[0] = 0;
    CU_ASSERT_EQUAL(p2m_add(&domain, 5, frame[1], false), 0);
    CU_ASSERT(shows(5, 1, false) && fake_flushes[0] == 1); /* who read there sees it at once */
    for (u64 at = 0; at < 512 && p2m_show_hole(&domain, at << 18); at++)
        made++;
    CU_ASSERT(made > 8 && made < 64);
    end();
}

static void only_into_a_hole(void)
{
    begin(256);
    CU_ASSERT_EQUAL(p2m_show(&domain, 5, frame[0]), 0);
    CU_ASSERT(page_get(frame_page_raw(frame[1]), domain_owner(&domain)));
    CU_ASSERT_EQUAL(p2m_add(&domain, 5, frame[1], false), -EEXIST);
    CU_ASSERT(shows(5, 0, true) && refs(0) == 2 && refs(1) == 2);
    CU_ASSERT_EQUAL(p2m_add(&domain, 6, frame[1], false), 0);
    CU_ASSERT(shows(6, 1, false) && refs(1) == 2);
    end();
}

static void frames_of_others(void)
{
    begin(256);
    frame_page_raw(frame[4])->owner = PAGE_OWNER_DOMAIN + 8;
    CU_ASSERT_EQUAL(p2m_show(&domain, 5, frame[4]), -EINVAL);
    CU_ASSERT(is_hole(5));
    frame_page_raw(frame[4])->owner = domain_owner(&domain);
    frame_page_raw(frame[4])->type = PAGE_KIND_OF(PAGE_SEG) | PAGE_VALID | 1; /* in use as something else */
    CU_ASSERT_EQUAL(p2m_show(&domain, 5, frame[4]), -EINVAL);
    CU_ASSERT(is_hole(5) && refs(4) == 1);
    frame_page_raw(frame[4])->type = 0;
    end();
}

static void memory_ends_at_each_table(void)
{
    for (u32 n = 1; n <= 4; n++) { /* the third is the page beside the second */
        begin(256);
        asked = 0;
        wanted = n;
        CU_ASSERT_EQUAL(p2m_show(&domain, 5, frame[n]), -ENOMEM);
        CU_ASSERT_EQUAL(asked, n);
        CU_ASSERT_EQUAL(tables_out, hvm.tables + FRAMES);
        CU_ASSERT(is_hole(5) && refs(n) == 1 && uses(n) == 0);
        wanted = 0;
        CU_ASSERT_EQUAL(p2m_show(&domain, 5, frame[n]), 0); /* what was made serves now */
        CU_ASSERT_EQUAL(asked, n == 3 ? 6 : 5);
        end();
    }
    fake_init(1);
    domain = (struct domain){.hvm = &hvm, .page_max = 256};
    hvm = (struct hvm_domain){0};
    asked = 0;
    wanted = 1;
    CU_ASSERT_EQUAL(p2m_create(&domain), -ENOMEM); /* the first of all */
    p2m_destroy(&domain);
    wanted = 0;
}

static void tables_have_a_limit(void)
{
    u32 made = 0;

    begin(256);
    for (u64 at = 0; at < 512 && p2m_show(&domain, at << 18, frame[0]) == 0; at++)
        made++;
    CU_ASSERT(made > 8 && made < 64);
    CU_ASSERT_EQUAL(refs(0), 1 + made);
    CU_ASSERT_EQUAL(p2m_show(&domain, 1, frame[1]), 0); /* where there is a table, there is room */
    CU_ASSERT_EQUAL((u64)tables_out, hvm.tables + FRAMES);
    end();
}

#include "p2m_large.h"

static void the_dying_gets_nothing(void)
{
    begin(256);
    CU_ASSERT_EQUAL(p2m_show(&domain, 1, frame[1]), 0);
    domain.life = DOMAIN_DYING;
    CU_ASSERT(p2m_show(&domain, 2, frame[2]) != 0);
    CU_ASSERT(is_hole(2) && refs(2) == 1);
    end();
}

static void the_audit_hears_of_all(void)
{
    begin(256);
    CU_ASSERT_EQUAL(p2m_show(&domain, 1, frame[1]), 0);
    CU_ASSERT_EQUAL(p2m_show(&domain, 511, frame[2]), 0);
    CU_ASSERT(page_get(frame_page_raw(frame[3]), domain_owner(&domain)));
    CU_ASSERT_EQUAL(p2m_set(&domain, 512 * 700, frame[3], false), 0);
    notes = 0;
    p2m_note(&domain, note);
    CU_ASSERT_EQUAL_FATAL(notes, 3);
    CU_ASSERT(noted[0][0] == frame[1].n && noted[0][1] == PAGE_WRITABLE);
    CU_ASSERT(noted[1][0] == frame[2].n && noted[1][1] == PAGE_WRITABLE);
    CU_ASSERT(noted[2][0] == frame[3].n && noted[2][1] == PAGE_NONE);
    end();
}

static void the_end_comes_in_steps(void)
{
    u32 steps = 0;

    begin(4096);
    for (u32 i = 0; i < FRAMES; i++)
        CU_ASSERT_EQUAL(p2m_show(&domain, i * 300, frame[i]), 0);
    domain.life = DOMAIN_DYING;
    do {
        cpu_info()->work = 1;
        steps++;
    } while (p2m_drain(&domain) == -ERESTART && steps < 100000);
    cpu_info()->work = 0;
    CU_ASSERT(steps > FRAMES && steps <= 24 * 300 + FRAMES);
    CU_ASSERT_EQUAL(hvm.gfn_end, 0);
    end();
}

#define NUMBERS 1200u
static void random_walk(void)
{
    static u32 there[NUMBERS]; /* frame + 1, 0: hole */
    static bool writes[NUMBERS];

    begin(8192);
    memset(there, 0, sizeof(there));
    for (u32 n = 0; n < 20000; n++) {
        u64 gfn = fake_random(NUMBERS);
        u32 i = (u32)fake_random(FRAMES);
        bool w = fake_random(2);
        switch (fake_random(4)) {
        case 0:
            if (!w && !page_get(frame_page_raw(frame[i]), domain_owner(&domain)))
                abort();
            CU_ASSERT_EQUAL(w ? p2m_show(&domain, gfn, frame[i]) : p2m_set(&domain, gfn, frame[i], false), 0);
            there[gfn] = i + 1;
            writes[gfn] = w;
            break;
        case 1:
            CU_ASSERT_EQUAL(p2m_hide(&domain, gfn).n, there[gfn] ? frame[there[gfn] - 1].n : MFN_NONE);
            there[gfn] = 0;
            break;
        case 2:
            CU_ASSERT(p2m_show_hole(&domain, gfn));
            break;
        default:
            CU_ASSERT(there[gfn] ? shows(gfn, there[gfn] - 1, writes[gfn]) : is_hole(gfn));
        }
    }
    for (u32 i = 0; i < FRAMES; i++) {
        u32 all = 0, w = 0;
        for (u32 gfn = 0; gfn < NUMBERS; gfn++) {
            all += there[gfn] == i + 1;
            w += there[gfn] == i + 1 && writes[gfn];
        }
        CU_ASSERT(refs(i) == 1 + all && uses(i) == w);
    }
    end();
}

int main(void)
{
    CU_TestInfo tests[] = {{"an entry holds a use of its frame", an_entry_holds_a_use},
                           {"who comes after gives back", who_comes_after_gives_back},
                           {"read-only is a reference", read_only_is_a_reference},
                           {"holes", holes},
                           {"holes that are read", holes_that_are_read},
                           {"only into a hole", only_into_a_hole},
                           {"frames of others, or of another use", frames_of_others},
                           {"memory ends at each table", memory_ends_at_each_table},
                           {"tables have a limit", tables_have_a_limit},
                           {"large where all follow", large_where_all_follow},
                           {"not large", not_large},
                           {"changes split", changes_split},
                           {"large until the first goes", large_until_the_first_goes},
                           {"the dying gets nothing", the_dying_gets_nothing},
                           {"the audit hears of all", the_audit_hears_of_all},
                           {"the end comes in steps", the_end_comes_in_steps},
                           {"a random walk", random_walk},
                           CU_TEST_INFO_NULL};

    fake_init(1);
    fake_seed();
    p2m_init();
    return suite_run("p2m", tests);
}
