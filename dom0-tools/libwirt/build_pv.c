/* SPDX-License-Identifier: MIT */
/*
 * The PV builder. Order matters twice: memory is claimed before the first page is taken, so that a create without room
 * fails before it has cost anything; and no page is mapped here any more when its page tables are pinned. A guest's
 * pages come zeroed, so only what is not zero is written. Few calls do the work: memory is taken in extents of 2 MiB,
 * all pages that the builder writes by itself (start_info, page tables, p2m) are mapped at once.
 */
#include "build_pv.h"
#include "hyper.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE         4096ul
#define EXTENT_ORDER 9
#define EXTENT       (1ul << EXTENT_ORDER) /* pages */
#define TAKE_MAX     (16ul << 8)           /* pages; dom0's vCPU gets no events during a call that zeroes each */
#define LEAF         0x063ul               /* present, writable, accessed, dirty */
#define LEAF_RO      0x061ul
#define UPPER        0x067ul
#define INITRD_MAX   (1ul << 40)
#define pages_of(n)  (((n) + PAGE - 1) / PAGE)

static void say(const struct build *b, const char *step, uint64_t done, uint64_t total)
{
    if (b->progress && b->progress->fn)
        b->progress->fn(b->progress->arg, step, done, total);
}

static int open_initrd(struct wirt *w, struct build *b)
{
    char object[160];
    struct stat s;

    snprintf(object, sizeof(object), "initrd %s", b->config->initrd);
    b->initrd = open(b->config->initrd, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (b->initrd < 0)
        return fail_errno(w, errno == ENOENT ? WIRT_NOT_FOUND : WIRT_FAILED, object, "open the initrd", "",
                          "it cannot be opened");
    if (fstat(b->initrd, &s) || !S_ISREG(s.st_mode) || s.st_size <= 0)
        return wirt_fail(w, WIRT_REFUSED, object, "open the initrd", "", "it is no file, or empty");
    b->initrd_bytes = (uint64_t)s.st_size;
    return 0;
}

int build_open(struct wirt *w, struct build *b, const struct wirt_config *config)
{
    int code;

    memset(b, 0, sizeof(*b));
    b->config = config;
    b->initrd = b->image.fd = -1;
    b->pages = config->memory_kib / 4;
    snprintf(b->object, sizeof(b->object), "domain %s", config->name);
    if (config->cmdline && strlen(config->cmdline) >= MAX_GUEST_CMDLINE)
        return wirt_fail(w, WIRT_REFUSED, b->object, "read the configuration", "shorten <cmdline>",
                         "the kernel's command line has %zu characters; %d are possible", strlen(config->cmdline),
                         MAX_GUEST_CMDLINE - 1);
    b->image.is_pvh = config->is_pvh;
    code = image_open(w, config->kernel, config->memory_kib << 10, &b->image);
    if (!code && config->initrd)
        code = open_initrd(w, b);
    if (code)
        build_close(b);
    return code;
}

void build_close(struct build *b)
{
    image_close(&b->image);
    if (b->initrd >= 0)
        close(b->initrd);
    free(b->frame);
    b->frame = NULL;
    b->initrd = -1;
}

/* ---- memory ---- */

static long populate(struct wirt *w, const struct build *b, uint64_t first, uint64_t count, unsigned int order)
{
    uint64_t *data = hyper_data(w);
    struct xen_memory_reservation r = {.nr_extents = count, .extent_order = order, .domid = (domid_t)b->domid};

    set_xen_guest_handle(r.extent_start, data);
    for (uint64_t i = 0; i < count; i++)
        data[i] = b->config->is_pvh ? build_pvh_number(first + (i << order)) : first + (i << order);
    return hyper_memory(w, XENMEM_populate_physmap, &r, sizeof(r));
}

/* As many extents as one call takes: the frames of what it got go into the list. Returns pages, or a negative errno. */
static long take(struct wirt *w, struct build *b, uint64_t first, uint64_t left, unsigned int order)
{
    const uint64_t *data;
    uint64_t count = left >> order, most = TAKE_MAX >> order;
    long done = populate(w, b, first, count < most ? count : most, order);

    data = hyper_data(w);
    for (long i = 0; i < done; i++) /* of a PVH guest the list comes back as it was */
        for (uint64_t k = 0; k < 1ul << order; k++)
            b->frame[first + ((uint64_t)i << order) + k] = data[i] + k;
    return done < 0 ? done : done << order;
}

/* Extents first; where none is to be had, 2 MiB page by page, then extents again. */
static int take_memory(struct wirt *w, struct build *b)
{
    uint64_t at = 0;
    long got;

    while (at < b->pages) {
        uint64_t left = b->pages - at;

        got = left >= EXTENT ? take(w, b, at, left, EXTENT_ORDER) : 0;
        if (got <= 0)
            got = take(w, b, at, left < EXTENT ? left : EXTENT, 0);
        if (got <= 0)
            return hyper_fail(w, got ? (int)got : -ENOMEM, b->object, "take memory", "after %lu of %lu MiB", at >> 8,
                              b->pages >> 8);
        at += (uint64_t)got;
        say(b, "memory", at >> 8, b->pages >> 8);
    }
    return 0;
}

/* ---- what the builder writes ---- */

/* The pages that it writes, side by side: [start_info .. last table] and, unless it lies in between, the p2m. */
struct window {
    uint64_t *base;
    uint64_t first, count, p2m_count;
};

static void *window_page(const struct build *b, const struct window *v, uint64_t pfn)
{
    uint64_t at = pfn >= v->first && pfn < v->first + v->count ? pfn - v->first : v->count + pfn - b->plan.p2m_pfn;

    return v->base + at * (PAGE / 8);
}

static int window_open(struct wirt *w, const struct build *b, struct window *v)
{
    const struct build_plan *p = &b->plan;
    uint64_t total;
    uint64_t *frame;
    int *errors, code = 0;

    v->first = p->start_info_pfn;
    v->count = p->table_pfn + p->table_pages - v->first;
    v->p2m_count = p->p2m_pages + p->p2m_table_pages;
    total = v->count + v->p2m_count;
    frame = malloc(total * sizeof(*frame));
    errors = calloc(total, sizeof(*errors));
    v->base = NULL;
    if (frame && errors) {
        memcpy(frame, b->frame + v->first, v->count * sizeof(*frame));
        memcpy(frame + v->count, b->frame + p->p2m_pfn, v->p2m_count * sizeof(*frame));
        v->base = xenforeignmemory_map(w->memory, b->domid, PROT_READ | PROT_WRITE, total, frame, errors);
        for (uint64_t i = 0; v->base && i < total && !code; i++)
            if (errors[i]) {
                errno = -errors[i];
                code = fail_errno(w, WIRT_FAILED, b->object, "map its memory", "see wirt dmesg", "machine frame 0x%lx",
                                  frame[i]);
            }
    }
    if (!v->base)
        code = fail_errno(w, WIRT_FAILED, b->object, "map its memory", "see wirt dmesg", "%lu pages", total);
    free(frame);
    free(errors);
    return code;
}

static void window_close(struct wirt *w, struct window *v)
{
    if (v->base)
        xenforeignmemory_unmap(w->memory, v->base, v->count + v->p2m_count);
    v->base = NULL;
}

/* Maps pfns [first, first + count) at va, which has a 512 GiB slot of the L4 to itself; tables are taken from *next. */
static void fill_tables(const struct build *b, const struct window *v, uint64_t va, uint64_t first, uint64_t count,
                        uint64_t *next)
{
    const struct build_plan *p = &b->plan;
    uint64_t table_end = p->table_pfn + p->table_pages;
    uint64_t *table[4] = {NULL, NULL, NULL, window_page(b, v, p->table_pfn)}; /* L1 .. L4 */

    for (uint64_t n = first; n < first + count; n++, va += PAGE) {
        for (unsigned int level = 3; level > 0; level--) {
            unsigned int shift = 12 + 9 * level;

            if (table[level - 1] && va & ((1ul << shift) - 1))
                continue;
            table[level][va >> shift & 511] = b->frame[*next] << 12 | UPPER;
            table[level - 1] = window_page(b, v, (*next)++);
        }
        table[0][va >> 12 & 511] = b->frame[n] << 12 | (n >= p->table_pfn && n < table_end ? LEAF_RO : LEAF);
    }
}

static void fill_start_info(const struct build *b, const struct window *v)
{
    const struct build_plan *p = &b->plan;
    struct start_info *s = window_page(b, v, p->start_info_pfn);

    memcpy(s->magic, "xen-3.0-x86_64", sizeof("xen-3.0-x86_64"));
    s->nr_pages = b->pages;
    s->shared_info = b->shared_frame << 12;
    s->flags = SIF_VIRT_P2M_4TOOLS;
    s->store_mfn = b->frame[p->store_pfn];
    s->store_evtchn = b->store_port;
    s->console.domU.mfn = b->frame[p->console_pfn];
    s->console.domU.evtchn = b->console_port;
    s->pt_base = p->v_start + p->table_pfn * PAGE;
    s->nr_pt_frames = p->table_pages;
    s->mfn_list = p->p2m_va;
    if (p->is_p2m_apart) {
        s->first_p2m_pfn = p->p2m_pfn;
        s->nr_p2m_frames = p->p2m_pages + p->p2m_table_pages;
    }
    if (p->initrd_pages) {
        s->flags |= p->is_initrd_mapped ? 0 : SIF_MOD_START_PFN;
        s->mod_start = p->is_initrd_mapped ? p->v_start + p->initrd_pfn * PAGE : p->initrd_pfn;
        s->mod_len = b->initrd_bytes;
    }
    if (b->config->cmdline)
        memcpy(s->cmd_line, b->config->cmdline, strlen(b->config->cmdline));
}

static void fill_p2m(const struct build *b, const struct window *v)
{
    uint64_t *list = window_page(b, v, b->plan.p2m_pfn);
    uint64_t end = b->plan.p2m_pages * (PAGE / 8);

    memcpy(list, b->frame, b->pages * 8);
    for (uint64_t i = b->pages; i < end; i++)
        list[i] = ~0ul;
}

static int fill_pages(struct wirt *w, struct build *b)
{
    const struct build_plan *p = &b->plan;
    struct window v;
    uint64_t next;
    int code = window_open(w, b, &v);

    if (!code) {
        fill_start_info(b, &v);
        fill_p2m(b, &v);
        next = p->table_pfn + 1;
        fill_tables(b, &v, p->v_start, 0, p->mapped_pages, &next);
        next = p->p2m_pfn + p->p2m_pages;
        if (p->is_p2m_apart)
            fill_tables(b, &v, p->p2m_va, p->p2m_pfn, p->p2m_pages, &next);
    }
    window_close(w, &v);
    return code;
}

/* Read from its file into the guest's pages, in pieces that bound what is mapped at a time. */
int build_initrd(struct wirt *w, struct build *b)
{
    enum { PIECE = 2048 };
    uint64_t done = 0, first = b->plan.initrd_pfn;
    int code = 0, errors[PIECE];

    while (!code && done < b->initrd_bytes) {
        uint64_t pages = pages_of(b->initrd_bytes - done), bytes;
        ssize_t n = -1;
        uint8_t *at;

        pages = pages < PIECE ? pages : PIECE;
        bytes = b->initrd_bytes - done < pages * PAGE ? b->initrd_bytes - done : pages * PAGE;
        at = xenforeignmemory_map(w->memory, b->domid, PROT_READ | PROT_WRITE, pages, b->frame + first + done / PAGE,
                                  errors);
        for (uint64_t got = 0; at && got < bytes; got += (uint64_t)n) {
            n = pread(b->initrd, at + got, bytes - got, (off_t)(done + got));
            if (n <= 0)
                break;
        }
        if (n <= 0)
            code = fail_errno(w, WIRT_FAILED, b->object, "read the initrd", "",
                              n == 0 ? "%s became shorter" : "%s cannot be read", b->config->initrd);
        if (at)
            xenforeignmemory_unmap(w->memory, at, pages);
        done += bytes;
        say(b, "initrd", done >> 20, b->initrd_bytes >> 20);
    }
    return code;
}

/* ---- what the hypervisor has to know ---- */

int build_ports(struct wirt *w, struct build *b)
{
    uint32_t *port[2] = {&b->store_port, &b->console_port};

    for (int i = 0; i < 2; i++) {
        struct evtchn_alloc_unbound op = {.dom = (domid_t)b->domid, .remote_dom = 0};
        int result = hyper_event(w, EVTCHNOP_alloc_unbound, &op, sizeof(op));

        if (result < 0)
            return hyper_fail(w, result, b->object, "make its event channels", "");
        *port[i] = op.port;
    }
    return 0;
}

/* Grants 0 and 1: the console's and the store's page, for daemons that map by grant. */
int build_grants(struct wirt *w, const struct build *b)
{
    void *at = NULL;
    grant_entry_v1_t *entry;
    xenforeignmemory_resource_handle *r =
        xenforeignmemory_map_resource(w->memory, (domid_t)b->domid, XENMEM_resource_grant_table,
                                      XENMEM_resource_grant_table_id_shared, 0, 1, &at, PROT_READ | PROT_WRITE, 0);

    if (!r)
        return fail_errno(w, WIRT_FAILED, b->object, "prepare its grant table", "see wirt dmesg",
                          "its first page cannot be mapped");
    entry = at;
    entry[GNTTAB_RESERVED_CONSOLE].frame = (uint32_t)b->frame[b->plan.console_pfn];
    entry[GNTTAB_RESERVED_XENSTORE].frame = (uint32_t)b->frame[b->plan.store_pfn];
    __atomic_thread_fence(__ATOMIC_RELEASE);
    entry[GNTTAB_RESERVED_CONSOLE].flags = GTF_permit_access;
    entry[GNTTAB_RESERVED_XENSTORE].flags = GTF_permit_access;
    xenforeignmemory_unmap_resource(w->memory, r);
    return 0;
}

static int make_shared_info(struct wirt *w, struct build *b)
{
    struct xen_domctl op = {0};
    int error = 0, result = hyper_domctl(w, XEN_DOMCTL_getdomaininfo, b->domid, &op);
    xen_pfn_t frame;
    shared_info_t *s;

    if (result < 0)
        return hyper_fail(w, result, b->object, "find its shared page", "");
    frame = b->shared_frame = op.u.getdomaininfo.shared_info_frame;
    s = xenforeignmemory_map(w->memory, b->domid, PROT_READ | PROT_WRITE, 1, &frame, &error);
    if (!s || error) {
        errno = error ? -error : errno;
        return fail_errno(w, WIRT_FAILED, b->object, "prepare its shared page", "see wirt dmesg",
                          "machine frame 0x%lx cannot be mapped", frame);
    }
    for (unsigned int i = 0; i < XEN_LEGACY_MAX_VCPUS; i++)
        s->vcpu_info[i].evtchn_upcall_mask = 1;
    xenforeignmemory_unmap(w->memory, s, 1);
    return 0;
}

struct e820 {
    uint64_t start, bytes;
    uint32_t type;
} __attribute__((packed));

static int set_memory_map(struct wirt *w, const struct build *b)
{
    struct xen_foreign_memory_map map = {.domid = (domid_t)b->domid, .map.nr_entries = 1};
    struct e820 *ram = hyper_data(w);
    long result;

    *ram = (struct e820){.start = 0, .bytes = b->config->max_memory_kib << 10, .type = 1};
    set_xen_guest_handle(map.map.buffer, (void *)ram);
    result = hyper_memory(w, XENMEM_set_memory_map, &map, sizeof(map));
    return result < 0 ? hyper_fail(w, (int)result, b->object, "set its memory map", "") : 0;
}

static int set_hypercall_page(struct wirt *w, const struct build *b)
{
    struct xen_domctl op = {0};
    uint64_t pfn = (b->image.hypercall_page - b->image.virt_base) / PAGE;
    int result;

    if (b->image.hypercall_page == IMAGE_UNSET)
        return 0;
    op.u.hypercall_init.gmfn = b->frame[pfn];
    result = hyper_domctl(w, XEN_DOMCTL_hypercall_init, b->domid, &op);
    return result < 0 ? hyper_fail(w, result, b->object, "write its hypercall page", "") : 0;
}

static int set_vcpu(struct wirt *w, const struct build *b)
{
    const struct build_plan *p = &b->plan;
    vcpu_guest_context_t *c = hyper_data(w);
    struct xen_domctl op = {0};
    uint64_t l4 = b->frame[p->table_pfn];
    int result = hyper_mmuext(w, MMUEXT_PIN_L4_TABLE, l4, b->domid);

    if (result < 0)
        return hyper_fail(w, result, b->object, "pin its page tables",
                          "a defect of the builder, or the kernel's image is mapped elsewhere");
    memset(c, 0, sizeof(*c));
    c->flags = VGCF_IN_KERNEL | VGCF_online;
    c->user_regs.rip = b->image.entry;
    c->user_regs.rsp = p->v_start + (p->stack_pfn + 1) * PAGE;
    c->user_regs.rsi = p->v_start + p->start_info_pfn * PAGE;
    c->user_regs.rflags = 1 << 9;
    c->user_regs.cs = FLAT_KERNEL_CS;
    c->user_regs.ds = c->user_regs.es = c->user_regs.fs = c->user_regs.gs = FLAT_KERNEL_DS;
    c->user_regs.ss = FLAT_KERNEL_SS;
    c->kernel_ss = c->user_regs.ss;
    c->kernel_sp = c->user_regs.rsp;
    c->ctrlreg[3] = l4 << 12;
    set_xen_guest_handle(op.u.vcpucontext.ctxt, (vcpu_guest_context_t *)c);
    result = hyper_domctl(w, XEN_DOMCTL_setvcpucontext, b->domid, &op);
    return result < 0 ? hyper_fail(w, result, b->object, "set its first vCPU", "entry 0x%lx", b->image.entry) : 0;
}

/* ---- all of it ---- */

static int plan_and_fill(struct wirt *w, struct build *b)
{
    const char *wrong = build_layout(&b->plan, &b->image, b->pages, b->initrd_bytes);
    int code;

    if (wrong)
        return wirt_fail(w, WIRT_REFUSED, b->object, "lay out its memory", "raise <memory> or take another kernel",
                         "%s", wrong);
    code = make_shared_info(w, b);
    if (!code)
        code = build_ports(w, b);
    if (!code && b->initrd_bytes)
        code = build_initrd(w, b);
    if (!code)
        code = fill_pages(w, b);
    return code;
}

int build_run(struct wirt *w, struct build *b, uint32_t domid, const struct wirt_progress *progress)
{
    struct image_memory to;
    int code = need_call(w);

    if (!code)
        code = need_memory(w);
    b->domid = domid;
    b->progress = progress;
    snprintf(b->object, sizeof(b->object), "domain %s (%u)", b->config->name, domid);
    b->frame = malloc(b->pages * sizeof(*b->frame));
    if (!b->frame)
        return wirt_fail(w, WIRT_NO_ROOM, b->object, "take memory", "", "dom0 is out of memory");
    if (!code)
        code = take_memory(w, b);
    to = (struct image_memory){domid, b->pages, b->frame};
    say(b, "kernel", 0, 0);
    if (!code)
        code = image_load(w, &b->image, &to);
    if (b->config->is_pvh)
        return code ? code : build_pvh(w, b);
    if (!code)
        code = plan_and_fill(w, b);
    if (!code)
        code = build_grants(w, b);
    if (!code)
        code = set_memory_map(w, b);
    if (!code)
        code = set_hypercall_page(w, b);
    return code ? code : set_vcpu(w, b);
}
