/* SPDX-License-Identifier: MIT */
/* What the suites share. A check counts and, when it does not hold, says where; it never ends the program. */
#ifndef TOOLS_TEST_H
#define TOOLS_TEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "build_pv.h"
#include "hyper.h"

#define check(condition, ...) check_at(__FILE__, __LINE__, (condition), #condition, __VA_ARGS__)
bool check_at(const char *file, int line, bool holds, const char *text, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

void test_error(void);
void test_unpack(void);
void test_elf32(void);
void test_layout(void);
void test_build(void);

/* kernel.c: kernels for the tests. */
struct kernel {
    uint64_t low, bytes;      /* guest-physical place and size of its first segment */
    uint64_t init_p2m;        /* 0: none */
    bool maps_initrd, is_odd; /* segments not on page boundaries */
    bool has_no_notes;
};
/* An ELF image with two segments, the second with a tail of zeroes; malloc'ed. */
uint8_t *kernel_elf(const struct kernel *k, size_t *size);
uint64_t kernel_entry(const struct kernel *k);
enum packing { PACK_LZ4, PACK_GZIP, PACK_XZ, PACK_ZSTD, PACK_COUNT };
uint8_t *kernel_pack(enum packing how, const uint8_t *elf, size_t size, size_t *packed);
uint8_t *kernel_bzimage(enum packing how, const uint8_t *elf, size_t size, size_t *total);
const char *kernel_write(const uint8_t *data, size_t size); /* to a file; its path, which lasts until the next one */

/* fake_xen.c: a hypervisor with `frames` machine frames, numbered from FAKE_FIRST on, that belong to one domain. */
#define FAKE_FIRST 0x1000ul
struct fake {
    uint64_t frames, used, most; /* most: pages that one call asked for */
    bool has_extents;                    /* 2 MiB at a time is possible */
    uint64_t mapped;                     /* pages mapped now */
    uint64_t pinned, rip, rsp, rsi, cr3; /* what the builder told it */
    uint64_t hypercall_frame, ram_bytes;
    unsigned int calls, fail_at;            /* the call with this number fails; 0: none */
    unsigned int kill_at;                   /* in it a process that the test has started is killed; 0: none */
    unsigned int allocations, no_memory_at; /* the same of malloc and calloc */
};
extern struct fake fake;
void fake_reset(uint64_t frames);
uint8_t *fake_frame(uint64_t mfn); /* its bytes; NULL: no frame of the domain */
struct wirt *fake_handle(void);

#endif
