/* SPDX-License-Identifier: MIT */
/* See ops.h: the hypercalls that write entries of page tables, and what they have in common with others. */
#include "ops.h"

#include <string.h>

u64 ops_in_guest(u32 v, const void *data, size_t bytes, u32 at)
{
    memcpy(guest_mem[v] + at, data, bytes);
    return (u64)guest_mem[v] + at;
}

u32 ops_any_frame(u32 d, enum page_kind role)
{
    u32 m = one_in(16) ? entries_pick_any(rnd(DOMS)) : one_in(12) ? entries_pick_any(d) : entries_pick(d, role);
    return m ? m : entries_pick_any(d);
}

/* The owner that a domain number stands for; PAGE_OWNER_NONE: refused. */
static u32 owner_named(const struct domain *d, u64 id)
{
    if (id == DOMID_SELF || id == d->id)
        return domain_owner(d);
    if (!d->is_privileged || (id >= DOMS && id != DOMID_IO) || (id < DOMS && dom[id]->life != DOMAIN_ALIVE))
        return PAGE_OWNER_NONE;
    return id == DOMID_IO ? PAGE_OWNER_IO : (u32)id + PAGE_OWNER_DOMAIN;
}

static u64 foreign_id(u32 d)
{
    return !one_in(d ? 40 : 6) ? DOMID_SELF : one_in(4) ? DOMID_IO : rnd(DOMS + 1);
}

/* An entry that maps a page of that owner, for d. */
static u64 foreign_entry(u32 d, u64 id, u64 own)
{
    if (id == DOMID_SELF || id >= DOMS || one_in(8))
        return own;
    u32 m = entries_pick_any((u32)id);
    (void)d;
    return (u64)m << PAGE_SHIFT | PTE_P | (one_in(2) ? PTE_RW : 0) | (one_in(2) ? PTE_US : 0);
}

/* What an entry of an L1 table becomes most often: the same frame with other rights; or a page where none was. */
static u64 likely_entry(u32 d, u32 table, u32 *index, u64 otherwise)
{
    const pte_t *t = frame_va(mfn(table));
    u64 m = entries_pick(d, PAGE_WRITABLE);
    if (!machine_is_ram(table) || !one_in(2))
        return otherwise;
    for (u32 k = 0; k < 24 && !(t[*index] & PTE_P); k++)
        *index = entries_index();
    if (t[*index] & PTE_P && one_in(2))
        return (t[*index] & ~(PTE_G | PTE_KERNEL)) ^ (one_in(8) ? 0 : PTE_RW);
    for (u32 k = 0; k < 24 && t[*index] & PTE_P; k++)
        *index = rnd(512);
    return m << PAGE_SHIFT | PTE_P | PTE_RW | (one_in(2) ? PTE_US : 0);
}

/* --- hypercalls --- */

void ops_start(u32 v, struct job *j)
{
    j->foretold = -1;
    jobs[v] = *j;
    if (one_in(12))
        job_foretell(v);
    job_run(v);
}

/* As the entry code does: the quick way first, which must have done all or nothing. */
static s64 quick_or_long(const struct call_args *a)
{
    s64 rc = pv_mmu_update_quick(a->a[0], a->a[1], a->a[2], a->a[3]);
    if (rc && rc != PV_MMU_UPDATE_LONG)
        fail("quick mmu_update: answer %ld", rc);
    if (rc == 0 && (a->a[1] != 1 || a->a[2] || a->a[3] != DOMID_SELF))
        fail("quick mmu_update: did what is not for it");
    rc ? tally.refused[OP_QUICK]++ : tally.accepted[OP_QUICK]++;
    return rc ? pv_mmu_update(a) : 0;
}

