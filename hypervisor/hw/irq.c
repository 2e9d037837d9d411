/* SPDX-License-Identifier: MIT */
/*
 * Vectors and lines. One vector space for all CPUs: a line keeps its vector wherever it is
 * sent. Lock: irq_lock for binding and line settings; irq_handle() and the firing of a line
 * read without it (function before argument at unbinding, argument before function at binding).
 * Handlers never sleep, so irq_line_unbind() may wait for one that still runs.
 */
#include "hw/irq.h"

#include "hw/ioapic.h"
#include "hw/lapic.h"
#include "hw/msi.h"
#include "hw/percpu.h"
#include "hw/spin.h"
#include "lib/errno.h"
#include "lib/log.h"

struct irq_counts {
    u64 of[256];
};
static PERCPU(struct irq_counts, irq_counts);
static struct {
    irq_fn *fn;
    void *arg;
} vectors[256];
static u64 vector_map[4]; /* bit = given out */

struct line {
    irq_line_fn *fn;
    void *arg;
    u64 count;
    u32 cpu, busy; /* busy: handlers running now, counted with LOCK */
    u8 vector;     /* 0 = none */
    bool exists, is_level, is_active_low;
    struct msi msi; /* MSI lines */
};
static struct line lines[IRQ_LINE_MAX];
static struct spin irq_lock;

static u32 line_number(const struct line *l)
{
    return (u32)(l - lines);
}
static bool line_is_msi(const struct line *l)
{
    return line_number(l) >= IRQ_GSI_MAX;
}
static struct line *line_find(u32 line)
{
    return line < IRQ_LINE_MAX && lines[line].exists ? &lines[line] : NULL;
}

void irq_bind(u8 vector, irq_fn *fn, void *arg)
{
    vectors[vector].arg = arg;
    atomic_store(&vectors[vector].fn, fn); /* pairs with irq_handle */
}

static int vector_alloc(void)
{
    for (u32 v = VEC_DEVICE_FIRST; v <= VEC_DEVICE_LAST; v++)
        if (v != VEC_SYSCALL80 && !map_test(vector_map, v) && !atomic_test_set(vector_map, v))
            return (int)v;
    return -ENOSPC;
}

void irq_handle(struct regs *r)
{
    u8 v = (u8)r->vector;
    static u32 stray_count;
    this_cpu(irq_counts)->of[v]++;
    irq_fn *fn = atomic_load(&vectors[v].fn);
    if (likely(fn)) {
        fn(r, vectors[v].arg);
        return;
    }
    bool is_ours = lapic_is_serving(v);
    if (is_ours)
        lapic_eoi();
    if (atomic_add(&stray_count, 1) <= 4)
        log_warn("CPU%u: interrupt vector 0x%x from the %s has no owner, ignored", cpu_id(), v,
                 is_ours ? "local APIC" : "old PIC");
}

u64 irq_vector_count(u8 vector, u32 cpu)
{
    return READ_ONCE(cpu_var(irq_counts, cpu)->of[vector]);
}

static void irq_line_fire(struct regs *r, void *arg)
{
    struct line *l = arg;
    (void)r;
    atomic_add(&l->busy, 1); /* before fn is read: pairs with irq_line_unbind */
    l->count++;
    if (l->is_level)
        ioapic_mask(line_number(l), true);
    lapic_eoi();
    irq_line_fn *fn = atomic_load(&l->fn);
    if (fn)
        fn(line_number(l), l->arg);
    atomic_sub(&l->busy, 1);
}

/* Write vector, target and mask state into the controller; irq_lock held. */
static int line_route(struct line *l, u32 cpu, bool is_masked)
{
    u32 apic_id = lapic_id_of[cpu];
    if (apic_id > 255) /* needs interrupt remapping, which Wirt has not */
        apic_id = lapic_id_of[0];
    if (line_is_msi(l)) {
        msi_write(&l->msi, l->vector, apic_id);
        return 0;
    }
    return ioapic_route(line_number(l), l->vector, l->is_level, l->is_active_low, apic_id, is_masked);
}

void irq_gsi_add(u32 gsi, bool is_level, bool is_active_low)
{
    lines[gsi].exists = true;
    lines[gsi].is_level = is_level;
    lines[gsi].is_active_low = is_active_low;
}

