/* SPDX-License-Identifier: MIT */
/*
 * A guest's memory as an ELF core file. Of a guest with hardware assistance the hypervisor maps pages by the guest's
 * own numbers. Which machine frame stands behind which page of a paravirtual one only that guest's list says (its p2m,
 * found through its shared page and its page tables, or at first where the builder put it), so everything read there is
 * hostile: a frame is taken for the guest's if the hypervisor lets it be mapped as the guest's, what is not is a hole,
 * and every count is bounded by the domain's limits. The file holds guest-physical memory at a fixed place per page,
 * with holes, and says twice where it lies: at Linux's direct map, and at the kernel's own addresses, so that a
 * debugger with the kernel's symbols finds both.
 */
#include "device.h"
#include "domctl.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/procfs.h>
#include <unistd.h>

#define PAGE         4096ul
#define ENTRIES      512ul
#define MFN(entry)   ((entry) >> 12 & ((1ul << 40) - 1))
#define DIRECT_MAP   0xffff888000000000ul /* Linux x86-64 without KASLR, which PV guests have not */
#define KERNEL_MAP   0xffffffff80000000ul
#define KERNEL_BYTES (512ul << 20)
#define RUN_MAX      2000u /* more runs of pages than this become one */
#define BATCH        512u
#define NOTE_CONTEXT 1u /* owner "Wirt": the vCPU's struct vcpu_guest_context */
#define NO_FRAME     (~0ul)
#define RAM_AGAIN    0x100000ul /* memory of a guest with hardware assistance goes on at 4 GiB */

struct run {
    uint64_t first, count;
};
struct dump {
    struct wirt *w;
    uint32_t domid, vcpus, run_count;
    char object[96];
    uint64_t pages, *frame; /* by guest page; NO_FRAME: a hole */
    uint64_t root, list_va; /* where its p2m is: machine frame of an L4, and the address there */
    uint64_t ram;           /* pages of memory of a guest with hardware assistance, 0: it has a p2m */
    struct run run[RUN_MAX];
    vcpu_guest_context_t *context;
    bool *has_context;
    uint64_t data_offset; /* in the file, of page 0 */
    int fd;
};

/* ---- the guest's list of its frames ---- */

/* Pages of the guest, side by side; those that are not its own stay unmapped and are marked in errors. */
static void *map(struct dump *d, const uint64_t *frame, size_t count, int *errors)
{
    memset(errors, 0, count * sizeof(*errors));
    return xenforeignmemory_map(d->w->memory, d->domid, PROT_READ, count, frame, errors);
}

/* One entry of one of its page tables; 0: not present. */
static uint64_t entry_at(struct dump *d, uint64_t table, uint64_t index)
{
    int error;
    uint64_t *at = map(d, &table, 1, &error), entry = 0;

    if (at && !error)
        entry = at[index];
    if (at)
        xenforeignmemory_unmap(d->w->memory, at, 1);
    return entry & 1 ? entry : 0;
}

/* The frame of the L1 table that maps va, or NO_FRAME. */
static uint64_t find_l1(struct dump *d, uint64_t va)
{
    uint64_t table = d->root;

    for (unsigned int shift = 39; shift > 12; shift -= 9) {
        uint64_t entry = entry_at(d, table, va >> shift & (ENTRIES - 1));

        if (!entry || entry & 0x80)
            return NO_FRAME;
        table = MFN(entry);
    }
    return table;
}

static void take_list_page(struct dump *d, uint64_t page, const uint64_t *list)
{
    for (uint64_t i = 0; i < ENTRIES && page * ENTRIES + i < d->pages; i++)
        d->frame[page * ENTRIES + i] = list[i] >> 62 ? NO_FRAME : list[i]; /* bits 62, 63: not memory of its own */
}

