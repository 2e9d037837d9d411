/*
 * SPDX-License-Identifier: MIT
 *
 * Grant tables, version 1: by an entry in a shared table one domain lets another
 * map, copy or take one of its frames. Facts of the Xen 4.17 ABI; tests/abi is
 * the referee. Calls take arrays; each element carries its own status
 * (GNTST_*), and the call itself fails only if it could not be read at all.
 */
#ifndef WIRT_PUBLIC_GRANT_TABLE_H
#define WIRT_PUBLIC_GRANT_TABLE_H

#include "xen.h"

#define GNTTABOP_map_grant_ref     0
#define GNTTABOP_unmap_grant_ref   1
#define GNTTABOP_setup_table       2
#define GNTTABOP_dump_table        3
#define GNTTABOP_transfer          4
#define GNTTABOP_copy              5
#define GNTTABOP_query_size        6
#define GNTTABOP_unmap_and_replace 7
#define GNTTABOP_set_version       8
#define GNTTABOP_get_status_frames 9
#define GNTTABOP_get_version       10
#define GNTTABOP_swap_grant_ref    11
#define GNTTABOP_cache_flush       12

typedef uint32_t grant_ref_t;    /* index into the granter's table */
typedef uint32_t grant_handle_t; /* a mapping, in the mapper's numbering */

/* The first entries are for the toolstack. */
#define GNTTAB_NR_RESERVED_ENTRIES 8
#define GNTTAB_RESERVED_CONSOLE    0
#define GNTTAB_RESERVED_XENSTORE   1

/* grant_entry_v1.flags. The guest writes the low ones, the hypervisor READING and WRITING. */
#define GTF_invalid             (0u << 0)
#define GTF_permit_access       (1u << 0)
#define GTF_accept_transfer     (2u << 0)
#define GTF_transitive          (3u << 0)
#define GTF_type_mask           (3u << 0)
#define _GTF_readonly           2
#define GTF_readonly            (1u << _GTF_readonly)
#define _GTF_reading            3
#define GTF_reading             (1u << _GTF_reading)
#define _GTF_writing            4
#define GTF_writing             (1u << _GTF_writing)
#define _GTF_PWT                5
#define GTF_PWT                 (1u << _GTF_PWT)
#define _GTF_PCD                6
#define GTF_PCD                 (1u << _GTF_PCD)
#define _GTF_PAT                7
#define GTF_PAT                 (1u << _GTF_PAT)
#define _GTF_sub_page           8
#define GTF_sub_page            (1u << _GTF_sub_page)
#define _GTF_transfer_committed 2
#define GTF_transfer_committed  (1u << _GTF_transfer_committed)
#define _GTF_transfer_completed 3
#define GTF_transfer_completed  (1u << _GTF_transfer_completed)

struct grant_entry_v1 {
    uint16_t flags; /* GTF_*; written last by the granter */
    domid_t domid;  /* who may use it */
    uint32_t frame;
};

/* map flags */
#define _GNTMAP_device_map      0
#define GNTMAP_device_map       (1u << _GNTMAP_device_map)
#define _GNTMAP_host_map        1
#define GNTMAP_host_map         (1u << _GNTMAP_host_map)
#define _GNTMAP_readonly        2
#define GNTMAP_readonly         (1u << _GNTMAP_readonly)
#define _GNTMAP_application_map 3
#define GNTMAP_application_map  (1u << _GNTMAP_application_map)
#define _GNTMAP_contains_pte    4
#define GNTMAP_contains_pte     (1u << _GNTMAP_contains_pte) /* host_addr is of the PTE */
#define _GNTMAP_guest_avail0    16
#define GNTMAP_guest_avail_mask (~0u << _GNTMAP_guest_avail0)

struct gnttab_map_grant_ref {
    uint64_t host_addr;
    uint32_t flags; /* GNTMAP_* */
    grant_ref_t ref;
    domid_t dom;
    int16_t status;        /* OUT */
    grant_handle_t handle; /* OUT */
    uint64_t dev_bus_addr; /* OUT */
};

struct gnttab_unmap_grant_ref {
    uint64_t host_addr;
    uint64_t dev_bus_addr;
    grant_handle_t handle;
    int16_t status; /* OUT */
};

struct gnttab_setup_table {
    domid_t dom;
    uint32_t nr_frames;
    int16_t status;            /* OUT */
    xen_guest_va_t frame_list; /* array of xen_pfn_t, OUT */
};

struct gnttab_dump_table {
    domid_t dom;
    int16_t status; /* OUT */
};

struct gnttab_transfer {
    xen_pfn_t mfn;
    domid_t domid;
    grant_ref_t ref;
    int16_t status; /* OUT */
};

#define _GNTCOPY_source_gref 0
#define GNTCOPY_source_gref  (1u << _GNTCOPY_source_gref)
#define _GNTCOPY_dest_gref   1
#define GNTCOPY_dest_gref    (1u << _GNTCOPY_dest_gref)

struct gnttab_copy_ptr {
    union {
        grant_ref_t ref;
        xen_pfn_t gmfn;
    } u;
    domid_t domid;
    uint16_t offset; /* bytes; copies stay within one page */
};

struct gnttab_copy {
    struct gnttab_copy_ptr source;
    struct gnttab_copy_ptr dest;
    uint16_t len;   /* bytes */
    uint16_t flags; /* GNTCOPY_* */
    int16_t status; /* OUT */
};

struct gnttab_query_size {
    domid_t dom;
    uint32_t nr_frames;     /* OUT */
    uint32_t max_nr_frames; /* OUT */
    int16_t status;         /* OUT */
};

struct gnttab_unmap_and_replace {
    uint64_t host_addr;
    uint64_t new_addr; /* mapping that takes its place */
    grant_handle_t handle;
    int16_t status; /* OUT */
};

struct gnttab_set_version {
    uint32_t version; /* 1 or 2; OUT: in force */
};

struct gnttab_get_status_frames {
    uint32_t nr_frames;
    domid_t dom;
    int16_t status;            /* OUT */
    xen_guest_va_t frame_list; /* array of uint64_t, OUT */
};

struct gnttab_get_version {
    domid_t dom;
    uint16_t pad;
    uint32_t version; /* OUT */
};

struct gnttab_swap_grant_ref {
    grant_ref_t ref_a;
    grant_ref_t ref_b;
    int16_t status; /* OUT */
};

#define GNTTAB_CACHE_CLEAN       (1u << 0)
#define GNTTAB_CACHE_INVAL       (1u << 1)
#define GNTTAB_CACHE_SOURCE_GREF (1u << 31)

struct gnttab_cache_flush {
    union {
        uint64_t dev_bus_addr;
        grant_ref_t ref;
    } a;
    uint16_t offset;
    uint16_t length;
    uint32_t op; /* GNTTAB_CACHE_* */
};

/* Status of one element. */
#define GNTST_okay              0
#define GNTST_general_error     (-1)
#define GNTST_bad_domain        (-2)
#define GNTST_bad_gntref        (-3)
#define GNTST_bad_handle        (-4)
#define GNTST_bad_virt_addr     (-5)
#define GNTST_bad_dev_addr      (-6)
#define GNTST_no_device_space   (-7)
#define GNTST_permission_denied (-8)
#define GNTST_bad_page          (-9)
#define GNTST_bad_copy_arg      (-10)
#define GNTST_address_too_big   (-11)
#define GNTST_eagain            (-12)
#define GNTST_no_space          (-13)

#endif
