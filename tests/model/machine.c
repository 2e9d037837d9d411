/* SPDX-License-Identifier: MIT */
/* See machine.h. Also the doors that the files under test call and that are not under test themselves. */
#include "machine.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "boot/memory.h"
#include "core/lock.h"
#include "core/slab.h"
#include "core/work.h"
#include "hw/spec.h"
#include "lib/log.h"

#define TLB_SIZE  24u
#define ARENA     0x1000u
#define TABLES_2M 0x400u

_Thread_local u32 fake_cpu;
_Thread_local bool fake_irq_is_off;
u64 fake_cr[8];
u8 *percpu_stack[CPU_MAX];
cpuset_t cpu_online;
u32 cpu_count;
struct cpu_desc cpu_desc = {.phys_bits = 36};
struct domain *domain_zero, *dom[DOMS];
struct vcpu *vcpus[VCPUS];
pte_t hv_slots[HV_SLOT_COUNT];
u64 shadow[FRAMES][512];
u32 life[FRAMES];
u8 guest_mem[VCPUS][8192];
u64 seed_state, ops_done, seed;
static struct vcpu *loaded[CPUS];
static u64 cr3[CPUS];

u64 rnd64(void)
{
    seed_state ^= seed_state << 13;
    seed_state ^= seed_state >> 7;
    seed_state ^= seed_state << 17;
    return seed_state * 0x2545f4914f6cdd1dull;
}

/* --- reports --- */

#define NOTES 10u
static char notes[NOTES][200];

void note(const char *format, ...)
{
    va_list args;
    char *at = notes[ops_done++ % NOTES];
    int n = snprintf(at, sizeof(notes[0]), "%lu: ", ops_done);
    va_start(args, format);
    vsnprintf(at + n, sizeof(notes[0]) - (size_t)n, format, args);
    va_end(args);
}

static void say_last(void)
{
    fprintf(stderr, "SEED=%lu OPS=%lu reproduces it; the last operations:\n", seed, ops_done);
    for (u64 i = ops_done > NOTES ? ops_done - NOTES : 0; i < ops_done; i++)
        fprintf(stderr, "  %s\n", notes[i % NOTES]);
    fflush(stderr);
}

void fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "FAILED: ");
    vfprintf(stderr, format, args);
    fprintf(stderr, "\n");
    va_end(args);
    say_last();
    _exit(1);
}

void panic(const char *format, ...)
{
    char text[300];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    fail("panic: %s", text);
}

/* --- RAM --- */

static void map_at(u64 va, u64 bytes)
{
    if (mmap((void *)va, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1,
             0) == MAP_FAILED)
        fail("no memory for the machine");
}

bool pgtab_map(u64 va, mfn_t m, u64 pages, u64 flags)
{
    (void)m, (void)flags;
    map_at(va, pages * PAGE_SIZE);
    return true;
}

void pgtab_init_l4(pte_t *l4)
{
    memcpy(&l4[HV_SLOT], hv_slots, sizeof(hv_slots));
}

static mfn_t take_2m(void)
{
    static u64 next = TABLES_2M;
    next += 0x200;
    return mfn(next - 0x200);
}

bool machine_is_ram(u64 m)
{
    return m >= RAM_FIRST && m <= RAM_LAST;
}

void machine_store(u32 m, u32 index, u64 value)
{
    ((u64 *)frame_va(mfn(m)))[index] = value;
    shadow[m][index] = value;
}

void __sanitizer_set_death_callback(void (*fn)(void));

void machine_init(void)
{
    const struct frame_range ram = {RAM_FIRST, RAM_LAST};
    __sanitizer_set_death_callback(say_last);
    map_at(DIRECT_START, ARENA * PAGE_SIZE);
    for (u32 c = 0; c < CPUS; c++) {
        percpu_stack[c] = aligned_alloc(STACK_SIZE, STACK_SIZE);
        fake_cpu = c;
        *cpu_info() = (struct cpu_info){.cpu = c};
        tlb_flushed_at[c] = 1;
        cpu_online |= BIT(c);
    }
    fake_cpu = 0;
    cpu_count = CPUS;
    for (u32 i = 0; i < HV_SLOT_COUNT; i++)
        hv_slots[i] = pte_make(TABLES_2M - 0x40 + i, PTE_P | PTE_RW | PTE_A | PTE_D | (i ? 0 : PTE_US));
    frame_init(&ram, 1, take_2m);
    frame_add_free(RAM_FIRST, HV_FIRST - 1);
    pv_types_init();
}

