/* SPDX-License-Identifier: MIT */
/*
 * A PV guest out of a kernel, an initrd and memory (ABI: abi.md 1.3, 7.1). open looks at the files, before there is a
 * domain; run fills an empty, paused domain, whose limits are set; nothing here creates or destroys one. After run the
 * domain can be unpaused.
 */
#ifndef WIRT_BUILD_PV_H
#define WIRT_BUILD_PV_H

#include "image.h"

struct build_plan { /* in pages, from pfn 0 up */
    uint64_t v_start;
    bool is_p2m_apart, is_initrd_mapped;
    uint64_t image_pages, initrd_pfn, initrd_pages, p2m_pfn, p2m_pages, p2m_table_pages;
    uint64_t start_info_pfn, store_pfn, console_pfn, table_pfn, table_pages, stack_pfn;
    uint64_t mapped_pages; /* mapped from v_start on */
    uint64_t placed_pages; /* in use at the start */
    uint64_t p2m_va;
    char error[160];
};

struct build {
    const struct wirt_config *config;
    const struct wirt_progress *progress; /* may be NULL */
    char object[96];                      /* "domain web (3)" */
    uint32_t domid;
    struct image image;
    int initrd;
    uint64_t initrd_bytes;
    uint64_t pages, *frame; /* of the domain: machine frame by pfn */
    struct build_plan plan;
    uint64_t shared_frame;
    uint32_t store_port, console_port; /* in the guest; dom0 is to bind to them */
};

int build_open(struct wirt *w, struct build *b, const struct wirt_config *config);
int build_run(struct wirt *w, struct build *b, uint32_t domid, const struct wirt_progress *progress);
void build_close(struct build *b);
/* Its steps that every kind of guest has; run chooses by config->is_pvh. */
int build_ports(struct wirt *w, struct build *b);
int build_grants(struct wirt *w, const struct build *b);
int build_initrd(struct wirt *w, struct build *b);
int build_pvh(struct wirt *w, struct build *b);
uint64_t build_pvh_number(uint64_t n); /* of its n-th page: there is a hole below 4 GiB */

/* Where everything goes. NULL, or what is wrong in words, kept in p->error. Pure; build_layout.c. */
const char *build_layout(struct build_plan *p, const struct image *image, uint64_t pages, uint64_t initrd_bytes);

#endif
