/* SPDX-License-Identifier: MIT */
/*
 * Static ACPI tables, read once at boot through the direct map or, where that has no memory, a window. Nothing is
 * believed before length and checksum are right. A broken table that names CPUs, interrupt controllers or the way off
 * ends the boot: dom0 would read it too, and go on with half a machine. Offsets: ACPI specification 6.4, chapter 5.
 */
#include "boot/acpi.h"
#include "boot/boot.h"

#include "hw/cpu.h"
#include "hw/pgtab.h"
#include "hw/power.h"
#include "lib/log.h"
#include "lib/string.h"

#define HEADER_SIZE 36u
#define TABLE_MAX   0x100000u

__initdata struct acpi_info acpi_info;

static __init u8 get8(const u8 *t, u32 at)
{
    return t[at];
}
static __init u16 get16(const u8 *t, u32 at)
{
    u16 v;
    memcpy(&v, t + at, sizeof(v));
    return v;
}
static __init u32 get32(const u8 *t, u32 at)
{
    u32 v;
    memcpy(&v, t + at, sizeof(v));
    return v;
}
static __init u64 get64(const u8 *t, u32 at)
{
    u64 v;
    memcpy(&v, t + at, sizeof(v));
    return v;
}

/* Firmware calls the tables' memory by many names, so the direct map may lack it: then a window
 * shows it. NULL: this cannot be an address of memory. */
static __init const u8 *acpi_map(u64 at, u64 size)
{
    u64 end = at + size;
    if (!at || end < at || end > min(1ull << cpu_desc.phys_bits, DIRECT_END - DIRECT_START))
        return NULL;
    for (u64 p = at & PAGE_MASK; p < end; p += PAGE_SIZE) {
        pte_t leaf;
        u32 level;
        if (!pgtab_walk(DIRECT_START + p, &leaf, &level))
            return pgtab_ioremap(paddr(at), size, HV_RO);
    }
    return pgtab_va(paddr(at));
}

static __init bool acpi_sum_is_zero(const u8 *t, u32 size)
{
    u8 sum = 0;
    while (size--)
        sum = (u8)(sum + *t++);
    return !sum;
}

static __init __noreturn void acpi_broken(const char *what, u64 at, const char *why)
{
    boot_fail("ACPI: %s at 0x%lx: %s. Update the firmware or, in an emulator, mend the table.", what, at, why);
}

/* A whole valid table of at least `least` bytes. */
static __init const u8 *acpi_table(u64 at, u32 least, u32 *size)
{
    char name[8] = "table";
    const u8 *t = acpi_map(at, HEADER_SIZE);
    if (!t)
        acpi_broken(name, at, "its address is not in memory");
    for (u32 i = 0; i < 4; i++)
        name[i] = get8(t, i) >= ' ' && get8(t, i) <= '~' ? (char)get8(t, i) : '?';
    name[4] = 0;
    *size = get32(t, 4);
    if (*size < max(least, HEADER_SIZE) || *size > TABLE_MAX)
        acpi_broken(name, at, "its length makes no sense");
    else if (!acpi_map(at, *size))
        acpi_broken(name, at, "it reaches beyond memory");
    else if (!acpi_sum_is_zero(t, *size))
        acpi_broken(name, at, "its checksum is wrong");
    return t;
}

static __init void madt_cpu(u32 apic_id, u32 acpi_id, u32 cpu_flags)
{
    u32 listed = min(acpi_info.cpu_count, (u32)CPU_MAX);
    if (!(cpu_flags & 1) || apic_id == ~0u)
        return;
    for (u32 i = 0; i < listed; i++)
        if (acpi_info.cpu[i].apic_id == apic_id)
            return;
    if (listed < CPU_MAX) {
        acpi_info.cpu[listed].apic_id = apic_id;
        acpi_info.cpu[listed].acpi_id = acpi_id;
    }
    acpi_info.cpu_count++;
}

static __init void madt_override(const u8 *e)
{
    if (acpi_info.override_count == ARRAY_COUNT(acpi_info.override))
        return;
    struct acpi_override *o = &acpi_info.override[acpi_info.override_count++];
    u16 f = get16(e, 8);
    o->isa = get8(e, 3);
    o->gsi = get32(e, 4);
    o->is_active_low = (f & 3) == 3; /* 0, as the bus does, is high and edge for ISA */
    o->is_level = (f >> 2 & 3) == 3;
}

static __init void madt_ioapic(const u8 *e)
{
    if (acpi_info.ioapic_count == ARRAY_COUNT(acpi_info.ioapic)) {
        log_warn("ACPI: IO-APIC %u left out, %u are supported", get8(e, 2), (u32)ARRAY_COUNT(acpi_info.ioapic));
        return;
    }
    struct acpi_ioapic *io = &acpi_info.ioapic[acpi_info.ioapic_count++];
    io->id = get8(e, 2);
    io->base = get32(e, 4);
    io->gsi_base = get32(e, 8);
}