int irq_gsi_setup(u32 gsi, bool is_level, bool is_active_low)
{
    struct line *l = gsi < IRQ_GSI_MAX ? line_find(gsi) : NULL;
    if (!l)
        return -ENOENT;
    int err = 0;
    u64 flags = spin_take_irq(&irq_lock);
    if (l->fn && (l->is_level != is_level || l->is_active_low != is_active_low)) {
        err = -EBUSY;
    } else {
        l->is_level = is_level;
        l->is_active_low = is_active_low;
    }
    spin_drop_irq(&irq_lock, flags);
    return err;
}

int irq_line_bind(u32 line, u32 cpu, irq_line_fn *fn, void *arg)
{
    struct line *l = line_find(line);
    if (!l)
        return -ENOENT;
    int err = 0;
    u64 flags = spin_take_irq(&irq_lock);
    if (l->fn) {
        err = -EBUSY;
        goto out;
    }
    if (!l->vector) {
        err = vector_alloc();
        if (err < 0)
            goto out;
        l->vector = (u8)err;
        irq_bind(l->vector, irq_line_fire, l);
    }
    l->cpu = cpu;
    l->arg = arg;
    atomic_store(&l->fn, fn);
    err = line_route(l, cpu, true);
    if (err)
        l->fn = NULL;
out:
    spin_drop_irq(&irq_lock, flags);
    return err;
}

/* Masked already, no function any more: give the vector back. */
static void line_release(struct line *l)
{
    u64 flags = spin_take_irq(&irq_lock);
    if (!l->fn && l->vector) {
        atomic_store(&vectors[l->vector].fn, (irq_fn *)NULL);
        atomic_test_clear(vector_map, l->vector);
        l->vector = 0;
    }
    spin_drop_irq(&irq_lock, flags);
}

static void line_mask(u32 line, bool is_masked)
{
    struct line *l = line_find(line);
    if (!l)
        return;
    if (!line_is_msi(l)) {
        ioapic_mask(line, is_masked);
        return;
    }
    u64 flags = spin_take_irq(&irq_lock);
    if (l->exists)
        msi_mask(&l->msi, is_masked);
    spin_drop_irq(&irq_lock, flags);
}

void irq_line_unbind(u32 line)
{
    struct line *l = line_find(line);
    if (!l)
        return;
    line_mask(line, true);
    (void)atomic_xchg(&l->fn, (irq_line_fn *)NULL); /* full barrier before busy is read */
    while (atomic_load(&l->busy))
        cpu_relax();
    if (!line_is_msi(l)) /* else the device still holds the message: its vector stays until destroy */
        line_release(l);
}

void irq_line_unmask(u32 line)
{
    struct line *l = line_find(line);
    if (l && l->fn) /* an unrouted pin stays shut */
        line_mask(line, false);
}

void irq_line_set_cpu(u32 line, u32 cpu)
{
    struct line *l = line_find(line);
    if (!l)
        return;
    u64 flags = spin_take_irq(&irq_lock);
    if (l->cpu != cpu && l->vector && !line_route(l, cpu, !line_is_msi(l) && ioapic_is_masked(line)))
        l->cpu = cpu;
    spin_drop_irq(&irq_lock, flags);
}

bool irq_line_info(u32 line, struct irq_line_info *out)
{
    struct line *l = line_find(line);
    if (!l)
        return false;
    *out = (struct irq_line_info){
        .is_bound = l->fn,
        .is_level = l->is_level,
        .is_active_low = l->is_active_low,
        .is_msi = line_is_msi(l),
        .is_masked = line_is_msi(l) ? l->msi.is_masked : ioapic_is_masked(line),
        .vector = l->vector,
        .cpu = l->cpu,
        .count = l->count,
    };
    return true;
}

int irq_msi_create(u32 sbdf, u32 entry, u64 table_base)
{
    struct msi m;
    u32 line = IRQ_GSI_MAX;
    u64 flags = spin_take_irq(&irq_lock);
    int err = msi_prepare(&m, sbdf, entry, table_base);
    if (err)
        goto out;
    while (line < IRQ_LINE_MAX && lines[line].exists)
        line++;
    err = line < IRQ_LINE_MAX ? vector_alloc() : -ENOSPC;
    if (err < 0)
        goto out;
    struct line *l = &lines[line];
    *l = (struct line){.msi = m, .vector = (u8)err, .exists = true};
    irq_bind(l->vector, irq_line_fire, l);
    err = line_route(l, 0, true);
    if (!err)
        err = (int)line;
out:
    spin_drop_irq(&irq_lock, flags);
    return err;
}

void irq_msi_destroy(u32 line)
{
    struct line *l = line >= IRQ_GSI_MAX ? line_find(line) : NULL;
    if (!l)
        return;
    irq_line_unbind(line);
    line_release(l);
    l->exists = false;
}
