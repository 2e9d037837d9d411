/* SPDX-License-Identifier: MIT */
/*
 * A QEMU TCG plugin (API version 1) that counts executed instructions by the address of their block, from the first
 * block at `from` (after `skip` others there) to the first one at `to`, or without that to the first one of user space
 * that is new. Writes "address instructions dom0|guest" lines to `out`: a kernel's block is a guest's where no kernel
 * had one, in the 2 MiB of the machine's memory that it lies in, before `from` was first seen. A block that an
 * exception leaves half-way counts whole. The prototypes are those of qemu-plugin.h that it needs; Debian ships no such
 * header. Built and run by where.sh.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PUBLIC     __attribute__((visibility("default")))
#define BLOCKS     (1u << 20)
#define USER_END   (1ull << 47)
#define KERNELS    0xffffffff80000000ull
#define PLACES     512 /* 2 MiB each */
#define INLINE_ADD 0   /* QEMU_PLUGIN_INLINE_ADD_U64 */
#define NO_REGS    0   /* QEMU_PLUGIN_CB_NO_REGS */

typedef uint64_t plugin_id;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id, void (*fn)(plugin_id id, struct qemu_plugin_tb *tb));
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t at);
void *qemu_plugin_insn_haddr(const struct qemu_plugin_insn *insn);
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb, void (*fn)(unsigned cpu, void *arg), int flags,
                                          void *arg);
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *tb, int op, void *value, uint64_t add);

PUBLIC int qemu_plugin_version = 1;
static struct block {
    uint64_t va, size, count;
    bool is_guest;
} * blocks;
static uint64_t from, to, skip, place[PLACES], place_count;
static bool has_begun;
static const char *out;
static enum { WAITING, COUNTING, DONE } state;

/* Is a kernel's block one of dom0's? Until `from` was seen there is no other kernel. */
static bool is_of_guest(uint64_t va, const struct qemu_plugin_tb *tb)
{
    uint64_t at = (uintptr_t)qemu_plugin_insn_haddr(qemu_plugin_tb_get_insn(tb, 0)) >> 21, i = 0;
    if (va < KERNELS)
        return false;
    while (i < place_count && place[i] != at)
        i++;
    if (i == place_count && !has_begun && i < PLACES)
        place[place_count++] = at;
    return i == place_count;
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
    has_begun = true;
    if (state != WAITING || skip-- > 0)
        return;
    for (uint64_t i = 0; i < BLOCKS; i++)
        blocks[i].count = 0;
    state = COUNTING;
}

static void end(unsigned cpu, void *arg)
{
    FILE *f = state == COUNTING ? fopen(out, "w") : NULL;
    for (uint64_t i = 0; f && i < BLOCKS; i++)
        if (blocks[i].count)
            fprintf(f, "%016" PRIx64 " %" PRIu64 " %s\n", blocks[i].va, blocks[i].size * blocks[i].count,
                    blocks[i].is_guest ? "guest" : "dom0");
    if (f)
        fclose(f);
    state = state == COUNTING ? DONE : state;
}

static void translated(plugin_id id, struct qemu_plugin_tb *tb)
{
    uint64_t va = qemu_plugin_tb_vaddr(tb);
    if (va == from)
        qemu_plugin_register_vcpu_tb_exec_cb(tb, begin, NO_REGS, NULL);
    if (to ? va == to : va < USER_END && state == COUNTING)
        qemu_plugin_register_vcpu_tb_exec_cb(tb, end, NO_REGS, NULL);
    struct block *b = find(va, qemu_plugin_tb_n_insns(tb), is_of_guest(va, tb));
    qemu_plugin_register_vcpu_tb_exec_inline(tb, INLINE_ADD, &b->count, 1);
}

PUBLIC int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv)
{
    for (int i = 0; i < argc; i++) {
        if (!strncmp(argv[i], "from=", 5))
            from = strtoull(argv[i] + 5, NULL, 0);
        if (!strncmp(argv[i], "to=", 3))
            to = strtoull(argv[i] + 3, NULL, 0);
        if (!strncmp(argv[i], "skip=", 5))
            skip = strtoull(argv[i] + 5, NULL, 0);
        if (!strncmp(argv[i], "out=", 4))
            out = strdup(argv[i] + 4);
    }
    blocks = calloc(BLOCKS, sizeof(*blocks));
    if (!from || !out || !blocks)
        return 1;
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    return 0;
}
