/* SPDX-License-Identifier: MIT */
/*
 * A kernel for a PV guest, from its file to the guest's memory. A plain ELF is known in full once it is open. Of a
 * packed one only the headers are unpacked then; image_load unpacks the rest, if it can straight into the guest's
 * pages, and learns only then what the kernel says to Xen. So a builder opens, makes memory, loads, and lays out what
 * follows the image.
 */
#ifndef WIRT_IMAGE_H
#define WIRT_IMAGE_H

#include "internal.h"
#include "unpack.h"

#define IMAGE_UNSET (~0ull) /* the kernel does not say */

struct image {
    const char *path;
    char object[160];
    int fd;
    uint8_t *file; /* mapped, to be read */
    size_t file_size;
    uint64_t low, high; /* guest-physical bytes that it covers */
    /* Known when it is loaded: */
    uint64_t virt_base, entry, init_p2m, hypercall_page;
    bool is_pvh;           /* set before it is opened: it starts at its PVH entry */
    bool is_initrd_mapped; /* it needs its initrd in its address space */
    struct unpack packed;  /* decode NULL: a plain ELF */
    struct elf_image *elf;
    uint8_t *flat; /* the unpacked file: reserved addresses, and what has been unpacked to them */
};

/* The guest's memory, for a kernel to go to: frame[i] is the machine frame of pfn i. */
struct image_memory {
    uint32_t domid;
    uint64_t pages;
    const uint64_t *frame;
};

/* memory_bytes: what the guest has. After a failure nothing is open. */
int image_open(struct wirt *w, const char *path, uint64_t memory_bytes, struct image *image);
void image_close(struct image *image);
int image_load(struct wirt *w, struct image *image, const struct image_memory *to);

#endif