/* --- domains and vCPUs, the parts that matter --- */

static const struct domain_ops plain; /* counts in frames of the machine */

void machine_domains_create(void)
{
    static struct range mmio[2], mmio_ro[1];
    for (u32 i = 0; i < DOMS; i++) {
        dom[i] = calloc(1, sizeof(*dom[i]));
        dom[i]->ops = &plain;
        dom[i]->id = (domid_t)i;
        dom[i]->is_privileged = i == 0;
        dom[i]->vcpu_limit = i < 2 ? 2 : 1;
    }
    domain_zero = dom[0];
    dom[0]->iomem = (struct range_set){mmio, 2, 2};
    mmio[0] = (struct range){0x10, 0x4f}; /* frames that have a struct page */
    mmio[1] = (struct range){MMIO_FIRST, MMIO_FIRST + 15};
    mmio_ro[0] = (struct range){MMIO_FIRST + 8, MMIO_FIRST + 15};
    dom[0]->iomem_ro = (struct range_set){mmio_ro, 1, 1};
    for (u32 i = 0; i < VCPUS; i++) {
        struct vcpu *v = vcpus[i] = calloc(1, sizeof(*v));
        v->stat = calloc(1, sizeof(*v->stat));
        v->domain = dom[i / 2];
        v->id = i % 2;
        v->domain->vcpu[v->id] = v;
        v->loaded_on = VCPU_NOWHERE;
        v->pv.in_kernel = 1;
    }
}

struct domain *domain_get(domid_t id)
{
    if (id >= DOMS)
        return NULL;
    dom[id]->refs++;
    return dom[id];
}
struct domain *domain_of(u32 owner)
{
    return dom[owner - PAGE_OWNER_DOMAIN];
}
void domain_put(struct domain *d)
{
    if (--d->refs == 0)
        fail("domain %u is freed", d->id);
}
void slab_free(void *p, size_t size)
{
    (void)size;
    free(p);
}
void domain_log(struct domain *d, const char *format, ...)
{
    (void)d, (void)format;
}
void lock_take(struct lock *l)
{
    if (l->serving++)
        panic("lock taken twice");
}
void lock_drop(struct lock *l)
{
    l->serving--;
}
u64 lock_take_irq(struct lock *l)
{
    lock_take(l);
    return 0;
}
void lock_drop_irq(struct lock *l, u64 flags)
{
    (void)flags;
    lock_drop(l);
}

static u32 looks_left;
static bool is_pending;
void (*machine_look_hook)(void);

void machine_pending_in(u32 looks)
{
    looks_left = looks;
    is_pending = false;
}

bool work_is_pending(void)
{
    if (machine_look_hook)
        machine_look_hook();
    if (looks_left && --looks_left == 0)
        is_pending = true; /* and stays so until the call has ended */
    return is_pending;
}

void sched_yield(void)
{
    is_pending = true;
}

static bool guest_ok(u64 va, u64 n)
{
    return va >= (u64)guest_mem && n <= sizeof(guest_mem) && va - (u64)guest_mem <= sizeof(guest_mem) - n;
}
bool guest_read(void *dst, guest_ptr src, u64 n)
{
    return guest_ok(src.va, n) && memcpy(dst, (void *)src.va, n);
}
bool guest_write(guest_ptr dst, const void *src, u64 n)
{
    return guest_ok(dst.va, n) && memcpy((void *)dst.va, src, n);
}

