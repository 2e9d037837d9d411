/* SPDX-License-Identifier: MIT */
/*
 * Hypercalls 1 (mmu_update) and 14 (update_va_mapping): page-table entries by machine address or by virtual address.
 * Each request holds a typed use of the table for as long as it writes; runs of requests for the same table take it
 * once. A frame that is no page table is plain memory of the guest, and the value is stored as it is. The cursor of a
 * long batch is the index of the next request; the count of finished ones is written once, at the end.
 */
#include "core/work.h"
#include "pv/pte.h"

/* A table, or plain memory, that this call has a typed use of. */
struct held {
    struct page *page;
    u64 frame;
    enum page_kind kind;
};

static void held_put(struct held *h)
{
    if (h->page)
        page_put_as(h->page);
    h->page = NULL;
    h->frame = MFN_NONE;
}

static int held_get(struct domain *d, struct held *h, mfn_t m)
{
    struct page *p = frame_page(m);
    held_put(h);
    if (unlikely(!p || p->owner == PAGE_OWNER_IO))
        return -EINVAL;
    u64 type = READ_ONCE(p->type);
    enum page_kind kind = page_kind(type);
    if (unlikely(type & PAGE_BUSY))
        return -ERESTART;
    if (kind < PAGE_L1 || kind > PAGE_L4 || !(type & PAGE_VALID))
        kind = PAGE_WRITABLE;
    int rc = page_get_as(p, domain_owner(d), kind);
    if (rc == 0)
        *h = (struct held){p, m.n, kind};
    return rc;
}

#define LOOK_EACH     8u
#define IS_ENTRY(ptr) (BIT((ptr)&7) & 0xd) /* a command that writes an entry; entries are 8 bytes, aligned */

__inline_always int update_one(struct domain *d, u32 owner, struct held *h, u64 ptr, u64 value)
{
    pte_t *slot = (pte_t *)(DIRECT_START + (ptr & ~7ull));
    bool keeps_ad = (ptr & 3) == MMU_PT_UPDATE_PRESERVE_AD;
    if (unlikely(ptr >> PAGE_SHIFT != h->frame)) {
        int rc = held_get(d, h, mfn(ptr >> PAGE_SHIFT));
        if (unlikely(rc))
            return rc;
    }
    if (likely(h->kind == PAGE_L1))
        return pv_pte_write(d, owner, slot, value, keeps_ad);
    if (likely(h->kind == PAGE_WRITABLE)) {
        WRITE_ONCE(*slot, unlikely(keeps_ad) ? value | (*slot & (PTE_A | PTE_D)) : value);
        return 0;
    }
    return pv_pte_write_upper(d, h->kind, (u32)(ptr >> 3 & 511), slot, value, keeps_ad);
}

static int machphys_update(u32 owner, u64 ptr, u64 value)
{
    mfn_t m = mfn(ptr >> PAGE_SHIFT);
    struct page *p = frame_page(m);
    if (!p || !page_get(p, owner))
        return -EINVAL;
    frame_m2p_set(m, value);
    page_put(p);
    return 0;
}

/* The owner that mapped frames must have, and itself (NULL: nobody), with a reference: -ESRCH no such domain, -EPERM
 * not yours to map. */
static int mapped_owner(struct domain *d, domid_t id, u32 *owner, struct domain **out)
{
    *out = NULL;
    *owner = PV_OWNER_IO;
    if (id == DOMID_IO)
        return d->is_privileged ? 0 : -EPERM;
    *owner = PAGE_OWNER_SHOWN;
    if (id == DOMID_XEN)
        return d->is_privileged ? 0 : -EPERM;
    int rc = pv_mmuext_target(id, out);
    if (rc == 0)
        *owner = domain_owner(*out);
    return rc;
}

static void mapped_put(struct domain *o)
{
    if (o)
        domain_put(o);
}

/* The entry as it shall be, if o counts its frames in numbers of its own. */
static u64 mapped_entry(struct domain *o, u64 value)
{
    if (!o || !o->ops->frame || !(value & PTE_P))
        return value;
    return pte_make(min(domain_frame(o, pte_mfn(value)).n, PTE_ADDR >> PAGE_SHIFT), value & ~PTE_ADDR);
}

