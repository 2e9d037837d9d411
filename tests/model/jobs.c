/* SPDX-License-Identifier: MIT */
/*
 * A hypercall of one vCPU, perhaps in several pieces: runs it as the dispatcher and the way out do
 * (dismantle what is retired, go on from the cursor), learns how far it came, and tells the model what
 * must be true since. Before it starts the model may be asked for the answer.
 */
#include <string.h>
#include "ops.h"

struct job jobs[VCPUS];
struct op_tally tally;

#define ALONE_MAX 3000u /* pieces of a call that nobody disturbs */

bool jobs_are_done(void)
{
    for (u32 v = 0; v < VCPUS; v++)
        if (jobs[v].is_active)
            return false;
    return true;
}

static bool is_alone(u32 v)
{
    for (u32 o = 0; o < VCPUS; o++)
        if (o != v && (vcpus[o]->pv.retired.n || jobs[o].is_active))
            return false;
    return true;
}

/* --- what is true afterwards --- */

/* A new LDT: what the guest maps there and could be had is in use now, and nothing else. */
static void effect_ldt(u32 v)
{
    const struct vcpu *self = vcpus[v];
    for (u32 page = 0; page < 16; page++) {
        u32 table, index, now = self->pv.ldt_mapped >> page & 1 ? (u32)self->pv.ldt[page].n : 0;
        if (now && now != known.ldt[v][page] &&
            (!model_find(known.l4[v][0], self->pv.ldt_base + page * PAGE_SIZE, &table, &index) ||
             pte_mfn(((pte_t *)frame_va(mfn(table)))[index]) != now))
            fail("set_ldt: page %u is frame 0x%x, which the guest does not map there", page, now);
        known.ldt[v][page] = now;
    }
}

static void effect_ext(u32 v, const struct mmuext_op *op)
{
    switch (op->cmd) {
    case MMUEXT_PIN_L1_TABLE:
    case MMUEXT_PIN_L2_TABLE:
    case MMUEXT_PIN_L3_TABLE:
    case MMUEXT_PIN_L4_TABLE:
        known.pin[op->arg1.mfn] = (u8)(op->cmd + 1);
        break;
    case MMUEXT_UNPIN_TABLE:
        known.pin[op->arg1.mfn] = 0;
        break;
    case MMUEXT_NEW_BASEPTR:
        known.l4[v][0] = (u32)op->arg1.mfn;
        break;
    case MMUEXT_NEW_USER_BASEPTR:
        known.l4[v][1] = (u32)op->arg1.mfn;
        break;
    case MMUEXT_SET_LDT:
        effect_ldt(v);
        break;
    default:
        break;
    }
}

/* Request i of the job has been done. */
static void effect(u32 v, const struct job *j, u32 i)
{
    switch (j->op) {
    case OP_MMU:
        if ((j->req[i].ptr & 3) == MMU_MACHPHYS_UPDATE)
            known.m2p[j->req[i].ptr >> PAGE_SHIFT] = j->req[i].val;
        else
            shadow[j->req[i].ptr >> PAGE_SHIFT][j->req[i].ptr >> 3 & 511] = j->req[i].val;
        break;
    case OP_VA:
    case OP_VA_OTHER:
    case OP_DESC:
        shadow[j->table][j->index] = j->value;
        break;
    case OP_SWITCH:
        if (j->frames[0])
            memcpy(known.l4[v], j->frames, sizeof(known.l4[v]));
        break;
    case OP_GDT:
        known.gdt_count[v] = j->frame_count;
        memcpy(known.gdt[v], j->frames, sizeof(j->frames));
        break;
    case OP_DESTROY:
        break;
    default:
        if (j->tables != v / 2 && j->ext[i].cmd > MMUEXT_UNPIN_TABLE)
            fail("mmuext_op %u by vCPU %u on domain %u: only pins may be of others", j->ext[i].cmd, v, j->tables);
        effect_ext(v, &j->ext[i]);
        break;
    }
}

/* --- the model's answer --- */

static bool would_mmu(const struct domain *d, const struct job *j)
{
    u64 m = j->req[0].ptr >> PAGE_SHIFT;
    if (!machine_is_ram(m) || j->req[0].ptr & 4)
        return false;
    if ((j->req[0].ptr & 3) == MMU_MACHPHYS_UPDATE)
        return known.owner[m] == j->owner && !model_is_gone((u32)m);
    if (known.owner[m] != domain_owner(d))
        return false;
    for (enum page_kind k = PAGE_L1; k <= PAGE_L4; k++)
        if (model_is_used((u32)m, k))
            return model_would_write(d, j->owner, (u32)m, j->req[0].ptr >> 3 & 511, j->req[0].val);
    return model_would_take(domain_owner(d), m, PAGE_WRITABLE);
}

static bool would_ext(u32 v, u32 d, const struct mmuext_op *op)
{
    u32 owner = domain_owner(dom[d]);
    if (d != v / 2 && (v / 2 || dom[d]->life != DOMAIN_ALIVE || op->cmd > MMUEXT_UNPIN_TABLE))
        return false;
    u64 m = op->arg1.mfn;
    bool is_mine = machine_is_ram(m) && known.owner[m] == owner;
    switch (op->cmd) {
    case MMUEXT_PIN_L1_TABLE:
    case MMUEXT_PIN_L2_TABLE:
    case MMUEXT_PIN_L3_TABLE:
    case MMUEXT_PIN_L4_TABLE:
        return is_mine && known.allocated[m] && !known.pin[m] && model_would_take(owner, m, op->cmd + 1);
    case MMUEXT_UNPIN_TABLE:
        return is_mine && known.pin[m];
    case MMUEXT_NEW_USER_BASEPTR:
        if (!m)
            return true;
        /* fall through */
    default: /* MMUEXT_NEW_BASEPTR */
        return model_would_take(owner, m, PAGE_L4);
    }
}

