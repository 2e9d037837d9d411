/* SPDX-License-Identifier: MIT */
/*
 * A QEMU TCG plugin (API version 1) that counts executed instructions by the address of their block, from the first
 * block at `from` (after `skip` others there) to the first one at `to`, or without that to the first one of user space
 * that is new; with `times=N` that often, into `out`.0, `out`.1, ... Writes "address instructions dom0|guest [step]" to
 * `out`: a kernel's block is a guest's where no kernel had one, in the 2 MiB of the machine's memory that it lies in,
 * before `learn` (or else `from`) was first seen. A program's block that is found in one of the files to `look` in, at
 * the same place of a page, has its name and offset in two fields more, and who called a library (a name with ".so") is
 * the program that was last seen: "library instructions PROGRAM". A block that an exception leaves half-way counts
 * whole. The prototypes are those of qemu-plugin.h that it needs, which Debian does not ship. Run by scripts beside it.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PUBLIC     __attribute__((visibility("default")))
#define BLOCKS     (1u << 20)
#define USER_END   (1ull << 47)
#define KERNELS    0xffffffff80000000ull
#define PLACES     512 /* 2 MiB each */
#define INLINE_ADD 0   /* QEMU_PLUGIN_INLINE_ADD_U64 */
#define NO_REGS    0   /* QEMU_PLUGIN_CB_NO_REGS */
#define FILES      16
#define PAGES      (1u << 16)
#define SURE       24 /* so many bytes alike, and a page is known */

typedef uint64_t plugin_id;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id, void (*fn)(plugin_id id, struct qemu_plugin_tb *tb));
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t at);
void *qemu_plugin_insn_haddr(const struct qemu_plugin_insn *insn);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb, void (*fn)(unsigned cpu, void *arg), int flags,
                                          void *arg);
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *tb, int op, void *value, uint64_t add);

PUBLIC int qemu_plugin_version = 1;
static struct page {
    uint64_t host; /* its number in QEMU's memory */
    uint64_t offset;
    unsigned file; /* 0: in none of them */
} * pages;
static struct block {
    uint64_t va, size, count;
    struct page *page; /* a program's */
    bool is_guest, is_step;
} * blocks;
static struct file {
    const char *name;
    const uint8_t *data;
    size_t size;
    bool is_library;
} files[FILES] = {{.name = "?"}};
static unsigned file_count = 1, program; /* who ran last */
static uint64_t called[FILES][FILES];    /* instructions of a library, by program */
static uint64_t from, to, learn, skip, times, window, place[PLACES], place_count;
static bool has_begun;
static const char *out;
static enum { WAITING, COUNTING, DONE } state;

/* Is a kernel's block a guest's? Until `learn` was seen there is no kernel but dom0's. */
static bool is_of_guest(uint64_t va, const struct qemu_plugin_tb *tb)
{
    uint64_t at = (uintptr_t)qemu_plugin_insn_haddr(qemu_plugin_tb_get_insn(tb, 0)) >> 21, i = 0;
    while (i < place_count && place[i] != at)
        i++;
    has_begun = has_begun || (va == learn && (va < KERNELS || i == place_count));
    if (va < KERNELS)
        return false;
    if (i == place_count && !has_begun && i < PLACES)
        place[place_count++] = at;
    return i == place_count;
}

/* A "step": nothing but one REP MOVS or REP STOS, which is a block of its own for each repetition but the first. */
static bool is_repetition(const struct qemu_plugin_tb *tb)
{
    const struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, 0);
    const uint8_t *byte = qemu_plugin_insn_data(insn);
    size_t size = qemu_plugin_insn_size(insn);
    uint8_t last = byte[size - 1];
    return qemu_plugin_tb_n_insns(tb) == 1 && size <= 3 && byte[0] == 0xf3 &&
           (last == 0xa4 || last == 0xa5 || last == 0xaa || last == 0xab);
}

static struct page *page_of(const struct qemu_plugin_insn *insn)
{
    uint64_t host = (uintptr_t)qemu_plugin_insn_haddr(insn) >> 12, at = (host * 0x9e3779b97f4a7c15ull) >> 48;
    while (pages[at].host && pages[at].host != host)
        at = (at + 1) % PAGES;
    pages[at].host = host;
    return &pages[at];
}

/* In which file does a page lie, as far as this block of it shows? */
static void identify(struct page *page, const struct qemu_plugin_tb *tb, uint64_t in_page)
{
    uint8_t bytes[SURE];
    size_t used = 0;
    for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb) && used < SURE; i++) {
        const struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        size_t size = qemu_plugin_insn_size(insn), room = SURE - used;
        memcpy(bytes + used, qemu_plugin_insn_data(insn), size < room ? size : room);
        used += size < room ? size : room;
    }
    for (unsigned f = 1; f < file_count && used == SURE && !page->file; f++)
        for (uint64_t at = in_page; at + SURE <= files[f].size && !page->file; at += 4096)
            if (!memcmp(files[f].data + at, bytes, SURE)) {
                page->file = f;
                page->offset = at - in_page;
            }
}

/* A block of a program is executed. */
static void ran(unsigned cpu, void *arg)
{
    const struct block *b = arg;
    if (state != COUNTING || !b->page->file)
        return;
    if (!files[b->page->file].is_library)
        program = b->page->file;
    else
        called[b->page->file][program] += b->size;
}