void ops_mmu(u32 v)
{
    bool is_foreign = one_in(v / 2 ? 100 : 12), is_fault = !is_foreign && one_in(3); /* of a page fault, mostly */
    u32 d = is_foreign ? rnd(DOMS) : v / 2, count = one_in(2) ? 1 : 1 + rnd(BATCH);
    struct job j = {.fn = one_in(2) ? pv_mmu_update : quick_or_long, .op = OP_MMU, .tables = d};
    u64 id = is_foreign ? d : foreign_id(d);
    if (is_fault) {
        id = one_in(8) ? id : DOMID_SELF;
        count = one_in(8) ? count : 1;
        j.fn = quick_or_long;
    }
    j.count = count;
    for (u32 i = 0; i < count; i++) {
        enum page_kind role = one_in(5) ? 1 + rnd(PAGE_WRITABLE) : one_in(3) ? PAGE_L2 + rnd(3) : PAGE_L1;
        if (is_fault && !one_in(8))
            role = PAGE_L1;
        u64 m = ops_any_frame(d, role), cmd = one_in(is_fault ? 40 : 12) ? MMU_MACHPHYS_UPDATE
                                              : one_in(4)                ? MMU_PT_UPDATE_PRESERVE_AD
                                                                         : 0;
        enum page_kind table = role > PAGE_L4 ? 1 + rnd(4) : role;
        if (one_in(60))
            m = rnd64() >> rnd(48);
        j.req[i].ptr = m << PAGE_SHIFT | entries_index() * 8 | cmd | (one_in(100) ? 4 : 0);
        if (one_in(50))
            j.req[i].ptr = (j.req[i].ptr & ~0xff8ull) | (HV_SLOT + rnd(HV_SLOT_COUNT)) * 8;
        j.req[i].val = one_in(12) ? 0 : entries_make(d, table, 8);
        if (table == PAGE_L1)
            j.req[i].val = foreign_entry(d, id, j.req[i].val);
        if (role == PAGE_L1 && cmd == MMU_NORMAL_PT_UPDATE) {
            u32 index = j.req[i].ptr >> 3 & 511;
            j.req[i].val = likely_entry(d, (u32)m, &index, j.req[i].val);
            j.req[i].ptr = m << PAGE_SHIFT | index * 8;
        }
        if (cmd == MMU_MACHPHYS_UPDATE)
            j.req[i].val = rnd(1000);
    }
    u32 none = ~0u;
    j.owner = owner_named(dom[v / 2], id);
    j.args.a[0] = ops_in_guest(v, j.req, sizeof(j.req), 0);
    j.args.a[1] = count;
    j.args.a[2] = count > 1 || one_in(is_fault ? 8 : 2) ? ops_in_guest(v, &none, sizeof(none), 2048) : 0;
    j.args.a[3] = id;
    if (is_foreign) {
        j.args.a[3] |= (u64)(d + 1) << 16;
        if (one_in(20) && d != v / 2) { /* of its tables, with frames of others */
            j.args.a[3] = (u64)(d + 1) << 16 | DOMID_SELF;
            j.owner = PAGE_OWNER_NONE;
        }
    }
    note("vCPU %u mmu_update of %u, domain 0x%lx: [0x%lx] = 0x%lx ...", v, count, j.args.a[3], j.req[0].ptr,
         j.req[0].val);
    ops_start(v, &j);
}

void ops_va(u32 v)
{
    u32 d = v / 2;
    struct job j = {.fn = pv_update_va_mapping, .op = OP_VA, .count = 1, .owner = domain_owner(dom[d]), .tables = d};
    u64 flags = one_in(2) ? 0 : one_in(2) ? UVMF_TLB_FLUSH : UVMF_INVLPG, id = DOMID_SELF, mask = rnd(4);
    if (flags)
        flags |= one_in(3) ? UVMF_ALL : one_in(3) ? ops_in_guest(v, &mask, sizeof(mask), 2056) : UVMF_LOCAL;
    if (one_in(4)) {
        id = foreign_id(d);
        j.fn = pv_update_va_mapping_otherdomain;
        j.op = OP_VA_OTHER;
        j.owner = owner_named(dom[d], id);
    }
    j.value = one_in(8) ? 0 : foreign_entry(d, id, entries_make(d, PAGE_L1, 8));
    j.args = (struct call_args){{entries_va_mapped(v, NULL), j.value, flags, id}};
    if (id == DOMID_SELF && model_find(known.l4[v][0], j.args.a[0], &j.table, &j.index)) {
        u32 index = j.index;
        j.value = j.args.a[1] = likely_entry(d, j.table, &index, j.value);
        j.args.a[0] = (j.args.a[0] & ~0x1ff000ull) | (u64)index << PAGE_SHIFT;
    }
    note("vCPU %u update_va 0x%lx = 0x%lx, domain 0x%lx, flags 0x%lx", v, j.args.a[0], j.value, id, flags);
    ops_start(v, &j);
}
