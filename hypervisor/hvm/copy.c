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

/* An entry of 4 or 8 bytes. */
static bool entry_read(struct domain *d, u64 address, u32 bytes, pte_t *e)
{
    struct page *p;
    const u8 *at = frame_hold(d, address >> PAGE_SHIFT, false, &p);

    if (!at)
        return false;
    *e = READ_ONCE(*(const pte_t *)(const void *)(at + (address & (PAGE_SIZE - 1) & ~7ull)));
    if (bytes == 4)
        *e = (u32)(*e >> (address & 4) * 8);
    page_put(p);
    return *e & PTE_P;
}

/* How a guest walks: levels, bits of an address that each takes, bytes of an entry; where large pages may be. */
struct shape {
    u32 levels, bits, bytes, large;
};

static struct shape shape_of(const struct hvm_mode *m)
{
    if (m->efer & EFER_LMA)
        return (struct shape){4, 9, 8, 3};
    if (m->cr4 & CR4_PAE)
        return (struct shape){3, 9, 8, 2};
    return (struct shape){2, 10, 4, m->cr4 & CR4_PSE ? 2 : 0};
}

/* Guest-physical address of va. PAE's top level has four entries and no rights. */
static bool walk(struct domain *d, const struct hvm_mode *m, u64 va, bool is_write, u64 *out)
{
    struct shape s = shape_of(m);
    u64 table = s.levels == 3 ? m->cr3 & 0xffffffe0 : m->cr3 & PTE_ADDR;
    pte_t e = 0;

    if (s.levels == 4 ? va + 0x0000800000000000ull >= 0x0001000000000000ull || m->cr4 & CR4_LA57 : va > UINT32_MAX)
        return false;
    if (!(m->cr0 & CR0_PG)) {
        *out = va;
        return true;
    }
    for (u32 level = s.levels; level; level--) {
        u32 shift = 12 + s.bits * (level - 1);
        u64 size = 1ull << shift;
        if (!entry_read(d, table + (va >> shift & ((1u << s.bits) - 1)) * s.bytes, s.bytes, &e))
            return false;
        if (is_write && !(e & PTE_RW) && m->cr0 & CR0_WP && !(s.levels == 3 && level == 3))
            return false;
        table = e & PTE_ADDR;
        if (level == 1 || (e & PTE_PS && level <= s.large)) {
            *out = (table & ~(size - 1)) | (va & (size - 1)) | (s.bytes < 8 && level > 1 ? (e >> 13 & 0xff) << 32 : 0);
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
