/* SPDX-License-Identifier: MIT */
/*
 * A guest's numbers, changed at random, against a flat array of what each shows. What must never be: a CPU that holds
 * two sizes of one address, one that reaches a frame that was given out anew since (world.c), an entry that is not the
 * array's, a frame with other counts than the array's entries give it, a table that is lost.
 * Arguments: seeds, operations a seed; SEED=n repeats one. Ends with "N passed, N failed".
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../seeds.h"
#include "core/work.h"
#include "world.h"

#define HELD 24u
#define LENT 64u

static struct vcpu vcpu;
static u64 frame_at[REGIONS][SPAN]; /* 0: nothing */
static bool writes_at[REGIONS][SPAN], is_read[REGIONS][SPAN];
static u32 entries[FRAMES], uses[FRAMES];
static u64 held[HELD], lent[LENT];

static void forget(u32 r, u32 i)
{
    u64 m = frame_at[r][i];
    entries[m] -= m != 0;
    uses[m] -= m && writes_at[r][i];
    frame_at[r][i] = 0;
    writes_at[r][i] = false;
}

static void learn(u32 r, u32 i, u64 m, bool writes)
{
    forget(r, i);
    frame_at[r][i] = m;
    writes_at[r][i] = writes;
    is_read[r][i] = false;
    entries[m]++;
    uses[m] += writes;
}

static void check_number(u32 r, u32 i)
{
    bool writes;
    u64 m = p2m_find(&guest, region_at[r] + i, &writes).n, want = frame_at[r][i] ? frame_at[r][i] : MFN_NONE;
    struct page *p = frame_page_raw(mfn(m));
    struct cached c;
    bool is_there = walk(region_at[r] + i, &c);
    if (m != want || writes != writes_at[r][i])
        fail("0x%lx shows 0x%lx, not 0x%lx", region_at[r] + i, m, want);
    if (is_there != (frame_at[r][i] || is_read[r][i]))
        fail("a processor finds %s by 0x%lx", is_there ? "something" : "nothing", region_at[r] + i);
    if (m == MFN_NONE)
        return;
    if (c.m + (region_at[r] + i - c.gfn) != m || c.writes != writes)
        fail("a processor finds 0x%lx by 0x%lx, not 0x%lx", c.m, region_at[r] + i, m);
    if ((u32)p->refs != entries[m] + (p->refs & PAGE_ALLOCATED ? 1 : 0) || (u32)p->type != uses[m])
        fail("frame 0x%lx has counts %lx %lx for %u entries, %u writable", m, p->refs, p->type, entries[m], uses[m]);
}

static u64 notes;
static void note(u64 m, enum page_kind kind)
{
    notes++;
}

static bool is_large(u32 r)
{
    struct cached c;
    return walk(region_at[r], &c) && c.pages > 1;
}

static void check_all(void)
{
    u64 count = 0, larges = 0;
    for (u32 r = 0; r < REGIONS; r++) {
        larges += is_large(r);
        for (u32 i = 0; i < SPAN; i++) {
            check_number(r, i);
            count += frame_at[r][i] != 0;
        }
    }
    notes = 0;
    p2m_note(&guest, note);
    if (notes != count || hvm.larges != larges)
        fail("the audit hears of %lu entries and %u large leaves; there are %lu and %lu", notes, hvm.larges, count,
             larges);
}

/* --- operations --- */

static bool is_run(u32 r)
{
    for (u32 i = 0; i < SPAN; i++)
        if (!writes_at[r][i] || frame_at[r][i] != frame_at[r][0] + i)
            return false;
    return frame_at[r][0] % SPAN == 0;
}

static void show_at(u32 r, u32 i, u64 m, bool writes)
{
    if (!writes && !page_get(frame_page_raw(mfn(m)), domain_owner(&guest)))
        fail("frame 0x%lx is not there", m);
    if (writes ? p2m_show(&guest, region_at[r] + i, mfn(m)) : p2m_set(&guest, region_at[r] + i, mfn(m), false))
        fail("0x%lx cannot be shown", region_at[r] + i);
    learn(r, i, m, writes);
    if (i == SPAN - 1 && is_run(r) != is_large(r))
        fail("2 MiB at 0x%lx are shown %s", region_at[r], is_run(r) ? "one by one" : "as one");
}

/* Not lent, and not given back while another number shows it. */
static bool is_own(u64 m)
{
    const struct page *p = frame_page_raw(mfn(m));
    return p->owner == domain_owner(&guest) && p->refs & PAGE_ALLOCATED;
}

static u64 frame_new(struct domain *d, u32 order)
{
    mfn_t m = frame_alloc(order, 0, 0);
    page_assign(d, m, 1ull << order);
    return m.n;
}