static struct block *find(uint64_t va, uint64_t size, bool is_guest)
{
    uint64_t at = (va * 0x9e3779b97f4a7c15ull ^ (size * 2 + is_guest) * 0x85ebca6b) >> 44;
    while (blocks[at].va && (blocks[at].va != va || blocks[at].size != size || blocks[at].is_guest != is_guest))
        at = (at + 1) % BLOCKS;
    blocks[at].va = va;
    blocks[at].size = size;
    blocks[at].is_guest = is_guest;
    return &blocks[at];
}

static void begin(unsigned cpu, void *arg)
{
    if (state != WAITING)
        return;
    if (skip) {
        skip--;
        return;
    }
    for (uint64_t i = 0; i < BLOCKS; i++)
        blocks[i].count = 0;
    memset(called, 0, sizeof(called));
    program = 0;
    state = COUNTING;
}

static void write_down(FILE *f)
{
    for (uint64_t i = 0; i < BLOCKS; i++) {
        const struct block *b = &blocks[i];
        if (!b->count)
            continue;
        fprintf(f, "%016" PRIx64 " %" PRIu64 " %s", b->va, b->size * b->count, b->is_guest ? "guest" : "dom0");
        if (b->is_step && !b->page)
            fprintf(f, " step");
        if (b->page && b->page->file)
            fprintf(f, " %s %016" PRIx64, files[b->page->file].name, b->page->offset + b->va % 4096);
        fprintf(f, "\n");
    }
    for (unsigned l = 0; l < file_count; l++)
        for (unsigned p = 0; p < file_count; p++)
            if (called[l][p])
                fprintf(f, "%s %" PRIu64 " %s\n", files[l].name, called[l][p], files[p].name);
}

static void end(unsigned cpu, void *arg)
{
    char name[512];
    snprintf(name, sizeof(name), times ? "%s.%" PRIu64 : "%s", out, window);
    FILE *f = state == COUNTING ? fopen(name, "w") : NULL;
    if (f) {
        write_down(f);
        fclose(f);
    }
    if (state == COUNTING)
        state = ++window < times ? WAITING : DONE;
}

/* Where `from` and `to` are one address, blocks there begin and end by turns. */
static void begin_or_end(unsigned cpu, void *arg)
{
    (state == COUNTING ? end : begin)(cpu, arg);
}

static void translated(plugin_id id, struct qemu_plugin_tb *tb)
{
    uint64_t va = qemu_plugin_tb_vaddr(tb);
    if (va == from)
        qemu_plugin_register_vcpu_tb_exec_cb(tb, from == to ? begin_or_end : begin, NO_REGS, NULL);
    else if (to ? va == to : va < USER_END && state == COUNTING)
        qemu_plugin_register_vcpu_tb_exec_cb(tb, end, NO_REGS, NULL);
    struct block *b = find(va, qemu_plugin_tb_n_insns(tb), is_of_guest(va, tb));
    b->is_step = is_repetition(tb);
    if (va < USER_END && file_count > 1 && place_count) { /* not what runs before any kernel */
        b->page = page_of(qemu_plugin_tb_get_insn(tb, 0));
        if (!b->page->file)
            identify(b->page, tb, va % 4096);
        qemu_plugin_register_vcpu_tb_exec_cb(tb, ran, NO_REGS, b);
    }
    qemu_plugin_register_vcpu_tb_exec_inline(tb, INLINE_ADD, &b->count, 1);
}

static bool add_file(const char *path)
{
    struct file *f = &files[file_count];
    struct stat st;
    int fd = open(path, O_RDONLY);
    if (file_count == FILES || fd < 0 || fstat(fd, &st))
        return false;
    f->data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    f->size = (size_t)st.st_size;
    f->name = strdup(strrchr(path, '/') ? strrchr(path, '/') + 1 : path);
    f->is_library = strstr(f->name, ".so");
    close(fd);
    file_count += f->data != MAP_FAILED;
    return f->data != MAP_FAILED;
}

PUBLIC int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv)
{
    for (int i = 0; i < argc; i++) {
        if (!strncmp(argv[i], "from=", 5))
            from = strtoull(argv[i] + 5, NULL, 0);
        if (!strncmp(argv[i], "to=", 3))
            to = strtoull(argv[i] + 3, NULL, 0);
        if (!strncmp(argv[i], "learn=", 6))
            learn = strtoull(argv[i] + 6, NULL, 0);
        if (!strncmp(argv[i], "skip=", 5))
            skip = strtoull(argv[i] + 5, NULL, 0);
        if (!strncmp(argv[i], "times=", 6))
            times = strtoull(argv[i] + 6, NULL, 0);
        if (!strncmp(argv[i], "out=", 4))
            out = strdup(argv[i] + 4);
        if (!strncmp(argv[i], "look=", 5) && !add_file(argv[i] + 5))
            return 1;
    }
    learn = learn ? learn : from;
    blocks = calloc(BLOCKS, sizeof(*blocks));
    pages = calloc(PAGES, sizeof(*pages));
    if (!from || !out || !blocks || !pages)
        return 1;
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    return 0;
}