static bool would(u32 v, const struct job *j)
{
    const struct domain *d = vcpus[v]->domain;
    u32 owner = domain_owner(d);
    switch (j->op) {
    case OP_MMU:
        return j->owner != PAGE_OWNER_NONE && would_mmu(dom[j->tables], j);
    case OP_VA:
    case OP_VA_OTHER:
        return j->owner != PAGE_OWNER_NONE && j->table && model_would_write(d, j->owner, j->table, j->index, j->value);
    case OP_SWITCH:
        return pv_misc_stack_ok(j->args.a[0]) && pv_is_canonical(j->args.a[1]) && pv_is_canonical(j->args.a[2]) &&
               (!j->frames[0] || (model_would_take(owner, j->frames[0], PAGE_L4) &&
                                  (!j->frames[1] || model_would_take(owner, j->frames[1], PAGE_L4))));
    case OP_GDT:
        for (u32 i = 0; i < j->frame_count; i++)
            if (!model_would_take(owner, j->frames[i], PAGE_SEG))
                return false;
        return true;
    case OP_DESC:
        return j->table && model_descriptor_ok(j->value) &&
               model_would_take(owner, j->table, model_is_used(j->table, PAGE_SEG) ? PAGE_SEG : PAGE_WRITABLE);
    default:
        return would_ext(v, j->tables, &j->ext[0]);
    }
}

void job_foretell(u32 v)
{
    struct job *j = &jobs[v];
    j->foretold = -1;
    if (j->count != 1 || j->op == OP_FLUSH || j->op == OP_SET_LDT || j->op == OP_DESTROY || !jobs_are_done())
        return;
    model_check();
    if (!model_is_idle())
        return;
    if (j->op == OP_VA || j->op == OP_VA_OTHER)
        if (!model_find(known.l4[v][0], j->args.a[0], &j->table, &j->index))
            j->table = 0;
    j->foretold = would(v, j);
    tally.foretold++;
}

/* --- running --- */

static void job_end(u32 v, s64 rc)
{
    struct job *j = &jobs[v];
    u32 done = rc == 0 ? j->count : 0;
    if (j->args.a[2] && (j->op == OP_MMU || j->fn == pv_mmuext_op)) {
        u32 said;
        memcpy(&said, (void *)j->args.a[2], sizeof(said));
        if (said != ~0u) {
            if (rc == 0 && said != j->count)
                fail("%s: success, but %u of %u requests are done", op_name[j->op], said, j->count);
            done = said;
        }
    }
    for (; j->applied < done; j->applied++)
        effect(v, j, j->applied);
    race_settle();
    if (j->foretold >= 0 && (rc == 0) != j->foretold)
        fail("%s by vCPU %u: answer %ld, but the model says that it %s", op_name[j->op], v, rc,
             j->foretold ? "is all right" : "must be refused");
    enum op op = j->tables == v / 2 || j->op == OP_DESTROY ? j->op
                 : j->op == OP_MMU                         ? OP_FOREIGN_TABLE
                                                           : OP_FOREIGN_PIN;
    rc == 0 ? tally.accepted[op]++ : tally.refused[op]++;
    if (j->op == OP_DESTROY)
        life_end((u32)j->args.a[0]);
    j->is_active = false;
    vcpus[v]->cont = (struct vcpu_cont){0};
}

static s64 piece(u32 v)
{
    struct job *j = &jobs[v];
    struct vcpu *self = vcpus[v];
    self->pv.must_look = 0; /* as the way out to the guest does */
    if (self->pv.retired.n)
        pv_types_drain(self);
    if (j->op == OP_VA || j->op == OP_VA_OTHER) /* others may have changed the tables above meanwhile */
        if (!model_find(known.l4[v][0], j->args.a[0], &j->table, &j->index))
            j->table = 0;
    if (j->foretold < 0)
        race_start(v);
    s64 rc = j->fn(&j->args);
    race_stop();
    if (j->op == OP_DESTROY)
        life_learn((u32)j->args.a[0]);
    if (rc != -ERESTART)
        return rc;
    self->cont.is_active = true;
    race_settle();
    tally.restarted++;
    if (j->op == OP_MMU || j->fn == pv_mmuext_op)
        for (; j->applied < self->cont.cursor; j->applied++)
            effect(v, j, j->applied);
    j->restarts = is_alone(v) ? j->restarts + 1 : 0;
    if (j->restarts >= ALONE_MAX)
        fail("%s by vCPU %u is restarted for ever", op_name[j->op], v);
    return rc;
}

void job_run(u32 v)
{
    struct job *j = &jobs[v];
    u32 at_once = j->foretold >= 0 ? ALONE_MAX : 1 + rnd(3);
    j->is_active = true;
    for (u32 n = 0; n < at_once; n++) {
        machine_pending_in(one_in(2) ? 0 : 1 + rnd(one_in(2) ? 4 : 400));
        s64 rc = piece(v);
        if (rc != -ERESTART) {
            job_end(v, rc);
            return;
        }
    }
}
