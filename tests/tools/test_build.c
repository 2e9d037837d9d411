/* SPDX-License-Identifier: MIT */
/*
 * The builder against fake_xen.c: what a guest finds when it starts is read back as a CPU would, through its page
 * tables; and whatever call fails, the builder says so and keeps nothing mapped.
 */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xen/xen.h>

#define PAGE      4096ul
#define VIRT_BASE 0xffffffff80000000ul
#define INIT_P2M  0x8000000000ul

static uint64_t entry_of(uint64_t root, uint64_t va)
{
    uint64_t entry = root << 12 | 7;

    for (int shift = 39; shift >= 12; shift -= 9) {
        const uint64_t *table = (const uint64_t *)(const void *)fake_frame(entry >> 12);

        if (!table || !(entry & 1))
            return 0;
        entry = table[va >> shift & 511];
    }
    return entry;
}

/* The guest's byte at an address of its own, or -1. */
static int byte_at(uint64_t root, uint64_t va)
{
    uint64_t entry = entry_of(root, va);

    return entry & 1 && fake_frame(entry >> 12) ? fake_frame(entry >> 12)[va & 4095] : -1;
}

static void image_is_there(const struct kernel *k, const uint8_t *elf, uint64_t root)
{
    const uint64_t *h = (const uint64_t *)(const void *)(elf + 64);

    for (int s = 0; s < 2; s++) { /* offset, vaddr, paddr, filesz, memsz after the first word */
        const uint64_t *p = h + s * 7 + 1;
        unsigned int wrong = 0;

        for (uint64_t i = 0; i < p[4]; i += i % 4096 == 4095 || p[4] - i < 64 ? 1 : 63)
            wrong += byte_at(root, VIRT_BASE + p[2] + i) != (i < p[3] ? elf[p[0] + i] : 0);
        check(!wrong, "segment %d at 0x%lx: %u bytes differ", s, p[2], wrong);
    }
    check(fake.rip == kernel_entry(k), "entry 0x%lx", fake.rip);
}

static void tables_are_right(const struct build *b, uint64_t root)
{
    const struct build_plan *p = &b->plan;
    unsigned int wrong = 0;

    for (uint64_t n = 0; n < p->mapped_pages; n++) {
        uint64_t e = entry_of(root, VIRT_BASE + n * PAGE);
        bool is_table = n >= p->table_pfn && n < p->table_pfn + p->table_pages;

        wrong += e >> 12 != b->frame[n] || (e & 2) != (is_table ? 0 : 2);
    }
    check(!wrong, "%u of %lu pages are mapped wrongly", wrong, p->mapped_pages);
    check(!entry_of(root, VIRT_BASE + p->mapped_pages * PAGE), "something behind the end");
    check(fake.pinned == root && fake.cr3 == root << 12, "pinned 0x%lx", fake.pinned);
    check(fake.rsp == VIRT_BASE + (p->stack_pfn + 1) * PAGE, "stack 0x%lx", fake.rsp);
}

static void list_is_right(const struct build *b, uint64_t root, const struct start_info *s)
{
    unsigned int wrong = 0;

    for (uint64_t n = 0; n < b->plan.p2m_pages * 512; n++) {
        uint64_t e = entry_of(root, s->mfn_list + n * 8), value;

        if (!(e & 1) || !(e & 2)) {
            wrong++;
            continue;
        }
        memcpy(&value, fake_frame(e >> 12) + n * 8 % PAGE, 8);
        wrong += value != (n < b->pages ? b->frame[n] : ~0ul);
    }
    check(!wrong, "%u entries of the list of frames are wrong", wrong);
    if (b->plan.is_p2m_apart)
        check(s->mfn_list == INIT_P2M && s->first_p2m_pfn == b->plan.p2m_pfn &&
                  s->nr_p2m_frames == b->plan.p2m_pages + b->plan.p2m_table_pages,
              "the list's place: 0x%lx, page %lu", s->mfn_list, s->first_p2m_pfn);
}

static void initrd_is_there(const struct build *b, uint64_t root, const struct start_info *s, bool is_mapped)
{
    unsigned int wrong = 0;

    check(s->mod_len == b->initrd_bytes && (s->flags & SIF_MOD_START_PFN) == (is_mapped ? 0 : SIF_MOD_START_PFN),
          "initrd: flags %x, %lu bytes", s->flags, s->mod_len);
    for (uint64_t i = 0; i < s->mod_len; i++) {
        const uint8_t *page = is_mapped ? NULL : fake_frame(b->frame[s->mod_start + i / PAGE]);
        int byte = is_mapped ? byte_at(root, s->mod_start + i) : page[i % PAGE];

        wrong += byte != (int)(i * 31 % 251);
    }
    check(!wrong, "%u bytes of the initrd differ", wrong);
}

static const char *make_initrd(void)
{
    static char path[64];
    FILE *f;

    snprintf(path, sizeof(path), "/tmp/wirt-test-initrd.%d", (int)getpid());
    f = fopen(path, "w");
    for (unsigned int i = 0; i < 3 * PAGE + 77; i++)
        fputc((int)(i * 31 % 251), f);
    fclose(f);
    return path;
}

