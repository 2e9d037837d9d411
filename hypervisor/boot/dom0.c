/* SPDX-License-Identifier: MIT */
/*
 * Domain 0's birth: find the kernel among the modules, unpack it, decide how much memory it gets and where each part
 * lies (struct dom0_plan), give it frames and rights. The PV page tables and start_info are dom0_pv.c's. Every way that
 * this can fail is one line that names the module, what was found and what to do.
 */
#include "boot/acpi.h"
#include "boot/boot.h"
#include "boot/elf.h"
#include "boot/memory.h"
#include "boot/unpack.h"
#include "hw/lapic.h"
#include "hw/time.h"
#include "hw/uart.h"
#include "lib/string.h"
#include "pv/pv.h"

#define GRANT_FRAMES   64u   /* of its grant table */
#define GRANT_MAPTRACK 1024u /* frames of 256 mappings each: it maps the rings and the data of all others */
#define RESERVE_FRAMES 1024u /* 4 MiB left for Wirt beyond what it has: timers, vCPUs, event channels */

static __initdata struct elf_image image;
static __initdata struct dom0_plan plan;
static struct range io_storage[16], mem_storage[32], irq_storage[4], ro_storage[4];

static __init void *alloc_flat(u64 bytes, const char *what)
{
    u64 pages = (bytes + PAGE_SIZE - 1) >> PAGE_SHIFT;
    mfn_t m = frame_alloc(order_of(pages), FRAME_RAW, 0);
    if (m.n == MFN_NONE)
        boot_fail("dom0: no %lu MiB of contiguous memory for %s. Give the machine more RAM.", (bytes >> 20) + 1, what);
    for (u64 i = pages; i < 1ull << order_of(pages);) { /* the tail goes back at once, in aligned blocks */
        u32 order = bit_lowest(m.n + i);
        order = min(order, FRAME_ORDER_MAX);
        while (i + (1ull << order) > 1ull << order_of(pages))
            order--;
        frame_free(mfn(m.n + i), order);
        i += 1ull << order;
    }
    return frame_va(m);
}

static __init void free_flat(void *p, u64 bytes)
{
    mfn_t m = paddr_mfn(pgtab_paddr(p));
    for (u64 i = 0; i < (bytes + PAGE_SIZE - 1) >> PAGE_SHIFT; i++)
        frame_free(mfn(m.n + i), 0);
}

static __init const void *module_at(u32 i, u64 *size)
{
    *size = boot_info.module[i].end - boot_info.module[i].start;
    return pgtab_va(paddr(boot_info.module[i].start));
}

/* The frames of a module that nobody reads any more. */
static __init void module_free(u32 i)
{
    struct boot_module *m = &boot_info.module[i];
    if (m->end > m->start)
        frame_add_free(m->start >> PAGE_SHIFT, (m->end - 1) >> PAGE_SHIFT);
    m->end = m->start;
}

/* The kernel as a flat ELF; *owned: bytes to free afterwards, 0 = it lies in the module. */
static __init const void *unpack_kernel(u64 *size, u64 *owned)
{
    if (boot_info.module_count == 0)
        boot_fail("dom0: no module: GRUB was not told to load a kernel. Add a module2 line with a Linux kernel.");
    u64 module_size;
    const void *module = module_at(0, &module_size);
    struct unpack_result format;
    *owned = 0;
    if (unpack_is_elf(module, module_size)) {
        *size = module_size;
        return module;
    }
    const char *wrong = unpack_probe(module, module_size, &format);
    if (wrong)
        boot_fail("dom0: module 1 (%lu bytes) is no kernel that Wirt can start: %s", module_size, wrong);
    log_info("Domain 0: kernel %lu KiB, %s, unpacks to %lu KiB", module_size >> 10, format.format, format.size >> 10);
    void *flat = alloc_flat(format.size, "the unpacked kernel");
    void *arena = alloc_flat(UNPACK_ARENA_SIZE, "unpacking");
    u64 flags = cpu_irq_save(); /* the decoders use the red zone */
    wrong = unpack_image(module, module_size, flat, format.size, arena, UNPACK_ARENA_SIZE, size);
    cpu_irq_restore(flags);
    if (wrong)
        boot_fail("dom0: cannot unpack the kernel (module 1, %s): %s", format.format, wrong);
    free_flat(arena, UNPACK_ARENA_SIZE);
    *owned = format.size;
    return flat;
}

/* Whole 2 MiB: Linux asks for the tables behind its frame list while it maps the end of its memory, and finds them only
 * if pages that it adds beyond that end do not share an L1 table with them. */
