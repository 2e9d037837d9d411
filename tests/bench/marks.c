/* SPDX-License-Identifier: MIT */
/*
 * A QEMU TCG plugin (API version 1) that writes to `out`.0, `out`.1 and so on, what was executed between each odd and
 * the next even execution of the block at `marks`: "address instructions" for each block. A block that an exception
 * leaves half-way counts whole. The prototypes are those of qemu-plugin.h that it needs. Built and run by paths.sh.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PUBLIC     __attribute__((visibility("default")))
#define BLOCKS     (1u << 20)
#define INLINE_ADD 0 /* QEMU_PLUGIN_INLINE_ADD_U64 */
#define NO_REGS    0 /* QEMU_PLUGIN_CB_NO_REGS */

typedef uint64_t plugin_id;
struct qemu_plugin_tb;
void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id, void (*fn)(plugin_id id, struct qemu_plugin_tb *tb));
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb, void (*fn)(unsigned cpu, void *arg), int flags,
                                          void *arg);
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *tb, int op, void *value, uint64_t add);

PUBLIC int qemu_plugin_version = 1;
static struct block {
    uint64_t va, size, count;
} * blocks;
static uint64_t marks, mark_count;
static const char *out;

static struct block *find(uint64_t va, uint64_t size)
{
    uint64_t at = (va * 0x9e3779b97f4a7c15ull ^ size * 0x85ebca6b) >> 44;
    while (blocks[at].va && (blocks[at].va != va || blocks[at].size != size))
        at = (at + 1) % BLOCKS;
    blocks[at].va = va;
    blocks[at].size = size;
    return &blocks[at];
}

static void marked(unsigned cpu, void *arg)
{
    char name[4096];
    snprintf(name, sizeof(name), "%s.%" PRIu64, out, mark_count / 2);
    FILE *f = mark_count++ % 2 ? fopen(name, "w") : NULL;
    for (uint64_t i = 0; i < BLOCKS; i++) {
        if (f && blocks[i].count)
            fprintf(f, "%016" PRIx64 " %" PRIu64 "\n", blocks[i].va, blocks[i].size * blocks[i].count);
        blocks[i].count = 0;
    }
    if (f)
        fclose(f);
}

static void translated(plugin_id id, struct qemu_plugin_tb *tb)
{
    uint64_t va = qemu_plugin_tb_vaddr(tb);
    if (va == marks)
        qemu_plugin_register_vcpu_tb_exec_cb(tb, marked, NO_REGS, NULL);
    struct block *b = find(va, qemu_plugin_tb_n_insns(tb));
    qemu_plugin_register_vcpu_tb_exec_inline(tb, INLINE_ADD, &b->count, 1);
}

PUBLIC int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv)
{
    for (int i = 0; i < argc; i++) {
        if (!strncmp(argv[i], "marks=", 6))
            marks = strtoull(argv[i] + 6, NULL, 0);
        if (!strncmp(argv[i], "out=", 4))
            out = strdup(argv[i] + 4);
    }
    blocks = calloc(BLOCKS, sizeof(*blocks));
    if (!marks || !out || !blocks)
        return 1;
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    return 0;
}
