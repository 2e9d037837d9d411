/* SPDX-License-Identifier: MIT */
/* See ops.h: the choice of operations, memory that comes and goes, birth and end of the world. */
#include "ops.h"

#include <string.h>

const char *const op_name[OP_COUNT] = {"mmu_update",
                                       "quick mmu_update",
                                       "update_va_mapping",
                                       "update_va_mapping_otherdomain",
                                       "pin",
                                       "unpin",
                                       "new baseptr",
                                       "new user baseptr",
                                       "switch of threads",
                                       "flush",
                                       "set_ldt",
                                       "set_gdt",
                                       "update_descriptor",
                                       "LDT fault",
                                       "ptwr",
                                       "release",
                                       "allocate",
                                       "idle",
                                       "hold",
                                       "fill",
                                       "access",
                                       "drain",
                                       "stale translation",
                                       "foreign pin",
                                       "entry of a foreign table",
                                       "destroy",
                                       "birth",
                                       "table given back"};

static bool maps_descriptors(u32 v, pte_t e)
{
    for (u32 i = 0; i < world.size[v / 2]; i++)
        if (entries_role(i) == PAGE_SEG && e & PTE_P && !(e & PTE_RW) && pte_mfn(e) == world.frame[v / 2][i])
            return true;
    return false;
}

static void make_ext(u32 v, u32 d, struct mmuext_op *op)
{
    u32 n = rnd(d == v / 2 || one_in(10) ? 20 : 13);
    u64 mask = rnd(4);
    memset(op, 0, sizeof(*op));
    if (n < 8) {
        op->cmd = MMUEXT_PIN_L1_TABLE + (one_in(3) ? 0 : rnd(4));
        op->arg1.mfn = ops_any_frame(d, PAGE_L1 + op->cmd);
    } else if (n < 13) {
        op->cmd = MMUEXT_UNPIN_TABLE;
        op->arg1.mfn = ops_any_frame(d, PAGE_L1 + rnd(4));
        for (u32 i = 0; i < 4 && !known.pin[op->arg1.mfn]; i++)
            op->arg1.mfn = ops_any_frame(d, PAGE_L1 + rnd(4));
    } else if (n < 15) {
        op->cmd = MMUEXT_NEW_BASEPTR;
        op->arg1.mfn = ops_any_frame(d, PAGE_L4);
    } else if (n < 17) {
        op->cmd = MMUEXT_NEW_USER_BASEPTR;
        op->arg1.mfn = one_in(3) ? 0 : ops_any_frame(d, PAGE_L4);
    } else if (n < 18) {
        op->cmd = MMUEXT_SET_LDT;
        op->arg1.linear_addr = entries_va_mapped(v, maps_descriptors) & (one_in(10) ? ~0ull : PAGE_MASK);
        op->arg2.nr_ents = one_in(3) ? 0 : rnd(one_in(10) ? 10000 : 4096);
    } else {
        static const u8 flush[] = {MMUEXT_TLB_FLUSH_LOCAL,
                                   MMUEXT_INVLPG_LOCAL,
                                   MMUEXT_TLB_FLUSH_MULTI,
                                   MMUEXT_INVLPG_MULTI,
                                   MMUEXT_TLB_FLUSH_ALL,
                                   MMUEXT_INVLPG_ALL,
                                   14,
                                   99};
        op->cmd = flush[rnd(8)];
        op->arg1.linear_addr = entries_va();
        op->arg2.vcpumask = one_in(8) ? 8 : ops_in_guest(v, &mask, sizeof(mask), 2056);
    }
    if (n < 17 && one_in(60))
        op->arg1.mfn = rnd64() >> rnd(60);
    if (op->cmd <= MMUEXT_UNPIN_TABLE && n < 13 && op->arg1.mfn >= FRAMES)
        op->arg1.mfn |= FRAMES;
}

static enum op ext_kind(u32 cmd)
{
    return cmd <= MMUEXT_PIN_L4_TABLE       ? OP_PIN
           : cmd == MMUEXT_UNPIN_TABLE      ? OP_UNPIN
           : cmd == MMUEXT_NEW_BASEPTR      ? OP_BASE
           : cmd == MMUEXT_NEW_USER_BASEPTR ? OP_USER_BASE
           : cmd == MMUEXT_SET_LDT          ? OP_SET_LDT
                                            : OP_FLUSH;
}

