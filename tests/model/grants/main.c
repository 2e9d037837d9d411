/* SPDX-License-Identifier: MIT */
/*
 * Random grants among three domains against a reference model (model.c). The guests are hostile: entries change while
 * they are in use, page-table entries are written over, frames given back, handles invented, domains die in the middle.
 * After each step everything is compared. Arguments: seeds, operations a seed; SEED=n repeats one. Ends with "N passed,
 * N failed".
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../seeds.h"
#include "call/call.h"
#include "fake_hw/fake.h"
#include "model.h"
#include "pv/pte.h"

static u32 handle_of[DOMS][4096]; /* the last one of each place */
static u64 tally[2][9];           /* refused, accepted */

static void op_entry(void)
{
    u32 d = rnd(DOMS), r = rnd(REFS);
    static const u16 odd[] = {
        0, GTF_accept_transfer, GTF_transitive, GTF_permit_access | GTF_sub_page, GTF_permit_access | GTF_PCD, 0xffff};
    u64 m = page[d][rnd(PAGES)], flags = GTF_permit_access | (rnd(4) ? 0 : GTF_readonly);
    if (rnd(12) == 0)
        m = rnd(3) ? l1_frame[d] : page[rnd(DOMS)][0];
    if (rnd(12) == 0)
        m = rnd(2) ? 0xffffffff : 0xa0; /* beyond the end, a device */
    if (rnd(8) == 0)
        flags = odd[rnd(6)];
    word[d][r] = flags | (u64)doms[rnd(DOMS)]->id << 16 | m << 32;
    if (rnd(20) == 0)
        word[d][r] |= GTF_reading | GTF_writing; /* a lie */
    *(volatile u64 *)(void *)world_entry(doms[d], r) = word[d][r];
    last = "an entry was written";
}

static s64 grant_call(u32 cmd, void *op, u32 count)
{
    struct call_args args = {{cmd, (u64)op, count}};
    s64 rc = call_grant_table_op(&args);
    if (rc)
        fail("hypercall %u: %ld", cmd, rc);
    return rc;
}

static u64 address(u32 d, u32 slot, u32 flags)
{
    return flags & GNTMAP_contains_pte ? (u64)world_slot(d, slot) - DIRECT_START : VA + slot * PAGE_SIZE;
}

/* Mostly the domain that entry `ref` of domain g is for. */
static u32 user_of(u32 g, u32 ref)
{
    u32 d = rnd(DOMS), id = (u32)(word[g][ref] >> 16 & 0xffff);
    for (u32 i = 0; i < DOMS && rnd(4); i++)
        d = doms[i]->id == id ? i : d;
    return d;
}