/* What pv/vcpu.c does: the new one is loaded before the old one is let go. */
void pv_vcpu_set_kernel_l4(struct vcpu *v, mfn_t l4)
{
    mfn_t old = v->pv.kernel_l4;
    v->pv.kernel_l4 = l4;
    v->pv.kernel_cr3 = l4.n << PAGE_SHIFT;
    if (v->pv.in_kernel && v->loaded_on != VCPU_NOWHERE)
        tlb_load_cr3(v->pv.kernel_cr3);
    if (old.n)
        page_put_as(frame_page_raw(old));
}
void pv_vcpu_set_user_l4(struct vcpu *v, mfn_t l4)
{
    mfn_t old = v->pv.user_l4;
    v->pv.user_l4 = l4;
    v->pv.user_cr3 = l4.n << PAGE_SHIFT;
    if (old.n)
        page_put_as(frame_page_raw(old));
}
void pv_misc_set_stack(struct vcpu *v, u64 ss, u64 sp)
{
    if (!pv_misc_stack_ok(sp) || ss != v->pv.kernel_ss)
        fail("stack 0x%lx for entries from programs", sp);
}
void cpu_wrmsr(u32 msr, u64 value)
{
    if (!pv_is_canonical(value))
        fail("MSR 0x%x is to be 0x%lx, which is a fault", msr, value);
}
struct spec_policy spec_policy; /* not affected by anything */
void desc_load_gdt(const mfn_t *frame, u32 count)
{
    (void)frame, (void)count;
}
void desc_load_ldt(u32 entries)
{
    (void)entries;
}
void desc_map_ldt(u32 page, mfn_t frame)
{
    (void)page, (void)frame;
}

/* --- TLB --- */

struct translation {
    bool is_used, writable, global;
    u8 level; /* 0: of a page; k: the L(k+1) entry for va, pointing at a table of kind Lk */
    u32 m, life;
    u64 va; /* first byte that it covers */
};
static struct translation tlb[CPUS][TLB_SIZE];
u32 tlb_clock = 1, tlb_flushed_at[CPU_MAX];

static void flush(u32 cpu)
{
    u32 clock = ++tlb_clock;
    memset(tlb[cpu], 0, sizeof(tlb[cpu]));
    tlb_flushed_at[cpu] = clock;
}
static void invlpg(u32 cpu, u64 va)
{
    for (u32 i = 0; i < TLB_SIZE; i++)
        if (tlb[cpu][i].level || tlb[cpu][i].va == (va & PAGE_MASK))
            tlb[cpu][i].is_used = false;
}
void tlb_flush_local(void)
{
    flush(fake_cpu);
}
void tlb_flush_cpus(cpuset_t cpus)
{
    for (cpus &= cpu_online; cpus; cpus &= cpus - 1)
        flush(bit_lowest(cpus));
}
void tlb_invlpg_cpus(cpuset_t cpus, u64 va)
{
    for (cpus &= cpu_online; cpus; cpus &= cpus - 1)
        invlpg(bit_lowest(cpus), va);
}
void cpu_invlpg(u64 va)
{
    invlpg(fake_cpu, va);
}
void tlb_load_cr3(u64 value)
{
    cr3[fake_cpu] = value;
    flush(fake_cpu);
}
void tlb_settle(u32 stamp, cpuset_t cpus)
{
    for (; stamp && cpus; cpus &= cpus - 1)
        if (tlb_flushed_at[bit_lowest(cpus)] <= stamp)
            flush(bit_lowest(cpus));
}

void machine_load(struct vcpu *v, u32 cpu)
{
    fake_cpu = cpu;
    cpu_info()->unit = &v->unit;
    if (loaded[cpu] == v)
        return;
    if (loaded[cpu])
        loaded[cpu]->loaded_on = VCPU_NOWHERE;
    if (v->loaded_on != VCPU_NOWHERE)
        loaded[v->loaded_on] = NULL;
    loaded[cpu] = v;
    v->loaded_on = cpu;
    v->domain->loaded_cpus |= BIT(cpu);
    tlb_load_cr3(v->pv.in_kernel ? v->pv.kernel_cr3 : v->pv.user_cr3);
}

void machine_unload(struct vcpu *v)
{
    u32 cpu = v->loaded_on;
    if (cpu == VCPU_NOWHERE)
        return;
    flush(cpu);
    loaded[cpu] = NULL;
    cr3[cpu] = 0;
    v->loaded_on = VCPU_NOWHERE;
}

