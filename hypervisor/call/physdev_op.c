/* SPDX-License-Identifier: MIT */
/*
 * physdev_op: interrupt lines by dom/pirq.c, I/O rights of the vCPU, PCI devices as dom0 finds them. Wirt programs
 * IO-APICs and MSIs itself: dom0 may read the former and describes the latter. Announcements of devices need
 * nothing here and are accepted.
 */
#include "call/call.h"
#include "hw/ioapic.h"
#include "hw/pci.h"
#include "lib/errno.h"
#include "public/physdev.h"

#define IO_PORTS 65536u

static s64 map_pirq(struct domain *d, void *arg)
{
    struct physdev_map_pirq *op = arg;
    u32 bus = (u32)op->bus, segment = 0;

    switch (op->type) {
    case MAP_PIRQ_TYPE_GSI:
        return op->index < 0 ? -EINVAL : pirq_map_gsi(d, (u32)op->index, &op->pirq);
    case MAP_PIRQ_TYPE_MSI_SEG:
        segment = bus >> 16;
        bus &= 0xffff;
        /* fall through */
    case MAP_PIRQ_TYPE_MSI:
        if (bus > 0xff || (u32)op->devfn > 0xff || op->entry_nr < 0 || op->entry_nr > 2047)
            return -EINVAL;
        return pirq_map_msi(d, segment << 16 | bus << 8 | (u32)op->devfn, (u32)op->entry_nr, op->table_base, &op->pirq);
    default: /* several vectors in a row: drivers then take one */
        return -EOPNOTSUPP;
    }
}

static s64 unmap_pirq(struct domain *d, void *arg)
{
    const struct physdev_unmap_pirq *op = arg;

    return pirq_unmap(d, (u32)op->pirq);
}

static s64 eoi(struct domain *d, void *arg)
{
    const struct physdev_eoi *op = arg;

    return pirq_eoi(d, op->irq);
}

static s64 status_query(struct domain *d, void *arg)
{
    struct physdev_irq_status_query *op = arg;

    return pirq_status(d, op->irq, &op->flags);
}

static s64 eoi_map(struct domain *d, void *arg)
{
    const struct physdev_pirq_eoi_gmfn *op = arg;

    return pirq_set_eoi_map(d, mfn(op->gmfn));
}

static s64 set_iopl(struct domain *d, void *arg)
{
    const struct physdev_set_iopl *op = arg;

    (void)d;
    if (op->iopl > 3)
        return -EINVAL;
    vcpu_current()->pv.iopl = (u8)op->iopl;
    return 0;
}

static s64 set_iobitmap(struct domain *d, void *arg)
{
    const struct physdev_set_iobitmap *op = arg;
    struct pv_vcpu *pv = &vcpu_current()->pv;

    (void)d;
    if (op->nr_ports > IO_PORTS || !guest_range_ok(op->bitmap, (op->nr_ports + 7) / 8))
        return -EINVAL;
    pv->iobitmap_va = op->bitmap;
    pv->iobitmap_ports = op->nr_ports;
    return 0;
}

static s64 apic_read(struct domain *d, void *arg)
{
    struct physdev_apic *op = arg;

    (void)d;
    return ioapic_guest_read(op->apic_physbase, op->reg, &op->value);
}

/* Wirt chooses vectors when lines are bound; Linux only wants to hear that its number is good. */
static s64 alloc_irq_vector(struct domain *d, void *arg)
{
    struct physdev_irq *op = arg;

    (void)d;
    op->vector = op->irq;
    return op->irq < PIRQ_MAX ? 0 : -EINVAL;
}

static s64 setup_gsi(struct domain *d, void *arg)
{
    const struct physdev_setup_gsi *op = arg;

    return pirq_setup_gsi(d, (u32)op->gsi, op->triggering, op->polarity);
}

/* What the firmware does not vouch for is not used: Wirt goes on with ports. */
static s64 mmcfg_reserved(struct domain *d, void *arg)
{
    const struct physdev_pci_mmcfg_reserved *op = arg;

    (void)d;
    if (op->start_bus > op->end_bus)
        return -EINVAL;
    return op->flags & XEN_PCI_MMCFG_RESERVED ? pci_ecam_add(op->address, op->segment, op->start_bus, op->end_bus) : 0;
}

static const struct call_sub command[] = {
    CALL_SUB(PHYSDEVOP_irq_status_query, status_query, struct physdev_irq_status_query, CALL_OWN | CALL_REPLIES),
    CALL_SUB(PHYSDEVOP_set_iopl, set_iopl, struct physdev_set_iopl, CALL_OWN),
    CALL_SUB(PHYSDEVOP_set_iobitmap, set_iobitmap, struct physdev_set_iobitmap, CALL_OWN),
    CALL_SUB(PHYSDEVOP_apic_read, apic_read, struct physdev_apic, CALL_MACHINE | CALL_REPLIES),
    CALL_SUB(PHYSDEVOP_alloc_irq_vector, alloc_irq_vector, struct physdev_irq, CALL_MACHINE | CALL_REPLIES),
    CALL_SUB(PHYSDEVOP_eoi, eoi, struct physdev_eoi, CALL_OWN),
    CALL_SUB(PHYSDEVOP_map_pirq, map_pirq, struct physdev_map_pirq, CALL_TUNE | CALL_REPLIES),
    CALL_SUB(PHYSDEVOP_unmap_pirq, unmap_pirq, struct physdev_unmap_pirq, CALL_TUNE),
    CALL_SUB(PHYSDEVOP_setup_gsi, setup_gsi, struct physdev_setup_gsi, CALL_MACHINE),
    CALL_SUB(PHYSDEVOP_pci_mmcfg_reserved, mmcfg_reserved, struct physdev_pci_mmcfg_reserved, CALL_MACHINE),
    CALL_ACCEPT(PHYSDEVOP_pci_device_add),
    CALL_ACCEPT(PHYSDEVOP_pci_device_remove),
    CALL_ACCEPT(PHYSDEVOP_restore_msi_ext), /* vectors survive what dom0 restores */
    CALL_SUB(PHYSDEVOP_pirq_eoi_gmfn_v2, eoi_map, struct physdev_pirq_eoi_gmfn, CALL_OWN),
    CALL_ACCEPT(PHYSDEVOP_dbgp_op),
    CALL_ACCEPT(PHYSDEVOP_prepare_msix),
    CALL_ACCEPT(PHYSDEVOP_release_msix),
};

s64 call_physdev_op(const struct call_args *args)
{
    return call_sub(command, ARRAY_COUNT(command), args->a[0], guest_at(args->a[1]));
}
