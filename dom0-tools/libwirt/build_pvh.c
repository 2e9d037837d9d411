/* SPDX-License-Identifier: MIT */
/*
 * A PVH guest: its physical addresses are its own, so page n is frame n to everybody, and there are no page tables to
 * write. The kernel starts in 32-bit protected mode with a start_info that names modules, memory map and ACPI tables.
 * These tables say no more than that there are processors with a local APIC and no devices at all (reduced hardware).
 * What the builder adds lies in the last pages of the memory below 4 GiB, and the memory map says so. ACPI 6.3.
 */
#include "build_pv.h"
#include "hyper.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <xen/arch-x86/hvm/start_info.h>
#include <xen/hvm/params.h>
#include <xen/hvm/save.h>

#define PAGE         4096ul
#define LOW_END      0xe0000000ul /* RAM below ends here; what is more goes on at 4 GiB */
#define START_AT     0x9d000ul /* what the kernel starts with: 32-bit ones see no more than this and themselves then */
#define LOW_HOLE_END (1ul << 20)
#define PM_FLAT_CODE 0xc9b
#define PM_FLAT_DATA 0xc93
#define TSS_BUSY     0x8b
#define pages_of(n)  (((n) + PAGE - 1) / PAGE)

enum { PAGE_STORE, PAGE_CONSOLE, PAGE_ACPI, TOP_PAGES }; /* from the end of low memory down */

struct table_header {
    char signature[4];
    uint32_t length;
    uint8_t revision, checksum;
    char oem[6], oem_table[8];
    uint32_t oem_revision;
    char creator[4];
    uint32_t creator_revision;
} __attribute__((packed));
struct acpi {
    struct {
        char signature[8];
        uint8_t checksum;
        char oem[6];
        uint8_t revision;
        uint32_t rsdt, length;
        uint64_t xsdt;
        uint8_t checksum_all, reserved[3];
    } __attribute__((packed)) rsdp;
    uint8_t pad[28];
    struct {
        struct table_header h;
        uint64_t table[2];
    } __attribute__((packed)) xsdt;
    struct {
        struct table_header h;
        uint8_t none[73];
        uint16_t boot_arch;
        uint8_t reserved;
        uint32_t flags;
        uint8_t none_either[24];
        uint64_t dsdt;
        uint8_t rest[276 - 148];
    } __attribute__((packed)) fadt;
    struct {
        struct table_header h;
    } dsdt;
    struct {
        struct table_header h;
        uint32_t apic_address, flags;
        struct {
            uint8_t type, length, processor, apic_id;
            uint32_t flags;
        } __attribute__((packed)) cpu[WIRT_VCPU_MAX];
    } __attribute__((packed)) madt;
};
_Static_assert(sizeof(struct acpi) <= PAGE, "one page of tables");
_Static_assert(offsetof(struct acpi, fadt.flags) - offsetof(struct acpi, fadt) == 112 &&
                   offsetof(struct acpi, fadt.dsdt) - offsetof(struct acpi, fadt) == 140,
               "as ACPI has them");

static uint8_t sum(const void *from, size_t bytes)
{
    const uint8_t *b = from;
    uint8_t total = 0;

    while (bytes--)
        total = (uint8_t)(total + *b++);
    return (uint8_t)-total;
}

static void table(struct table_header *h, const char *signature, uint8_t revision, size_t bytes)
{
    memcpy(h->signature, signature, 4);
    h->length = (uint32_t)bytes;
    h->revision = revision;
    memcpy(h->oem, "Wirt  ", 6);
    memcpy(h->oem_table, "PVH     ", 8);
    memcpy(h->creator, "WIRT", 4);
    h->checksum = sum(h, bytes);
}

#define FADT_NO_VGA_NO_RTC (1u << 2 | 1u << 5)
#define FADT_WBINVD        (1u << 0)
#define FADT_NO_DEVICES    (1u << 20) /* reduced hardware */
#define LAPIC_ENABLED      1u

static void fill_acpi(struct acpi *a, uint64_t at, uint32_t vcpus)
{
    size_t madt = offsetof(struct acpi, madt.cpu[vcpus]) - offsetof(struct acpi, madt);

    for (uint32_t i = 0; i < vcpus; i++) {
        a->madt.cpu[i].length = 8;
        a->madt.cpu[i].processor = (uint8_t)i;
        a->madt.cpu[i].apic_id = (uint8_t)(i * 2);
        a->madt.cpu[i].flags = LAPIC_ENABLED;
    }
    a->madt.apic_address = 0xfee00000;
    table(&a->madt.h, "APIC", 3, madt);
    table(&a->dsdt.h, "DSDT", 2, sizeof(a->dsdt));
    a->fadt.boot_arch = FADT_NO_VGA_NO_RTC;
    a->fadt.flags = FADT_WBINVD | FADT_NO_DEVICES;
    a->fadt.dsdt = at + offsetof(struct acpi, dsdt);
    table(&a->fadt.h, "FACP", 5, sizeof(a->fadt));
    a->xsdt.table[0] = at + offsetof(struct acpi, fadt);
    a->xsdt.table[1] = at + offsetof(struct acpi, madt);
    table(&a->xsdt.h, "XSDT", 1, sizeof(a->xsdt));
    memcpy(a->rsdp.signature, "RSD PTR ", 8);
    memcpy(a->rsdp.oem, "Wirt  ", 6);
    a->rsdp.revision = 2;
    a->rsdp.length = sizeof(a->rsdp);
    a->rsdp.xsdt = at + offsetof(struct acpi, xsdt);
    a->rsdp.checksum = sum(&a->rsdp, 20);
    a->rsdp.checksum_all = sum(&a->rsdp, sizeof(a->rsdp));
}

