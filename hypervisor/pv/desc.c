/* SPDX-License-Identifier: MIT */
/*
 * Guest descriptors. A frame used in a GDT or LDT has kind PAGE_SEG: all 512 entries were checked and it is
 * writable nowhere, so that the processor never meets a descriptor that could lead out of ring 3: only code and data
 * segments, DPL raised to 3, no gates, no system segments. LDT frames are taken up when the LDT is set, those
 * that cannot be then when the guest first touches them. Hypercalls 2 (set_gdt) and 10 (update_descriptor) are here.
 */
#include "lib/log.h"
#include "pv/pv.h"

#define DESC_P          BIT(47)
#define DESC_S          BIT(44)
#define DESC_DPL        (3ull << 45)
#define DESC_A          BIT(40)
#define DESC_CODE       BIT(43)
#define DESC_CONFORMING BIT(42)
#define DESC_L          BIT(53)
#define DESC_DB         BIT(54)

bool pv_desc_check(u64 *descriptor)
{
    u64 e = *descriptor;
    if (!(e & DESC_P))
        return true;
    if (!(e & DESC_S))
        return false;
    if (e & DESC_CODE && e & DESC_CONFORMING)
        return false;
    if (e & DESC_CODE && e & DESC_L && e & DESC_DB)
        return false;
    *descriptor = e | DESC_DPL | DESC_A;
    return true;
}

int pv_desc_build(struct page *p)
{
    u64 *t = frame_va(frame_mfn(p));
    for (u32 i = 0; i < 512; i++) {
        u64 e = t[i];
        if (!pv_desc_check(&e))
            return -EINVAL;
        t[i] = e;
    }
    return 0;
}

static void drop_gdt(struct vcpu *v)
{
    for (u32 i = 0; i < v->pv.gdt_count; i++)
        page_put_as(frame_page_raw(v->pv.gdt[i]));
    v->pv.gdt_count = 0;
}

int pv_desc_set_gdt(struct vcpu *v, const u64 *frames, u32 entries)
{
    u32 count = (entries + 511) / 512, i;
    int rc = 0;
    for (i = 0; i < count && rc == 0; i++) {
        struct page *p = frame_page(mfn(frames[i]));
        rc = p ? page_get_as(p, domain_owner(v->domain), PAGE_SEG) : -EINVAL;
    }
    if (rc) {
        for (i--; i-- > 0;)
            page_put_as(frame_page_raw(mfn(frames[i])));
        return rc == -EPERM ? -EINVAL : rc;
    }
    drop_gdt(v);
    for (i = 0; i < count; i++)
        v->pv.gdt[i] = mfn(frames[i]);
    v->pv.gdt_count = count;
    return 0;
}

s64 pv_set_gdt(const struct call_args *a)
{
    struct vcpu *v = vcpu_current();
    u64 frames[14], entries = a->a[1];
    if (entries > GDT_RESERVED_PAGE * 512)
        return -EINVAL;
    if (!guest_read(frames, guest_at(a->a[0]), (entries + 511) / 512 * 8))
        return -EFAULT;
    int rc = pv_desc_set_gdt(v, frames, (u32)entries);
    if (rc == 0)
        desc_load_gdt(v->pv.gdt, v->pv.gdt_count);
    return rc;
}

s64 pv_update_descriptor(const struct call_args *a)
{
    u64 e = a->a[1];
    struct page *p = frame_page(mfn(a->a[0] >> PAGE_SHIFT));
    u32 owner = domain_owner(domain_current());
    if (a->a[0] & 7 || !p || !pv_desc_check(&e))
        return -EINVAL;
    enum page_kind kind = page_kind(READ_ONCE(p->type)) == PAGE_SEG ? PAGE_SEG : PAGE_WRITABLE;
    int rc = page_get_as(p, owner, kind);
    if (rc)
        return rc == -EPERM ? -EINVAL : rc;
    *(volatile u64 *)((u8 *)frame_va(frame_mfn(p)) + (a->a[0] & (PAGE_SIZE - 1))) = e;
    page_put_as(p);
    return 0;
}

void pv_desc_drop_ldt(struct vcpu *v)
{
    if (v == vcpu_current_any())
        desc_load_ldt(0);
    for (; v->pv.ldt_mapped; v->pv.ldt_mapped &= v->pv.ldt_mapped - 1)
        page_put_as(frame_page_raw(v->pv.ldt[bit_lowest(v->pv.ldt_mapped)]));
}

static int map_ldt(struct vcpu *v, u32 index)
{
    struct page *table;
    pte_t *slot = pv_pte_find(v, v->pv.ldt_base + index * PAGE_SIZE, &table);
    pte_t e = slot ? READ_ONCE(*slot) : 0;
    struct page *p = e & PTE_P ? frame_page(mfn(pte_mfn(e))) : NULL;
    int rc = p ? page_get_as(p, domain_owner(v->domain), PAGE_SEG) : -EINVAL;
    if (rc)
        return rc;
    v->pv.ldt[index] = frame_mfn(p);
    v->pv.ldt_mapped |= 1u << index;
    desc_map_ldt(index, frame_mfn(p));
    return 0;
}

/* Wirt itself may be the first to load one of its selectors, and then there is nobody to take the fault: so all at
 * once. What cannot be had now is tried again when the guest touches it. */
void pv_desc_map_ldt(struct vcpu *v)
{
    for (u32 i = 0; i < (v->pv.ldt_entries + 511) / 512; i++)
        (void)map_ldt(v, i);
}

/* Also true if somebody is at the page: the guest touches it again. */
bool pv_desc_ldt_fault(struct vcpu *v, u64 address)
{
    u64 offset = address - desc_gdt_base(cpu_id()) - LDT_WINDOW_OFFSET;
    u32 index = (u32)(offset >> PAGE_SHIFT);
    if (offset >= (u64)v->pv.ldt_entries * 8 || v->pv.ldt_mapped & 1u << index)
        return false;
    int rc = map_ldt(v, index);
    return rc == 0 || rc == -ERESTART;
}
