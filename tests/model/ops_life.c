/* SPDX-License-Identifier: MIT */
/*
 * The end of a domain at a random moment, whatever its vCPUs were in the middle of, and the birth of the next one with
 * its number. The end goes in pieces like any other call, and domain 0 goes on mapping, unmapping and pinning frames
 * of the dying one meanwhile. Tables of the new one are written as memory and pinned by domain 0, as a builder
 * does. A number is used again only when the last frame of its domain is free, which domain 0 sees to.
 */
#include "ops.h"

#include <string.h>

#define PIECES 3000u

static bool is_half_of(u32 d, u32 m)
{
    const struct page *p = frame_page_raw(mfn(m));
    return p->owner == domain_owner(dom[d]) && page_progress(p->type);
}

/* dom/domain.c calls it like this. */
static s64 destroy_call(const struct call_args *a)
{
    struct domain *d = dom[a->a[0]];
    lock_take(&d->lock);
    s64 rc = pv_teardown(d);
    lock_drop(&d->lock);
    return rc;
}

/* What has been given up so far; that the counts agree with it is model_check()'s to say. */
void life_learn(u32 d)
{
    for (u32 v = 0; v < VCPUS; v++) {
        const struct pv_vcpu *pv = &vcpus[v]->pv;
        if (v / 2 != d)
            continue;
        known.l4[v][0] = (u32)pv->kernel_l4.n;
        known.l4[v][1] = (u32)pv->user_l4.n;
        known.gdt_count[v] = pv->gdt_count;
        for (u32 i = 0; i < 16; i++)
            known.ldt[v][i] = pv->ldt_mapped >> i & 1 ? known.ldt[v][i] : 0;
    }
    for (u32 m = RAM_FIRST; m < FRAMES; m++) {
        const struct page *p = frame_page_raw(mfn(m));
        if (known.owner[m] == domain_owner(dom[d]) && (p->owner != known.owner[m] || !(p->type & PAGE_PINNED)))
            known.pin[m] = 0;
    }
    for (u32 i = 0; i < world.size[d]; i++) {
        u32 m = world.frame[d][i];
        if (m && (frame_page_raw(mfn(m))->owner != domain_owner(dom[d]) ||
                  !(frame_page_raw(mfn(m))->refs & PAGE_ALLOCATED))) {
            world.frame[d][i] = 0;
            known.allocated[m] = false;
            known.m2p[m] = M2P_INVALID;
        }
    }
}

void life_end(u32 d)
{
    for (u32 v = 0; v < VCPUS; v++)
        if (v / 2 == d && (vcpus[v]->pv.kernel_l4.n || vcpus[v]->pv.user_l4.n || vcpus[v]->pv.gdt_count ||
                           vcpus[v]->pv.ldt_mapped || vcpus[v]->pv.retired.n))
            fail("domain %u is dead, and vCPU %u holds something", d, v);
    for (u32 m = RAM_FIRST; m < FRAMES; m++)
        if (known.owner[m] == domain_owner(dom[d]) && (known.pin[m] || known.allocated[m]))
            fail("domain %u is dead, and frame 0x%x is still its own", d, m);
    dom[d]->life = DOMAIN_DEAD;
}

/* A long table in the making: the call stops in its middle, and may never go on. */
static void leave_half(u32 g, u32 d)
{
    u32 m = entries_pick(d, PAGE_L2 + rnd(2)), cpu = cpu_id();
    struct page *p = frame_page_raw(mfn(m));
    struct job j = {.fn = pv_mmuext_op, .op = OP_PIN, .count = 1, .tables = d};
    if (!m || jobs[g].is_active || page_get_as(p, domain_owner(dom[d]), PAGE_WRITABLE))
        return;
    u32 child = entries_pick(d, page_kind(p->type) == PAGE_WRITABLE ? PAGE_L1 : PAGE_NONE);
    for (u32 i = 0; i < 512; i++)
        machine_store(m, i, child ? child << PAGE_SHIFT | PTE_P | PTE_RW | PTE_US : 0);
    page_put_as(p);
    machine_load(vcpus[g], rnd(CPUS));
    machine_mode(vcpus[g], true);
    j.ext[0].cmd = MMUEXT_PIN_L2_TABLE;
    j.ext[0].arg1.mfn = m;
    j.args = (struct call_args){{ops_in_guest(g, j.ext, sizeof(j.ext), 0), 1, 0, DOMID_SELF}};
    ops_start(g, &j);
    bool is_half = page_progress(p->type) && !(p->type & PAGE_BUSY);
    tally.left_half += is_half;
    for (u32 i = 0; i < world.size[d] && is_half; i++)
        if (world.frame[d][i] == m) /* stays its owner's */
            ops_release(d, i);
    fake_cpu = cpu;
}

/* All its vCPUs stop where they are. */
static void die(u32 d)
{
    dom[d]->life = DOMAIN_DYING;
    for (u32 v = 0; v < VCPUS; v++)
        if (v / 2 == d) {
            machine_unload(vcpus[v]);
            jobs[v].is_active = false;
            vcpus[v]->cont = (struct vcpu_cont){0};
        }
}