/* The pages of the list that one L1 table maps, from list page `page` on; returns how many it looked at. */
static uint64_t take_table(struct dump *d, uint64_t page)
{
    uint64_t va = d->list_va + page * PAGE, first = va >> 12 & (ENTRIES - 1), l1 = find_l1(d, va);
    uint64_t frame[ENTRIES], total = (d->pages + ENTRIES - 1) / ENTRIES, count = ENTRIES - first;
    int errors[ENTRIES];
    uint64_t *at;

    count = total - page < count ? total - page : count;
    at = l1 == NO_FRAME ? NULL : map(d, &l1, 1, errors);
    for (uint64_t i = 0; i < count; i++)
        frame[i] = at && !errors[0] && at[first + i] & 1 ? MFN(at[first + i]) : NO_FRAME;
    if (at)
        xenforeignmemory_unmap(d->w->memory, at, 1);
    at = map(d, frame, count, errors);
    for (uint64_t i = 0; at && i < count; i++)
        if (!errors[i])
            take_list_page(d, page + i, at + i * ENTRIES);
    if (at)
        xenforeignmemory_unmap(d->w->memory, at, count);
    return count;
}

/* Where the list is: what the guest says in its shared page, else where the builder left it. */
static int find_list(struct dump *d, const struct xen_domctl_getdomaininfo *info)
{
    uint64_t frame = info->shared_info_frame, said = 0;
    char *text;
    shared_info_t *s;
    int error;

    s = map(d, &frame, 1, &error);
    if (s && !error) {
        d->root = s->arch.p2m_cr3 >> 12 | s->arch.p2m_cr3 << 52;
        d->list_va = s->arch.p2m_vaddr;
        said = s->arch.max_pfn;
    }
    if (s)
        xenforeignmemory_unmap(d->w->memory, s, 1);
    if (!d->root || !d->list_va) {
        text = wirt_store_read(d->w, "/local/domain/%u/wirt/p2m", d->domid);
        if (!text || sscanf(text, "%lu %lu %lu", &d->root, &d->list_va, &said) != 3)
            d->root = 0;
        free(text);
    }
    if (!d->root)
        return wirt_fail(d->w, WIRT_FAILED, d->object, "find its memory", "",
                         "the guest does not say where the list of its frames is");
    d->pages = info->max_pages > info->tot_pages && info->max_pages < 1ul << 36 ? info->max_pages : info->tot_pages;
    if (said && said < d->pages)
        d->pages = said;
    return 0;
}

/* Which of these numbers have something behind them. */
static void probe(struct dump *d, uint64_t first, uint64_t end)
{
    uint64_t frame[BATCH];
    int errors[BATCH];

    end = end < d->pages ? end : d->pages;
    for (; first < end; first += BATCH) {
        uint64_t count = end - first < BATCH ? end - first : BATCH;
        void *at;

        for (uint64_t i = 0; i < count; i++)
            frame[i] = first + i;
        at = map(d, frame, count, errors);
        for (uint64_t i = 0; at && i < count; i++)
            if (!errors[i])
                d->frame[first + i] = first + i;
        if (at)
            xenforeignmemory_unmap(d->w->memory, at, count);
    }
}

/* What is far from all that a builder makes is left out: the guest may use any numbers. */
static int find_numbers(struct dump *d, const struct xen_domctl_getdomaininfo *info)
{
    struct xen_memory_domain m = {.domid = (domid_t)d->domid};
    long last = hyper_memory(d->w, XENMEM_maximum_gpfn, &m, sizeof(m));

    if (last < 0)
        return fail_errno(d->w, WIRT_FAILED, d->object, "find its memory", "", "its highest page is not known");
    d->ram = info->max_pages > info->tot_pages && info->max_pages < 1ul << 36 ? info->max_pages : info->tot_pages;
    d->pages = (uint64_t)last + 1 < RAM_AGAIN + d->ram ? (uint64_t)last + 1 : RAM_AGAIN + d->ram;
    return 0;
}

