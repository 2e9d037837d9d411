/* SPDX-License-Identifier: MIT */
/*
 * The reference model of grants. From the operations that were accepted alone it knows what every entry, counter and
 * page-table entry must say, and compares. A frame is watched while it has an owner; its references and uses are
 * counted anew each time, from who shows it, maps it, holds it.
 */
#include "model.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "fake_hw/fake.h"
#include "pv/pte.h"

struct mapping map[MAPPINGS];
u64 word[DOMS][REFS], page[DOMS][PAGES], shown[DOMS][SLOTS];
bool shown_rw[DOMS][SLOTS], allocated[FRAMES];
static u32 refs[FRAMES], uses[FRAMES]; /* derived */
static bool is_table[FRAMES];          /* the L1 of a living domain: its L2 uses it */
static bool is_watched[FRAMES];
static u32 watched[FRAMES], watched_count; /* pages that have an owner */
u64 ops_done, seed;
const char *last = "nothing";
const struct mapping *unmapping;
u32 flushes;

void fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "FAILED: ");
    vfprintf(stderr, format, args);
    fprintf(stderr, " (behind operation %lu, %s; SEED=%lu)\n", ops_done, last, seed);
    _exit(1);
}

static u32 index_of(const struct domain *d) /* DOMS: dead */
{
    u32 i = 0;
    while (i < DOMS && doms[i] != d)
        i++;
    return i;
}

void count_pins(const struct domain *d, u32 ref, u32 *users, u32 *writers)
{
    *users = *writers = 0;
    for (u32 i = 0; i < MAPPINGS; i++)
        if (map[i].is_live && map[i].granter == d && map[i].ref == ref) {
            ++*users;
            *writers += !map[i].is_readonly;
        }
}

static void check_entries(void)
{
    u32 users, writers;
    for (u32 d = 0; d < DOMS; d++) {
        u32 pinned = 0;
        for (u32 r = 0; r < REFS; r++) {
            const struct grant_pins *p = &doms[d]->grant.pins[0][r];
            count_pins(doms[d], r, &users, &writers);
            if (p->users != users || p->writers != writers)
                fail("entry %u of domain %u: %u users, %u writers; the model has %u, %u", r, doms[d]->id, p->users,
                     p->writers, users, writers);
            if (*(volatile u64 *)(void *)world_entry(doms[d], r) != word[d][r])
                fail("entry %u of domain %u: %lx; the model has %lx", r, doms[d]->id,
                     *(volatile u64 *)(void *)world_entry(doms[d], r), word[d][r]);
            pinned += users != 0;
        }
        if (doms[d]->grant.pinned != pinned)
            fail("domain %u: %u entries in use; the model has %u", doms[d]->id, doms[d]->grant.pinned, pinned);
    }
}

static void check_slots(void)
{
    for (u32 d = 0; d < DOMS; d++)
        for (u32 s = 0; s < SLOTS; s++) {
            pte_t e = *world_slot(d, s);
            bool is_right =
                shown[d][s] ? e & PTE_P && pte_mfn(e) == shown[d][s] && !(e & PTE_RW) == !shown_rw[d][s] : !(e & PTE_P);
            if (!is_right)
                fail("slot %u of domain %u: %lx; the model has frame %lx%s", s, doms[d]->id, (u64)e, shown[d][s],
                     shown_rw[d][s] ? ", writable" : "");
        }
}

void check_frames(void)
{
    for (u32 i = 0; i < watched_count; i++)
        refs[watched[i]] = uses[watched[i]] = 0;
    for (u32 d = 0; d < DOMS; d++)
        for (u32 s = 0; s < SLOTS; s++) {
            refs[shown[d][s]]++;
            uses[shown[d][s]] += shown_rw[d][s];
        }
    for (u32 i = 0; i < MAPPINGS; i++)
        if (map[i].is_live && map[i].is_device) {
            refs[map[i].frame]++;
            uses[map[i].frame] += !map[i].is_readonly;
        }
    for (u32 i = 0; i < watched_count; i++) {
        u32 m = watched[i];
        struct page *p = frame_page(mfn(m));
        refs[m] += allocated[m] + is_table[m];
        uses[m] += is_table[m];
        if (refs[m] == 0) {
            if (p->owner >= PAGE_OWNER_DOMAIN)
                fail("frame %x has no references and is not free", m);
            is_watched[m] = false;
            watched[i--] = watched[--watched_count];
        } else if ((u32)p->refs != refs[m] || (p->type & PAGE_COUNT) != uses[m]) {
            fail("frame %x: %u references, %lu uses; the model has %u, %u", m, (u32)p->refs,
                 (unsigned long)(p->type & PAGE_COUNT), refs[m], uses[m]);
        }
    }
}