static struct wirt_config config_of(const char *kernel, const char *initrd, uint64_t mib)
{
    struct wirt_config c = {
        .name = "t", .memory_kib = mib << 10, .max_memory_kib = mib << 11, .vcpus = 1, .max_vcpus = 1, .weight = 256};

    c.kernel = (char *)kernel;
    c.initrd = (char *)initrd;
    c.cmdline = (char *)"console=hvc0 quiet";
    return c;
}

static int build(const struct wirt_config *c, struct build *b)
{
    int code = build_open(fake_handle(), b, c);

    return code ? code : build_run(fake_handle(), b, 7, NULL);
}

static void builds(const struct kernel *k, const uint8_t *elf, const uint8_t *file, size_t size, bool has_extents)
{
    struct wirt_config c = config_of(kernel_write(file, size), make_initrd(), 24);
    struct wirt *w = fake_handle();
    const struct start_info *s;
    char text[900];
    struct build b;
    uint64_t root;
    int code;

    fake_reset(24 * 256 + 2);
    fake.has_extents = has_extents;
    code = build(&c, &b);
    if (!check(!code, "%s", wirt_error_text(w, text, sizeof(text)))) {
        build_close(&b);
        return;
    }
    /* A vCPU of dom0 gets no events while it is in a call. */
    check(fake.most <= 16 << 8, "%lu pages in one call", fake.most);
    root = b.frame[b.plan.table_pfn];
    s = (const struct start_info *)(const void *)fake_frame(b.frame[b.plan.start_info_pfn]);
    check(!strcmp(s->magic, "xen-3.0-x86_64") && s->nr_pages == b.pages, "%s, %lu pages", s->magic, s->nr_pages);
    check(s->shared_info == FAKE_FIRST << 12 && s->store_mfn == b.frame[b.plan.store_pfn] &&
              s->console.domU.mfn == b.frame[b.plan.console_pfn] && s->store_evtchn == b.store_port &&
              s->console.domU.evtchn == b.console_port && s->store_evtchn != s->console.domU.evtchn,
          "the store's and the console's page and port");
    check(!strcmp((const char *)s->cmd_line, c.cmdline), "%s", (const char *)s->cmd_line);
    check(fake.rsi == VIRT_BASE + b.plan.start_info_pfn * PAGE && s->pt_base == VIRT_BASE + b.plan.table_pfn * PAGE &&
              s->nr_pt_frames == b.plan.table_pages,
          "start_info 0x%lx", fake.rsi);
    check(fake_frame(FAKE_FIRST)[1] == 1 && fake_frame(FAKE_FIRST)[31 * 64 + 1] == 1, "events are masked");
    check(fake.ram_bytes == 48ul << 20 && fake.mapped == 0, "%lu bytes, %lu pages still mapped", fake.ram_bytes,
          fake.mapped);
    image_is_there(k, elf, root);
    tables_are_right(&b, root);
    list_is_right(&b, root, s);
    initrd_is_there(&b, root, s, k->maps_initrd);
    build_close(&b);
    unlink(c.initrd);
    unlink(c.kernel);
}

/* Each call of a build fails once. */
static void every_failure(const uint8_t *file, size_t size)
{
    struct wirt_config c = config_of(kernel_write(file, size), make_initrd(), 24);
    struct wirt *w = fake_handle();
    unsigned int calls, i;
    char text[900];
    struct build b;

    fake_reset(24 * 256 + 2);
    check(build(&c, &b) == 0, "%s", wirt_error_text(w, text, sizeof(text)));
    build_close(&b);
    calls = fake.calls;
    for (i = 1; i <= calls; i++) {
        fake_reset(24 * 256 + 2);
        fake.fail_at = i;
        memset(&w->error, 0, sizeof(w->error));
        if (build(&c, &b) == 0) /* an extent that is not to be had is taken page by page */
            check(i <= 2, "call %u of %u failed, and the build did not", i, calls);
        else
            check(w->error.object[0] && w->error.step[0] && w->error.cause[0], "call %u: no words", i);
        check(fake.mapped == 0, "call %u: %lu pages stay mapped", i, fake.mapped);
        build_close(&b);
    }
    fake_reset(20 * 256);
    check(build(&c, &b) == WIRT_NO_ROOM && strstr(w->error.cause, "of 24 MiB"), "%s",
          wirt_error_text(w, text, sizeof(text)));
    build_close(&b);
}

