/* SPDX-License-Identifier: MIT */
/*
 * platform_op, dom0 only: the wall clock it keeps, what firmware told us, power off, the list of CPUs. What a
 * CPU may do by itself (frequencies, sleep states, hotplug) is not dom0's business here.
 */
#include "call/platform_op.h"
#include "call/call.h"
#include "hw/lapic.h"
#include "hw/power.h"
#include "hw/smp.h"
#include "hw/time.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lib/string.h"
#include "public/platform.h"

#define NSEC_PER_SEC  1000000000u
#define ACPI_SOFT_OFF 5u

__sealed struct platform_efi platform_efi;

static void publish_wallclock(struct domain *d, void *arg)
{
    (void)arg;
    lock_take(&d->lock);
    domain_update_wallclock(d);
    lock_drop(&d->lock);
}

static s64 set_time(u64 sec, u32 nsec, u64 system_time)
{
    if (nsec >= NSEC_PER_SEC || sec > UINT32_MAX * 8ull || system_time > INT64_MAX)
        return -EINVAL;
    time_wall_set(sec, nsec, system_time);
    domain_for_each(publish_wallclock, NULL);
    return 0;
}

static s64 efi_memory(struct xenpf_firmware_info *info)
{
    u64 want = info->u.efi_info.mem.addr;

    if (platform_efi.entry_bytes < sizeof(struct platform_efi_memory))
        return -ESRCH;
    for (u32 at = 0; at + platform_efi.entry_bytes <= platform_efi.memory_bytes; at += platform_efi.entry_bytes) {
        struct platform_efi_memory m;
        memcpy(&m, (const u8 *)platform_efi.memory + at, sizeof(m));
        if (want < m.physical || want - m.physical >= m.pages << PAGE_SHIFT)
            continue;
        info->u.efi_info.mem.size = m.physical + (m.pages << PAGE_SHIFT) - want;
        info->u.efi_info.mem.attr = m.attributes;
        info->u.efi_info.mem.type = m.type;
        return 0;
    }
    return -ESRCH;
}

static s64 firmware_info(struct xenpf_firmware_info *info)
{
    if (info->type != XEN_FW_EFI_INFO) /* Wirt asked the BIOS nothing */
        return -ENOENT;
    if (!platform_efi.is_efi)
        return -ESRCH;
    switch (info->index) {
    case XEN_FW_EFI_VERSION:
        info->u.efi_info.version = platform_efi.version;
        return 0;
    case XEN_FW_EFI_CONFIG_TABLE:
        info->u.efi_info.cfg.addr = platform_efi.config_table;
        info->u.efi_info.cfg.nent = platform_efi.config_count;
        return 0;
    case XEN_FW_EFI_MEM_INFO:
        return efi_memory(info);
    default:
        return -EOPNOTSUPP;
    }
}

static s64 acpi_sleep(const struct xenpf_enter_acpi_sleep *op)
{
    if (op->sleep_state != ACPI_SOFT_OFF || op->flags)
        return -EOPNOTSUPP;
    log_info("domain 0 powers the machine off: ACPI S5, PM1a 0x%x, PM1b 0x%x", op->val_a, op->val_b);
    smp_stop_others();
    power_sleep(op->val_a, op->val_b);
    log_warn("ACPI S5 did not switch the machine off; trying the other ways");
    power_off_or_halt();
}

static s64 cpu_info_of(struct xenpf_pcpuinfo *op)
{
    u32 cpu = op->xen_cpuid;

    op->max_present = cpu_count - 1;
    op->apic_id = op->acpi_id = 0;
    op->flags = XEN_PCPU_FLAGS_INVALID;
    if (cpu >= cpu_count)
        return 0;
    op->apic_id = lapic_id_of[cpu];
    op->acpi_id = lapic_acpi_id_of[cpu];
    op->flags = cpu_online & BIT(cpu) ? XEN_PCPU_FLAGS_ONLINE : 0;
    return 0;
}

static s64 platform_do(void *arg)
{
    struct xen_platform_op *op = arg;

    switch (op->cmd) {
    case XENPF_settime32:
        return set_time(op->u.settime32.secs, op->u.settime32.nsecs, op->u.settime32.system_time);
    case XENPF_settime64:
        if (op->u.settime64.mbz)
            return -EOPNOTSUPP;
        return set_time(op->u.settime64.secs, op->u.settime64.nsecs, op->u.settime64.system_time);
    case XENPF_firmware_info:
        return firmware_info(&op->u.firmware_info);
    case XENPF_get_cpuinfo:
        return cpu_info_of(&op->u.pcpu_info);
    case XENPF_enter_acpi_sleep:
        return acpi_sleep(&op->u.enter_acpi_sleep);
    default:
        return -ENOSYS;
    }
}

s64 call_platform_op(const struct call_args *args)
{
    struct xen_platform_op op;

    return call_tool(guest_at(args->a[0]), &op, sizeof(op), XENPF_INTERFACE_VERSION, platform_do);
}