static void op_ext(u32 v)
{
    u32 count = one_in(4) ? 1 + rnd(BATCH) : 1, none = ~0u;
    u32 d = one_in(v / 2 ? 40 : 5) ? rnd(DOMS) : v / 2;
    struct job j = {.fn = pv_mmuext_op, .count = count, .tables = d};
    for (u32 i = 0; i < count; i++)
        make_ext(v, d, &j.ext[i]);
    j.op = ext_kind(j.ext[0].cmd);
    j.args.a[0] = ops_in_guest(v, j.ext, sizeof(j.ext), 0);
    j.args.a[1] = count;
    j.args.a[2] = count > 1 || one_in(2) ? ops_in_guest(v, &none, sizeof(none), 2048) : 0;
    j.args.a[3] = d == v / 2 ? DOMID_SELF : d;
    note("vCPU %u mmuext of %u, domain 0x%lx: %u 0x%lx ...", v, count, j.args.a[3], j.ext[0].cmd, j.ext[0].arg1.mfn);
    ops_start(v, &j);
}

static void op_switch(u32 v)
{
    struct job j = {.fn = pv_mmuext_switch, .op = OP_SWITCH, .count = 1, .tables = v / 2};
    u64 sp = one_in(30) ? entries_va() : ~0ull - rnd(PAGE_SIZE), base = one_in(30) ? rnd64() : rnd(1u << 31);
    j.frames[0] = one_in(6) ? 0 : ops_any_frame(v / 2, PAGE_L4);
    j.frames[1] = one_in(4) ? 0 : ops_any_frame(v / 2, PAGE_L4);
    if (one_in(40))
        j.frames[rnd(2)] = RAM_LAST + rnd(0x10000);
    j.args = (struct call_args){{sp, one_in(2) ? base : 0, base, j.frames[0], j.frames[1]}};
    note("vCPU %u switches to 0x%lx, 0x%x and 0x%x", v, sp, j.frames[0], j.frames[1]);
    ops_start(v, &j);
}

static void op_gdt(u32 v)
{
    struct job j = {.fn = pv_set_gdt, .op = OP_GDT, .count = 1};
    u64 frames[14] = {0}, entries = rnd(one_in(2) ? 512 : 5 * 512);
    j.frame_count = (u32)(entries + 511) / 512;
    for (u32 i = 0; i < j.frame_count; i++)
        frames[i] = j.frames[i] = ops_any_frame(v / 2, PAGE_SEG);
    if (one_in(60) && j.frame_count)
        frames[0] = j.frames[0] = RAM_LAST + rnd(0x10000);
    j.args = (struct call_args){{ops_in_guest(v, frames, sizeof(frames), 0), entries}};
    note("vCPU %u set_gdt of %lu entries, frames 0x%x 0x%x ...", v, entries, j.frames[0], j.frames[1]);
    ops_start(v, &j);
}

static void op_desc(u32 v)
{
    struct job j = {
        .fn = pv_update_descriptor, .op = OP_DESC, .count = 1, .index = entries_index(), .value = entries_descriptor()};
    u64 m = one_in(40) ? rnd64() >> rnd(60) : ops_any_frame(v / 2, one_in(6) ? 1 + rnd(PAGE_WRITABLE) : PAGE_SEG);
    j.table = machine_is_ram(m) ? (u32)m : 0;
    j.args = (struct call_args){{m << PAGE_SHIFT | j.index * 8, j.value}};
    note("vCPU %u update_descriptor 0x%lx = 0x%lx", v, j.args.a[0], j.value);
    ops_start(v, &j);
}

static void op_ldt_fault(u32 v)
{
    struct vcpu *self = vcpus[v];
    u32 page = rnd(self->pv.ldt_entries / 512 + 1), table, index;
    u64 address = desc_gdt_base(cpu_id()) + LDT_WINDOW_OFFSET + page * PAGE_SIZE + rnd(4096);
    note("vCPU %u touches LDT page %u", v, page);
    bool has_slot = model_find(known.l4[v][0], self->pv.ldt_base + page * PAGE_SIZE, &table, &index);
    bool was_there = page < 16 && known.ldt[v][page];
    u32 seg = entries_pick(v / 2, PAGE_SEG);
    if (has_slot && !was_there && self->pv.ldt_entries && seg && one_in(4))
        (void)ops_set(v, table, index, (u64)seg << PAGE_SHIFT | PTE_P);
    if (!pv_desc_ldt_fault(self, address)) {
        tally.refused[OP_LDT_FAULT]++;
        return;
    }
    if (!(self->pv.ldt_mapped >> page & 1)) /* come again */
        return;
    if (!has_slot || was_there)
        fail("LDT fault: a page is there now that the guest does not map, or was there before");
    known.ldt[v][page] = (u32)pte_mfn(((pte_t *)frame_va(mfn(table)))[index]);
    tally.accepted[OP_LDT_FAULT]++;
}