static int read_list(struct dump *d)
{
    /* Memory from 0 on; ACPI tables; pages of console and xenstore, where builders put them. */
    static const struct run place[] = {{0, 0}, {0xfc000, 64}, {0xfeff0, 16}};

    d->frame = malloc(d->pages * sizeof(*d->frame));
    if (!d->frame)
        return wirt_fail(d->w, WIRT_NO_ROOM, d->object, "find its memory", "", "dom0 is out of memory");
    for (uint64_t i = 0; i < d->pages; i++)
        d->frame[i] = NO_FRAME;
    for (uint64_t page = 0; !d->ram && page * ENTRIES < d->pages;)
        page += take_table(d, page);
    for (uint32_t i = 0; d->ram && i < sizeof(place) / sizeof(place[0]); i++)
        probe(d, place[i].first, place[i].count ? place[i].first + place[i].count : d->ram);
    if (d->ram)
        probe(d, RAM_AGAIN, d->pages);
    for (uint64_t i = 0; i < d->pages; i++) {
        struct run *last = d->run_count ? &d->run[d->run_count - 1] : NULL;

        if (d->frame[i] == NO_FRAME)
            continue;
        if (last && (last->first + last->count == i || d->run_count == RUN_MAX))
            last->count = i - last->first + 1;
        else
            d->run[d->run_count++] = (struct run){i, 1};
    }
    return d->run_count ? 0
                        : wirt_fail(d->w, WIRT_FAILED, d->object, "find its memory", "",
                                    "the list of its frames that the guest names holds none");
}

/* ---- its vCPUs ---- */

static int read_vcpus(struct dump *d)
{
    d->context = calloc(d->vcpus, sizeof(*d->context));
    d->has_context = calloc(d->vcpus, sizeof(*d->has_context));
    if (!d->context || !d->has_context)
        return wirt_fail(d->w, WIRT_NO_ROOM, d->object, "read its vCPUs", "", "dom0 is out of memory");
    for (uint32_t i = 0; i < d->vcpus; i++) {
        struct xen_domctl op = {.u.vcpucontext.vcpu = i};

        set_xen_guest_handle(op.u.vcpucontext.ctxt, (vcpu_guest_context_t *)hyper_data(d->w));
        d->has_context[i] = hyper_domctl(d->w, XEN_DOMCTL_getvcpucontext, d->domid, &op) >= 0; /* else never started */
        if (d->has_context[i])
            memcpy(&d->context[i], hyper_data(d->w), sizeof(d->context[i]));
    }
    return 0;
}

static void fill_status(prstatus_t *s, uint32_t vcpu, const vcpu_guest_context_t *c)
{
    const cpu_user_regs_t *r = &c->user_regs;
    const uint64_t reg[] = {r->r15,
                            r->r14,
                            r->r13,
                            r->r12,
                            r->rbp,
                            r->rbx,
                            r->r11,
                            r->r10,
                            r->r9,
                            r->r8,
                            r->rax,
                            r->rcx,
                            r->rdx,
                            r->rsi,
                            r->rdi,
                            ~0ul,
                            r->rip,
                            r->cs,
                            r->rflags,
                            r->rsp,
                            r->ss,
                            c->fs_base,
                            c->flags & VGCF_in_kernel ? c->gs_base_kernel : c->gs_base_user,
                            r->ds,
                            r->es,
                            r->fs,
                            r->gs};

    _Static_assert(sizeof(reg) == sizeof(s->pr_reg), "the registers of a core's status");
    memset(s, 0, sizeof(*s));
    s->pr_pid = (int)vcpu + 1;
    memcpy(s->pr_reg, reg, sizeof(reg));
}

/* ---- the file ---- */

static int put(struct dump *d, const void *data, size_t size, uint64_t *offset)
{
    const char *at = data;

    while (size) {
        ssize_t n = pwrite(d->fd, at, size, (off_t)*offset);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return fail_errno(d->w, errno == ENOSPC ? WIRT_NO_ROOM : WIRT_FAILED, d->object, "write the core", "",
                              "at byte %lu", (unsigned long)*offset);
        at += n;
        *offset += (uint64_t)n;
        size -= (size_t)n;
    }
    return 0;
}

