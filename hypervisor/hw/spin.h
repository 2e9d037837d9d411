/* SPDX-License-Identifier: MIT */
/*
 * The small ticket lock of this room: no rank, no owner, interrupts always off while
 * it is held. What it guards is short (a register pair, a table entry), nothing is
 * waited for inside, and no second one is taken except irq -> ioapic, msi, pci.
 */
#ifndef WIRT_HW_SPIN_H
#define WIRT_HW_SPIN_H

#include "hw/cpu.h"

struct spin {
    u32 next, serving;
};

static inline __must_use u64 spin_take_irq(struct spin *s)
{
    u64 flags = cpu_irq_save();
    u32 ticket = __atomic_fetch_add(&s->next, 1, __ATOMIC_SEQ_CST);
    while (atomic_load(&s->serving) != ticket)
        cpu_relax();
    return flags;
}
static inline void spin_drop_irq(struct spin *s, u64 flags)
{
    atomic_store(&s->serving, s->serving + 1);
    cpu_irq_restore(flags);
}

#endif
