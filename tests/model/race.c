/* SPDX-License-Identifier: MIT */
/*
 * Another processor at the worst moment: between two steps of one vCPU's update of an entry a vCPU of the same domain
 * changes that entry, or one near it, and may give the mapped frame back first. The calls under test do not hold what
 * the other one takes away, so a use without a reference, or a reference put twice, ends in a panic or in a count that
 * the model does not know. Whose value an entry holds in the end cannot be foretold: it must be one of the two.
 */
#include "ops.h"

#define SLOTS 16u

void (*race_hook)(void);
static u32 victim;
static struct {
    u32 table, index;
    u64 value;
} wrote[SLOTS];
static u32 wrote_count;

/* The frame behind an entry leaves its domain while the entry still maps it. */
static void give_back(u32 d, u64 m)
{
    for (u32 i = 0; i < world.size[d]; i++)
        if (m && world.frame[d][i] == m)
            ops_release(d, i);
}

static void attack(u32 v, u32 table, u32 index)
{
    u32 d = v / 2;
    u64 *slot = (u64 *)frame_va(mfn(table)) + index, old = *slot;
    u64 value = one_in(2) ? 0 : one_in(2) ? (old & ~(PTE_G | PTE_KERNEL)) ^ PTE_RW : entries_make(d, PAGE_L1, 8);
    struct mmu_update req = {(u64)table << PAGE_SHIFT | index * 8, value};
    struct call_args args = {{(u64)(guest_mem[v] + 3000), 1, 0, DOMID_SELF}};
    if (old & PTE_P && one_in(2))
        give_back(d, pte_mfn(old));
    *(struct mmu_update *)(void *)(guest_mem[v] + 3000) = req;
    if (wrote_count == SLOTS || pv_mmu_update(&args))
        return;
    wrote[wrote_count].table = table;
    wrote[wrote_count].index = index;
    wrote[wrote_count++].value = value;
    tally.raced++;
}

static void hook(void)
{
    const struct job *j = &jobs[victim];
    u32 v = victim ^ 1, home = cpu_id(), table = j->table, index = j->index;
    if (!one_in(6))
        return;
    race_hook = NULL; /* it is not disturbed in its turn */
    if (j->op == OP_MMU) {
        table = (u32)(j->req[0].ptr >> PAGE_SHIFT);
        index = j->req[0].ptr >> 3 & 511;
    }
    if (one_in(4))
        index = entries_index();
    machine_load(vcpus[v], (home + 1) % CPUS);
    if (machine_is_ram(table) && page_kind(frame_page_raw(mfn(table))->type) == PAGE_L1)
        attack(v, table, index);
    fake_cpu = home;
    race_hook = hook;
}

/* From now on the partner of vCPU v interferes, if it has one that is free. */
void race_start(u32 v)
{
    const struct job *j = &jobs[v];
    u32 partner = v ^ 1;
    wrote_count = 0;
    victim = v;
    if (partner < VCPUS && !jobs[partner].is_active && !vcpus[partner]->pv.retired.n && j->count == 1 &&
        (j->op == OP_VA || (j->op == OP_MMU && (j->req[0].ptr & 3) != MMU_MACHPHYS_UPDATE)) && one_in(2))
        race_hook = hook;
}

void race_stop(void)
{
    race_hook = NULL;
}

/* The job is over, and its effect is known: entries that both wrote hold what the last one did. */
void race_settle(void)
{
    for (u32 i = 0; i < wrote_count; i++) {
        u64 *want = &shadow[wrote[i].table][wrote[i].index],
            is = ((u64 *)frame_va(mfn(wrote[i].table)))[wrote[i].index];
        u64 soft = PTE_US | PTE_G | PTE_KERNEL | PTE_A | PTE_D;
        bool is_ours = !((is ^ *want) & ~soft);
        for (u32 k = 0; k < wrote_count && !is_ours; k++)
            is_ours = wrote[k].table == wrote[i].table && wrote[k].index == wrote[i].index &&
                      (!((is ^ wrote[k].value) & ~soft) || !machine_is_ram(pte_mfn(is)));
        if (!is_ours)
            fail("race: entry %u of 0x%x is 0x%lx, which nobody wrote", wrote[i].index, wrote[i].table, is);
        *want = is;
    }
    wrote_count = 0;
}