static int put_note(struct dump *d, const char *owner, uint32_t type, const void *data, size_t size, uint64_t *offset)
{
    static const char zero[4];
    Elf64_Nhdr h = {.n_namesz = (uint32_t)strlen(owner) + 1, .n_descsz = (uint32_t)size, .n_type = type};
    char name[8] = "";
    int code = put(d, &h, sizeof(h), offset);

    memcpy(name, owner, strlen(owner));
    if (!code)
        code = put(d, name, (h.n_namesz + 3) & ~3u, offset);
    if (!code)
        code = put(d, data, size, offset);
    return code ? code : put(d, zero, -size & 3, offset);
}

static int put_notes(struct dump *d, uint64_t *offset)
{
    int code = 0;

    for (uint32_t i = 0; i < d->vcpus && !code; i++) {
        prstatus_t status;

        if (!d->has_context[i])
            continue;
        fill_status(&status, i, &d->context[i]);
        code = put_note(d, "CORE", NT_PRSTATUS, &status, sizeof(status), offset);
    }
    for (uint32_t i = 0; i < d->vcpus && !code; i++)
        if (d->has_context[i])
            code = put_note(d, "Wirt", NOTE_CONTEXT, &d->context[i], sizeof(d->context[i]), offset);
    return code;
}

static int put_segment(struct dump *d, uint64_t first, uint64_t count, uint64_t base, uint64_t *offset)
{
    Elf64_Phdr p = {.p_type = PT_LOAD,
                    .p_flags = PF_R | PF_W | PF_X,
                    .p_offset = d->data_offset + first * PAGE,
                    .p_vaddr = base + first * PAGE,
                    .p_paddr = first * PAGE,
                    .p_filesz = count * PAGE,
                    .p_memsz = count * PAGE,
                    .p_align = PAGE};

    return put(d, &p, sizeof(p), offset);
}

/* Header, notes and segments; the notes come first in the file as their size is not known before. */
static int put_headers(struct dump *d)
{
    const uint64_t kernel_pages = KERNEL_BYTES / PAGE;
    Elf64_Ehdr h = {.e_type = ET_CORE,
                    .e_machine = EM_X86_64,
                    .e_version = EV_CURRENT,
                    .e_phoff = sizeof(h),
                    .e_ehsize = sizeof(h),
                    .e_phentsize = sizeof(Elf64_Phdr),
                    .e_phnum = (Elf64_Half)(1 + d->run_count)};
    Elf64_Phdr note = {.p_type = PT_NOTE, .p_align = 4};
    uint64_t at = 0, end;
    int code;

    for (uint32_t i = 0; i < d->run_count; i++)
        h.e_phnum = (Elf64_Half)(h.e_phnum + (d->run[i].first < kernel_pages));
    memcpy(h.e_ident, ELFMAG, SELFMAG);
    h.e_ident[EI_CLASS] = ELFCLASS64;
    h.e_ident[EI_DATA] = ELFDATA2LSB;
    h.e_ident[EI_VERSION] = EV_CURRENT;
    note.p_offset = end = sizeof(h) + h.e_phnum * sizeof(note);
    code = put_notes(d, &end);
    note.p_filesz = end - note.p_offset;
    d->data_offset = (end + PAGE - 1) & ~(PAGE - 1);
    if (!code)
        code = put(d, &h, sizeof(h), &at);
    if (!code)
        code = put(d, &note, sizeof(note), &at);
    for (uint32_t i = 0; i < d->run_count && !code; i++)
        code = put_segment(d, d->run[i].first, d->run[i].count, DIRECT_MAP, &at);
    for (uint32_t i = 0; i < d->run_count && !code; i++) {
        uint64_t first = d->run[i].first, count = d->run[i].count;

        if (first < kernel_pages)
            code = put_segment(d, first, first + count > kernel_pages ? kernel_pages - first : count, KERNEL_MAP, &at);
    }
    return code;
}

