/* SPDX-License-Identifier: MIT */
/*
 * Hypercall 26: pinning tables, changing address spaces, TLB flushes, the LDT. Operations come in batches; the cursor
 * is the index of the next one. A flush on other vCPUs is done when the call returns: it interrupts the CPUs
 * that have those vCPUs loaded right now, the others flush when they load them. Hypercall 55 is a whole switch of
 * threads.
 */
#include "core/work.h"
#include "pv/pv.h"

#define WAITS_MAX 1000u

cpuset_t pv_mmuext_cpus(const struct domain *d, u64 vcpus)
{
    cpuset_t cpus = 0;
    for (; vcpus; vcpus &= vcpus - 1) {
        const struct vcpu *v = domain_vcpu(d, bit_lowest(vcpus));
        u32 on = v ? READ_ONCE(v->loaded_on) : VCPU_NOWHERE;
        if (on != VCPU_NOWHERE)
            cpus |= BIT(on);
    }
    return cpus;
}

int pv_mmuext_target(domid_t id, struct domain **target)
{
    int rc = domain_target(id, target);
    if (rc == 0 && domain_is_dying(*target)) {
        domain_put(*target);
        rc = -ESRCH;
    }
    return rc;
}

/* A table that its domain is dismantling may lie on the retired stack of a vCPU that is paused or has crashed. The
 * control domain must not wait for that one. */
int pv_mmuext_wait(struct vcpu *v, int rc)
{
    if (rc != -ERESTART || v->pv.retired.n || work_is_pending())
        return rc; /* our own, or simply interrupted */
    if (v->cont.waits++ == WAITS_MAX)
        return -EBUSY;
    sched_yield();
    return rc;
}

static int pin(struct domain *d, u64 m, enum page_kind kind)
{
    struct page *p = frame_page(mfn(m));
    int rc = p ? pv_types_pin(d, p, kind) : -EINVAL;
    return rc == -EPERM ? -EINVAL : rc;
}

int pv_mmuext_take_l4(const struct vcpu *v, u64 frame, mfn_t *l4)
{
    struct page *p = frame_page(mfn(frame));
    int rc = p ? page_get_as(p, domain_owner(v->domain), PAGE_L4) : -EINVAL;
    *l4 = mfn(rc ? 0 : frame);
    return rc == -EPERM ? -EINVAL : rc;
}

static int new_baseptr(struct vcpu *v, u64 m, bool is_user)
{
    mfn_t l4 = mfn(0);
    int rc = m == 0 && is_user ? 0 : pv_mmuext_take_l4(v, m, &l4);
    if (rc)
        return rc;
    if (is_user)
        pv_vcpu_set_user_l4(v, l4);
    else
        pv_vcpu_set_kernel_l4(v, l4);
    return 0;
}

/* Everything is checked, and the references to the new tables are taken, before anything changes. */
s64 pv_mmuext_switch(const struct call_args *a)
{
    struct vcpu *v = vcpu_current();
    mfn_t kernel = mfn(0), user = mfn(0);
    if (!pv_misc_stack_ok(a->a[0]) || !pv_is_canonical(a->a[1]) || !pv_is_canonical(a->a[2]))
        return -EINVAL;
    int rc = a->a[3] ? pv_mmuext_take_l4(v, a->a[3], &kernel) : 0;
    if (rc)
        return rc;
    if (kernel.n && a->a[4])
        rc = pv_mmuext_take_l4(v, a->a[4], &user);
    if (rc) {
        page_put_as(frame_page_raw(kernel));
        return rc;
    }
    pv_misc_set_stack(v, v->pv.kernel_ss, a->a[0]);
    cpu_wrmsr(MSR_FS_BASE, a->a[1]);
    cpu_wrmsr(MSR_KERNEL_GS_BASE, a->a[2]);
    if (kernel.n) {
        pv_vcpu_set_user_l4(v, user);
        pv_vcpu_set_kernel_l4(v, kernel);
    }
    return 0;
}

static int set_ldt(struct vcpu *v, u64 base, u64 entries)
{
    if (base & (PAGE_SIZE - 1) || entries > 8192 || (entries && !guest_range_ok(base, entries * 8)))
        return -EINVAL;
    if (v->pv.ldt_base == base && v->pv.ldt_entries == entries)
        return 0;
    pv_desc_drop_ldt(v);
    v->pv.ldt_base = base;
    v->pv.ldt_entries = (u32)entries;
    desc_load_ldt((u32)entries);
    pv_desc_map_ldt(v);
    return 0;
}

