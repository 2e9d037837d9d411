/* SPDX-License-Identifier: MIT */
/*
 * ELF64 x86-64 images in memory, as kernels are: the load segments by physical
 * address and what the image says about itself to Xen, in ELF notes or in the
 * older __xen_guest section. Pure functions, no state; the image is hostile: each
 * number is checked before use and nothing outside [file, file + size) is read.
 * Note types: public/elfnote.h; the string's keys: the same header ("LEGACY").
 */
#ifndef WIRT_BOOT_ELF_H
#define WIRT_BOOT_ELF_H

#include "lib/types.h"

#define ELF_SEGMENT_MAX 32
#define ELF_L1_MFN_MAX  4
#define ELF_NOTE_TYPES  19      /* types 0..18; others are skipped */
#define ELF_UNSET       (~0ull) /* note absent, and there is no default */

struct elf_segment {
    u64 offset, filesz; /* bytes in the file */
    u64 paddr, memsz;   /* where they go: p_paddr - paddr_offset, i.e. the guest's physical address */
    u64 vaddr;          /* p_vaddr, for PVH and for people; a PV guest uses virt_base + paddr */
    u32 flags;          /* PF_X 1, PF_W 2, PF_R 4 */
};

enum elf_xen { ELF_XEN_NONE, ELF_XEN_NOTES, ELF_XEN_SECTION }; /* who speaks to Xen */

struct elf_image {
    const u8 *file;
    u64 size;
    u64 e_entry;
    u32 segment_count;
    struct elf_segment segment[ELF_SEGMENT_MAX]; /* PT_LOAD with memsz > 0, sorted by paddr, disjoint */
    u64 low, high;                               /* guest-physical bytes covered: [low, high) */
    /* What the notes say; with Xen's defaults where they are silent. */
    enum elf_xen source;
    bool has_entry, has_virt_base, has_paddr_offset, has_note[ELF_NOTE_TYPES];
    u64 virt_base;          /* 0 */
    u64 paddr_offset;       /* 0 with notes, virt_base with the section string; subtracted already above
                             */
    u64 entry;              /* virtual; e_entry */
    u64 hypercall_page;     /* virtual, page-aligned; ELF_UNSET */
    u64 init_p2m;           /* virtual; ELF_UNSET: the p2m list lies behind the image */
    u64 hv_start_low;       /* ELF_UNSET */
    u64 phys32_entry;       /* ELF_UNSET: no PVH entry */
    u64 mod_start_pfn;      /* 0: the initrd has to be mapped, mod_start is virtual */
    u64 supported_features; /* bit mask; note 17 */
    u64 suspend_cancel;     /* 0 */
    u32 l1_mfn_count;
    struct {
        u64 mask, value;
    } l1_mfn[ELF_L1_MFN_MAX]; /* (pte & mask) == value: the entry carries an MFN. None: {1, 1} */
    bool has_bsd_symtab;
    char features[192]; /* "!writable_page_tables|pae_pgdir_above_4gb"; "" */
    char loader[16], guest_os[16], guest_version[16], xen_version[16], pae[16]; /* "" */
    char error[200]; /* what elf_parse or elf_check_pv found */
};

/* Fills *image. limit: first guest-physical byte behind what the guest may use (its memory size).
 * Returns NULL, or what was found and what was expected (points to image->error; a part of a
 * sentence). */
const char *elf_parse(struct elf_image *image, const void *file, u64 size, u64 limit) __must_use;
/* Fit to start as a 64-bit PV guest? Says Xen's loader rules: information for Xen is there, loader
 * "generic" or OS "linux", version "xen-3.0", the entry and hypercall page inside the image, p2m
 * outside of it. */
const char *elf_check_pv(struct elf_image *image) __must_use;

/* Load: for each segment `copy` takes filesz bytes to guest-physical paddr, then `zero` the rest up
 * to memsz. Both return 0 or a negative errno, which ends the loading and is returned. */
struct elf_sink {
    int (*copy)(void *context, u64 paddr, const void *from, u64 count);
    int (*zero)(void *context, u64 paddr, u64 count);
    void *context;
};
int elf_load(const struct elf_image *image, const struct elf_sink *sink) __must_use;
/* The same into a flat buffer: byte image->low goes to dst[0]. -ENOSPC: smaller than high - low. */
int elf_load_flat(const struct elf_image *image, void *dst, u64 dst_size) __must_use;

#endif