static void op_map(void)
{
    u32 g = rnd(DOMS), ref = rnd(20) ? rnd(REFS) : 5000, d = user_of(g, ref % REFS), slot = rnd(SLOTS), flags, at = 0,
        mine = 0;
    bool is_bad_slot = rnd(15) == 0;
    flags = (rnd(4) ? GNTMAP_host_map : 0) | (rnd(4) ? 0 : GNTMAP_device_map) | (rnd(3) ? 0 : GNTMAP_readonly) |
            (rnd(2) ? 0 : GNTMAP_contains_pte) | (rnd(2) ? 0 : GNTMAP_application_map);
    struct gnttab_map_grant_ref op = {
        .host_addr = address(d, slot, flags), .flags = flags, .ref = ref, .dom = rnd(30) ? doms[g]->id : 4095};
    bool writes = !(flags & GNTMAP_readonly), ok;
    u64 m = op.dom == 4095 ? 0 : granted(g, d, ref, writes);
    if (is_bad_slot)
        op.host_addr = rnd(2) ? 0x123400000000 : (page[d][0] << 12);
    for (u32 i = 0; i < MAPPINGS; i++) {
        mine += map[i].is_live && map[i].mapper == d;
        if (map[at].is_live)
            at = i;
    }
    ok = m && flags & (GNTMAP_host_map | GNTMAP_device_map) && !(is_bad_slot && flags & GNTMAP_host_map) &&
         !(writes && m == l1_frame[g]) && mine < 255;
    if (is_hidden(g, ref))
        return;
    world_run_as(d);
    last = "map";
    grant_call(GNTTABOP_map_grant_ref, &op, 1);
    if (ok != (op.status == GNTST_okay))
        fail("map of entry %u of domain %u by domain %u, flags %x: status %d", ref, doms[g]->id, doms[d]->id, flags,
             op.status);
    tally[ok][0]++;
    if (!ok && mine == 255 && flags & GNTMAP_host_map && m && !is_bad_slot && !(writes && m == l1_frame[g])) {
        shown[d][slot] = 0; /* it was mapped, and taken away again */
        shown_rw[d][slot] = false;
        pin(g, ref, writes);
        unpin(doms[g], ref, writes);
        tally[1][6]++;
        return;
    }
    if (!ok && op.dom != 4095 && offered(g, d, ref, writes) && flags & (GNTMAP_host_map | GNTMAP_device_map)) {
        pin(g, ref, writes); /* for a moment: so a lie of the granter's ends, and the truth comes back */
        unpin(doms[g], ref, writes);
    }
    if (!ok)
        return;
    if (op.dev_bus_addr != m << PAGE_SHIFT)
        fail("map says bus address %lx of frame %lx", op.dev_bus_addr, m);
    if (handle_of[d][op.handle & 0xfff] == op.handle)
        fail("handle %x comes again at once", op.handle);
    handle_of[d][op.handle & 0xfff] = op.handle;
    map[at] = (struct mapping){
        true,        flags & GNTMAP_host_map, flags & GNTMAP_device_map, !writes, d, ref, slot, op.handle, doms[g], m,
        op.host_addr};
    pin(g, ref, writes);
    if (flags & GNTMAP_host_map) {
        shown[d][slot] = m;
        shown_rw[d][slot] = writes;
    }
}

static void op_unmap(void)
{
    struct mapping *m = &map[rnd(MAPPINGS)];
    for (u32 i = 0; i < MAPPINGS && !m->is_live; i++)
        m = &map[rnd(64)];
    u32 d = rnd(10) ? m->mapper : rnd(DOMS);
    struct gnttab_unmap_grant_ref op = {.host_addr = m->is_host && rnd(8) ? m->host_addr : 0,
                                        .dev_bus_addr = m->is_device && rnd(4) ? m->frame << PAGE_SHIFT : 0,
                                        .handle = rnd(12)  ? m->handle
                                                  : rnd(2) ? m->handle + (1u << 20)
                                                           : rnd(2000)};
    bool host = op.host_addr != 0, device = op.dev_bus_addr != 0, ok;
    if (op.handle != m->handle || d != m->mapper || !m->is_live) { /* whose it is then, if anybody's, is not asked */
        for (u32 i = 0; i < MAPPINGS; i++)
            if (map[i].is_live && map[i].mapper == d && map[i].handle == op.handle)
                return;
    }
    ok = m->is_live && d == m->mapper && op.handle == m->handle && (host || device);
    if (rnd(20) == 0 && host) {
        op.host_addr += PAGE_SIZE;
        ok = false;
    }
    world_run_as(d);
    last = "unmap";
    unmapping = ok ? m : NULL;
    flushes = 0;
    grant_call(GNTTABOP_unmap_grant_ref, &op, 1);
    unmapping = NULL;
    if (ok != (op.status == GNTST_okay))
        fail("unmap of handle %x by domain %u: status %d", op.handle, doms[d]->id, op.status);
    tally[ok][1]++;
    if (!ok)
        return;
    if (host && !flushes)
        fail("unmap without a flush");
    m->is_host &= !host;
    m->is_device &= !device;
    if (host && shown[d][m->slot] == m->frame) {
        shown[d][m->slot] = 0;
        shown_rw[d][m->slot] = false;
    }
    if (!m->is_host && !m->is_device) {
        m->is_live = false;
        unpin(m->granter, m->ref, !m->is_readonly);
    }
}