/* Not shown any more: who has it released as well? The same as extent_drop() of call/. */
static void drop_at(u32 r, u32 i, bool releases)
{
    mfn_t m = p2m_hide(&guest, region_at[r] + i);
    struct page *p;
    if (m.n != (frame_at[r][i] ? frame_at[r][i] : MFN_NONE))
        fail("hiding 0x%lx gives 0x%lx", region_at[r] + i, m.n);
    if (m.n == MFN_NONE)
        return;
    forget(r, i);
    p = frame_page_raw(m);
    if (releases && page_get(p, domain_owner(&guest))) {
        if (p->refs & PAGE_ALLOCATED && !page_release(&guest, p))
            fail("frame 0x%lx cannot be released", m.n);
        page_put(p);
    }
}

/* Mostly as the tools ask for it; also where the frames begin in between, and where the guest may only read. */
static void op_extent(u32 r)
{
    u32 kind = guest.loaded_cpus ? rnd(6) : 5, from = kind == 0 ? 1 + rnd(SPAN - 1) : 0;
    u64 m = frame_new(&guest, kind == 0 ? 10 : 9) + from;
    last = "512 frames are shown";
    for (u32 i = 0; i < SPAN; i++) {
        drop_at(r, i, true);
        show_at(r, i, m + i, kind != 1);
        if (rnd(64) == 0)
            processors(2);
    }
    for (u32 i = 0; kind == 0 && i < 2 * SPAN; i++)
        if (i - from >= SPAN && !page_release(&guest, frame_page_raw(mfn(m - from + i))))
            fail("frame 0x%lx cannot be released", m - from + i);
    tally[kind == 0 ? 10 : kind == 1 ? 11 : 0]++;
}

static void op_out(u32 r, u32 i)
{
    u32 count = rnd(10) ? 1 : SPAN;
    last = "given back";
    for (u32 k = 0; k < count; k++)
        drop_at(r, (i + k) % SPAN, true);
    tally[1]++;
}

/* Another frame; or its own again, which may make 2 MiB whole; or by a second number. */
static void op_in(u32 r, u32 i)
{
    u64 m = frame_at[r][i];
    u32 how = rnd(4);
    last = "one frame is shown";
    if (m && !is_own(m))
        return;
    if (how == 0 && m && rnd(2)) {
        r = rnd(REGIONS);
        i = rnd(SPAN);
    } else if (how == 1 && m) {
        drop_at(r, i, false);
    } else if (how > 1 || !m) {
        m = frame_new(&guest, 0);
    }
    drop_at(r, i, frame_at[r][i] != m);
    show_at(r, i, m, true);
    tally[2]++;
}

/* The hole in 2 MiB, and what was there again: where all else follows, it becomes whole. */
static void op_mend(u32 r)
{
    u64 m = frame_at[r][0];
    last = "the last of 512 again";
    if (!m || m % SPAN || !is_large(r) || !is_own(m + SPAN - 1))
        return;
    drop_at(r, SPAN - 1, false);
    if (is_large(r))
        fail("2 MiB at 0x%lx are shown, with a hole", region_at[r]);
    processors(4);
    if (rnd(3) == 0)
        drop_at(r, rnd(2) ? 0 : rnd(SPAN - 1), true);
    show_at(r, SPAN - 1, m + SPAN - 1, true);
    tally[3] += is_large(r);
}

static void op_read_only(u32 r, u32 i)
{
    u64 m = frame_at[r][i];
    last = "read-only";
    if (!m || !is_own(m))
        return;
    show_at(r, i, m, false);
    tally[4]++;
}

static void op_grant(u32 r, u32 i)
{
    u64 m = lent[rnd(LENT)], slot = ~0ull;
    bool writes = rnd(2);
    int rc;
    last = "a grant is mapped";
    rc = hvm_grant_ops.map(&vcpu, (region_at[r] + i) << PAGE_SHIFT, writes ? 0 : GNTMAP_readonly, mfn(m),
                           domain_owner(&other), &slot);
    if ((rc == 0) != !frame_at[r][i])
        fail("a grant by 0x%lx: %d", region_at[r] + i, rc);
    if (rc)
        return;
    learn(r, i, m, writes);
    tally[5]++;
    if (rnd(2)) { /* as dom/grant_map.c does it */
        hvm_grant_ops.unmap(&guest, slot, mfn(m));
        tlb_flush_cpus(guest.loaded_cpus);
        forget(r, i);
    }
}

/* A frame that somebody else maps stays what it is, whatever the guest does to its number. */
static void op_hold(u32 r, u32 i)
{
    u64 *h = &held[rnd(HELD)];
    last = "a foreign mapping";
    if (*h) {
        entries[*h]--;
        uses[*h]--;
        page_put_as(frame_page_raw(mfn(*h)));
        *h = 0;
    } else if (frame_at[r][i] && frame_page_raw(mfn(frame_at[r][i]))->owner == domain_owner(&guest)) {
        *h = frame_at[r][i];
        if (page_get_as(frame_page_raw(mfn(*h)), domain_owner(&guest), PAGE_WRITABLE))
            fail("frame 0x%lx cannot be mapped", *h);
        entries[*h]++;
        uses[*h]++;
        tally[6]++;
    }
}

