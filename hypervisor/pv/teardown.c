/* SPDX-License-Identifier: MIT */
/*
 * The end of a PV domain's memory (domain_ops.relinquish). Uses of tables have three kinds of roots: base pointers and
 * descriptor windows of vCPUs, which stand still by now; tables on their retired stacks; pins and half-built tables,
 * which are always in the domain's list (dom/page.c). All of them are given up, then every frame; what tables held
 * comes off our own retired stack, and no table is left when the answer is 0. Frames that others map stay until
 * they let go, and with them the domain's number. Called under domain.lock by a vCPU of the control domain, again and
 * again: each call goes on where nothing is left to do.
 */
#include "core/slab.h"
#include "core/work.h"
#include "pv/pv.h"

static void drop_vcpu(struct vcpu *v)
{
    pv_types_drain(v); /* what it was dismantling when it stopped; the remainder of a long one comes to us */
    pv_desc_drop_ldt(v);
    v->pv.ldt_entries = 0;
    (void)pv_desc_set_gdt(v, NULL, 0);
    pv_vcpu_set_user_l4(v, mfn(0));
    pv_vcpu_set_kernel_l4(v, mfn(0));
}

/* The first of the list. The owner's reference keeps it meanwhile: who drops that holds domain.lock, as we do. */
static void drop_frame(struct domain *d, mfn_t m)
{
    struct page *p = frame_page_raw(m);
    if (page_progress(p->type) && page_type_get(p, PAGE_WRITABLE) == 0) /* half a table is dismantled thereby */
        page_type_put(p);
    (void)pv_types_unpin_own(p);
    if (page_release(d, p))
        frame_m2p_set(m, M2P_INVALID);
}

int pv_teardown(struct domain *d)
{
    struct vcpu *self = vcpu_current();
    for (u32 i = 0; i < d->vcpu_limit; i++)
        if (d->vcpu[i]) {
            drop_vcpu(d->vcpu[i]);
            if (work_is_pending())
                return -ERESTART;
        }
    while (d->pages.n) {
        drop_frame(d, d->pages);
        pv_types_drain(self);
        if (work_is_pending())
            return -ERESTART;
    }
    pv_types_drain(self);
    if (self->pv.retired.n)
        return -ERESTART;
    (void)frame_claim(&d->claim, 0);
    slab_free(d->e820, d->e820_bytes);
    d->e820 = NULL;
    return 0;
}