static __init u64 decide_pages(u64 held_bytes, u64 *most)
{
    struct frame_stats s;
    u64 bytes, bytes_max;
    frame_stats(&s);
    u64 available = s.free + (held_bytes >> PAGE_SHIFT); /* freed before the bulk of dom0's memory is taken */
    available -= min(available, RESERVE_FRAMES + available / 512);
    const char *wrong = cmdline_dom0_mem(&boot_options, available << PAGE_SHIFT, &bytes, &bytes_max);
    if (wrong)
        boot_fail("dom0_mem: %s (%lu MiB are available). Give less, or nothing for all.", wrong,
                  available >> (20 - PAGE_SHIFT));
    u64 pages = round_down(bytes >> PAGE_SHIFT, 512ull);
    *most = boot_options.dom0_mem_max.is_given ? max(bytes_max >> PAGE_SHIFT, pages) : pages;
    return pages;
}

/* Where things go. Apart from the image everything is placed upwards in one pass; tables depend on the size of what
 * they map, so that part is repeated until it fits. */
static __init void make_plan(u64 total)
{
    struct dom0_plan *p = &plan;
    u64 initrd = p->initrd_bytes ? (p->initrd_bytes + PAGE_SIZE - 1) >> PAGE_SHIFT : 0;
    p->total_pages = total;
    p->v_start = image.virt_base;
    p->image_pages = (image.high + PAGE_SIZE - 1) >> PAGE_SHIFT;
    p->is_initrd_mapped = initrd && !image.mod_start_pfn;
    p->is_p2m_apart = image.init_p2m != ELF_UNSET;
    p->p2m_pages = (total * 8 + PAGE_SIZE - 1) >> PAGE_SHIFT;
    u64 at = p->image_pages;
    if (p->is_initrd_mapped) {
        p->initrd_pfn = at;
        at += initrd;
    }
    if (!p->is_p2m_apart) {
        p->p2m_pfn = at;
        at += p->p2m_pages;
    }
    p->start_info_pfn = at++;
    p->table_pfn = at;
    for (u64 mapped = round_up(at + 130, 1024ull);; mapped += 1024) {
        p->table_pages = dom0_pv_table_pages(p->v_start, mapped);
        p->stack_pfn = at + p->table_pages;
        if (p->stack_pfn + 1 + 128 <= mapped) { /* 512 KiB of room behind the stack */
            p->mapped_pages = mapped;
            break;
        }
    }
    at = p->mapped_pages;
    if (p->is_p2m_apart) { /* right behind what is mapped: Linux takes its first pfn for the end of that */
        u64 l1 = (p->p2m_pages + 511) / 512, l2 = (l1 + 511) / 512, l3 = (l2 + 511) / 512;
        p->p2m_va = image.init_p2m;
        p->p2m_table_pages = l1 + l2 + l3;
        p->p2m_pfn = at;
        p->p2m_table_pfn = at + p->p2m_pages;
        at += p->p2m_pages + p->p2m_table_pages;
    } else {
        p->p2m_va = p->v_start + (p->p2m_pfn << PAGE_SHIFT);
    }
    if (initrd && !p->is_initrd_mapped) {
        p->initrd_pfn = at;
        at += initrd;
    }
    p->placed_pages = at;
    if (at > total)
        boot_fail(
            "dom0: %lu MiB are too little for this kernel and its initrd, which need %lu MiB to start. Raise dom0_mem= "
            "or give the machine more RAM.",
            total >> 8, (at >> 8) + 1);
}

/* Frames for pfns [from, to). Largest blocks first: guests are quicker, and low memory stays for DMA buffers. */
static __init void give_memory(struct domain *d, u64 from, u64 to)
{
    for (u32 order = FRAME_ORDER_MAX; from < to;) {
        while (1ull << order > to - from)
            order--;
        mfn_t m = frame_alloc(order, FRAME_RAW, 0);
        if (m.n == MFN_NONE) {
            if (order-- == 0)
                boot_fail("dom0: out of memory after %lu of %lu MiB", from >> 8, plan.total_pages >> 8);
            continue;
        }
        page_assign(d, m, 1ull << order);
        for (u64 i = 0; i < 1ull << order; i++, from++) {
            plan.p2m[from] = m.n + i;
            frame_m2p_set(mfn(m.n + i), from);
        }
    }
}

static __init void forbid_ports(struct domain *d, u64 first, u64 last)
{
    if (range_remove(&d->ports, first, last))
        panic("boot: list of dom0's ports is full");
}

static __init void forbid_frame(struct domain *d, u64 address)
{
    if (range_remove(&d->iomem, address >> PAGE_SHIFT, address >> PAGE_SHIFT))
        panic("boot: list of dom0's I/O memory is full");
}