/* --- memory --- */

void ops_frame_new(u32 d, u32 i)
{
    mfn_t m = frame_alloc(0, 0, 0);
    if (m.n == MFN_NONE)
        return;
    model_derive();
    if (!machine_is_ram(m.n) || !model_is_gone((u32)m.n))
        fail("allocated frame 0x%lx is not free", m.n);
    for (u32 w = 0; w < 512; w++)
        if (((u64 *)frame_va(m))[w])
            fail("allocated frame 0x%lx is not scrubbed", m.n);
    page_assign(dom[d], m, 1);
    frame_m2p_set(m, i);
    memset(shadow[m.n], 0, PAGE_SIZE);
    life[m.n]++;
    world.frame[d][i] = (u32)m.n;
    known.owner[m.n] = domain_owner(dom[d]);
    known.allocated[m.n] = true;
    known.m2p[m.n] = i;
}

void ops_alloc(u32 d)
{
    if (dom[d]->life != DOMAIN_ALIVE)
        return;
    for (u32 n = 0; n < 4; n++) {
        u32 i = rnd(world.size[d]);
        if (world.frame[d][i])
            continue;
        note("domain %u gets a frame", d);
        ops_frame_new(d, i);
        tally.accepted[OP_ALLOC]++;
        return;
    }
}

/* A CPU idles: what it says to be clean must be. */
void ops_idle(void)
{
    note("a CPU idles");
    frame_scrub();
    for (u32 m = RAM_FIRST; m < HV_FIRST; m++) {
        const struct page *p = frame_page_raw(mfn(m));
        if (p->owner != PAGE_OWNER_NONE || !(p->type & BIT(56)))
            continue;
        for (u32 w = 0; w < 512; w++)
            if (((u64 *)frame_va(mfn(m)))[w])
                fail("free frame 0x%x says it is clean", m);
        tally.accepted[OP_IDLE]++;
    }
}

void ops_release(u32 d, u32 i)
{
    u32 m = world.frame[d][i];
    struct page *p = frame_page_raw(mfn(m));
    if (!page_get(p, domain_owner(dom[d])))
        fail("frame 0x%x is its domain's, but cannot be referenced", m);
    bool is_half = page_progress(p->type) && !(p->type & PAGE_BUSY), done = page_release(dom[d], p);
    if (done && is_half)
        fail("frame 0x%x, which is half a table, can be given back", m);
    if (done) {
        frame_m2p_set(mfn(m), M2P_INVALID);
        known.m2p[m] = M2P_INVALID;
        known.allocated[m] = false;
        world.frame[d][i] = 0;
        if (one_in(4) && page_release(dom[d], p))
            fail("frame 0x%x can be released twice", m);
    } else if (!known.pin[m] && !is_half) {
        fail("frame 0x%x cannot be released", m);
    }
    page_put(p);
    done ? tally.accepted[OP_RELEASE]++ : tally.refused[OP_RELEASE]++;
}

static void op_release(u32 d)
{
    u32 i = rnd(world.size[d]);
    if (!world.frame[d][i] || (entries_role(i) != PAGE_WRITABLE && !one_in(6)))
        return;
    note("domain %u releases frame 0x%x", d, world.frame[d][i]);
    ops_release(d, i);
}

void ops_unhold(u32 i)
{
    struct page *p = frame_page_raw(mfn(known.hold[i].m));
    if (known.hold[i].kind == PAGE_NONE) {
        page_put(p);
    } else if (one_in(2)) {
        page_put_as(p);
    } else {
        page_type_put(p);
        page_put(p);
    }
    known.hold[i].m = 0;
}