/* Pages that the list names, one behind the other; those that are not the guest's are left out. */
static int put_run(struct dump *d, uint64_t first, uint64_t count)
{
    int errors[BATCH], code = 0;
    char *at = map(d, d->frame + first, count, errors);

    for (uint64_t i = 0, n = 1; at && i < count && !code; i += n, n = 1) {
        uint64_t offset = d->data_offset + (first + i) * PAGE;

        if (errors[i])
            continue;
        while (i + n < count && !errors[i + n])
            n++;
        code = put(d, at + i * PAGE, n * PAGE, &offset);
    }
    if (at)
        xenforeignmemory_unmap(d->w->memory, at, count);
    return code;
}

/* Holes of the list are not asked for: the hypervisor would log each. */
static int put_memory(struct dump *d, const struct wirt_progress *p)
{
    int code = 0;

    for (uint64_t first = 0, count; first < d->pages && !code; first += count) {
        bool is_hole = d->frame[first] == NO_FRAME;

        for (count = 1; count < BATCH && first + count < d->pages; count++)
            if ((d->frame[first + count] == NO_FRAME) != is_hole)
                break;
        if (!is_hole)
            code = put_run(d, first, count);
        if (p && p->fn)
            p->fn(p->arg, "memory", first >> 8, d->pages >> 8);
    }
    if (!code && ftruncate(d->fd, (off_t)(d->data_offset + d->pages * PAGE)))
        code = fail_errno(d->w, WIRT_FAILED, d->object, "write the core", "", "its size cannot be set");
    return code;
}

static int write_file(struct dump *d, const char *path, const struct wirt_progress *p)
{
    char part[4096];
    int code;

    snprintf(part, sizeof(part), "%s.part", path);
    d->fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (d->fd < 0)
        return fail_errno(d->w, WIRT_FAILED, d->object, "write the core", "", "%s cannot be made", part);
    code = put_headers(d);
    if (!code)
        code = put_memory(d, p);
    if (!code && fsync(d->fd) && errno != EINVAL)
        code = fail_errno(d->w, WIRT_FAILED, d->object, "write the core", "", "%s", part);
    close(d->fd);
    if (!code && rename(part, path))
        code = fail_errno(d->w, WIRT_FAILED, d->object, "write the core", "", "%s cannot be renamed to %s", part, path);
    if (code)
        unlink(part);
    return code;
}

int wirt_dump(struct wirt *w, uint32_t domid, const char *path, const struct wirt_progress *p)
{
    struct xen_domctl_getdomaininfo info;
    struct dump *d = calloc(1, sizeof(*d));
    int code;

    if (!d)
        return wirt_fail(w, WIRT_NO_ROOM, "dom0", "dump a domain", "", "it is out of memory");
    d->w = w;
    d->domid = domid;
    device_domain(w, domid, d->object, sizeof(d->object));
    code = domid ? need_memory(w)
                 : wirt_fail(w, WIRT_REFUSED, d->object, "dump it", "", "it is dom0, which runs this command");
    if (!code)
        code = domctl_info(w, domid, d->object, &info);
    if (!code)
        code = domctl_plain(w, XEN_DOMCTL_pausedomain, domid, d->object, "pause it");
    if (!code) {
        d->vcpus = info.max_vcpu_id + 1;
        code = info.flags & XEN_DOMINF_hvm_guest ? find_numbers(d, &info) : find_list(d, &info);
        if (!code)
            code = read_list(d);
        if (!code)
            code = read_vcpus(d);
        if (!code)
            code = write_file(d, path, p);
        if (code) {
            struct wirt_error kept = error_keep(w);

            domctl_plain(w, XEN_DOMCTL_unpausedomain, domid, d->object, "let it run");
            error_restore(w, &kept);
        } else {
            code = domctl_plain(w, XEN_DOMCTL_unpausedomain, domid, d->object, "let it run");
        }
    }
    free(d->frame);
    free(d->context);
    free(d->has_context);
    free(d);
    return code;
}
