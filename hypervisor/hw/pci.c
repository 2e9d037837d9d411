/* SPDX-License-Identifier: MIT */
/*
 * PCI configuration space. Registers below 256 of segment 0 go through the port pair,
 * under pci_lock; the rest through ECAM where dom0 has announced it, one bus mapped
 * at first use. A guest's port accesses pass pci_guest_*, the place to refuse some.
 */
#include "hw/pci.h"

#include "hw/pgtab.h"
#include "hw/spin.h"
#include "lib/errno.h"

#define PORT_ADDRESS 0xcf8
#define PORT_DATA    0xcfc
#define CF8_ENABLE   0x80000000u

struct ecam {
    u64 base; /* of bus 0, even if bus_first is not */
    u16 segment;
    u8 bus_first, bus_last;
    u8 *bus[256];
};
static struct ecam ecams[4];
static u32 ecam_count;
static struct spin pci_lock;

struct access {
    u32 bytes; /* 1, 2, 4 */
    bool is_write;
    u32 value; /* all ones if nobody answers a read */
};

static void port_access(u32 cf8, u32 offset, struct access *a)
{
    u16 port = (u16)(PORT_DATA + offset);
    u64 flags = spin_take_irq(&pci_lock);
    cpu_out32(PORT_ADDRESS, cf8 & ~3u);
    if (a->is_write)
        cpu_out(port, a->bytes, a->value);
    else
        a->value = cpu_in(port, a->bytes);
    spin_drop_irq(&pci_lock, flags);
}

static void memory_access(volatile void *at, struct access *a)
{
    if (a->is_write && a->bytes == 1)
        *(volatile u8 *)at = (u8)a->value;
    else if (a->is_write && a->bytes == 2)
        *(volatile u16 *)at = (u16)a->value;
    else if (a->is_write)
        *(volatile u32 *)at = a->value;
    else
        a->value = a->bytes == 1 ? *(volatile u8 *)at : a->bytes == 2 ? *(volatile u16 *)at : *(volatile u32 *)at;
}

/* NULL: no ECAM reaches this function. */
static volatile u8 *ecam_at(u32 sbdf, u32 reg)
{
    u32 bus = sbdf >> 8 & 0xff;
    volatile u8 *at = NULL;
    u64 flags = spin_take_irq(&pci_lock);
    for (u32 i = 0; i < ecam_count; i++) {
        struct ecam *e = &ecams[i];
        if (e->segment != sbdf >> 16 || bus < e->bus_first || bus > e->bus_last)
            continue;
        if (!e->bus[bus])
            e->bus[bus] = pgtab_ioremap(paddr(e->base + ((u64)bus << 20)), 1u << 20, HV_UC);
        if (e->bus[bus])
            at = e->bus[bus] + ((sbdf & 0xff) << 12) + reg;
    }
    spin_drop_irq(&pci_lock, flags);
    return at;
}

static u32 pci_access(u32 sbdf, u32 reg, struct access a)
{
    if ((a.bytes != 1 && a.bytes != 2 && a.bytes != 4) || reg % a.bytes || reg >= 4096)
        return ~0u;
    volatile u8 *at = NULL;
    if (reg < 256 && sbdf < 0x10000)
        port_access(CF8_ENABLE | sbdf << 8 | reg, reg & 3, &a);
    else if ((at = ecam_at(sbdf, reg)))
        memory_access(at, &a);
    return a.value;
}

u32 pci_read(u32 sbdf, u32 reg, u32 bytes)
{
    return pci_access(sbdf, reg, (struct access){.bytes = bytes, .value = ~0u});
}

void pci_write(u32 sbdf, u32 reg, u32 bytes, u32 value)
{
    (void)pci_access(sbdf, reg, (struct access){bytes, true, value});
}

u32 pci_find_cap(u32 sbdf, u8 cap)
{
    if (pci_read(sbdf, 0, 2) == 0xffff || !(pci_read(sbdf, 6, 2) & 0x10))
        return 0;
    u32 at = pci_read(sbdf, 0x34, 1) & 0xfc;
    for (u32 i = 0; i < 48 && at >= 0x40; i++, at = pci_read(sbdf, at + 1, 1) & 0xfc)
        if (pci_read(sbdf, at, 1) == cap)
            return at;
    return 0;
}

int pci_ecam_add(u64 base, u16 segment, u8 bus_first, u8 bus_last)
{
    int err = 0;
    if (bus_first > bus_last || (base & 0xfffff) || base >> 52)
        return -EINVAL;
    u64 flags = spin_take_irq(&pci_lock);
    for (u32 i = 0; i < ecam_count; i++)
        if (ecams[i].segment == segment && ecams[i].bus_first <= bus_last && ecams[i].bus_last >= bus_first) {
            err = ecams[i].base == base ? 0 : -EEXIST;
            goto out;
        }
    if (ecam_count == ARRAY_COUNT(ecams)) {
        err = -ENOSPC;
        goto out;
    }
    struct ecam *e = &ecams[ecam_count++];
    e->base = base;
    e->segment = segment;
    e->bus_first = bus_first;
    e->bus_last = bus_last;
out:
    spin_drop_irq(&pci_lock, flags);
    return err;
}

static u32 guest_access(u32 cf8, u32 offset, struct access a)
{
    bool is_valid = a.bytes == 1 || a.bytes == 2 || a.bytes == 4;
    if (is_valid && (cf8 & CF8_ENABLE) && offset <= 4 - a.bytes)
        port_access(cf8, offset, &a);
    return a.value;
}

u32 pci_guest_read(u32 cf8, u32 offset, u32 bytes)
{
    return guest_access(cf8, offset, (struct access){.bytes = bytes, .value = ~0u});
}

void pci_guest_write(u32 cf8, u32 offset, u32 bytes, u32 value)
{
    (void)guest_access(cf8, offset, (struct access){bytes, true, value});
}