/* What other parts of Wirt do with frames: a plain or a writable reference for a while. */
static void op_hold(u32 d)
{
    u32 i = rnd(HOLDS), m = entries_pick_any(d), kind = one_in(2) ? PAGE_WRITABLE : PAGE_NONE;
    note("hold %u: frame 0x%x -> 0x%x as %s", i, known.hold[i].m, m, page_kind_name(kind));
    if (known.hold[i].m) {
        ops_unhold(i);
        return;
    }
    if (!m)
        return;
    struct page *p = frame_page_raw(mfn(m));
    u32 owner = domain_owner(dom[one_in(10) ? rnd(DOMS) : d]);
    int rc = kind ? page_get_as(p, owner, kind) : page_get(p, owner) ? 0 : -EPERM;
    if (rc == 0 && owner != domain_owner(dom[d]))
        fail("frame 0x%x of domain %u given to another", m, d);
    if (rc == 0 && one_in(4)) {
        page_ref_extra(p);
        page_put(p);
    }
    known.hold[i].m = rc ? 0 : m;
    known.hold[i].kind = kind;
    rc ? tally.refused[OP_HOLD]++ : tally.accepted[OP_HOLD]++;
}

static void op_fill(u32 d)
{
    u32 i = rnd(world.size[d]), m = world.frame[d][i];
    struct page *p = frame_page_raw(mfn(m));
    if (!m || entries_role(i) == PAGE_WRITABLE)
        return;
    note("domain %u fills frame 0x%x for use as %s", d, m, page_kind_name(entries_role(i)));
    if (page_get_as(p, domain_owner(dom[d]), PAGE_WRITABLE)) {
        tally.refused[OP_FILL]++;
        return;
    }
    entries_fill(d, m, entries_role(i));
    page_put_as(p);
    tally.accepted[OP_FILL]++;
}

static void op_access(void)
{
    u32 cpu = rnd(CPUS);
    if (one_in(4))
        note("accesses on CPU %u", cpu);
    for (u32 n = 0; n < 4; n++)
        machine_access(cpu, entries_va(), one_in(2), entries_make(rnd(DOMS), 1 + rnd(4), 8));
    tally.accepted[OP_ACCESS]++;
}

/* In the middle of a hypercall the other CPUs go on. */
static void look_hook(void)
{
    if (!one_in(8))
        return;
    u32 cpu = rnd(CPUS);
    if (cpu != cpu_id())
        machine_access(cpu, entries_va(), false, 0);
}

/* --- the world --- */

void ops_first_base(u32 v, u32 m)
{
    struct job j = {.fn = pv_mmuext_op, .op = OP_BASE, .count = 1, .tables = v / 2};
    j.ext[0].cmd = MMUEXT_NEW_BASEPTR;
    j.ext[0].arg1.mfn = m;
    j.args = (struct call_args){{ops_in_guest(v, j.ext, sizeof(j.ext), 0), 1, 0, DOMID_SELF}};
    machine_load(vcpus[v], rnd(CPUS));
    machine_mode(vcpus[v], true);
    for (ops_start(v, &j); jobs[v].is_active;)
        job_run(v);
    if (!known.l4[v][0])
        fail("no first address space for vCPU %u", v);
}

void ops_world_create(void)
{
    static const u32 size[DOMS] = {112, 96, 64};
    memcpy(world.size, size, sizeof(size));
    for (u32 m = HV_FIRST; m <= RAM_LAST; m++)
        known.owner[m] = PAGE_OWNER_HV;
    machine_look_hook = NULL;
    for (u32 d = 0; d < DOMS; d++) {
        dom[d]->life = DOMAIN_ALIVE;
        dom[d]->refs = DOM_REFS;
    }
    for (u32 d = 0; d < DOMS; d++)
        for (u32 i = 0; i < size[d]; i++)
            ops_frame_new(d, i);
    for (u32 v = 0; v < VCPUS; v++)
        ops_first_base(v, world.frame[v / 2][v % 2 * 16]);
    machine_look_hook = look_hook;
}

void ops_drain_all(void)
{
    for (u32 v = 0; v < VCPUS; v++) {
        if (vcpus[v]->domain->life != DOMAIN_ALIVE) /* it does not run any more */
            continue;
        machine_load(vcpus[v], rnd(CPUS));
        for (machine_pending_in(one_in(2) ? 0 : 3); vcpus[v]->pv.retired.n; machine_pending_in(0))
            pv_types_drain(vcpus[v]);
    }
}

/* A frame that was left half built: whoever wants it for something else has it dismantled. */
static void give_up_half_built(u32 m)
{
    struct page *p = frame_page_raw(mfn(m));
    u32 owner = known.owner[m];
    if (owner < PAGE_OWNER_DOMAIN || p->owner != owner || !page_progress(p->type))
        return;
    tally.half_built++;
    int rc;
    while ((rc = page_get_as(p, owner, PAGE_WRITABLE)) == -ERESTART)
        ops_drain_all();
    if (rc)
        fail("frame 0x%x was left half built, and nobody can use it: %d", m, rc);
    page_put_as(p);
}