/* An ordinary update of a page-table entry, whatever it shows. */
static void op_update(void)
{
    u32 d = rnd(DOMS), s = rnd(SLOTS);
    u64 m = rnd(2) ? 0 : page[d][rnd(PAGES)];
    bool rw = m && rnd(2);
    world_run_as(d);
    last = "update of a page-table entry";
    if (pv_pte_write(doms[d], domain_owner(doms[d]), world_slot(d, s),
                     m ? pte_make(m, PTE_P | PTE_A | PTE_D | (rw ? PTE_RW : 0)) : 0, false))
        return;
    shown[d][s] = m;
    shown_rw[d][s] = rw;
    tally[1][2]++;
}

static void op_page(void) /* given back, or a new one */
{
    u32 d = rnd(DOMS), i = rnd(PAGES);
    world_run_as(d);
    last = "a page given back or taken";
    if (page[d][i]) {
        if (rnd(3))
            return;
        allocated[page[d][i]] = false;
        world_page_drop(d, page[d][i]);
        page[d][i] = 0;
    } else {
        u64 m = page[d][i] = world_page_new(d);
        allocated[m] = true;
        watch(m);
        memset(frame_va(mfn(m)), (int)rnd(255), PAGE_SIZE);
    }
    tally[1][3]++;
}

static bool is_skipped;
static bool side_ok(u32 d, struct gnttab_copy_ptr *p, bool is_gref, bool writes, u64 *m)
{
    u32 g = rnd(DOMS);
    *p = (struct gnttab_copy_ptr){.domid = is_gref ? doms[g]->id : DOMID_SELF, .offset = (u16)rnd(PAGE_SIZE)};
    if (is_gref) {
        p->u.ref = rnd(REFS);
        for (u32 i = 0; i < 10 && (word[g][p->u.ref] >> 16 & 0xffff) != doms[d]->id; i++)
            p->u.ref = rnd(REFS);
        *m = granted(g, d, p->u.ref, writes);
        is_skipped |= is_hidden(g, p->u.ref);
        return *m && !(writes && *m == l1_frame[g]);
    }
    if (rnd(10) == 0) { /* by its number, in another domain's name: never, whosever it is */
        p->domid = doms[g]->id;
        *m = p->u.gmfn = page[rnd(2) ? g : d][rnd(PAGES)];
        return *m && g == d;
    }
    *m = p->u.gmfn = page[d][rnd(PAGES)];
    if (rnd(10) == 0)
        *m = p->u.gmfn = l1_frame[d];
    return *m && !(writes && *m == l1_frame[d]);
}

#define COPIES 3u
static void op_copy(void)
{
    static u8 before[PAGE_SIZE];
    u32 d = rnd(DOMS);
    struct gnttab_copy op[COPIES];
    u64 from[COPIES], to[COPIES];
    bool ok[COPIES];
    is_skipped = false;
    for (u32 i = 0; i < COPIES; i++) {
        op[i] = (struct gnttab_copy){.flags = (u16)rnd(4), .len = (u16)rnd(64)};
        if (i && rnd(2)) { /* the same again */
            op[i] = op[i - 1];
            from[i] = from[i - 1], to[i] = to[i - 1], ok[i] = ok[i - 1];
            continue;
        }
        bool a = side_ok(d, &op[i].source, op[i].flags & GNTCOPY_source_gref, false, &from[i]);
        bool b = side_ok(d, &op[i].dest, op[i].flags & GNTCOPY_dest_gref, true, &to[i]);
        ok[i] = a && b && op[i].source.offset + op[i].len <= PAGE_SIZE && op[i].dest.offset + op[i].len <= PAGE_SIZE;
        if (is_skipped || (a && b && from[i] == to[i]))
            return; /* not known, or may overlap */
    }
    world_run_as(d);
    last = "copy";
    for (u32 i = 0; i < COPIES; i++)
        if (ok[i])
            ((u8 *)frame_va(mfn(to[i])))[0] = (u8)i;
    if (ok[0])
        memcpy(before, frame_va(mfn(from[0])), PAGE_SIZE);
    grant_call(GNTTABOP_copy, op, COPIES);
    for (u32 i = 0; i < COPIES; i++) {
        if (ok[i] != (op[i].status == GNTST_okay))
            fail("copy %u of domain %u: status %d", i, doms[d]->id, op[i].status);
        tally[ok[i]][4]++;
    }
    if (ok[0] && from[0] != to[1] && from[0] != to[2] && to[0] != to[1] && to[0] != to[2] &&
        memcmp((u8 *)frame_va(mfn(to[0])) + op[0].dest.offset, before + op[0].source.offset, op[0].len))
        fail("a copy differs");
    /* whatever the granters had lied about is cleared by the end of the use */
    for (u32 g = 0; g < DOMS; g++)
        for (u32 r = 0; r < REFS; r++) {
            u64 now = *(volatile u64 *)(void *)world_entry(doms[g], r), other = GTF_reading | GTF_writing;
            u32 users, writers;
            count_pins(doms[g], r, &users, &writers);
            if ((now ^ word[g][r]) & ~other || ((now ^ word[g][r]) & GTF_reading && !(now & GTF_reading) != !users) ||
                ((now ^ word[g][r]) & GTF_writing && !(now & GTF_writing) != !writers))
                fail("a copy leaves entry %u of domain %u as %lx; it was %lx", r, doms[g]->id, now, word[g][r]);
            word[g][r] = now;
        }
}