/* Any request but the plainest. */
static __attribute__((noinline)) int update_other(struct domain *d, u32 owner, struct domain *frames, struct held *h,
                                                  u64 ptr, u64 value)
{
    if ((ptr & 7) == MMU_MACHPHYS_UPDATE)
        return machphys_update(owner, ptr, value);
    if (unlikely(!IS_ENTRY(ptr)))
        return -EINVAL;
    return update_one(d, owner, h, ptr, (ptr & 7) == MMU_PT_UPDATE_NO_TRANSLATE ? value : mapped_entry(frames, value));
}

/* Whose tables (with a reference) and whose frames: argument 4 of mmu_update. Of another domain's tables entries can be
 * written that map its own frames; the domain's builder has no need of more. */
static int parties(struct domain *self, u32 foreign, struct domain **tables, u32 *owner, struct domain **frames)
{
    u32 id = foreign >> 16 ? (foreign >> 16) - 1 : self->id;
    if (id != self->id && id != (u16)foreign)
        return -EPERM;
    int rc = pv_mmuext_target((domid_t)id, tables);
    if (rc)
        return rc;
    rc = mapped_owner(self, (domid_t)foreign, owner, frames);
    if (rc)
        domain_put(*tables);
    return rc;
}

/* Requests from *at on, until all are done, one is refused, or other work is due (-ERESTART). Where that is looked for
 * only now and then, it is for the sake of the many requests of a fork. */
static int update_run(struct domain *d, u32 owner, struct domain *frames, u64 reqs, u64 count, u64 *at)
{
    struct held held = {.frame = MFN_NONE};
    u64 i = *at, ptr, value;
    int rc = 0;
    while (i < count) {
        if (unlikely(!guest_read_pair(guest_at(reqs + i * sizeof(struct mmu_update)), &ptr, &value)))
            rc = -EFAULT;
        else if (likely(!(ptr & 5) && !frames)) /* a normal update, or one that keeps A and D */
            rc = update_one(d, owner, &held, ptr, value);
        else
            rc = update_other(d, owner, frames, &held, ptr, value);
        if (unlikely(rc))
            break;
        i++;
        if (unlikely(!(i % LOOK_EACH)) && unlikely(work_is_pending()) && i < count) {
            rc = -ERESTART;
            break;
        }
    }
    held_put(&held);
    *at = i;
    return rc;
}

s64 pv_mmu_update(const struct call_args *a)
{
    struct vcpu *v = vcpu_current();
    struct domain *d = v->domain, *frames = NULL;
    u64 count = (u32)a->a[1], i = v->cont.cursor;
    u32 owner = domain_owner(d);
    bool is_foreign = a->a[3] != DOMID_SELF;
    int rc = 0;
    if (unlikely(is_foreign)) {
        rc = parties(d, (u32)a->a[3], &d, &owner, &frames);
        if (rc)
            return rc;
    }
    rc = guest_range_ok(a->a[0], count * sizeof(struct mmu_update)) ? update_run(d, owner, frames, a->a[0], count, &i)
                                                                    : -EFAULT;
    if (unlikely(is_foreign)) {
        domain_put(d);
        mapped_put(frames);
        rc = i == v->cont.cursor ? pv_mmuext_wait(v, rc) : rc;
        d = v->domain;
    }
    if (rc == -ERESTART) {
        v->cont.cursor = i;
        return rc;
    }
    if (a->a[2]) {
        u32 done = (u32)i;
        if (!guest_put(guest_at(a->a[2]), &done))
            rc = -EFAULT;
    }
    if (rc && rc != -EFAULT)
        domain_log(d, "mmu_update: request %lu of %lu refused (%d)", i, count, rc);
    return rc;
}

/* One request for an entry of an L1 table of the caller's own, with nothing unusual about it: what a page fault needs.
 * Called from entry.S with interrupts off and only some registers saved, so it must not be interrupted, fault or log.
 * 0, or PV_MMU_UPDATE_LONG: take the long way, which finds nothing done, or the entry as it shall be. */