void ops_world_destroy(void)
{
    note("the end of all domains");
    for (u32 d = 1; d < DOMS; d++)
        if (one_in(2) || dom[d]->life == DOMAIN_DYING)
            ops_life_end(d);
    memset(jobs, 0, sizeof(jobs));
    for (u32 i = 0; i < HOLDS; i++)
        if (known.hold[i].m)
            ops_unhold(i);
    for (u32 v = 0; v < VCPUS; v++) {
        machine_load(vcpus[v], rnd(CPUS));
        machine_mode(vcpus[v], true);
        vcpus[v]->cont = (struct vcpu_cont){0};
        pv_desc_drop_ldt(vcpus[v]);
        vcpus[v]->pv.ldt_entries = 0;
        if (pv_desc_set_gdt(vcpus[v], NULL, 0))
            fail("an empty GDT is refused");
        pv_vcpu_set_user_l4(vcpus[v], mfn(0));
        pv_vcpu_set_kernel_l4(vcpus[v], mfn(0));
        memset(known.ldt[v], 0, sizeof(known.ldt[v]));
        memset(known.l4[v], 0, sizeof(known.l4[v]));
        known.gdt_count[v] = 0;
    }
    machine_look_hook = NULL; /* no address space is left to access memory through */
    machine_load(vcpus[0], 0);
    for (u32 m = RAM_FIRST; m < FRAMES; m++)
        if (known.pin[m]) {
            if (pv_types_unpin(dom[known.owner[m] - PAGE_OWNER_DOMAIN], frame_page_raw(mfn(m))))
                fail("frame 0x%x is pinned, and unpinning it is refused", m);
            known.pin[m] = 0;
        }
    ops_drain_all();
    for (u32 m = RAM_FIRST; m < FRAMES; m++)
        give_up_half_built(m);
    ops_drain_all();
    model_check();
    for (u32 d = 0; d < DOMS; d++)
        while (dom[d]->pages.n) {
            u32 m = (u32)dom[d]->pages.n;
            if (!page_release(dom[d], frame_page_raw(mfn(m))))
                fail("frame 0x%x of domain %u cannot be released at its end", m, d);
            known.allocated[m] = false;
        }
    memset(world.frame, 0, sizeof(world.frame));
    model_check();
    struct frame_stats s;
    frame_stats(&s);
    if (s.free != HV_FIRST - RAM_FIRST)
        fail("all domains have ended, but only %lu frames are free", s.free);
    for (u32 d = 0; d < DOMS; d++)
        if (dom[d]->page_held || dom[d]->refs != DOM_REFS)
            fail("domain %u has ended, and counts %lu frames and %u references", d, dom[d]->page_held, dom[d]->refs);
}

void ops_one(void)
{
    u32 v = rnd(VCPUS), d, n = rnd(100);
    if (dom[v / 2]->life != DOMAIN_ALIVE)
        v %= 2;
    struct vcpu *self = vcpus[v];
    d = v / 2;
    machine_load(self, self->loaded_on != VCPU_NOWHERE && !one_in(20) ? self->loaded_on : rnd(CPUS));
    machine_pending_in(one_in(2) ? 0 : 1 + rnd(8));
    if (one_in(20))
        ops_idle();
    if (n < 10) {
        op_access();
    } else if (n < 13) {
        op_release(d);
    } else if (n < 17) {
        ops_alloc(d);
    } else if (self->pv.retired.n && one_in(2)) {
        note("vCPU %u drains", v);
        pv_types_drain(self);
        tally.accepted[OP_DRAIN]++;
    } else if (jobs[v].is_active) {
        machine_mode(self, true);
        note("vCPU %u goes on", v);
        job_run(v);
    } else if (n < 18 && d == 0) {
        machine_mode(self, true);
        ops_life(v);
    } else if (n < 20) {
        machine_mode(self, one_in(2));
    } else if (n < 24) {
        op_hold(d);
    } else if (n < 28) {
        op_fill(d);
    } else {
        machine_mode(self, true);
        n < 56   ? ops_mmu(v)
        : n < 66 ? ops_va(v)
        : n < 83 ? op_ext(v)
        : n < 86 ? op_switch(v)
        : n < 88 ? op_gdt(v)
        : n < 91 ? op_desc(v)
        : n < 93 ? op_ldt_fault(v)
        : n < 94 ? ops_stale(v)
        : n < 95 ? ops_ghost(v)
                 : ops_ptwr(v);
    }
}
