/* SPDX-License-Identifier: MIT */
/*
 * The self-audit (console key '0'): counts all references and uses of every domain's frames again, from what holds
 * them: entries of tables, pins, base pointers, descriptor frames, Wirt's own uses; and compares. The tally is kept in
 * bits 32-62 of the refs word, which nothing else uses and every compare-and-swap carries along. One round counts
 * references, the next one uses. It runs while no vCPU of any domain does: they are paused, guests feel that as a
 * delay, and nothing is in flight. It looks at each frame a fixed number of times, and leaves the tally at zero. The
 * last line is for programs: "audit: N frames, N faults, N ms", or "audit: not done" and why.
 */
#include "lib/fmt.h"
#include "lib/log.h"
#include "pv/pv.h"

#define TALLY       0x3fffffffu
#define IS_WRONG    0x40000000u /* beside the tally: found wrong in one of the rounds */
#define SAID_MAX    20u
#define PATIENCE_NS 2000000000ull

static bool is_of_uses; /* the round */
static u32 said_count;

static u32 *tally_of(struct page *p)
{
    return (u32 *)(void *)&p->refs + 1;
}

static __printf(2, 3) void find_fault(struct page *p, const char *format, ...)
{
    char what[100];
    va_list args;
    *tally_of(p) |= IS_WRONG;
    if (said_count++ >= SAID_MAX)
        return;
    va_start(args, format);
    fmt_v(what, sizeof(what), format, args);
    va_end(args);
    log_error("  frame 0x%lx of domain %u, kind %s%s: %s (type word %016lx)", frame_mfn(p).n,
              p->owner - PAGE_OWNER_DOMAIN, page_kind_name(page_kind(p->type)), p->type & PAGE_PINNED ? ", pinned" : "",
              what, p->type);
}

/* Somebody holds a reference to m and, unless kind is PAGE_NONE, a use as that. */
static void note(u64 m, enum page_kind kind)
{
    struct page *p = frame_page(mfn(m));
    if (!p || p->owner < PAGE_OWNER_DOMAIN)
        return;
    if (!is_of_uses || kind != PAGE_NONE)
        (*tally_of(p))++;
    if (is_of_uses && kind != PAGE_NONE && (page_kind(p->type) != kind || !(p->type & PAGE_VALID)))
        find_fault(p, "something uses it as %s", page_kind_name(kind));
}

static void note_entries(struct page *p)
{
    enum page_kind kind = page_kind(p->type);
    u32 held = p->type & PAGE_VALID ? 512 : page_progress(p->type);
    const pte_t *t = frame_va(frame_mfn(p));
    if (kind < PAGE_L1 || kind > PAGE_L4)
        return;
    for (u32 i = 0; i < held; i++) {
        if (!(t[i] & PTE_P) || (kind == PAGE_L4 && i >= HV_SLOT && i < HV_SLOT + HV_SLOT_COUNT))
            continue;
        if (kind == PAGE_L1)
            note(pte_mfn(t[i]), t[i] & PTE_RW ? PAGE_WRITABLE : PAGE_NONE);
        else
            note(pte_mfn(t[i]), (enum page_kind)(kind - 1));
    }
}

static void note_vcpu(const struct vcpu *v)
{
    if (v->pv.kernel_l4.n)
        note(v->pv.kernel_l4.n, PAGE_L4);
    if (v->pv.user_l4.n)
        note(v->pv.user_l4.n, PAGE_L4);
    for (u32 i = 0; i < v->pv.gdt_count; i++)
        note(v->pv.gdt[i].n, PAGE_SEG);
    for (u32 left = v->pv.ldt_mapped; left; left &= left - 1)
        note(v->pv.ldt[bit_lowest(left)].n, PAGE_SEG);
    if (v->info_mfn.n != MFN_NONE)
        note(v->info_mfn.n, PAGE_WRITABLE);
}

static void note_domain(struct domain *d, void *arg)
{
    (void)arg;
    d->audit_held = 0;
    note(d->shared_mfn.n, PAGE_WRITABLE);
    grant_note(d, note);
    if (d->ops->note)
        d->ops->note(d, note);
    if (d->pirq.eoi_map)
        note(d->pirq.eoi_mfn, PAGE_WRITABLE);
    for (u32 i = 0; i < d->vcpu_limit; i++)
        if (d->vcpu[i])
            note_vcpu(d->vcpu[i]);
}

