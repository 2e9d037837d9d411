/* SPDX-License-Identifier: MIT */
/*
 * Memory of the current vCPU by its own virtual addresses: its page tables are walked by hand, each level through p2m.
 * What a walk finds may be gone a moment later, so a frame is held while it is copied, and a guest that changes its
 * tables meanwhile gets one of the two. Only as far as hypercalls need: ring 0, no A and D bits written.
 */
#include "hvm/hvm.h"
#include "lib/string.h"

#define CR4_LA57 BIT(12)

/* A frame of the guest's, for a moment; NULL: none, or it may not be written. */
static u8 *frame_hold(struct domain *d, u64 gfn, bool is_write, struct page **held)
{
    bool is_writable;
    mfn_t m = p2m_find(d, gfn, &is_writable);
    struct page *p = m.n == MFN_NONE ? NULL : frame_page_raw(m);

    if (!p || (is_write && !is_writable) || !page_get(p, p->owner))
        return NULL;
    if (p2m_find(d, gfn, &is_writable).n != m.n) { /* it may have gone to somebody else in between */
        page_put(p);
        return NULL;
    }
    *held = p;
    return frame_va(m);
}

static bool entry_read(struct domain *d, u64 address, pte_t *e)
{
    struct page *p;
    const u8 *at = frame_hold(d, address >> PAGE_SHIFT, false, &p);

    if (!at)
        return false;
    *e = READ_ONCE(*(const pte_t *)(const void *)(at + (address & (PAGE_SIZE - 1) & ~7ull)));
    page_put(p);
    return *e & PTE_P;
}

/* Guest-physical address of va. */
static bool walk(struct domain *d, const struct hvm_mode *m, u64 va, bool is_write, u64 *out)
{
    u64 table = m->cr3 & PTE_ADDR;
    pte_t e = 0;

    if (!(m->cr0 & CR0_PG)) {
        *out = va;
        return va <= UINT32_MAX;
    }
    if (!(m->efer & EFER_LMA) || va + 0x0000800000000000ull >= 0x0001000000000000ull || m->cr4 & CR4_LA57)
        return false;
    for (u32 level = 4; level; level--) {
        u64 size = 1ull << (12 + 9 * (level - 1));
        if (!entry_read(d, table + (va >> (12 + 9 * (level - 1)) & 511) * 8, &e))
            return false;
        if (is_write && !(e & PTE_RW) && m->cr0 & CR0_WP)
            return false;
        table = e & PTE_ADDR;
        if (level == 1 || (e & PTE_PS && level < 4)) {
            *out = (table & ~(size - 1)) | (va & (size - 1));
            return true;
        }
    }
    return false;
}

bool hvm_copy(void *host, u64 va, u64 n, bool is_write)
{
    struct vcpu *v = vcpu_current();
    struct hvm_mode mode;
    u8 *to = host;

    hvm_backend->mode(v, &mode);
    while (n) {
        u64 bytes = min(n, PAGE_SIZE - (va & (PAGE_SIZE - 1))), at;
        struct page *p;
        u8 *frame =
            walk(v->domain, &mode, va, is_write, &at) ? frame_hold(v->domain, at >> PAGE_SHIFT, is_write, &p) : NULL;
        if (!frame)
            return false;
        frame += at & (PAGE_SIZE - 1);
        if (is_write)
            memcpy(frame, to, bytes);
        else
            memcpy(to, frame, bytes);
        page_put(p);
        to += bytes;
        va += bytes;
        n -= bytes;
    }
    return true;
}