/* All of the machine but what Wirt drives itself. */
static __init void give_rights(struct domain *d)
{
    range_init(&d->ports, io_storage, ARRAY_COUNT(io_storage));
    range_init(&d->iomem, mem_storage, ARRAY_COUNT(mem_storage));
    range_init(&d->irqs, irq_storage, ARRAY_COUNT(irq_storage));
    if (range_add(&d->ports, 0, 0xffff) || range_add(&d->iomem, 0, (1ull << (cpu_desc.phys_bits - PAGE_SHIFT)) - 1) ||
        range_add(&d->irqs, 0, PIRQ_MAX - 1))
        panic("boot: cannot give dom0 its rights");
    forbid_ports(d, 0x20, 0x21);
    forbid_ports(d, 0xa0, 0xa1);
    forbid_ports(d, 0x40, 0x43);
    forbid_ports(d, 0x61, 0x61);
    forbid_ports(d, 0x70, 0x71);
    forbid_ports(d, 0xcf8, 0xcff);
    for (u32 i = 0; i < ARRAY_COUNT(uart); i++)
        if (uart[i].is_present)
            forbid_ports(d, uart[i].port, uart[i].port + 7u);
    if (time_counter.port)
        forbid_ports(d, time_counter.port, time_counter.port + 3u);
    forbid_frame(d, lapic_base());
    forbid_frame(d, 0xfee00000);
    for (u32 i = 0; i < acpi_info.ioapic_count; i++)
        forbid_frame(d, acpi_info.ioapic[i].base);
    /* the firmware's own code reads the HPET to see whether it is there */
    range_init(&d->iomem_ro, ro_storage, ARRAY_COUNT(ro_storage));
    if (acpi_info.hpet_base &&
        range_add(&d->iomem_ro, acpi_info.hpet_base >> PAGE_SHIFT, acpi_info.hpet_base >> PAGE_SHIFT))
        panic("boot: cannot protect the HPET");
}

static __init void create_vcpus(struct domain *d)
{
    u32 count = min(max(cpu_count, boot_options.dom0_vcpus_min), boot_options.dom0_vcpus_max);
    count = max(min(count, DOMAIN_VCPU_MAX), 1u);
    d->vcpu_limit = count;
    for (u32 i = 0; i < count; i++) {
        struct vcpu *v = vcpu_create(d, i, i % cpu_count);
        if (!v)
            boot_fail("dom0: no memory for vCPU %u of %u", i, count);
        if (boot_options.has_dom0_vcpus_pin && sched_set_affinity(&v->unit, BIT(i % cpu_count)))
            log_warn("dom0_vcpus_pin: cannot pin vCPU %u", i);
    }
}

__init void dom0_create(void)
{
    u64 size, owned;
    const void *file = unpack_kernel(&size, &owned);
    u64 held = owned;
    for (u32 i = 0; i < min(boot_info.module_count, 2u); i++)
        held += boot_info.module[i].end - boot_info.module[i].start;
    u64 most, total = decide_pages(held, &most);
    const char *wrong = elf_parse(&image, file, size, total << PAGE_SHIFT);
    if (!wrong)
        wrong = elf_check_pv(&image);
    if (wrong)
        boot_fail("dom0: the kernel (module 1) cannot be started: %s", wrong);
    static __initdata struct domain_config config = {.is_privileged = true,
                                                     .vcpu_limit = DOMAIN_VCPU_MAX,
                                                     .port_limit = EVTCHN_PORTS,
                                                     .grant_frames = GRANT_FRAMES,
                                                     .grant_maptrack = GRANT_MAPTRACK};
    struct domain *d;
    if (domain_create(&config, &d))
        boot_fail("dom0: no memory for the domain itself");
    domain_zero = d;
    plan.cmdline = boot_info.module[0].cmdline;
    if (boot_info.module_count > 1)
        plan.initrd_bytes = boot_info.module[1].end - boot_info.module[1].start;
    make_plan(total);
    plan.p2m = alloc_flat(total * 8, "the list of dom0's frames");
    d->page_max = most;
    give_memory(d, 0, plan.placed_pages);
    dom0_pv_load(&plan, &image);
    if (owned)
        free_flat(pgtab_va(pgtab_paddr(file)), owned);
    for (u32 i = 0; i < min(boot_info.module_count, 2u); i++)
        module_free(i);
    give_memory(d, plan.placed_pages, total);
    give_rights(d);
    create_vcpus(d);
    dom0_pv_build(d, &plan, &image);
    free_flat(plan.p2m, plan.total_pages * 8);
    log_info("Domain 0: %lu MiB, %u vCPUs, %s %s, entry 0x%lx", total >> 8, d->vcpu_limit, image.guest_os,
             image.guest_version, image.entry);
}