void machine_mode(struct vcpu *v, bool is_kernel)
{
    u32 cpu = v->loaded_on;
    if (v->pv.in_kernel == is_kernel || (!is_kernel && !v->pv.user_l4.n))
        return;
    v->pv.in_kernel = is_kernel;
    if (cpu == VCPU_NOWHERE)
        return;
    cr3[cpu] = is_kernel ? v->pv.kernel_cr3 : v->pv.user_cr3;
    for (u32 i = 0; i < TLB_SIZE; i++)
        if (tlb[cpu][i].level || !tlb[cpu][i].global)
            tlb[cpu][i].is_used = false;
}

static struct translation *lookup(u32 cpu, u64 va, u32 level)
{
    u64 cover = ~0ull << (12 + 9 * level);
    for (u32 i = 0; i < TLB_SIZE; i++)
        if (tlb[cpu][i].is_used && tlb[cpu][i].level == level && tlb[cpu][i].va == (va & cover))
            return &tlb[cpu][i];
    return NULL;
}

static struct translation *insert(u32 cpu, u64 va, u32 level, pte_t e, bool writable)
{
    u64 m = pte_mfn(e);
    struct translation *t = lookup(cpu, va, level);
    if (!t)
        t = &tlb[cpu][rnd(TLB_SIZE)];
    *t = (struct translation){true,
                              writable,
                              (e & PTE_G) != 0,
                              (u8)level,
                              (u32)m,
                              machine_is_ram(m) ? life[m] : 0,
                              va & ~0ull << (12 + 9 * level)};
    return t;
}

/* As the processor walks, cached upper entries included; sets A and, for a write, D. */
static struct translation *walk(u32 cpu, u64 va, bool writes)
{
    u32 level = 4;
    u64 m = cr3[cpu] >> PAGE_SHIFT;
    bool writable = true;
    if (va + BIT(47) >= BIT(48) || (va >= HV_START && va < HV_END))
        return NULL; /* not canonical; or Wirt's tables, which are not modelled */
    for (u32 k = 1; k < 4 && level == 4; k++) {
        struct translation *t = one_in(2) ? lookup(cpu, va, k) : NULL;
        if (t) {
            level = k;
            m = t->m;
            writable = t->writable;
        }
    }
    for (; level; level--) {
        if (!machine_is_ram(m))
            fail("CPU %u walks 0x%lx through L%u 0x%lx, which is not RAM", cpu, va, level, m);
        pte_t *e = (pte_t *)frame_va(mfn(m)) + (va >> (12 + 9 * (level - 1)) & 511);
        if (!(*e & PTE_P) || !(*e & PTE_US))
            return NULL;
        writable = writable && *e & PTE_RW;
        *e |= PTE_A | (writes && writable && level == 1 ? PTE_D : 0);
        struct translation *t = insert(cpu, va, level - 1, *e, writable);
        m = pte_mfn(*e);
        if (level == 1)
            return t;
    }
    return NULL;
}

void machine_access(u32 cpu, u64 va, bool writes, u64 value)
{
    struct translation *t;
    if (!loaded[cpu])
        return;
    t = lookup(cpu, va, 0);
    if (!t)
        t = walk(cpu, va, writes);
    if (t && writes && t->writable && machine_is_ram(t->m))
        machine_store(t->m, (va >> 3) & 511, value);
}

void machine_check_tlb(void)
{
    for (u32 cpu = 0; cpu < CPUS; cpu++)
        for (const struct translation *t = tlb[cpu]; t < tlb[cpu] + TLB_SIZE; t++) {
            const struct page *p = frame_page_raw(mfn(t->m));
            if (!t->is_used || !machine_is_ram(t->m) || p->owner == PAGE_OWNER_NONE)
                continue; /* debts of free frames are paid when they are given out */
            enum page_kind kind = page_kind(p->type);
            bool in_use = p->type & (PAGE_VALID | PAGE_BUSY | PAGE_PROGRESS);
            if (t->life != life[t->m])
                fail("TLB: CPU %u still maps 0x%lx to frame 0x%x, which was freed and given out again", cpu, t->va,
                     t->m);
            if (t->level ? in_use && kind != t->level : t->writable && in_use && kind != PAGE_WRITABLE)
                fail("TLB: CPU %u still maps 0x%lx %s frame 0x%x, which is %s now", cpu, t->va,
                     t->level ? "through table" : "writable to", t->m, page_kind_name(kind));
        }
}
