/* SPDX-License-Identifier: MIT */
/* See world.h. Also what the files under test call and that is not under test itself. */
#include "world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "call/call.h"
#include "core/console.h"
#include "fake_hw/fake.h"
#include "hw/spec.h"
#include "lib/log.h"
#include "pv/pv.h"

struct domain *doms[DOMS], *by_id[IDS], *domain_zero;
struct vcpu *vcpus[DOMS];
u64 l1_frame[DOMS], l4_frame[DOMS], seed_state;
bool is_freed[IDS];
struct spec_policy spec_policy;
static u32 next_id;

u32 rnd(u32 n)
{
    seed_state ^= seed_state << 13;
    seed_state ^= seed_state >> 7;
    seed_state ^= seed_state << 17;
    return (u32)((seed_state * 0x2545f4914f6cdd1dull >> 20) % n);
}

struct domain *domain_get(domid_t id)
{
    if (id >= IDS || !by_id[id] || is_freed[id])
        return NULL;
    atomic_add(&by_id[id]->refs, 1u);
    return by_id[id];
}
void domain_put(struct domain *d)
{
    if (d->refs == 0)
        fail("domain %u put once too often", d->id);
    if (atomic_sub(&d->refs, 1u) == 0)
        is_freed[d->id] = true;
}
struct domain *domain_of(u32 owner)
{
    return by_id[owner - PAGE_OWNER_DOMAIN];
}
const struct domain *world_named;
void domain_log(struct domain *d, const char *format, ...)
{
    world_named = d;
    (void)format;
}
void domain_for_each(void (*fn)(struct domain *d, void *arg), void *arg)
{
    for (u32 id = 0; id < IDS && by_id[id]; id++)
        if (!is_freed[id])
            fn(by_id[id], arg);
}
void console_key_bind(char key, const char *help, void (*fn)(void))
{
    (void)key, (void)help, (void)fn;
}
s64 call_sub(const struct call_sub *table, u64 count, u64 number, guest_ptr arg)
{
    (void)table, (void)count, (void)number, (void)arg;
    return -ENOSYS;
}
bool guest_read(void *dst, guest_ptr src, u64 n)
{
    return __builtin_memcpy(dst, (const void *)src.va, n) != NULL;
}
bool guest_write(guest_ptr dst, const void *src, u64 n)
{
    return __builtin_memcpy((void *)dst.va, src, n) != NULL;
}
int pv_desc_build(struct page *p)
{
    (void)p;
    return -EINVAL;
}
void pgtab_init_l4(pte_t *l4)
{
    for (u32 i = 0; i < HV_SLOT_COUNT; i++)
        l4[HV_SLOT + i] = 0;
}

void world_run_as(u32 i)
{
    fake_cpu = i;
    cpu_info()->unit = &vcpus[i]->unit;
}

u64 world_page_new(u32 i)
{
    mfn_t m = frame_alloc(0, 0, 0);
    if (m.n == MFN_NONE)
        fail("no memory");
    page_assign(doms[i], m, 1);
    return m.n;
}

void world_page_drop(u32 i, u64 m)
{
    struct page *p = frame_page(mfn(m));
    if (!page_get(p, domain_owner(doms[i])) || !page_release(doms[i], p))
        fail("frame %lx of domain %u cannot be given back", m, doms[i]->id);
    page_put(p);
}

pte_t *world_slot(u32 i, u32 slot)
{
    return (pte_t *)frame_va(mfn(l1_frame[i])) + slot;
}

volatile struct grant_entry_v1 *world_entry(const struct domain *d, u32 ref)
{
    return &d->grant.frame[ref / GRANT_PER_FRAME][ref % GRANT_PER_FRAME];
}

void world_domain_create(u32 i)
{
    static const struct domain_ops plain = {.grant = &pv_grant_ops}; /* counts in frames of the machine */
    struct domain *d = doms[i] = calloc(1, sizeof(*d));
    struct vcpu *v = vcpus[i] = calloc(1, sizeof(*v));
    u64 l2 = 0, l3 = 0;
    mfn_t m;
    if (next_id == IDS)
        fail("out of numbers: fewer operations, please");
    d->id = (domid_t)next_id++;
    d->refs = 1;
    d->ops = &plain;
    by_id[d->id] = d;
    lock_init(&d->lock, RANK_DOMAIN);
    lock_init(&d->page_lock, RANK_PAGE_LIST);
    d->vcpu_limit = 1;
    d->vcpu[0] = v;
    d->loaded_cpus = BIT(i);
    v->domain = d;
    v->pv.in_kernel = 1;
    world_run_as(i);
    if (grant_init(d, 2, TRACK_MAX) || grant_frame(d, 1, &m))
        fail("no grant table");
    l1_frame[i] = world_page_new(i);
    l2 = world_page_new(i);
    l3 = world_page_new(i);
    l4_frame[i] = world_page_new(i);
    ((pte_t *)frame_va(mfn(l4_frame[i])))[0] = pte_make(l3, PTE_UPPER | PTE_US);
    ((pte_t *)frame_va(mfn(l3)))[0] = pte_make(l2, PTE_UPPER | PTE_US);
    ((pte_t *)frame_va(mfn(l2)))[VA >> 21] = pte_make(l1_frame[i], PTE_UPPER | PTE_US);
    if (page_get_as(frame_page(mfn(l4_frame[i])), domain_owner(d), PAGE_L4))
        fail("the address space of domain %u is refused", d->id);
    v->pv.kernel_l4 = mfn(l4_frame[i]);
}

int world_relinquish(struct domain *d, u32 i)
{
    page_put_as(frame_page(mfn(l4_frame[i])));
    pv_types_drain(vcpu_current());
    while (d->pages.n) {
        struct page *p = frame_page(d->pages);
        if (!page_release(d, p))
            fail("frame %lx is in the list of domain %u, but not its own", d->pages.n, d->id);
    }
    return 0;
}

void world_init(void)
{
    fake_init(DOMS);
    cpu_desc.phys_bits = 36;
    pv_types_init();
    pv_pte_init();
    for (u32 i = 0; i < DOMS; i++)
        world_domain_create(i);
}