/* The process that unpacks the kernel is killed at each of its calls. */
static void every_death(const uint8_t *file, size_t size)
{
    struct wirt_config c = config_of(kernel_write(file, size), make_initrd(), 24);
    struct wirt *w = fake_handle();
    unsigned int deaths = 0;
    char text[900];
    struct build b;

    for (unsigned int i = 1; i <= 16; i++) {
        fake_reset(24 * 256 + 2);
        fake.kill_at = i;
        memset(&w->error, 0, sizeof(w->error));
        if (build(&c, &b)) {
            check(strstr(w->error.cause, "its process was killed") && strstr(w->error.object, c.kernel), "call %u: %s",
                  i, wirt_error_text(w, text, sizeof(text)));
            deaths++;
        }
        check(fake.mapped == 0, "call %u: %lu pages stay mapped", i, fake.mapped);
        build_close(&b);
    }
    check(deaths > 0, "no process died, so none unpacks");
    fake.kill_at = 0;
}

/* Each allocation of a build fails once. */
static void every_shortage(const uint8_t *file, size_t size)
{
    struct wirt_config c = config_of(kernel_write(file, size), make_initrd(), 24);
    struct wirt *w = fake_handle();
    unsigned int allocations, i;
    char text[900];
    struct build b;

    fake_reset(24 * 256 + 2);
    check(build(&c, &b) == 0, "%s", wirt_error_text(w, text, sizeof(text)));
    build_close(&b);
    allocations = fake.allocations;
    check(allocations >= 5, "only %u allocations", allocations);
    for (i = 1; i <= allocations; i++) {
        fake_reset(24 * 256 + 2);
        fake.no_memory_at = i;
        memset(&w->error, 0, sizeof(w->error));
        check(build(&c, &b) != 0, "allocation %u of %u failed, and the build did not", i, allocations);
        check(w->error.object[0] && w->error.step[0] && w->error.cause[0], "allocation %u: no words", i);
        check(fake.mapped == 0, "allocation %u: %lu pages stay mapped", i, fake.mapped);
        build_close(&b);
    }
    fake.no_memory_at = 0;
}

static void refusals(void)
{
    struct kernel k = {.low = 0x100000, .bytes = 300000, .has_no_notes = true};
    struct wirt *w = fake_handle();
    struct wirt_config c;
    char line[1100], text[900];
    struct build b;
    size_t size, packed;
    uint8_t *elf = kernel_elf(&k, &size), *image;

    fake_reset(24 * 256 + 2);
    c = config_of(kernel_write(elf, size), NULL, 24);
    check(build(&c, &b) == WIRT_REFUSED && strstr(w->error.cause, "without support for Xen PV"), "%s",
          wirt_error_text(w, text, sizeof(text)));
    check(fake.calls == 0, "%u calls for a kernel that is none", fake.calls);
    image = kernel_bzimage(PACK_LZ4, elf, size, &packed);
    kernel_write(image, packed);
    check(build(&c, &b) == WIRT_REFUSED && strstr(w->error.cause, "without support for Xen PV"), "%s",
          wirt_error_text(w, text, sizeof(text)));
    check(fake.mapped == 0, "%lu pages stay mapped", fake.mapped);
    build_close(&b);
    c.memory_kib = 1024;
    check(build(&c, &b) == WIRT_REFUSED && strstr(w->error.cause, "outside of the guest's memory"), "%s",
          wirt_error_text(w, text, sizeof(text)));
    c.memory_kib = 24 << 10;
    memset(line, 'a', sizeof(line) - 1);
    line[sizeof(line) - 1] = 0;
    c.cmdline = line;
    check(build(&c, &b) == WIRT_REFUSED && strstr(w->error.cause, "1023 are possible"), "%s",
          wirt_error_text(w, text, sizeof(text)));
    c.cmdline = NULL;
    c.kernel = (char *)"/nowhere/vmlinuz";
    check(build(&c, &b) == WIRT_NOT_FOUND, "%s", wirt_error_text(w, text, sizeof(text)));
    c.kernel = (char *)"/tmp";
    check(build(&c, &b) == WIRT_REFUSED, "%s", wirt_error_text(w, text, sizeof(text)));
    free(elf);
    free(image);
}

void test_build(void)
{
    struct kernel k[] = {{.low = 0x100000, .bytes = 300000, .init_p2m = INIT_P2M},
                         {.low = 0x100000, .bytes = 300000, .maps_initrd = true},
                         {.low = 0x100000, .bytes = 300000, .init_p2m = INIT_P2M, .is_odd = true},
                         {.low = 0, .bytes = 9 << 20, .init_p2m = INIT_P2M}}; /* no room below for what is no segment */
    uint8_t *elf, *image;
    size_t size, total;

    for (size_t i = 0; i < sizeof(k) / sizeof(k[0]); i++) {
        elf = kernel_elf(&k[i], &size);
        builds(&k[i], elf, elf, size, i != 1);
        for (enum packing how = 0; how < PACK_COUNT; how++) {
            image = kernel_bzimage(how, elf, size, &total);
            builds(&k[i], elf, image, total, how != PACK_XZ);
            if (how == PACK_LZ4 && i == 0) {
                every_failure(image, total);
                every_death(image, total);
            }
            every_shortage(image, total);
            free(image);
        }
        if (i == 0)
            every_failure(elf, size);
        every_shortage(elf, size);
        free(elf);
    }
    refusals();
}