static __init void madt_decode(const u8 *t, u32 size, u64 at)
{
    static const u8 least[10] = {[0] = 8, [1] = 12, [2] = 10, [9] = 16};
    for (u32 i = 44; i + 2 <= size;) {
        const u8 *e = t + i;
        u8 type = get8(e, 0), length = get8(e, 1);
        if (length < 2 || i + length > size || (type < 10 && length < least[type]))
            acpi_broken("APIC (the MADT)", at, "an entry has a wrong length");
        if (type == 0)
            madt_cpu(get8(e, 3) == 0xff ? ~0u : get8(e, 3), get8(e, 2), get32(e, 4));
        else if (type == 1)
            madt_ioapic(e);
        else if (type == 2)
            madt_override(e);
        else if (type == 9)
            madt_cpu(get32(e, 4), get32(e, 12), get32(e, 8));
        i += length;
    }
}

/* An I/O port from its old 32-bit field or the extended address structure. */
static __init u16 fadt_port(const u8 *t, u32 size, u32 old_at, u32 new_at)
{
    if (get32(t, old_at))
        return (u16)get32(t, old_at);
    return size >= new_at + 12 && get8(t, new_at) == 1 ? (u16)get64(t, new_at + 4) : 0;
}

static __init void fadt_decode(const u8 *t, u32 size)
{
    u32 fixed = get32(t, 112);
    power_ways.pm1a_cnt = fadt_port(t, size, 64, 172);
    power_ways.pm1b_cnt = fadt_port(t, size, 68, 184);
    acpi_info.pm_timer = fadt_port(t, size, 76, 208);
    acpi_info.is_pm_timer_32 = fixed & 1u << 8;
    if (size >= 129 && (fixed & 1u << 10)) {
        power_ways.has_reset = true;
        power_ways.reset_space = get8(t, 116);
        power_ways.reset_address = get64(t, 120);
        power_ways.reset_value = get8(t, 128);
    }
}

static __init void acpi_take(u64 at)
{
    u32 size;
    const u8 *t = acpi_map(at, HEADER_SIZE);
    if (!t)
        acpi_broken("a table of the root table", at, "its address is not in memory");
    if (!memcmp(t, "APIC", 4)) {
        t = acpi_table(at, 44, &size);
        madt_decode(t, size, at);
    } else if (!memcmp(t, "FACP", 4)) {
        t = acpi_table(at, 116, &size);
        fadt_decode(t, size);
    } else if (!memcmp(t, "HPET", 4)) {
        t = acpi_table(at, 56, &size);
        acpi_info.hpet_base = get8(t, 40) == 0 ? get64(t, 44) : 0;
    }
}

static __init bool rsdp_is_valid(u64 at)
{
    const u8 *p = acpi_map(at, 20);
    return p && !memcmp(p, "RSD PTR ", 8) && acpi_sum_is_zero(p, 20);
}

static __init u64 rsdp_scan(void)
{
    const u8 *bda = acpi_map(0x40e, 2);
    u64 ebda = bda ? (u64)get16(bda, 0) << 4 : 0;
    for (u64 p = ebda; ebda >= 0x400 && p < ebda + 1024; p += 16)
        if (rsdp_is_valid(p))
            return p;
    for (u64 p = 0xe0000; p < 0x100000; p += 16)
        if (rsdp_is_valid(p))
            return p;
    return 0;
}

__init void acpi_init(u64 rsdp)
{
    if (rsdp && !rsdp_is_valid(rsdp))
        acpi_broken("RSDP", rsdp, "signature or checksum is wrong");
    if (!rsdp)
        rsdp = rsdp_scan();
    if (!rsdp)
        boot_fail(
            "ACPI: no RSDP from the boot loader, none below 1 MiB: Wirt needs ACPI to find the machine's CPUs and "
            "interrupt controllers. Switch ACPI on in the firmware.");
    const u8 *p = acpi_map(rsdp, 36);
    bool is_x = p && get8(p, 15) >= 2 && get64(p, 24) && acpi_sum_is_zero(p, 36);
    u64 root = is_x ? get64(p, 24) : get32(acpi_map(rsdp, 20), 16);
    u32 size, step = is_x ? 8 : 4;
    const u8 *t = acpi_table(root, HEADER_SIZE, &size);
    for (u32 i = HEADER_SIZE; i + step <= size; i += step)
        acpi_take(step == 8 ? get64(t, i) : get32(t, i));
    if (!acpi_info.cpu_count || !acpi_info.ioapic_count)
        boot_fail("ACPI: the MADT lists %u usable CPUs and %u IO-APICs: Wirt needs one of each at least.",
                  acpi_info.cpu_count, acpi_info.ioapic_count);
    log_info("ACPI: %u CPUs, %u IO-APICs, HPET %s, PM timer %s", acpi_info.cpu_count, acpi_info.ioapic_count,
             acpi_info.hpet_base ? "yes" : "no", acpi_info.pm_timer ? "yes" : "no");
}

__init u32 acpi_gsi_of_isa(u8 isa_irq)
{
    for (u32 i = 0; i < acpi_info.override_count; i++)
        if (acpi_info.override[i].isa == isa_irq)
            return acpi_info.override[i].gsi;
    return isa_irq;
}
