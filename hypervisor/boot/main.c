/* SPDX-License-Identifier: MIT */
/*
 * From the loader's hand-over to the first instruction of dom0, in one linear order: console first, so that nothing can
 * fail silently; then memory, processor, devices, the other CPUs, dom0. All of it but boot_finish() is freed before
 * dom0 runs. Nothing calls this room.
 */
#include "boot/acpi.h"
#include "boot/boot.h"
#include "boot/bringup.h"
#include "boot/console.h"
#include "boot/memory.h"
#include "boot/panic.h"
#include "call/call.h"
#include "call/version.h"
#include "call/platform_op.h"
#include "core/slab.h"
#include "core/work.h"
#include "dom/dump.h"
#include "hw/power.h"
#include "hw/spec.h"
#include "hw/tlb.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "hvm/hvm.h"
#include "pv/pv.h"

#define RECORD_PAGES 4u /* of the crash record: the last 16 KiB of the log */

__initdata struct boot_info boot_info;
__initdata struct boot_options boot_options;
void boot_main(u32 magic, u32 info) __noreturn;
extern u8 image_start[], image_end[], init_start[], init_end[];

__init void boot_fail(const char *format, ...)
{
    char line[400];
    va_list args;
    va_start(args, format);
    fmt_v(line, sizeof(line), format, args);
    va_end(args);
    log_error("Wirt: %s", line);
    if (boot_options.has_noreboot) {
        log_error("Halted, as noreboot asks.");
        cpu_halt_forever();
    }
    log_error("Rebooting in 10 seconds (noreboot on Wirt's command line halts instead).");
    for (u32 i = 0; i < 10000; i++)
        time_udelay(1000);
    power_reboot();
}

static __init void start_console(u32 magic, u32 info)
{
    const char *wrong = mbi_parse(magic, info, &boot_info);
    cmdline_parse(boot_info.cmdline ? boot_info.cmdline : "", &boot_options);
    if (!boot_info.is_efi && boot_info.video.kind == VGA_NONE)
        boot_info.video =
            (struct vga_mode){.kind = VGA_TEXT, .base = 0xb8000, .width = 80, .height = 25, .pitch = 160, .bpp = 16};
    if (boot_info.video.kind != VGA_NONE && boot_info.video.base < 1ull << 32)
        vga_init_early(&boot_info.video, pgtab_va(paddr(boot_info.video.base)));
    struct console_options o = {boot_options.console, boot_options.com1, boot_options.com2, boot_options.loglvl,
                                boot_options.has_timestamps};
    console_init(&o);
    log_info("Wirt " WIRT_VERSION ": Xen-ABI 4.17 hypervisor, started by %s",
             boot_info.loader ? boot_info.loader : "?");
    log_info("Command line: %s", boot_info.cmdline ? boot_info.cmdline : "");
    if (wrong)
        boot_fail("boot information: %s. Boot Wirt by GRUB's multiboot2 or multiboot command.", wrong);
}

static __init void start_memory(void)
{
    const char *wrong = memory_init(&boot_info, boot_options.mem);
    if (wrong)
        boot_fail("memory: %s. Check the firmware's memory map and mem=.", wrong);
    if (memory_total() < 96ull << 20)
        boot_fail("memory: only %lu MiB of RAM: Wirt and a dom0 need 128 MiB at least. Give the machine more, or "
                  "check mem=.",
                  memory_total() >> 20);
    memory_reserve(pgtab_paddr(image_start).a, pgtab_paddr(image_end).a);
    memory_reserve(boot_info.info_start, boot_info.info_end);
    for (u32 i = 0; i < boot_info.module_count; i++)
        memory_reserve(boot_info.module[i].start, boot_info.module[i].end);
    if (boot_info.efi_map)
        memory_reserve(boot_info.efi_map, boot_info.efi_map + boot_info.efi_map_size);
    mfn_t record = memory_record(RECORD_PAGES);
    memory_early();
    pgtab_init(memory_top());
    memory_map_direct(&boot_info);
    pgtab_activate();
    cpu_init_this();
    desc_init_this();
    desc_init_idt();
    desc_init_idt_this();
    tlb_init_this();
    vga_remap();
    memory_hand_over();
    if (record.n != MFN_NONE) {
        panic_record_init(record, RECORD_PAGES);
        panic_report_previous();
    }
    log_info("Memory: %lu MiB of RAM (%s)", memory_total() >> 20, boot_info.map_source);
}