/* `d`: whose frames; the caller's own for anything but pins. */
static int do_one(struct vcpu *v, struct domain *d, const struct mmuext_op *op)
{
    u64 vcpus = 0;
    if (d != v->domain && op->cmd > MMUEXT_UNPIN_TABLE)
        return -EPERM;
    switch (op->cmd) {
    case MMUEXT_PIN_L1_TABLE:
    case MMUEXT_PIN_L2_TABLE:
    case MMUEXT_PIN_L3_TABLE:
    case MMUEXT_PIN_L4_TABLE:
        return pin(d, op->arg1.mfn, (enum page_kind)(PAGE_L1 + (op->cmd - MMUEXT_PIN_L1_TABLE)));
    case MMUEXT_UNPIN_TABLE: {
        struct page *p = frame_page(mfn(op->arg1.mfn));
        return p ? pv_types_unpin(d, p) : -EINVAL;
    }
    case MMUEXT_NEW_BASEPTR:
    case MMUEXT_NEW_USER_BASEPTR:
        return new_baseptr(v, op->arg1.mfn, op->cmd == MMUEXT_NEW_USER_BASEPTR);
    case MMUEXT_TLB_FLUSH_LOCAL:
        tlb_flush_local();
        return 0;
    case MMUEXT_INVLPG_LOCAL:
        if (guest_range_ok(op->arg1.linear_addr, 1))
            cpu_invlpg(op->arg1.linear_addr);
        return 0;
    case MMUEXT_TLB_FLUSH_MULTI:
    case MMUEXT_INVLPG_MULTI:
        if (!guest_get(&vcpus, guest_at(op->arg2.vcpumask)))
            return -EFAULT;
        if (op->cmd == MMUEXT_TLB_FLUSH_MULTI)
            tlb_flush_cpus(pv_mmuext_cpus(d, vcpus));
        else if (guest_range_ok(op->arg1.linear_addr, 1))
            tlb_invlpg_cpus(pv_mmuext_cpus(d, vcpus), op->arg1.linear_addr);
        return 0;
    case MMUEXT_TLB_FLUSH_ALL:
        tlb_flush_cpus(d->loaded_cpus);
        return 0;
    case MMUEXT_INVLPG_ALL:
        if (guest_range_ok(op->arg1.linear_addr, 1))
            tlb_invlpg_cpus(d->loaded_cpus, op->arg1.linear_addr);
        return 0;
    case MMUEXT_FLUSH_CACHE:
    case MMUEXT_FLUSH_CACHE_GLOBAL:
        if (!d->iomem.count)
            return -EINVAL;
        __asm__ volatile("wbinvd" ::: "memory");
        return 0;
    case MMUEXT_SET_LDT:
        return set_ldt(v, op->arg1.linear_addr, op->arg2.nr_ents);
    default:
        return -ENOSYS;
    }
}

static s64 do_all(struct vcpu *v, struct domain *d, const struct call_args *a)
{
    u64 count = (u32)a->a[1], i = v->cont.cursor, first = i;
    int rc = 0;
    for (; i < count && rc == 0; i++) {
        struct mmuext_op op;
        if (i != first && work_is_pending())
            rc = -ERESTART;
        else if (!guest_get_at(&op, guest_at(a->a[0]), i))
            rc = -EFAULT;
        else
            rc = do_one(v, d, &op);
        if (rc == -ERESTART && d != v->domain && i == first)
            rc = pv_mmuext_wait(v, rc);
        if (rc == -ERESTART) {
            v->cont.cursor = i;
            return rc;
        }
        if (rc) {
            if (rc != -EFAULT)
                domain_log(v->domain, "mmuext_op: operation %u on 0x%lx refused (%d)", op.cmd, op.arg1.mfn, rc);
            break;
        }
    }
    if (a->a[2]) {
        u32 done = (u32)i;
        if (!guest_put(guest_at(a->a[2]), &done))
            rc = -EFAULT;
    }
    return rc;
}

s64 pv_mmuext_op(const struct call_args *a)
{
    struct vcpu *v = vcpu_current();
    struct domain *d;
    if (likely(a->a[3] == DOMID_SELF))
        return do_all(v, v->domain, a);
    s64 rc = pv_mmuext_target((domid_t)a->a[3], &d);
    if (rc)
        return rc;
    rc = do_all(v, d, a);
    domain_put(d);
    return rc;
}
