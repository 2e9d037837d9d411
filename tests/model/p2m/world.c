/* SPDX-License-Identifier: MIT */
/* See world.h. Also what the files under test call and that is not under test itself. */
#include "world.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>
#include "hw/spec.h"

#define TLB 48u

const u64 region_at[REGIONS] = {0, 512, 512 * 513, 512 * 511, HVM_GFN_LIMIT - 512};
static const struct hvm_backend backend = {.table_flags = PTE_A, .leaf_flags = PTE_A | PTE_D};
const struct hvm_backend *hvm_backend = &backend;
struct spec_policy spec_policy;
struct domain guest, other;
static struct domain *const both[] = {&guest, &other};
struct hvm_domain hvm;
s64 frames_out;
u64 seed, ops_done, seed_state, tally[16];
const char *last = "nothing";
static u32 life[FRAMES];
static struct cached tlb[CPUS][TLB];

void fail(const char *format, ...)
{
    va_list args;
    printf("FAILED: seed %lu, operation %lu (%s): ", seed, ops_done, last);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    printf("\n");
    fflush(stdout);
    _exit(1);
}

u32 rnd(u32 n)
{
    seed_state ^= seed_state << 13;
    seed_state ^= seed_state >> 7;
    seed_state ^= seed_state << 17;
    return (u32)((seed_state * 0x2545f4914f6cdd1dull >> 20) % n);
}

/* --- what the files under test call --- */

mfn_t __real_frame_alloc(u32 order, u32 flags, u32 address_bits);
void __real_frame_free(mfn_t m, u32 order);
void __real_tlb_flush_cpus(cpuset_t cpus);
mfn_t __wrap_frame_alloc(u32 order, u32 flags, u32 address_bits);
void __wrap_frame_free(mfn_t m, u32 order);
void __wrap_tlb_flush_cpus(cpuset_t cpus);

mfn_t __wrap_frame_alloc(u32 order, u32 flags, u32 address_bits)
{
    mfn_t m = __real_frame_alloc(order, flags, address_bits);
    frames_out += 1ll << order;
    for (u64 i = 0; i < 1ull << order; i++)
        life[m.n + i]++;
    return m;
}
void __wrap_frame_free(mfn_t m, u32 order)
{
    frames_out -= 1ll << order;
    __real_frame_free(m, order);
}
void __wrap_tlb_flush_cpus(cpuset_t cpus)
{
    processors(6);
    __real_tlb_flush_cpus(cpus);
    processors(6);
}
void world_flush(cpuset_t cpus)
{
    __real_tlb_flush_cpus(cpus);
}
static void *pages_alloc(u32 order)
{
    return frame_va(__real_frame_alloc(order, FRAME_ZERO, 0));
}
void *(*pgtab_alloc_pages)(u32 order) = pages_alloc;
struct domain *domain_of(u32 owner)
{
    return both[owner - PAGE_OWNER_DOMAIN];
}
void domain_put(struct domain *d)
{
    d->refs--;
}
void domain_for_each(void (*fn)(struct domain *d, void *arg), void *arg)
{
    fn(&guest, arg);
}

/* --- processors --- */

static pte_t *below(pte_t e)
{
    return frame_va(mfn(pte_mfn(e)));
}

static u64 lives(const struct cached *c)
{
    u64 sum = 0;
    for (u32 i = 0; i < c->pages; i++)
        sum += life[c->m + i];
    return sum;
}

bool walk(u64 gfn, struct cached *out)
{
    pte_t e = hvm.root[gfn >> 27];
    for (u32 shift = 18; shift >= 9 && e & PTE_P; shift -= 9)
        e = below(e)[gfn >> shift & 511];
    if (!(e & PTE_P))
        return false;
    *out = (struct cached){.is_there = true, .pages = e & PTE_PS ? 512 : 1};
    if (!(e & PTE_PS))
        e = below(e)[gfn & 511];
    out->gfn = gfn & ~(out->pages - 1ull);
    out->m = pte_mfn(e);
    out->writes = (e & PTE_RW) != 0;
    out->life = e & PTE_P ? lives(out) : 0;
    return e & PTE_P;
}

/* An access through what it keeps; now and then it walks though it has the answer. */
static void reach(u32 cpu, u32 r, u32 i)
{
    u64 gfn = region_at[r] + i;
    struct cached *hit = NULL, *c, found;
    for (u32 t = 0; t < TLB; t++) {
        c = &tlb[cpu][t];
        c->is_there &= c->flushed_at == tlb_flushed_at[cpu];
        if (!c->is_there || gfn - c->gfn >= c->pages)
            continue;
        if (hit && hit->pages != c->pages)
            fail("CPU %u holds 0x%lx in two sizes", cpu, gfn);
        hit = c;
    }
    if (hit) {
        if (hit->life != lives(hit))
            fail("CPU %u reaches by 0x%lx frames that were given out anew", cpu, gfn);
        tally[12 + (hit->pages > 1)]++;
    }
    if ((hit && rnd(4)) || !walk(gfn, &found))
        return;
    found.flushed_at = tlb_flushed_at[cpu];
    tlb[cpu][rnd(TLB)] = found;
}

void processors(u32 count)
{
    while (guest.life == DOMAIN_ALIVE && hvm.gfn_end && count--) {
        u32 cpu = rnd(CPUS), r = rnd(REGIONS), i = rnd(4) ? rnd(SPAN) : SPAN - 1;
        if (guest.loaded_cpus & BIT(cpu))
            reach(cpu, r, i);
    }
}