/* What the frame's own state holds, on top of what others do. */
static void compare(struct page *p)
{
    u64 refs = p->refs & PAGE_REFS, uses = p->type & PAGE_COUNT, due = *tally_of(p) & TALLY;
    due += (p->type & PAGE_PINNED) != 0;
    if (is_of_uses) {
        if (uses != due)
            find_fault(p, "counts %lu uses, found %lu", uses, due);
        return;
    }
    due += (p->refs & PAGE_ALLOCATED) != 0;
    due += uses == 0 && page_progress(p->type) != 0; /* half a table, or one being dismantled */
    if (refs != due)
        find_fault(p, "counts %lu references, found %lu", refs, due);
}

static void each_frame(void (*fn)(struct page *p))
{
    for (u64 n = 0; n < frame_limit; n++) {
        struct page *p = frame_page_raw(mfn(n));
        if (p->owner >= PAGE_OWNER_DOMAIN)
            fn(p);
    }
}

static u64 checked_count, wrong_count;

static void clear_tally(struct page *p)
{
    *tally_of(p) &= ~TALLY;
}

static void conclude(struct page *p)
{
    checked_count++;
    domain_of(p->owner)->audit_held++;
    wrong_count += (*tally_of(p) & IS_WRONG) != 0;
    *tally_of(p) &= ~(TALLY | IS_WRONG);
}

static void compare_held(struct domain *d, void *arg)
{
    (void)arg;
    if (d->audit_held == d->page_held)
        return;
    wrong_count++;
    log_error("  domain %u counts %lu frames, found %lu", d->id, d->page_held, d->audit_held);
}

u64 pv_audit_recount(u64 *checked)
{
    said_count = 0;
    checked_count = wrong_count = 0;
    for (u32 round = 0; round < 2; round++) {
        is_of_uses = round == 1;
        domain_for_each(note_domain, NULL);
        each_frame(note_entries);
        each_frame(compare);
        each_frame(is_of_uses ? conclude : clear_tally);
    }
    domain_for_each(compare_held, NULL);
    *checked = checked_count;
    return wrong_count + grant_audit();
}

struct sweep {
    bool is_privileged, does_unpause, is_running;
};

static void sweep_domain(struct domain *d, void *arg)
{
    const struct sweep *s = arg;
    for (u32 i = 0; i < d->vcpu_limit && d->is_privileged == s->is_privileged; i++)
        if (d->vcpu[i])
            (s->does_unpause ? sched_unpause : sched_pause)(&d->vcpu[i]->unit);
}

static void find_running(struct domain *d, void *arg)
{
    struct sweep *s = arg;
    for (u32 i = 0; i < d->vcpu_limit && d->is_privileged == s->is_privileged; i++)
        if (d->vcpu[i] && &d->vcpu[i]->unit != sched_current())
            s->is_running |= sched_is_running(&d->vcpu[i]->unit);
}

/* Not sched_pause_sync(): another CPU may wait for the vCPU that we interrupted. True when all are off. */
static bool pause_all(bool is_privileged)
{
    struct sweep s = {.is_privileged = is_privileged};
    u64 end = time_now() + PATIENCE_NS;
    domain_for_each(sweep_domain, &s);
    do {
        s.is_running = false;
        domain_for_each(find_running, &s);
    } while (s.is_running && time_now() < end);
    return !s.is_running;
}

static void unpause_all(bool is_privileged)
{
    struct sweep s = {.is_privileged = is_privileged, .does_unpause = true};
    domain_for_each(sweep_domain, &s);
}

/* Control domains first: while they stand still, there are no new domains and vCPUs. */
static void audit(void)
{
    u64 checked, wrong, start = time_now();
    bool is_off = pause_all(true);
    if (is_off) {
        is_off = pause_all(false);
        if (is_off) {
            wrong = pv_audit_recount(&checked);
            log_error("audit: %lu frames, %lu faults, %lu ms", checked, wrong, (time_now() - start) / 1000000);
        }
        unpause_all(false);
    }
    unpause_all(true);
    if (!is_off) /* it may wait with interrupts off for the CPU that we are on */
        log_error("audit: not done, a vCPU did not stop within %llu s; press 0 again", PATIENCE_NS / 1000000000);
}

__init void pv_audit_init(void)
{
    console_key_bind('0', "audit: count all references and uses of frames again", audit);
}