s64 pv_mmu_update_quick(u64 reqs, u64 count, u64 done, u64 foreign)
{
    const struct vcpu *v = vcpu_current();
    u32 owner = domain_owner(v->domain);
    u64 ptr, value;
    if (unlikely(count != 1 || done || foreign != DOMID_SELF || !guest_range_ok(reqs, sizeof(struct mmu_update)) ||
                 !guest_read_pair(guest_at(reqs), &ptr, &value) || ptr & 7))
        return PV_MMU_UPDATE_LONG;
    struct page *table = frame_page(mfn(ptr >> PAGE_SHIFT)), *p = NULL;
    if (unlikely(!table || page_get_quick(table, owner, PAGE_L1)))
        return PV_MMU_UPDATE_LONG;
    pte_t *slot = (pte_t *)(DIRECT_START + ptr), old = READ_ONCE(*slot);
    bool is_done = !((old & PTE_P) | (value & (pv_pte_forbidden | PV_PTE_CACHE)));
    if (likely(value & PTE_P) && is_done) {
        p = pv_pte_page(value);
        is_done = p && value & PTE_RW && !page_get_quick(p, owner, PAGE_WRITABLE);
        value = pv_pte_adjust(value);
    } else if (unlikely(pv_pte_l1tf_end)) {
        is_done = false;
    }
    if (likely(is_done) && unlikely(!atomic_cas64(slot, old, value))) {
        is_done = false;
        if (p)
            page_put_as(p);
    }
    page_put_as(table);
    if (unlikely(!is_done || v->pv.must_look))
        return PV_MMU_UPDATE_LONG;
    v->stat->u.vcpu.call[__HYPERVISOR_mmu_update]++;
    return 0;
}

static int flush_after(struct vcpu *v, u64 va, u64 flags)
{
    cpuset_t cpus = BIT(cpu_id());
    u64 who = flags & ~(u64)UVMF_FLUSHTYPE_MASK;
    if ((flags & UVMF_FLUSHTYPE_MASK) == 0)
        return 0;
    if (who == UVMF_ALL) {
        cpus = v->domain->loaded_cpus;
    } else if (who) {
        u64 vcpus;
        if (!guest_get(&vcpus, guest_at(who)))
            return -EFAULT;
        cpus = pv_mmuext_cpus(v->domain, vcpus);
    }
    if ((flags & UVMF_FLUSHTYPE_MASK) == UVMF_INVLPG)
        tlb_invlpg_cpus(cpus, va);
    else
        tlb_flush_cpus(cpus);
    return 0;
}

static s64 update_va(const struct call_args *a, u32 owner)
{
    struct vcpu *v = vcpu_current();
    struct page *table;
    pte_t *slot = pv_pte_find(v, a->a[0], &table);
    if (unlikely(!slot))
        return -EINVAL;
    int rc = page_get_as(table, domain_owner(v->domain), PAGE_L1);
    if (unlikely(rc))
        return rc;
    rc = pv_pte_write(v->domain, owner, slot, a->a[1], false);
    page_put_as(table);
    if (rc == 0 && a->a[2])
        rc = flush_after(v, a->a[0], a->a[2]);
    if (unlikely(rc && rc != -ERESTART))
        domain_log(v->domain, "update_va_mapping: 0x%lx to entry 0x%lx refused (%d)", a->a[0], a->a[1], rc);
    return rc;
}

s64 pv_update_va_mapping(const struct call_args *a)
{
    return update_va(a, domain_owner(domain_current()));
}

s64 pv_update_va_mapping_otherdomain(const struct call_args *a)
{
    struct vcpu *v = vcpu_current();
    struct domain *frames;
    struct call_args own = *a;
    u32 owner;
    int rc = mapped_owner(v->domain, (domid_t)a->a[3], &owner, &frames);
    if (rc)
        return rc;
    own.a[1] = mapped_entry(frames, a->a[1]);
    rc = (int)update_va(&own, owner);
    mapped_put(frames);
    return pv_mmuext_wait(v, rc);
}