struct start { /* two pages */
    struct hvm_start_info info;
    struct hvm_modlist_entry initrd;
    struct hvm_memmap_table_entry map[6];
    char cmdline[PAGE];
};
_Static_assert(sizeof(struct start) <= 2 * PAGE, "two pages");

static void add_memory(struct start *s, uint64_t from, uint64_t to, uint32_t type)
{
    if (from < to)
        s->map[s->info.memmap_entries++] =
            (struct hvm_memmap_table_entry){.addr = from, .size = to - from, .type = type};
}

static void fill_start(const struct build *b, struct start *s, uint64_t low_end)
{
    uint64_t at = START_AT, top = low_end - TOP_PAGES * PAGE, bytes = b->pages * PAGE;

    s->info = (struct hvm_start_info){.magic = XEN_HVM_START_MAGIC_VALUE,
                                      .version = 1,
                                      .cmdline_paddr = at + offsetof(struct start, cmdline),
                                      .rsdp_paddr = low_end - (PAGE_ACPI + 1) * PAGE,
                                      .memmap_paddr = at + offsetof(struct start, map)};
    if (b->initrd_bytes) {
        s->info.nr_modules = 1;
        s->info.modlist_paddr = at + offsetof(struct start, initrd);
        s->initrd = (struct hvm_modlist_entry){.paddr = b->plan.initrd_pfn * PAGE, .size = b->initrd_bytes};
    }
    add_memory(s, 0, START_AT, XEN_HVM_MEMMAP_TYPE_RAM);
    add_memory(s, START_AT, START_AT + 2 * PAGE, XEN_HVM_MEMMAP_TYPE_RESERVED); /* GRUB takes what no entry has */
    add_memory(s, LOW_HOLE_END, top, XEN_HVM_MEMMAP_TYPE_RAM);
    add_memory(s, top, top + PAGE, XEN_HVM_MEMMAP_TYPE_ACPI);
    add_memory(s, low_end - PAGE_ACPI * PAGE, low_end, XEN_HVM_MEMMAP_TYPE_RESERVED);
    if (bytes > low_end)
        add_memory(s, 1ul << 32, (1ul << 32) + bytes - low_end, XEN_HVM_MEMMAP_TYPE_RAM);
    if (b->config->cmdline)
        memcpy(s->cmdline, b->config->cmdline, strlen(b->config->cmdline));
}

/* The same map for who asks the hypervisor, as boot loaders do. */
static int set_memory_map(struct wirt *w, const struct build *b, const struct start *s)
{
    struct {
        uint64_t addr, size;
        uint32_t type;
    } __attribute__((packed)) *e820 = hyper_data(w);
    struct xen_foreign_memory_map map = {.domid = (domid_t)b->domid, .map.nr_entries = s->info.memmap_entries};
    long result;

    for (uint32_t i = 0; i < s->info.memmap_entries; i++) {
        e820[i].addr = s->map[i].addr;
        e820[i].size = s->map[i].size;
        e820[i].type = s->map[i].type;
    }
    set_xen_guest_handle(map.map.buffer, (void *)e820);
    result = hyper_memory(w, XENMEM_set_memory_map, &map, sizeof(map));
    return result < 0 ? hyper_fail(w, (int)result, b->object, "set its memory map", "") : 0;
}

/* Where everything lies: kernel, initrd behind it, the builder's own at the end of low memory. */
static int plan(struct wirt *w, struct build *b)
{
    uint64_t low = b->pages < LOW_END / PAGE ? b->pages : LOW_END / PAGE;
    uint64_t initrd = pages_of(b->image.high < LOW_HOLE_END ? LOW_HOLE_END : b->image.high),
             end = initrd + pages_of(b->initrd_bytes);

    b->plan.store_pfn = low - PAGE_STORE - 1;
    b->plan.console_pfn = low - PAGE_CONSOLE - 1;
    b->plan.table_pfn = low - TOP_PAGES;
    b->plan.initrd_pfn = initrd;
    b->plan.initrd_pages = pages_of(b->initrd_bytes);
    if (end > b->plan.table_pfn)
        return wirt_fail(w, WIRT_REFUSED, b->object, "lay out its memory", "raise <memory> or take another kernel",
                         "kernel and initrd end at %lu MiB, the memory below 4 GiB at %lu MiB", end >> 8, low >> 8);
    if (b->image.low < LOW_HOLE_END && b->image.high > START_AT)
        return wirt_fail(w, WIRT_REFUSED, b->object, "lay out its memory", "take another kernel",
                         "the kernel covers 0x%lx to 0xfffff, where its start information lies", START_AT);
    return 0;
}

