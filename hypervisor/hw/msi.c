/* SPDX-License-Identifier: MIT */
/*
 * MSI and MSI-X: the message (address, data) and the mask bits are ours, the enable bits
 * of the capability are dom0's and never written here. One vector a message. MSI-X
 * table pages are mapped once and remembered. Caller holds irq.c's lock.
 * PCI Local Bus Specification 3.0, section 6.8.
 */
#include "hw/msi.h"

#include "hw/pci.h"
#include "hw/pgtab.h"
#include "lib/errno.h"

#define CAP_MSI      0x05
#define CAP_MSIX     0x11
#define MSI_MULTIPLE 0x70u
#define MSI_64       0x80u
#define MSI_HAS_MASK 0x100u
#define MESSAGE_BASE 0xfee00000u
#define ENTRY_MASKED 1u

static struct {
    u64 frame;
    u8 *va;
} tables[128];

static u8 *table_map(u64 address)
{
    u64 frame = address >> PAGE_SHIFT;
    for (u32 i = 0; i < ARRAY_COUNT(tables); i++) {
        if (!tables[i].va) {
            tables[i].va = pgtab_ioremap(paddr(frame << PAGE_SHIFT), PAGE_SIZE, HV_UC);
            tables[i].frame = frame;
        }
        if (!tables[i].va)
            break;
        if (tables[i].frame == frame)
            return tables[i].va + (address & ~PAGE_MASK);
    }
    return NULL;
}

/* Memory BAR `n`; 0 = none or not set (virtual functions). */
static u64 bar_read(u32 sbdf, u32 n)
{
    u32 reg = 0x10 + 4 * n, low = pci_read(sbdf, reg, 4);
    if (low & 1)
        return 0;
    u64 high = (low & 6) == 4 && n < 5 ? pci_read(sbdf, reg + 4, 4) : 0;
    return high << 32 | (low & ~0xfu);
}

static int msix_prepare(struct msi *m, u32 entry, u64 table_base)
{
    u32 control = pci_read(m->sbdf, m->cap + 2, 2), where = pci_read(m->sbdf, m->cap + 4, 4);
    if ((where & 7) > 5 || entry > (control & 0x7ff))
        return -EINVAL;
    u64 bar = bar_read(m->sbdf, where & 7);
    if ((bar && bar != table_base) || (table_base & 0xf))
        return -EINVAL;
    if (!(pci_read(m->sbdf, 4, 2) & 2))
        return -ENXIO;
    m->entry = (volatile u32 *)(void *)table_map(table_base + (where & ~7u) + entry * 16);
    return m->entry ? 0 : -ENOSPC;
}

int msi_prepare(struct msi *m, u32 sbdf, u32 entry, u64 table_base)
{
    *m = (struct msi){.sbdf = sbdf, .is_masked = true};
    m->cap = pci_find_cap(sbdf, table_base ? CAP_MSIX : CAP_MSI);
    if (!m->cap)
        return -ENODEV;
    if (table_base)
        return msix_prepare(m, entry, table_base);
    u32 control = pci_read(sbdf, m->cap + 2, 2);
    m->is_64 = control & MSI_64;
    if (control & MSI_HAS_MASK)
        m->mask_reg = m->cap + (m->is_64 ? 0x10 : 0x0c);
    return 0;
}

static void msi_mask_apply(struct msi *m, bool is_masked)
{
    if (m->entry) {
        m->entry[3] = (m->entry[3] & ~ENTRY_MASKED) | (is_masked ? ENTRY_MASKED : 0);
        (void)m->entry[3]; /* read back: the write has arrived */
    } else if (m->mask_reg) {
        u32 v = pci_read(m->sbdf, m->mask_reg, 4);
        pci_write(m->sbdf, m->mask_reg, 4, (v & ~1u) | is_masked);
    }
}

void msi_mask(struct msi *m, bool is_masked)
{
    m->is_masked = is_masked;
    msi_mask_apply(m, is_masked);
}

void msi_write(struct msi *m, u8 vector, u32 apic_id)
{
    u32 address = MESSAGE_BASE | apic_id << 12;
    msi_mask_apply(m, true);
    if (m->entry) {
        m->entry[0] = address;
        m->entry[1] = 0;
        m->entry[2] = vector;
    } else {
        u32 control = pci_read(m->sbdf, m->cap + 2, 2);
        if (control & MSI_MULTIPLE)
            pci_write(m->sbdf, m->cap + 2, 2, control & ~MSI_MULTIPLE);
        pci_write(m->sbdf, m->cap + 4, 4, address);
        if (m->is_64)
            pci_write(m->sbdf, m->cap + 8, 4, 0);
        pci_write(m->sbdf, m->cap + (m->is_64 ? 0x0c : 0x08), 2, vector);
    }
    msi_mask_apply(m, m->is_masked);
}