static void start_end(u32 v, u32 d)
{
    struct job j = {.fn = destroy_call, .op = OP_DESTROY, .count = 1, .args = {{d}}};
    u32 cpu = cpu_id();
    if (one_in(2))
        leave_half(d * 2, d);
    machine_load(vcpus[v], cpu);
    note("vCPU %u: the end of domain %u", v, d);
    die(d);
    ops_start(v, &j);
}

static void finish(u32 v)
{
    for (u32 n = 0; jobs[v].is_active; n++) {
        if (n == PIECES)
            fail("vCPU %u: a call has no end", v);
        ops_drain_all(); /* it may wait for any of them */
        machine_load(vcpus[v], v);
        job_run(v);
    }
}

/* An entry of domain 0's that maps a frame of d goes. */
static void let_go(u32 v, u32 d)
{
    for (u32 t = RAM_FIRST; t < FRAMES; t++) {
        const struct page *p = frame_page_raw(mfn(t));
        if (p->owner != domain_owner(dom[0]) || page_kind(p->type) != PAGE_L1 || !(p->type & PAGE_VALID))
            continue;
        for (u32 i = 0; i < 512; i++) {
            pte_t e = ((pte_t *)frame_va(mfn(t)))[i];
            if (!(e & PTE_P) || !machine_is_ram(pte_mfn(e)) || known.owner[pte_mfn(e)] != domain_owner(dom[d]))
                continue;
            ops_set(v, t, i, 0);
        }
    }
    for (u32 i = 0; i < HOLDS; i++)
        if (known.hold[i].m && known.owner[known.hold[i].m] == domain_owner(dom[d]))
            ops_unhold(i);
}

/* Contents by hand, then pins: whatever is acceptable of it becomes tables. */
static void give_birth(u32 v, u32 d)
{
    for (u32 m = RAM_FIRST; m < FRAMES; m++)
        if (is_half_of(d, m))
            fail("domain %u is gone, and frame 0x%x is half a table", d, m);
    if (dom[d]->page_held || dom[d]->refs != DOM_REFS)
        fail("domain %u is gone, and counts %lu frames and %u references", d, dom[d]->page_held, dom[d]->refs);
    note("vCPU %u: a new domain %u", v, d);
    dom[d]->life = DOMAIN_ALIVE;
    for (u32 i = 0; i < world.size[d]; i++)
        ops_frame_new(d, i);
    for (enum page_kind k = PAGE_L1; k <= PAGE_L4; k++)
        for (u32 i = 0; i < world.size[d]; i++)
            if (entries_role(i) == k && i >= 32) /* the first ones are left empty: address spaces that do for a start */
                entries_fill(d, world.frame[d][i], k);
    for (u32 i = 0; i < world.size[d]; i += 16)
        (void)ops_pin(v, d, world.frame[d][i], PAGE_L4);
    for (u32 g = 0; g < VCPUS; g++)
        if (g / 2 == d)
            ops_first_base(g, world.frame[d][g % 2 * 16]);
    tally.accepted[OP_BIRTH]++;
}

/* What has been given back, and is held by something still, stays what it is. */
void ops_ghost(u32 v)
{
    u32 d = v / 2, i = rnd(world.size[d]), m = world.frame[d][i], h = rnd(HOLDS);
    enum page_kind kind = entries_role(i);
    struct page *p = frame_page_raw(mfn(m));
    if (!m || kind > PAGE_L4 || known.hold[h].m || !page_get(p, domain_owner(dom[d])))
        return;
    note("vCPU %u wants a table of frame 0x%x that it gives back", v, m);
    known.hold[h].m = m;
    known.hold[h].kind = PAGE_NONE;
    if (one_in(4))
        leave_half(v, d);
    ops_release(d, i);
    if (!known.allocated[m]) {
        bool is_used = p->type & PAGE_COUNT;
        if (!is_used && page_get_as(p, domain_owner(dom[d]), kind) == 0)
            fail("frame 0x%x was given back, and becomes a table", m);
        if (is_used && !jobs[v].is_active && ops_pin(v, d, m, MMUEXT_PIN_L1_TABLE + page_kind(p->type) - 1))
            fail("frame 0x%x was given back, and is pinned", m);
        tally.accepted[OP_GHOST]++;
    }
    ops_unhold(h);
}

void ops_life(u32 v)
{
    u32 d = 1 + rnd(DOMS - 1), cpu = cpu_id();
    if (dom[d]->life == DOMAIN_ALIVE) {
        if (one_in(4))
            start_end(v, d);
        return;
    }
    if (dom[d]->life == DOMAIN_DYING)
        return;
    let_go(v, d);
    for (u32 o = 0; o < 2; o++) { /* and nothing of it is left on the way */
        machine_load(vcpus[o], (cpu + o) % CPUS);
        for (machine_pending_in(0); vcpus[o]->pv.retired.n;)
            pv_types_drain(vcpus[o]);
    }
    machine_load(vcpus[v], cpu);
    model_check();
    give_birth(v, d);
}

void ops_life_end(u32 d)
{
    for (u32 v = 0; v < 2; v++) {
        machine_load(vcpus[v], v);
        finish(v); /* perhaps it is at that already */
    }
    machine_load(vcpus[0], 0);
    if (dom[d]->life == DOMAIN_ALIVE) {
        start_end(0, d);
        finish(0);
    }
}