static __init void start_devices(void)
{
    efi_init();
    acpi_init(boot_info.rsdp);
    if (acpi_info.cpu_count > CPU_MAX && !boot_options.maxcpus)
        boot_fail("CPUs: the machine has %u CPUs, Wirt supports %u. Say maxcpus=%u to leave the others unused.",
                  acpi_info.cpu_count, CPU_MAX, CPU_MAX);
    lapic_init();
    clock_init();
    lapic_init_this();
    lapic_init_timer();
    ioapic_init();
    memory_publish(&boot_info, boot_options.mem);
}

static __init void start_cpus(void)
{
    u32 limit = boot_options.maxcpus ? boot_options.maxcpus : CPU_MAX;
    if (!boot_options.has_smp)
        limit = 1;
    mfn_t low = mfn(0x8);
    if (!memory_is_low_ram(0x8000, 0x9000))
        low = mfn(0x60);
    ap_init(min(limit, CPU_MAX), low);
    log_info("CPUs: %u of %u in use", cpu_count, acpi_info.cpu_count);
}

static __init void report(void)
{
    struct frame_stats s;
    frame_stats(&s);
    u64 own = s.used - (domain_zero ? domain_zero->page_count : 0);
    u64 init = (u64)(init_end - init_start) >> PAGE_SHIFT;
    u64 modules = 0;
    for (u32 i = 0; i < boot_info.module_count; i++)
        modules += (boot_info.module[i].end - boot_info.module[i].start + PAGE_SIZE - 1) >> PAGE_SHIFT;
    own -= min(own, init + modules);
    u64 total = memory_total() >> PAGE_SHIFT;
    u64 mils = own * 100000 / total;
    log_info("Wirt keeps %lu KiB for itself: %lu.%03lu %% of RAM (frame table %lu KiB, M2P %lu KiB)", own * 4,
             mils / 1000, mils % 1000, s.table_bytes >> 10, s.m2p_bytes >> 10);
}

static struct frame_range finish_free[MBI_MODULE_MAX + 1];
static u32 finish_count;

static void note_free(u64 start, u64 end) /* whole frames */
{
    finish_free[finish_count++] = (struct frame_range){start >> PAGE_SHIFT, (end - 1) >> PAGE_SHIFT};
}

/* Not in .init: it gives .init back. */
static __noreturn __attribute__((noinline)) void boot_finish(void)
{
    pgtab_seal();
    tlb_flush_cpus(cpu_online);
    for (u32 i = 0; i < finish_count; i++)
        frame_add_free(finish_free[i].first, finish_free[i].last);
    vcpu_up(domain_zero->vcpu[0]);
    sched_idle();
}

__init void boot_main(u32 magic, u32 info)
{
    percpu_init();
    start_console(magic, info);
    cpu_init();
    cpu_init_fpu();
    pv_vcpu_init();
    call_init();
    if (boot_info.cmdline)
        str_copy(version_command_line, boot_info.cmdline, sizeof(version_command_line));
    panic_init(!boot_options.has_noreboot);
    domain_does_reboot = !boot_options.has_noreboot;
    start_memory();
    spec_init(boot_options.spec_ctrl);
    pv_pte_init_l1tf();
    spec_init_this();
    start_devices();
    pv_vcpu_init_this();
    hvm_init();
    hvm_init_this();
    sched_init();
    timer_init_this();
    sched_init_this();
    cpu_irq_enable();
    console_init_late();
    dump_init();
    grant_key_init();
    pv_audit_init();
    start_cpus();
    dom0_create();
    report();
    for (u32 i = 0; i < boot_info.module_count; i++)
        if (boot_info.module[i].end > boot_info.module[i].start)
            note_free(boot_info.module[i].start, round_up(boot_info.module[i].end, PAGE_SIZE));
    note_free(pgtab_paddr(init_start).a, pgtab_paddr(init_end).a);
    log_info("Domain 0 starts. Three Ctrl-A switch the serial input to Wirt and back.");
    console_screen_lend(true);
    boot_finish();
}