static int fill(struct wirt *w, struct build *b)
{
    uint64_t low_end = (b->plan.store_pfn + 1) * PAGE, acpi_pfn = b->plan.store_pfn - PAGE_ACPI;
    const xen_pfn_t frame[] = {b->frame[START_AT / PAGE], b->frame[START_AT / PAGE + 1], b->frame[acpi_pfn]};
    int errors[3], code = 0;
    uint8_t *at = xenforeignmemory_map(w->memory, b->domid, PROT_READ | PROT_WRITE, 3, frame, errors);

    for (int i = 0; at && i < 3; i++)
        code |= errors[i];
    if (!at || code)
        return fail_errno(w, WIRT_FAILED, b->object, "map its memory", "see wirt dmesg", "3 pages");
    memset(at, 0, 3 * PAGE); /* the kernel's file may have been unpacked over them */
    fill_start(b, (struct start *)(void *)at, low_end);
    fill_acpi((struct acpi *)(void *)(at + 2 * PAGE), acpi_pfn * PAGE, b->config->max_vcpus);
    code = set_memory_map(w, b, (const struct start *)(const void *)at);
    xenforeignmemory_unmap(w->memory, at, 3);
    return code;
}

static int set_params(struct wirt *w, const struct build *b)
{
    const struct {
        uint32_t index;
        uint64_t value;
    } some[] = {{HVM_PARAM_STORE_PFN, b->plan.store_pfn},
                {HVM_PARAM_STORE_EVTCHN, b->store_port},
                {HVM_PARAM_CONSOLE_PFN, b->plan.console_pfn},
                {HVM_PARAM_CONSOLE_EVTCHN, b->console_port}};

    for (size_t i = 0; i < sizeof(some) / sizeof(some[0]); i++) {
        int result = hyper_param(w, b->domid, some[i].index, some[i].value);
        if (result < 0)
            return hyper_fail(w, result, b->object, "set its parameters", "number %u", some[i].index);
    }
    return 0;
}

/* The state that the ABI promises: flat 32-bit protected mode, no paging, ebx: start_info. */
static int set_vcpu(struct wirt *w, const struct build *b)
{
    struct record {
        struct hvm_save_descriptor header_at;
        HVM_SAVE_TYPE(HEADER) header;
        struct hvm_save_descriptor cpu_at;
        HVM_SAVE_TYPE(CPU) cpu;
        struct hvm_save_descriptor end_at;
    } *r = hyper_data(w);
    struct xen_domctl op = {0};
    int result;

    memset(r, 0, sizeof(*r));
    r->header_at = (struct hvm_save_descriptor){HVM_SAVE_CODE(HEADER), 0, HVM_SAVE_LENGTH(HEADER)};
    r->header.magic = HVM_FILE_MAGIC;
    r->header.version = HVM_FILE_VERSION;
    r->cpu_at = (struct hvm_save_descriptor){HVM_SAVE_CODE(CPU), 0, HVM_SAVE_LENGTH(CPU)};
    r->end_at = (struct hvm_save_descriptor){HVM_SAVE_CODE(END), 0, HVM_SAVE_LENGTH(END)};
    r->cpu.rip = b->image.entry;
    r->cpu.rbx = START_AT;
    r->cpu.rflags = 2;
    r->cpu.cr0 = 0x11;
    r->cpu.cs_limit = r->cpu.ds_limit = r->cpu.es_limit = r->cpu.ss_limit = ~0u;
    r->cpu.fs_limit = r->cpu.gs_limit = ~0u; /* nobody promises these, but 32-bit Linux looks for its canary there */
    r->cpu.cs_arbytes = PM_FLAT_CODE;
    r->cpu.ds_arbytes = r->cpu.es_arbytes = r->cpu.ss_arbytes = PM_FLAT_DATA;
    r->cpu.fs_arbytes = r->cpu.gs_arbytes = PM_FLAT_DATA;
    r->cpu.tr_limit = 0x67;
    r->cpu.tr_arbytes = TSS_BUSY;
    r->cpu.ldtr_arbytes = 0x82;
    op.u.hvmcontext.size = sizeof(*r);
    set_xen_guest_handle(op.u.hvmcontext.buffer, (uint8_t *)r);
    result = hyper_domctl(w, XEN_DOMCTL_sethvmcontext, b->domid, &op);
    return result < 0 ? hyper_fail(w, result, b->object, "set its first vCPU", "entry 0x%lx", b->image.entry) : 0;
}

uint64_t build_pvh_number(uint64_t n)
{
    return n < LOW_END / PAGE ? n : n - LOW_END / PAGE + (1ul << 32) / PAGE;
}

int build_pvh(struct wirt *w, struct build *b)
{
    int code = plan(w, b);

    if (!code)
        code = build_ports(w, b);
    if (!code && b->initrd_bytes)
        code = build_initrd(w, b);
    if (!code)
        code = fill(w, b);
    if (!code)
        code = build_grants(w, b);
    if (!code)
        code = set_params(w, b);
    return code ? code : set_vcpu(w, b);
}
