/* SPDX-License-Identifier: MIT */
/*
 * What a guest does that wants to keep a translation: maps a frame, touches it, takes the mapping away without a flush,
 * and has the frame become something else at once: a table, another domain's memory, or a table's frame memory again.
 * machine_check_tlb() looks at what is left in the TLBs.
 */
#include "ops.h"

#define PIECES 3000u

static bool finish(u32 v, struct job *j)
{
    u64 before = tally.accepted[j->op];
    ops_start(v, j);
    for (u32 n = 0; jobs[v].is_active && n < PIECES; n++)
        job_run(v);
    return tally.accepted[j->op] != before;
}

bool ops_set(u32 v, u32 table, u32 index, u64 value)
{
    struct job j = {
        .fn = pv_mmu_update, .op = OP_MMU, .count = 1, .owner = domain_owner(vcpus[v]->domain), .tables = v / 2};
    j.req[0] = (struct mmu_update){(u64)table << PAGE_SHIFT | index * 8, value};
    j.args = (struct call_args){{ops_in_guest(v, j.req, sizeof(j.req), 0), 1, 0, DOMID_SELF}};
    return finish(v, &j);
}

bool ops_pin(u32 v, u32 d, u32 m, u32 cmd)
{
    struct job j = {.fn = pv_mmuext_op, .op = cmd == MMUEXT_UNPIN_TABLE ? OP_UNPIN : OP_PIN, .count = 1, .tables = d};
    j.ext[0].cmd = cmd;
    j.ext[0].arg1.mfn = m;
    j.args = (struct call_args){{ops_in_guest(v, j.ext, sizeof(j.ext), 0), 1, 0, d == v / 2 ? DOMID_SELF : d}};
    return finish(v, &j);
}

/* The L2 entry that maps va. */
static bool find_l2(u32 l4, u64 va, u32 *table, u32 *index)
{
    u32 m = l4;
    for (u32 shift = 39; shift > 21; shift -= 9) {
        pte_t e = ((pte_t *)frame_va(mfn(m)))[va >> shift & 511];
        if (!(e & PTE_P))
            return false;
        m = (u32)pte_mfn(e);
    }
    *table = m;
    *index = va >> 21 & 511;
    return true;
}

static void as_memory(u32 v, u64 va, u32 m)
{
    u32 d = v / 2, table, index;
    bool is_table = one_in(2), is_writable = is_table || one_in(2);
    if (!model_find(known.l4[v][0], va, &table, &index) ||
        !ops_set(v, table, index, (u64)m << PAGE_SHIFT | PTE_P | (is_writable ? PTE_RW : 0) | (one_in(2) ? PTE_US : 0)))
        return;
    machine_access(cpu_id(), va, true, 0);
    if (is_table) {
        if (ops_set(v, table, index, one_in(2) ? 0 : (u64)m << PAGE_SHIFT | PTE_P) &&
            ops_pin(v, v / 2, m, MMUEXT_PIN_L1_TABLE))
            tally.accepted[OP_STALE]++;
        return;
    }
    for (u32 i = 0; i < world.size[d]; i++)
        if (world.frame[d][i] == m)
            ops_release(d, i);
    if (!ops_set(v, table, index, 0))
        return;
    if (one_in(2))
        ops_idle();
    for (u32 n = 0; n < 4; n++)
        ops_alloc(rnd(DOMS)); /* not to one that is dying */
}

static void as_table(u32 v, u64 va, u32 m)
{
    u32 table, index;
    u64 data = (u64)entries_pick(v / 2, PAGE_WRITABLE) << PAGE_SHIFT | PTE_P | PTE_RW | PTE_US;
    if (!find_l2(known.l4[v][0], va, &table, &index) || !ops_pin(v, v / 2, m, MMUEXT_PIN_L1_TABLE))
        return;
    u64 before = ((u64 *)frame_va(mfn(table)))[index];
    if (ops_set(v, m, va >> 12 & 511, data) && ops_set(v, table, index, (u64)m << PAGE_SHIFT | PTE_P | PTE_RW)) {
        machine_access(cpu_id(), va, one_in(2), 0);
        ops_set(v, table, index, one_in(2) ? 0 : before);
    }
    if (ops_pin(v, v / 2, m, MMUEXT_UNPIN_TABLE) && ops_set(v, m, 3, 0))
        tally.accepted[OP_STALE]++;
}

void ops_stale(u32 v)
{
    u64 va = entries_va_mapped(v, NULL) & PAGE_MASK;
    u32 m = entries_pick(v / 2, PAGE_L1);
    if (!m || frame_page_raw(mfn(m))->type & PAGE_COUNT || known.pin[m] || vcpus[v]->pv.retired.n)
        return;
    note("vCPU %u wants to keep a translation of 0x%lx to 0x%x", v, va, m);
    one_in(2) ? as_memory(v, va, m) : as_table(v, va, m);
}