static void check_domains(void)
{
    static u32 held[IDS], frames[IDS];
    memset(held, 0, sizeof(held));
    memset(frames, 0, sizeof(frames));
    for (u32 i = 0; i < watched_count; i++) {
        u32 owner = frame_page(mfn(watched[i]))->owner;
        if (owner >= PAGE_OWNER_DOMAIN)
            frames[owner - PAGE_OWNER_DOMAIN]++;
    }
    for (u32 i = 0; i < MAPPINGS; i++)
        if (map[i].is_live)
            held[map[i].granter->id]++;
    for (u32 id = 0; id < IDS && by_id[id]; id++) {
        u32 want = held[id] + (by_id[id]->page_held != 0) + (index_of(by_id[id]) < DOMS);
        if (by_id[id]->refs != want)
            fail("domain %u: %u references; the model has %u", id, by_id[id]->refs, want);
        if (index_of(by_id[id]) == DOMS && by_id[id]->page_held != frames[id])
            fail("dead domain %u holds %lu frames; the model has %u", id, by_id[id]->page_held, frames[id]);
        if (is_freed[id] && want)
            fail("domain %u is freed too early", id);
    }
}

/* A flush of the mapper comes before its entry is free for the granter. */
void __real_tlb_flush_cpus(cpuset_t cpus);
void __wrap_tlb_flush_cpus(cpuset_t cpus);
void __wrap_tlb_flush_cpus(cpuset_t cpus)
{
    u32 d = unmapping ? index_of(unmapping->granter) : DOMS;
    flushes += unmapping && cpus & BIT(unmapping->mapper);
    if (d < DOMS && unmapping->ref < REFS && !(world_entry(doms[d], unmapping->ref)->flags & GTF_reading) &&
        word[d][unmapping->ref] & GTF_reading)
        fail("entry %u of domain %u is free before the flush", unmapping->ref, doms[d]->id);
    __real_tlb_flush_cpus(cpus);
}

void watch(u64 m)
{
    if (!is_watched[m])
        watched[watched_count++] = (u32)m;
    is_watched[m] = true;
}

void note_table(u32 d, bool is)
{
    u64 m = l1_frame[d];
    is_table[m] = allocated[m] = is;
    if (is)
        watch(m);
}

void pin(u32 d, u32 ref, bool writes)
{
    word[d][ref] |= GTF_reading | (writes ? GTF_writing : 0);
}

void unpin(const struct domain *g, u32 ref, bool writes)
{
    u32 users, writers, d = index_of(g);
    if (d == DOMS)
        return;
    count_pins(g, ref, &users, &writers);
    if (!users)
        word[d][ref] &= ~(u64)GTF_reading;
    if (writes && !writers)
        word[d][ref] &= ~(u64)GTF_writing;
}

bool offered(u32 d, u32 user, u32 ref, bool writes)
{
    u64 w = ref < REFS ? word[d][ref] : 0;
    return (w & (GTF_type_mask | GTF_sub_page | GTF_PWT | GTF_PCD | GTF_PAT)) == GTF_permit_access &&
           (w >> 16 & 0xffff) == doms[user]->id && !(writes && w & GTF_readonly);
}

u64 granted(u32 d, u32 user, u32 ref, bool writes)
{
    u64 m = ref < REFS ? word[d][ref] >> 32 : 0;
    return offered(d, user, ref, writes) && m < FRAMES && is_watched[m] &&
                   frame_page(mfn(m))->owner == domain_owner(doms[d])
               ? m
               : 0;
}

bool is_hidden(u32 d, u32 ref)
{
    u64 m = ref < REFS ? word[d][ref] >> 32 : FRAMES;
    return m < FRAMES && !is_watched[m] && frame_page(mfn(m))->owner == domain_owner(doms[d]);
}

void check_all(void)
{
    check_entries();
    check_domains();
    check_slots();
    check_frames();
}