/* In the order of domain_destroy(); another takes its place. */
static void op_death(void)
{
    u32 d = rnd(DOMS);
    struct domain *old = doms[d];
    int rc;
    world_run_as(d);
    last = "death";
    old->life = DOMAIN_DYING;
    do { /* interrupted now and then */
        cpu_info()->work = rnd(2);
        rc = grant_destroy(old);
    } while (rc == -ERESTART);
    cpu_info()->work = 0;
    for (u32 i = 0; i < MAPPINGS; i++)
        if (map[i].is_live && map[i].mapper == d) {
            map[i].is_live = false;
            unpin(map[i].granter, map[i].ref, !map[i].is_readonly);
        }
    for (u32 p = 0; p < PAGES; p++)
        if (page[d][p])
            allocated[page[d][p]] = false;
    note_table(d, false);
    world_relinquish(old, d);
    memset(page[d], 0, sizeof(page[d]));
    memset(handle_of[d], 0, sizeof(handle_of[d]));
    memset(shown[d], 0, sizeof(shown[d]));
    memset(shown_rw[d], 0, sizeof(shown_rw[d]));
    memset(word[d], 0, sizeof(word[d]));
    check_frames(); /* before others take them */
    if (old->grant.frame_count || old->grant.track || old->grant.mapped)
        fail("a dead domain keeps its table");
    domain_put(old);
    free(vcpus[d]);
    world_domain_create(d);
    note_table(d, true);
    tally[1][5]++;
}

static int run_seed(u64 n, u64 ops)
{
    seed = n;
    seed_state = n * 0x9e3779b97f4a7c15ull | 1;
    alarm(300);
    world_init();
    for (u32 d = 0; d < DOMS; d++)
        note_table(d, true);
    for (ops_done = 0; ops_done < ops; ops_done++) {
        bool is_greedy = ops_done / 10000 % 2; /* nearly nobody unmaps or dies */
        u32 what = rnd(100);
        if (what < 15)
            op_entry();
        else if (what < (is_greedy ? 70 : 45))
            op_map();
        else if (what < 72)
            op_unmap();
        else if (what < 85)
            op_update();
        else if (what < 90)
            op_page();
        else if (what < 99 || is_greedy || rnd(15))
            op_copy();
        else
            op_death();
        check_all();
        if (ops_done % 64 == 0 && grant_audit())
            fail("the audit finds a fault");
    }
    if (!tally[0][0] || !tally[1][0] || !tally[0][1] || !tally[1][1] || !tally[1][2] || !tally[1][3] || !tally[0][4] ||
        !tally[1][4] || (ops > 50000 && (!tally[1][5] || !tally[1][6])))
        fail("some operation was never tried: it proves nothing");
    printf("seed %lu: passed; accepted/refused: map %lu/%lu, unmap %lu/%lu, copy %lu/%lu; %lu updates, %lu pages, "
           "%lu deaths, %lu times out of handles\n",
           n, tally[1][0], tally[0][0], tally[1][1], tally[0][1], tally[1][4], tally[0][4], tally[1][2], tally[1][3],
           tally[1][5], tally[1][6]);
    return 0;
}

int main(int argc, char **argv)
{
    return seeds_run("grants", argc, argv, 100000, run_seed);
}