static void op_hole(u32 r, u32 i)
{
    last = "a hole is read";
    if (!p2m_show_hole(&guest, region_at[r] + i))
        fail("no table for a hole");
    is_read[r][i] = true;
    tally[7]++;
}

static void op_load(void)
{
    u32 cpu = rnd(CPUS);
    last = "a vCPU comes or goes";
    if (guest.loaded_cpus & BIT(cpu)) {
        world_flush(BIT(cpu));
        guest.loaded_cpus &= ~BIT(cpu);
    } else {
        guest.loaded_cpus |= BIT(cpu);
        world_flush(BIT(cpu));
    }
    tally[8]++;
}

static void birth(void)
{
    hvm = (struct hvm_domain){0};
    guest = (struct domain){.hvm = &hvm, .page_max = 1 << 16, .refs = 1, .id = 0};
    lock_init(&guest.page_lock, RANK_PAGE_LIST);
    if (p2m_create(&guest))
        fail("no root");
    for (u32 r = 0; r < REGIONS; r++) {
        if (rnd(2)) { /* a table begins with one entry, or with all */
            show_at(r, 5, frame_new(&guest, 0), true);
            check_number(r, 5);
        }
        op_extent(r);
    }
}

static void death(void)
{
    last = "the end";
    guest.loaded_cpus = 0;
    world_flush(cpu_online);
    for (u32 i = 0; i < HELD; i++)
        if (held[i]) {
            page_put_as(frame_page_raw(mfn(held[i])));
            held[i] = 0;
        }
    guest.life = DOMAIN_DYING;
    do {
        cpu_info()->work = rnd(3) == 0;
    } while (p2m_drain(&guest));
    cpu_info()->work = 0;
    for (u32 r = 0; r < REGIONS; r++)
        if (is_large(r))
            fail("2 MiB at 0x%lx are shown to the end", region_at[r]);
    while (guest.pages.n)
        if (!page_release(&guest, frame_page_raw(guest.pages)))
            fail("frame 0x%lx cannot be released", guest.pages.n);
    p2m_destroy(&guest);
    if (frames_out != LENT || guest.page_held || guest.refs != 1)
        fail("%ld frames are lost, %lu are still its own", frames_out - LENT, guest.page_held);
    for (u32 i = 0; i < LENT; i++)
        if ((u32)frame_page_raw(mfn(lent[i]))->refs != 1)
            fail("frame 0x%lx is not given back", lent[i]);
    memset(frame_at, 0, sizeof(frame_at));
    memset(writes_at, 0, sizeof(writes_at));
    memset(is_read, 0, sizeof(is_read));
    memset(entries, 0, sizeof(entries));
    memset(uses, 0, sizeof(uses));
    birth();
    tally[9]++;
}

static void step(void)
{
    u32 r = rnd(REGIONS), i = rnd(8) ? rnd(SPAN) : SPAN - 1, what = rnd(1000);
    if (what < 20)
        op_extent(r);
    else if (what < 60)
        op_mend(r);
    else if (what < 150)
        op_out(r, i);
    else if (what < 300)
        op_in(r, i);
    else if (what < 350)
        op_read_only(r, i);
    else if (what < 500)
        op_grant(r, i);
    else if (what < 600)
        op_hold(r, i);
    else if (what < 650 && !frame_at[r][i])
        op_hole(r, i);
    else if (what < 700)
        op_load();
    else if (what < 702)
        death();
    processors(20);
    check_number(r, i);
}

static int run_seed(u64 n, u64 ops)
{
    seed = n;
    seed_state = n * 0x9e3779b97f4a7c15ull | 1;
    alarm(300);
    fake_init(CPUS);
    vcpu.domain = &guest;
    other = (struct domain){.id = 1, .refs = 1};
    lock_init(&other.page_lock, RANK_PAGE_LIST);
    p2m_init();
    for (u32 i = 0; i < LENT; i++)
        lent[i] = frame_new(&other, 0);
    birth();
    for (ops_done = 0; ops_done < ops; ops_done++) {
        step();
        if (ops_done % 64 == 0)
            check_all();
    }
    death();
    for (u32 i = 0; i < 14; i++)
        if (!tally[i])
            fail("operation %u was never done: it proves nothing", i);
    printf("seed %lu: passed; 2 MiB shown %lu (others %lu), mended %lu; out %lu, in %lu, read-only %lu, grants %lu, "
           "foreign %lu, "
           "holes %lu, loads %lu, deaths %lu; accesses %lu small, %lu large\n",
           n, tally[0], tally[10] + tally[11], tally[3], tally[1], tally[2], tally[4], tally[5], tally[6], tally[7],
           tally[8], tally[9], tally[12], tally[13]);
    return 0;
}

int main(int argc, char **argv)
{
    return seeds_run("p2m", argc, argv, 30000, run_seed);
}
