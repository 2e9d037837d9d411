/* SPDX-License-Identifier: MIT */
/*
 * physdev_op: interrupt lines by dom/pirq.c, I/O rights of the vCPU, PCI devices as dom0 finds them. Wirt programs
 * IO-APICs and MSIs itself: dom0 may read the former and describes the latter. Announcements of devices need
 * nothing here and are accepted.
 */
#include "call/call.h"
#include "dom/policy.h"
#include "hw/ioapic.h"
#include "hw/pci.h"
#include "lib/errno.h"
#include "public/physdev.h"

#define IO_PORTS 65536u

static int map_one(struct domain *d, struct physdev_map_pirq *op)
{
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

static s64 map_pirq(guest_ptr arg)
{
    struct physdev_map_pirq op;
    struct domain *d;
    s64 rc;

    if (!guest_get(&op, arg))
        return -EFAULT;
    rc = policy_target(op.domid, &d);
    if (rc)
        return rc;
    rc = map_one(d, &op);
    if (rc == 0 && !guest_put(arg, &op)) {
        rc = pirq_unmap(d, (u32)op.pirq);
        rc = rc ? rc : -EFAULT;
    }
    domain_put(d);
    return rc;
}

static s64 unmap_pirq(guest_ptr arg)
{
    struct physdev_unmap_pirq op;
    struct domain *d;
    s64 rc;

    if (!guest_get(&op, arg))
        return -EFAULT;
    rc = policy_target(op.domid, &d);
    if (rc)
        return rc;
    rc = op.pirq < 0 ? -EINVAL : pirq_unmap(d, (u32)op.pirq);
    domain_put(d);
    return rc;
}

static s64 status_query(guest_ptr arg)
{
    struct physdev_irq_status_query op;
    int rc;

    if (!guest_get(&op, arg))
        return -EFAULT;
    rc = pirq_status(domain_current(), op.irq, &op.flags);
    return rc ? rc : guest_put(arg, &op) ? 0 : -EFAULT;
}

static s64 set_iopl(guest_ptr arg)
{
    struct physdev_set_iopl op;

    if (!guest_get(&op, arg))
        return -EFAULT;
    if (op.iopl > 3)
        return -EINVAL;
    vcpu_current()->pv.iopl = (u8)op.iopl;
    return 0;
}

static s64 set_iobitmap(guest_ptr arg)
{
    struct pv_vcpu *pv = &vcpu_current()->pv;
    struct physdev_set_iobitmap op;

    if (!guest_get(&op, arg))
        return -EFAULT;
    if (op.nr_ports > IO_PORTS || !guest_range_ok(op.bitmap, (op.nr_ports + 7) / 8))
        return -EINVAL;
    pv->iobitmap_va = op.bitmap;
    pv->iobitmap_ports = op.nr_ports;
    return 0;
}

static s64 apic_read(guest_ptr arg)
{
    struct physdev_apic op;
    int rc;

    if (!guest_get(&op, arg))
        return -EFAULT;
    rc = ioapic_guest_read(op.apic_physbase, op.reg, &op.value);
    return rc ? rc : guest_put(arg, &op) ? 0 : -EFAULT;
}

/* Wirt chooses vectors when lines are bound; Linux only wants to hear that its number is good. */
static s64 alloc_irq_vector(guest_ptr arg)
{
    struct physdev_irq op;

    if (!guest_get(&op, arg))
        return -EFAULT;
    if (op.irq >= PIRQ_MAX)
        return -EINVAL;
    op.vector = op.irq;
    return guest_put(arg, &op) ? 0 : -EFAULT;
}

static s64 setup_gsi(guest_ptr arg)
{
    struct physdev_setup_gsi op;

    if (!guest_get(&op, arg))
        return -EFAULT;
    if (op.gsi < 0)
        return -EINVAL;
    return pirq_setup_gsi(domain_current(), (u32)op.gsi, op.triggering, op.polarity);
}

static s64 get_free_pirq(guest_ptr arg)
{
    struct physdev_get_free_pirq op;
    int n;

    if (!guest_get(&op, arg))
        return -EFAULT;
    n = pirq_hold(domain_current());
    if (n < 0)
        return n;
    op.pirq = (u32)n;
    if (guest_put(arg, &op))
        return 0;
    n = pirq_unmap(domain_current(), op.pirq);
    return n ? n : -EFAULT;
}

static s64 mmcfg_reserved(guest_ptr arg)
{
    struct physdev_pci_mmcfg_reserved op;

    if (!guest_get(&op, arg))
        return -EFAULT;
    if (op.start_bus > op.end_bus)
        return -EINVAL;
    if (!(op.flags & XEN_PCI_MMCFG_RESERVED))
        return 0; /* the firmware does not vouch for it: Wirt goes on with ports */
    return pci_ecam_add(op.address, op.segment, op.start_bus, op.end_bus);
}

static s64 eoi_map(guest_ptr arg)
{
    struct physdev_pirq_eoi_gmfn op;

    return guest_get(&op, arg) ? pirq_set_eoi_map(domain_current(), mfn(op.gmfn)) : -EFAULT;
}

static s64 privileged_op(u64 sub, guest_ptr arg)
{
    switch (sub) {
    case PHYSDEVOP_map_pirq:
        return map_pirq(arg);
    case PHYSDEVOP_unmap_pirq:
        return unmap_pirq(arg);
    case PHYSDEVOP_apic_read:
        return apic_read(arg);
    case PHYSDEVOP_apic_write:
        return -EPERM; /* Wirt programs them */
    case PHYSDEVOP_alloc_irq_vector:
        return alloc_irq_vector(arg);
    case PHYSDEVOP_setup_gsi:
        return setup_gsi(arg);
    case PHYSDEVOP_get_free_pirq:
        return get_free_pirq(arg);
    case PHYSDEVOP_pci_mmcfg_reserved:
        return mmcfg_reserved(arg);
    case PHYSDEVOP_manage_pci_add: /* devices need no introduction, vectors survive what dom0 restores */
    case PHYSDEVOP_manage_pci_remove:
    case PHYSDEVOP_manage_pci_add_ext:
    case PHYSDEVOP_pci_device_add:
    case PHYSDEVOP_pci_device_remove:
    case PHYSDEVOP_restore_msi:
    case PHYSDEVOP_restore_msi_ext:
    case PHYSDEVOP_prepare_msix:
    case PHYSDEVOP_release_msix:
    case PHYSDEVOP_dbgp_op:
        return 0;
    default:
        return -ENOSYS;
    }
}

s64 call_physdev_op(const struct call_args *args)
{
    u64 sub = args->a[0];
    guest_ptr arg = guest_at(args->a[1]);
    struct physdev_eoi eoi;
    int rc = policy_check(domain_current(), __HYPERVISOR_physdev_op, sub);

    if (unlikely(rc))
        return rc;
    switch (sub) {
    case PHYSDEVOP_eoi:
        return guest_get(&eoi, arg) ? pirq_eoi(domain_current(), eoi.irq) : -EFAULT;
    case PHYSDEVOP_irq_status_query:
        return status_query(arg);
    case PHYSDEVOP_set_iopl:
        return set_iopl(arg);
    case PHYSDEVOP_set_iobitmap:
        return set_iobitmap(arg);
    case PHYSDEVOP_pirq_eoi_gmfn_v2:
        return eoi_map(arg);
    default:
        return privileged_op(sub, arg);
    }
}
